"""What comes after the trials of a run: further trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ..recipes.protocol import Further
from ..tasks.trials import Trial

__all__ = ["further_trials"]


def further_trials(
    trials: Iterable[Trial], done: int, inputs: Callable[[Trial], np.ndarray] = lambda trial: trial.inputs
) -> Iterator[Further]:
    """Yield trials from step `done` on, the first from where the run stood in it.

    Examples
    --------
    >>> y = np.zeros((3, 1))
    >>> trials = [Trial(y, y, y[:, :0])] * 3
    >>> [part.steps for part in further_trials(trials, 4)]
    [2, 3]
    """
    for trial in trials:
        left = len(trial) - done
        if left > 0:
            yield Further(left, trial.target[-left:], inputs(trial)[-left:])
        done = max(-left, 0)
