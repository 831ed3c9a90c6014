"""Symmetric matrices as packed lower triangles, of which P may have terms that wait to be applied."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["pack", "unpack"]

#: Rows and columns of a tile: it fits into the cache, and BLAS does not start its threads for it.
_TILE = 128
_NONE = np.zeros(0)


def pack(matrix: np.ndarray) -> np.ndarray:
    """Return the lower triangle of a symmetric matrix of floats, row by row.

    Examples
    --------
    >>> pack(np.array([[1.0, 2.0], [2.0, 3.0]]))
    array([1., 2., 3.])
    """
    from scipy.linalg.lapack import get_lapack_funcs  # here: the check of a CUDA kit has numpy alone

    (trttp,) = get_lapack_funcs(("trttp",), (matrix,))
    return trttp(matrix.T, uplo="U")[0]  # LAPACK counts by columns


def unpack(
    packed: np.ndarray, n: int, k: np.ndarray = _NONE, c: np.ndarray = _NONE, scale: float = 1.0, out: Any = None
) -> np.ndarray:
    """Return ``scale*(P - k' diag(c) k)`` of a packed P, which is symmetric to the bit.

    Parameters
    ----------
    packed : array, shape (n*(n + 1)/2,)
    n : int
    k : array, shape (terms, n), optional
    c : array, shape (terms,), optional
    scale : float, optional
    out : array, shape (n, n), optional
        Where it is written, rounded to the type of that; by default a new array of P's type.

    Examples
    --------
    >>> unpack(np.array([1, 2, 3]), 2)
    array([[1, 2],
           [2, 3]])
    >>> unpack(np.array([1.0, 2.0, 3.0]), 2, np.array([[1.0, 1.0]]), np.array([0.5]), 2.0)
    array([[1., 3.],
           [3., 5.]])
    """
    whole = np.empty((n, n), packed.dtype) if out is None else out
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
