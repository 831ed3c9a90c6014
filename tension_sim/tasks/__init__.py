"""Supervisors: what a network is to learn, as functions of time.

Every module of this folder registers its functions by a decorator; adding a supervisor is adding one
function. Sample k belongs to the end of step k, t = dt (k + 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np

from ..declare.validation import check_choice, check_positive, check_whole
from ..errors import InvalidTypeError, InvalidValueError, message
from ..system.memory import check_memory
from . import registry
from .clock import clock_period, clock_signal
from .registry import MOST_STEPS, Grid, Registered, Setting
from .task import Task
from .trials import TrialTask

__all__ = [
    "Task",
    "list_tasks",
    "list_trial_tasks",
    "load_tasks",
    "make_task",
    "task_settings",
    "task_shape",
    "task_summary",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

_COPIES = 4  # of the samples, while they are computed

#: Settings that every supervisor takes besides its own.
_COMMON = {
    setting.name: setting
    for setting in (
        Setting("noise", "1", 0.0),
        Setting("noise_kind", "text", "normal"),
        Setting("input_slots", "whole", 0),
        Setting("input_length", "second", 0.0),
    )
}


def list_tasks() -> list[str]:
    """Return the names of all supervisors."""
    return registry.names()


def list_trial_tasks() -> list[str]:
    """Return the names of all tasks that come in trials.

    Examples
    --------
    >>> "ready_set_go" in list_trial_tasks()
    True
    """
    return registry.names(TrialTask)


def load_tasks(folder: str | Path) -> list[str]:
    """Import the modules of a folder of your own, which register supervisors; return the names of the modules.

    Their Python code is run: name only folders that you trust.

    Raises
    ------
    InvalidValueError
        If there is no such folder, a module cannot be imported, or a name is taken.
    """
    found = registry.SUPERVISORS.modules(folder)
    for name in found:
        registry.SUPERVISORS.load(name, folder)
    return found


def task_summary(name: str) -> str:
    """Return one line on a supervisor, or on a task that comes in trials."""
    return registry.find(name, Registered).summary


def task_settings(name: str) -> Mapping[str, Setting]:
    """Return the settings of a supervisor, its own first, then those that all take.

    Raises
    ------
    UnknownNameError
        If there is no such supervisor.

    Examples
    --------
    >>> list(task_settings("sine"))
    ['frequency', 'noise', 'noise_kind', 'input_slots', 'input_length']
    """
    return {**registry.find(name).settings, **_COMMON}


def _parse(name: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    parsed = registry.parse_settings(task_settings(name), settings)
    common = {key: parsed.pop(key) for key in _COMMON}
    if common["noise"] < 0:
        raise InvalidValueError(message("Task.noise", "an amplitude, at least 0", common["noise"]))
    check_choice("Task.noise_kind", common["noise_kind"], ("normal", "uniform"))
    check_whole("Task.input_slots", common["input_slots"], 0, what="a whole number of slots")
    if bool(common["input_slots"]) != bool(common["input_length"]):
        raise InvalidValueError(
            message(
                "Task.input_slots",
                "input_slots and input_length together",
                f"{common['input_slots']} slots over {common['input_length']:g} s",
                "give both, or neither.",
            )
        )
    return parsed, common


def _period(found: registry.Supervisor, grid: Grid, parsed: dict[str, Any], common: dict[str, Any]) -> int | None:
    """Return after how many steps the whole task repeats within the run, or None."""
    period = input_period = found.period(grid, **parsed)
    if common["input_slots"]:
        input_period = clock_period(grid, common["input_slots"], common["input_length"], "input_")
    if common["noise"] or period is None or period >= grid.n_steps:
        return None
    # an input that repeats out of step with the target has to be written out
    return period if input_period == period else None


def task_shape(name: str, n_steps: int, dt: float, settings: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the rows, outputs and inputs of a task without computing its samples.

    Arguments and errors are those of `make_task`.

    Examples
    --------
    >>> task_shape("song", 25_000_000, 4e-5, {"melody": "ode_to_joy_long", "clock": True})
    (400000, 69, 0)
    """
    grid = _grid(n_steps, dt)
    found = registry.find(name)
    parsed, common = _parse(name, settings)
    period = _period(found, grid, parsed, common)
    return period or grid.n_steps, found.count_outputs(parsed), common["input_slots"]


def _grid(n_steps: int, dt: float) -> Grid:
    n_steps = check_whole("Task.n_steps", n_steps, 1, what="a whole number of steps")
    if n_steps >= MOST_STEPS:
        raise InvalidValueError(message("Task.n_steps", f"fewer than {MOST_STEPS} steps", n_steps))
    return Grid(n_steps, check_positive("Task.dt", dt, "give it in seconds."))


def make_task(name: str, n_steps: int, dt: float, rng: np.random.Generator | None = None, **settings: Any) -> Task:
    """Compute the samples of a supervisor.

    Parameters
    ----------
    name : str
        One of `list_tasks`.
    n_steps : int
        Length of the run, steps.
    dt : float
        Time step, seconds.
    rng : numpy.random.Generator, optional
        Source of the noise; needed only for that.
    **settings
        Settings of the supervisor: plain numbers in SI units, or text with units ("5*Hz").
        All take ``noise`` (an amplitude) with ``noise_kind`` "normal" (noise randn) or "uniform"
        (noise rand, from 0 to noise), drawn at every step; and ``input_slots`` with
        ``input_length``, an HDTS as the external input.

    Returns
    -------
    Task
        Target and input. A periodic one holds one period only, if that is shorter than the run.

    Raises
    ------
    UnknownNameError
        If the supervisor or a setting is not known.
    UnitsError
        If a setting has the wrong unit.
    InvalidValueError
        If a setting is missing or cannot work.

    Examples
    --------
    >>> task = make_task("sine", 200, 0.001, frequency="5*Hz")
    >>> task.target.shape, round(float(task.target[49, 0]), 12)
    ((200, 1), 1.0)
    """
    grid = _grid(n_steps, dt)
    found = registry.find(name)
    parsed, common = _parse(name, settings)
    period = _period(found, grid, parsed, common)
    rows, outputs = period or grid.n_steps, found.count_outputs(parsed)
    check_memory("Task.n_steps", _COPIES * 8 * rows * (outputs + common["input_slots"]), "fewer steps or channels")
    target = _rows(found.compute(grid, parsed, rows, outputs), rows)
    inputs = None
    if common["input_slots"]:
        inputs = _rows(clock_signal(grid, common["input_slots"], common["input_length"]), rows)
    if common["noise"]:
        if not isinstance(rng, np.random.Generator):
            raise InvalidTypeError(
                message("Task.rng", "a random number generator, for the noise", rng, "np.random.default_rng(0)")
            )
        draw = rng.standard_normal if common["noise_kind"] == "normal" else rng.random
        noise = draw(target.shape)
        noise *= common["noise"]
        noise += target
        target = noise
    return Task(name, grid.n_steps, target, inputs, period)


def _rows(samples: np.ndarray, rows: int) -> np.ndarray:
    """Repeat samples of one period until there are as many rows."""
    return samples if len(samples) == rows else samples[np.arange(rows) % len(samples)]
