"""Ascending indices of synapses, of which only the place where each index begins is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .converted import Converted

__all__ = ["PART", "Indices", "RowStarts", "part_of"]

#: Synapses that are drawn, ordered or looked at at a time.
PART = 2**16


@dataclass(frozen=True, eq=False)
class RowStarts:
    """Ascending indices, one for each synapse, in the memory of one for each row.

    Attributes
    ----------
    start : array of int64, shape (rows + 1,)
        Where the synapses of each row begin; the last entry is their number.

    Examples
    --------
    >>> rows = RowStarts.of_counts(np.array([2, 0, 3]))
    >>> rows.start, rows.part(0, 5), rows.part(1, 4)
    (array([0, 2, 2, 5]), array([0, 0, 2, 2, 2], dtype=int32), array([0, 2, 2], dtype=int32))
    """

    start: np.ndarray

    @classmethod
    def of_counts(cls, counts: np.ndarray) -> Self:
        """Return the rows of so many synapses each."""
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64, copy=False))

    def __len__(self) -> int:
        return int(self.start[-1])

    def part(self, begin: int, stop: int) -> np.ndarray:
        """Return the indices of the synapses from `begin` to `stop`, int32."""
        stop = min(stop, len(self))
        first, last = int(np.searchsorted(self.start, begin, "right")) - 1, int(np.searchsorted(self.start, stop))
        counts = np.diff(self.start[first : last + 1].clip(begin, stop))
        return np.repeat(np.arange(first, first + len(counts), dtype=np.int32), counts)

    def rising(self, partner: np.ndarray) -> bool:
        """Say whether the other index of the synapses rises within each row."""
        for begin in range(1, len(partner), PART):
            stop = min(begin + PART, len(partner))
            rises = partner[begin:stop] > partner[begin - 1 : stop - 1]
            first, last = np.searchsorted(self.start, (begin, stop))
            rises[self.start[first:last] - begin] = True
            if not rises.all():
                return False
        return True


def part_of(indices: np.ndarray | RowStarts, begin: int, stop: int) -> np.ndarray:
    """Return the indices of the synapses from `begin` to `stop`."""
    return indices.part(begin, stop) if isinstance(indices, RowStarts) else indices[begin:stop]


class Indices(Converted[np.ndarray, ArrayLike]):
    """A required field that holds indices as an array or as `RowStarts`, and is read as an array."""

    def __init__(self) -> None:
        super().__init__(np.zeros(0))

    def __get__(self, instance: object | None, owner: type) -> np.ndarray:
        if instance is None:  # the field has no default
            raise AttributeError(self._name)
        found: Any = instance.__dict__[self._name]
        if isinstance(found, RowStarts):
            found = found.part(0, len(found))
            found.flags.writeable = False  # what is written to it would be lost
        return found
