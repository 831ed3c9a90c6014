"""Keras finds the classes of a saved model after ``import tension_sim`` alone, which imports neither Keras nor them.

Keras looks a class up by its registered name, and imports no module of others for it. So once
Keras is there, each name of ours is registered with a stand-in that imports the class when
Keras asks for it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

__all__ = ["announce"]

_DERIVED = re.compile(r"^from \.base import", re.MULTILINE)


class _Later:
    """Stands in for a class until it is asked for something."""

    def __init__(self, module: str, name: str) -> None:
        self._place = (module, name)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        module, name = self._place
        return getattr(getattr(importlib.import_module(module), name), attribute)


def _classes() -> Iterator[tuple[str, str]]:
    """Yield module and name of each class that a model may consist of, without importing one."""
    for file in sorted(Path(__file__).parent.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if file.stem != "base" and not _DERIVED.search(text):
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                yield f"{__package__}.{file.stem}", node.name


def _register() -> None:
    known = sys.modules["keras"].saving.get_custom_objects()
    for module, name in _classes():
        known.setdefault(f"{module}>{name}", _Later(module, name))


class _AfterKeras(MetaPathFinder):
    """Calls :func:`_register` at the end of the first import of Keras."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of Keras as the other finders know it, with one more thing to do."""
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                run(module)
                _register()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def announce() -> None:
    """Register the names with Keras, now or when it is imported."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())
