"""Brian2 objects that learn: use them in any Network, next to groups, synapses and monitors."""

from . import _brian2  # noqa: F401  (first: it loads Brian2)
from .continuation import continue_run
from .linear_map import Blank, LinearMap
from .python_rule import PythonRule
from .recorder import Recorder
from .rls import RLS
from .signal import Signal
from .spike_map import SpikeMap
from .training import Trainer

__all__ = ["RLS", "Blank", "LinearMap", "PythonRule", "Recorder", "Signal", "SpikeMap", "Trainer", "continue_run"]
