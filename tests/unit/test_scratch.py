"""Folders of runs: whose they are, and what is swept when their process was killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tension_sim.system import scratch
from tension_sim.system.scratch import LOG, Scratch, sweep


@pytest.fixture
def left(tmp_path):
    """What a process that was killed has left."""
    code = """
        import os, signal, sys
        from tension_sim.system.scratch import Scratch
        found = Scratch(sys.argv[1], sys.argv[2])
        (found.path / "results").mkdir()
        (found.path / "results" / "w").write_bytes(bytes(1000))
        print(found.path, flush=True)
        sys.stdin.read()
    """

    def made(prefix="", kill=True):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), tmp_path, prefix],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        path = tmp_path / process.stdout.readline().strip()
        if kill:
            process.kill()
            process.communicate()
        return path, process

    return made


def test_owner_and_process_are_in_the_name(tmp_path):
    with Scratch(tmp_path, "key.") as one, Scratch(tmp_path) as two:
        assert re.fullmatch(rf"key\.tension_sim_{os.geteuid()}_{os.getpid()}_\w+", one.path.name)
        assert re.fullmatch(rf"tension_sim_{os.geteuid()}_{os.getpid()}_\w+", two.path.name)
        assert one.path.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept(left, tmp_path):
    dead = left("key.")[0]
    living, process = left(kill=False)
    assert dead.is_dir() and living.is_dir()
    with Scratch(tmp_path) as own:
        sweep(tmp_path)
        assert not dead.exists()
        assert living.is_dir() and own.path.is_dir()
    process.kill()
    process.communicate()
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_log_stays_for_a_week(left, tmp_path):
    folder = left()[0]
    log = folder / LOG
    log.write_text("why")
    sweep(tmp_path)
    assert log.read_text() == "why"
    old = time.time() - 8 * 24 * 3600
    os.utime(log, (old, old))
    sweep(tmp_path)
    assert not folder.exists()


def test_nothing_else_is_swept(tmp_path):
    aim = tmp_path / "aim"
    aim.mkdir()
    (aim / "file").write_text("")
    name = f"tension_sim_{os.geteuid()}_1_abcdefgh"
    (tmp_path / name).symlink_to(aim)
    (tmp_path / f"{name}x").write_text("a file")
    for other in ("tension_sim", "tension_sim_results", "my_tension_sim_0_1_a", f"{name}.txt", "tension_sim_0_a_b"):
        (tmp_path / other).mkdir()
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert (aim / "file").exists()
    sweep(tmp_path / "missing")


def test_folders_of_other_users_stay(left, tmp_path, monkeypatch):
    folder = left()[0]
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
        sweep(tmp_path)
    assert folder.exists()


def test_one_who_sweeps_at_the_wrong_moment(tmp_path, monkeypatch):
    """A folder is made, and swept before its maker can lock it: another one is made."""
    lock, swept = scratch._lock, []

    def late(folder, **options):
        if not swept:
            swept.append(folder)
            scratch.remove(folder)
        return lock(folder, **options)

    monkeypatch.setattr(scratch, "_lock", late)
    with Scratch(tmp_path) as found:
        assert found.path.is_dir() and found.path != swept[0]


def test_a_forked_process_leaves_it_alone(tmp_path):
    with Scratch(tmp_path) as found:
        found.keep(found.path / "kept")
        (found.path / "kept").write_text("")
        child = os.fork()
        if child == 0:
            found.drop(found.path / "kept")
            found.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert (found.path / "kept").exists()
        found.drop(found.path / "kept")


def test_a_folder_that_is_slow_to_list_is_not_listed_each_time(tmp_path, left, monkeypatch):
    now, scandir = [1e6], os.scandir

    def slow(folder):
        now[0] += 10.0
        return scandir(folder)

    monkeypatch.setattr(scratch.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(scratch.os, "scandir", slow)
    sweep(tmp_path)
    folder = left()[0]
    now[0] += 980  # a hundred times as long as it took, but for the listing itself
    sweep(tmp_path)
    assert folder.exists()
    now[0] += 20
    sweep(tmp_path)
    assert not folder.exists()


def test_runs_that_follow_each_other_list_no_folder_again(tmp_path, left, monkeypatch):
    listed, scandir = [], os.scandir

    def seen(folder):
        listed.extend([folder] if isinstance(folder, Path) else [])  # rmtree lists by descriptors
        return scandir(folder)

    monkeypatch.setattr(scratch, "_IN_MEMORY", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    monkeypatch.setattr(scratch.os, "scandir", seen)
    (tmp_path / "temporary").mkdir()
    first = left()[0]
    for _ in range(3):
        scratch.sweep_all()
    assert listed == [tmp_path, tmp_path / "temporary"]
    assert not first.exists()
    second = left()[0]
    scratch.sweep_all()
    assert second.exists()
    later = time.monotonic() + 11
    monkeypatch.setattr(scratch.time, "monotonic", lambda: later)
    scratch.sweep_all()
    assert not second.exists()


def end_with_their_parent(code, pid, number, *arguments, **environment):
    """Run code, send it a signal once a process of its own has written its number, and wait for the end of both."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], env=os.environ | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while not (pid.exists() and pid.read_text().strip()):
        assert process.poll() is None, process.stdout.read()[-2000:]
        time.sleep(0.01)
    process.send_signal(number)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid.read_text().strip()}"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_compiler_ends_with_its_build(tmp_path, number):
    """make has no parent-death signal: its watchdog ends the whole group."""
    code = """
        import os, sys
        from pathlib import Path
        from tension_sim.system.children import run_group
        run_group(["sh", "-c", "sleep 500 & echo $! > pid; wait"], Path(sys.argv[1]), os.environ)
    """
    end_with_their_parent(code, tmp_path / "pid", number, str(tmp_path))


@pytest.mark.slow  # Brian2 looks at its flags for some seconds
def test_a_compiler_of_cython_ends_with_its_run(tmp_path):
    """setuptools starts it, and what it starts in turn, such as cc1plus, ends as well."""
    compiler, pid = tmp_path / "compiler", tmp_path / "pid"
    # Brian2 tries its flags on an empty file first
    compiler.write_text(f"#!/bin/sh\ncase $* in *_cython_*) sleep 500 & echo $! > {pid}; wait;; esac\n")
    compiler.chmod(0o755)
    code = """
        import numpy as np
        from tension_sim import ForceNetwork, Simulation
        Simulation(ForceNetwork.random("lif", n=5, seed=1), target="cython").run(np.zeros(3))
    """
    places = {"CYTHON_CACHE_DIR": str(tmp_path / "cython"), "TENSION_SIM_CACHE": str(tmp_path / "cache")}
    end_with_their_parent(code, pid, signal.SIGKILL, CC=str(compiler), CXX=str(compiler), **places)


def test_a_command_that_ends(tmp_path):
    from tension_sim.system.children import run_group

    assert run_group(["sh", "-c", "echo $WORD > one"], tmp_path, {"WORD": "1"}) == (0, "")
    assert (tmp_path / "one").read_text() == "1\n"
    found = run_group(["sh", "-c", "echo out; echo error >&2; exit 3"], tmp_path, os.environ)
    assert found == (3, "out\nerror\n")
