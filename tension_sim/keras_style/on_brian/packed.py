"""Convert P between a model (whole matrices) and a run (packed triangles, and terms that wait to be applied)."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Matrices", "whole_of"]

#: Rows and columns of a tile: it fits into the cache, and BLAS does not start its threads for it.
_TILE = 128


def whole_of(packed: np.ndarray, k: np.ndarray, c: np.ndarray, scale: float, dtype: Any = np.float64) -> np.ndarray:
    """Return ``scale*(P - k' diag(c) k)`` of a packed P.

    Parameters
    ----------
    packed : array, shape (n*(n + 1)/2,)
    k : array, shape (terms, n)
    c : array, shape (terms,)
    scale : float
    dtype : dtype, optional
        Of what is returned.

    Examples
    --------
    >>> whole_of(np.array([1.0, 2.0, 3.0]), np.array([[1.0, 1.0]]), np.array([0.5]), 2.0)
    array([[1., 3.],
           [3., 5.]])
    """
    n = k.shape[1]
    whole = np.empty((n, n), dtype)
    for first in range(0, n, _TILE):
        rows = _rows(packed, first, min(first + _TILE, n))
        if len(c):
            _subtract(rows, (c[:, None] * k[:, first : first + len(rows)]).T, k)
        if scale != 1:
            rows = scale * rows
        corner = rows[:, first:]
        corner[...] = np.tril(corner) + np.tril(corner, -1).T
        whole[first : first + len(rows), : first + len(rows)] = rows
        for j in range(0, first, _TILE):  # the same numbers above the diagonal
            here = whole[first : first + len(rows), j : j + _TILE]
            whole[j : j + _TILE, first : first + len(rows)] = here.T
    return whole


def _rows(packed: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Return some rows of the lower triangle, as far as the diagonal goes, (stop - first, stop)."""
    rows = np.zeros((stop - first, stop), packed.dtype)
    for i, row in enumerate(rows, start=first):
        begin = i * (i + 1) // 2
        row[: i + 1] = packed[begin : begin + i + 1]
    return rows


def _subtract(rows: np.ndarray, left: np.ndarray, k: np.ndarray) -> None:
    """Subtract ``left @ k`` from rows, tile by tile."""
    left = np.ascontiguousarray(left)
    for j in range(0, rows.shape[1], _TILE):
        tile = rows[:, j : j + _TILE]
        tile -= left @ k[:, j : j + tile.shape[1]]


class Matrices:
    """A variable of one matrix, or of many, (matrices, n, n); each matrix is read and written without the others.

    Parameters
    ----------
    variable : keras.Variable
    """

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def __getitem__(self, m: int) -> np.ndarray:
        if len(self._variable.shape) == 2:
            return np.asarray(self._variable)
        from tensorflow import raw_ops

        variable = self._variable
        return raw_ops.ResourceGather(resource=variable.value.handle, indices=m, dtype=variable.dtype).numpy()

    def __setitem__(self, m: int, matrix: np.ndarray) -> None:
        if len(self._variable.shape) == 2:
            self._variable.assign(matrix)
            return
        from tensorflow import raw_ops

        raw_ops.ResourceScatterUpdate(resource=self._variable.value.handle, indices=m, updates=matrix)
