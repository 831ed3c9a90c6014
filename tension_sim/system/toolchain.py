"""The C++ compiler of a machine: which one, and whether it is there."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from ..errors import CompilerNotFoundError, InvalidValueError, message

__all__ = ["compiler", "compiler_command", "describe_compiler", "has_openmp", "machine", "require_compiler"]

# What /proc/cpuinfo tells of the instructions a CPU knows: x86, ARM, s390, POWER, RISC-V, LoongArch.
_INSTRUCTIONS = re.compile(
    r"^(?:flags|[Ff]eatures|CPU (?:implementer|architecture|variant|part)|cpu|isa|uarch|Model Name)\s*:.*$",
    re.MULTILINE,
)
# The same of macOS, by the names of sysctl.
_SYSCTL = ("machdep.cpu.brand_string", "machdep.cpu.features", "machdep.cpu.leaf7_features")


def _chosen() -> str:
    return os.environ.get("CXX", "").strip() or "g++"


def compiler_command() -> list[str]:
    """Return the words of ``$CXX``, by default ``g++``: a wrapper such as ccache, a path, and flags may be in it.

    Raises
    ------
    InvalidValueError
        If a quote in it is not closed.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, {"CXX": "ccache '/opt/my gcc/g++' -m64"}):
    ...     compiler_command()
    ['ccache', '/opt/my gcc/g++', '-m64']
    """
    try:
        return shlex.split(_chosen())
    except ValueError as error:
        fix = "close the quote, e.g. CXX='ccache g++'."
        raise InvalidValueError(message("CXX", f"a command as a shell reads it ({error})", _chosen(), fix)) from None


def compiler(*, needs_make: bool = True) -> list[str] | None:
    """Return the command of the C++ compiler, its program as a whole path, if it is there (and make)."""
    program, *options = compiler_command()
    found = shutil.which(program)
    if found is None or (needs_make and shutil.which("make") is None):
        return None
    return [os.path.abspath(found), *options]


def require_compiler(target: str = "cpp_standalone") -> list[str]:
    """Return the command of the C++ compiler that a target needs; cython does without make.

    Raises
    ------
    CompilerNotFoundError
        If compiler or make are missing.
    """
    found = compiler(needs_make=target != "cython")
    if found is None:
        raise CompilerNotFoundError(
            message(
                "Simulation.target",
                f"a C++ compiler (g++) {'' if target == 'cython' else 'and make '}on the PATH for {target}",
                _chosen(),
                'install them (Debian: apt install build-essential), or choose target="numpy".',
            )
        )
    return found


def describe_compiler() -> list[str] | None:
    """Return the compiler's version and options, which decide what it makes of a source; None where there is none."""
    command = compiler()
    return None if command is None else [_version(tuple(command)), *command[1:]]


@cache
def _version(command: tuple[str, ...]) -> str:
    """Return the first line that a compiler says of itself."""
    try:
        text = subprocess.run([*command, "--version"], capture_output=True, text=True, errors="replace").stdout
    except OSError:
        return ""
    return text.partition("\n")[0]


def has_openmp() -> bool:
    """Say whether the compiler knows OpenMP; also where there is no compiler, which others refuse."""
    command = compiler(needs_make=False)
    return command is None or _compiles_openmp(tuple(command))


@cache
def _compiles_openmp(command: tuple[str, ...]) -> bool:
    asked = [*command, "-fopenmp", "-fsyntax-only", "-x", "c++", "-"]
    return not subprocess.run(asked, input="#include <omp.h>\n", capture_output=True, text=True).returncode


@cache
def machine() -> dict[str, str]:
    """Describe what decides where a binary runs: the CPU's instructions, and the C library."""
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        library = platform.libc_ver()[0]
    return {"cpu": _cpu(), "machine": platform.machine(), "library": library}


def _cpu() -> str:
    """Describe the instructions of the CPU; cores may differ."""
    try:
        found = _INSTRUCTIONS.findall(Path("/proc/cpuinfo").read_text(errors="replace"))
    except OSError:
        found = []
    if not found and shutil.which("sysctl"):
        asked = subprocess.run(["sysctl", *_SYSCTL], capture_output=True, text=True, errors="replace")
        found = asked.stdout.splitlines()
    return "\n".join(sorted(set(found))) or platform.processor()
