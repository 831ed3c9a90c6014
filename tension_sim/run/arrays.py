"""Arrays of a run in files: a large one stays in its file, which a further run reads."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ..system.memory_maps import MappedFile, file_behind
from ..system.scratch import Scratch

__all__ = ["file_of", "from_file"]

#: Bytes of an array from which on it stays in its file.
_LARGE = 2**23


def from_file(path: Path, dtype: np.dtype, scratch: Scratch) -> np.ndarray:
    """Read an array; a large one, such as P, stays in a file, which lives as long as the array.

    Parameters
    ----------
    path : Path
        A file in the folder of `scratch`.
    dtype : dtype
    scratch : Scratch
        Keeps the file for as long as the array, or a part of it, is there.
    """
    if path.stat().st_size < _LARGE:
        return np.fromfile(path, dtype=dtype)
    mapped = MappedFile(path, dtype)
    scratch.keep(path)
    weakref.finalize(mapped, scratch.drop, path)
    return np.asarray(mapped)


def file_of(value: Any, dtype: str) -> Path | None:
    """Return the file that holds an array, if this process mapped the whole array from it.

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
