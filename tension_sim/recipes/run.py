"""Run a recipe: forecast its cost, check it, and return its outcome."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from ..declare.checkpoint import Checkpoint, check_checkpoint
from ..errors import InvalidValueError, RunFailedError, message
from ..results.results import Results
from ..run.journal import journal
from ..run.rehearsal import rehearse
from ..run.simulation import Target, target_named
from ..run.stages import told_by
from ..run.watch.plan import current_plan
from ..system.memory import fits, total_memory
from ..system.progress import Progress, check_progress, progress_of
from .identity import identity_of_recipe
from .protocol import Forecast, Outcome, Verdict
from .provenance import provenance_of, words_of
from .recipe import Recipe
from .result_folder import check_folder, check_formats, result_files, save_outcome, usable_folder
from .verdict import judge, remarks

__all__ = [
    "check_folder",
    "check_formats",
    "check_run",
    "check_forecast",
    "enough_memory",
    "forecast",
    "remarks",
    "result_files",
    "run_outcome",
    "run_recipe",
    "save_outcome",
    "usable_folder",
]

_LIFE = 3e9  # seconds


def forecast(recipe: Recipe, target: str = "cpp_standalone") -> Forecast:
    """Forecast how much memory and time a run will take, without building anything.

    Raises
    ------
    InvalidValueError
        If sizes or times are too large to compute with.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> forecast(load_recipe("lif_sine")).seconds < 60
    True
    """
    try:
        return recipe.protocol.forecast_of(recipe, target)
    except OverflowError:
        what = "sizes and times whose cost is below 1e308"
        raise InvalidValueError(message(recipe.name, what, "larger ones", "choose smaller ones.")) from None


def check_forecast(
    recipe: Recipe, target: Target | None = None, force: bool = False, expected: Forecast | None = None
) -> Forecast:
    """Return the forecast; refuse a run that would not fit into memory, or would take decades.

    Nothing is drawn. `expected` is the forecast where it is known.

    Raises
    ------
    UnknownNameError
        If there is no such target.
    RunFailedError
        With the forecast, and how to run it anyway.
    """
    target_named("run.target", target)
    expected = expected or forecast(recipe, target or "cpp_standalone")
    if force:
        return expected
    enough_memory(expected.memory)
    if expected.seconds > _LIFE:
        raise RunFailedError(
            f"The run would take about {expected.seconds / 3.156e7:.3g} years.\n"
            "Fix: choose fewer or shorter trials, a larger dt, a smaller n, or add --force."
        )
    return expected


def check_run(
    recipe: Recipe, *, target: Target | None = None, force: bool = False, expected: Forecast | None = None
) -> Forecast:
    """Check all that a run checks before its program is built, by the run's own code.

    Parameters
    ----------
    recipe : Recipe
        From `load_recipe`.
    target : str, optional
        As for `Simulation`.
    force : bool
        Whether to go on where the forecast says that memory or time will not suffice.
    expected : Forecast, optional
        From `forecast`, where it is known already.

    Returns
    -------
    Forecast

    Raises
    ------
    TensionError
        Whatever `run_outcome` would raise before it builds.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> check_run(load_recipe("lif_sine"), target="numpy").steps
    300000
    """
    expected = check_forecast(recipe, target, force, expected)
    rehearse(recipe.protocol.run, recipe, target=target, progress=lambda done, steps: None)
    return expected


def run_outcome(
    recipe: Recipe,
    *,
    target: Target | None = None,
    progress: Progress = None,
    force: bool = False,
    expected: Forecast | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
) -> Outcome:
    """Run a recipe by its protocol, from the first step to the last.

    Parameters
    ----------
    recipe : Recipe
        From `load_recipe`.
    target : str, optional
        As for `Simulation`.
    progress : bool or callable, optional
        True shows a bar, in a notebook too. A function is called as ``progress(steps_done, steps)``.
    force : bool
        Whether to run where the forecast says that memory or time will not suffice.
    expected : Forecast, optional
        From `forecast`, where it is known already.
    checkpoint : Checkpoint or path of a folder, optional
        Where the state is written while the recipe runs, and what it goes on from after a kill.

    Returns
    -------
    Outcome
        ``results``, ``numbers``, ``verdict`` (whether these are as the recipe expects) and ``figure``. After
        Ctrl-C, or when a notebook's kernel is interrupted, of what was reached; ``results.interrupted`` is
        True then.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> small = {"n": "20", "duration": "2*ms"}
    >>> run_outcome(load_recipe("lif_sine", small), target="numpy").results.n_steps
    40
    """
    check_progress("run.progress", progress)
    check_forecast(recipe, target, force, expected)
    checkpoint = check_checkpoint("run.checkpoint", checkpoint)
    with (
        progress_of("run.progress", progress, recipe.name) as report,
        told_by(report),
        journal("run.checkpoint", checkpoint, lambda: identity_of_recipe(recipe, target)),
    ):
        plan = current_plan()
        if plan is not None:
            plan.about = partial(_told, recipe)
        outcome = recipe.protocol.outcome_of(recipe, target, report)
        if progress is True and not outcome.results.interrupted:
            report(1, 1)  # a run may end before its forecast
    told = outcome.results.provenance
    verdict = judge(recipe, outcome.numbers, bool(told.get("interrupted")), told.get("stopped"))
    about = provenance_of(recipe, outcome.numbers, verdict)
    about["repeat"] += words_of(told, plan)
    results = replace(outcome.results, provenance=outcome.results.provenance | about)
    return replace(outcome, results=results, verdict=verdict)


def _told(recipe: Recipe, results: Results) -> Results:
    """Add to the results of a run that goes on what the recipe knows of them."""
    about = provenance_of(recipe, {}, Verdict(None, "not compared: the run went on from here"))
    return replace(results, provenance=results.provenance | about)


def run_recipe(
    recipe: Recipe,
    *,
    target: Target | None = None,
    progress: Progress = None,
    force: bool = False,
    checkpoint: Checkpoint | str | Path | None = None,
) -> Results:
    """Return the results of `run_outcome` alone.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> small = {"n": "20", "duration": "2*ms"}
    >>> run_recipe(load_recipe("lif_sine", small), target="numpy").n_steps
    40
    """
    return run_outcome(recipe, target=target, progress=progress, force=force, checkpoint=checkpoint).results


def enough_memory(needed: int) -> None:
    """Refuse a run that would not fit into this machine's memory.

    Raises
    ------
    RunFailedError
        With the forecast, and how to run it anyway.
    """
    if not fits(needed):
        raise RunFailedError(
            f"The run needs about {needed / 1e9:.1f} GB of memory, this machine has {total_memory() / 1e9:.1f} GB.\n"
            "Fix: record less (the settings record.*, as in --set every=10), choose a smaller n, or add --force."
        )
