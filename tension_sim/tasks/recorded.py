"""A supervisor from a file of recorded data."""

from __future__ import annotations

import math
import os

import numpy as np

from ..declare.arrays_in import numbers
from ..errors import InvalidValueError, message
from ..system.data_files import FAILURES, TABLE, load_arrays, load_table, read_header
from ..system.files import check_path, open_regular
from ..system.memory_maps import in_parts
from .registry import Grid, supervisor


def _read(file: str) -> np.ndarray:
    """Return samples; those of a .npy file that can be read in pieces stay there, as a memory map."""
    where = "Task.file"
    if file.endswith(".npy"):
        rows = _memory_map(where, file)
        if rows is not None:
            return rows
        data = load_arrays(where, file, what=TABLE).get("data")
    else:
        data = load_table(where, file)
    data = numbers(where, data, "samples of shape (steps, outputs)")
    if data.ndim == 1:
        data = data[:, None]
    if data.ndim != 2 or data.size == 0:
        raise InvalidValueError(message(where, "samples of shape (steps, outputs)", f"shape {data.shape}"))
    if not np.all(np.isfinite(data)):
        row = int(np.flatnonzero(~np.isfinite(data).all(axis=1))[0])
        raise InvalidValueError(message(where, "finite samples", f"NaN or infinity in row {row} of {file}"))
    return data


def _memory_map(where: str, file: str) -> np.memmap | None:
    """Map float64 samples, row by row; None where they are something else."""
    path = check_path(where, file)
    try:
        with open_regular(where, path, TABLE) as stream:
            shape, fortran, dtype = read_header(stream)
            offset, size = stream.tell(), os.fstat(stream.fileno()).st_size
    except FAILURES:
        return None  # the function that loads it says why
    if fortran or dtype != np.float64 or len(shape) not in (1, 2) or 0 in shape or size < offset + 8 * math.prod(shape):
        return None
    rows = np.memmap(path, dtype, mode="r", offset=offset, shape=(shape[0], math.prod(shape[1:])))
    first = 0
    for part in in_parts(rows):
        if not np.isfinite(part).all():
            row = (first + int(np.argmin(np.isfinite(part)))) // rows.shape[1]
            raise InvalidValueError(message(where, "finite samples", f"NaN or infinity in row {row} of {file}"))
        first += part.size
    return rows


def _count(file: str, repeat: bool, peak: float) -> int:
    return _read(file).shape[1]


def _period(grid: Grid, file: str, repeat: bool, peak: float) -> int | None:
    return len(_read(file)) if repeat else None


@supervisor(outputs=_count, period=_period, file="text", repeat="bool", peak="1")
def recorded(grid: Grid, file: str, repeat: bool = False, peak: float = 0.0) -> np.ndarray:
    """Samples from a file, one row per time step; scaled to a largest value of `peak` unless that is 0."""
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
        largest = max(part.max() for part in in_parts(data))
        if not largest > 0:
            raise InvalidValueError(message("Task.peak", "data with a value above 0", float(largest)))
        data = data * (peak / largest)
    return data[: grid.n_steps]
