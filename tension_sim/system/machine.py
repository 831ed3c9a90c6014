"""Provenance of a computation: date, host, processor, command, and the commit of a checkout."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path

__all__ = ["this_machine"]

_ROOT = Path(__file__).resolve().parents[2]


def this_machine() -> dict[str, str]:
    """Return what a result should say about where it comes from.

    Returns
    -------
    dict of str to str
        ``date`` (ISO 8601 with its time zone), ``host``, ``system``, ``cpu``, ``command``, and
        ``commit`` where the package runs from a checkout of its repository.

    Examples
    --------
    >>> {"date", "host", "system", "cpu", "command"} <= set(this_machine())
    True
    """
    return {"date": datetime.now().astimezone().isoformat(timespec="seconds"), "command": _command(), **_fixed()}


def _command() -> str:
    # the interpreter's own -c and -m say nothing that could be repeated
    return shlex.join([os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]]) if sys.argv else "python"


@cache
def _fixed() -> dict[str, str]:
    found = {"host": platform.node(), "system": platform.platform(), "cpu": _processor()}
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of the checkout that this package is in, empty for an installed one."""
    if not (_ROOT / ".git").exists():
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(_ROOT), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    return ""
