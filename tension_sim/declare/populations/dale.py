"""Weights that obey Dale's law: one sign for all that leaves a neuron, sums of zero over all that arrives at one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import InvalidValueError, message
from ..kernels import SparseKernel

__all__ = ["balanced", "balanced_together", "with_signs"]


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
    return kernel.with_weights(kernel.weight * np.where(signs > 0, 1.0, -ratio)[kernel.pre])


def balanced(where: str, kernel: SparseKernel, first: int = 0) -> SparseKernel:
    """Scale the negative weights of each postsynaptic neuron so that all its weights sum to zero.

    No eigenvalue of such a matrix lies outside of the circle of its fluctuations (Rajan & Abbott 2006,
    doi:10.1103/PhysRevLett.97.188104). Scaled weights keep their signs, which subtracting a mean would not.
    The kernel's postsynaptic neurons are those from `first` on of a whole.

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
        received = f"neuron {first + alone[0]}, which has weights of one sign"
        fix = "fixed_indegree with inhibitory_indegree, or more synapses."
        raise InvalidValueError(message(where, what, received, fix))
    scale = np.divide(up, down, out=np.ones(kernel.n_post), where=down > 0)
    return kernel.with_weights(np.where(kernel.weight < 0, kernel.weight * scale[kernel.post], kernel.weight))


def balanced_together(where: str, kernels: Sequence[SparseKernel], scales: Sequence[float]) -> list[SparseKernel]:
    """Scale the negative weights of several kernels so that all weights of each postsynaptic neuron sum to zero.

    Parameters
    ----------
    where : str
        Begins the messages.
    kernels : sequence of SparseKernel
        Weights onto the same neurons.
    scales : sequence of float
        SI value of the unit of each kernel's weights.

    Raises
    ------
    InvalidValueError
        If a neuron has weights of one sign only.

    Examples
    --------
    >>> up, down = (SparseKernel(2, [0, 1], [0, 0], weight, 1) for weight in ([1.0, 2.0], [-1.0, -5.0]))
    >>> [each.weight for each in balanced_together("demo", [up, down], [1.0, 1.0])]
    [array([1., 2.]), array([-0.5, -2.5])]
    """
    ends, sizes = np.cumsum([each.n for each in kernels]), np.cumsum([len(each) for each in kernels])
    whole = SparseKernel(
        int(ends[-1]),
        np.concatenate([each.pre + end - each.n for each, end in zip(kernels, ends, strict=True)]),
        np.concatenate([each.post for each in kernels]),
        np.concatenate([each.weight * scale for each, scale in zip(kernels, scales, strict=True)]),
        kernels[0].n_post,
    )
    parts = zip(kernels, np.split(balanced(where, whole).weight, sizes[:-1]), scales, strict=True)
    # excitatory weights stay what they are, to the bit
    return [each.with_weights(np.where(each.weight < 0, w / scale, each.weight)) for each, w, scale in parts]
