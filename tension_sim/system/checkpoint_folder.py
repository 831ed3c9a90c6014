"""A checkpoint on disk: a folder whose manifest names what is valid, so that a kill at any moment leaves a whole one.

Arrays are written once, into files of their own (``1.arrays``); recordings are appended (``2.rows``). Neither counts
before the manifest names it with its length and sum. The manifest replaces the one before in one step, when all that
it names is on the disk; then what no manifest names any more is removed. Until then both checkpoints are there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InvalidValueError, OutputError, message
from .files import check_path, is_torn, open_regular, sync_folder, write_refusal, write_whole
from .memory_maps import in_parts

__all__ = ["MANIFEST", "CheckpointFolder", "Reference", "read_manifest"]

#: What a file holds, and by what it is known to be whole.
Reference = dict[str, Any]

MANIFEST = "checkpoint.json"
_FORMAT = "tension-sim checkpoint 1"
_OURS = re.compile(r"(\d+)\.(arrays|rows)")
_ALIGNED = 64  # bytes: numbers that are mapped begin at a multiple


class CheckpointFolder:
    """The folder of a checkpoint, which one process at a time may use.

    Parameters
    ----------
    where : str
        Begins the messages.
    path : str or Path
        It is made if it is not there.

    Raises
    ------
    OutputError
        If it cannot be made, or another process uses it.
    InvalidValueError
        If its manifest is not whole.

    Examples
    --------
    >>> import tempfile
    >>> folder = CheckpointFolder("demo", tempfile.mkdtemp() + "/checkpoint")
    >>> rows = folder.append(None, np.zeros((2, 3)))
    >>> folder.commit({"rows": rows, "state": folder.write({"v": np.arange(3)})})
    >>> rows = folder.append(folder.manifest["rows"], np.ones((1, 3)))  # not committed
    >>> folder.close()
    >>> folder = CheckpointFolder("demo", folder.path)
    >>> folder.rows(folder.manifest["rows"]).shape, folder.arrays(folder.manifest["state"])["v"].tolist()
    ((2, 3), [0, 1, 2])
    >>> folder.remove()
    """

    def __init__(self, where: str, path: str | Path) -> None:
        self.where: str = where
        self.path: Path = check_path(where, path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            what = f"a folder that can be created ({error.strerror})"
            raise OutputError(message(where, what, str(path), "choose another.")) from error
        self._lock: int | None = lock
        try:
            self._take(lock)
            #: What was committed last; None where nothing was.
            self.manifest: dict[str, Any] | None = read_manifest(where, self.path)
        except BaseException:
            self.close()
            raise

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "a checkpoint that no other run uses"
            fix = "wait for the other run, or choose another folder."
            raise OutputError(message(self.where, what, str(self.path), fix)) from None
        except OSError:  # not every file system knows locks
            return

    def close(self) -> None:
        """Let other processes use the folder; one that holds nothing is removed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            with suppress(OSError):
                self.path.rmdir()

    def remove(self) -> None:
        """Remove the checkpoint; files of others in the folder stay. Arrays that were read stay readable."""
        with suppress(OSError):
            (self.path / MANIFEST).unlink()  # first: a manifest never names what is not there
        self.manifest = None
        self._keep_only(set())
        self.close()

    # ---- writing ----

    def write(self, arrays: Mapping[str, np.ndarray]) -> Reference:
        """Write arrays into a new file, and return the reference by which a manifest names them."""
        index, digest, place = [], hashlib.sha256(), 0
        with self._new("arrays") as (name, file):
            for key, value in arrays.items():
                array = np.asanyarray(value)
                padding = b"\0" * (-place % _ALIGNED)
                file.write(padding)
                digest.update(padding)
                place += len(padding)
                index.append([key, array.dtype.str, list(array.shape), place])
                for part in in_parts(array):
                    content = np.ascontiguousarray(part).view(np.uint8).data if part.size else b""
                    file.write(content)
                    digest.update(content)
                place += array.nbytes
        return {"file": name, "bytes": place, "sum": digest.hexdigest(), "arrays": index}

    def append(self, reference: Reference | None, rows: np.ndarray) -> Reference:
        """Append rows behind those that are valid, in a new file without a reference, and return the new reference."""
        rows = np.ascontiguousarray(rows)
        if reference is None:
            with self._new("rows") as (name, _):
                pass
            reference = {"file": name, "dtype": rows.dtype.str, "row": list(rows.shape[1:]), "count": 0, "parts": []}
        reference = reference | {"count": reference["count"] + len(rows)}
        if not rows.size:
            return reference
        content = rows.reshape(-1).view(np.uint8).data
        valid = sum(size for size, _ in reference["parts"])
        path = self.path / reference["file"]
        try:
            with open(path, "r+b") as file:
                file.truncate(valid)  # what a kill left behind
                file.seek(valid)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                os.truncate(path, valid)
            raise write_refusal(self.where, self.path, error) from error
        part = [len(content), hashlib.sha256(content).hexdigest()]
        return reference | {"parts": [*reference["parts"], part]}

    def commit(self, manifest: Mapping[str, Any]) -> None:
        """Make a manifest, and all that it names, the checkpoint; nothing else stays."""
        held = json.dumps(manifest)
        content = {"format": _FORMAT, "sum": _sum(held), "manifest": held}
        write_whole(self.where, self.path / MANIFEST, json.dumps(content).encode())
        sync_folder(self.path)
        self.manifest = json.loads(held)
        self._keep_only(set(_files(self.manifest)))

    @contextmanager
    def _new(self, kind: str) -> Iterator[tuple[str, BinaryIO]]:
        """Yield name and stream of a new file, which is on the disk after the block, or not there at all."""
        numbers = [int(found[1]) for name in os.listdir(self.path) if (found := _OURS.fullmatch(name))]
        name = f"{max(numbers, default=0) + 1}.{kind}"
        path = self.path / name
        try:
            with open(path, "xb") as file:
                yield name, file
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            with suppress(OSError):
                path.unlink()
            if isinstance(error, OSError):
                raise write_refusal(self.where, self.path, error) from error
            raise

    def _keep_only(self, names: set[str]) -> None:
        with suppress(OSError):
            for name in os.listdir(self.path):
                if (_OURS.fullmatch(name) and name not in names) or is_torn(name, MANIFEST):
                    os.unlink(self.path / name)

    # ---- reading ----

    def arrays(self, reference: Reference) -> dict[str, np.ndarray]:
        """Return the arrays of a reference, mapped from their file: what is changed in them changes no file.

        Raises
        ------
        InvalidValueError
            If the file is not what was written.
        """
        path = self._checked(reference["file"], [(reference["bytes"], reference["sum"])])
        return {key: _mapped(path, dtype, tuple(shape), place) for key, dtype, shape, place in reference["arrays"]}

    def rows(self, reference: Reference, *, check: bool = True) -> np.ndarray:
        """Return all valid rows of a reference, mapped from their file as by `arrays`."""
        path = self.path / reference["file"]
        if check:
            self._checked(reference["file"], reference["parts"])
        return _mapped(path, reference["dtype"], (reference["count"], *reference["row"]), 0)

    def _checked(self, name: str, parts: list[Any]) -> Path:
        """Return the path of a file; refuse one whose parts are not those of these sizes and sums."""
        path = self.path / name
        if not _OURS.fullmatch(name):  # a manifest may come from a stranger
            raise InvalidValueError(message(self.where, "files of the checkpoint", name, "begin anew."))
        with open_regular(self.where, path) as file:
            for size, wanted in parts:
                if _sum_of_part(file.read, size) != wanted:
                    what = "a whole checkpoint"
                    fix = "the disk lost data: remove the folder, and begin anew."
                    raise InvalidValueError(message(self.where, what, f"{path}, changed or cut short", fix))
        return path


def read_manifest(where: str, folder: Path) -> dict[str, Any] | None:
    """Return what was committed last in a folder; None where nothing was.

    Raises
    ------
    InvalidValueError
        If there is a manifest that is not whole, or of another version.
    """
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    fix = "remove the folder, and begin anew."
    try:
        with open_regular(where, path) as file:
            content = json.loads(file.read())
        held, form, wanted = content["manifest"], content["format"], content["sum"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidValueError(message(where, "a checkpoint of tension-sim", str(path), fix)) from None
    if form != _FORMAT:
        raise InvalidValueError(message(where, f"a {_FORMAT}", form, "resume it by the version that wrote it."))
    if not isinstance(held, str) or _sum(held) != wanted:
        raise InvalidValueError(message(where, "a whole checkpoint", f"{path}, changed or cut short", fix))
    return dict(json.loads(held))


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sum_of_part(read: Callable[[int], bytes], size: int) -> str:
    digest = hashlib.sha256()
    while size > 0:
        content = read(min(size, 2**22))
        if not content:
            return ""
        digest.update(content)
        size -= len(content)
    return digest.hexdigest()


def _files(value: Any) -> Iterator[str]:
    """Yield the names of all files that a manifest names."""
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield value["file"]
        for item in value.values():
            yield from _files(item)
    elif isinstance(value, list):
        for item in value:
            yield from _files(item)


def _mapped(path: Path, dtype: str, shape: tuple[int, ...], place: int) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.hasobject or 0 in shape:
        return np.empty(shape, kind if not kind.hasobject else float)
    return np.asarray(np.memmap(path, kind, "c", place, shape or (1,))).reshape(shape)
