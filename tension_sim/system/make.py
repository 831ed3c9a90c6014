"""Compile the generated sources in a folder by their makefile; nothing of this process is changed for it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from ..errors import RunFailedError
from .children import run_group
from .toolchain import require_compiler

__all__ = ["compile_sources"]


def compile_sources(folder: Path, language: str) -> None:
    """Compile in a folder, in processes of their own, which end with an error, an interrupt or the end of this one.

    Raises
    ------
    CompilerNotFoundError, RunFailedError
        If there is no compiler, or if it fails; its output then is on stderr.
    """
    # make takes $ in a value for its own
    command = shlex.join(require_compiler()).replace("$", "$$")
    code, output = run_group(["make", f"-j{os.cpu_count() or 1}"], folder, os.environ | {"CXX": command})
    if code:
        sys.stderr.write(output)
        raise RunFailedError(
            f"The generated {language} code did not compile (make ended with {code}).\n"
            "Fix: the compiler's output is above; an old compiler or a full disk are usual reasons."
        )
