"""Threads of one process: the same results as one after the other, and nothing of the user's Brian2 is changed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import brian2 as b2
import numpy as np
import pytest
from lif_network import STEPS, Y, assert_same, net
from targets import skip_unless_here

from tension_sim.brian.isolation import has_turn, isolated, users_preferences
from tension_sim.run.simulation import Simulation

TARGETS = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cython", "cpp_standalone"))]
DTYPES = ("float64", "float32", "float64", "float32")


def in_threads(*calls):
    """Return the results of calls that start at once, each in a thread."""
    start = threading.Barrier(len(calls))

    def at_once(call):
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(at_once, calls))


def of_the_user() -> dict[str, object]:
    prefs = {name: b2.prefs[name] for name in b2.prefs}
    return prefs | {"device": b2.get_device(), "dt": float(b2.defaultclock.dt), "folder": os.getcwd()}


@pytest.mark.parametrize("target", TARGETS)
def test_runs_in_threads_are_those_of_one_after_the_other(target, monkeypatch):
    skip_unless_here(target)
    monkeypatch.delattr(os, "chdir")  # nobody may leave the folder of the process
    y = Y[:120]
    nets = [net(seed=seed, dtype=dtype) for seed, dtype in enumerate(DTYPES)]
    simulations = [Simulation(each, target=target) for each in nets]
    before = of_the_user()
    found = in_threads(*(lambda simulation=each: simulation.run(y) for each in simulations))
    assert of_the_user() == before
    for results, dtype, simulation in zip(found, DTYPES, simulations, strict=True):
        assert results.state["rls.P_packed"].dtype == dtype
        assert results.state["readout.w"].dtype == dtype
        assert_same(results, simulation.run(y))


@pytest.mark.parametrize("target", TARGETS)
def test_the_first_run_of_a_process_in_a_worker_thread(target, tmp_path):
    skip_unless_here(target)
    script = """
        import signal, sys, threading
        import numpy as np
        from tension_sim import ForceNetwork, Simulation

        def work():
            run = Simulation(ForceNetwork.random("lif", n=9, seed=1), target=sys.argv[1]).run
            first = run(np.ones(20))
            found.append((first.n_steps, float(np.abs(first.state["neurons.v"]).max()) > 0))

        found, handler = [], signal.signal
        threads = [threading.Thread(target=work) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        print(found, signal.signal is handler)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), target]
    environment = os.environ | {"TENSION_SIM_CACHE": str(tmp_path / "cache")}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.stdout == "[(20, True), (20, True)] True\n", ended.stderr
    assert not ended.stderr


def test_a_thread_that_waits_for_its_turn_sees_the_users_preferences():
    default = b2.prefs["core.default_float_dtype"]
    inside, seen = threading.Event(), threading.Event()

    def other():
        with isolated("runtime", {"core.default_float_dtype": np.float32}):
            assert has_turn()
            inside.set()
            assert seen.wait(10)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other)
        assert inside.wait(10)
        assert b2.prefs["core.default_float_dtype"] is np.float32
        assert users_preferences()["core.default_float_dtype"] is default
        assert not has_turn()
        seen.set()
        waiting.result()
    assert b2.prefs["core.default_float_dtype"] is default


def test_what_the_user_changes_meanwhile_stays(monkeypatch):
    monkeypatch.setitem(b2.prefs.prefs, "codegen.target", b2.prefs["codegen.target"])
    with isolated("runtime", {"codegen.target": "numpy"}):
        b2.prefs["codegen.target"] = "cython"
    assert b2.prefs["codegen.target"] == "cython"


def test_turns_within_turns():
    before = of_the_user()
    with isolated("runtime", {"core.default_float_dtype": np.float32}):
        with isolated("runtime", {"core.default_float_dtype": np.float64}):
            assert b2.prefs["core.default_float_dtype"] is np.float64
        assert b2.prefs["core.default_float_dtype"] is np.float32
        assert has_turn()
    assert not has_turn()
    assert of_the_user() == before


def test_a_run_within_a_run():
    simulation, seen = Simulation(net(), target="numpy"), []

    def progress(done, steps):
        if not seen:
            seen.append(None)
            seen.append(simulation.run(Y[:5]))

    results = simulation.run(Y, progress=progress)
    assert_same(seen[1], simulation.run(Y[:5]))
    assert results.n_steps == STEPS


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_while_another_thread_runs():
    """The child has no such thread: it has its turn at once, and the user's preferences."""
    default = b2.prefs["core.default_float_dtype"]
    other = np.float32 if default is np.float64 else np.float64
    inside, forked = threading.Event(), threading.Event()

    def run():
        with isolated("runtime", {"core.default_float_dtype": other}):
            inside.set()
            assert forked.wait(60)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        assert inside.wait(10)
        child = os.fork()
        if child == 0:
            try:
                right = b2.prefs["core.default_float_dtype"] is default
                with isolated("runtime", {}):
                    os._exit(0 if right else 3)
            finally:
                os._exit(4)
        deadline = time.monotonic() + 60
        ended = (0, 0)
        while not ended[0] and time.monotonic() < deadline:
            ended = os.waitpid(child, os.WNOHANG)
            time.sleep(0.01)
        forked.set()
        running.result()
    assert ended == (child, 0)


def test_preferences_that_change_what_a_network_does_are_not_the_users(monkeypatch):
    """Her schedule is for her networks; those that are declared here have the published order."""
    wanted = Simulation(net(), target="numpy").run(Y)
    monkeypatch.setitem(
        b2.prefs.prefs,
        "core.network.default_schedule",
        ["end", "resets", "synapses", "thresholds", "groups", "start"],
    )
    assert_same(Simulation(net(), target="numpy").run(Y), wanted)
