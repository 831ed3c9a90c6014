"""The CUDA kit from end to end: prepared, checked, and spoiled; on the emulation, and where there is a GPU on that."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cuda import check
from tension_sim.errors import CompilerNotFoundError
from tension_sim.system import cuda

ROOT = Path(check.__file__).resolve().parents[2]


def prepare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Prepare a kit in a process of its own: Brian2's device and preferences are changed there."""
    command = [sys.executable, "-m", "benchmarks.cuda.prepare", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_kit_is_prepared_without_pytest():
    pytest.importorskip("brian2cuda", reason="brian2cuda is not installed")
    code = "import sys; sys.modules['pytest'] = None; from benchmarks.cuda import prepare; prepare.tolerance()"
    code += "\nwith prepare.emulation(): pass"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-3000:]


PROGRAMS = ("primitives_float64", "lif_sine")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    pytest.importorskip("brian2cuda", reason="brian2cuda is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    kit = tmp_path_factory.mktemp("kit")
    made = prepare("--emulate", "--only", *PROGRAMS, "--kit", str(kit))
    assert made.returncode == 0, made.stderr[-3000:]
    return kit


def checked(kit, *names: str) -> tuple[int, dict[str, dict]]:
    """Check some programs, and return the status and the rows by their names."""
    status = check.main(["--kit", str(kit), "--only", *names])
    return status, {row["name"]: row for row in json.loads((kit / "checked.json").read_text())["rows"]}


@contextmanager
def spoiled(file: Path, dtype: str, at: int, change: Callable[[np.ndarray], float]) -> Iterator[None]:
    """Change one number of what is wanted."""
    before = file.read_bytes()
    values = np.frombuffer(before, dtype).copy()
    values[at] += change(values)
    file.write_bytes(values.tobytes())
    try:
        yield
    finally:
        file.write_bytes(before)


@pytest.mark.slow
def test_the_emulated_kit_is_right(emulated):
    status, rows = checked(emulated, *PROGRAMS)
    assert status == 0
    assert [row["problems"] for row in rows.values()] == [[], []]
    assert all(row["difference"] < 1e-10 for row in rows.values())
    assert list(rows["primitives_float64"]["runs"]) == ["agreement", "other_values"]
    updates = [run["updates"] for run in rows["primitives_float64"]["runs"].values()]
    assert updates[0] != updates[1]
    # every fifth of 120 steps; timed runs without learning have none
    declared = rows["lif_sine"]["runs"]
    assert {name: run["updates"] for name, run in declared.items()} == {
        "agreement": 24, "short": 0, "long": 0, "short_learning": 10, "long_learning": 20,
    }  # fmt: skip
    assert rows["lif_sine"]["title"] == "lif_sine, N = 100"
    assert {"step_ms", "update_ms"} <= rows["lif_sine"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_one_number_that_changes_fails_the_emulated_kit(emulated, name):
    wanted = emulated / name / "wanted"
    file = next(wanted.rglob("readout.w.out"))
    with spoiled(file, "float64", 17, lambda w: 1e-9 * np.abs(w).max()):
        status, rows = checked(emulated, name)
    assert status == 1
    (problem,) = rows[name]["problems"]
    assert problem.startswith("agreement: readout.w[17] is ")
    assert problem.endswith(": 1.0e-09 of the largest, more than 1e-10")


@pytest.mark.slow
def test_one_spike_that_moves_fails_the_emulated_kit(emulated):
    with spoiled(emulated / "lif_sine" / "wanted" / "spikes.spikes", "int64", 0, lambda steps: 1):
        status, rows = checked(emulated, "lif_sine")
    assert status == 1
    (problem,) = rows["lif_sine"]["problems"]
    assert re.search(r"^agreement: spikes: (\d+) spikes, expected \1; at step 0 that of neuron \d+ is", problem), (
        problem
    )


@pytest.mark.slow
def test_the_kit_carries_what_its_check_needs(emulated):
    command = [sys.executable, "-m", "benchmarks.cuda.check", "--only", "primitives_float64"]
    found = subprocess.run(command, cwd=emulated, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "| every primitive | float64 | yes |" in found.stdout


@pytest.mark.slow
def test_what_is_built_is_not_built_again(emulated):
    program = emulated / "primitives_float64" / "main"
    built = program.stat().st_mtime_ns
    made = prepare("--emulate", "--only", *PROGRAMS, "--kit", str(emulated))
    assert made.returncode == 0
    assert made.stdout.count(": is up to date") == len(PROGRAMS)
    assert program.stat().st_mtime_ns == built


@pytest.mark.gpu
@pytest.mark.slow
def test_the_kit_is_right_on_this_gpu(tmp_path_factory):
    pytest.importorskip("brian2cuda", reason="brian2cuda is not installed")
    try:
        cuda.require_cuda()
        check.find_card()
    except (CompilerNotFoundError, check.NothingRanError) as error:
        pytest.skip(str(error).partition("\n")[0])
    kit = tmp_path_factory.getbasetemp() / "gpu_kit"
    made = prepare("--kit", str(kit))
    assert made.returncode == 0, made.stderr[-3000:]
    found = subprocess.run([sys.executable, "-m", "benchmarks.cuda.check"], cwd=kit, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
