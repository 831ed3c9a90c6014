"""Arrays from files that may come from strangers: sizes are checked before anything is read.

The header of a ``.npy`` file says how large its array is, and numpy asks for that much memory
before it reads; a ``.npz`` file of some kilobytes may unpack to terabytes.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InvalidValueError, TensionError, message
from .files import open_regular
from .memory import total_memory

__all__ = ["FAILURES", "TABLE", "load_arrays", "load_table", "read_header"]

#: What a supervisor's data are, for messages.
TABLE = "a .npy file or a text file of numbers"

_PART = 0.25  # of the memory, that one file may take
_PER_CHARACTER = 16  # bytes of memory while a text is read

#: What reading a damaged file may raise.
FAILURES = (
    OSError, ValueError, TypeError, EOFError, KeyError, IndexError, OverflowError, MemoryError, RuntimeError,
    NotImplementedError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


#: numpy has types for this from 2.4 on.
_FORMAT: Any = np.lib.format


def load_arrays(
    where: str,
    file: str | Path,
    wanted: Callable[[str], bool] = lambda name: True,
    what: str = "a .npy or .npz file of numbers",
) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz`` file by name, or that of a ``.npy`` file as ``"data"``.

    Parameters
    ----------
    where : str
        Section and key, for messages.
    file : str or Path
        The file; what is not a regular file is refused, as are objects (pickles).
    wanted : callable
        Says which arrays of a ``.npz`` file are read.
    what : str
        What was expected, for messages.

    Raises
    ------
    InvalidValueError
        If it cannot be read, or does not fit into a quarter of the memory.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.npz"
    >>> np.savez(path, rates=np.arange(3), other=np.zeros(9))
    >>> load_arrays("demo.data", path, lambda name: name == "rates")
    {'rates': array([0, 1, 2])}
    """
    try:
        with open_regular(where, file, what) as stream:
            if not zipfile.is_zipfile(stream):
                stream.seek(0)
                return {"data": _array(where, file, stream, os.fstat(stream.fileno()).st_size)}
            with zipfile.ZipFile(stream) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                members = {name: info for name, info in members.items() if wanted(name)}
                _check_size(where, file, sum(info.file_size for info in members.values()))
                found = {}
                for name, info in members.items():
                    with archive.open(info) as inner:
                        found[name] = _array(where, file, inner, info.file_size)
                return found
    except TensionError:
        raise
    except FAILURES as error:
        reason = str(error)[:100] or type(error).__name__
        raise InvalidValueError(message(where, what, f"{file} ({reason})", _fix(file, error))) from None


def _fix(file: str | Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return "check the path."
    if Path(file).suffix in (".npy", ".npz"):
        return "write the file again."
    return "write the array into such a file by numpy.save()."


def load_table(where: str, file: str | Path) -> np.ndarray:
    """Return a table of numbers from a text file: columns between blanks, or commas where it ends in ``.csv``.

    Raises
    ------
    InvalidValueError
        If it cannot be read, or does not fit into a quarter of the memory.
    """
    delimiter = "," if Path(file).suffix == ".csv" else None
    try:
        with open_regular(where, file, TABLE) as stream:
            _check_size(where, file, _PER_CHARACTER * os.fstat(stream.fileno()).st_size)
            return np.loadtxt(stream, delimiter=delimiter, ndmin=2, encoding="utf-8")
    except TensionError:
        raise
    except FAILURES as error:
        raise InvalidValueError(message(where, TABLE, f"{file} ({str(error)[:100]})", "check the path.")) from None


def read_header(stream: BinaryIO | Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether columns come first, and type of an array in numpy's format; its numbers come next.

    Raises
    ------
    ValueError
        If there is no such array.
    """
    version = _FORMAT.read_magic(stream)
    readers = {(1, 0): _FORMAT.read_array_header_1_0, (2, 0): _FORMAT.read_array_header_2_0}
    if version not in readers:
        raise ValueError("not an array of numbers")
    shape, fortran, dtype = readers[version](stream)
    if dtype.kind not in "iufbcSU" or any(length < 0 for length in shape):
        raise ValueError("not an array of numbers or names")
    return shape, fortran, dtype


def _array(where: str, file: str | Path, stream: BinaryIO | Any, size: int) -> np.ndarray:
    """Read one array in numpy's format, of which the file says that it has `size` bytes."""
    shape, fortran, dtype = read_header(stream)
    count = math.prod(shape)
    needed = count * dtype.itemsize
    if needed > size:
        raise ValueError(f"it says that it holds {needed} bytes, and has {size}")
    _check_size(where, file, needed)
    content = stream.read(needed)
    if len(content) < needed:
        raise ValueError("it is cut short")
    return np.frombuffer(bytearray(content), dtype, count).reshape(shape, order="F" if fortran else "C")


def _check_size(where: str, file: str | Path, size: int) -> None:
    most = _PART * total_memory()
    if size > most:
        what = f"a file whose data take at most {most / 1e9:.3g} GB"
        raise InvalidValueError(message(where, what, f"{file} with {size / 1e9:.3g} GB", "shorten it."))
