"""Arrays that stay in their files, read part by part so that they need not fit into memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .scaled import Scaled

__all__ = ["MappedFile", "file_behind", "in_parts", "drop_pages"]

#: Numbers in a part.
_PART = 2**20
#: Files up to this many bytes stay in memory: reading them again costs more than they occupy.
_SMALL = 2**25


class MappedFile:
    """A file as memory that cannot be written; ``np.asarray`` of it is a plain array.

    Not a `numpy.memmap`: joblib passes one of those to another process by the name of its file,
    which need not be there any more. What is pickled or copied of this one is its numbers.

    Parameters
    ----------
    path : Path
        The file, not empty.
    dtype : dtype
        What its bytes are.
    mapped : mmap.mmap, optional
        All of the file, where it is mapped already.

    Attributes
    ----------
    owner : int
        The process that opened it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "three"
    >>> np.arange(3.0).tofile(path)
    >>> array = np.asarray(MappedFile(path, "float64"))
    >>> type(array), array
    (<class 'numpy.ndarray'>, array([0., 1., 2.]))
    """

    def __init__(self, path: Path, dtype: Any, mapped: mmap.mmap | None = None) -> None:
        self.path: Path = path
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.owner: int = os.getpid()
        self.map: mmap.mmap = _mapped(path) if mapped is None else mapped
        numbers = np.frombuffer(self.map, dtype)
        self.nbytes: int = numbers.nbytes
        self.__array_interface__: dict[str, Any] = dict(numbers.__array_interface__)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def file_behind(array: Any) -> MappedFile | None:
    """Return the file that an array, or the whole that it is a part of, stays in."""
    while array is not None and not isinstance(array, MappedFile):
        array = getattr(array, "base", None)
    return array


def in_parts(array: ArrayLike | Scaled) -> Iterator[np.ndarray]:
    """Yield an array part by part, flat; of a mapped file or a product, only one part is in memory.

    Examples
    --------
    >>> [part.tolist() for part in in_parts(np.eye(2))]
    [[1.0, 0.0, 0.0, 1.0]]
    """
    if isinstance(array, Scaled):
        for first in range(0, max(array.size, 1), _PART):
            yield array.part(first, first + _PART)
        return
    array = np.asanyarray(array)
    flat = np.ravel(array)
    for first in range(0, max(flat.size, 1), _PART):
        yield np.asarray(flat[first : first + _PART])
        drop_pages(array)


def drop_pages(array: Any) -> None:
    """Drop a memory map's cached pages, unless they are few."""
    if not hasattr(mmap, "MADV_DONTNEED"):
        return
    kept = file_behind(array)
    if kept is not None:
        if kept.nbytes > _SMALL:
            kept.map.madvise(mmap.MADV_DONTNEED)
    elif isinstance(array, np.memmap) and array.mode != "c":  # "c": changed pages would be lost
        array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined] # it has no public name
