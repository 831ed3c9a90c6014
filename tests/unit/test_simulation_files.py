"""Targets and inputs that stay in their file: the same numbers as from an array, in little memory, on every target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lif_network import STEPS, Y, assert_same, net
from targets import skip_unless_here

from tension_sim.declare import sample_file
from tension_sim.declare.network import Learning
from tension_sim.declare.record import Record
from tension_sim.errors import InvalidValueError
from tension_sim.run.simulation import Simulation
from tension_sim.tasks import Task

RULE = Learning(alpha_P=1e-4, update_every=2)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Read 7 rows of one channel at a time."""
    monkeypatch.setattr(sample_file, "_WINDOW", 7)


def saved(folder: Path, rows: np.ndarray = Y) -> Path:
    np.save(folder / "y.npy", rows)
    return folder / "y.npy"


@pytest.mark.parametrize(
    "target", ["numpy", "cython", "cpp_standalone", pytest.param("tensorflow", marks=pytest.mark.slow)]
)
def test_the_same_as_an_array(target, tmp_path):
    skip_unless_here(target)
    path = saved(tmp_path)
    simulation = Simulation(net(learning=RULE), target=target)
    wanted = simulation.run(Y)
    mapped = np.load(path, mmap_mode="r")
    for y in (path, str(path), mapped):
        results = simulation.run(y)
        assert_same(results, wanted)
        assert np.array_equal(results.target, wanted.target)
    first = simulation.run(mapped[:97])
    assert_same(simulation.run(mapped[97:], state=first.state), simulation.run(Y[97:], state=first.state))
    assert_same(simulation.run(mapped[:50], every={"y": 5}), simulation.run(Y[:50], every={"y": 5}))
    task = Task("demo", STEPS, mapped[:50, None], period=50)
    assert_same(simulation.run(task), simulation.run(Task("demo", STEPS, Y[:50, None], period=50)))
    assert_same(simulation.run(Y), wanted)  # an array after files


def test_only_recorded_rows_of_the_target_are_kept(tmp_path):
    simulation = Simulation(net(learning=RULE), target="numpy", record=Record(every=20))
    assert np.array_equal(simulation.run(saved(tmp_path)).target, Y[::20, None])


#: Prints by how many MB the largest memory of this process, and of its children, grew by the run.
MEASURED = """
import re, resource, sys
import numpy as np
from pathlib import Path
from lif_network import net
from test_simulation_files import RULE
from tension_sim.run.simulation import Simulation
import tension_sim.declare.sample_file
simulation = Simulation(net(learning=RULE), target=sys.argv[1])

def peaks():
    own = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
    return own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

simulation.run(np.zeros(50))
before = peaks()
results = simulation.run(np.memmap(sys.argv[2], "f8", mode="r"), steps=50)
print(*((b - a)/1024 for a, b in zip(before, peaks())))
"""


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.slow)])
def test_a_large_file_takes_little_memory(target, tmp_path):
    skip_unless_here(target)
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell how much memory a process takes")
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(
            int(float(os.environ.get("TENSION_SIM_TEST_BYTES", "200e6"))) // 8 * 8
        )  # takes no room on the disk
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", MEASURED, target, str(tmp_path / "zeros")]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert all(float(grown) < 50 for grown in ended.stdout.split()), ended.stdout


def test_files_of_samples_that_cannot_be_used_are_refused(tmp_path):
    simulation = Simulation(net(learning=RULE), target="numpy")
    bad = Y.copy()
    bad[13] = np.nan
    for y, text in {
        "none.npy": r"Simulation\.run\.y: expected a \.npy file of .*\.\nReceived: 'none\.npy \(No such file",
        saved(
            tmp_path, bad
        ): r"Simulation\.run\.y: expected finite values\.\nReceived: nan\nFix: correct the value at index"
        r" \(13, 0\) of .*y\.npy\.",
    }.items():
        with pytest.raises(InvalidValueError, match=text):
            simulation.run(y)
    path = saved(tmp_path, np.zeros((20, 3)))
    with pytest.raises(InvalidValueError, match=r"run\.y: expected shape \(timesteps, 1\)\.\nReceived: \(20, 3\)"):
        simulation.run(path)
    with pytest.raises(InvalidValueError, match=r"run\.steps: expected at most the 240 samples that are given"):
        simulation.run(saved(tmp_path), steps=241)
