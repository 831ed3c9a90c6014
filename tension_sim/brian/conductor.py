"""Start, progress and end of a compiled run, all given at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._base import GeneratedObject

__all__ = ["Conductor"]


class Conductor(GeneratedObject):
    """End the run after ``stop_step - 1``, and report steps done while it goes on.

    The network itself is generated with a practically endless duration, so that the
    number of steps is not compiled in.
    """

    def __init__(self, clock: Any, name: str = "conductor") -> None:
        super().__init__("tsim_conductor", clock=clock, when="end", order=1000, name=name)
        self.variables.add_constant("N", 1)
        self.variables.add_array("stop_step", size=1, scalar=True, dtype=np.int64, values=0)
        self._enable_group_attributes()
