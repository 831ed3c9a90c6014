"""The files that the settings of a recipe name."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..system.files import check_path

__all__ = ["anchored", "files_named"]

Files = Mapping[tuple[str, str], str | tuple[str, ...]]


def files_named(settings: Mapping[str, Any], files: Files) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and path of each file that settings name, whether it is there or not.

    Parameters
    ----------
    settings : mapping
        The sections, as written.
    files : mapping of (section, key) to endings
        As `Protocol.files`.

    Examples
    --------
    >>> settings = {"populations.exc": {"neuron": "mine.toml", "filters": ["ampa", "slow.toml"], "n": 3}}
    >>> [path for _, _, path in files_named(settings, {("populations.*", "*"): ".toml"})]
    ['mine.toml', 'slow.toml']
    """
    for section, key, ending in _places(settings, files):
        value = settings[section][key]
        for each in value if isinstance(value, list | tuple) else (value,):
            if _is_file(each, ending):
                yield section, key, each


def anchored(settings: dict[str, Any], folder: Path, files: Files) -> None:
    """Find the files that a recipe names beside the recipe, wherever it is run."""

    def beside(section: str, key: str, value: Any, ending: str | tuple[str, ...]) -> Any:
        return str(folder / check_path(f"{section}.{key}", value)) if _is_file(value, ending) else value

    for section, key, ending in [*_places(settings, files)]:
        value = settings[section][key]
        several = isinstance(value, list)
        found = [beside(section, key, each, ending) for each in (value if several else [value])]
        settings[section][key] = found if several else found[0]


def _places(settings: Mapping[str, Any], files: Files) -> Iterator[tuple[str, str, str | tuple[str, ...]]]:
    """Yield the keys that patterns of sections and keys mean, with the endings of their files."""
    tables = [name for name, table in settings.items() if isinstance(table, Mapping)]
    for (pattern, of_keys), ending in files.items():
        for section in fnmatch.filter(tables, pattern):
            for key in fnmatch.filter([*settings[section]], of_keys):
                yield section, key, ending


def _is_file(value: Any, ending: str | tuple[str, ...]) -> bool:
    return isinstance(value, str) and bool(value) and value.endswith(ending)
