"""The parts of a run: before learning, learning, and the test without learning. Their names are defined here only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..declare.validation import check_steps, check_text
from ..errors import InvalidValueError, message

__all__ = ["BEFORE", "LEARNING", "TEST", "Phase", "clipped", "joint_schedule", "phases_of"]

BEFORE, LEARNING, TEST = "before", "learning", "test"


@dataclass(frozen=True)
class Phase:
    """A named part of a run: the steps ``start <= k < stop``.

    Parameters
    ----------
    name : str
        Usually ``"before"``, ``"learning"`` or ``"test"``: before learning, while weights learn, and without
        learning, whether after it or in a run of its own.
    start, stop : int
        First step, and the step after the last one (0-based).
    """

    name: str
    start: int
    stop: int

    def __post_init__(self) -> None:
        check_text("Phase.name", self.name)
        for bound in ("start", "stop"):
            check_steps(f"Phase.{bound}", getattr(self, bound), 0)
        if not 0 <= self.start <= self.stop:
            raise InvalidValueError(
                message("Phase.stop", f"0 <= start <= stop for {self.name!r}", (self.start, self.stop))
            )


def joint_schedule(schedules: Iterable[tuple[int, int | None]]) -> tuple[int, int | None] | None:
    """Return the first step of whatever learns first, and the step after the last of what learns longest.

    Parameters
    ----------
    schedules : iterable of (int, int or None)
        Of each rule the first step, and the step after the last one; None: it goes on to the end.

    Returns
    -------
    (int, int or None) or None
        None where no rule has a step.

    Examples
    --------
    >>> joint_schedule([(10, 30), (20, 50), (0, 0)]), joint_schedule([(10, 30), (20, None)]), joint_schedule([(0, 0)])
    ((10, 50), (10, None), None)
    """
    found = [(start, stop) for start, stop in schedules if stop is None or start < stop]
    if not found:
        return None
    stops = [stop for _, stop in found if stop is not None]
    return min(start for start, _ in found), max(stops) if len(stops) == len(found) else None


def phases_of(schedule: tuple[int, int | None] | None, start: int, end: int) -> tuple[Phase, ...]:
    """Return the phases of the steps ``start <= k < end``; those without a step are left out.

    Parameters
    ----------
    schedule : (int, int or None) or None
        First step of learning and the step after its last one (None: it goes on to the end). None where
        nothing learns, which is a test.
    start, end : int
        First step of the run, and the step after the last one.

    Examples
    --------
    >>> [(phase.name, phase.start, phase.stop) for phase in phases_of((10, 30), 0, 50)]
    [('before', 0, 10), ('learning', 10, 30), ('test', 30, 50)]
    >>> [phase.name for phase in phases_of(None, 0, 50)]
    ['test']
    """
    first, stop = (start, start) if schedule is None else schedule
    first = max(first, 0)
    stop = max(first, end if stop is None else stop)
    borders = (Phase(BEFORE, 0, first), Phase(LEARNING, first, stop), Phase(TEST, stop, max(stop, end)))
    return clipped(borders, start, end)


def clipped(phases: Iterable[Phase], start: int, end: int) -> tuple[Phase, ...]:
    """Cut phases to the steps of a run, and leave out those that have none."""
    bounds = [(phase.name, max(phase.start, start), min(phase.stop, end)) for phase in phases]
    return tuple(Phase(*bound) for bound in bounds if bound[1] < bound[2])
