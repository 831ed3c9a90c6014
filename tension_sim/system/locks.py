"""One process builds a program, the others wait and use it.

The lock is an flock of a file beside the program: it ends with its owner, however that dies. The file goes with the
lock. Where a file system knows no locks, each process builds for itself.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["SUFFIX", "is_free", "locked"]

#: What the name of a lock's file ends with.
SUFFIX = ".lock"

#: Seconds after which a user is told why nothing happens, and between two looks at a lock.
_PATIENCE = 1.0
_LOOK_EVERY = 0.05

_log = logging.getLogger("tension_sim")
_held: dict[Path, int] = {}  # by which threads of this process


def _lock(path: Path) -> Any:
    """Return the lock of a program that lies, or will lie, at a path."""
    from filelock import FileLock

    shared = path.parent.stat().st_mode & stat.S_IWGRP
    file = path.with_name(path.name + SUFFIX)
    return FileLock(file, mode=0o660 if shared else 0o600, thread_local=False, fallback_to_soft=False)


@contextmanager
def locked(path: Path, *, may_wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a program.

    Parameters
    ----------
    path : Path
        Where the program lies, or will lie.
    may_wait : bool, optional
        False where another thread of this process, which holds the lock, may wait for this one in turn.

    Yields
    ------
    bool
        Whether the lock is held: not where the file system knows none.
    """
    lock = None
    try:
        lock = _acquire(path, may_wait)
    except OSError as error:
        _log.debug("no lock for %s: %s", path, error)
    if lock is None:
        yield False
        return
    _held[path] = threading.get_ident()
    try:
        yield True
    finally:
        _held.pop(path, None)
        _release(path, lock)


def _acquire(path: Path, may_wait: bool) -> Any:
    from filelock import Timeout

    lock, begin, told = _lock(path), time.monotonic(), False
    while True:
        try:
            lock.acquire(timeout=0)
            return lock
        except Timeout:
            if path in _held and (not may_wait or _held[path] == threading.get_ident()):
                return None
        # another thread of this process says what it does itself
        if not told and path not in _held and time.monotonic() - begin > _PATIENCE:
            told = True
            _log.warning("Waiting for another process that builds this program (Ctrl-C ends the wait).")
        time.sleep(_LOOK_EVERY)


def _release(path: Path, lock: Any) -> None:
    """Remove the file while the lock is held: who opened it before sees that it is gone, and makes a new one."""
    with suppress(OSError):
        os.unlink(lock.lock_file)
    lock.release()


def is_free(path: Path) -> bool:
    """Say whether nobody builds a program; False where that cannot be known."""
    if path in _held:
        return False
    try:
        lock = _lock(path)
        lock.acquire(timeout=0)
    except (OSError, TimeoutError):
        return False
    _release(path, lock)
    return True
