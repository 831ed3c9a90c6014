"""Weights of a projection, from whatever holds them: a kernel, a sparse matrix of scipy, or an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InvalidTypeError, InvalidValueError, message
from ..kernels import SparseKernel
from ..validation import check_table

__all__ = ["Weights", "kernel_of"]

#: A kernel, a matrix or an array of scipy.sparse, or what numpy takes for an array.
Weights = SparseKernel | Any


def kernel_of(
    where: str, weights: Any, shape: tuple[int, int], unit: str, *, every_entry: bool = False
) -> SparseKernel:
    """Return weights as a kernel.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    weights : SparseKernel, scipy sparse matrix or array, or array-like, shape (n_pre, n_post)
        Of an array the entries that are not 0 are synapses, of the others those they hold.
    shape : tuple of int
        Presynaptic and postsynaptic neurons.
    unit : str
        Unit in which plain numbers count; quantities are converted to it.
    every_entry : bool
        Whether each entry of an array is a synapse.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnitsError
        If they are no weights of that shape and unit.

    Examples
    --------
    >>> import scipy.sparse
    >>> kernel_of("demo", scipy.sparse.coo_array(([2.0], ([0], [1])), (2, 3)), (2, 3), "pA").to_dense()
    array([[0., 2., 0.],
           [0., 0., 0.]])
    """
    if isinstance(weights, SparseKernel):
        found, kernel = (weights.n, weights.n_post), weights
    elif hasattr(type(weights), "tocoo") and hasattr(weights, "nnz"):
        entries = weights.tocoo()
        if entries.ndim != 2:
            raise InvalidValueError(message(where, f"weights of shape {shape} (pre, post)", entries.shape))
        found, (pre, post) = entries.shape, (np.asarray(entries.row), np.asarray(entries.col))
        kernel = SparseKernel(found[0], pre, post, entries.data, found[1])
    else:
        if weights is None:
            fix = "SparseKernel(...), a matrix of scipy.sparse, or an array."
            raise InvalidTypeError(message(where, f"weights of shape {shape} (pre, post)", weights, fix))
        dense = check_table(where, weights, shape, unit)
        found, kernel = shape, SparseKernel.from_dense(dense, every_entry=every_entry)
    if tuple(found) != shape:
        fix = "presynaptic neurons come first."
        raise InvalidValueError(message(where, f"weights of shape {shape} (pre, post)", tuple(found), fix))
    return kernel
