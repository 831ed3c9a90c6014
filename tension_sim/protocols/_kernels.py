"""Random recurrent weights of rate networks."""

from __future__ import annotations

import numpy as np

from ..declare.kernels import SparseKernel

__all__ = ["normal_kernel"]


def normal_kernel(n: int, p: float, std: float, rng: np.random.Generator) -> SparseKernel:
    """Draw round(p n^2) of the n^2 weights from a normal distribution of deviation `std`; the others do not exist.

    The same number with every seed, so that all of them run in one compiled program.

    Examples
    --------
    >>> len(normal_kernel(20, 0.1, 1.0, np.random.default_rng(0)))
    40
    """
    counts = rng.multivariate_hypergeometric([n] * n, round(p * n * n))
    post = [np.sort(rng.choice(n, size=count, replace=False, shuffle=False)) for count in counts]
    weight = std * rng.standard_normal(counts.sum())
    return SparseKernel(n, np.repeat(np.arange(n), counts), np.concatenate(post), weight)
