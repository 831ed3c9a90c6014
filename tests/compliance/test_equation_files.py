"""Every neuron file with every filter file: found by looking, so a new file is tested by being there."""

from __future__ import annotations

import shutil

import brian2 as b2
import numpy as np
import pytest
from lif_network import assert_same

from tension_sim.brian.integration import ExactDecay
from tension_sim.declare.equations import (
    current_scale,
    data_folder,
    dimensions,
    list_neurons,
    list_synapses,
    load_neuron,
    load_synapse,
    rate_time,
    resolve_parameters,
)
from tension_sim.declare.network import ForceNetwork, Learning
from tension_sim.declare.record import Record
from tension_sim.errors import UnitsError
from tension_sim.run.simulation import Simulation

N, STEPS = 30, 80
Y = np.sin(np.arange(STEPS) / 5)[:, None] * [1.0, 0.5]

pytestmark = pytest.mark.parametrize("neuron", list_neurons())
filters = pytest.mark.parametrize("synapse", list_synapses())


def net(neuron, synapse, **changes) -> ForceNetwork:
    options = {"n": N, "n_outputs": 2, "n_inputs": 1, "p": 0.5, "seed": 3, "learning": Learning(alpha_P=1e-3)}
    return ForceNetwork.random(neuron, synapse, **(options | {"parameters": {}, "E2": 1.0} | changes))


def run(network: ForceNetwork, first: int = 0, last: int = STEPS, state=None, **record):
    x = np.cos(np.arange(STEPS) / 7)
    simulation = Simulation(network, target="numpy", record=Record(**record))
    return simulation.run(Y[first:last], x[first:last], state=state)


@filters
def test_runs_and_learns(neuron, synapse):
    network = net(neuron, synapse)
    found = run(network, variables={name: (0, N - 1) for name in network.state_variables})
    assert all(np.all(np.isfinite(values)) for values in found.state.values())
    assert found.state["rls.n_updates"] == STEPS
    membrane = f"neurons.{network.neuron.membrane}"
    assert not np.array_equal(found.state[membrane], network.initial_values[network.neuron.membrane])
    assert np.all((found.spike_step >= 0) & (found.spike_step < STEPS))
    assert np.all((found.spike_neuron >= 0) & (found.spike_neuron < N))
    for name, recording in found.recorded.items():
        _, scale = network.display_unit(name)
        assert recording.values[-1] * scale == pytest.approx(
            found.state[f"neurons.{name}"][[0, N - 1]].astype(float), rel=1e-12
        )


@filters
def test_goes_on_where_it_stopped(neuron, synapse):
    network = net(neuron, synapse)
    whole = run(network)
    first = run(network, 0, 31)
    second = run(network, 31, STEPS, state=first.state)
    for name in whole.state:
        assert np.array_equal(second.state[name], whole.state[name]), name
    assert np.array_equal(np.concatenate([first.output, second.output]), whole.output)


@filters
def test_a_spike_adds_unit_area_to_the_rate(neuron, synapse, numpy_target):
    """Whatever the filter, a spike counts once: r has the area 1 in the file's unit of time."""
    file = load_synapse(synapse)
    equations, spike = file.instance("r", "r", "1")
    parameters = resolve_parameters(synapse, file.parameters, dt=1e-4)
    longest = max(q.value for q in parameters.values())
    namespace = {name: q.value * b2.second for name, q in parameters.items()}
    names = list(file.named("r", "r").values())
    group = b2.NeuronGroup(
        1,
        b2.Equations(equations),
        method=ExactDecay(names, "euler"),
        threshold="t < dt/2",
        reset="\n".join(f"{name} += time*({amount})" for name, amount in spike.items()),
        namespace=namespace | {"time": rate_time(load_neuron(neuron)) * b2.second},
        dt=0.01 * b2.ms,
    )
    monitor = b2.StateMonitor(group, "r", record=0)
    numpy_target.run(b2.Network(group, monitor), 15 * longest * b2.second)
    area = np.asarray(monitor.r).sum() * 1e-5 / rate_time(load_neuron(neuron))
    assert area == pytest.approx(1, rel=5e-3)


@filters
def test_wrong_units_are_refused(neuron, synapse):
    for name in {**load_neuron(neuron).parameters, **load_synapse(synapse).parameters}:
        with pytest.raises(UnitsError) as caught:
            net(neuron, synapse, parameters={name: "3*kelvin"})
        assert f"parameters.{name}: expected a quantity in " in str(caught.value)
        assert "Received: '3*kelvin'" in str(caught.value)


def test_states_what_it_is(neuron):
    file = load_neuron(neuron)
    assert file.summary
    assert file.source.startswith("https://doi.org/")
    found = dimensions(file.equations, file.name)
    assert set(file.initial) <= set(file.state_variables) <= set(file.meanings)
    assert set(found) <= set(file.meanings)
    assert file.membrane in file.state_variables
    assert current_scale(file) > 0
    assert rate_time(file) > 0
    assert set(file.inputs) == {"recurrent", "feedback", "external"}
    for name in file.inputs.values():
        assert name in file.equations


def test_runs_from_any_folder(neuron, tmp_path):
    shutil.copy(data_folder("equations") / f"{neuron}.toml", tmp_path / "mine.toml")
    assert_same(run(net(tmp_path / "mine.toml", "single_exponential")), run(net(neuron, "single_exponential")))


def test_initial_values_come_from_the_seed(neuron):
    first, same, other = (net(neuron, "single_exponential", seed=seed).initial_values for seed in (1, 1, 2))
    for name in load_neuron(neuron).initial:
        assert np.array_equal(first[name], same[name])
    assert any(not np.array_equal(first[name], other[name]) for name in first)
