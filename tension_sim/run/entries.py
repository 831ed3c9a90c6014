"""List and clear the cache of programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.places import Place, places
from ..system.scratch import remove_aside
from .cache import DRAFT, PROGRAM, sweep_drafts
from .seal import MANIFEST

__all__ = ["Entry", "list_entries", "remove_entries", "sweep"]


@dataclass(frozen=True)
class Entry:
    """A compiled program in the cache.

    Attributes
    ----------
    folder : Path
        Where it lies; its name is the program's key.
    made_for : str
        Recipe or network that it was built for first; empty if it does not say.
    target : str
        Empty if it does not say, as programs of earlier versions.
    size : int
        Bytes on the disk.
    built, used : float
        Seconds since 1970.
    """

    folder: Path
    made_for: str
    target: str
    size: int
    built: float
    used: float

    def describe(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "key": self.folder.name,
            "for": self.made_for,
            "target": self.target,
            "size": self.size,
            "built": self.built,
            "used": self.used,
            "folder": str(self.folder),
        }


def list_entries() -> list[Entry]:
    """Return the programs that this user's runs look at, the last used first; links are not followed."""
    found = {}
    for place in places():
        for folder in _folders(place):
            with suppress(OSError):  # removed meanwhile
                found[folder] = _entry(folder)
    return sorted(found.values(), key=lambda entry: entry.used, reverse=True)


def _folders(place: Place) -> list[Path]:
    try:
        with os.scandir(place.path) as files:
            return [
                Path(file.path) for file in files
                if PROGRAM.fullmatch(file.name) and file.is_dir(follow_symlinks=False)
            ]  # fmt: skip
    except OSError:
        return []


def _entry(folder: Path) -> Entry:
    made: dict[str, Any] = {}
    with suppress(OSError, ValueError, AttributeError):
        made = dict(json.loads((folder / MANIFEST).read_text()).get("made", {}))
    used = folder.lstat().st_mtime
    built = made.get("time")
    return Entry(
        folder,
        made_for=str(made.get("for", "")),
        target=str(made.get("target", "")),
        size=_size(folder),
        built=float(built) if isinstance(built, int | float) else used,
        used=used,
    )


def _size(folder: Path) -> int:
    size = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_size
    return size


def remove_entries(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Remove programs; a run of one that goes on is not disturbed, for its files stay until it ends.

    Returns
    -------
    removed, left : list of Entry
        Those that are gone, and those of other users, which could not be removed.
    """
    removed: list[Entry] = []
    left: list[Entry] = []
    for entry in entries:
        with suppress(OSError):
            remove_aside(entry.folder, DRAFT)
        (left if os.path.lexists(entry.folder) else removed).append(entry)
    return removed, left


def sweep() -> int:
    """Remove what killed builds left, and return how many drafts these were."""
    return sum(len(sweep_drafts(place.path)) for place in places() if place.path.is_dir())
