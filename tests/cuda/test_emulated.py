"""Whole CUDA programs on the CPU (cuda_emulation.py) against the other targets: argument files, launch order,
brian2cuda's kernels and ours. What only a GPU can show is in test_cuda.py."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import fitted_network
import numpy as np
import pytest
from conductance_network import delayed
from cuda_emulation import NETWORKS, compile_project, part, preferences, samples_for, small_network

from tension_sim import (
    ForceNetwork,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Record,
    Simulation,
    SparseKernel,
)
from tension_sim.errors import DivergenceError, RunFailedError
from tension_sim.system import cuda

pytestmark = [
    pytest.mark.slow,
    # brian2cuda 1.0b1 has invalid escapes, old imports, and does not close the sources it writes
    pytest.mark.filterwarnings(
        "ignore::SyntaxWarning", "ignore::DeprecationWarning", "ignore:unclosed file:ResourceWarning"
    ),
]


@pytest.fixture(scope="module", autouse=True)
def emulation(tmp_path_factory):
    """Compile for the CPU what would go to nvcc, in a cache of its own."""
    device = pytest.importorskip("brian2cuda.device", reason="brian2cuda is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    from tension_sim.brian import build_cuda

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSION_SIM_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(cuda, "require_cuda", lambda: "nvcc")
        patch.setattr(build_cuda, "build_preferences", preferences)
        patch.setattr(cuda, "describe_compiler", lambda: ["emulated"])
        patch.setattr(build_cuda, "compile_sources", lambda folder, language: compile_project(folder))
        patch.setattr(
            device.CUDAStandaloneDevice, "compile_source", lambda self, folder, *args: compile_project(Path(folder))
        )
        yield


def both(net: ForceNetwork) -> tuple[Simulation, Simulation]:
    return tuple(Simulation(net, target=target) for target in ("cpp_standalone", "cuda_standalone"))


def assert_equal(found: Any, wanted: Any) -> None:
    """Compare results: spikes exactly, numbers to 1e-12 of the largest."""
    for name in ("spike_step", "spike_neuron", "n_steps"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    pairs = {"output": (found.output, wanted.output)}
    pairs |= {name: (found.recorded[name].values, wanted.recorded[name].values) for name in wanted.recorded}
    waiting = ("rls.pending", "rls.pending_k", "rls.pending_c", "rls.P_packed", "rls.P_scale")
    pairs |= {name: (found.state[name], wanted.state[name]) for name in wanted.state if name not in waiting}
    for name, (one, other) in pairs.items():
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * np.abs(other).max(initial=1e-300), err_msg=name)


@pytest.mark.parametrize("neuron", NETWORKS)
def test_the_same_spikes_and_numbers_as_numpy(neuron):
    """Not as C++, whose fast cos moves theta's v by 2e-10 of a turn next to its spikes."""
    net, record = small_network(neuron), Record(variables={"v": (0, 3)}, every=3)
    wanted, found = (
        Simulation(net, target=target, record=record).run(**samples_for(net, 2000))
        for target in ("numpy", "cuda_standalone")
    )
    assert len(wanted.spike_step) > 50
    assert wanted.state["rls.n_updates"][0] == 396
    assert np.abs(wanted.output).max() > 0.1
    assert_equal(found, wanted)


def test_populations_with_delays_as_numpy():
    """Conductances, delays of a projection and of each synapse, and a readout of two populations that learns."""
    net = delayed(readouts={"z": Readout(["exc", "inh"], np.zeros((100, 1)), learning=Learning(alpha_P=0.01))})
    y = np.sin(np.arange(600) / 50)
    wanted, found = (Simulation(net, target=target).run(y) for target in ("numpy", "cuda_standalone"))
    assert len(wanted.spike_step) > 40
    assert np.any(wanted.state["recurrent_inh_to_exc.ring"])
    for name in ("spike_step", "spike_neuron"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    np.testing.assert_allclose(found.output, wanted.output, rtol=0, atol=1e-10 * np.abs(wanted.output).max())
    for name in ("recurrent_inh_to_exc.ring", "recurrent_inh_to_inh.ring"):
        np.testing.assert_allclose(found.state[name], wanted.state[name], rtol=0, atol=1e-20)


def test_synapses_with_presynaptic_state_and_delays_as_numpy():
    """Weights learn from what is released, and each synapse sees it later by a delay of its own."""
    n = 12
    rng = np.random.default_rng(5)
    projection = Projection(
        "cells", "cells", weights=rng.uniform(0, 2, (n, n)), synapse="tsodyks_markram", name="short_term",
        delay=1e-4 * rng.integers(1, 20, (n, n)), learning=Learning(alpha_P=0.05), error="z - unit*y",
    )  # fmt: skip
    net = Network(
        {"cells": Population("lif", n, parameters={"bias": "-36*mV"})},
        [projection],
        readouts={"output": Readout("cells", np.full((n, 1), 0.01))},
        dt="0.1*ms",
    )
    y = np.sin(np.arange(800) / 50)
    wanted, found = (Simulation(net, target=target).run(y) for target in ("numpy", "cuda_standalone"))
    assert len(wanted.spike_step) > 40
    for name in ("spike_step", "spike_neuron"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    np.testing.assert_allclose(found.weights["short_term"], wanted.weights["short_term"], rtol=1e-9)


@pytest.mark.parametrize(
    "learning",
    [{"gain": "undivided"}, {"forgetting": 0.98}, {"relaxation": 0.01}, {"probability": 0.4}, {"stop": 200}],
    ids=lambda learning: next(iter(learning)),
)
def test_every_kind_of_rule(learning):
    net = small_network(**learning)
    wanted, found = (simulation.run(**samples_for(net, 400)) for simulation in both(net))
    assert_equal(found, wanted)


def test_equal_runs_are_equal_in_any_order_of_threads(monkeypatch):
    net = small_network()
    simulation, samples = both(net)[1], samples_for(net, 400)
    runs = [simulation.run(**samples)]
    monkeypatch.setenv("FAKE_CUDA_ORDER", "backwards")
    runs.append(simulation.run(**samples))
    for name in runs[0].state:
        assert np.array_equal(*(run.state[name] for run in runs)), name
    assert np.array_equal(*(run.output for run in runs))
    assert np.array_equal(*(run.spike_neuron for run in runs))


def test_two_runs_are_one_long_run():
    net = small_network()
    simulation, samples = both(net)[1], samples_for(net, 400)
    whole = simulation.run(**samples)
    first = simulation.run(**part(samples, slice(203)))
    second = simulation.run(**part(samples, slice(203, None)), state=first.state)
    assert np.array_equal(np.concatenate([first.output, second.output]), whole.output)
    for name in whole.state:
        assert np.array_equal(second.state[name], whole.state[name]), name


def test_states_go_on_from_cpp_to_cuda_and_back():
    net = small_network(forgetting=0.99)
    samples, targets = samples_for(net, 400), both(net)
    for before in targets:
        state = before.run(**part(samples, slice(203))).state
        wanted, found = (after.run(**part(samples, slice(203, None)), state=state) for after in targets)
        assert_equal(found, wanted)
    assert targets[0].run(**part(samples, slice(203))).state["rls.pending"].any()


def test_few_kernels_a_step_and_no_wait_for_the_device(monkeypatch, tmp_path):
    """A launch costs some microseconds and a wait all that is under way: of 66,002 neurons a step has 20 to 50."""
    net, samples = small_network("lif"), samples_for(small_network("lif"), 1000)
    monkeypatch.setenv("FAKE_CUDA_COUNTS", str(tmp_path / "counts.txt"))
    simulation = Simulation(net, target="cuda_standalone")

    def more(learning: bool) -> np.ndarray:
        """Launches and waits of 900 steps."""
        counts = []
        for steps in (100, 1000):
            simulation.run(**part(samples, slice(steps)), learning=learning)
            counts.append(np.loadtxt(tmp_path / "counts.txt"))
        return counts[1] - counts[0]

    launches, waits = more(learning=False)
    assert launches <= 12 * 900
    assert waits <= 900 / 50  # each 64 steps for the room of the spikes
    of_updates = more(learning=True) - [launches, waits]
    assert of_updates[0] <= 4 * 180
    assert of_updates[1] == 180  # whether an update diverged


def test_divergence_ends_the_run_where_it_does_in_cpp():
    net = small_network()
    samples, targets = samples_for(net, 400), both(net)
    state = targets[1].run(**part(samples, slice(203))).state
    state["rls.P_packed"] = -1e6 * np.abs(state["rls.P_packed"]) - 1
    for simulation in targets:
        with pytest.raises(DivergenceError, match="time step 205 ") as caught:
            simulation.run(**part(samples, slice(203, None)), state=state)
        results = caught.value.results
        assert results.n_steps == 3
        assert np.array_equal(results.state["readout.w"], state["readout.w"])
        assert np.array_equal(results.state["rls.P_packed"], state["rls.P_packed"])


def test_single_precision():
    net = replace(small_network(), dtype="float32")
    wanted, found = (simulation.run(**samples_for(net, 300)) for simulation in both(net))
    assert found.state["rls.P_packed"].dtype == np.float32
    assert found.state["rls.n_updates"][0] == 56
    np.testing.assert_allclose(found.output, wanted.output, rtol=0, atol=1e-5)
    assert np.abs(wanted.output).max() > 0.1


@pytest.mark.parametrize("kind", ["twice between the same neurons", "none"])
def test_recurrent_synapses(kind):
    net = small_network()
    old = net.recurrent
    if kind == "none":
        kernel = SparseKernel(net.n, np.empty(0, int), np.empty(0, int), np.empty(0))
    else:
        extra = slice(0, 60)
        kernel = SparseKernel(
            net.n, np.append(old.pre, old.pre[extra]), np.append(old.post, old.post[extra]),
            np.append(old.weight, 0.5 * old.weight[extra]),
        )  # fmt: skip
    changed = replace(net, recurrent=kernel)
    wanted, found = (simulation.run(**samples_for(net, 600)) for simulation in both(changed))
    assert_equal(found, wanted)


def test_a_file_of_the_wrong_size_ends_the_program(tmp_path):
    net = small_network()
    program = both(net)[1].build()
    values = {"neurons.v": np.zeros(net.n - 1), "recurrent.pre": np.empty(0), "recurrent.post": np.empty(0)}
    with pytest.raises(RunFailedError, match=r"neurons\.v from \S+ \(it has 472 bytes, not the 480 of 60 values\)"):
        program.run(values, 0, 1, net.dt, [])


def test_a_users_network_with_everything_in_it(tmp_path):
    import brian2
    from brian.everything import build, gather
    from targets import activated, assert_close

    found = {}
    for name in ("numpy", "cuda_standalone"):
        with activated(name, tmp_path / name) as target:
            before = {key: brian2.prefs[key] for key in preferences()}
            for key, value in preferences().items():
                brian2.prefs[key] = value
            net = build()
            target.run(net.network, 120 * brian2.defaultclock.dt)
            found[name] = gather(net)
            for key, value in before.items():
                brian2.prefs[key] = value
    assert found["numpy"]["spikes.i"].size > 20
    order = {name: np.lexsort((run["spikes.i"], run["spikes.t"])) for name, run in found.items()}
    for name, wanted in found["numpy"].items():
        one = found["cuda_standalone"][name]
        if name.startswith("spikes."):  # brian2cuda lists the spikes of a step in any order
            one, wanted = one[order["cuda_standalone"]], wanted[order["numpy"]]
        assert_close(one, wanted, what=name)


def test_spikes_of_parts_of_groups(tmp_path):
    """Weights that are stored, by rows as they can learn, and others that come with a run, in another number."""
    import brian2 as b2
    from targets import activated

    from tension_sim.brian.linear_map import Blank
    from tension_sim.brian.spike_map import SpikeMap

    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((23, 200)) * (rng.random((23, 200)) < 0.5)
    with activated("cuda_standalone", tmp_path / "project") as target:
        before = {key: b2.prefs[key] for key in preferences()}
        for key, value in preferences().items():
            b2.prefs[key] = value
        group = b2.NeuronGroup(40, "r : 1", threshold="(i + t_in_timesteps) % (2 + i % 5) == 0", name="group")
        clocked = b2.SpikeGeneratorGroup(3, [0, 1, 2, 0], np.array([0, 0, 5, 9]) * b2.defaultclock.dt, name="clocked")
        sink = b2.NeuronGroup(205, "y : 1\nz : 1", name="sink")
        part, kernel, to = group[5:25], SparseKernel.from_dense(matrix), {"target": sink[5:], "target_variable": "y"}
        first = SpikeMap([part, group[37:]], weights=kernel, trace="r", scale=2.5, name="first", **to)
        second = SpikeMap([clocked, part], weights=Blank(200, 23), target=sink[5:], target_variable="z", name="second")
        monitors = [b2.SpikeMonitor(group, name="of_group"), b2.SpikeMonitor(clocked, name="of_clocked")]
        target.run(b2.Network(group, clocked, sink, first, second, *monitors), 12 * b2.defaultclock.dt)
        assert not np.any(sink.z[:])
        out_start, post, w = kernel.outgoing()
        b2.device.run(run_args={second.out_start: out_start, second.post: post, second.w: w})
        of_group, of_clocked = (np.bincount(m.i[:], minlength=n) for m, n in zip(monitors, (40, 3), strict=True))
        of_part, of_ends = of_group[5:25], of_group[37:]
        y, z = np.asarray(sink.y[:]), np.asarray(sink.z[:])
        for key, value in before.items():
            b2.prefs[key] = value
    assert of_part.sum() > 50
    assert of_clocked.tolist() == [2, 1, 1]
    np.testing.assert_allclose(y[5:], 2.5 * np.append(of_part, of_ends) @ matrix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(z[5:], np.append(of_clocked, of_part) @ matrix, rtol=0, atol=1e-12)
    assert not y[:5].any()
    assert not z[:5].any()


def test_several_sources_targets_by_formulas_and_samples_in_files(tmp_path, monkeypatch):
    import brian2 as b2
    from targets import activated, assert_close

    from tension_sim.brian import RLS, LinearMap, Recorder, Signal
    from tension_sim.declare import sample_file

    monkeypatch.setattr(sample_file, "_WINDOW", 7)
    rows = np.random.default_rng(0).standard_normal((30, 2))
    np.save(tmp_path / "rows.npy", rows)
    found = {}
    for name in ("numpy", "cuda_standalone"):
        with activated(name, tmp_path / name) as target:
            before = {key: b2.prefs[key] for key in preferences()}
            for key, value in preferences().items():
                b2.prefs[key] = value
            equations = "dr/dt = (sin(2*pi*(i + 1)*20*Hz*t) - r)/(2*ms) : 1\ntwice = 2*r + i : 1\nn : integer"
            exc, inh = (b2.NeuronGroup(n, equations, method="euler", name=kind) for n, kind in ((6, "exc"), (5, "inh")))
            exc.n = 2
            signal = Signal(tmp_path / "rows.npy", periodic=True, first_step=3, name="signal")
            parts = [(exc, "r"), (inh[2:], "r"), (exc[:2], "n")]
            readouts = [LinearMap(parts, weights=np.zeros((2, 11)), name=f"readout_{k}") for k in range(3)]
            targets = [signal, b2.TimedArray(rows, dt=0.2 * b2.ms), "sin(2*pi*(i + 1)*30*Hz*t) + u"]
            u = {"u": (exc[3:5], "twice")}
            rules = [
                RLS(readout, y, alpha_P=0.5, variables=u, name=f"rule_{k}")
                for k, (readout, y) in enumerate(zip(readouts, targets, strict=True))
            ]
            played = Recorder(signal, "value", name="played")
            target.run(b2.Network(exc, inh, signal, *readouts, *rules, played), 70 * b2.defaultclock.dt)
            found[name] = {"played": np.asarray(played.recorded), "x": readouts[0].x[:]}
            found[name] |= {f"W_{k}": readout.W for k, readout in enumerate(readouts)}
            found[name] |= {f"P_{k}": rule.P for k, rule in enumerate(rules)}
            for key, value in before.items():
                b2.prefs[key] = value
    assert np.array_equal(found["numpy"]["played"], rows[(np.arange(70) - 3) % 30])
    for name, wanted in found["numpy"].items():
        assert_close(found["cuda_standalone"][name], wanted, what=name)


def test_a_fitted_network():
    """Its plastic weights are brought by spikes, and lie by rows for the rule."""
    net = fitted_network.small_network(
        signs=np.resize([1, -1], 30), groups=np.resize([0, 1, -1], 30), row_sum=[0.5, 0.8],
        learning=Learning(alpha_P=1.0, update_every=fitted_network.EVERY, start=50, relaxation=0.02),
    )  # fmt: skip
    record = Record(every=1, variables={"I_plastic": range(net.n)})
    wanted, found = (
        Simulation(net, target=target, record=record).run(**fitted_network.samples(), every=fitted_network.HELD)
        for target in ("numpy", "cuda_standalone")
    )
    assert_equal(found, wanted)
    np.testing.assert_allclose(found.weights["plastic"], wanted.weights["plastic"], rtol=0, atol=1e-12)
    assert not np.allclose(found.weights["plastic"], net.plastic.weight)


def test_gelu():
    """The error function is no function of brian2cuda's."""
    options = {"feedback_kernel": None, "output_kernel": np.eye(9), "initial": {"a": np.arange(-4, 5)}}
    net = ForceNetwork("echo_state", None, 9, 1e-3, None, activation="gelu", **options)
    wanted, found = (Simulation(net, target=t).run(np.zeros((20, 9))) for t in ("numpy", "cuda_standalone"))
    assert wanted.output[:, :4].max() < 0 < wanted.output[:, 5:].min()
    assert_equal(found, wanted)


def test_code_of_the_users_own_switches_learning(tmp_path):
    """The host's copy of the schedule does not know of it: the device decides then."""
    import brian2 as b2
    from targets import activated

    from tension_sim.brian import RLS, LinearMap, Signal

    found = {}
    for name in ("numpy", "cuda_standalone"):
        with activated(name, tmp_path / name) as target:
            before = {key: b2.prefs[key] for key in preferences()}
            for key, value in preferences().items():
                b2.prefs[key] = value
            group = b2.NeuronGroup(7, "x = sin((i + 1)*t/ms) : 1\ns : 1", name="group")
            group.run_regularly("s = x")
            readout = LinearMap(group, "s", weights=np.zeros((1, 7)), name="readout")
            goal = Signal(np.cos(np.arange(100)), name="goal")
            rule = RLS(readout, goal, alpha_P=1.0, name="rule")
            rule.run_regularly("learning = 1 - learning", dt=1 * b2.ms)
            target.run(b2.Network(group, readout, rule, goal), 7 * b2.ms)
            found[name] = {"updates": int(rule.n_updates[:].item()), "W": readout.W, "P": rule.P}
            for key, value in before.items():
                b2.prefs[key] = value
    wanted, one = found["numpy"], found["cuda_standalone"]
    assert one["updates"] == wanted["updates"]
    assert 0 < wanted["updates"] < 70
    for name in ("W", "P"):
        np.testing.assert_allclose(one[name], wanted[name], rtol=0, atol=1e-12)


def test_the_weights_of_synapses(tmp_path, monkeypatch):
    """Beside the loops of the other targets: delays, conductances, a rate of each synapse; in any order of threads."""
    import brian2 as b2
    from brian.test_synapses import Conductances, Depression, run
    from targets import activated

    monkeypatch.setenv("FAKE_CUDA_ORDER", "backwards")
    with activated("cuda_standalone", tmp_path / "project") as target:
        before = {key: b2.prefs[key] for key in preferences()}
        for key, value in preferences().items():
            b2.prefs[key] = value
        run(target, [Conductances, Depression])
        for key, value in before.items():
            b2.prefs[key] = value
