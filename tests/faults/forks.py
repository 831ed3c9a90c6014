"""A server of processes that have imported all that takes time before they begin; each is forked from this one.

Run by test_kills_of_sweeps.py. A line on stdin is a list in JSON: ``["start", MODULE, WORDS, OUTPUT, ENVIRONMENT]``
forks a process that calls ``main`` of a module as its command line would, and answers by its number;
``["poll", NUMBER]`` by how it ended, or null.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

#: Seconds between two looks at a process.
_LOOK = 0.02


class Forks:
    """The server, from the side of a test; `environment` is that of all its processes."""

    def __init__(self, environment: dict[str, str], *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1,
        )  # fmt: skip
        self.pid = self._process.pid

    def ask(self, *what: Any) -> Any:
        self._process.stdin.write(json.dumps(what) + "\n")
        return json.loads(self._process.stdout.readline())

    def start(self, module: str, words: list[str], output: Path, environment: dict[str, str]) -> Fork:
        return Fork(self, self.ask("start", module, words, str(output), environment))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Fork:
    """A process, as `subprocess.Popen` has it."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks, self.pid = forks, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._forks.ask("poll", self.pid)
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_LOOK)
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:  # its number is not another's: the server has not waited for it
            os.kill(self.pid, 9)


def _begin(module: str, words: list[str], output: str, environment: dict[str, str]) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    os.dup2(1, 2)
    os.environ.update(environment)
    sys.argv = [module, *words]
    import_module(module).main()


def main(modules: list[str]) -> None:
    for module in modules:
        import_module(module)
    for line in sys.stdin:
        what, *given = json.loads(line)
        if what == "start":
            child = os.fork()
            if child == 0:
                _begin(*given)
                return
            print(child, flush=True)
        else:
            pid, status = os.waitpid(given[0], os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
