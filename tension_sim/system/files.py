"""Result files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tomllib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from ..errors import InvalidTypeError, InvalidValueError, OutputError, message

__all__ = [
    "check_free",
    "check_path",
    "is_torn",
    "open_regular",
    "parse_toml",
    "read_regular",
    "read_toml",
    "remove_torn",
    "sync_folder",
    "write_refusal",
    "write_whole",
]

_MOST_TOML = 2**24  # bytes
_END = ".part"  # of the name of a file while it is written

_FIXES = {
    errno.ENOSPC: "free some space on the disk, or choose another folder.",
    errno.EDQUOT: "your quota is used up: free some space, or choose another folder.",
    errno.EFBIG: "the file would be larger than the system allows here: choose another folder.",
    errno.EROFS: "the disk is read-only: choose another folder.",
    errno.EACCES: "you may not write there: choose another folder.",
    errno.EPERM: "you may not write there: choose another folder.",
    errno.ENOENT: "create the folder first.",
    errno.ENOTDIR: "part of the path is a file: choose another folder.",
    errno.EISDIR: "there is a folder of this name: choose another name.",
    errno.ENOTEMPTY: "there is a folder of this name: choose another name.",
}


def check_path(where: str, value: Any) -> Path:
    """Return a path, with ``~`` replaced by the user's home.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no path, or names the home of an unknown user.

    Examples
    --------
    >>> check_path("demo.path", "results/a.nix").name
    'a.nix'
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise InvalidTypeError(message(where, "a path", value, "put it in quotes."))
    text = os.fspath(value)
    if not text or "\0" in text or any(len(os.fsencode(part)) > 255 for part in _parts(where, text)):
        raise InvalidValueError(message(where, "a path that a file can have", text))
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InvalidValueError(message(where, "the home of a user of this machine", text, "check the name.")) from None


def _parts(where: str, text: str) -> tuple[str, ...]:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidValueError(message(where, "a path that a file can have", text)) from None
    return Path(text).parts


def open_regular(where: str, path: str | Path, what: str = "a file that can be read") -> BinaryIO:
    """Open a file for reading, if it is one: no folder, pipe or device, which may never end.

    `what` says what was expected, for messages.

    Raises
    ------
    InvalidValueError
        If it is missing, something else, or may not be read.
    """
    path = check_path(where, path)
    try:
        # a pipe would wait for its other end
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise InvalidValueError(message(where, what, f"{path} ({error.strerror})", "check the path.")) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        received = f"{path}, a folder, pipe or device"
        raise InvalidValueError(message(where, what, received, "check the path."))
    return os.fdopen(descriptor, "rb")


def read_regular(where: str, path: str | Path, most: int) -> bytes:
    """Return the content of a file of at most so many bytes."""
    with open_regular(where, path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InvalidValueError(message(where, f"a file of at most {most / 1e6:.3g} MB", str(path)))
    return content


def read_toml(where: str, path: str | Path, most: int = _MOST_TOML) -> dict[str, Any]:
    """Return the tables of a TOML file of at most so many bytes.

    Raises
    ------
    InvalidValueError
        If it cannot be read, is no TOML, or holds what no sane file holds.
    """
    return parse_toml(where, read_regular(where, path, most))


def parse_toml(where: str, content: bytes) -> dict[str, Any]:
    """Return the tables of a TOML file from its content; see `read_toml`."""
    fix = "correct that line; text needs quotes."
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise InvalidValueError(message(where, "a file that can be read, in UTF-8", str(error))) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidValueError(message(where, "a file in TOML", str(error), fix)) from None
    except RecursionError:
        raise InvalidValueError(message(where, "a file in TOML", "brackets nested too deep", fix)) from None
    except (ValueError, OverflowError) as error:
        raise InvalidValueError(message(where, "a file in TOML", str(error)[:100], fix)) from None


def write_whole(where: str, path: str | Path, data: bytes | memoryview, *, overwrite: bool = True) -> Path:
    """Write a file so that a reader never meets a part of it, and a failure leaves the old one whole.

    Parameters
    ----------
    where : str
        Name of the caller's argument, for the error.
    path : str or Path
        File to write, in a folder that exists.
    data : bytes-like
        Its whole content.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_whole("demo.path", folder + "/a.txt", b"hello").read_bytes()
    b'hello'
    """
    path = Path(path)
    check_free(where, path, overwrite)
    # the same folder, so that the rename stays on one file system
    part = path.with_name(f"{_begin(path.name)}{uuid4().hex[:8]}{_END}")
    try:
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise write_refusal(where, path, error) from error
    return path


def is_torn(name: str, of: str) -> bool:
    """Say whether a file of this name is what a kill leaves of one that was being written.

    Examples
    --------
    >>> is_torn(".a.txt.1f2e3d4c.part", "a.txt"), is_torn("a.txt", "a.txt")
    (True, False)
    """
    return name.startswith(_begin(of)) and name.endswith(_END)


def remove_torn(folder: Path, of: Collection[str]) -> None:
    """Remove what a kill left of files of these names; nobody else writes them meanwhile.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in (".a.txt.1f2e3d4c.part", "a.txt", ".b.txt.1f2e3d4c.part"):
    ...     (folder / name).touch()
    >>> remove_torn(folder, ["a.txt"])
    >>> sorted(path.name for path in folder.iterdir())
    ['.b.txt.1f2e3d4c.part', 'a.txt']
    """
    with suppress(OSError):  # what stays is removed at the next start
        for path in list(folder.iterdir()):
            if any(is_torn(path.name, name) for name in of):
                path.unlink(missing_ok=True)


def _begin(name: str) -> str:
    return f".{name}."


def check_free(where: str, path: str | Path, overwrite: bool = True) -> None:
    """Refuse a path that exists while it may not be replaced; costs nothing, so call it before long work."""
    if not overwrite and Path(path).exists():
        raise OutputError(
            message(where, "a file that does not exist yet", str(path), "choose another name, or overwrite=True.")
        )


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that the names of its files survive a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_refusal(where: str, path: Path, error: OSError) -> OutputError:
    """Return the error of a file that cannot be written; `where` begins the message."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        with suppress(OSError):
            reason += f"; {shutil.disk_usage(path.parent).free / 1e6:.3g} MB are free"
    fix = _FIXES.get(error.errno or 0, "choose another folder.")
    refusal = OutputError(message(where, f"a file that can be written ({reason})", str(path), fix))
    refusal.errno = error.errno
    return refusal
