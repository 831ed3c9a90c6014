"""Arguments in time steps or in seconds; times are converted when a run starts, because dt may change before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2.units.allunits import second
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

from ..declare.validation import check_steps
from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message
from .dimensions import numbers_with_unit

__all__ = ["StepCount", "check_window", "StepsOrTime"]


#: ``2 * ms`` is a Quantity, which is an array.
StepsOrTime = int | np.ndarray


@dataclass(frozen=True)
class StepCount:
    """A number of time steps, given as such or as a time.

    Attributes
    ----------
    where : str
        Class and argument, for messages.
    value : int or Quantity
        What the user gave.
    minimum : int
        The smallest number of steps.
    fix : str
        The last line of the message for a number below `minimum`.

    Examples
    --------
    >>> from brian2 import ms
    >>> StepCount("RLS.update_every", 1*ms, 1).steps(0.1*ms)
    10
    """

    where: str
    value: Any
    minimum: int = 0
    fix: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.value, bool | np.number) or type(self.value) is int:
            check_steps(self.where, self.value, self.minimum, self.fix)
            return
        number, dim = numbers_with_unit(self.where, self.value, "time steps, or a time")
        if number.ndim:
            raise InvalidTypeError(
                message(self.where, "time steps, or a time", self.value, "pass one number, or one time in seconds.")
            )
        if dim is DIMENSIONLESS:
            check_steps(self.where, self.value, self.minimum, self.fix)
            return
        if dim is not second.dim:
            raise UnitsError(
                message(self.where, "time steps, or a time", repr(self.value), "give it in seconds or as a number.")
            )
        object.__setattr__(self, "value", float(number) * second)
        if not 0 <= float(self.value) < np.inf or (self.minimum and float(self.value) == 0):
            check_steps(self.where, float(self.value), self.minimum, self.fix)

    def replaced(self, value: Any) -> StepCount:
        """Return the same argument with another value; steps that are too few are left to the next run's check."""
        try:
            return replace(self, value=value)
        except InvalidValueError:
            if isinstance(value, Quantity):
                raise
            return replace(self, value=self.minimum)

    @property
    def is_time(self) -> bool:
        """Whether the number of steps depends on dt."""
        return isinstance(self.value, Quantity) and self.value.dim is not DIMENSIONLESS

    def steps(self, dt: Quantity) -> int:
        """Return the number of steps of length `dt`; a time that is no multiple of it is refused."""
        if not self.is_time:
            return int(self.value)
        steps = float(self.value) / float(dt)
        if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
            raise InvalidValueError(
                message(self.where, f"a multiple of the time step {dt}", repr(self.value), "round it to whole steps.")
            )
        return check_steps(self.where, round(steps), self.minimum, self.fix)

    def nearest(self, dt: Quantity) -> int:
        """Return a number of steps to show before a run says what dt is."""
        return max(round(float(self.value) / float(dt)), self.minimum) if self.is_time else int(self.value)


def check_window(where: str, start: StepCount, stop: StepCount, dt: Quantity | None = None) -> None:
    """Refuse a window that ends before it starts; of steps and times mixed only once `dt` is known."""
    if dt is None and start.is_time != stop.is_time:
        return
    first, last = (float(c.value) if dt is None else c.steps(dt) for c in (start, stop))
    if last < first:
        unit = "s" if dt is None and start.is_time else "steps"
        shown = f"start={first:g}, stop={last:g} ({unit})"
        raise InvalidValueError(message(where, "stop at or after start", shown, "exchange them."))
