"""A run by the path of its results, or of the folder that it left."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidValueError, message
from ..system.files import check_path
from .format import list_formats, load_format
from .results import Results

__all__ = ["find_results", "load_run"]


def find_results(path: str | Path, where: str) -> Path:
    """Return the file of results that a path means: itself, or that of a run's folder.

    Of several files in a folder, all of one run, the first is taken whose format is read fastest.

    Raises
    ------
    InvalidValueError
        If there is nothing, or a folder without results.

    Examples
    --------
    >>> import tempfile
    >>> find_results(tempfile.mkdtemp(), "report RESULTS")
    Traceback (most recent call last):
    tension_sim.errors.InvalidValueError: report RESULTS: expected a file of results, or a folder that holds one ...
    """
    found = check_path(where, path)
    if not found.is_dir():
        if not found.exists():
            fix = "tension-sim run NAME leaves a folder with results."
            raise InvalidValueError(message(where, "a file or folder that exists", str(path), fix))
        return found
    names = [f"results.{name}" for name in _readable()]
    there = [found / name for name in names if (found / name).is_file()]
    if not there:
        what, fix = (
            f"a file of results, or a folder that holds one ({', '.join(names)})",
            "tension-sim run NAME leaves such a folder.",
        )
        raise InvalidValueError(message(where, what, str(path), fix))
    return there[0]


def _readable() -> list[str]:
    """Return the formats that can be read, the fastest first."""
    fast = ("h5", "npz")
    names = [name for name in list_formats() if load_format(name).read is not None]
    return [*(name for name in fast if name in names), *(name for name in names if name not in fast)]


def load_run(path: str | Path, where: str) -> Results:
    """Load the results that a path means; see `find_results`."""
    from .storage import load

    return Results(**load(find_results(path, where), where=where))
