"""Whole CUDA programs on the CPU (cuda_emulation.py) against the other targets: argument files, launch order,
brian2cuda's kernels and ours. What only a GPU can show is in test_cuda.py."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuda_emulation import compile_project, preferences

from tension_sim import ForceNetwork, Learning, Record, Simulation, SparseKernel, cuda
from tension_sim.errors import DivergenceError, RunFailedError

pytestmark = [
    pytest.mark.slow,
    # brian2cuda 1.0b1 has invalid escapes, old imports, and does not close the sources it writes
    pytest.mark.filterwarnings(
        "ignore::SyntaxWarning", "ignore::DeprecationWarning", "ignore:unclosed file:ResourceWarning"
    ),
]

#: Networks that spike and learn within 100 ms: alpha_P, and what `ForceNetwork.random` takes.
NETWORKS: dict[str, tuple[float, dict[str, Any]]] = {
    "lif": (5e-5, {"n_inputs": 1, "E2": 2.0}),
    "izhikevich": (2.0, {"dt": "0.04*ms", "G": 5e3, "Q": 5e3, "row_balanced": False}),
    "theta": (1e-4, {"dt": "0.1*ms", "G": 10.0, "Q": 1e3}),
}


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
        patch.setattr(
            device.CUDAStandaloneDevice, "compile_source", lambda self, folder, *args: compile_project(Path(folder))
        )
        yield


def network(neuron: str = "lif", **learning: Any) -> ForceNetwork:
    alpha_P, options = NETWORKS[neuron]
    rule = Learning(alpha_P=alpha_P, update_every=5, start=20, **learning)
    return ForceNetwork.random(neuron, n=60, n_outputs=2, seed=1, learning=rule, **options)


def data(net: ForceNetwork, steps: int) -> dict[str, np.ndarray]:
    t = np.arange(1, steps + 1)[:, None] * 5e-5
    y = np.sin(2 * np.pi * 5 * t) * [1, -0.5]
    return {"y": y, "x": np.cos(2 * np.pi * 9 * t)} if net.n_inputs else {"y": y}


def part(samples: dict[str, np.ndarray], chosen: slice) -> dict[str, np.ndarray]:
    return {name: values[chosen] for name, values in samples.items()}


def both(net: ForceNetwork, record: Record | None = None) -> tuple[Simulation, Simulation]:
    return tuple(Simulation(net, target=t, record=record) for t in ("cpp_standalone", "cuda_standalone"))


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
def test_the_same_spikes_and_numbers_as_cpp(neuron):
    net = network(neuron)
    wanted, found = (
        simulation.run(**data(net, 2000)) for simulation in both(net, Record(variables={"v": (0, 3)}, every=3))
    )
    assert len(wanted.spike_step) > 50
    assert wanted.state["rls.n_updates"][0] == 396
    assert np.abs(wanted.output).max() > 0.1
    assert_equal(found, wanted)


@pytest.mark.parametrize(
    "learning",
    [{"gain": "undivided"}, {"forgetting": 0.98}, {"probability": 0.4}, {"stop": 200}],
    ids=lambda learning: next(iter(learning)),
)
def test_every_kind_of_rule(learning):
    net = network(**learning)
    wanted, found = (simulation.run(**data(net, 400)) for simulation in both(net))
    assert_equal(found, wanted)


def test_equal_runs_are_equal_in_any_order_of_threads(monkeypatch):
    net = network()
    simulation, samples = both(net)[1], data(net, 400)
    runs = [simulation.run(**samples)]
    monkeypatch.setenv("FAKE_CUDA_ORDER", "backwards")
    runs.append(simulation.run(**samples))
    for name in runs[0].state:
        assert np.array_equal(*(run.state[name] for run in runs)), name
    assert np.array_equal(*(run.output for run in runs))
    assert np.array_equal(*(run.spike_neuron for run in runs))


def test_two_runs_are_one_long_run():
    net = network()
    simulation, samples = both(net)[1], data(net, 400)
    whole = simulation.run(**samples)
    first = simulation.run(**part(samples, slice(203)))
    second = simulation.run(**part(samples, slice(203, None)), state=first.state)
    assert np.array_equal(np.concatenate([first.output, second.output]), whole.output)
    for name in whole.state:
        assert np.array_equal(second.state[name], whole.state[name]), name


def test_states_go_on_from_cpp_to_cuda_and_back():
    net = network(forgetting=0.99)
    samples, targets = data(net, 400), both(net)
    for before in targets:
        state = before.run(**part(samples, slice(203))).state
        wanted, found = (after.run(**part(samples, slice(203, None)), state=state) for after in targets)
        assert_equal(found, wanted)
    assert targets[0].run(**part(samples, slice(203))).state["rls.pending"].any()


def test_divergence_ends_the_run_where_it_does_in_cpp():
    net = network()
    samples, targets = data(net, 400), both(net)
    state = targets[1].run(**part(samples, slice(203))).state
    state["rls.P_packed"] = -1e6 * np.abs(state["rls.P_packed"]) - 1
    for simulation in targets:
        with pytest.raises(DivergenceError, match="time step 205 ") as caught:
            simulation.run(**part(samples, slice(203, None)), state=state)
        results = caught.value.results
        assert results.n_steps == 3
        assert np.array_equal(results.state["readout.w"], state["readout.w"])
        assert np.array_equal(results.state["rls.P_packed"], state["rls.P_packed"])


@pytest.mark.parametrize("kind", ["twice between the same neurons", "none"])
def test_recurrent_synapses(kind):
    net = network()
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
    wanted, found = (simulation.run(**data(net, 600)) for simulation in both(changed))
    assert_equal(found, wanted)


def test_a_file_of_the_wrong_size_ends_the_program(tmp_path):
    net = network()
    program = both(net)[1].build()
    values = {"neurons.v": np.zeros(net.n - 1), "recurrent.pre": np.empty(0), "recurrent.post": np.empty(0)}
    with pytest.raises(RunFailedError, match=r"neurons\.v=\S+ does not hold 60 values"):
        program.run(values, 0, 1, net.dt)


def test_a_users_network_with_everything_in_it(tmp_path):
    from brian.everything import build, gather
    from targets import activated, assert_close

    import brian2

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
