"""P between a model, which keeps whole matrices, and a run, which keeps packed triangles and terms that wait."""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import get_lapack_funcs

__all__ = ["packed_of", "whole_of"]


def packed_of(matrix: np.ndarray) -> np.ndarray:
    """Return the lower triangle of a symmetric matrix, row by row.

    Examples
    --------
    >>> packed_of(np.array([[1.0, 2.0], [2.0, 3.0]]))
    array([1., 2., 3.])
    """
    (trttp,) = get_lapack_funcs(("trttp",), (matrix,))
    return trttp(matrix.T, uplo="U")[0]  # LAPACK counts by columns


def whole_of(packed: np.ndarray, k: np.ndarray, c: np.ndarray, scale: float) -> np.ndarray:
    """Return ``scale*(P - k' diag(c) k)`` of a packed P.

    Parameters
    ----------
    packed : array, shape (n*(n + 1)/2,)
    k : array, shape (terms, n)
    c : array, shape (terms,)
    scale : float

    Examples
    --------
    >>> whole_of(np.array([1.0, 2.0, 3.0]), np.array([[1.0, 1.0]]), np.array([0.5]), 2.0)
    array([[1., 3.],
           [3., 5.]])
    """
    n = k.shape[1]
    (spr,), (tpttr,) = get_blas_funcs(("spr",), (packed,)), get_lapack_funcs(("tpttr",), (packed,))
    packed = np.array(packed)
    for row, factor in zip(k, c, strict=True):
        packed = spr(n, -factor, row, packed, overwrite_ap=True)
    upper = tpttr(n, packed, uplo="U")[0]
    whole = upper + upper.T
    whole[np.diag_indices(n)] = upper.diagonal()
    return whole if scale == 1 else scale * whole
