"""Rows of weights with the same partners share one block of P: which rows share, and where each block lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["BlockSizes", "Blocks", "first_P", "max_pending"]

_WAITING, _FROM = np.array([1, 2, 4, 8], dtype=np.int32), np.array([24, 48, 128])


def max_pending(n: int) -> int:
    """Return how many rank-one terms may wait before they are applied to P of n partners.

    Many terms save writes to P, but each update passes over them, which costs too much
    when n is small.
    """
    return int(_WAITING[np.searchsorted(_FROM, n, side="right")])


def first_P(alpha: np.ndarray, groups: np.ndarray | None = None, row_sum: np.ndarray | None = None) -> np.ndarray:
    """Return P(0), whose inverse is ``diag(1/alpha)`` plus ``row_sum`` between partners of one group.

    Parameters
    ----------
    alpha : array, shape (partners,)
        Initial scale of each partner.
    groups : array of int, shape (partners,), optional
        The group of each; -1 for none.
    row_sum : array, shape (partners,), optional
        The penalty on the sum of a row's weights from the group of each.

    Examples
    --------
    >>> first_P(np.ones(2), np.zeros(2, int), np.ones(2)).round(3)
    array([[ 0.667, -0.333],
           [-0.333,  0.667]])
    """
    P = np.diag(alpha)
    if groups is None or row_sum is None:
        return P
    for g in np.unique(groups[groups >= 0]):
        a = np.where(groups == g, alpha, 0)
        penalty = row_sum[groups == g][0]
        P -= penalty / (1 + penalty * a.sum()) * np.outer(a, a)
    return P


class BlockSizes(NamedTuple):
    """Sizes of everything: enough to declare the arrays of `Blocks`.

    Attributes
    ----------
    blocks, partners, P : int
        Blocks, presynaptic partners of all blocks, and numbers of their packed triangles.
    pending_k, pending_c : int
        Numbers of the terms that wait to be applied to P.
    rows : tuple of int
        Rows that are learned, one number per map.
    """

    blocks: int
    partners: int
    P: int
    pending_k: int
    pending_c: int
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of P, as the flat arrays that generated code walks through.

    Attributes
    ----------
    sizes : list of int
        Partners of each block.
    partner : array of int32
        The partners of all blocks, one block after the other.
    start, P_start, pending_start, term_start : array of int64, shape (blocks + 1,)
        Where each block begins in `partner`, in packed P, and among the waiting terms: their
        numbers k, and their factors c.
    max_pending : array of int32, shape (blocks,)
        How many terms may wait.
    rows, row_start : list of arrays
        For each map, its rows in the order of the blocks, and where each block's begin.
    block_of : list of arrays of int32
        For each map, the block of each row; -1 for rows without partners.
    """

    sizes: list[int]
    partner: np.ndarray
    start: np.ndarray
    P_start: np.ndarray
    pending_start: np.ndarray
    term_start: np.ndarray
    max_pending: np.ndarray
    rows: list[np.ndarray]
    row_start: list[np.ndarray]
    block_of: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, partners: Sequence[Sequence[np.ndarray]]) -> Blocks:
        """Group the rows of all maps by their partners; rows without partners have no block.

        Parameters
        ----------
        partners : sequence, one per map, of sequences, one per row, of arrays of int
            The sources of each row.

        Examples
        --------
        >>> dense = [np.arange(3)] * 2
        >>> Blocks.of([dense]).sizes
        [3]
        >>> Blocks.of([[np.array([0, 1]), np.array([2])]]).sizes
        [2, 1]
        """
        number: dict[bytes, int] = {}
        members: list[np.ndarray] = []
        block_of = []
        for one_map in partners:
            blocks_of_rows = np.full(len(one_map), -1, dtype=np.int32)
            for row, sources in enumerate(one_map):
                if len(sources):
                    sources = np.asarray(sources, dtype=np.int32)
                    b = blocks_of_rows[row] = number.setdefault(sources.tobytes(), len(members))
                    if b == len(members):
                        members.append(sources)
            block_of.append(blocks_of_rows)
        n = np.array([len(m) for m in members], dtype=np.int64)
        waiting = _WAITING[np.searchsorted(_FROM, n, side="right")]
        rows, row_start = [], []
        for blocks_of_rows in block_of:
            order = np.argsort(blocks_of_rows, kind="stable")
            rows.append(order[blocks_of_rows[order] >= 0].astype(np.int32))
            row_start.append(_starts(np.bincount(blocks_of_rows[blocks_of_rows >= 0], minlength=len(n))))
        return cls(
            sizes=n.tolist(),
            partner=np.concatenate(members) if members else np.empty(0, np.int32),
            start=_starts(n),
            P_start=_starts(n * (n + 1) // 2),
            pending_start=_starts(n * waiting),
            term_start=_starts(waiting),
            max_pending=waiting,
            rows=rows,
            row_start=row_start,
            block_of=block_of,
        )

    @property
    def members(self) -> list[np.ndarray]:
        """The partners of each block."""
        return np.split(self.partner, self.start[1:-1]) if self.sizes else []

    @property
    def totals(self) -> BlockSizes:
        """Sizes of everything."""
        P, pending_k, pending_c = (int(a[-1]) for a in (self.P_start, self.pending_start, self.term_start))
        return BlockSizes(len(self), len(self.partner), P, pending_k, pending_c, tuple(map(len, self.rows)))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the values of the variables that every `RLS` declares for its blocks, by name.

        Examples
        --------
        >>> sorted(Blocks.of([[np.arange(3)]]).arrays())[:4]
        ['P_start', 'block_rows_0', 'block_start', 'max_pending']
        """
        names = ("partner", "P_start", "pending_start", "term_start", "max_pending")
        arrays = {"block_start": self.start} | {name: getattr(self, name) for name in names}
        for m in range(len(self.rows)):
            # Brian2 has no arrays without elements
            arrays[f"rows_{m}"] = self.rows[m] if len(self.rows[m]) else np.zeros(1, np.int32)
            arrays[f"block_rows_{m}"] = self.row_start[m]
        return arrays


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
