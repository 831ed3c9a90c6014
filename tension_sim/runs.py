"""Run a recipe and leave its figure, numbers and Neo file in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import OutputError, RunFailedError, message
from .recipes import Recipe
from .results import Results
from .simulation import Simulation
from .structure import Record

__all__ = ["Forecast", "forecast", "prepare", "run_recipe", "save_results", "usable_folder"]

# Nanoseconds on one core, measured on the published networks: a neuron's step, a synaptic
# event, and a number of the packed P in one update. Good to a factor of two.
_COST = {"cpp_standalone": (8.0, 2.0, 0.4), "cython": (60.0, 5.0, 0.6), "numpy": (150.0, 30.0, 2.0)}
_OVERHEAD = {"cpp_standalone": 1e3, "cython": 60e3, "numpy": 100e3}
_RATE = 30.0


@dataclass(frozen=True)
class Forecast:
    """Memory in bytes and time in seconds that a run will take, roughly."""

    memory: int
    seconds: float


def forecast(recipe: Recipe, target: str = "cpp_standalone") -> Forecast:
    """Say how much memory and time a run will take, without building anything.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> forecast(load_recipe("lif_sine")).seconds < 60
    True
    """
    known = target if target in _COST else "cpp_standalone"
    neuron, synapse, element = _COST[known]
    network = recipe.values["network"]
    n, steps = network["n"], recipe.n_steps
    rate = max(recipe.expected.get("firing_rate", (_RATE,)))
    events = rate * recipe.duration * n * network["p"] * n
    updates = 0.0
    rule = recipe.learning()
    if rule is not None:
        start, stop = (min(step, steps) for step in recipe.learning_steps)
        updates = (stop - start) / rule.update_every * rule.probability
    nanoseconds = steps * (_OVERHEAD[known] + neuron * n) + events * synapse + updates * element * n * (n + 1)
    return Forecast(recipe.forecast().total, nanoseconds * 1e-9)


def prepare(recipe: Recipe, target: str | None = None) -> Simulation:
    """Draw the recipe's network and return its simulation; nothing is compiled yet."""
    record = recipe.record
    watched = tuple(range(min(record["variables_of"], recipe.values["network"]["n"])))
    return Simulation(
        recipe.network(),
        target=target,
        record=Record(
            every=record["every"],
            spikes_of=record["spikes_of"],
            variables={name: watched for name in record["variables"] if watched},
        ),
        name=recipe.name,
    )


def run_recipe(
    recipe: Recipe,
    *,
    target: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    simulation: Simulation | None = None,
) -> Results:
    """Run a recipe from its first step to its last.

    Parameters
    ----------
    recipe : Recipe
        From `load_recipe`.
    target : str, optional
        As for `Simulation`.
    progress : callable, optional
        Called as ``progress(steps_done, steps)``.
    simulation : Simulation, optional
        What `prepare` gave, if it was called already.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> small = {"n": "20", "duration": "2*ms"}
    >>> run_recipe(load_recipe("lif_sine", small), target="numpy").n_steps
    40
    """
    simulation = prepare(recipe, target) if simulation is None else simulation
    results = simulation.run(recipe.task(), phases=recipe.phases(), progress=progress)
    provenance = {
        "recipe": recipe.name,
        "publication": recipe.source,
        "script": recipe.script,
        "settings": json.dumps(recipe.settings, default=str),
    }
    return replace(results, provenance=results.provenance | provenance)


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


def save_results(results: Results, folder: Path, expected: Any = None) -> dict[str, Any]:
    """Write ``results.nix``, ``summary.json`` and ``figure.png``, each whole or not at all.

    Parameters
    ----------
    results : Results
        The run.
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

    numbers = summary(results) | {"expected": jsonable(dict(expected or {}))}
    write_nix(results, folder / "results.nix")
    save_figure(figure_run(results), folder / "figure.png")
    write_whole("run.out", folder / "summary.json", json.dumps(numbers, indent=2).encode())
    return numbers


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
            "Fix: record less (--set spikes_of=..., --set every=...), choose a smaller n, or add --force."
        )
