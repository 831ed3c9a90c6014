"""The refractory clause of neuron files, beside plain loops in numpy and beside Brian2's own Synapses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from targets import skip_unless_here

from tension_sim.brian.runtime import run as run_circuit
from tension_sim.circuit.parts import Circuit, SpikeInput, SpikeRecord, Units, Variable
from tension_sim.declare.kernels import SparseKernel
from tension_sim.declare.network import ForceNetwork
from tension_sim.declare.record import Record
from tension_sim.errors import UnknownNameError
from tension_sim.run.simulation import Simulation

FILE = Path(__file__).parents[1] / "neurons" / "refractory.toml"
N, STEPS, DT = 40, 1200, 1e-4
X = 3 * np.sin(np.arange(STEPS) / 40)[:, None]

#: Clauses, each with what a plain loop makes of it: whether a neuron leaves its rest, from the steps since its spike.
CLAUSES = {
    "tau_ref": lambda steps, v, w: steps >= 20,
    "2.55*ms": lambda steps, v, w: steps >= 25,
    "1*ms + w*ms/mV": lambda steps, v, w: steps >= np.floor((1e-3 + w + 1e-7) / DT),
    "v > v_rest - 3*mV and w > 0.9*mV": lambda steps, v, w: ~((v > -68e-3) & (w > 0.9e-3)),
}


def written(folder: Path, clause: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(FILE.read_text().replace('refractory = "tau_ref"', f'refractory = "{clause}"'))
    return path


def network(path: Path, **options: Any) -> ForceNetwork:
    return ForceNetwork.random(path, n=N, n_inputs=1, p=0.5, G=0.04, E2=2.0, dt=DT, seed=3, parameters={}, **options)


def plain_loop(net: ForceNetwork, leaves: Any) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Run the file in numpy; return the spikes (step, neuron), and v and w at the end."""
    v, w = net.initial_values["v"].copy(), np.zeros(N)
    kernel, weights = net.recurrent.to_dense() * 1e-3, net.input_kernel[0] * 1e-3
    tau_rise, tau_decay = (net.parameter_values[name].value for name in ("tau_rise", "tau_decay"))
    current, rising = np.zeros(N), np.zeros(N)
    free, last, found = np.ones(N, bool), np.full(N, -(10**8)), []
    for k in range(STEPS):
        steps = k - last
        free = leaves(steps, v, w) | (free if net.neuron.refractory.startswith("v >") else False)
        change = (-65e-3 - v + 18e-3 + X[k, 0] * weights + current - w) / 10e-3
        v, w = np.where(free, v + DT * change, v), w - DT * w / 50e-3
        current = current * np.exp(-DT / tau_rise) + DT * rising
        rising = rising * np.exp(-DT / tau_decay)
        spikes = (v > -50e-3) & free
        last[spikes], free = k, free & ~spikes
        rising += spikes @ kernel / (tau_rise * tau_decay)
        v, w = np.where(spikes, -67e-3, v), w + 1e-3 * spikes
        found += [(k, int(i)) for i in np.flatnonzero(spikes)]
    return found, v, w


def spikes_of(results: Any) -> list[tuple[int, int]]:
    return list(zip(results.spike_step.tolist(), results.spike_neuron.tolist(), strict=True))


#: A time that differs between neurons, and a condition: what is compiled.
COMPILED = list(CLAUSES)[2:]


def compiled_on(*targets: str) -> list[Any]:
    return [pytest.param(clause, name, marks=pytest.mark.slow) for name in targets for clause in COMPILED]


@pytest.mark.parametrize(
    ("clause", "target"),
    [*((clause, "numpy") for clause in CLAUSES), *compiled_on("cython", "cpp_standalone", "tensorflow")],
)
def test_spikes_are_those_of_a_plain_loop(clause, target, tmp_path):
    skip_unless_here(target)
    net = network(written(tmp_path, clause))
    wanted, v, w = plain_loop(net, CLAUSES[clause])
    found = Simulation(net, target=target).run(np.zeros((STEPS, 1)), X)
    assert len(wanted) > 2 * N
    assert spikes_of(found) == wanted
    np.testing.assert_allclose(found.state["neurons.v"], v, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.state["neurons.w"], w, rtol=0, atol=1e-13)
    last = dict.fromkeys(range(N), -1e4) | {i: k * DT for k, i in wanted}
    np.testing.assert_allclose(found.state["neurons.lastspike"], [last[i] for i in range(N)], rtol=1e-12)


def test_the_clause_matters(tmp_path):
    """Each clause gives other spikes, and so does a file without one."""
    found = {c: spikes_of(Simulation(network(written(tmp_path, c)), target="numpy").run(0 * X, X)) for c in CLAUSES}
    found["none"] = spikes_of(Simulation(network(without_clause(tmp_path)), target="numpy").run(0 * X, X))
    assert len({tuple(spikes) for spikes in found.values()}) == len(CLAUSES) + 1


@pytest.mark.parametrize(
    ("clause", "target"), [*((clause, "numpy") for clause in COMPILED), *compiled_on("cpp_standalone")]
)
def test_a_run_goes_on_within_the_rest_of_its_neurons(clause, target, tmp_path):
    skip_unless_here(target)
    simulation = Simulation(network(written(tmp_path, clause)), target=target)
    whole = simulation.run(0 * X, X)
    first = simulation.run(0 * X[:511], X[:511])
    assert not np.all(first.state["neurons.not_refractory"])
    second = simulation.run(0 * X[511:], X[511:], state=first.state)
    for name, values in whole.state.items():
        assert np.array_equal(second.state[name], values), name
    assert spikes_of(first) + spikes_of(second) == spikes_of(whole)


def test_in_float32_a_long_run_rests_for_the_same_number_of_steps(tmp_path):
    """Times of spikes have float64: after 10 million steps, float32 would not tell one step from the next."""
    simulation = Simulation(network(written(tmp_path, "tau_ref"), dtype="float32"), target="numpy")
    assert simulation.net.initial_values["lastspike"].tolist() == [-1e4] * N
    early = simulation.run(0 * X, X)
    late = simulation.run(0 * X, X, state={"step": 10_000_000})
    assert spikes_of(late) == [(k + 10_000_000, i) for k, i in spikes_of(early)]
    assert late.state["neurons.lastspike"].dtype == np.float64


def test_lastspike_and_not_refractory_are_variables_of_the_network(tmp_path):
    net = network(written(tmp_path, "tau_ref"), initial={"lastspike": "-1*ms"})
    record = Record(variables={"lastspike": (0,), "not_refractory": tuple(range(N)), "v": tuple(range(N))})
    found = Simulation(net, target="numpy", record=record).run(0 * X, X)
    assert found.spike_step.min() >= 10  # the last spike was 10 steps ago, and a rest takes 20
    free, v = found.recorded["not_refractory"].values, found.recorded["v"].values
    assert not free[:9].any()
    for k, i in spikes_of(found):
        assert not free[k : k + 20, i].any()
        assert np.array_equal(v[k : k + 20, i], np.full(len(v[k : k + 20]), v[k, i]))  # in the unit that is shown
    with pytest.raises(UnknownNameError, match="ForceNetwork.initial: expected a known state variable") as caught:
        _ = network(without_clause(tmp_path), initial={"lastspike": "-1*ms"}).initial_values
    assert "Received: 'lastspike'" in str(caught.value)


def without_clause(folder: Path) -> Path:
    path = folder / "without.toml"
    text = FILE.read_text().replace('refractory = "tau_ref"', "").replace(" (unless refractory)", "")
    path.write_text(text)
    return path


@pytest.mark.usefixtures("numpy_target")
def test_spikes_into_a_resting_membrane_as_with_synapses():
    """Of a circuit: SpikeMap leaves a variable (unless refractory) alone while its neuron rests."""
    equations = "dv/dt = (1.2 - v)/tau : 1 (unless refractory)"
    second = (0, 0, 1, 0, 0, 0, 0)
    units = Units(
        N, equations, (("tau", second),), ("v", "lastspike", "not_refractory"),
        threshold="v > 1", reset="v = 0", refractory="0.65*tau",
    )  # fmt: skip
    kernel = SparseKernel.random(N, 0.3, 0.5, np.random.default_rng(1))
    parts = {
        "neurons": units,
        "kicks": SpikeInput(("neurons",), N, N, Variable("neurons", "v")),
        "spikes": SpikeRecord("neurons", N),
    }
    start, post, weight = kernel.outgoing()
    v = np.linspace(0, 0.9, N)
    values = {
        "neurons.tau": 2e-3, "neurons.v": v,
        "neurons.lastspike": np.full(N, -1e4), "neurons.not_refractory": np.ones(N),
        "kicks.out_start": start, "kicks.post": post, "kicks.w": weight, "kicks.scale": 0.2,
    }  # fmt: skip
    found = run_circuit(Circuit(DT, parts), "numpy", values, 0, 300)

    group = b2.NeuronGroup(
        N, "dv/dt = (1.2 - v)/(2*ms) : 1 (unless refractory)", threshold="v > 1", reset="v = 0",
        refractory=1.3 * b2.ms, method="euler", dt=DT * b2.second,
    )  # fmt: skip
    group.v = v
    synapses = b2.Synapses(group, group, "w : 1", on_pre="v_post += w", dt=DT * b2.second)
    synapses.connect(i=kernel.pre, j=kernel.post)
    synapses.w = 0.2 * kernel.weight
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, synapses, monitor).run(300 * DT * b2.second)
    assert monitor.num_spikes > 3 * N
    assert np.array_equal(found["spikes.i"], monitor.i)
    np.testing.assert_allclose(found["spikes.t"], monitor.t / b2.second, rtol=1e-12)
    np.testing.assert_allclose(found["neurons.v"], group.v[:], rtol=1e-12)
