"""The files of a program's folder that count, and their seal: a digest that reveals any change.

Three things count: the binary ``main`` with its run bit, ``manifest.json``, and ``static_arrays``, which the binary
reads. Nothing else stays in the folder but the file ``complete``, which holds the digest and is written last.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..system.trust import why_untrusted
from .program import Program

__all__ = ["MANIFEST", "load", "seal"]

MANIFEST = "manifest.json"
_MAIN, _ARRAYS, _SEAL = "main", "static_arrays", "complete"
_log = logging.getLogger("tension_sim")

#: Mode of a program's folder and of a file in it that is run, in a cache of one user and in one of a group.
_MODES = {False: 0o700, True: 0o750}


def seal(folder: Path, *, shared: bool) -> None:
    """Remove what a program does not need, let nobody else change it, and write its digest.

    Parameters
    ----------
    folder : Path
        Where it was built.
    shared : bool
        Whether the group may read and run it.
    """
    for path in folder.iterdir():
        if path.name in (_MAIN, MANIFEST, _ARRAYS):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in [*_paths(folder), folder]:
        runs = path.is_dir() or path.name == _MAIN
        path.chmod(_MODES[shared] & (0o777 if runs else 0o666))
    (folder / _SEAL).write_text(_digest(folder))
    (folder / _SEAL).chmod(_MODES[shared] & 0o666)


def load(folder: Path, *, shared: bool = False) -> Program | None:
    """Return the program in a folder; None if it is absent, damaged, or not to be trusted, which is logged.

    Files that did not change since are read once in a process.
    """
    try:
        found = [(path, path.lstat()) for path in [folder, folder / _SEAL, *_paths(folder)]]
        for path, status in found:
            reason = why_untrusted(path, status, shared=shared)
            if reason is not None:
                _log.warning("The compiled program in %s is not run: %s.", folder, reason)
                return None
        state = tuple((str(path), *_state(status)) for path, status in found[1:])
        return _whole(folder, state) if os.access(folder / _MAIN, os.X_OK) else None
    except (OSError, ValueError):
        return None


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode


@lru_cache(maxsize=64)
def _whole(folder: Path, state: Any) -> Program | None:
    """Return the program in a folder if its digest fits; `state` says that files have not changed."""
    if (folder / _SEAL).read_text() != _digest(folder):
        return None
    return Program(folder, json.loads((folder / MANIFEST).read_text()), built=False)


def _paths(folder: Path) -> Iterator[Path]:
    """Return all files and folders that count, in an order of their own."""
    yield folder / _MAIN
    yield folder / MANIFEST
    arrays = folder / _ARRAYS
    if arrays.is_symlink() or arrays.exists():
        yield arrays
    if arrays.is_dir() and not arrays.is_symlink():
        yield from sorted(arrays.rglob("*"))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _paths(folder):
        mode = path.lstat().st_mode
        content = path.read_bytes() if stat.S_ISREG(mode) else b""
        kind = f"{stat.S_IFMT(mode):o} {bool(mode & stat.S_IXUSR)}"
        digest.update(f"{path.relative_to(folder).as_posix()}\0{kind}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
