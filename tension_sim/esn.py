"""Ridge regression of the readout, in batches of time steps."""

from .keras_style.models.ridge import ESNFORCEModel

__all__ = ["ESNFORCEModel"]
