"""Run a recipe and leave its figure, numbers and Neo file in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import OutputError, RunFailedError, message
from .protocols import Forecast, Outcome
from .recipes import Recipe
from .results import Results

__all__ = ["enough_memory", "forecast", "run_outcome", "run_recipe", "save_outcome", "usable_folder"]


def forecast(recipe: Recipe, target: str = "cpp_standalone") -> Forecast:
    """Say how much memory and time a run will take, without building anything.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> forecast(load_recipe("lif_sine")).seconds < 60
    True
    """
    return recipe.protocol.forecast(recipe, target)


def run_outcome(
    recipe: Recipe, *, target: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Do with a recipe what its protocol says, from the first step to the last.

    Parameters
    ----------
    recipe : Recipe
        From `load_recipe`.
    target : str, optional
        As for `Simulation`.
    progress : callable, optional
        Called as ``progress(steps_done, steps)``.

    Returns
    -------
    Outcome
        ``results``, ``numbers`` (what the recipe's ``expected`` is compared with) and ``figure``.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> small = {"n": "20", "duration": "2*ms"}
    >>> run_outcome(load_recipe("lif_sine", small), target="numpy").results.n_steps
    40
    """
    outcome = recipe.protocol.run(recipe, target=target, progress=progress)
    provenance = {
        "recipe": recipe.name,
        "protocol": recipe.protocol.name,
        "publication": recipe.source,
        "script": recipe.script,
        "settings": json.dumps(recipe.settings, default=str),
    }
    results = replace(outcome.results, provenance=outcome.results.provenance | provenance)
    return replace(outcome, results=results)


def run_recipe(
    recipe: Recipe, *, target: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Results:
    """Return the results of `run_outcome` alone.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> small = {"n": "20", "duration": "2*ms"}
    >>> run_recipe(load_recipe("lif_sine", small), target="numpy").n_steps
    40
    """
    return run_outcome(recipe, target=target, progress=progress).results


def usable_folder(path: str | Path) -> Path:
    """Create a folder for results and make sure that files can be written into it.

    Raises
    ------
    OutputError
        Before anything is built or run.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            message("run.out", "a folder that can be created", str(path), f"{error.strerror}: choose another.")
        ) from error
    probe = folder / ".tension_sim_probe"
    try:
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        raise OutputError(
            message(
                "run.out", "a folder that can be written", str(path), f"{os.strerror(error.errno)}: choose another."
            )
        ) from error
    return folder


def save_outcome(outcome: Outcome, folder: Path, expected: Any = None) -> dict[str, Any]:
    """Write ``results.nix``, ``summary.json`` and ``figure.png``, each whole or not at all.

    Parameters
    ----------
    outcome : Outcome
        Of the run.
    folder : Path
        An existing folder; files of these names are replaced.
    expected : mapping, optional
        What the recipe expects; goes into the summary.

    Returns
    -------
    dict
        The summary.
    """
    from .analysis import jsonable, summary
    from .export import write_nix
    from .files import write_whole
    from .plotting import figure_run, save_figure

    results = outcome.results
    compared = {"numbers": dict(outcome.numbers), "expected": dict(expected or {})}
    found = summary(results) | jsonable(compared)
    write_nix(results, folder / "results.nix")
    save_figure(figure_run(results) if outcome.figure is None else outcome.figure(), folder / "figure.png")
    write_whole("run.out", folder / "summary.json", json.dumps(found, indent=2).encode())
    return found


def enough_memory(needed: int) -> None:
    """Refuse a run that would not fit into this machine's memory.

    Raises
    ------
    RunFailedError
        With the forecast, and how to go on all the same.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return
    if needed > 0.9 * total:
        raise RunFailedError(
            f"The run needs about {needed / 1e9:.1f} GB of memory, this machine has {total / 1e9:.1f} GB.\n"
            "Fix: record less (the settings record.*, as in --set every=10), choose a smaller n, or add --force."
        )
