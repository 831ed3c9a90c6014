"""Arrays that stay in their files: gone through part by part, so that they need not fit into memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["in_parts", "let_go"]

#: Numbers in a part.
_PART = 2**22


def in_parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array part by part, flat; of one that stays in its file, no more than a part is in memory.

    Examples
    --------
    >>> [part.tolist() for part in in_parts(np.eye(2))]
    [[1.0, 0.0, 0.0, 1.0]]
    """
    flat = np.ravel(array)
    for first in range(0, max(flat.size, 1), _PART):
        yield np.asarray(flat[first : first + _PART])
        let_go(array)


def let_go(array: Any) -> None:
    """Take what was read of an array that stays in its file out of memory."""
    if isinstance(array, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
        array._mmap.madvise(mmap.MADV_DONTNEED)
