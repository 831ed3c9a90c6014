"""The phases of a run: parts with a name, of which those without a step are left out."""

from __future__ import annotations

from collections.abc import Iterable

from .results import Phase

__all__ = ["clipped", "learning_phases", "phases"]


def phases(*bounds: tuple[str, int, int]) -> tuple[Phase, ...]:
    """Return the phases that have steps, each from its name, first step, and the step after its last one.

    Examples
    --------
    >>> [phase.name for phase in phases(("learning", 0, 5), ("after", 5, 5))]
    ['learning']
    """
    return tuple(Phase(*bound) for bound in bounds if bound[1] < bound[2])


def learning_phases(start: int, end: int, learn_start: int, learn_stop: int | None) -> tuple[Phase, ...]:
    """Return the phases before, during and after learning of a run over the steps ``start <= k < end``.

    Parameters
    ----------
    learn_start, learn_stop : int
        Learning falls on the steps ``learn_start <= k < learn_stop``; None: it does not stop.

    Examples
    --------
    >>> [(phase.name, phase.start, phase.stop) for phase in learning_phases(10, 50, 20, None)]
    [('before', 10, 20), ('learning', 20, 50)]
    """
    first = min(max(learn_start, start), end)
    last = end if learn_stop is None else min(max(learn_stop, first), end)
    return phases(("before", start, first), ("learning", first, last), ("after", last, end))


def clipped(given: Iterable[Phase], start: int, end: int) -> tuple[Phase, ...]:
    """Cut phases to the steps of a run."""
    return phases(*((phase.name, max(phase.start, start), min(phase.stop, end)) for phase in given))
