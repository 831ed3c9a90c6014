"""Keep the static recurrence of a model as a sparse kernel, for as long as its variable does not change."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...declare.network import SparseKernel
from .fingerprint import Fingerprint

__all__ = ["static_kernel"]


def static_kernel(model: Any, variable: Any, by_target: bool = False) -> SparseKernel:
    """Return the weights of a variable that are not 0: the last kernel where it has not changed since.

    Parameters
    ----------
    model : FORCEModel
        Holds the last kernel.
    variable : keras.Variable
        Its recurrent kernel, (sources, targets). To look for the weights of a large one takes time.
    by_target : bool, optional
        List the weights by target, as rate units read them, so that no run has to sort them; else by source, as
        spikes do.
    """
    known = model.__dict__.get("_static_kernel")
    if known is None or not known[0].matches([variable]):
        kernel = _kernel(np.asarray(variable), by_target)
        for held in vars(kernel).values():
            if isinstance(held, np.ndarray):
                held.flags.writeable = False  # so that runs share its file
        known = (Fingerprint([variable]), kernel)
        object.__setattr__(model, "_static_kernel", known)  # past Keras' tracking
    return known[1]


def _kernel(matrix: np.ndarray, by_target: bool) -> SparseKernel:
    if not by_target:
        return SparseKernel.from_dense(matrix)
    post, pre = np.nonzero(matrix.T)
    return SparseKernel(len(matrix), pre, post, matrix[pre, post])
