"""Rows of weights with the same partners share one block of P: who shares, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..structure import max_pending

__all__ = ["Blocks", "pack", "unpack"]


def pack(matrix: np.ndarray) -> np.ndarray:
    """Return the lower triangle of a symmetric matrix, row by row.

    Examples
    --------
    >>> pack(np.array([[1, 2], [2, 3]]))
    array([1, 2, 3])
    """
    return matrix[np.tril_indices(len(matrix))]


def unpack(packed: np.ndarray, n: int) -> np.ndarray:
    """Return the symmetric matrix of a packed lower triangle.

    Examples
    --------
    >>> unpack(np.array([1, 2, 3]), 2)
    array([[1, 2],
           [2, 3]])
    """
    matrix = np.empty((n, n), dtype=packed.dtype)
    lower = np.tril_indices(n)
    matrix[lower] = packed
    matrix.T[lower] = packed
    return matrix


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of P, as the flat arrays that generated code walks through.

    Attributes
    ----------
    sizes : list of int
        Partners of each block.
    partner : array of int32
        The partners of all blocks, one block after the other.
    start, P_start, pending_start : array of int64, shape (blocks + 1,)
        Where each block begins in `partner`, in packed P, and among the waiting terms.
    max_pending : array of int32, shape (blocks,)
        How many terms may wait.
    rows, row_start : list of arrays
        For each map, its rows in the order of the blocks, and where each block's begin.
    """

    sizes: list[int]
    partner: np.ndarray
    start: np.ndarray
    P_start: np.ndarray
    pending_start: np.ndarray
    max_pending: np.ndarray
    rows: list[np.ndarray]
    row_start: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, partners: Sequence[Sequence[np.ndarray]]) -> Blocks:
        """Group the rows of all maps by their partners; rows without partners have no block.

        Parameters
        ----------
        partners : sequence, one a map, of sequences, one a row, of arrays of int
            The sources of each row.

        Examples
        --------
        >>> dense = [np.arange(3)] * 2
        >>> Blocks.of([dense]).sizes
        [3]
        >>> Blocks.of([[np.array([0, 1]), np.array([2])]]).sizes
        [2, 1]
        """
        block_of: dict[bytes, int] = {}
        members: list[np.ndarray] = []
        rows_of = []
        for one_map in partners:
            blocks_of_rows = np.full(len(one_map), -1)
            for row, sources in enumerate(one_map):
                if len(sources):
                    key = np.asarray(sources, dtype=np.int32).tobytes()
                    if key not in block_of:
                        block_of[key] = len(members)
                        members.append(np.asarray(sources, dtype=np.int32))
                    blocks_of_rows[row] = block_of[key]
            rows_of.append(blocks_of_rows)
        sizes = [len(m) for m in members]
        n = np.array(sizes, dtype=np.int64)
        waiting = np.array([max_pending(size) for size in sizes], dtype=np.int32)
        rows, row_start = [], []
        for blocks_of_rows in rows_of:
            order = np.argsort(blocks_of_rows, kind="stable")
            rows.append(order[blocks_of_rows[order] >= 0].astype(np.int32))
            counts = np.bincount(blocks_of_rows[blocks_of_rows >= 0], minlength=len(sizes))
            row_start.append(_starts(counts))
        return cls(
            sizes=sizes,
            partner=np.concatenate(members) if members else np.empty(0, np.int32),
            start=_starts(n),
            P_start=_starts(n * (n + 1) // 2),
            pending_start=_starts(n * waiting),
            max_pending=waiting,
            rows=rows,
            row_start=row_start,
        )


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
