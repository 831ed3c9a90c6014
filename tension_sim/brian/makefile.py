"""Change the makefile that Brian2 generates so that a program is compiled in half the time."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .translation_units import ONCE, RUN_ONCE, gather_sources

__all__ = ["HEADER", "compile_in_units", "speed_up_makefile"]

#: The header that all files of a user's program begin with: the standard library's part, compiled once for all of them.
HEADER = "tsim_common.h"
_PARTS = (
    "algorithm", "climits", "cmath", "cstdint", "cstdio", "cstdlib", "cstring", "ctime", "fstream", "iostream",
    "iterator", "limits", "map", "random", "set", "string", "tuple", "utility", "vector",
)  # fmt: skip

# Optimise code that runs once hardly at all.
_SOURCES = re.compile(r"^SRCS = (.*)$", re.MULTILINE)
_RUN_ONCE = "$(ONCE): private CXXFLAGS += -O1\n"

# Compile the common header once. Files that run once do not wait for it: gcc then reads its text.
_COMMON = f"""
$(OBJS): private CXXFLAGS += -include {HEADER}
$(filter-out $(ONCE),$(OBJS)): {HEADER}.gch
{HEADER}.gch: {HEADER}
	$(CXX) $(filter-out -c,$(CXXFLAGS)) -x c++-header {HEADER} -o {HEADER}.part
	mv {HEADER}.part {HEADER}.gch
"""


def compile_in_units(folder: Path) -> None:
    """Let a program whose sources stay as they are be compiled in few files."""
    if sys.platform != "linux":  # make or compiler may be others
        return
    _write_makefile(folder, gather_sources(folder, _listed(folder)), (ONCE,), "")


def speed_up_makefile(folder: Path) -> None:
    """Let the files of a program share a compiled header: those that change later are compiled anew, the others not."""
    if sys.platform != "linux":
        return
    header = folder / HEADER
    if not header.exists():  # a compiled one must be younger
        header.write_text("".join(f"#include <{part}>\n" for part in _PARTS))
    _write_makefile(folder, _in_order(folder, _listed(folder)), RUN_ONCE, _COMMON)


def _listed(folder: Path) -> list[str]:
    """Return the sources that a makefile lists."""
    found = _SOURCES.search((folder / "makefile").read_text())
    return [] if found is None else found[1].split()


def _write_makefile(folder: Path, sources: Sequence[str], once: Sequence[str], rules: str) -> None:
    """Change which sources a makefile lists, and add rules; leave out Brian2's search for dependencies."""
    makefile = folder / "makefile"
    generated = _SOURCES.sub(lambda _: f"SRCS = {' '.join(sources)}", makefile.read_text())
    makefile.write_text(f"ONCE = {' '.join(once).replace('.cpp', '.o')}\n{generated}\n{_RUN_ONCE}{rules}")
    (folder / "make.deps").write_text("")


def _in_order(folder: Path, sources: Sequence[str]) -> list[str]:
    """Return sources in the order in which make should start: the largest that needs the header, so the header, first.

    Beside the header, what does without it is compiled; large files come before small ones.
    """
    by_size = sorted(sources, key=lambda name: (folder / name).stat().st_size, reverse=True)
    large, *others = [name for name in by_size if name not in RUN_ONCE]
    return [large, *(name for name in by_size if name in RUN_ONCE), *others]
