"""Brian2 objects that learn: use them in any Network, next to groups, synapses and monitors."""

from .linear_map import LinearMap
from .python_rule import PythonRule
from .recorder import Recorder
from .rls import RLS
from .signal import Signal

__all__ = ["RLS", "LinearMap", "PythonRule", "Recorder", "Signal"]
