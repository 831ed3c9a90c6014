"""The code blocks of the usage page as a module, taken from its text; only the package's name is changed.

The page itself is no part of this repository: it lies in ``shared/USAGE.txt`` beside the checkout, or where
``TENSION_SIM_USAGE`` says.
"""

from __future__ import annotations

import linecache
import os
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

_HERE = Path(__file__).resolve()
_PLACES = [os.environ.get("TENSION_SIM_USAGE"), *(parent / "shared/USAGE.txt" for parent in _HERE.parents)]


def _module() -> str:
    page = next((Path(place) for place in _PLACES if place and Path(place).is_file()), None)
    if page is None:
        pytest.skip("the usage page is not here; TENSION_SIM_USAGE may name it", allow_module_level=True)
    text = page.read_text(encoding="utf-8").replace("from tension.", "from tension_sim.").splitlines()
    lines: list[str] = []
    for line in _HERE.with_suffix(".outline").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#page "):
            lines.append(line)
            continue
        start, _, indents = line.removeprefix("#page ").partition(":")
        written = (row.strip() for row in text[int(start) - 1 :] if row.strip())
        lines.extend(" " * int(indent) + row for indent, row in zip(indents.split(), written, strict=False))
    return "\n".join(lines) + "\n"


_SOURCE, _NAME = _module(), "<usage page>"
# TensorFlow reads the source of what it turns into a graph
linecache.cache[_NAME] = (len(_SOURCE), None, _SOURCE.splitlines(keepends=True), _NAME)
exec(compile(_SOURCE, _NAME, "exec"), globals())  # noqa: S102
