"""Samples that stay in their file: a .npy file or a memory map, read in windows."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidValueError, RunFailedError, TensionError, message
from ..system.data_files import FAILURES, read_header
from ..system.files import check_path, open_regular

__all__ = ["SampleFile"]

_NPY = "a .npy file of an array of shape (timesteps, channels)"

#: Numbers in a window.
_WINDOW = 2**17


@dataclass(frozen=True)
class SampleFile:
    """Rows of numbers in a file, of which a window is in memory at a time.

    Attributes
    ----------
    path : Path
        The file.
    dtype : dtype
        Type of its numbers.
    offset : int
        Byte at which the first row begins.
    rows, channels : int
        Shape of the samples.
    scale : float
        What the numbers are multiplied by.
    bytes, modified : int
        Size of the whole file, and the time of its last change in ns.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/samples.npy"
    >>> np.save(path, np.arange(6.0).reshape(3, 2))
    >>> SampleFile.of("demo.samples", path).read(1, 2)
    array([[2., 3.],
           [4., 5.]])
    """

    path: Path
    dtype: np.dtype
    offset: int
    rows: int
    channels: int
    scale: float
    bytes: int
    modified: int

    @classmethod
    def of(cls, where: str, samples: Any, scale: float = 1.0) -> SampleFile | None:
        """Return the file that samples stay in, None where they are an array in memory.

        Parameters
        ----------
        where : str
            Class and argument, for messages.
        samples : path or numpy.memmap
            A ``.npy`` file; or a memory map, or a part of it, whose rows lie one after the other.
        scale : float, optional
            What the numbers are multiplied by.

        Raises
        ------
        InvalidValueError
            If the file cannot be read, or holds something else.
        """
        if isinstance(samples, str | os.PathLike):
            return cls._of_npy(where, check_path(where, samples), scale)
        # "c": what was written is not in the file
        if type(samples) is not np.memmap or samples.mode == "c" or samples.filename is None or not samples.size:
            return None
        if not (samples.flags.c_contiguous and _is_read(samples.dtype) and samples.ndim in (1, 2)):
            return None
        # numpy has no public name for the map
        whole = np.frombuffer(samples._mmap, np.uint8)  # type: ignore[attr-defined]
        start = samples.__array_interface__["data"][0] - whole.ctypes.data
        start += samples.offset - samples.offset % mmap.ALLOCATIONGRANULARITY
        return cls._made(where, Path(samples.filename), samples.dtype, start, samples.shape, scale)

    @classmethod
    def _of_npy(cls, where: str, path: Path, scale: float) -> SampleFile:
        try:
            with open_regular(where, path, _NPY) as stream:
                shape, fortran, dtype = read_header(stream)
                offset = stream.tell()
        except TensionError:
            raise
        except FAILURES as error:
            reason = str(error)[:100] or type(error).__name__
            raise InvalidValueError(message(where, _NPY, f"{path} ({reason})", "save it by numpy.save().")) from None
        if len(shape) not in (1, 2) or 0 in shape:
            raise InvalidValueError(message(where, f"{_NPY}, not empty", f"{path} of shape {shape}"))
        if not _is_read(dtype):
            what = f"{_NPY}, of whole numbers or floats of 4 or 8 bytes as this machine has them"
            raise InvalidValueError(message(where, what, f"{path} of {dtype.str}", "save it as float64."))
        if fortran:
            fix = "save numpy.ascontiguousarray() of it."
            raise InvalidValueError(message(where, f"{_NPY}, row by row (C order)", f"{path} in Fortran order", fix))
        return cls._made(where, path, dtype, offset, shape, scale)

    @classmethod
    def _made(
        cls, where: str, path: Path, dtype: np.dtype, offset: int, shape: tuple[int, ...], scale: float
    ) -> SampleFile:
        rows, *columns = shape
        channels = columns[0] if columns else 1
        with open_regular(where, path, _NPY) as stream:
            found = os.fstat(stream.fileno())
        needed = offset + rows * channels * dtype.itemsize
        if found.st_size < needed:
            received = f"{path} with {found.st_size} of {needed} bytes"
            raise InvalidValueError(message(where, "a whole file", received, "it is cut short: write it again."))
        whole = path.absolute()
        return cls(whole, dtype, offset, rows, channels, scale, found.st_size, found.st_mtime_ns)

    @property
    def window(self) -> int:
        """How many rows are read at a time."""
        return min(max(_WINDOW // self.channels, 1), self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and channels."""
        return self.rows, self.channels

    def __len__(self) -> int:
        return self.rows

    @property
    def described(self) -> np.ndarray:
        """All that is needed to read it, as codes of its bytes: a value of runs, which programs read too."""
        kind = self.dtype.str[1:].replace("b", "u")
        fields = (kind, self.bytes, self.modified, self.offset, self.rows, self.channels, self.window, self.scale)
        text = " ".join(map(str, fields)).encode() + b" " + os.fsencode(self.path)
        return np.frombuffer(text, np.uint8).astype(np.int32)

    @classmethod
    def from_described(cls, described: np.ndarray) -> SampleFile | None:
        """Return the file that `described` tells of, None if it is empty."""
        if not len(described):
            return None
        kind, *counts, scale, path = np.asarray(described).astype(np.uint8).tobytes().split(b" ", 8)
        size, modified, offset, rows, channels, _ = map(int, counts)
        where = Path(os.fsdecode(path))
        return cls(where, np.dtype(kind.decode()), offset, rows, channels, float(scale), size, modified)

    def check_finite(self, where: str) -> None:
        """Refuse samples that are not finite; the whole file is read for that, a window at a time."""
        for first in range(0, self.rows, self.window):
            rows = self.read(first, min(self.window, self.rows - first))
            bad = np.argwhere(~np.isfinite(rows))
            if len(bad):
                place = (first + int(bad[0, 0]), int(bad[0, 1]))
                fix = f"correct the value at index {place} of {self.path}."
                raise InvalidValueError(message(where, "finite values", float(rows[tuple(bad[0])]), fix))

    def check_unchanged(self) -> None:
        """Refuse a file that is no longer what was checked."""
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise _changed(self.path, error.strerror or str(error)) from None
        if found.st_size != self.bytes:
            raise _changed(self.path, f"it has {found.st_size} bytes, not {self.bytes}")
        if found.st_mtime_ns != self.modified:
            raise _changed(self.path, "it was changed since")

    def read(self, first: int, count: int) -> np.ndarray:
        """Return some rows as float64, of shape (count, channels)."""
        self.check_unchanged()
        place = self.offset + first * self.channels * self.dtype.itemsize
        numbers = np.fromfile(self.path, self.dtype, count * self.channels, offset=place)
        if numbers.size < count * self.channels:
            raise _changed(self.path, "it became shorter meanwhile")
        return numbers.reshape(count, self.channels) * np.float64(self.scale)

    def take(self, rows: np.ndarray, axis: int = 0) -> np.ndarray:
        """Return chosen rows as float64, as `numpy.ndarray.take` does; a window is in memory beside them."""
        taken = np.empty((len(rows), self.channels))
        windows = np.asarray(rows) // self.window
        for number in np.unique(windows):
            first = int(number) * self.window
            chosen = windows == number
            taken[chosen] = self.read(first, min(self.window, self.rows - first))[np.asarray(rows)[chosen] - first]
        return taken


def _is_read(dtype: np.dtype) -> bool:
    return dtype.isnative and (dtype.kind in "iub" or (dtype.kind == "f" and dtype.itemsize in (4, 8)))


def _changed(path: Path, why: str) -> RunFailedError:
    return RunFailedError(
        f"Signal.samples: could not read {path} ({why}).\n"
        "Fix: leave the file as it is while it is in use, or pass it again by set_samples()."
    )
