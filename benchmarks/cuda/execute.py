"""Run one program of the kit within a time limit, and look at what it left. numpy only."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cuda.compare import compare, read

__all__ = ["INPUTS", "Ran", "execute", "given", "scratch", "timed", "unpack"]


#: Stands in arguments for the folder that inputs are unpacked into.
INPUTS = "INPUTS"


@dataclass
class Ran:
    """What is known of one run."""

    seconds: float = 0.0
    loop_seconds: float | None = None
    updates: int = 0
    difference: float | None = None
    problems: list[str] = field(default_factory=list)


@contextmanager
def scratch(needed: int) -> Iterator[Path]:
    """Make a folder for some bytes of results, in memory where there is room, and remove it at the end."""
    shared = Path("/dev/shm")
    fast = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2 * needed
    folder = Path(tempfile.mkdtemp(prefix="cuda_kit_", dir=shared if fast else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def timed(command: Sequence[str], folder: Path, work: Path, limit: float, path: str = "") -> tuple[list[str], str]:
    """Run a command in a folder, and kill it at the limit with all that it started.

    Returns
    -------
    problems, output : list of str, str
        The end of both its streams; `path` goes before PYTHONPATH.
    """
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    log = work / "log.txt"
    try:
        with log.open("w") as output:
            process = subprocess.Popen(
                list(command), cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        return [f"{command[0]} does not start: {error.strerror}"], ""
    try:
        process.wait(max(limit, 0.1))
    except subprocess.TimeoutExpired:
        return [f"killed after {limit:.0f} s"], log.read_text(errors="replace")
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    output = log.read_text(errors="replace")
    if process.returncode:
        code = process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        said = " ".join(
            line for line in output.splitlines() if not line.startswith(("step ", "loop ", "wrote ", "INFO", "\t"))
        )
        return [f"ended with {how}: {said[-300:].strip() or 'it said nothing'}"], output
    return [], output


def unpack(packed: Path, work: Path) -> None:
    """Unpack the inputs of a program into a folder for its runs."""
    inputs = work / "inputs"
    inputs.mkdir()
    for path in packed.glob("*.gz"):
        with gzip.open(path) as file, (inputs / path.stem).open("wb") as plain:
            shutil.copyfileobj(file, plain)


def _loop_seconds(output: str, results: Path) -> float:
    """Return how long a program's time steps took: it says so, or leaves it in Brian2's own file."""
    said = [line.split()[1] for line in output.splitlines() if line.startswith("loop ")]
    return float(said[-1] if said else (results / "last_run_info.txt").read_text().split()[0])


def execute(
    kit: Path, program: Mapping[str, Any], run: Mapping[str, Any], work: Path, limit: float, tolerance: float
) -> Ran:
    """Run a program, and compare what it left with what is wanted."""
    folder, results = kit / program["name"], work / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    command = [str((folder / "main").resolve()), "--results_dir", f"{results}/", *given(run, work)]
    ran, begin = Ran(), time.perf_counter()
    ran.problems, output = timed(command, folder, work, limit)
    ran.seconds = time.perf_counter() - begin
    if ran.problems:
        return ran
    try:
        ran.loop_seconds = _loop_seconds(output, results)
        _look(results, program, run, ran)
    except (OSError, ValueError, IndexError) as error:
        ran.problems.append(str(error))
    if "wanted" in run:
        problems, ran.difference = compare(results, kit, program, run["wanted"], tolerance)
        ran.problems += problems
    return ran


def given(run: Mapping[str, Any], work: Path) -> list[str]:
    """Return the arguments of a run, with the place of its inputs."""
    return [argument.replace(f"={INPUTS}/", f"={work}/inputs/") for argument in run["arguments"]]


def _look(results: Path, program: Mapping[str, Any], run: Mapping[str, Any], ran: Ran) -> None:
    """Look at any run: all its steps, no divergence, and numbers that are finite."""
    if program.get("steps_in"):
        reached = int(read(results, program["arrays"][program["steps_in"]], "the step reached")[0])
        if reached != run["steps"]:
            ran.problems.append(f"ended at step {reached} of {run['steps']}")
    for rule in program["rules"]:
        step = int(read(results, program["arrays"][f"{rule}.diverged_step"], rule)[0])
        if step >= 0:
            ran.problems.append(f"{rule}: learning diverged at time step {step}")
        ran.updates += int(read(results, program["arrays"][f"{rule}.n_updates"], rule)[0])
    for name in program["weights"]:
        if not np.isfinite(read(results, program["arrays"][name], name)).all():
            ran.problems.append(f"{name} is not finite at the end")
