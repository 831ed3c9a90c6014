"""The file of a sweep's rows: one line for each finished point, on the disk before the next is counted.

A table in columns (parquet, NetCDF) has an end that is written last: a kill would lose every row of it.
Lines are appended instead, each in one write that is synced; what a kill tore off is cut away by the next opening.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import OutputError, message
from .work import SETTLED, Row

__all__ = ["JOURNAL", "Journal", "read_rows"]

#: Its name in the folder of a sweep.
JOURNAL = "points.jsonl"


class Journal:
    """The rows of a sweep, open for more; one process at a time.

    Parameters
    ----------
    folder : Path
        Of the sweep; it exists.
    where : str
        Begins the messages.

    Raises
    ------
    OutputError
        If another process writes there, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Journal(folder) as journal:
    ...     journal.append(Row("k1", {"run.seed": "0"}, {"run.seed": 0}, "done", numbers={"rmse": 0.5}))
    >>> [row.numbers for row in read_rows(folder)]
    [{'rmse': 0.5}]
    """

    def __init__(self, folder: Path, where: str = "sweep.out") -> None:
        self.path: Path = folder / JOURNAL
        self._where = where
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _refusal(self._where, self.path, error) from error
        try:
            _lock(where, self._file, folder)
            self._cut()
        except BaseException:
            os.close(self._file)
            raise

    def _cut(self) -> None:
        """Cut off a line that a kill left without its end."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)

    def append(self, row: Row) -> None:
        """Add a row; it is on the disk when this returns.

        Raises
        ------
        OutputError
            If there is no room; earlier rows are whole.
        """
        line = json.dumps(row.to_json(), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        size = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            raise _refusal(self._where, self.path, error) from error

    def close(self) -> None:
        """Let other processes write."""
        os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(where: str, file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fix = "wait for its end, or choose another folder."
        raise OutputError(message(where, "a folder that no other sweep writes to", str(folder), fix)) from None
    except OSError:  # the file system knows no locks
        return


def _refusal(where: str, path: Path, error: OSError) -> OutputError:
    fix = "make room there; the same command goes on with the points that are left."
    refusal = OutputError(message(where, f"a file that can be written ({error.strerror})", str(path), fix))
    refusal.errno = error.errno
    return refusal


def read_rows(folder: Path, settings: Iterable[str] = ()) -> list[Row]:
    """Return the last row of each point, in the order in which points came first.

    A point that failed and was run again counts by its new row. A line without an end is left out. `settings` are the
    names that each row has values of.

    Raises
    ------
    OutputError
        If a line is no row.
    """
    rows: dict[str, Row] = {}
    for row in _lines(folder / JOURNAL, [*settings]):
        if row.key not in rows or rows[row.key].status not in SETTLED:
            rows[row.key] = row
    return list(rows.values())


def _lines(path: Path, settings: list[str]) -> Iterator[Row]:
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            row = Row.from_json(json.loads(line))
            for name in settings:
                row.values[name]
            yield row
        except (ValueError, TypeError, KeyError, AttributeError):
            fix = "remove that line: its point is run again."
            raise OutputError(message(f"{path}, line {number}", "a row of a sweep", line[:60], fix)) from None
