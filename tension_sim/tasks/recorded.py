"""A supervisor from a file of recorded data."""

from __future__ import annotations

import numpy as np

from ..declare.arrays_in import numbers
from ..errors import InvalidValueError, message
from ..system.data_files import TABLE, load_arrays, load_table
from .registry import Grid, supervisor


def _read(file: str) -> np.ndarray:
    where = "Task.file"
    data = load_arrays(where, file, what=TABLE).get("data") if file.endswith(".npy") else load_table(where, file)
    data = numbers(where, data, "samples of shape (steps, outputs)")
    if data.ndim == 1:
        data = data[:, None]
    if data.ndim != 2 or data.size == 0:
        raise InvalidValueError(message(where, "samples of shape (steps, outputs)", f"shape {data.shape}"))
    if not np.all(np.isfinite(data)):
        row = int(np.flatnonzero(~np.isfinite(data).all(axis=1))[0])
        raise InvalidValueError(message(where, "finite samples", f"NaN or infinity in row {row} of {file}"))
    return data


def _count(file: str, repeat: bool, peak: float) -> int:
    return _read(file).shape[1]


def _period(grid: Grid, file: str, repeat: bool, peak: float) -> int | None:
    return len(_read(file)) if repeat else None


@supervisor(outputs=_count, period=_period, file="text", repeat="bool", peak="1")
def recorded(grid: Grid, file: str, repeat: bool = False, peak: float = 0.0) -> np.ndarray:
    """Samples from a file, one row a time step; scaled to a largest value of `peak` unless that is 0."""
    data = _read(file)
    if not repeat and len(data) < grid.n_steps:
        raise InvalidValueError(
            message(
                "Task.file",
                f"at least {grid.n_steps} samples",
                f"{len(data)} samples",
                "shorten the run, or set repeat = true.",
            )
        )
    if peak:
        largest = data.max()
        if not largest > 0:
            raise InvalidValueError(message("Task.peak", "data with a value above 0", float(largest)))
        data = data * (peak / largest)
    return data[: grid.n_steps]
