"""The check of the CUDA kit (benchmarks/cuda) with stand-ins for programs: what is wrong fails, and stops nothing."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cuda import check, large
from benchmarks.cuda.calls import call_of
from benchmarks.cuda.execute import timed
from tension_sim import Simulation

#: Does what its file `does` says, then gives what the folder `gives` holds.
STAND_IN = """#!{python} -SE
import os, shutil, signal, sys, time
here = os.path.dirname(os.path.abspath(__file__))
does = open(here + "/does").read()
if does == "hang":
    os.fork()
    time.sleep(60)
if does == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if does == "exit":
    sys.exit("the device is on fire")
for argument in sys.argv:
    if argument.startswith("x=") and open(argument[2:]).read() != "twelve bytes":
        sys.exit("x is not what was carried")
results = sys.argv[sys.argv.index("--results_dir") + 1]
steps = int(next(a for a in sys.argv if a.startswith("conductor.stop_step=")).split("=")[1])
for name in os.listdir(here + "/gives"):
    shutil.copy(here + "/gives/" + name, results)
with open(results + "last_run_info.txt", "w") as info:
    info.write("%r 1" % (0.5 + 2e-3 * steps + (5e-3 * steps / 10 if "learning" in sys.argv else 0)))
if does != "early":
    with open(results + "step", "wb") as file:
        file.write(steps.to_bytes(8, "little"))
if "learning" in sys.argv:
    with open(results + "n_updates", "wb") as file:
        file.write((steps // 10).to_bytes(8, "little"))
"""

DT = 1e-4
STEPS = {"short": 100, "long": 1100}


class Kit:
    """A kit of programs that agree with what is wanted, until a test spoils one."""

    def __init__(self, folder: Path, names: tuple[str, ...] = ("first", "second", "third"), limit: float = 20) -> None:
        self.folder = folder
        arrays = {
            "readout.w": np.linspace(-1, 2, 50),
            "output.values": np.sin(np.arange(30)),
            "rls.n_updates": np.array([3]),
            "rls.diverged_step": np.array([-1]),
        }
        spikes = np.array([[3, 5], [3, 7], [12, 0]])
        described = {
            name: {"file": name.split(".")[1], "dtype": a.dtype.name, "size": len(a)} for name, a in arrays.items()
        }
        described |= {
            f"spikes.{x}": {"file": x, "dtype": d, "size": None} for x, d in (("t", "float64"), ("i", "int32"))
        }
        described["clock.step"] = {"file": "step", "dtype": "int64", "size": 1}
        self.programs = []
        for name in names:
            home = folder / name
            (home / "gives").mkdir(parents=True)
            (home / "does").write_text("run")
            (home / "main").write_text(STAND_IN.format(python=sys.executable))
            (home / "main").chmod(0o755)
            numbers = {}
            for key, values in arrays.items():
                values.tofile(home / "gives" / described[key]["file"])
                every = 7 if key == "readout.w" else 1
                values[::every].tofile(home / f"{key}.out")
                numbers[key] = {"file": f"{name}/{key}.out", "dtype": values.dtype.name, "every": every}
            listed = spikes[[1, 0, 2]]  # those of a step in any order
            (listed[:, 0] * DT).tofile(home / "gives" / "t")
            listed[:, 1].astype(np.int32).tofile(home / "gives" / "i")
            spikes.tofile(home / "spikes")
            (home / "inputs").mkdir()
            (home / "inputs" / "x.in.gz").write_bytes(gzip.compress(b"twelve bytes"))
            wanted = {"numbers": numbers, "spikes": {"spikes": {"file": f"{name}/spikes", "dt": DT}}}
            runs: dict[str, Any] = {
                "agreement": {"steps": 30, "arguments": ["conductor.stop_step=30", "x=INPUTS/x.in"], "wanted": wanted}
            }
            for suffix in ("", "_learning"):
                for length, steps in STEPS.items():
                    arguments = [f"conductor.stop_step={steps}", suffix.strip("_") or "frozen"]
                    runs[length + suffix] = {"steps": steps, "arguments": arguments}
            self.programs.append({
                "name": name, "title": f"the {name} one", "dtype": "float64", "limit": limit, "arrays": described,
                "steps_in": "clock.step",
                "rules": ["rls"], "rules_at_once": 1, "weights": ["readout.w"], "bytes": 1000, "sanitize": False,
                "runs": runs,
            })  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Check the kit, and return the status and the rows by their names."""
        manifest = {"emulated": True, "cuda": 13.0, "built": "today", "tolerance": {"float64": 1e-10, "float32": 2e-4}}
        (self.folder / "manifest.json").write_text(json.dumps(manifest | {"programs": self.programs}))
        file = self.folder / "table.json"
        status = check.main(["--kit", str(self.folder), "--json", str(file), *arguments])
        return status, {row["name"]: row for row in json.loads(file.read_text())["rows"]}

    def given(self, name: str) -> Path:
        """Return a file that the second program gives."""
        return self.folder / "second" / "gives" / name

    def change(self, name: str, at: int, value: float, dtype: str = "float64") -> None:
        """Change one number that the second program gives."""
        values = np.fromfile(self.given(name), dtype)
        values[at] = value
        values.tofile(self.given(name))


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_all_right_gives_times_and_status_0(kit, capsys):
    status, rows = kit.run()
    assert status == 0
    assert [row["problems"] for row in rows.values()] == [[], [], []]
    for row in rows.values():
        assert row["difference"] == 0
        # the stand-in's own clock: 2 ms a step, 5 ms an update, and half a second that is not counted
        assert row["step_ms"] == pytest.approx(2)
        assert row["update_ms"] == pytest.approx(5)
    printed = capsys.readouterr().out
    assert "| program | type | agrees | difference | step, ms | update, ms | of published | s |" in printed
    assert "| the second one | float64 | yes | 0.0e+00 | 2.0000 | 5.0000 |" in printed


def test_a_published_time_becomes_a_ratio(kit):
    kit.programs[1]["published"] = {"steps": 1000, "updates": 100, "seconds": 5.0}
    _, rows = kit.run("--only", "second")
    assert list(rows) == ["second"]
    assert rows["second"]["ratio"] == pytest.approx((1000 * 2e-3 + 100 * 5e-3) / 5)


def spoil_number(kit: Kit) -> None:
    kit.change("w", 14, 2.5)


def spoil_a_little(kit: Kit) -> None:
    kit.change("values", 3, np.sin(3) + 2e-10)


def spoil_nan(kit: Kit) -> None:
    kit.change("values", 29, np.nan)


def spoil_integer(kit: Kit) -> None:
    kit.change("n_updates", 0, 4, "int64")


def diverge(kit: Kit) -> None:
    kit.change("diverged_step", 0, 17, "int64")


def move_spike(kit: Kit) -> None:
    kit.change("t", 2, 13 * DT)


def other_neuron(kit: Kit) -> None:
    kit.change("i", 0, 8, "int32")


def twice_the_spike(kit: Kit) -> None:
    for name, dtype in (("t", "float64"), ("i", "int32")):
        values = np.fromfile(kit.given(name), dtype)
        np.append(values, values[0]).tofile(kit.given(name))


def lose_file(kit: Kit) -> None:
    kit.given("values").unlink()


def lose_spikes(kit: Kit) -> None:
    kit.given("t").unlink()


def cut_file(kit: Kit) -> None:
    np.zeros(20).tofile(kit.given("w"))


def lose_wanted(kit: Kit) -> None:
    (kit.folder / "second" / "output.values.out").unlink()


def lose_program(kit: Kit) -> None:
    (kit.folder / "second" / "main").unlink()


def fail(kit: Kit) -> None:
    (kit.folder / "second" / "does").write_text("exit")


def crash(kit: Kit) -> None:
    (kit.folder / "second" / "does").write_text("crash")


def end_early(kit: Kit) -> None:
    (kit.folder / "second" / "does").write_text("early")
    np.array([17]).tofile(kit.given("step"))


def hang(kit: Kit) -> None:
    kit.programs[1]["limit"] = 0.5
    (kit.folder / "second" / "does").write_text("hang")


def spoil_manifest(kit: Kit) -> None:
    del kit.programs[1]["rules"]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            spoil_number,
            r"readout\.w\[14\] is 2\.5, expected -0\.142857142857: 1\.3e\+00 of the largest, more than 1e-10",
        ),
        (spoil_a_little, r"output\.values\[3\] is .*: 2\.0e-10 of the largest, more than 1e-10"),
        (spoil_nan, r"output\.values\[29\] is .*nan.*: inf of the largest"),
        (spoil_integer, r"rls\.n_updates\[0\] is 4, expected 3"),
        (diverge, r"rls: learning diverged at time step 17"),
        (move_spike, r"spikes: 3 spikes, expected 3; at step 12 that of neuron 0 is missing"),
        (other_neuron, r"spikes: 3 spikes, expected 3; at step 3 that of neuron 7 is missing"),
        (twice_the_spike, r"spikes: 4 spikes, of which some came twice, expected 3"),
        (lose_file, r"output\.values: its file values is missing"),
        (lose_spikes, r"spikes\.t: its file t is missing"),
        (cut_file, r"readout\.w: 20 numbers in its file, of 50"),
        (lose_wanted, r"No such file or directory"),
        (lose_program, r"main does not start: No such file or directory"),
        (fail, r"ended with code 1: the device is on fire"),
        (crash, r"ended with signal SIGSEGV: it said nothing"),
        (end_early, r"ended at step 17 of 30"),
        (hang, r"killed after 0 s"),
        (spoil_manifest, r"KeyError: 'rules'"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_fails_and_stops_no_other(kit, capsys, spoil, problem):
    spoil(kit)
    for program in kit.programs:  # the others are timed elsewhere
        program["runs"] = {"agreement": program["runs"]["agreement"]}
    status, rows = kit.run()
    assert status == 1
    assert rows["first"]["problems"] == rows["third"]["problems"] == []
    (found, *_) = rows["second"]["problems"]
    assert re.search(problem, found), found
    printed = capsys.readouterr().out
    assert "| the second one | float64 | no |" in printed
    assert f"the second one: {found}" in printed


def test_float32_has_a_tolerance_of_its_own(kit):
    kit.change("values", 3, np.sin(3) + 1e-4)
    kit.programs[1]["dtype"] = "float32"
    assert kit.run("--only", "second")[0] == 0
    kit.change("values", 3, np.sin(3) + 3e-4)
    assert kit.run("--only", "second")[0] == 1


def test_the_time_of_all_is_kept(tmp_path):
    kit = Kit(tmp_path, names=("first", "second"), limit=20)
    (tmp_path / "first" / "does").write_text("hang")
    status, rows = kit.run("--budget", "0.8")
    assert status == 1
    assert "killed after" in rows["first"]["problems"][0]
    assert rows["first"]["seconds"] < 5
    assert rows["second"]["problems"] == ["agreement: not run, the time is over"]


def test_what_a_program_started_is_killed_with_it(tmp_path):
    problems, _ = timed(["sh", "-c", f"sleep 30 & echo $! > {tmp_path}/child; wait"], tmp_path, tmp_path, 0.4)
    assert problems == ["killed after 0 s"]
    child = int((tmp_path / "child").read_text())
    state, end = Path(f"/proc/{child}/stat"), time.monotonic() + 60
    while state.exists() and state.read_text().split()[2] not in "ZX":
        assert time.monotonic() < end
        time.sleep(0.01)


def test_inputs_are_made_here_and_have_a_checksum(kit, tmp_path):
    maker = tmp_path / "maker.py"
    maker.write_text(
        "import json, sys\n"
        "print('drawn')\n"
        "arguments = ['conductor.stop_step=30', 'w=' + sys.argv[2]]\n"
        "print(json.dumps({'arguments': {'agreement': arguments}, 'checksum': 5}))\n"
    )
    program = kit.programs[1]
    program |= {"made_by": "maker", "checksum": 5, "runs": {"agreement": program["runs"]["agreement"]}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        patch.setattr(check, "_root", lambda: tmp_path)
        assert kit.run("--only", "second")[0] == 0
        program["checksum"] = 6
        status, rows = kit.run("--only", "second")
        assert status == 1
        assert rows["second"]["problems"] == [
            "its inputs differ from those that were prepared: this numpy draws other numbers"
        ]
        maker.write_text("raise SystemExit('no numpy')")
        status, rows = kit.run("--only", "second")
        assert status == 1
        assert rows["second"]["problems"] == ["its inputs: ended with code 1: no numpy"]


def test_without_a_kit(tmp_path, capsys):
    assert check.main(["--kit", str(tmp_path)]) == 2
    assert "No kit in" in (said := capsys.readouterr().err)
    assert "Run python -m benchmarks.cuda.prepare where brian2cuda and nvcc are" in said


def test_an_unknown_program(kit, capsys):
    kit.run("--only", "second")
    assert check.main(["--kit", str(kit.folder), "--only", "fourth"]) == 2
    assert capsys.readouterr().err == "The kit has no program fourth. It has: first, second, third.\n"


def test_without_a_driver(kit, capsys, monkeypatch):
    def no_library(name: str) -> None:
        raise OSError(name)

    kit.run("--only", "second")
    manifest = json.loads((kit.folder / "manifest.json").read_text())
    (kit.folder / "manifest.json").write_text(json.dumps(manifest | {"emulated": False}))
    monkeypatch.setattr(check.ctypes, "CDLL", no_library)
    assert check.main(["--kit", str(kit.folder)]) == 2
    assert capsys.readouterr().err == (
        "No GPU: the NVIDIA driver (libcuda.so.1) is not installed on this machine. Run this check where one is.\n"
    )


class Driver:
    """A driver that counts GPUs and tells the compute capability."""

    def __init__(self, count: int, capability: tuple[int, int] = (9, 0), start: int = 0) -> None:
        self.count, self.capability, self.start = count, capability, start

    def cuInit(self, flags: int) -> int:
        return self.start

    def cuDeviceGetCount(self, to: Any) -> int:
        to._obj.value = self.count
        return 0

    def cuDeviceGetName(self, to: Any, size: int, device: int) -> int:
        to.value = b"a card"
        return 0

    def cuDeviceGetAttribute(self, to: Any, attribute: int, device: int) -> int:
        to._obj.value = self.capability[attribute - 75]
        return 0

    def cuDriverGetVersion(self, to: Any) -> int:
        to._obj.value = 13020
        return 0


def test_the_card_is_named(monkeypatch):
    monkeypatch.setattr(check.ctypes, "CDLL", lambda name: Driver(1))
    assert check.find_card(13.0) == {"name": "a card", "compute_capability": "9.0", "driver_cuda": "13.2"}


@pytest.mark.parametrize(
    ("driver", "text"),
    [
        (Driver(0), "No GPU: the NVIDIA driver is here, but finds no GPU that can be used."),
        (Driver(1, start=100), "No GPU: the NVIDIA driver is here, but finds no GPU that can be used."),
        (Driver(1), "The driver is for CUDA 13.2, the programs are of CUDA 14.0: update it."),
        (Driver(1, (7, 5)), "The GPU a card is too old: the programs need compute capability 8.0 or more."),
    ],
)
def test_no_card_that_will_do(monkeypatch, driver, text):
    monkeypatch.setattr(check.ctypes, "CDLL", lambda name: driver)
    with pytest.raises(check.NothingRanError, match=f"^{text}$"):
        check.find_card(14.0)


def test_the_check_needs_numpy_alone():
    """The kit's machine has nothing else, neither Brian2 nor this package."""
    code = (
        "import sys; from benchmarks.cuda import check, large; "
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'brian2', 'scipy', 'sympy', 'matplotlib', 'rich'}))"
    )
    root = Path(check.__file__).resolve().parents[2]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_compute_sanitizer_runs_where_it_is(kit, monkeypatch, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    tool = tools / "compute-sanitizer"
    tool.write_text('#!/bin/sh\necho "========= ERROR SUMMARY: 1 error"\n[ "$2" = memcheck ] || exit 9\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    kit.programs[0]["sanitize"] = True
    monkeypatch.setattr(check, "find_card", lambda cuda: {"name": "a card"})
    kit.run("--only", "first")
    manifest = json.loads((kit.folder / "manifest.json").read_text())
    (kit.folder / "manifest.json").write_text(json.dumps(manifest | {"emulated": False}))
    file = kit.folder / "table.json"
    assert check.main(["--kit", str(kit.folder), "--only", "first", "--json", str(file)]) == 1
    rows = {row["name"]: row["problems"] for row in json.loads(file.read_text())["rows"]}
    assert rows["memcheck"] == []
    assert rows["racecheck"] == [
        "ended with code 9: ========= ERROR SUMMARY: 1 error", "ERROR SUMMARY: 1 error"
    ]  # fmt: skip


def test_calls_are_what_a_run_gives_its_program(monkeypatch):
    """Nothing is built: a program is asked for, and given values, a first step and a number of steps."""
    given = {}

    class Asked(Exception):
        """Stands for the run."""

    class Program:
        def run(self, values: Any, start: int, steps: int, dt: float, wanted: Any, *rest: Any, **more: Any) -> None:
            given.update(values=values, start=start, steps=steps, dt=dt, wanted=list(wanted))
            raise Asked

    simulation = large.simulation(n=300)
    x, y = np.ones((2, 1)), np.zeros((2, 300))
    options = {"steps": 150, "every": {"x": 100, "y": 100}}
    call = call_of(simulation, y, x, **options)
    monkeypatch.setattr(Simulation, "build", lambda self: Program())
    with pytest.raises(Asked):
        simulation.run(y, x, **options)
    assert (call.start, call.steps, call.dt) == (given["start"], given["steps"], given["dt"]) == (0, 150, 1e-4)
    assert call.wanted == given["wanted"]
    assert call.values.keys() == given["values"].keys()
    for name, value in call.values.items():
        assert np.array_equal(value, given["values"][name]), name
    assert set(large.calls(simulation)) == set(large.RUNS)
