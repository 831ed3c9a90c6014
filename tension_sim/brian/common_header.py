"""The header that all files of a C++ program begin with: the standard library's part, compiled once for all of them.

It holds nothing that is generated, so that it can be compiled while Brian2 generates the rest.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..system.children import run_group
from ..system.toolchain import require_compiler

__all__ = ["HEADER", "compiled_meanwhile", "write_header"]

HEADER = "tsim_common.h"
_PARTS = (
    "algorithm", "climits", "cmath", "cstdint", "cstdio", "cstdlib", "cstring", "ctime", "fstream", "iostream",
    "iterator", "limits", "map", "random", "set", "string", "tuple", "utility", "vector",
)  # fmt: skip
_TEXT = "".join(f"#include <{part}>\n" for part in _PARTS)


def write_header(folder: Path) -> None:
    """Write the header into a folder, unless it is there: a compiled one must be younger."""
    path = folder / HEADER
    if not path.exists():
        path.write_text(_TEXT)


@contextmanager
def compiled_meanwhile(folder: Path, flags: Sequence[str]) -> Iterator[None]:
    """Compile the header during what is done inside; if it is not there at the end, make compiles it.

    Parameters
    ----------
    folder : Path
        Where the program is built.
    flags : sequence of str
        Those of the program. With others, the compiler would read the header's text instead.
    """
    if sys.platform != "linux":  # the makefile does not use it
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_header(folder)
    part = folder / f"{HEADER}.early"
    command = [*require_compiler(), *flags, "-x", "c++-header", HEADER, "-o", part.name]

    def compile_header() -> None:
        with suppress(OSError):
            if run_group(command, folder, os.environ)[0] == 0:
                part.rename(folder / f"{HEADER}.gch")

    working = threading.Thread(target=compile_header, name="tension_sim header")
    working.start()
    try:
        yield
    finally:
        working.join()
