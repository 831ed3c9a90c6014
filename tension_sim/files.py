"""Result files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from uuid import uuid4

from .errors import OutputError, message

__all__ = ["write_whole"]

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
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
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
        raise _refusal(where, path, error) from error
    return path


def check_free(where: str, path: str | Path, overwrite: bool = True) -> None:
    """Refuse a path that exists while it may not be replaced; costs nothing, so call it before long work."""
    if not overwrite and Path(path).exists():
        raise OutputError(
            message(where, "a file that does not exist yet", str(path), "choose another name, or overwrite=True.")
        )


def _refusal(where: str, path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    fix = _FIXES.get(error.errno or 0, "choose another folder.")
    refusal = OutputError(message(where, f"a file that can be written ({reason})", str(path), fix))
    refusal.errno = error.errno
    return refusal
