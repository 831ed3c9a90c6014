"""Child processes of a run or a build, which end with this process, however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .interrupts import Interrupts

__all__ = ["Dialogue", "Told", "run_group", "run_program"]

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


#: Seconds after which a program that starts is looked at again.
_MOMENT = 0.02
#: Seconds after which an order to a program that runs is looked for again.
_LISTENING = 0.05


@dataclass(frozen=True)
class Dialogue:
    """What a program says beside its progress, and what it is answered.

    Attributes
    ----------
    hear : callable
        ``hear(word, rest)`` of a line; what it returns is written to the program's standard input, None says nothing.
    words : frozenset of str
        First words of the lines that it hears.
    pause_wanted : callable
        Says whether the program is to end after its time step.
    """

    hear: Callable[[str, str], str | None]
    words: frozenset[str]
    pause_wanted: Callable[[], bool]


@dataclass
class Told:
    """Reports of a program while it ran.

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
    paused : bool
        Whether it was asked because its time was over.
    log : deque of str
        The last lines of everything else.
    """

    code: int = 0
    written: dict[str, tuple[Path, int]] = field(default_factory=dict)
    fault: str = ""
    stopped: bool = False
    paused: bool = False
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))

    def hear(self, line: str, on_step: Callable[[int], None]) -> None:
        """Read one line of the program's output."""
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
    deadline: float | None = None,
    dialogue: Dialogue | None = None,
) -> Told:
    """Run a generated program to its end; an interrupt lets it end after its time step, an exception kills it.

    The deadline, by `time.monotonic`, lets it end after its time step too: it pauses then. That it ends with this
    process is up to the program (tsim_process.h), which gets the number of this one.
    """
    told = Told()
    interrupts.defer()
    stdin = subprocess.DEVNULL if dialogue is None else subprocess.PIPE
    with subprocess.Popen(
        [*command, f"parent={os.getpid()}"], cwd=folder, env=environment, stdin=stdin, **_OPTIONS
    ) as process:
        try:
            interrupts.defer(lambda: _ask_to_end(process))
            with _pausing(process, told, deadline, dialogue):
                for line in process.stdout or ():
                    if dialogue is None or not _answered(process, dialogue, line):
                        told.hear(line, on_step)
            told.code = process.wait()
        except BaseException:
            process.kill()
            raise
        interrupts.defer()
    return told


def _answered(process: subprocess.Popen[str], dialogue: Dialogue, line: str) -> bool:
    """Say whether a line belongs to the dialogue; it is answered then."""
    word, _, rest = line.rstrip("\n").partition(" ")
    if word not in dialogue.words:
        return False
    answer = dialogue.hear(word, rest)
    if answer is not None and process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # it was killed: its status says so
            process.stdin.write(answer)
            process.stdin.flush()
    return True


@contextlib.contextmanager
def _pausing(
    process: subprocess.Popen[str], told: Told, deadline: float | None, dialogue: Dialogue | None = None
) -> Iterator[None]:
    """Ask a program to end after its time step when the deadline has come, or when the dialogue wants it."""
    if deadline is None and dialogue is None:
        yield
        return

    over = threading.Event()

    def moment() -> float:
        left = _LISTENING if deadline is None else max(deadline - time.monotonic(), _MOMENT)
        return left if dialogue is None else min(left, _LISTENING)

    def due() -> bool:
        late = deadline is not None and time.monotonic() >= deadline
        return late or (dialogue is not None and dialogue.pause_wanted())

    def pause() -> None:
        while not over.wait(moment()):
            if due() and _takes_signals(process.pid):
                told.paused = True
                process.send_signal(signal.SIGINT)
                return

    waiting = threading.Thread(target=pause, daemon=True)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()


def _ask_to_end(process: subprocess.Popen[str]) -> None:
    """Let a program end after its time step: at once, or as soon as it has started."""
    if _takes_signals(process.pid):
        process.send_signal(signal.SIGINT)
        return

    def ask() -> None:
        while process.returncode is None:
            if _takes_signals(process.pid):
                process.send_signal(signal.SIGINT)
                return
            time.sleep(_MOMENT)

    threading.Thread(target=ask, daemon=True).start()


def _takes_signals(pid: int) -> bool:
    """Say whether a program has come to where SIGINT is handled; a signal before that would kill it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # no Linux
        return True
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1)


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
