"""The processes that a run or a build starts: they end with this one, however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .interrupts import Interrupts

__all__ = ["Told", "run_group", "run_program"]

#: Lines of a program's output that are kept for its log.
_LINES = 1000

# The shell leads a process group. Its watchdog waits for the end of a pipe that only Python holds
# open: it comes with Python's end, by kill -9 as well, and the whole group is killed.
_GUARDED = """
exec 3<&0 </dev/null
(read -r _; kill -KILL 0) <&3 >/dev/null 2>&1 &
exec 3<&-
"$@"
status=$?
kill $! 2>/dev/null
exit $status
"""


#: How a child is started: a session of its own, for a Ctrl-C in the terminal reaches it once, through us.
_OPTIONS: dict[str, Any] = {
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
    "errors": "replace",
    "start_new_session": True,
}


@dataclass
class Told:
    """What a program told while it ran.

    Attributes
    ----------
    code : int
        Its exit status, or minus the signal that killed it.
    written : dict of str to (Path, int)
        By the name of a file where it lies, and how many bytes it has.
    fault : str
        Why it ended itself.
    stopped : bool
        Whether it was asked to end before its last step.
    log : deque of str
        The last lines of everything else.
    """

    code: int = 0
    written: dict[str, tuple[Path, int]] = field(default_factory=dict)
    fault: str = ""
    stopped: bool = False
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))

    def hear(self, line: str, on_step: Callable[[int], None]) -> None:
        """Take in one line of the program's output."""
        word, _, rest = line.rstrip("\n").partition(" ")
        number, _, path = rest.partition(" ")
        if word == "step" and rest.isdigit():
            on_step(int(rest))
        elif word == "wrote" and number.isdigit():
            self.written[Path(path).name] = (Path(path), int(number))
        elif word == "fault":
            self.fault = rest
        elif word == "stopped":
            self.stopped = True
        else:
            self.log.append(line)


def run_program(
    command: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    interrupts: Interrupts,
    on_step: Callable[[int], None],
) -> Told:
    """Run a generated program to its end; an interrupt lets it end after its time step, an exception kills it.

    That it ends with this process is up to the program (tsim_process.h), which gets the number of this one.
    """
    told = Told()
    interrupts.defer()
    with subprocess.Popen(
        [*command, f"parent={os.getpid()}"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, **_OPTIONS
    ) as process:
        try:
            interrupts.defer(lambda: process.send_signal(signal.SIGINT))
            for line in process.stdout or ():
                told.hear(line, on_step)
            told.code = process.wait()
        except BaseException:
            process.kill()
            raise
        interrupts.defer()
    return told


def run_group(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command that starts others, such as make; an exception or the end of this process kills them all.

    Returns
    -------
    code, output : int, str
        Its exit status, and what it wrote to stdout and stderr.
    """
    reading, writing = os.pipe()
    try:
        guarded = ["/bin/sh", "-c", _GUARDED, "sh", *command]
        with subprocess.Popen(guarded, cwd=folder, env=environment, stdin=reading, **_OPTIONS) as process:
            try:
                output, _ = process.communicate()
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
    finally:
        os.close(reading)
        os.close(writing)
    return process.returncode, output
