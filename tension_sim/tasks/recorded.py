"""A supervisor from a file of recorded data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InvalidValueError, message
from .registry import Grid, supervisor


def _read(file: str) -> np.ndarray:
    path = Path(file).expanduser()
    where = "Task.file"
    try:
        if path.suffix == ".npy":
            data = np.load(path, allow_pickle=False)
        else:
            data = np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None, ndmin=2)
        data = np.asarray(data, dtype=float)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InvalidValueError(
            message(where, "a .npy file or a text file of numbers", f"{file} ({error})", "check the path.")
        ) from None
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
