from .linear_map import LinearMap
from .python_rule import PythonRule
from .recorder import Recorder
from .rls import RLS
from .signal import Signal
