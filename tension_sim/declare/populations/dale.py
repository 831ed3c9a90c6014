"""Weights that obey Dale's law: one sign for all that leaves a neuron, sums of zero over all that arrives at one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import InvalidValueError, message
from ..kernels import SparseKernel

__all__ = ["balanced", "with_signs"]


def with_signs(where: str, kernel: SparseKernel, signs: np.ndarray | None, ratio: float) -> SparseKernel:
    """Return weights with the signs of their presynaptic neurons, the negative ones `ratio` times as strong.

    Raises
    ------
    InvalidValueError
        If there are no neurons of one kind, or a weight is negative already.
    """
    if signs is None or len(np.unique(signs)) < 2:
        what = "a part of the presynaptic neurons that leaves some of both kinds"
        raise InvalidValueError(message(where, what, f"{kernel.n} presynaptic neurons of one kind"))
    if len(kernel) and kernel.weight.min() < 0:
        fix = "inhibitory weights become negative by themselves."
        raise InvalidValueError(message(where, "weights of at least 0", float(kernel.weight.min()), fix))
    return replace(kernel, weight=kernel.weight * np.where(signs > 0, 1.0, -ratio)[kernel.pre])


def balanced(where: str, kernel: SparseKernel) -> SparseKernel:
    """Scale the negative weights of each postsynaptic neuron so that all its weights sum to zero.

    No eigenvalue of such a matrix lies outside of the circle of its fluctuations (Rajan & Abbott 2006,
    doi:10.1103/PhysRevLett.97.188104). Scaled weights keep their signs, which subtracting a mean would not.

    Raises
    ------
    InvalidValueError
        If a neuron has weights of one sign only.

    Examples
    --------
    >>> balanced("demo", SparseKernel(3, [0, 1, 2], [0, 0, 0], [1.0, 2.0, -1.0], 1)).weight
    array([ 1.,  2., -3.])
    """
    up, down = (np.bincount(kernel.post, part.clip(0), kernel.n_post) for part in (kernel.weight, -kernel.weight))
    alone = np.flatnonzero((up > 0) != (down > 0))
    if len(alone):
        what = "an excitatory and an inhibitory presynaptic neuron, at least, of each neuron that has any"
        received = f"{len(alone)} neurons with weights of one sign, such as neuron {alone[0]}"
        fix = "fixed_indegree with inhibitory_indegree, or more synapses."
        raise InvalidValueError(message(where, what, received, fix))
    scale = np.divide(up, down, out=np.ones_like(up), where=down > 0)
    return replace(kernel, weight=np.where(kernel.weight < 0, kernel.weight * scale[kernel.post], kernel.weight))
