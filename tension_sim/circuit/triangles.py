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
    room = np.zeros((min(_TILE, n), n), packed.dtype)  # what lies above the diagonal is scaled, too
    for first in range(0, n, _TILE):
        stop = min(first + _TILE, n)
        rows = room[: stop - first, :stop]
        if len(c):
            _multiply((c[:, None] * k[:, first:stop]).T, k, rows)
        _fill(rows, packed, first, subtract=bool(len(c)))
        if scale != 1:
            rows *= scale
        corner = rows[:, first:]
        np.copyto(corner, corner.T.copy(), where=~np.tri(len(corner), dtype=bool))
        whole[first:stop, :stop] = rows
        for j in range(0, first, _TILE):  # the same numbers above the diagonal
            whole[j : j + _TILE, first:stop] = whole[first:stop, j : j + _TILE].T
    return whole


def _multiply(left: np.ndarray, k: np.ndarray, rows: np.ndarray) -> None:
    """Set rows to ``left @ k``, tile by tile."""
    left = np.ascontiguousarray(left)
    for j in range(0, rows.shape[1], _TILE):
        tile = rows[:, j : j + _TILE]
        np.matmul(left, k[:, j : j + tile.shape[1]], out=tile)


def _fill(rows: np.ndarray, packed: np.ndarray, first: int, subtract: bool) -> None:
    """Set rows, the first of which is row `first`, to those of the lower triangle, or to those less what they hold."""
    for i, row in enumerate(rows, start=first):
        begin = i * (i + 1) // 2
        triangle, there = packed[begin : begin + i + 1], row[: i + 1]
        if subtract:
            np.subtract(triangle, there, out=there)
        else:
            there[...] = triangle
