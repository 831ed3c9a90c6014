"""A rehearsal: all that a run does before its program is built, by the run's own code."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

__all__ = ["Rehearsed", "rehearse", "rehearsing"]

_REHEARSING: ContextVar[bool] = ContextVar("rehearsing", default=False)


class Rehearsed(Exception):  # noqa: N818 - no error: all was well
    """Raised where a program would be built: everything before was checked."""


def rehearsing() -> bool:
    """Whether a run stops where its program would be built."""
    return _REHEARSING.get()


def rehearse(run: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Call a function that runs simulations; the first of them ends it, just before anything is compiled.

    What the function refuses, it refuses here too: there is no second list of checks.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Simulation
    >>> simulation = Simulation(ForceNetwork.random("lif", n=5), target="numpy")
    >>> rehearse(simulation.run, np.zeros((10, 2)))
    Traceback (most recent call last):
    tension_sim.errors.InvalidValueError: Simulation.run.y: expected shape (timesteps, 1).
    Received: (10, 2)
    """
    token = _REHEARSING.set(True)
    try:
        run(*arguments, **options)
    except Rehearsed:
        pass
    finally:
        _REHEARSING.reset(token)
