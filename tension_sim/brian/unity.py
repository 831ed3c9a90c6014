"""Unity build of CUDA programs: one source file in place of one per code object.

nvcc reads the same headers for some seconds in each of fifty files, and compiles what is in them in a fraction of one.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["join_sources"]

_FOLDER, _JOINED = "code_objects", "code_objects.cu"

_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b.*$", re.MULTILINE)
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_FUNCTION = re.compile(r"^void (_\w+)\(\)\s*{", re.MULTILINE)
_SOURCES = re.compile(r"^SRCS = (.*)$", re.MULTILINE)


def join_sources(folder: Path) -> None:
    """Let a generated project compile all its code objects as one source; their own files stay, to be read.

    Each is in a namespace of its own, for they have helpers of the same names, and leaves no macro behind.
    """
    makefile = folder / "makefile"
    rules = makefile.read_text()
    sources = _SOURCES.search(rules)[1].split()
    files = [name for name in sources if name.startswith(f"{_FOLDER}/")]
    parts: dict[str, str] = {}
    for name in sorted(files, key=lambda name: "/after_run_" in name):
        # what runs after an object calls kernels that the object defines
        own = name.replace("/after_run_", "/")
        parts[own] = parts.get(own, "") + f"// {name}\n{(folder / name).read_text()}\n"
    includes: dict[str, None] = {}
    body = []
    for k, text in enumerate(parts.values()):
        includes |= dict.fromkeys(line.strip() for line in _INCLUDE.findall(text))
        body.append(f"namespace part_{k} {{\n{_INCLUDE.sub('', text)}}}")
        body += [f"#undef {macro}" for macro in dict.fromkeys(_MACRO.findall(text))]
        body += [f"void {function}() {{ part_{k}::{function}(); }}" for function in _FUNCTION.findall(text)]
    (folder / _JOINED).write_text("\n".join([*includes, *body]) + "\n")
    rest = " ".join(name for name in sources if name not in files)
    makefile.write_text(_SOURCES.sub(lambda _: f"SRCS = {_JOINED} {rest}", rules))
