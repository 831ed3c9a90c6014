"""Arrays of a run in files: a large one stays in its file, which a further run reads."""

from __future__ import annotations

import mmap
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ..system.constant_files import constant_file
from ..system.memory_maps import MappedFile, file_behind, in_parts
from ..system.scratch import Scratch
from ..system.spare_files import Spare, take

__all__ = ["file_of", "from_file", "room_for", "write_numbers"]

#: Bytes of an array from which on it stays in its file.
_LARGE = 2**23


def room_for(path: Path, nbytes: int) -> mmap.mmap | None:
    """Put a file at `path` that a large array is written into, where one of that size is spare; return its map."""
    return None if nbytes < _LARGE else take(path, nbytes)


def from_file(path: Path, dtype: np.dtype, scratch: Scratch, room: mmap.mmap | None = None) -> np.ndarray:
    """Read an array; a large one, such as P, stays in a file, which lives as long as the array.

    Parameters
    ----------
    path : Path
        A file in the folder of `scratch`.
    dtype : dtype
    scratch : Scratch
        Keeps the file for as long as the array, or a part of it, is there.
    room : mmap.mmap, optional
        Map of the file, if it is one that :func:`room_for` put there.
    """
    if path.stat().st_size < _LARGE:
        return np.fromfile(path, dtype=dtype)
    mapped = MappedFile(path, dtype, room)
    scratch.keep(path)
    weakref.finalize(mapped, Spare(path, mapped.map, scratch).offer)
    return np.asarray(mapped)


def write_numbers(path: Path, value: Any, dtype: str) -> None:
    """Write an array into a file, in a type."""
    with path.open("wb") as file:  # by parts: no copy in another type
        for part in in_parts(value):  # ndarray.tofile says nothing of a full disk
            file.write(np.ascontiguousarray(part, dtype).data)


def file_of(value: Any, dtype: str, parent: Path) -> Path | None:
    """Return a file that holds an array and that no run has to write, or None.

    This process mapped the whole array from it, or the array cannot change; its file is made in a folder in `parent`.
    """
    return _file_behind(value, dtype) or constant_file(
        value, dtype, parent, lambda path: write_numbers(path, value, dtype)
    )


def _file_behind(value: Any, dtype: str) -> Path | None:
    """Return the file that an array was mapped from.

    After a fork the file is the other process's, which may remove it at any time; what is
    mapped stays readable, so it is written anew.
    """
    kept = file_behind(value)
    if kept is None or kept.owner != os.getpid():
        return None
    same = (
        value.dtype == dtype == kept.dtype
        and value.flags.c_contiguous
        and value.nbytes == kept.nbytes
        and value.__array_interface__["data"][0] == kept.__array_interface__["data"][0]
    )
    try:
        whole = kept.path.stat().st_size == kept.nbytes
    except OSError:
        return None
    return kept.path if same and whole else None
