"""The compilers that Brian2 starts itself, for Cython modules and to try flags: they end with this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from brian2 import prefs
from brian2.codegen import cpp_prefs
from brian2.codegen.runtime.cython_rt import extension_manager
from setuptools.errors import ExecError

from ..system.children import run_group
from ..system.scratch import Scratch

__all__ = ["compilers_end_with_this_process"]

_USUAL_TRIAL = cpp_prefs._determine_flag_compatibility


class _GuardedBuild(extension_manager.build_ext):
    """Brian2's command, whose compiler is started by `run_group`."""

    command_name = "build_ext"

    def build_extensions(self) -> None:
        self.compiler.spawn = _spawn
        super().build_extensions()


def _spawn(command: Sequence[Any], env: Mapping[str, str] | None = None, **options: Any) -> None:
    words = [os.fspath(word) for word in command]
    code, output = run_group(words, Path.cwd(), os.environ if env is None else env)
    if code:
        sys.stderr.write(output)
        raise ExecError(f"command {words[0]!r} failed with exit code {code}")


def _accepts(compiler: Any, flag: str) -> bool:
    """Say whether a compiler takes a flag, as Brian2 does: all that it will be given are tried at once."""
    command = tuple(os.fspath(word) for word in compiler.compiler_cxx)
    given = prefs["codegen.cpp.extra_compile_args"]
    together = tuple(prefs["codegen.cpp.extra_compile_args_gcc"] if given is None else given)
    if flag in together and _compiles((*command, *together)):
        return True
    return _compiles((*command, flag)) or _USUAL_TRIAL(compiler, flag)  # which says that it is left out


@cache
def _compiles(command: tuple[str, ...]) -> bool:
    """Try flags in a folder that a later run finds if this one is killed."""
    with Scratch() as scratch:
        (scratch.path / "flag.cpp").write_text("int main() { return 0; }\n")
        code, _ = run_group([*command, "-c", "flag.cpp", "-o", "flag.o"], scratch.path, os.environ)
    return code == 0


@contextmanager
def compilers_end_with_this_process() -> Iterator[None]:
    """Let Brian2 start compilers that end with this process, even on kill -9; call it inside `isolated`."""
    usual = cpp_prefs._determine_flag_compatibility, extension_manager.build_ext
    cpp_prefs._determine_flag_compatibility = _accepts
    if sys.platform != "darwin":  # there setuptools tells the compiler the system's version
        extension_manager.build_ext = _GuardedBuild
    try:
        yield
    finally:
        cpp_prefs._determine_flag_compatibility, extension_manager.build_ext = usual
