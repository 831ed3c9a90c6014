"""FORCE learning of spiking and rate networks: Brian2 equations, generated C++ and CUDA, Neo results.

The public names stand in ``__init__.pyi``, where type checkers read them too; each is loaded when it
is first used, and nothing here imports an engine.
"""

import lazy_loader

from ._keras_names import announce as _announce
from ._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *(name for name in __all__ if name != "errors")]

_announce()
