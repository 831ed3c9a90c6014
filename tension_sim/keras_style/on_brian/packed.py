"""P between a model, which keeps whole matrices, and a run, which keeps packed triangles and terms that wait."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg.lapack import get_lapack_funcs

__all__ = ["Matrices", "whole_of"]

#: Rows and columns worked on at a time: caches hold them, and BLAS does not wake its threads for them.
_TILE = 160


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
    n, terms = k.shape[1], -c[:, None] * k
    (tpttr,) = get_lapack_funcs(("tpttr",), (packed,))
    lower = tpttr(n, packed, uplo="U")[0].T
    whole = np.empty((n, n), dtype)
    for i in range(0, n, _TILE):
        for j in range(0, i + 1, _TILE):
            rows, columns = slice(i, i + _TILE), slice(j, j + _TILE)
            tile = scale * (lower[rows, columns] + terms[:, rows].T @ k[:, columns])
            if i == j:
                tile = np.tril(tile) + np.tril(tile, -1).T
            whole[rows, columns], whole[columns, rows] = tile, tile.T
    return whole


class Matrices:
    """A variable of one matrix, or of many, (matrices, n, n): each is read and written by itself, without the others.

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
