"""Random numbers that depend on seed, time step and neuron alone: the same on every engine and target.

A run that starts later, on another engine, or in parts draws the numbers of one long run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["INCREMENT", "MIX", "SEED_FACTOR", "chance", "key", "normal", "uniform"]

#: of SplitMix64: the step of the counter, and (shift, factor) of its mixing
INCREMENT = 0x9E3779B97F4A7C15
MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
#: keeps seeds apart from time steps, since both count in ones
SEED_FACTOR = 0xD1342543DE82EF95
_MASK = 2**64 - 1


def _mixed(z: Any) -> Any:
    for shift, factor in MIX:
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def key(seed: int, step: int) -> int:
    """Return the 64 bits of a seed and a time step, from which the neurons' numbers are drawn."""
    z = (int(seed) * SEED_FACTOR + (int(step) + 1) * INCREMENT) & _MASK
    return int(_mixed(np.array([z], np.uint64))[0])


def chance(seed: int, step: int) -> float:
    """Return the number in [0, 1) that belongs to a seed and a time step.

    It depends on nothing else, so that a run on any target, from any step, draws the same.

    Examples
    --------
    >>> chance(1, 5) == chance(1, 5) != chance(2, 5)
    True
    """
    return (key(seed, step) >> 11) * 2.0**-53


def uniform(seed: int, step: int, index: Any) -> np.ndarray:
    """Return the numbers in [0, 1) of a seed, a time step and indices, in float64.

    ``mix(key(seed, step) + (index + 1) * INCREMENT) >> 11``, times 2^-53, modulo 2^64.

    Parameters
    ----------
    seed, step : int
    index : int or array of int, 0 or larger
        Any shape; the result has the same.

    Examples
    --------
    >>> uniform(1, 5, [0, 1]).shape, uniform(1, 5, 3) == uniform(1, 5, [0, 3])[1]
    ((2,), np.True_)
    """
    index = np.asarray(index)
    counted = np.atleast_1d(index).astype(np.uint64) + np.uint64(1)  # arrays overflow without a warning
    bits = _mixed(np.uint64(key(seed, step)) + counted * np.uint64(INCREMENT)) >> np.uint64(11)
    return (bits * 2.0**-53).reshape(index.shape)


def normal(seed: int, step: int, index: Any) -> np.ndarray:
    """Return the standard normal numbers of a seed, a time step and indices, in float64.

    Box & Muller's ``sqrt(-2 log(1 - u)) cos(2 pi v)``, with u and v the uniform numbers of the
    indices ``2 index`` and ``2 index + 1``.

    Parameters
    ----------
    seed, step, index
        As for :func:`uniform`.

    Examples
    --------
    >>> many = normal(1, 0, np.arange(100_000))
    >>> bool(abs(many.mean()) < 0.01), bool(abs(many.std() - 1) < 0.01)
    (True, True)
    """
    index = np.asarray(index)
    u, v = uniform(seed, step, 2 * index), uniform(seed, step, 2 * index + 1)
    return np.sqrt(-2.0 * np.log1p(-u)) * np.cos(2.0 * np.pi * v)
