"""Files of arrays that cannot change, which the runs of this process read again and again.

A training of many short runs brings the same static weights into each of them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .scaled import Scaled
from .scratch import Scratch

__all__ = ["constant_file"]

#: Bytes of an array from which on writing it counts, and of all such files together.
_LARGE, _MOST = 2**20, 2**26

_files: dict[tuple[Any, ...], tuple[Path, int]] = {}


def constant_file(value: Any, dtype: str, parent: Path, write: Callable[[Path], None]) -> Path | None:
    """Return the file that holds a read-only array, written at the first call; None for other arrays.

    It goes with the array, or with this process.

    Parameters
    ----------
    value : array or Scaled
    dtype : str
        Type of the numbers in the file.
    parent : Path
        Where the folder of a new file is made.
    write : callable
        Writes the numbers of `value` into a file.
    """
    source, factor = (value.array, value.factor) if isinstance(value, Scaled) else (value, None)
    nbytes = value.size * np.dtype(dtype).itemsize if _is_fixed(source) else 0
    if nbytes < _LARGE:
        return None
    # in a process that was forked the files are its parent's
    key = (os.getpid(), id(source), factor, str(value.dtype), dtype, parent)
    if key in _files and not _files[key][0].exists():  # somebody tidied up
        del _files[key]
    if key not in _files:
        if nbytes + sum(size for _, size in _files.values()) > _MOST:
            return None
        scratch = Scratch(parent)
        try:
            write(scratch.path / "numbers")
        except BaseException:
            scratch.close()
            raise
        _files[key] = scratch.path / "numbers", nbytes
        weakref.finalize(source, _drop, key, scratch)
    return _files[key][0]


def _drop(key: tuple[Any, ...], scratch: Scratch) -> None:
    _files.pop(key, None)
    scratch.close()


def _is_fixed(array: Any) -> bool:
    """Say whether nobody can write into an array, nor into the one that it is a part of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        if array.base is None:
            return True
        array = array.base
    return False
