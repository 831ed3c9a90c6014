from .linear_map import LinearMap
from .recorder import Recorder
from .rls import RLS
from .signal import Signal
