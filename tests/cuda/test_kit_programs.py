"""The CUDA kit from end to end: prepared, checked, and spoiled; on the emulation, and where there is a GPU on that."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cuda import check
from tension_sim import cuda
from tension_sim.errors import CompilerNotFoundError

ROOT = Path(check.__file__).resolve().parents[2]


def prepare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Prepare a kit in a process of its own: Brian2's device and preferences are changed there."""
    command = [sys.executable, "-m", "benchmarks.cuda.prepare", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    pytest.importorskip("brian2cuda", reason="brian2cuda is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    kit = tmp_path_factory.mktemp("kit")
    made = prepare("--emulate", "--only", "primitives_float64", "--kit", str(kit))
    assert made.returncode == 0, made.stderr[-3000:]
    return kit


@pytest.mark.slow
def test_the_emulated_kit_is_right_until_one_number_changes(emulated):
    file = emulated / "checked.json"
    assert check.main(["--kit", str(emulated)]) == 0
    (row,) = json.loads(file.read_text())["rows"]
    assert row["problems"] == []
    assert row["difference"] < 1e-10
    assert list(row["runs"]) == ["agreement", "other_values"]
    assert row["runs"]["agreement"]["updates"] != row["runs"]["other_values"]["updates"]

    wanted = emulated / "primitives_float64" / "wanted" / "agreement" / "readout.w.out"
    before = wanted.read_bytes()
    values = np.frombuffer(before).copy()
    values[17] += 1e-9 * np.abs(values).max()
    wanted.write_bytes(values.tobytes())
    try:
        assert check.main(["--kit", str(emulated)]) == 1
    finally:
        wanted.write_bytes(before)
    (row,) = json.loads(file.read_text())["rows"]
    (problem,) = row["problems"]
    assert problem.startswith("agreement: readout.w[17] is ")
    assert problem.endswith(": 1.0e-09 of the largest, more than 1e-10")


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
    made = prepare("--emulate", "--only", "primitives_float64", "--kit", str(emulated))
    assert made.returncode == 0
    assert "primitives_float64: is up to date" in made.stdout
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
