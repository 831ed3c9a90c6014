"""Recipes whose task comes in trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..recipes.protocol import Recipe
from ..recipes.settings import Key
from ..tasks.trials import Trial, find

__all__ = ["TrialRecipe", "adapt_trial_task", "trial_settings"]


def trial_settings(raw: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys of [task] that belong to its task."""
    return {key: Key(setting) for key, setting in find(raw["task"]["name"]).settings.items()}


def adapt_trial_task(raw: dict[str, Any], kind: str, old: str | None) -> None:
    """Keep the settings of [task] that a new task knows."""
    known = trial_settings(raw)
    raw["task"] = {key: value for key, value in raw["task"].items() if key == "name" or key in known}


@dataclass(frozen=True, eq=False, repr=False)
class TrialRecipe(Recipe):
    """A recipe whose task comes in trials, which are drawn one after the other from its seed."""

    @property
    def n_trials(self) -> int:
        """Number of trials of a run."""
        raise NotImplementedError

    def trials(self) -> Iterator[Trial]:
        """Yield the trials of a run, in order, from the recipe's seed."""
        return islice(self.endless(), self.n_trials)

    def endless(self) -> Iterator[Trial]:
        """Yield these trials, and then further ones."""
        task = self.values["task"]
        found = find(task["name"])
        settings = {key: value for key, value in task.items() if key != "name"}
        rng = np.random.default_rng([self.seed, 2])
        while True:
            yield found.draw(self.dt, rng, settings)
