"""Files that nobody reads any more, for later runs to write into: their pages are there, and mapped already.

To give a file new pages, to map these and to free them again takes longer than to fill pages that are there. A training
of many short runs writes a large P after each of them, and soon drops that of the run before.

A file is handed on only when nothing is left of the array that was mapped from it. A process that was forked from this
one maps the same pages, so that all files of before a fork go as they always did.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import weakref
from pathlib import Path

from .scratch import Scratch

__all__ = ["Spare", "take"]

#: Bytes that are kept at most; what a network no longer writes is soon driven out by what it does.
_MOST = 2**26

_spares: list[Spare] = []
_forks = 0


class Spare:
    """A mapped file of a run, once its numbers are no longer needed; it is removed with this object.

    Parameters
    ----------
    path : Path
        A file that `scratch` keeps.
    mapped : mmap.mmap
        All of it.
    scratch : Scratch
    """

    def __init__(self, path: Path, mapped: mmap.mmap, scratch: Scratch) -> None:
        self.path: Path = path
        self.map: mmap.mmap = mapped
        self._forks = _forks
        self._remove = weakref.finalize(self, scratch.drop, path)

    def offer(self) -> None:
        """Keep it for a later run, unless another process has it mapped or it is large."""
        if self._forks == _forks and len(self.map) <= _MOST:
            _spares.append(self)
            while sum(len(each.map) for each in _spares) > _MOST:
                _spares.pop(0)

    def move(self, path: Path) -> bool:
        """Give the file another name in the same file system, and say whether that worked; the old folder may go."""
        with contextlib.suppress(OSError):
            self.path.rename(path)
            self._remove()
            return True
        return False


def take(path: Path, nbytes: int) -> mmap.mmap | None:
    """Put a file of that size at `path`, of any content, and return its map; None where none is spare."""
    for spare in list(_spares):
        with contextlib.suppress(ValueError):  # another thread was faster
            if len(spare.map) == nbytes:
                _spares.remove(spare)
                return spare.map if spare.move(path) else None
    return None


def _forked() -> None:
    global _forks
    _forks += 1
    _spares.clear()


os.register_at_fork(before=_forked)
