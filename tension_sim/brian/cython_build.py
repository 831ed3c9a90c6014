"""Compile Cython modules in processes that end with this one: setuptools, by which Brian2 compiles, lets them go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brian2.codegen.runtime.cython_rt import extension_manager
from setuptools.errors import ExecError

from ..run.children import run_group

__all__ = ["compilers_end_with_this_process"]


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


@contextmanager
def compilers_end_with_this_process() -> Iterator[None]:
    """Let Brian2 compile by processes that a kill -9 of this one ends as well; call it in a turn of `isolated`."""
    if sys.platform == "darwin":  # there setuptools tells the compiler the system's version
        yield
        return
    usual = extension_manager.build_ext
    extension_manager.build_ext = _GuardedBuild
    try:
        yield
    finally:
        extension_manager.build_ext = usual
