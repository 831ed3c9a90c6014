"""Several processes and threads that need the same program: one builds it, the others wait and use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.programs import builder, circuit
from targets import skip_unless_here

import tension_sim.brian.build as build
from tension_sim.brian.isolation import isolated
from tension_sim.run.cache import DRAFT, find_or_build
from tension_sim.system import locks
from tension_sim.system.locks import is_free, locked

SCRIPT = """
    import sys, time
    import tension_sim.brian.build as build
    from faults.programs import builder, circuit
    from tension_sim.run.cache import find_or_build

    make = builder([])

    def slow(circuit, folder):
        print("builds", flush=True)
        sys.stdin.readline()
        make(circuit, folder)

    build.build_cpp = slow
    print("ready", flush=True)
    sys.stdin.readline()
    print(find_or_build(circuit()).built, flush=True)
"""


@pytest.fixture
def process():
    """Start processes that build when they get a line, and end each build with another."""
    skip_unless_here("cpp_standalone")
    started = []

    def start() -> subprocess.Popen:
        tests = Path(__file__).parents[1]
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(SCRIPT)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"},
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def tell(process: subprocess.Popen) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def test_one_process_builds_and_the_others_wait(process, cache):
    first, *others = [process() for _ in range(2)]
    for each in (first, *others):
        assert each.stdout.readline() == "ready\n"
    tell(first)
    assert first.stdout.readline() == "builds\n"
    for other in others:
        tell(other)
    time.sleep(locks._PATIENCE + 0.5)
    assert all(other.poll() is None for other in others)
    tell(first)
    assert first.communicate(timeout=20) == ("True\n", "")
    for other in others:
        shown, errors = other.communicate(timeout=20)
        assert shown == "False\n"
        assert errors == "Waiting for another process that builds this program (Ctrl-C ends the wait).\n"
    assert [len(path.name) for path in cache.iterdir()] == [33]


@pytest.mark.slow
def test_a_dead_builder_holds_no_lock(process, cache):
    first, second = process(), process()
    for each in (first, second):
        assert each.stdout.readline() == "ready\n"
    tell(first)
    assert first.stdout.readline() == "builds\n"
    tell(second)
    first.send_signal(signal.SIGKILL)
    assert second.stdout.readline() == "builds\n"
    tell(second)
    assert second.communicate(timeout=20)[0] == "True\n"
    assert [len(path.name) for path in cache.iterdir()] == [33]


@pytest.mark.slow
def test_ctrl_c_ends_the_wait(process, cache):
    first, second = process(), process()
    for each in (first, second):
        assert each.stdout.readline() == "ready\n"
    tell(first)
    assert first.stdout.readline() == "builds\n"
    tell(second)
    time.sleep(0.5)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=20)
    assert second.returncode == -signal.SIGINT
    tell(first)
    assert first.communicate(timeout=20)[0] == "True\n"


def test_threads_build_once(cache, builds):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: find_or_build(circuit()), range(4)))
    assert len(builds) == 1
    assert sorted(program.built for program in found) == [False, False, False, True]
    assert [path.name for path in cache.iterdir()] == [found[0].folder.name]


def test_a_run_inside_brian2_does_not_wait_for_a_thread_that_waits_for_it(cache, builds, monkeypatch):
    """One thread holds the program's lock and needs Brian2, another has Brian2 and needs the program."""
    begun, made = threading.Event(), []
    make = builder(made)

    def needs_brian2(circuit, folder):
        begun.set()
        with isolated("runtime", {}):
            make(circuit, folder)

    monkeypatch.setattr(build, "build_cpp", needs_brian2)
    with ThreadPoolExecutor(1) as pool, isolated("runtime", {}):
        other = pool.submit(find_or_build, circuit())
        assert begun.wait(10)
        mine = find_or_build(circuit())
        assert mine.built
        pool_is_waiting = not other.done()
    assert pool_is_waiting
    assert other.result().folder == mine.folder
    assert not list(cache.glob(f"*{DRAFT}"))


def test_a_file_system_without_locks(cache, builds, monkeypatch, tmp_path):
    import fcntl

    def none(descriptor, operation):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    with locked(tmp_path / "program") as alone:
        assert not alone
    assert not is_free(tmp_path / "program")
    assert find_or_build(circuit()).built
    assert not find_or_build(circuit()).built


def test_a_lock_is_free_when_it_ended(tmp_path):
    path = tmp_path / "program"
    with locked(path) as alone:
        assert alone
        assert not is_free(path)
        assert [each.name for each in tmp_path.iterdir()] == ["program.lock"]
    assert is_free(path)
    assert not list(tmp_path.iterdir())
