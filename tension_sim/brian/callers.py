"""The user's own frames of the call stack: neither ours nor Brian2's."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import brian2

__all__ = ["users_line", "users_names", "users_value"]

# with the separator: a user's folder may be called tension_sim_models, and lie beside ours
_PACKAGES = tuple(os.path.join(folder, "") for folder in (Path(__file__).parents[1], Path(str(brian2.__file__)).parent))


def _users_frames() -> Iterator[FrameType]:
    """Yield the user's frames, the innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PACKAGES):
            yield frame
        frame = frame.f_back


def users_line() -> str:
    """Return the user's line that called us, as Brian2's warnings show it; empty where there is none."""
    for frame in _users_frames():
        file, line = frame.f_code.co_filename, frame.f_lineno
        text = linecache.getline(file, line, frame.f_globals).strip()
        return f"  File '{file}', line {line}, in {frame.f_code.co_name}\n    {text}"
    return ""


def users_value(name: str) -> dict[str, Any]:
    """Return the value that a name has in the user's code, or in the code that called it."""
    for frame in _users_frames():
        for space in (frame.f_locals, frame.f_globals):
            if name in space:
                return {name: space[name]}
    return {}


def users_names() -> dict[str, Any]:
    """Return all names that are known where the user called us."""
    for frame in _users_frames():
        return {**frame.f_globals, **frame.f_locals}
    return {}
