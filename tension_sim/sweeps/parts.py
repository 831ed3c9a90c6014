"""A recipe's run in parts: after each second of network its error is told, and the run may be given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..recipes.protocol import Outcome
from ..recipes.recipe import Recipe
from ..recipes.run import run_outcome
from ..results.joined import joined
from ..results.measures import windowed_rmse
from ..results.results import Results
from ..run.simulation import Target

__all__ = ["PART", "PrunedError", "can_be_watched", "run_in_parts"]

#: Length of a part in seconds of network.
PART = 1.0


class PrunedError(Exception):
    """A run was given up: what it showed so far is worse than what others showed."""


def can_be_watched(recipe: Recipe) -> bool:
    """Say whether a run of the recipe can be made in parts; the others run as a whole."""
    return recipe.protocol.measure is not None and all(
        hasattr(recipe, name) for name in ("simulation", "task", "phases")
    )


def run_in_parts(recipe: Any, target: Target | None, watch: Callable[[int, float], None]) -> Outcome:
    """Run a recipe as `run_outcome` does, with the same bits, and tell how it goes.

    Parameters
    ----------
    recipe : Recipe
        One that `can_be_watched`.
    target : str, optional
        As for `Simulation`.
    watch : callable
        Called as ``watch(second, error)`` after each whole second of network from the first update on, with the error
        (RMSE) of that second at its best lag; what it raises ends the run.
    """
    if not can_be_watched(recipe):
        return run_outcome(recipe, target=target)
    simulation, task, phases = recipe.simulation(target), recipe.task(), recipe.phases()
    part, steps = max(recipe.steps(PART), 1), recipe.n_steps
    learning = recipe.learning_steps
    first = learning[0] if learning is not None else 0
    whole: Results | None = None
    for begin in range(0, steps, part):
        state = None if whole is None else whole.state
        found = simulation.run(task, steps=min(part, steps - begin), state=state, phases=phases)
        unnamed = replace(found, phases=())  # a phase may lie in several parts
        whole = unnamed if whole is None else joined(whole, unnamed)
        if found.provenance.get("interrupted"):
            raise KeyboardInterrupt
        end = begin + found.n_steps
        if begin >= first and end < steps and found.target is not None and len(found.output):
            watch(end // part, windowed_rmse(found.output, found.target, found.dt * found.record_every))
    if whole is None:
        return run_outcome(recipe, target=target)
    whole = replace(whole, phases=phases)
    numbers: Mapping[str, float] = recipe.protocol.measure(whole)
    return Outcome(whole, numbers)
