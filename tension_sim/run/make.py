"""Compile the generated sources in a folder by their makefile; nothing of this process is changed for it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ..errors import RunFailedError
from .toolchain import require_compiler

__all__ = ["make"]


def make(folder: Path, language: str) -> None:
    """Compile in a folder, in processes of their own, which end with an error or interrupt of this one.

    Raises
    ------
    CompilerNotFoundError, RunFailedError
        If there is no compiler, or if it fails; its output then is on stderr.
    """
    # make takes $ in a value for its own
    command = shlex.join(require_compiler()).replace("$", "$$")
    with subprocess.Popen(
        ["make", f"-j{os.cpu_count() or 1}"],
        cwd=folder,
        env=os.environ | {"CXX": command},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        sys.stderr.write(output)
        raise RunFailedError(
            f"The generated {language} code did not compile (make ended with {process.returncode}).\n"
            "Fix: the compiler's output is above; an old compiler or a full disk are usual reasons."
        )
