"""Rate networks constrained by data: BioFORCE, under the published names."""

from .keras_style.layers.constrained import ConstrainedNoFeedbackESN
from .keras_style.models.bioforce import BioFORCEModel

__all__ = ["BioFORCEModel", "ConstrainedNoFeedbackESN"]
