"""Rate networks and full-FORCE, under their published names."""

from .keras_style.layers.echo_state import EchoStateNetwork, NoFeedbackESN
from .keras_style.layers.target_network import TargetGeneratingNetwork
from .keras_style.models.full_force import FullFORCEModel
from .keras_style.models.optimized import OptimizedFORCEModel

__all__ = ["EchoStateNetwork", "FullFORCEModel", "NoFeedbackESN", "OptimizedFORCEModel", "TargetGeneratingNetwork"]
