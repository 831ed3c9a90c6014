"""How many threads a run takes: by sizes, by the cores that are free, and by what time steps cost while it runs."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tension_sim
from tension_sim import CompilerNotFoundError, ForceNetwork, InvalidValueError, Learning, Simulation, SparseKernel
from tension_sim.circuit.parts import Circuit
from tension_sim.circuit.shared_work import shared_numbers, useful_threads
from tension_sim.run import threads as run_threads
from tension_sim.system import cores

TEMPLATES = Path(tension_sim.__file__).parent / "brian" / "templates"

# Runs STEPS steps whose costs follow a scenario, by a clock of its own, and prints the seconds that they took.
TEAM = r"""
#include "tsim_team.h"
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int, char** a) {
    const std::string scenario = a[1];
    const long period = std::atol(a[2]), steps = std::atol(a[3]);
    tsim::Choice choice(period);
    double now = 5, apart = 0;
    for (long i = 0; i < steps; i++) {
        const double alone = period > 1 ? (i % period ? 20e-6 : 1500e-6) : 100e-6;
        const bool busy = scenario == "busy" || (scenario == "busy later" && i > steps / 3) ||
                          (scenario == "busy first" && i < steps / 3);
        // a thread that was taken off its core is waited for, on every fifth step; one alone is taken off now and then
        const double others = busy && i % 40 == 0 ? 4e-3 : 0;
        const double all = busy ? alone * 0.6 + (i % 5 == 0 ? 8e-3 : 0) : alone * 0.6;
        now += choice.together() ? all : alone + others;
        apart += alone + others;
        choice.step_done(now);
    }
    std::printf("%.6f %.6f\n", now - 5, apart);
}
"""


def rate_network(n: int, **changes) -> ForceNetwork:
    J = SparseKernel.from_dense(np.ones((n, n)))
    options = {"dtype": "float32", "learning": Learning(alpha_P=1.0)} | changes
    return ForceNetwork("echo_state", None, n, "1*ms", J, None, np.zeros((n, 1)), **options)


def circuit_of(net: ForceNetwork) -> Circuit:
    return Simulation(net, target="numpy").wiring.circuit


@pytest.mark.parametrize(
    ("n", "free", "expected"), [(400, 2, 1), (400, 64, 1), (1000, 1, 1), (1000, 2, 2), (1000, 8, 8), (1000, 64, 12)]
)
def test_sizes_and_free_cores_choose_how_many_threads_pay_off(n, free, expected):
    assert useful_threads(circuit_of(rate_network(n)), free) == expected


def test_weights_of_each_step_and_a_large_P_can_be_shared():
    assert shared_numbers(circuit_of(rate_network(400))) == 400**2  # P of 400 partners is one part
    assert shared_numbers(circuit_of(rate_network(600))) == 600**2 + 600 * 601 // 2
    assert shared_numbers(circuit_of(rate_network(600, learning=None))) == 600**2


def test_networks_of_published_spiking_sizes_are_compiled_for_one_thread():
    """Their traces are compared spike for spike, and one bit changes spikes."""
    net = ForceNetwork.random("lif", n=2000, p=0.1, seed=1, learning=Learning(alpha_P=0.1, update_every=50))
    assert not run_threads.for_threads(circuit_of(net), None).threaded
    assert run_threads.for_threads(circuit_of(net), 2).threaded


def test_the_number_of_cores_does_not_decide_what_is_compiled(monkeypatch):
    circuit = circuit_of(rate_network(1000))
    monkeypatch.setattr(run_threads.sys, "platform", "linux")
    compiled = []
    for free in (1, 2, 16):
        monkeypatch.setattr(run_threads, "free_cores", lambda free=free: free)
        monkeypatch.setattr(run_threads, "most_threads", lambda free=free: free)
        compiled.append(run_threads.for_threads(circuit, None))
        assert run_threads.threads_of_run(compiled[-1], None) == min(free, 12)
        assert run_threads.threads_of_run(compiled[-1], 2) == min(free, 2)
    assert compiled[0] == compiled[1] == compiled[2] == replace(circuit, threaded=True)
    monkeypatch.setattr(run_threads.sys, "platform", "darwin")
    assert run_threads.for_threads(circuit, None) == circuit


def test_more_threads_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr(run_threads, "free_cores", lambda: 2)
    assert run_threads.check_threads("demo.threads", 2) == 2
    assert run_threads.check_threads("demo.threads", None) is None
    text = r"demo\.threads: expected at most 2, the cores that this process may use\..*Received: 3\nFix: leave it out"
    with pytest.raises(InvalidValueError, match=f"(?s){text}"):
        run_threads.check_threads("demo.threads", 3)
    with pytest.raises(InvalidValueError, match=r"demo\.threads: expected a whole number, at least 1\."):
        run_threads.check_threads("demo.threads", 0)


def test_a_compiler_without_openmp_is_refused_only_where_threads_were_asked_for(monkeypatch):
    monkeypatch.setattr(run_threads, "has_openmp", lambda: False)
    circuit = replace(circuit_of(rate_network(20)), threaded=True)
    assert not run_threads.as_it_compiles(circuit, None).threaded
    text = r"Simulation\.threads: expected a C\+\+ compiler with OpenMP\..*Received: 2\nFix: leave threads out"
    with pytest.raises(CompilerNotFoundError, match=f"(?s){text}"):
        run_threads.as_it_compiles(circuit, 2)


def test_updates_repeat_after_a_period():
    assert run_threads.period_of({"neurons.tau": 0.1, "rls.update_every": 2, "more.update_every": 50}) == 50
    assert run_threads.period_of({}) == 1


@pytest.fixture
def control_groups(tmp_path, monkeypatch):
    """Pretend files of control groups; return where they lie."""
    monkeypatch.setattr(cores, "_GROUPS", tmp_path)
    monkeypatch.setattr(cores, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("nonsense", 8)]
)
def test_a_quota_of_the_second_version_limits_the_cores(control_groups, quota, expected):
    (control_groups / "own").write_text("0::/jobs/one\n")
    (control_groups / "jobs" / "one").mkdir(parents=True)
    (control_groups / "jobs" / "cpu.max").write_text(quota)  # of a group around
    assert cores.free_cores() == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("300000", 3)])
def test_a_quota_of_the_first_version_limits_the_cores(control_groups, quota, expected):
    (control_groups / "own").write_text("3:cpuset:/\n2:cpu,cpuacct:/job\n")
    (control_groups / "cpu" / "job").mkdir(parents=True)
    (control_groups / "cpu" / "job" / "cpu.cfs_quota_us").write_text(quota)
    (control_groups / "cpu" / "job" / "cpu.cfs_period_us").write_text("100000")
    assert cores.free_cores() == expected


@pytest.mark.parametrize(("value", "expected"), [("1", 1), ("4,2", 4), ("64", 8), ("0", 1), ("many", 8), ("", 8)])
def test_omp_num_threads_limits_what_a_run_takes_by_itself(control_groups, monkeypatch, value, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores.most_threads() == expected


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A program that runs scenarios of a machine."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("team")
    (folder / "team.cpp").write_text(TEAM)
    subprocess.run([compiler, "-std=c++11", f"-I{TEMPLATES}", folder / "team.cpp", "-o", folder / "team"], check=True)

    def run(scenario: str, period: int, steps: int) -> float:
        command = [folder / "team", scenario, str(period), str(steps)]
        took, alone = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(took) / float(alone)

    return run


@pytest.mark.parametrize("period", [1, 50])
def test_all_threads_work_where_the_cores_are_free(team, period):
    assert team("free", period, 50_000) < 0.64  # 0.6, and looks at what one alone would take


@pytest.mark.parametrize("period", [1, 50])
def test_one_thread_works_while_others_use_the_cores(team, period):
    assert team("busy", period, 50_000) < 1.1


def test_a_run_notices_when_others_come_and_go(team):
    assert team("busy later", 1, 50_000) < 1.05
    assert team("busy first", 1, 200_000) < 0.9


def test_a_short_run_loses_little(team):
    assert team("busy", 1, 1000) < 1.5
