"""A run leaves the user's Brian2, numpy and process as they were, on every target, also when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings

import brian2 as b2
import numpy as np
import pytest
from lif_network import STEPS, Y, net
from targets import skip_unless_here

import tension_sim.brian.runtime  # noqa: F401  (scipy, which it imports, adds a filter of warnings)
from tension_sim.declare.network import Learning
from tension_sim.errors import DivergenceError, RunFailedError
from tension_sim.run.simulation import Simulation

DIVERGING = np.where(np.arange(STEPS) < 100, Y, 1e308)


@pytest.fixture(params=["numpy", pytest.param("cython", marks=pytest.mark.slow), "cpp_standalone"])
def target(request):
    skip_unless_here(request.param)
    return request.param


def everything_of_the_user() -> dict[str, object]:
    """All that belongs to the user and that a run must leave alone."""
    prefs = b2.prefs
    return {
        "preferences": {name: prefs[name] for name in prefs},
        "device": b2.get_device(),
        "dt": float(b2.defaultclock.dt),
        "random state": [str(part) for part in np.random.get_state()],
        "folder": os.getcwd(),
        "warnings": list(warnings.filters),
        "interrupt": signal.getsignal(signal.SIGINT),
        "streams": (sys.stdout, sys.stderr),
        "environment": {k: v for k, v in os.environ.items() if k != "PLAT"},  # setuptools, where cython compiles
        "numpy errors": np.geterr(),
        "stopped": b2.Network._globally_stopped,
    }


@pytest.fixture(autouse=True)
def odd_settings():
    prefs = b2.prefs
    before = prefs["codegen.target"], prefs["core.default_float_dtype"], b2.defaultclock.dt
    prefs["codegen.target"] = "numpy"
    prefs["core.default_float_dtype"] = np.float32
    b2.defaultclock.dt = 0.37 * b2.ms
    yield
    prefs["codegen.target"], prefs["core.default_float_dtype"] = before[:2]
    b2.defaultclock.dt = before[2]


def test_untouched(target):
    b2.prefs["codegen.target"] = "cython" if target == "numpy" else "numpy"
    before = everything_of_the_user()
    Simulation(net(), target=target).run(Y)
    assert everything_of_the_user() == before


def test_untouched_by_errors(target):
    before = everything_of_the_user()
    with pytest.raises(DivergenceError):
        Simulation(net(learning=Learning(alpha_P=1e-3)), target=target).run(DIVERGING)
    assert everything_of_the_user() == before


def test_untouched_by_a_build(monkeypatch, tmp_path, capfd):
    """A build that fails at the very end."""
    skip_unless_here("cpp_standalone")
    broken = tmp_path / "bin" / "g++"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken.parent), prepend=":")
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    before = everything_of_the_user()
    with pytest.raises(RunFailedError, match="did not compile"):
        Simulation(net(), target="cpp_standalone").run(Y)
    assert everything_of_the_user() == before


def test_two_simulations_in_turn(target):
    first, second = (Simulation(net(seed=seed), target=target) for seed in (1, 2))
    wanted = first.run(Y), second.run(Y)
    a = first.run(Y[:100])
    b = second.run(Y[:100])
    a = first.run(Y[100:], state=a.state)
    b = second.run(Y[100:], state=b.state)
    for found, whole in zip((a, b), wanted, strict=True):
        for name in whole.state:
            assert np.array_equal(found.state[name], whole.state[name]), name


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # Brian2 compares states with 1e50
def test_within_a_users_own_program(tmp_path):
    """Her own standalone project is under way while simulations are run."""
    skip_unless_here("cpp_standalone")
    b2.set_device("cpp_standalone", directory=str(tmp_path / "hers"), build_on_run=False)
    device = b2.get_device()
    try:
        b2.defaultclock.dt = 0.2 * b2.ms
        group = b2.NeuronGroup(2, "dx/dt = 1/second : 1", method="euler", name="hers")
        group.x = [1, 2]
        before = everything_of_the_user()
        for name in ("numpy", "cpp_standalone"):
            Simulation(net(), target=name).run(Y[:30])
        assert everything_of_the_user() == before
        monitor = b2.StateMonitor(group, "x", record=True, name="her_monitor")
        network = b2.Network(group, monitor)
        network.run(1 * b2.ms, namespace={})
        Simulation(net(), target="cpp_standalone").run(Y[:30])
        device.build(directory=str(tmp_path / "hers"), compile=True, run=True, with_output=False)
        assert np.asarray(monitor.t) == pytest.approx(np.arange(5) * 2e-4)
        assert np.asarray(monitor.x)[:, -1] == pytest.approx([1.0008, 2.0008])
        assert not {p.name for p in (tmp_path / "hers" / "results").iterdir() if "network_clock" in p.name}
    finally:
        device.reinit()
        b2.set_device("runtime")
        b2.devices.device.previous_devices.clear()


@pytest.mark.parametrize("first", ["import tension_sim.brian", "import brian2, tension_sim.brian"])
def test_an_error_of_a_script_that_never_names_brian2_is_shown_as_ever(first):
    script = f"{first}\n{{}}['mine']"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "KeyError: 'mine'" in done.stderr
    assert ("bug in Brian 2" in done.stderr) == ("brian2" in first.split()[1])
