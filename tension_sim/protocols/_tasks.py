"""The [task] section of protocols that learn one of the supervisors of `tension_sim.tasks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..recipes.protocol import Further
from ..recipes.settings import REQUIRED, Key, section
from ..tasks import Task, make_task, task_settings, task_shape

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe
    from ..results.results import Results

__all__ = ["adapt_task", "draw_task", "further_task", "shape", "task_section"]


def task_section(raw: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys of [task]: its name, and the settings of that supervisor."""
    known = {key: Key(setting) for key, setting in task_settings(raw["task"]["name"]).items()}
    return section(("name", "text", REQUIRED, None)) | known


def adapt_task(raw: dict[str, Any], old: str | None) -> None:
    """Keep the settings of [task] that a new supervisor shares with the old one."""
    new, before = task_settings(raw["task"]["name"]), task_settings(str(old))
    raw["task"] = {
        key: value
        for key, value in raw["task"].items()
        if key == "name" or (key in new and key in before and new[key].unit == before[key].unit)
    }


def _settings(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.values["task"].items() if key != "name"}


def shape(recipe: Recipe, n_steps: int) -> tuple[int, int, int]:
    """Return the rows (steps, or those of one period), outputs and inputs of the task."""
    return task_shape(recipe.values["task"]["name"], n_steps, recipe.dt, _settings(recipe))


def draw_task(recipe: Recipe, n_steps: int) -> Task:
    """Compute target and input of so many steps; noise is drawn from the recipe's seed."""
    rng = np.random.default_rng([recipe.seed, 2])
    return make_task(recipe.values["task"]["name"], n_steps, recipe.dt, rng, **_settings(recipe))


def further_task(
    recipe: Recipe, results: Results, steps: int, make: Callable[[Recipe, int], Task] | None = None
) -> Iterator[Further]:
    """Yield the task of the steps after a run, which `make` returns for a recipe and so many steps from the first.

    The target is left out where the supervisor of a longer run is another one from its first step on, as that
    of an oscillator which settles as long as it is played.
    """
    task = (make or draw_task)(recipe, results.stop_step + steps)

    def rows(samples: np.ndarray, at: np.ndarray) -> np.ndarray:
        return samples[np.minimum(at, len(samples) - 1) if task.period is None else at % task.period]

    known = results.first_row_step + results.record_every * np.arange(len(results.output))
    same = results.target is not None and task.n_outputs and np.array_equal(rows(task.target, known), results.target)
    later = np.arange(results.stop_step, results.stop_step + steps)
    inputs, rates = (None if each is None else rows(each, later) for each in (task.inputs, task.rates))
    yield Further(steps, rows(task.target, later) if same else None, inputs, rates)
