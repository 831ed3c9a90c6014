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
    made_small : str or None
        The number that a search makes small; empty for a sweep. None: a folder of before this was said.
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
    made_small: str | None = None
    version: str = __version__
    plot: Mapping[str, Any] = field(default_factory=dict)


def describe(
    base: Swept,
    swept: Sequence[str],
    target: Target | None,
    *,
    plot: Mapping[str, Any] = MappingProxyType({}),
    made_small: str = "",
) -> Description:
    """Describe a sweep over some settings, or a search that makes a number small."""
    numbers = {name: (number.label, number.unit) for name, number in base.numbers.items()}
    return Description(
        **base.describe(),
        target=target,
        swept=[*swept, SEED],
        numbers=numbers,
        made_small=made_small,
        plot=dict(plot),
    )


@contextmanager
def opened(where: str, folder: Path, description: Description, there: bool) -> Iterator[Journal]:
    """Open a folder for rows, one process at a time; what a kill left of half-written files is removed.

    Parameters
    ----------
    where : str
        Begins the messages.
    folder : Path
        It exists.
    description : Description
        Of the sweep.
    there : bool
        Whether the folder has it.
    """
    with Journal(folder, where) as journal:
        remove_torn(folder, (DESCRIPTION, NETWORK, TABLE))
        if not there:
            text = json.dumps(vars(description), indent=2)
            write_whole(where, folder / DESCRIPTION, text.encode())
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
        data = {"plot": {}, "made_small": None} | json.loads(read_regular(where, path, _LARGEST))
        data["plot"] = dict(data["plot"])
        found = Description(**{name: data[name] for name in Description.__dataclass_fields__})
        _check_types(found)
        return found
    except (InvalidValueError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        fix = "name the folder that tension-sim sweep wrote (--out)."
        raise InvalidValueError(
            message(where, f"a folder with the {DESCRIPTION} of a sweep", str(folder), fix)
        ) from None


def _check_types(found: Description) -> None:
    """Refuse what a hand or another program wrote into the file."""
    texts = [found.recipe, found.version, *found.swept, *found.files, *found.settings.values()]
    labels = [part for pair in found.numbers.values() for part in (pair[0], pair[1])]
    lists = isinstance(found.swept, list) and isinstance(found.files, list)
    if not lists or found.swept[-1:] != [SEED] or not all(isinstance(text, str) for text in (*texts, *labels)):
        raise TypeError("other kinds of values")


def check_same(where: str, folder: Path, wanted: Description) -> bool:
    """Say whether a folder holds a sweep to go on with; refuse one whose points are not comparable.

    More values, seeds or points are welcome.

    Raises
    ------
    OutputError
        Names what differs.
    """
    if not (folder / DESCRIPTION).exists():
        if (folder / JOURNAL).exists():
            raise _other(where, folder, f"no {DESCRIPTION}")
        return False
    there = read_description(where, folder)
    _check_kind(where, folder, there, wanted)
    names = {"recipe": "recipe", "settings": "settings", "files": "recipe files", "target": "target", "swept": "axes"}
    for name, what in names.items():
        old, new = _plain(getattr(there, name)), _plain(getattr(wanted, name))
        if old != new:
            text = "other recipe files" if name == "files" else f"{what} {_apart(old, new)}, not {_apart(new, old)}"
            raise _other(where, folder, text)
    return True


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _apart(value: Any, other: Any) -> str:
    """Return a value for a message; of two mappings what is not in the other one, which may be long."""
    if not (isinstance(value, dict) and isinstance(other, dict)):
        return str(value)
    differ = [f"{key} = {each}" for key, each in value.items() if key not in other or other[key] != each]
    return ", ".join(differ) or "none of these"


def _check_kind(where: str, folder: Path, there: Description, wanted: Description) -> None:
    """Refuse to go on with a search as a sweep, with a sweep as a search, or with a search for another number."""
    kinds = [f"a search for a small {each.made_small}" if each.made_small else "a sweep" for each in (there, wanted)]
    if there.made_small is not None and kinds[0] != kinds[1]:
        raise _other(where, folder, f"{kinds[0]}, not {kinds[1]}")


def _other(where: str, folder: Path, what: str) -> OutputError:
    fix = "choose another folder by --out."
    received = f"{folder} with {what}"
    return OutputError(message(where, "a new folder, or one of a sweep of the same kind", received, fix))
