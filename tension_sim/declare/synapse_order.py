"""Synapses in the order of their owners, by sorting parts of few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .row_starts import PART, RowStarts, part_of

__all__ = ["ascends", "grouped", "order_by", "ordered"]


def ordered(
    owner: np.ndarray, partner: np.ndarray | RowStarts, weight: np.ndarray, n_owners: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List synapses by their owners, then by their partners; two between one pair are added.

    Returns
    -------
    start : array of int64, shape (n_owners + 1,)
        Where the list of each owner begins.
    partner, weight : array, shape (pairs,)

    Examples
    --------
    >>> ordered(np.array([1, 0, 1]), np.array([2, 0, 1]), np.array([5.0, 6.0, 7.0]), 2)
    (array([0, 1, 3]), array([0, 1, 2], dtype=int32), array([6., 7., 5.]))
    """
    if isinstance(partner, np.ndarray):
        if ascends(owner, partner):
            return np.searchsorted(owner, np.arange(n_owners + 1)), partner, weight
        if not ascends(partner):
            order = order_by(partner)
            owner, partner, weight = owner[order], partner[order], weight[order]
            del order
    counts = np.bincount(owner, minlength=n_owners)
    start, partner, weight = grouped(counts, _parts(owner, partner, weight))
    first = np.ones(len(partner), dtype=bool)
    np.not_equal(partner[1:], partner[:-1], out=first[1:])
    first[start[:-1][start[:-1] < start[1:]]] = True
    if not first.all():
        at = np.flatnonzero(first)
        start = np.searchsorted(at, start)
        partner, weight = partner[at], np.add.reduceat(weight, at)
    return start, partner, weight


def grouped(
    counts: np.ndarray, parts: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bring synapses together by their owners, each owner's in the order in which they come.

    Parameters
    ----------
    counts : array of int, shape (owners,)
        How many synapses each owner has.
    parts : iterable of (owner, partner, weight)
        Few of them at a time.

    Returns
    -------
    start : array of int64, shape (owners + 1,)
        Where the synapses of each owner begin.
    partner, weight : array of int32 and of float64, shape (synapses,)

    Examples
    --------
    >>> parts = [(np.array([1]), np.array([7]), np.ones(1)), (np.array([0]), np.array([5]), np.zeros(1))]
    >>> grouped(np.array([1, 1]), parts)
    (array([0, 1, 2]), array([5, 7], dtype=int32), array([0., 1.]))
    """
    start = np.concatenate([[0], np.cumsum(counts)])
    of_partner, of_weight, free = np.empty(start[-1], np.int32), np.empty(start[-1]), start[:-1].copy()
    for owner, partner, weight in parts:
        order = order_by(owner)
        owners, count = owner[order], np.bincount(owner, minlength=len(counts))
        places = np.arange(len(owner)) + (free - (np.cumsum(count) - count))[owners]
        of_partner[places] = partner[order]
        of_weight[places] = weight[order]
        free += count
    return start, of_partner, of_weight


def _parts(
    owner: np.ndarray, partner: np.ndarray | RowStarts, weight: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for begin in range(0, len(owner), PART):
        stop = begin + PART
        yield owner[begin:stop], part_of(partner, begin, stop), weight[begin:stop]


def ascends(owner: np.ndarray, partner: np.ndarray | None = None) -> bool:
    """Say whether owners do not fall, and partners of one owner rise."""
    if partner is None:
        return bool((owner[1:] >= owner[:-1]).all())
    rises = partner[1:] > partner[:-1]
    rises &= owner[1:] == owner[:-1]
    rises |= owner[1:] > owner[:-1]
    return bool(rises.all())


def order_by(key: np.ndarray) -> np.ndarray:
    """Return the places of a stable sort by a key of whole numbers."""
    order = _by_digits(key, None, 0)
    for shift in range(16, int(key.max(initial=0)).bit_length(), 16):
        order = _by_digits(key, order, shift)
    return order


def _by_digits(key: np.ndarray, order: np.ndarray | None, shift: int) -> np.ndarray:
    """Sort by 16 bits of a key, which numpy counts instead of comparing them: a tenth of the time."""
    digits = (key if order is None else key[order]) >> shift & 0xFFFF
    found = np.argsort(digits.astype(np.uint16), kind="stable")
    return found if order is None else order[found]
