"""Arrays of a run in files: a large one stays in its file, which a further run reads."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from .scratch import remove

__all__ = ["file_of", "from_file"]

#: Bytes of an array from which on it stays in its file.
_LARGE = 2**23


def from_file(path: Path, dtype: np.dtype) -> np.ndarray:
    """Read an array; a large one, such as P, stays in its file, which goes with it and which a further run reads."""
    if path.stat().st_size < _LARGE:
        return np.fromfile(path, dtype=dtype)
    handle, kept = tempfile.mkstemp(prefix="tension_sim_", suffix=".array", dir=path.parents[2])
    os.close(handle)
    os.replace(path, kept)
    array = np.memmap(kept, dtype=dtype, mode="r")
    weakref.finalize(array, remove, Path(kept))
    return array


def file_of(value: Any, dtype: str) -> Path | None:
    """Return the file that holds an array, if it is a whole one that stayed there."""
    whole = value
    while isinstance(getattr(whole, "base", None), np.ndarray):
        whole = whole.base
    if not isinstance(whole, np.memmap) or whole.filename is None:
        return None
    same = whole.nbytes == value.nbytes and whole.dtype == value.dtype == dtype and value.flags.c_contiguous
    return Path(whole.filename) if same else None
