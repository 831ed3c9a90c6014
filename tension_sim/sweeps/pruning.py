"""What a worker does with a trial of a study: it reports the learning curve, and gives up a hopeless run."""

from __future__ import annotations

import math
from typing import Any

from ..errors import OutputError, message
from ..recipes.protocol import Outcome
from ..recipes.recipe import Recipe
from ..run.simulation import Target
from .extra import load
from .parts import PrunedError, run_in_parts
from .quietly import quiet

__all__ = ["STUDY", "open_study", "watched_outcome"]

#: Name of the study's file in the folder of a sweep, and of the study in it.
STUDY = "study.journal"
_NAME = "tension-sim"

#: Trials of which none is given up, so that there is something to compare with.
_STARTUP = 5


def open_study(path: str, seed: int = 0) -> Any:
    """Open or make the study of a file: an append-only one, which survives kills and many writers.

    Raises
    ------
    OutputError
        If the file is no study.
    """
    optuna = load("optuna", "tune")
    journal = load("optuna.storages.journal", "tune")
    with quiet("optuna"):
        try:
            return optuna.create_study(
                storage=optuna.storages.JournalStorage(journal.JournalFileBackend(path)),
                study_name=_NAME, direction="minimize", load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP),
            )  # fmt: skip
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # a line that a hand or a disk has changed
            fix = "put the file back, or choose another folder."
            raise OutputError(message("tune.out", "the study of a search", path, fix)) from error


def watched_outcome(recipe: Recipe, target: Target | None, path: str, number: int) -> Outcome:
    """Run a trial of a study.

    Raises
    ------
    PrunedError
        If its learning curve is above the median of the finished trials' at the same time.
    """
    optuna = load("optuna", "tune")
    study = open_study(path)
    with quiet("optuna"):
        trial = optuna.Trial(study, study.trials[number]._trial_id)

    def watch(second: int, error: float) -> None:
        with quiet("optuna"):
            trial.report(error if math.isfinite(error) else math.inf, second)
            if trial.should_prune():
                raise PrunedError(f"Given up after {second} s: its error then, {error:.3g}, was above the median.")

    return run_in_parts(recipe, target, watch)
