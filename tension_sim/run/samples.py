"""The samples of a run: rows that are given one by one or by a task, and which of them each time step plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..circuit.names import entries
from ..declare.poisson import check_rates
from ..declare.sample_file import SampleFile
from ..declare.series import check_rows, values_of
from ..declare.validation import check_steps, check_whole
from ..errors import InvalidValueError, message, problem, unknown_name
from ..tasks import Task

__all__ = ["Rows", "check_fit", "n_steps_of", "rows_of"]


@dataclass(frozen=True)
class Rows:
    """Rows of samples, and which of them each time step plays.

    Attributes
    ----------
    rows : array, shape (samples, channels), or SampleFile
        The samples.
    first_step : int
        The time step of row 0.
    every : int
        Time steps for which each row is held.
    periodic : bool
        Whether they begin again after the last row, which is held otherwise.

    Examples
    --------
    >>> Rows(np.array([[1.0], [2.0]]), first_step=10, every=2).at(np.arange(10, 15)).ravel()
    array([1., 1., 2., 2., 2.])
    """

    rows: np.ndarray | SampleFile
    first_step: int
    every: int = 1
    periodic: bool = False

    @property
    def n_steps(self) -> int:
        """How many time steps the rows last."""
        return len(self.rows) * self.every

    def at(self, steps: np.ndarray) -> np.ndarray:
        """Return the rows of time steps from `first_step` on."""
        row = (steps - self.first_step) // self.every
        row = row % len(self.rows) if self.periodic else np.minimum(row, len(self.rows) - 1)
        found: np.ndarray = self.rows.take(row, axis=0)
        return found

    def values(self, part: str) -> dict[str, Any]:
        """Return the values of a run by which a part of the circuit plays the rows."""
        when = {"first_step": self.first_step, "every": self.every, "periodic": int(self.periodic)}
        return values_of(part, self.rows) | entries(part, when)


def rows_of(
    given: Mapping[str, Any], every: Mapping[str, int], start: int, units: Mapping[str, str]
) -> tuple[dict[str, Rows], int | None]:
    """Return the rows of the samples that are given, and how many steps they last; None if none are given.

    Parameters
    ----------
    given : mapping of str to samples, Task or None
        By the arguments of `Simulation.run`.
    every : mapping of str to int
        Time steps for which each row is held.
    start : int
        First step of the run.
    units : mapping of str to str
        What quantities are converted to.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnknownNameError
        If samples do not go with each other, or a task with what is given beside it.
    """
    for name in every:
        if name not in given:
            raise unknown_name("Simulation.run.every", "kind of samples", name, given)
    task = given["y"] if isinstance(given["y"], Task) else None
    rows = {
        name: Rows(
            check_rows(f"Simulation.run.{name}", samples, units.get(name, "1")),
            start,
            check_whole(f"Simulation.run.every[{name!r}]", every.get(name, 1), 1),
        )
        for name, samples in given.items()
        if samples is not None and samples is not task
    }
    if task is not None:
        return _rows_beside(task, rows, every, start)
    lengths = {name: each.n_steps for name, each in rows.items()}
    first = next(iter(lengths), "")
    for name, length in lengths.items():
        if length != lengths[first]:
            what = f"as many samples as {first} ({lengths[first]})"
            raise InvalidValueError(message(f"Simulation.run.{name}", what, length, "cut one of them."))
    return rows, lengths.get(first)


def _rows_beside(
    task: Task, beside: dict[str, Rows], every: Mapping[str, int], start: int
) -> tuple[dict[str, Rows], int]:
    """Return the rows of a task, which began at step 0, and of the rates beside it; and the steps that are left."""
    if "x" in beside:
        fix = "put x into Task.inputs."
        raise InvalidValueError(problem("Simulation.run.x", "a Task brings its own inputs", beside["x"].rows, fix))
    for name in every:
        if name not in beside:
            what = "the samples of a Task are those of single steps"
            raise InvalidValueError(problem("Simulation.run.every", what, dict(every), f"leave {name!r} out."))
    if start >= task.n_steps:
        what = f"the Task has ended, it lasts {task.n_steps} steps"
        fix = "make one that is longer, or start without a state."
        raise InvalidValueError(problem("Simulation.run.state", what, f"a state of step {start}", fix))
    own = {
        # a memory map stays in its file
        name: Rows(check_rows(f"Task.{name}", rows), 0, periodic=task.period is not None)
        for name, rows in task.samples.items()
    }
    return own | beside, task.n_steps - start


def n_steps_of(steps: Any, left: int | None, given: Mapping[str, Any], rows: Mapping[str, Rows], start: int) -> int:
    """Return how many steps a run has; by default as many as its samples last.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there are fewer samples, or rates beside a task that are not those of the steps.
    """
    if steps is None:
        steps = left
    if steps is None:
        raise InvalidValueError(message("Simulation.run.steps", "steps, where no samples are given", None))
    steps = check_steps("Simulation.run.steps", steps, 1)
    if left is not None and steps > left:
        what = f"at most the {left} samples that are given"
        raise InvalidValueError(message("Simulation.run.steps", what, steps, "give more."))
    if isinstance(given["y"], Task) and given["rates"] is not None:
        length = rows["rates"].n_steps
        if length < steps or (start and length > steps):
            what, fix = f"a row for each of the {steps} steps of this run", "row 0 is that of its first step."
            raise InvalidValueError(message("Simulation.run.rates", what, f"{length} rows", fix))
    return steps


def check_fit(rows: Mapping[str, Rows], channels: Mapping[str, int], learns: bool, dt: float) -> None:
    """Refuse samples that a network does not take, or takes otherwise, and samples that are missing.

    Parameters
    ----------
    rows : mapping of str to Rows
        What is given.
    channels : mapping of str to int
        What the network takes, by the arguments of `Simulation.run`.
    learns : bool
        Whether a rule needs a target.
    dt : float
        Time step in seconds.
    """
    takes_none = {
        "y": ("the network has no readout to give a target to", "leave y out."),
        "x": ("the network takes no input (input_kernel; of a Network, external_inputs)", "leave x out."),
        "rates": ("the network has no feed-forward units", "leave them out."),
    }
    for name, each in rows.items():
        if name not in channels:
            what, fix = takes_none[name]
            raise InvalidValueError(problem(f"Simulation.run.{name}", what, each.rows.shape, fix))
        if each.rows.shape[1] != channels[name]:
            shape = f"shape (timesteps, {channels[name]})"
            raise InvalidValueError(message(f"Simulation.run.{name}", shape, each.rows.shape))
    missing = {"x": "input of {} channels", "rates": "rates of {} units"}
    for name, what in missing.items():
        if name in channels and name not in rows:
            raise InvalidValueError(
                message(f"Simulation.run.{name}", what.format(channels[name]), None, f"give {name}.")
            )
    if "rates" in rows:
        check_rates("Simulation.run.rates", rows["rates"].rows, dt)
    if "y" in channels and "y" not in rows and learns:
        what, fix = "the network learns, and there is no target", "pass y, or learning=False."
        raise InvalidValueError(problem("Simulation.run.y", what, None, fix))
