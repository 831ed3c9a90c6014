"""FORCELayer and FORCEModel: the base classes of all Keras-style networks.

Names are those of the published package `tension` (doi:10.1371/journal.pcbi.1010722).
"""

from .keras_style.layers.force_layer import FORCELayer
from .keras_style.models.force_model import FORCEModel

__all__ = ["FORCELayer", "FORCEModel"]
