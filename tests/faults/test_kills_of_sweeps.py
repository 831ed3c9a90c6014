"""Kills at random moments of a sweep's command, of a worker, of its scheduler: it goes on, and its table is the same.

TENSION_SIM_KILLS=100 pytest -n 0 -s -m slow tests/faults/test_kills_of_sweeps.py has the long form.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.forks import Fork, Forks
from sweeps.small import SMALL

from tension_sim import load_recipe

for _package in ("distributed", "cryptography", "pyarrow"):
    pytest.importorskip(_package, reason="sweeps need the extra")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="no /proc: processes that are left are not seen"
    ),
]

#: By default the command alone: test_workers.py kills a worker and a scheduler.
KILLS = int(os.environ.get("TENSION_SIM_KILLS", "1"))
GRID = ["--grid", "alpha_P=1e-3,1e-1", "--grid", "Q=1,10", "--seeds", "2"]
POINTS = 8
WORKERS = 2
#: So often a worker, or the scheduler, is killed while one command runs: each start takes time.
TIMES = 2
#: All that the command and dask's own commands import.
IMPORTED = [
    *("tension_sim.cli", "tension_sim.brian", "tension_sim.sweeps.sweep", "tension_sim.protocols.force"),
    *("pandas", "pyarrow.parquet", "cryptography", "distributed.cli.dask_scheduler", "distributed.cli.dask_worker"),
]

#: The protocol of the recipe, which notes each point that begins; a point takes so long that kills meet it.
PROTOCOL = '''"""Force, and a line in a file for each run that begins."""
import os
import time
from dataclasses import replace
from tension_sim.protocols.force import PROTOCOL as FORCE
from tension_sim.run.rehearsal import rehearsing


def run(recipe, target=None, progress=None):
    if not rehearsing():
        v = recipe.values
        with open(os.environ["BEGUN"], "a") as file:
            file.write(f"{v['learning']['alpha_P']} {v['network']['Q']} {recipe.seed}\\n")
        time.sleep(0.3)
    return FORCE.run(recipe, target, progress)


PROTOCOL = replace(FORCE, run=run)
'''


class Swept:
    """A sweep of a folder of its own, and the processes that belong to it."""

    def __init__(self, folder: Path, forks: Forks, mark: str) -> None:
        folder.mkdir()
        self._forks, self._mark = forks, mark
        self.folder, self.out, self.begun = folder, folder / "out", folder / "begun"
        (folder / "protocols").mkdir()
        (folder / "protocols" / "noted.py").write_text(PROTOCOL)
        text = load_recipe("nicola_clopath_2017/lif_sine").path.read_text()
        (folder / "mine.toml").write_text('protocol = "noted"\n' + text)

    def start(self, *where: str) -> Fork:
        """Start the command; it goes on with what is there."""
        words = ["sweep", str(self.folder / "mine.toml"), "--protocols", str(self.folder / "protocols"), *GRID, *where]
        words += ["--target", "numpy", "--out", str(self.out)]
        words += [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
        return self._fork("tension_sim.cli", words, "output")

    def dask(self, name: str, *words: str) -> Fork:
        """Start a process of dask's own commands."""
        return self._fork(f"distributed.cli.{name}", list(words), "dask")

    def _fork(self, module: str, words: list[str], output: str) -> Fork:
        return self._forks.start(module, words, self.folder / output, {"BEGUN": str(self.begun)})

    def processes(self) -> dict[int, str]:
        """Return the command lines of all processes of this sweep that live."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_text()
        found.pop(self._forks.pid, None)
        return found

    def workers(self) -> list[int]:
        """Return the processes that run points."""
        return [pid for pid, command in self.processes().items() if "spawn_main" in command]

    def wait_for_a_point(self, command: Fork, then: float) -> None:
        """Wait until a point begins, or the command ends, and some seconds more."""
        begun = len(self.begins())
        while command.poll() is None and len(self.begins()) == begun:
            time.sleep(0.01)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(then)

    def check_none_left(self) -> None:
        deadline = time.monotonic() + 60
        while left := self.processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def done(self) -> list[str]:
        """Return the points with a row, as `begun` names them."""
        journal = self.out / "points.jsonl"
        lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
        rows = [json.loads(line) for line in lines]
        assert {row["status"] for row in rows} <= {"done"}
        names = ("learning.alpha_P", "network.Q", "run.seed")
        return [" ".join(str(row["values"][name]) for name in names) for row in rows]

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def begins(self) -> list[str]:
        return self.begun.read_text().splitlines() if self.begun.exists() else []

    def table(self) -> bytes:
        """Return the bits of settings and numbers, in the order of the table."""
        import pandas

        frame = pandas.read_parquet(self.out / "table.parquet")
        kept = frame.drop(columns=["seconds", "build", "run", "machine"])
        return b"".join(kept[name].to_numpy().tobytes() if kept[name].dtype.kind in "if" else
                        repr(kept[name].tolist()).encode() for name in kept)  # fmt: skip


def end(processes: list[Fork]) -> None:
    for process in processes:
        process.kill()
        process.wait()


@contextlib.contextmanager
def killed_after(processes: list[Fork]) -> Iterator[None]:
    try:
        yield
    finally:
        end(processes)


def started(swept: Swept, port: int) -> list[Fork]:
    common = ("--host", "127.0.0.1", "--no-dashboard")
    worker = ("dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-nanny", *common)
    return [swept.dask("dask_scheduler", "--port", str(port), *common), *(swept.dask(*worker) for _ in range(WORKERS))]


def kill_the_command(swept: Swept, moments: Iterator[float]) -> int:
    command = swept.start("--workers", str(WORKERS))
    swept.wait_for_a_point(command, next(moments))
    command.kill()
    assert command.wait() in (0, -signal.SIGKILL), swept.output()
    return 1


def kill_a_worker(swept: Swept, moments: Iterator[float]) -> int:
    command = swept.start("--workers", str(WORKERS))
    for _ in range(TIMES):
        swept.wait_for_a_point(command, next(moments))
        for worker in swept.workers()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    assert command.wait(300) == 0, swept.output()
    return TIMES


def kill_the_scheduler(swept: Swept, moments: Iterator[float]) -> int:
    """Its workers go with it; others come, at the same address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with contextlib.ExitStack() as stack:
        stack.enter_context(killed_after(processes := started(swept, port)))
        command = swept.start("--cluster", f"tcp://127.0.0.1:{port}")
        for _ in range(TIMES):
            swept.wait_for_a_point(command, next(moments))
            end(processes)
            stack.enter_context(killed_after(processes := started(swept, port)))
        assert command.wait(300) == 0, swept.output()
    return TIMES


def finished(swept: Swept) -> float:
    """Run what is left, undisturbed; return how long its points took."""
    command = swept.start("--workers", str(WORKERS))
    swept.wait_for_a_point(command, 0)
    begin = time.monotonic()
    while command.poll() is None and len(swept.done()) < POINTS:
        time.sleep(0.02)
    took = time.monotonic() - begin
    assert command.wait(300) == 0, swept.output()
    return took


@pytest.fixture
def forks(tmp_path) -> Iterator[Forks]:
    path = os.pathsep.join(path for path in sys.path if path)
    name, _, value = mark_of(tmp_path).partition("=")
    found = Forks(os.environ | {"PYTHONPATH": path, name: value}, *IMPORTED)
    yield found
    found.close()


def mark_of(folder: Path) -> str:
    """Return what the environment of all processes of a test has."""
    return f"TENSION_SIM_SWEPT={folder}"


@pytest.mark.timeout(max(900, 120 * KILLS))
def test_killed_sweeps_go_on_bit_for_bit(tmp_path, forks):
    def new(name: str) -> Swept:
        return Swept(tmp_path / name, forks, mark_of(tmp_path))

    whole, rng = new("whole"), random.Random(KILLS)
    took = finished(whole)
    moments = iter(lambda: rng.uniform(0, 1.1 * took), None)
    points = Counter(whole.begins())
    assert set(points.values()) == {1} and len(points) == POINTS
    kinds = itertools.cycle((kill_the_command, kill_a_worker, kill_the_scheduler))
    kills, again, sweeps = 0, 0, 0
    while kills < KILLS:
        sweeps += 1
        swept = new(str(sweeps))
        while len(swept.done()) < POINTS and kills < KILLS:
            done, begun = swept.done(), len(swept.begins())
            kills += next(kinds)(swept, moments)
            swept.check_none_left()
            assert swept.done()[: len(done)] == done
            assert not set(done) & set(swept.begins()[begun:]), "what is done was done again"
        finished(swept)
        assert Counter(swept.done()) == points
        assert swept.table() == whole.table()
        again += len(swept.begins()) - POINTS
    # a kill loses what runs: one point of each worker that it ends
    assert again <= WORKERS * kills
    print(f"{kills} kills of {sweeps} sweeps; {again} points begun again")
