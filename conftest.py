"""Modules of an optional engine are left out of the examples where its library is not installed."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from _pytest import doctest

_module = doctest.DoctestModule
import brian2  # noqa: E402, F401

# brian2 replaces pytest's collector of examples by one that fails on packages
doctest.DoctestModule = _module

# what a module imports at its top, or through the folder that does
_NEEDS = {
    "tensorflow": re.compile(r"^(?:import|from) (?:tensorflow|keras|\.+tensorflow_engine|\.base)\b", re.MULTILINE),
    "brian2cuda": re.compile(r"^(?:import|from) brian2cuda\b", re.MULTILINE),
}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a module whose library is missing."""
    if collection_path.suffix != ".py":
        return None
    text = collection_path.read_text(encoding="utf-8")
    for library, pattern in _NEEDS.items():
        inside = library == "tensorflow" and collection_path.parent.name == "tensorflow_engine"
        if find_spec(library) is None and (inside or pattern.search(text)):
            return True
    return None
