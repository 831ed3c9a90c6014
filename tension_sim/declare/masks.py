"""Masks of recurrent weights: which weights exist and which learn, as arrays or by pairs of regions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .arrays_in import whole_numbers
from .kernels import SparseKernel
from .validation import check_matrix

__all__ = ["check_regions", "check_trainable", "masked_kernel", "weight_mask"]

_log = logging.getLogger("tension_sim")


def check_regions(where: str, regions: Any, n: int) -> dict[str, np.ndarray]:
    """Return the neurons of each region.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    regions : mapping of str to array of int, or None
        None stands for one region of all neurons.
    n : int
        Number of neurons, each of which is in one region.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If they are not.
    """
    if regions is None:
        return {"all": np.arange(n)}
    if not isinstance(regions, Mapping) or not regions:
        raise InvalidTypeError(message(where, "names with neurons", regions, 'write it as in {"A": [0, 1]}.'))
    found = {}
    for name, members in regions.items():
        indices = whole_numbers(f"{where}[{name!r}]", members, "a list of neurons", below=n)
        if not len(indices):
            raise InvalidTypeError(message(f"{where}[{name!r}]", "a list of neurons", members))
        found[str(name)] = indices
    times = np.bincount(np.concatenate(list(found.values())), minlength=n)
    if np.any(times != 1):
        wrong = int(np.flatnonzero(times != 1)[0])
        fix = "currents sum over regions."
        raise InvalidValueError(message(where, "each neuron in one region", f"neuron {wrong} in {times[wrong]}", fix))
    return found


def weight_mask(where: str, given: Any, regions: Mapping[str, np.ndarray], whole: np.ndarray) -> np.ndarray:
    """Return a mask of weights, from row to column.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    given : array, shape (n, n), or mapping, or None
        A mapping names ``(target region, source region)``, with True (all of `whole`), False, or an
        array of shape (source neurons, target neurons).
    regions : mapping of str to array of int
        The neurons of each.
    whole : array of bool, shape (n, n)
        Counts for what is not given.

    Examples
    --------
    >>> regions = {"A": np.array([0]), "B": np.array([1, 2])}
    >>> weight_mask("demo", {("A", "B"): False}, regions, np.ones((3, 3), bool)).astype(int)
    array([[1, 1, 1],
           [0, 1, 1],
           [0, 1, 1]])
    """
    if given is None:
        return whole
    if not isinstance(given, Mapping):
        return _boolean(where, given, whole.shape)
    mask = whole.copy()
    for pair, value in given.items():
        place = f"{where}[{pair!r}]"
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise InvalidTypeError(message(where, "pairs (target region, source region)", pair))
        for name in pair:
            if name not in regions:
                raise unknown_name(place, "region", name, regions)
        block = np.ix_(regions[pair[1]], regions[pair[0]])
        if not isinstance(value, bool | np.bool_):
            mask[block] = _boolean(place, value, mask[block].shape)
        elif value and not whole[block].any():
            mask[block] = True  # `check_trainable` says that there are none
        else:
            mask[block] = whole[block] & value
    return mask


def _boolean(where: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    matrix = check_matrix(where, value, shape, "pre, post")
    if not np.isin(matrix, (0, 1)).all():
        raise InvalidValueError(message(where, "True or False everywhere", "other numbers", "write mask != 0."))
    return matrix.astype(bool)


def check_trainable(where: str, trainable: np.ndarray, exists: np.ndarray, name: str) -> None:
    """Refuse trainable weights that a structural connectivity lacks, and masks without any.

    Neurons without one are not trained; a notice in the log says so.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    trainable, exists : array, shape (n, n)
        From row to column; what is not 0 counts.
    name : str
        The network's, for the notice.

    Raises
    ------
    InvalidValueError
        With the first weight that cannot learn.
    """
    outside = np.argwhere((trainable != 0) & (exists == 0))
    if len(outside):
        pre, post = outside[0].tolist()
        raise InvalidValueError(
            message(
                where,
                "no trainable weight outside the structural connectivity",
                f"{len(outside)} of them, the first from neuron {pre} to {post}",
                "take them out of the mask, or add the connections.",
            )
        )
    if not np.any(trainable):
        raise InvalidValueError(message(where, "at least one trainable weight", 0))
    idle = np.count_nonzero(~np.any(trainable, axis=0))
    if idle:
        _log.warning("%s: %d of %d neurons have no trainable weight and are not trained.", name, idle, len(trainable))


def masked_kernel(J: np.ndarray, mask: np.ndarray) -> SparseKernel | None:
    """Return the weights of a mask, also those that are 0; None if there are none."""
    pre, post = np.nonzero(mask)
    return SparseKernel(len(J), pre, post, J[pre, post]) if len(pre) else None
