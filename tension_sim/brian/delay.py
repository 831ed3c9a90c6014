"""When what a spike sends through a `SpikeMap` arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..declare.delays import MOST_STEPS, delays_by_source, seconds_of, steps_of
from ..declare.kernels import SparseKernel
from ..declare.validation import check_steps
from ..errors import InvalidValueError, message

__all__ = ["Delay", "Steps"]


@dataclass(frozen=True, eq=False)
class Delay:
    """A delay of all weights of a `SpikeMap`, or one for each.

    Attributes
    ----------
    times : time, or array of times
        One, or one for each weight of the kernel, in its order; multiples of the time step. As in
        Brian2, a spike with a delay of 0 arrives in its own step.

    Examples
    --------
    >>> from brian2 import ms
    >>> Delay(1.5*ms).longest(1e-4)
    15
    """

    times: Any

    def __post_init__(self) -> None:
        times = seconds_of("SpikeMap.delay", self.times)
        if times.ndim > 1:
            raise InvalidValueError(message("SpikeMap.delay", "one time, or one for each weight", times.shape))
        object.__setattr__(self, "times", times)

    @property
    def each(self) -> bool:
        """Whether each weight has its own."""
        return bool(self.times.ndim)

    @property
    def is_time(self) -> bool:
        """Whether it is known as a time, and not only how long it may be."""
        return True

    def longest(self, dt: float) -> int:
        """Return the longest delay in steps of length `dt`."""
        return int(steps_of("SpikeMap.delay", self.times, dt).max(initial=0))

    def of(self, kernel: SparseKernel, dt: float) -> np.ndarray:
        """Return the steps of each weight, in the order of the map."""
        return delays_by_source("SpikeMap.delay", kernel, steps_of("SpikeMap.delay", self.times, dt))


@dataclass(frozen=True, eq=False)
class Steps(Delay):
    """In place of a `Delay`: only how long it may be; the delays themselves come with each run.

    Attributes
    ----------
    times : int
        The longest delay in time steps.
    several : bool
        Whether each weight has its own.
    """

    several: bool = False

    def __post_init__(self) -> None:
        steps = check_steps("SpikeMap.delay", self.times, 0)
        if steps > MOST_STEPS:
            raise InvalidValueError(message("SpikeMap.delay", f"at most {MOST_STEPS} time steps", steps))

    @property
    def each(self) -> bool:
        return self.several

    @property
    def is_time(self) -> bool:
        return False

    def longest(self, dt: float) -> int:
        return int(self.times)

    def of(self, kernel: SparseKernel, dt: float) -> np.ndarray:
        return np.full(len(kernel.outgoing()[2]), self.times, np.int32)
