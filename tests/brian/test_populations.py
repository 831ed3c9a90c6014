"""Networks of populations beside a plain loop of numpy, and beside the same network declared in a short form."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from population_loop import two_populations
from targets import skip_unless_here

from tension_sim import (
    ForceNetwork,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Record,
    Results,
    Simulation,
    SparseKernel,
)

DT, STEPS = 5e-5, 3000
N = {"exc": 30, "inh": 15}
Y = np.stack([np.sin(np.arange(STEPS) / 100), np.cos(np.arange(STEPS) / 70)], axis=1)
RNG = np.random.default_rng(7)
STRENGTH = {("exc", "exc"): 300.0, ("exc", "inh"): 20.0, ("inh", "exc"): 300.0, ("inh", "inh"): 0.1}
WEIGHTS = {
    (pre, post): (RNG.random((N[pre], N[post])) < 0.3) * RNG.normal(size=(N[pre], N[post])) * size
    for (pre, post), size in STRENGTH.items()
}
FEEDBACK = RNG.uniform(-200, 200, (2, N["exc"]))


def net(**changes) -> Network:
    form = {("exc", "inh"): scipy.sparse.csr_array, ("inh", "exc"): SparseKernel.from_dense}
    settings = {
        "dt": DT,
        "populations": {"exc": Population("izhikevich", N["exc"]), "inh": Population("lif", N["inh"])},
        "projections": [Projection(*ends, weights=form.get(ends, np.asarray)(w)) for ends, w in WEIGHTS.items()],
        "readouts": {
            "output": Readout(
                ["exc", "inh"],
                np.zeros((45, 2)),
                feedback={"exc": FEEDBACK},
                learning=Learning(alpha_P=0.01, update_every=3),
            )
        },
        "seed": 3,
    }
    return Network(**(settings | changes))


def loop(network: Network):
    v = {name: values["v"] for name, values in network.initial_values.items()}
    si = {ends: w * (1e-12 if ends[1] == "exc" else 1e-3) for ends, w in WEIGHTS.items()}
    return two_populations(v, si, FEEDBACK * 1e-12, Y, DT, every=3, alpha=0.01)


@pytest.mark.parametrize(
    "target", ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cpp_standalone", "tensorflow"))]
)
def test_two_populations_as_a_plain_loop(target):
    skip_unless_here(target)
    network = net()
    found = Simulation(network, target=target).run(Y)
    spikes, z = loop(network)
    assert {*spikes[:, 1]} & {*range(30)}
    assert {*spikes[:, 1]} & {*range(30, 45)}
    assert len(spikes) > 300
    assert np.array_equal(np.stack([found.spike_step, found.spike_neuron], axis=1), spikes)
    assert np.max(np.abs(found.output - z)) < 1e-12 * np.max(np.abs(z))


def test_other_weights_change_the_spikes():
    """What the comparison with the loop rests on: synapses and feedback matter here."""
    network, spikes = net(), loop(net())[0]
    for changed in (net(projections=network.projections[:-1]), net(readouts={})):
        found = Simulation(changed, target="numpy").run(Y if changed.readouts else None, steps=STEPS)
        assert not np.array_equal(np.stack([found.spike_step, found.spike_neuron], axis=1), spikes)


def test_goes_on_where_it_stopped():
    simulation = Simulation(net(), target="numpy")
    whole = simulation.run(Y[:600])
    first = simulation.run(Y[:250])
    second = simulation.run(Y[250:600], state=first.state)
    assert np.array_equal(np.concatenate([first.output, second.output]), whole.output)
    for name, values in whole.state.items():
        assert np.array_equal(second.state[name], values), name


@pytest.mark.parametrize(("neuron", "G", "Q"), [("lif", 0.04, 10), ("izhikevich", 5e3, 5e3)])
def test_a_force_network_is_a_network_of_one_population(neuron, G, Q):
    learning = Learning(alpha_P=0.1, update_every=2)
    force = ForceNetwork.random(neuron, n=60, n_outputs=2, G=G, Q=Q, seed=5, learning=learning)
    network = Network(
        dt=force.dt,
        populations={"all": Population(neuron, 60)},
        projections=[Projection("all", "all", weights=force.recurrent)],
        readouts={
            "output": Readout(
                "all", force.output_kernel, feedback={"all": force.feedback_kernel}, learning=force.learning
            )
        },
        seed=5,
    )
    assert_same(*(Simulation(each, target="numpy").run(Y[:1000]) for each in (force, network)))


def assert_same(short: Results, general: Results) -> None:
    """Compare what both declarations of one network left behind, bit for bit."""
    assert len(short.spike_step) > 50
    for name in ("output", "spike_step", "spike_neuron"):
        assert np.array_equal(getattr(short, name), getattr(general, name)), name
    names = {"neurons.h_rec": "neurons_all.h_I_rec"}
    for name, values in short.state.items():
        part, _, variable = name.partition(".")
        other = {"neurons": "neurons_all", "readout": "readout_output", "rls": "rls_output"}.get(part, part)
        assert np.array_equal(general.state[names.get(name, f"{other}.{variable}" if variable else name)], values), name


def test_each_readout_has_its_columns():
    half = {
        name: Readout("exc", np.zeros((30, 1)), learning=Learning(alpha_P=0.01, update_every=3)) for name in ("a", "b")
    }
    both = Readout("exc", np.zeros((30, 2)), learning=Learning(alpha_P=0.01, update_every=3))
    apart = Simulation(net(readouts=half), target="numpy").run(Y[:500])
    together = Simulation(net(readouts={"z": both}), target="numpy").run(Y[:500])
    assert np.array_equal(apart.target, together.target)
    assert apart.output == pytest.approx(together.output, abs=1e-13)
    assert np.abs(together.output).max() > 0.1
    assert apart.weights["b"] == pytest.approx(together.weights["z"][:, 1:], abs=1e-12)


def test_results_by_population():
    record = Record(variables={"exc.v": (0, 7), "inh.I_rec": (3,)})
    found = Simulation(net(), target="numpy", record=record).run(Y[:1000])
    assert found.populations == N
    steps, neurons = found.spike_step, found.spike_neuron
    for name, first in (("exc", 0), ("inh", 30)):
        times, local = found.spikes(population=name)
        chosen = (neurons >= first) & (neurons < first + N[name])
        assert np.array_equal(local, neurons[chosen] - first)
        assert np.array_equal(times, steps[chosen] * DT)
        expected = np.bincount(local, minlength=N[name]) / (1000 * DT)
        assert found.rates_of(name)["learning"] == pytest.approx(expected)
    assert found.recorded["exc.v"].unit == "mV"
    assert found.recorded["inh.I_rec"].values.shape == (1000, 1)
    assert found.recorded["exc.v"].values[-1] == pytest.approx(found.state["neurons_exc.v"][[0, 7]] * 1e3)


def test_saved_and_run_again(tmp_path):
    found = Simulation(net(), target="numpy").run(Y[:300])
    loaded = Results.load(found.save(tmp_path / "run.h5"))
    assert loaded.populations == N
    again = loaded.network()
    assert again.output_kernels["output"] == pytest.approx(found.weights["output"], abs=0)
    more = [Simulation(each, target="numpy").run(Y[300:400], state=found.state) for each in (net(), again)]
    assert np.array_equal(more[0].output, more[1].output)


def test_neo_has_a_group_for_each_population():
    record = Record(variables={"inh.v": (2,)})
    found = Simulation(net(), target="numpy", record=record).run(Y[:1000])
    block = found.to_neo()
    assert {group.name: len(group.spiketrains) for group in block.groups} == N
    (segment,) = block.segments
    assert [train.name for train in segment.spiketrains[29:31]] == ["exc_29", "inh_0"]
    train = segment.spiketrains[30]
    assert train.annotations["source_population"] == "inh"
    assert train.annotations["source_index"] == 0
    assert train.magnitude == pytest.approx(found.dt * found.spike_step[found.spike_neuron == 30])
    (signal,) = block.groups[1].analogsignals
    assert signal.annotations["source_population"] == "inh"
    assert signal.array_annotations["neuron_id"].tolist() == [2]
