"""A task: the samples of a run, as rows that hold the whole run or repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..declare.described import Described
from ..declare.validation import check_finite, check_series, check_steps, check_text
from ..errors import InvalidValueError, message

__all__ = ["Task", "check_samples"]


@dataclass(frozen=True, eq=False, repr=False)
class Task(Described):
    """The target that a network learns, and its external input.

    Parameters
    ----------
    name : str
        The supervisor.
    n_steps : int
        Length of the run in steps.
    target : array-like, shape (n_steps, n_outputs) or (period, n_outputs)
        Sample k belongs to the end of step k. A `numpy.memmap` stays in its file.
    inputs : array-like, shape (n_steps, n_inputs) or (period, n_inputs), or None
        External input.
    period : int or None
        Steps after which all samples repeat; None if they hold the whole run.
    rates : array-like, shape (n_steps, n_poisson) or (period, n_poisson), or None
        Rates of Poisson units, Hz.

    Samples of one row hold for the whole run.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If samples are not finite, or have other numbers of rows.

    Examples
    --------
    >>> task = Task("ramp", 6, [0.0, 0.5, 1.0], period=3)
    >>> task
    Task(name='ramp', n_steps=6, n_outputs=1, n_inputs=0, period=3)
    >>> task.target_at([1, 4])
    array([[0.5],
           [0.5]])
    """

    name: str
    n_steps: int
    target: np.ndarray
    inputs: np.ndarray | None = None
    period: int | None = None
    rates: np.ndarray | None = None

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "name": check_text("Task.name", self.name),
            "n_steps": check_steps("Task.n_steps", self.n_steps, 1),
            "period": None if self.period is None else check_steps("Task.period", self.period, 1),
        }
        rows = checked["period"] or checked["n_steps"]
        checked["target"] = _of_rows("Task.target", self.target, rows)
        for name, unit in (("inputs", "1"), ("rates", "hertz")):
            samples = getattr(self, name)
            checked[name] = None if samples is None else _of_rows(f"Task.{name}", samples, rows, unit)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _describe(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("name", "n_steps", "n_outputs", "n_inputs", "period")}

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.target.shape[1]

    @property
    def n_inputs(self) -> int:
        """Number of external inputs."""
        return 0 if self.inputs is None else self.inputs.shape[1]

    @property
    def samples(self) -> dict[str, np.ndarray]:
        """Target, inputs and rates, as far as there are any, by the arguments of `Simulation.run`."""
        of = {"y": self.target if self.n_outputs else None, "x": self.inputs, "rates": self.rates}
        return {name: rows for name, rows in of.items() if rows is not None}

    @property
    def n_bytes(self) -> int:
        """Memory that the samples take."""
        return sum(rows.nbytes for rows in self.samples.values())

    def target_at(self, steps: Any) -> np.ndarray:
        """Return the target at `steps` of the run, shape ``(len(steps), n_outputs)``.

        Raises
        ------
        InvalidValueError
            If a step lies outside the run.
        """
        steps = np.asarray(steps)
        if steps.size and (steps.min() < 0 or steps.max() >= self.n_steps):
            raise InvalidValueError(
                message(
                    "Task.target_at.steps",
                    f"steps from 0 to {self.n_steps - 1}",
                    f"{steps.min()} to {steps.max()}",
                )
            )
        return self.target[steps % len(self.target)]


def check_samples(where: str, samples: Any, unit: str = "1") -> np.ndarray:
    """Return samples of a task as float64 of shape (timesteps, channels), which may have no channel.

    Those of a memory map stay in their file, and are looked at when they are played.

    Examples
    --------
    >>> check_samples("demo.target", [1, 2, 3]).shape, check_samples("demo.hints", np.empty((3, 0))).shape
    ((3, 1), (3, 0))
    """
    if isinstance(samples, np.ndarray) and samples.ndim == 2 and (isinstance(samples, np.memmap) or not samples.size):
        return samples
    if type(samples) is np.ndarray and samples.ndim == 2 and samples.dtype == float and samples.flags.c_contiguous:
        check_finite(where, samples)  # without a copy: it may be large
        return samples
    return np.ascontiguousarray(check_series(where, samples, unit))


def _of_rows(where: str, samples: Any, rows: int, unit: str = "1") -> np.ndarray:
    """Return samples of so many rows, or of one."""
    samples = check_samples(where, samples, unit)
    if len(samples) not in (1, rows):
        fix = "give n_steps rows, or as many as period says."
        raise InvalidValueError(message(where, f"{rows} rows, or one", f"{len(samples)} rows", fix))
    return samples
