"""Compiled programs: built once, found again, and what happens when one fails. Nothing compiles here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from targets import skip_unless_here

import tension_sim.brian.build as build
from tension_sim.circuit.parts import Circuit
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.network import ForceNetwork
from tension_sim.declare.record import Record
from tension_sim.errors import CompilerNotFoundError, OutputError, RunFailedError
from tension_sim.run import cache as program_cache
from tension_sim.run.cache import cache_folder, find_or_build, program_key
from tension_sim.run.program import Program
from tension_sim.system import scratch

ARRAYS = {
    "network_clock.timestep": {"file": "step", "dtype": "int64", "size": 1},
    "readout.w": {"file": "w", "dtype": "float64", "size": 3},
    "output.values": {"file": "z", "dtype": "float64", "size": None},
    "recurrent.w": {"file": "unread", "dtype": "float64", "size": 99},
}

#: A program that doubles w, and does what its first line is told to do.
MAIN = """#!{python}
import array, os, signal, sys
results = sys.argv[sys.argv.index("--results_dir") + 1]
given = dict(a.split("=", 1) for a in sys.argv if "=" in a)
w = array.array("d")
w.frombytes(open(given["readout.w"], "rb").read())
stop = int(given["conductor.stop_step"])
print("step 5", flush=True)
print("not a step", flush=True)
print("a complaint", file=sys.stderr, flush=True)
{trouble}
for name, numbers in (
    ("step", array.array("q", [stop])),
    ("w", array.array("d", [2*v for v in w])[:{written}]),
    ("z", array.array("d", range(stop))),
):
    print("wrote", open(results + name, "wb").write(numbers.tobytes()), results + name)
"""


@pytest.fixture
def circuit():
    return ForceWiring(ForceNetwork.random(n=7), Record()).circuit


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where runs keep their files meanwhile."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def builds(monkeypatch):
    """Build a small file instead of a program, and count how often."""
    skip_unless_here("cpp_standalone")
    made = []

    def fake(circuit: Circuit, folder: Path) -> None:
        made.append(folder)
        (folder / "main").write_text("a program")
        (folder / "manifest.json").write_text(json.dumps({"arrays": ARRAYS}))

    monkeypatch.setattr(build, "build_cpp", fake)
    return made


def program(folder: Path, trouble: str = "", written: int = 3) -> Program:
    """A program of our own."""
    folder.mkdir(exist_ok=True)
    main = folder / "main"
    main.write_text(MAIN.format(python=sys.executable, trouble=trouble, written=written))
    main.chmod(0o755)
    return Program(folder, {"arrays": ARRAYS}, built=False)


WANTED = ("readout.w", "output.values")
VALUES = {"readout.w": np.array([1.0, 2.0, 3.0]), "rls.alpha_P": np.float64(0.1), "n": np.int64(4)}


class TestCache:
    def test_folder(self, monkeypatch):
        monkeypatch.setenv("TENSION_SIM_CACHE", "/one")
        assert cache_folder() == Path("/one")
        monkeypatch.delenv("TENSION_SIM_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", "/two")
        assert cache_folder() == Path("/two/tension_sim")
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", "/three")
        assert cache_folder() == Path("/three/.cache/tension_sim")

    def test_key(self, circuit, monkeypatch):
        other = ForceWiring(ForceNetwork.random(n=8), Record()).circuit
        again = ForceWiring(ForceNetwork.random(n=7, seed=3, Q=1), Record()).circuit
        key = program_key(circuit, "cpp_standalone")
        assert program_key(again, "cpp_standalone") == key
        assert program_key(other, "cpp_standalone") != key
        monkeypatch.setattr(program_cache, "_sources", lambda: "other sources")
        assert program_key(circuit, "cpp_standalone") != key

    def test_the_key_is_the_same_in_another_process(self, circuit):
        code = (
            "from tension_sim.declare.network import ForceNetwork;"
            "from tension_sim.declare.record import Record; from tension_sim.circuit.wiring import ForceWiring;"
            "from tension_sim.run.cache import program_key;"
            "print(program_key(ForceWiring(ForceNetwork.random(n=7), Record()).circuit, 'cpp_standalone'))"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == program_key(circuit, "cpp_standalone")

    def test_built_once(self, circuit, cache, builds):
        first = find_or_build(circuit)
        assert first.built
        assert first.folder.parent == cache
        assert first.folder.name.startswith(program_key(circuit, "cpp_standalone") + ".")
        second = find_or_build(circuit)
        assert not second.built
        assert (second.folder, second.manifest) == (first.folder, first.manifest)
        assert len(builds) == 1
        assert list(cache.iterdir()) == [first.folder]

    @pytest.mark.parametrize(
        "damage",
        [
            lambda folder: (folder / "main").write_text("half a pro"),
            lambda folder: (folder / "main").unlink(),
            lambda folder: (folder / "manifest.json").write_text("{}"),
            lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00"),
            lambda folder: (folder / "complete").unlink(),
            lambda folder: [f.unlink() for f in folder.iterdir()],
            lambda folder: (
                [f.unlink() for f in folder.iterdir()],
                folder.rmdir(),
                folder.write_text("a file"),
            ),
        ],
    )
    def test_damaged_programs_are_built_again(self, circuit, cache, builds, damage):
        folder = find_or_build(circuit).folder
        damage(folder)
        found = find_or_build(circuit)
        assert found.built
        assert len(builds) == 2
        assert (found.folder / "main").read_text() == "a program"
        assert list(cache.iterdir()) == [folder]

    def test_another_process_was_first(self, circuit, cache, builds, monkeypatch):
        fake = build.build_cpp

        def slow(circuit, folder):
            fake(circuit, folder)
            monkeypatch.setattr(build, "build_cpp", fake)
            find_or_build(circuit)  # meanwhile
            (folder / "main").write_text("the slower program")

        monkeypatch.setattr(build, "build_cpp", slow)
        assert (find_or_build(circuit).folder / "main").read_text() == "a program"
        assert len(list(cache.iterdir())) == 1

    def test_folder_that_cannot_be_written(self, circuit, tmp_path, monkeypatch, builds):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "file" / "cache"))
        with pytest.raises(
            OutputError,
            match=r"(?s)The cache of compiled programs .*/cache cannot be written: .*\nFix: set TENSION_SIM_CACHE",
        ):
            find_or_build(circuit)
        assert not builds

    def test_full_disk(self, circuit, cache, builds, monkeypatch):
        def full(circuit, folder):
            (folder / "main").write_text("half a pro")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(build, "build_cpp", full)
        with pytest.raises(
            OutputError, match=r"(?s)could not be written into .*No space left on device.*\nFix: make room"
        ):
            find_or_build(circuit)
        assert not list(cache.iterdir())

    def test_no_compiler(self, circuit, cache, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(CompilerNotFoundError) as caught:
            find_or_build(circuit)
        assert str(caught.value) == (
            "Simulation.target: expected a C++ compiler (g++) and make on the PATH for cpp_standalone.\n"
            "Received: 'g++'\n"
            'Fix: install them (Debian: apt install build-essential), or choose target="numpy".'
        )
        assert not cache.exists()

    def test_compiler_that_fails(self, circuit, cache, tmp_path, monkeypatch, capfd):
        skip_unless_here("cpp_standalone")
        broken = tmp_path / "g++"
        broken.write_text('#!/bin/sh\necho "broken compiler" >&2\nexit 1\n')
        broken.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        with pytest.raises(
            RunFailedError, match=r"The generated C\+\+ code did not compile .*\nFix: the compiler's output"
        ):
            find_or_build(circuit)
        assert "broken compiler" in capfd.readouterr().err
        assert not list(cache.iterdir())


class TestRun:
    def test_values_go_in_and_results_come_out(self, tmp_path, temporary):
        seen = []
        found = program(tmp_path / "program").run(VALUES, 3, 4, 0.5, WANTED, seen.append)
        assert found["readout.w"].tolist() == [2.0, 4.0, 6.0]
        assert found["output.values"].tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert (found["steps"], found["interrupted"]) == (4, False)
        assert "recurrent.w" not in found
        assert seen == [2]  # step 5, from the third on
        assert not list(temporary.iterdir())

    def test_files_of_a_run_lie_in_memory(self, tmp_path, monkeypatch):
        for name in ("TMPDIR", "TEMP", "TMP"):
            monkeypatch.delenv(name, raising=False)
        fast, slow = tmp_path / "fast", tmp_path / "slow"
        fast.mkdir(), slow.mkdir()
        monkeypatch.setattr(scratch, "_IN_MEMORY", str(fast))
        monkeypatch.setattr(tempfile, "tempdir", str(slow))
        trouble = "print(sys.argv, file=open(os.path.dirname(sys.argv[0]) + '/arguments', 'w'))"

        def folder(spikes=0):
            program(tmp_path / "program", trouble).run(VALUES, 3, 4, 0.5, WANTED, spikes=spikes)
            arguments = (tmp_path / "program" / "arguments").read_text()
            return Path(re.search(r"'readout\.w=([^']+)'", arguments)[1]).parent.parent

        assert folder() == fast
        assert folder(spikes=2**40) == slow  # no room
        monkeypatch.setenv("TMPDIR", str(slow))  # the user's word
        assert folder() == slow
        monkeypatch.delenv("TMPDIR")
        monkeypatch.setattr(scratch, "_IN_MEMORY", str(tmp_path / "missing"))
        assert folder() == slow
        assert not [*fast.iterdir(), *slow.iterdir()]

    @pytest.mark.parametrize("disk", ["slow", "missing"])
    def test_what_a_program_moved_to_the_disk_is_read_there(self, tmp_path, monkeypatch, disk):
        for name in ("TMPDIR", "TEMP", "TMP"):
            monkeypatch.delenv(name, raising=False)
        fast, slow = tmp_path / "fast", tmp_path / "slow"
        fast.mkdir(), slow.mkdir()
        monkeypatch.setattr(scratch, "_IN_MEMORY", str(fast))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / disk))
        trouble = "results = given.get('spare_folder', results)"
        found = program(tmp_path / "program", trouble).run(VALUES, 3, 4, 0.5, WANTED)
        assert found["readout.w"].tolist() == [2.0, 4.0, 6.0]
        assert not [*fast.iterdir(), *slow.iterdir()]

    def test_a_program_that_was_asked_to_end_by_others(self, tmp_path, temporary):
        found = program(tmp_path / "program", "print('stopped', flush=True)").run(VALUES, 3, 4, 0.5, WANTED)
        assert found["interrupted"] is True

    def test_numbers_are_written_as_c_reads_them(self, tmp_path, temporary):
        trouble = "print(sys.argv, file=open(os.path.dirname(sys.argv[0]) + '/arguments', 'w'))"
        program(tmp_path / "program", trouble).run(VALUES, 3, 4, 0.5, WANTED)
        arguments = (tmp_path / "program" / "arguments").read_text()
        for wanted in ("'rls.alpha_P=0.1'", "'n=4'", "'network.t=1.5'", "'conductor.stop_step=7'"):
            assert wanted in arguments

    @pytest.mark.parametrize(
        ("trouble", "how"),
        [("os.kill(os.getpid(), signal.SIGKILL)", "signal 9"), ("sys.exit(3)", "code 3"), ("1/0", "code 1")],
    )
    def test_failure_names_the_log(self, tmp_path, temporary, trouble, how):
        with pytest.raises(RunFailedError) as caught:
            program(tmp_path / "program", trouble).run(VALUES, 0, 10, 0.1, WANTED)
        text = str(caught.value)
        assert text.startswith(f"The compiled program ended with {how} before its run was complete.\nIts log is ")
        assert "Fix: earlier results are untouched; run again" in text
        log = Path(re.search(r"Its log is (\S+):", text)[1])
        assert log.parent.parent == temporary
        assert "not a step\n" in log.read_text()
        assert "a complaint\n" in log.read_text()
        assert [path for path in log.parent.rglob("*") if path.is_file()] == [log]

    def test_a_disk_that_is_too_small_is_refused_at_once(self, tmp_path, temporary):
        with pytest.raises(OutputError, match=r"its results need at least \d+ bytes, and \d+ are free: .*\nFix: make"):
            program(tmp_path / "program", trouble="1/0").run(VALUES, 0, 10, 0.1, WANTED, recorded=2**60)
        assert not list(temporary.iterdir())

    @pytest.mark.parametrize(
        ("status", "error", "end"),
        [
            (74, OutputError, "could not do it.\nFix: make room there, or set TMPDIR to a folder on another disk; "),
            (66, RunFailedError, "could not do it before its run was complete.\nIts log is "),
        ],
    )
    def test_the_programs_own_sentence(self, tmp_path, temporary, status, error, end):
        trouble = f"print('fault could not do it', flush=True); sys.exit({status})"
        with pytest.raises(error) as caught:
            program(tmp_path / "program", trouble).run(VALUES, 0, 10, 0.1, WANTED)
        assert str(caught.value).startswith(f"The compiled program {end}")

    def test_a_log_that_is_not_text(self, tmp_path, temporary):
        trouble = "sys.stdout.buffer.write(bytes(range(256))); sys.stdout.flush(); sys.exit(1)"
        with pytest.raises(RunFailedError, match=r"Its log is "):
            program(tmp_path / "program", trouble).run(VALUES, 0, 10, 0.1, WANTED)

    def test_results_that_are_not_whole(self, tmp_path, temporary):
        with pytest.raises(RunFailedError, match=r"could not write 'readout\.w' whole into .*\nFix: make room there"):
            program(tmp_path / "program", written=2).run(VALUES, 0, 10, 0.1, WANTED)

    def test_no_room_for_the_files(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        with pytest.raises(OutputError, match=r"The files of the run could not be written: .*\nFix: make room there"):
            program(tmp_path / "program").run(VALUES, 0, 10, 0.1, WANTED)

    def test_no_room_for_some_of_the_files(self, tmp_path, temporary):
        with pytest.raises(OutputError, match="The files of the run could not be written"):
            program(tmp_path / "program").run(VALUES | {"a/b": np.ones(3)}, 0, 10, 0.1, WANTED)
        assert not list(temporary.iterdir())

    def test_an_error_of_the_progress_callback_ends_the_program(self, tmp_path, temporary):
        class Mine(Exception):
            pass

        def progress(done):
            raise Mine

        with pytest.raises(Mine):
            program(tmp_path / "program", "import time; time.sleep(60)").run(VALUES, 0, 10, 0.1, WANTED, progress)
        assert not list(temporary.iterdir())
