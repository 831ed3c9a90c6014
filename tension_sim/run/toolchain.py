"""The C++ compiler of a machine: which one, and whether it is there."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

from ..errors import CompilerNotFoundError, message

__all__ = ["compiler", "machine", "require_compiler"]


def compiler() -> str | None:
    """Return the C++ compiler that Brian2's makefile will call, if there is one."""
    return shutil.which(os.environ.get("CXX", "g++")) if shutil.which("make") else None


def require_compiler(target: str = "cpp_standalone") -> str:
    """Return the C++ compiler that a target needs; cython does without make.

    Raises
    ------
    CompilerNotFoundError
        If compiler or make are missing.
    """
    found = shutil.which(os.environ.get("CXX", "g++")) if target == "cython" else compiler()
    if found is None:
        raise CompilerNotFoundError(
            message(
                "Simulation.target",
                f"a C++ compiler (g++) {'' if target == 'cython' else 'and make '}on the PATH for {target}",
                os.environ.get("CXX", "g++"),
                'install them (Debian: apt install build-essential), or choose target="numpy".',
            )
        )
    return found


@cache
def machine() -> dict[str, str]:
    """Describe what a binary depends on besides its source."""
    try:
        cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        cpu = platform.processor()
    path = compiler()
    text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout if path else "none"
    return {"cpu": cpu, "machine": platform.machine(), "compiler": text.partition("\n")[0]}
