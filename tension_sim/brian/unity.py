"""Unity build of CUDA programs: one source file in place of fifty.

nvcc reads the same headers for eight seconds in each file, and compiles what is in it in a fraction of one.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import RunFailedError

__all__ = ["join_sources"]

_FOLDER, _JOINED = "code_objects/", "program.cu"

_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b.*$", re.MULTILINE)
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_FUNCTION = re.compile(r"^void (_\w+)\(\)\s*{", re.MULTILINE)
_SOURCES = re.compile(r"^SRCS = (.*)$", re.MULTILINE)


def join_sources(folder: Path) -> None:
    """Let a generated project compile all its sources as one; their own files stay, to be read.

    Each code object is in a namespace of its own, for they have helpers of the same names, and leaves no macro behind.
    """
    makefile = folder / "makefile"
    rules = makefile.read_text()
    listed = _SOURCES.search(rules)
    if listed is None:
        raise RunFailedError(f"{makefile} of Brian2 names no sources.\nFix: install a Brian2 that is supported.")
    sources = listed[1].split()
    parts: dict[str, str] = {}
    for name in sorted(sources, key=lambda name: (not name.startswith(_FOLDER), "/after_run_" in name)):
        # what runs after an object calls kernels that the object defines
        own = name.replace("/after_run_", "/")
        parts[own] = parts.get(own, "") + f"// {name}\n{(folder / name).read_text()}\n"
    includes: dict[str, None] = {}
    body = []
    for k, (name, text) in enumerate(parts.items()):
        includes |= dict.fromkeys(line.strip() for line in _INCLUDE.findall(text))
        text = _INCLUDE.sub("", text)
        if not name.startswith(_FOLDER):
            body.append(text)
            continue
        # a header that the whole program includes leaves its names out of a part's own copy of tsim
        body.append(f"namespace part_{k} {{\nusing namespace ::tsim;\n{text}}}")
        body += [f"#undef {macro}" for macro in dict.fromkeys(_MACRO.findall(text))]
        body += [f"void {function}() {{ part_{k}::{function}(); }}" for function in _FUNCTION.findall(text)]
    (folder / _JOINED).write_text("\n".join([*includes, "namespace tsim {}", *body]) + "\n")
    makefile.write_text(_SOURCES.sub(lambda _: f"SRCS = {_JOINED}", rules))
