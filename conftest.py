"""Examples in docstrings: those of an optional engine only where its library is; and garbage collection."""

from __future__ import annotations

import gc
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from _pytest import doctest

_module = doctest.DoctestModule
import brian2  # noqa: E402

# brian2 replaces pytest's collector of examples by one that fails on packages
doctest.DoctestModule = _module

# what a module imports at its top, or through the folder that does
_NEEDS = {
    "tensorflow": re.compile(r"^(?:import|from) (?:tensorflow|keras|\.keras_style)\b", re.MULTILINE),
    "brian2cuda": re.compile(r"^(?:import|from) brian2cuda\b", re.MULTILINE),
}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a module whose library is missing."""
    if collection_path.suffix != ".py":
        return None
    text = collection_path.read_text(encoding="utf-8")
    for library, pattern in _NEEDS.items():
        inside = library == "tensorflow" and not {"tensorflow", "keras_style"}.isdisjoint(collection_path.parts)
        if find_spec(library) is None and (inside or pattern.search(text)):
            return True
    return None


@pytest.fixture(autouse=True)
def examples_compile_nothing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run examples of Brian2 networks on numpy: cython would compile each object of a few steps."""
    if isinstance(request.node, doctest.DoctestItem):
        monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")


class _Imported:
    """How many modules there were when what is imported was last spared from garbage collection."""

    spared = 0


def pytest_runtest_teardown() -> None:
    """Spare what is imported from garbage collection, which Brian2 asks for before each run."""
    if len(sys.modules) > _Imported.spared + 50:
        gc.collect()
        gc.freeze()
        _Imported.spared = len(sys.modules)
