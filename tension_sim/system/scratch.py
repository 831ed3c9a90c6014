"""Folders for the files of a run: in memory where there is room, and swept when their process was killed.

A folder is locked (``flock``) by the process that made it, for as long as that lives: the system
drops the lock with the process, however it ends, and no other process can be taken for it, as a
process number could that was given again or that belongs to another container. The owner's and
the process's number in the name are for the reader.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["LOG", "Scratch", "fast_folder", "remove", "remove_aside", "sweep", "sweep_all"]

#: Where files never reach a disk, and how many bytes of a run's arrays may lie there.
_IN_MEMORY = "/dev/shm"
_MOST_IN_MEMORY = 2**28

#: The log of a failed run, which an error message names: a folder that holds one stays for a week.
LOG = "log.txt"
_KEPT = 7 * 24 * 3600

_NAME = re.compile(r"(?:^|\.)tension_sim_(\d+)_\d+_\w+$")

#: Seconds until a folder that took more than `_SLOW` seconds to list is listed again, in such times.
_PAUSE, _SLOW = 100, 0.01
_listed: dict[Path, tuple[float, float]] = {}

#: Seconds between two runs of a process that look for what others left: a training runs many short windows.
_BETWEEN_RUNS = 10.0


class Scratch:
    """A folder of this process, which is removed with all that is in it, but not before the files that are kept.

    In a process that was forked from this one nothing happens to it: it belongs to its maker.

    Parameters
    ----------
    parent : str or Path, optional
        Where it is made; in the folder for temporary files by default.
    prefix : str, optional
        What its name begins with, such as ``"<key>."`` for the draft of a program.

    Raises
    ------
    OSError
        If it cannot be made.

    Examples
    --------
    >>> with Scratch() as scratch:
    ...     _ = (scratch.path / "a").write_bytes(b"1")
    >>> scratch.path.exists()
    False
    """

    def __init__(self, parent: str | Path | None = None, prefix: str = "") -> None:
        self._pid = os.getpid()
        self._kept: set[Path] = set()
        self._closed = False
        self._guard = threading.RLock()  # a finalizer may come at any time
        while True:
            name = f"{prefix}tension_sim_{os.geteuid()}_{self._pid}_"
            self.path: Path = Path(tempfile.mkdtemp(prefix=name, dir=parent))
            self._lock = _lock(self.path)
            if self._lock is not None and self.path.exists():  # else one who sweeps was faster
                return

    def keep(self, path: Path) -> None:
        """Let a file in the folder stay until it is dropped."""
        with self._guard:
            self._kept.add(path)

    def drop(self, path: Path) -> None:
        """Remove a file that was kept; the folder goes with the last one."""
        if os.getpid() != self._pid:
            return
        with self._guard:
            self._kept.discard(path)
            remove(path)
            if self._closed:
                self.close()

    def close(self) -> None:
        """Remove the folder, or all but the files that are kept."""
        if os.getpid() != self._pid:
            return
        with self._guard:
            self._closed = True
            if self._kept:
                _empty(self.path, {str(path) for path in self._kept})
                return
            remove(self.path)
            self.release()

    @property
    def lock(self) -> int | None:
        """The descriptor that keeps the folder this process's, until it is released."""
        return self._lock

    def release(self) -> None:
        """Release the folder without removing it."""
        with self._guard:
            if self._lock is not None:
                os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep(parent: str | Path, pause: float = 0.0) -> None:
    """Remove what processes of this user left in a folder when they were killed.

    Only folders that `Scratch` made are looked at, no links and no files; those of a living process, and logs
    that are younger than a week, stay. Nothing is done within `pause` seconds after the last time, in this process.
    """
    parent = Path(parent)
    now = time.monotonic()
    last, took = _listed.get(parent, (-np.inf, 0.0))
    if now - last < max(pause, _PAUSE * took if took > _SLOW else 0.0):
        return
    try:
        entries = [entry for entry in os.scandir(parent) if _NAME.search(entry.name)]
    except OSError:  # it need not be there
        return
    _listed[parent] = (now, time.monotonic() - now)
    for entry in entries:
        with contextlib.suppress(OSError):
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                _sweep_one(Path(entry.path))


def sweep_all() -> None:
    """Sweep wherever runs may have left something, unless a run of this process just did."""
    sweep(_IN_MEMORY, _BETWEEN_RUNS)
    with contextlib.suppress(OSError):  # no folder for temporary files
        sweep(tempfile.gettempdir(), _BETWEEN_RUNS)


def _sweep_one(folder: Path) -> None:
    lock = _lock(folder, or_nothing=True)
    if lock is None:
        return
    try:
        log = folder / LOG
        if not log.exists() or time.time() - log.stat().st_mtime > _KEPT:
            remove(folder)
    finally:
        os.close(lock)


def _lock(folder: Path, or_nothing: bool = False) -> int | None:
    """Lock a folder; None if it is gone, or another has it.

    Where the file system knows no locks, the folder is returned open, or None with `or_nothing`.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if or_nothing or isinstance(error, BlockingIOError):
            os.close(descriptor)
            return None
    return descriptor


def fast_folder(values: Mapping[str, Any], recorded: int) -> str | None:
    """Return a folder in memory with ample room for the files of a run; None where the user names another."""
    if any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")) or not os.access(_IN_MEMORY, os.W_OK):
        return None
    size = recorded + 2 * sum(_nbytes(value) for value in values.values())
    return _IN_MEMORY if size < min(_MOST_IN_MEMORY, shutil.disk_usage(_IN_MEMORY).free // 4) else None


def _nbytes(value: Any) -> int:
    return int(value.nbytes if hasattr(value, "nbytes") else np.asarray(value).nbytes)


def _empty(folder: str | Path, kept: set[str]) -> None:
    """Remove the files in a folder and its folders, but for those that are kept."""
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for each in found:
            if each.is_dir(follow_symlinks=False):
                _empty(each.path, kept)
            elif each.path not in kept:
                with contextlib.suppress(OSError):
                    os.unlink(each.path)


def remove(path: Path | None) -> None:
    """Remove a file or a folder, if it is there."""
    if path is None:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def remove_aside(path: Path, suffix: str) -> None:
    """Rename a file or folder, so that other processes no longer find it; then remove it as far as possible.

    Parameters
    ----------
    path : Path
        What need not be there; a link is removed, not what it names.
    suffix : str
        What the name ends with meanwhile, by which a later run finds what a kill left.

    Raises
    ------
    OSError
        If it cannot be renamed.
    """
    if os.path.lexists(path):
        aside = path.with_name(f"{path.name}.{os.getpid()}{suffix}")
        path.rename(aside)
        remove(aside)
