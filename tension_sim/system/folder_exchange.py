"""Replace a folder's files together: a reader finds all of the old ones, or all of the new ones.

The new files are written into a folder beside it, ``.NAME.HOST-PID-RANDOM.part``, and both folders
exchange their names in one step of the system (or two, where it has no such step). A folder that
holds other files too, is the current one, or lies in a folder that cannot be written, stays where
it is: its new files are made ready inside, under ``.tension_sim.HOST-PID-RANDOM.ready``, and moved
out one by one. What a killed process left is finished or removed by `settle`.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import sync_folder

__all__ = ["replaced_as_one", "settle"]

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_LEFT = re.compile(r"^\.(?P<name>.+)\.(?P<host>\w*)-(?P<pid>\d+)-\w+\.(?P<kind>part|old|ready)$")
_INSIDE = "tension_sim"
_OWN: set[Path] = set()  # at work in this process
_STALE = 86_400  # seconds after which what another machine left counts as left by a dead process


@contextmanager
def replaced_as_one(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Yield an empty folder to write files into, which then replace those of `folder`.

    Parameters
    ----------
    folder : Path
        It exists.
    names : collection of str
        The files that are replaced; all others in the folder stay.

    Raises
    ------
    OSError
        `folder` is as it was then.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp()) / "results"
    >>> folder.mkdir()
    >>> with replaced_as_one(folder, ["a.txt"]) as part:
    ...     _ = (part / "a.txt").write_text("new")
    >>> [path.name for path in folder.iterdir()], (folder / "a.txt").read_text()
    (['a.txt'], 'new')
    """
    folder = folder.resolve()
    settle(folder, names)
    part = _part_of(folder, names)
    _OWN.add(part)
    try:
        shutil.copymode(folder, part)
        yield part
        sync_folder(part)
        if part.parent == folder:
            _move_out(part, folder, names)
        else:
            _exchange(part, folder, names)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _OWN.discard(part)


def settle(folder: Path, names: Collection[str]) -> None:
    """Finish or remove what killed processes left of a folder's replacement."""
    folder = folder.resolve()
    for place, name in ((folder.parent, folder.name), (folder, _INSIDE)):
        for left in sorted(place.glob(".*-*.*")) if place.is_dir() else ():
            match = _LEFT.match(left.name)
            if match is None or match["name"] != name or _lives(match["host"], int(match["pid"]), left):
                continue
            if match["kind"] == "ready":
                _empty(left, folder, names, replace=True)
            elif match["kind"] == "old" and not folder.exists():
                left.rename(folder)
            elif folder.is_dir():
                _empty(left, folder, (), replace=False, but=names)  # files of the user's
            shutil.rmtree(left, ignore_errors=True)


def _part_of(folder: Path, names: Collection[str]) -> Path:
    owner = f"{_host()}-{os.getpid()}-"
    alone = all(path.name in names for path in folder.iterdir())
    if alone and folder != Path.cwd() and not os.path.ismount(folder):
        with suppress(OSError):  # the folder around it may be read-only
            return Path(tempfile.mkdtemp(prefix=f".{folder.name}.{owner}", suffix=".part", dir=folder.parent))
    return Path(tempfile.mkdtemp(prefix=f".{_INSIDE}.{owner}", suffix=".part", dir=folder))


def _exchange(part: Path, folder: Path, names: Collection[str]) -> None:
    if _swap(part, folder):
        old = part
    else:
        old = part.with_suffix(".old")
        folder.rename(old)
        try:
            part.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
    _empty(old, folder, (), replace=False, but=names)  # what came in meanwhile
    shutil.rmtree(old, ignore_errors=True)


def _swap(a: Path, b: Path) -> bool:
    """Exchange the names of two folders in one step, where the system can."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    rename.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0


def _move_out(part: Path, folder: Path, names: Collection[str]) -> None:
    ready = part.with_suffix(".ready")
    part.rename(ready)  # from here on, `settle` finishes what a kill leaves
    sync_folder(folder)
    _empty(ready, folder, names, replace=True)
    shutil.rmtree(ready, ignore_errors=True)


def _empty(left: Path, folder: Path, names: Collection[str], *, replace: bool, but: Collection[str] = ()) -> None:
    """Move files of a folder into another one: those named, or all but some."""
    for path in sorted(left.iterdir()):
        if (path.name in names if names else path.name not in but) and (replace or not (folder / path.name).exists()):
            with suppress(OSError):
                os.replace(path, folder / path.name)


def _lives(host: str, pid: int, left: Path) -> bool:
    """Whether the process that made a folder may still be at work."""
    if host != _host():
        with suppress(OSError):
            return time.time() - left.stat().st_mtime < _STALE
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return pid != os.getpid() or left in _OWN


def _host() -> str:
    return re.sub(r"\W", "_", socket.gethostname())
