"""Brian2 objects that learn: use them in any Network, next to groups, synapses and monitors."""

from . import _brian2  # noqa: F401  (first: it loads Brian2)
from .continuation import continue_run
from .cuda_device import set_cuda_device
from .linear_map import Blank, LinearMap
from .python_rule import PythonRule
from .recorder import Recorder
from .rls import RLS
from .signal import Signal
from .spike_map import SpikeMap
from .spike_order import SpikeOrder
from .training import Trainer

__all__ = [
    "RLS",
    "Blank",
    "LinearMap",
    "PythonRule",
    "Recorder",
    "Signal",
    "SpikeMap",
    "SpikeOrder",
    "Trainer",
    "continue_run",
    "set_cuda_device",
]
