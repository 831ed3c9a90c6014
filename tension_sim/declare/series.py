"""Time series of a run: an array in memory, or rows that stay in their file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .sample_file import SampleFile
from .validation import check_series

__all__ = ["check_rows", "values_of"]


def check_rows(where: str, value: Any, unit: str = "1") -> np.ndarray | SampleFile:
    """Return a time series of shape (timesteps, channels): a file's where it stays there, else an array.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    value : array-like, path of a ``.npy`` file, or numpy.memmap
        What stays in its file is read once, a window at a time, to see that all values are finite.
    unit : str, optional
        What quantities are converted to.

    Examples
    --------
    >>> check_rows("demo.y", [1, 2, 3]).shape
    (3, 1)
    """
    if isinstance(value, os.PathLike | np.memmap) or (isinstance(value, str) and value.endswith(".npy")):
        file = SampleFile.of(where, value)
        if file is not None:
            file.check_finite(where)
            return file
    return check_series(where, value, unit)


def values_of(part: str, rows: np.ndarray | SampleFile) -> dict[str, np.ndarray]:
    """Return the values of a run by which a signal plays rows.

    Examples
    --------
    >>> values_of("target", np.ones((2, 1)))
    {'target.samples': array([1., 1.]), 'target.samples_file': array([], dtype=int32)}
    """
    if isinstance(rows, np.ndarray):
        samples, file = rows.ravel(), np.empty(0, np.int32)
    else:
        samples, file = np.zeros(rows.channels), rows.described
    return {f"{part}.samples": samples, f"{part}.samples_file": file}
