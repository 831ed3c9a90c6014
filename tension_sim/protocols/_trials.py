"""Recipes whose task comes in trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..recipes.protocol import Recipe
from ..tasks.trials import Trial, find

__all__ = ["TrialRecipe"]


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
        function = find(task["name"]).function
        settings = {key: value for key, value in task.items() if key != "name"}
        rng = np.random.default_rng([self.seed, 2])
        while True:
            yield function(self.dt, rng, **settings)
