"""The folder of a sweep: its files, its description, and whether a sweep may go on there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .._version import __version__
from ..errors import InvalidValueError, OutputError, message
from ..run.simulation import Target
from ..system.files import check_path, read_regular, remove_torn, write_whole
from .journal import JOURNAL, Journal
from .swept import SEED, Swept

__all__ = [
    "DESCRIPTION",
    "NETWORK",
    "ROLES",
    "TABLE",
    "Description",
    "check_same",
    "describe",
    "opened",
    "read_description",
]

#: Files of the folder that are written whole: what is swept, the network of one that is no recipe, and all rows.
DESCRIPTION, NETWORK, TABLE = "sweep.json", "network.pickle", "table.parquet"

#: What a setting can be in the figure of a sweep.
ROLES = ("x", "y", "by", "panels")

_LARGEST = 2**26  # bytes


@dataclass(frozen=True)
class Description:
    """What a folder's sweep is.

    Attributes
    ----------
    recipe : str
        The recipe's name.
    settings : dict of str to str
        Settings of all points other than the file's.
    files : list of str
        SHA-256 of the recipe's file and of the files that it names.
    target : str or None
        Where points run.
    swept : list of str
        The dotted names of the settings that differ between points, the seed last.
    numbers : dict of str to (str, str)
        Label and unit of the numbers that the recipe's protocol promises.
    version : str
        Of the package that began it.
    plot : dict
        How it is drawn unless one says otherwise, as `Stored.plot`.
    """

    recipe: str
    settings: Mapping[str, str]
    files: Sequence[str]
    target: Target | None
    swept: Sequence[str]
    numbers: Mapping[str, Sequence[str]]
    version: str = __version__
    plot: Mapping[str, Any] = field(default_factory=dict)


def describe(
    base: Swept, swept: Sequence[str], target: Target | None, plot: Mapping[str, Any] = MappingProxyType({})
) -> Description:
    """Describe a sweep over some settings."""
    numbers = {name: (number.label, number.unit) for name, number in base.numbers.items()}
    return Description(**base.describe(), target=target, swept=[*swept, SEED], numbers=numbers, plot=dict(plot))


@contextmanager
def opened(folder: Path, description: Description, there: bool) -> Iterator[Journal]:
    """Open a folder for rows, one process at a time; what a kill left of half-written files is removed.

    Parameters
    ----------
    folder : Path
        It exists.
    description : Description
        Of the sweep.
    there : bool
        Whether the folder has it.
    """
    with Journal(folder) as journal:
        remove_torn(folder, (DESCRIPTION, NETWORK, TABLE))
        if not there:
            text = json.dumps(vars(description), indent=2)
            write_whole("sweep.out", folder / DESCRIPTION, text.encode())
        yield journal


def read_description(where: str, folder: str | Path) -> Description:
    """Read the description of the sweep in a folder.

    Raises
    ------
    InvalidValueError
        If there is none, or it is not whole.
    """
    path = check_path(where, folder) / DESCRIPTION
    try:
        data = {"plot": {}} | json.loads(read_regular(where, path, _LARGEST))
        data["plot"] = dict(data["plot"])
        return Description(**{name: data[name] for name in Description.__dataclass_fields__})
    except (InvalidValueError, ValueError, TypeError, KeyError):
        fix = "name the folder that tension-sim sweep wrote (--out)."
        raise InvalidValueError(
            message(where, f"a folder with the {DESCRIPTION} of a sweep", str(folder), fix)
        ) from None


def check_same(folder: Path, wanted: Description) -> bool:
    """Say whether a folder holds a sweep to go on with; refuse one whose points are not comparable.

    More values, seeds or points are welcome.

    Raises
    ------
    OutputError
        Names what differs.
    """
    if not (folder / DESCRIPTION).exists():
        if (folder / JOURNAL).exists():
            raise _other(folder, f"no {DESCRIPTION}")
        return False
    there = read_description("sweep.out", folder)
    names = {"recipe": "recipe", "settings": "settings", "files": "recipe files", "target": "target", "swept": "axes"}
    for name, what in names.items():
        old, new = _plain(getattr(there, name)), _plain(getattr(wanted, name))
        if old != new:
            text = "other recipe files" if name == "files" else f"{what} {old}, not {new}"
            raise _other(folder, text)
    return True


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _other(folder: Path, what: str) -> OutputError:
    fix = "choose another folder by --out."
    received = f"{folder} with {what}"
    return OutputError(message("sweep.out", "a new folder, or one of a sweep of the same kind", received, fix))
