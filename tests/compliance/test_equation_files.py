"""Every neuron file with every filter file: found by looking, so a new file is tested by being there."""

from __future__ import annotations

import shutil

import brian2 as b2
import numpy as np
import pytest
from brian2.units.fundamentalunits import get_or_create_dimension
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


def one_over_rate_unit(neuron: str) -> float:
    """Return seconds, by the text of the file and plain arithmetic."""
    return 1 / eval(load_neuron(neuron).rate_unit, {"second": 1.0, "ms": 1e-3})


@filters
def test_runs_and_learns(neuron, synapse):
    _, jumps = load_synapse(synapse).instance("r", "r", "1")
    for drive in (50.0, 1e6):  # the more for neurons whose currents count in a small unit
        network = net(neuron, synapse, E2=drive)
        variables = {name: (0, N - 1) for name in network.state_variables} | {name: range(N) for name in jumps}
        found = run(network, variables=variables)
        if len(found.spike_neuron):
            break
    assert all(np.all(np.isfinite(values)) for values in found.state.values())
    assert found.state["rls.n_updates"] == STEPS
    membrane = f"neurons.{network.neuron.membrane}"
    assert not np.array_equal(found.state[membrane], network.initial_values[network.neuron.membrane])
    assert np.all((found.spike_step >= 0) & (found.spike_step < STEPS))
    assert np.all((found.spike_neuron >= 0) & (found.spike_neuron < N))
    for name, recording in found.recorded.items():
        _, scale = network.display_unit(name)
        last = found.state[f"neurons.{name}"][list(variables[name])].astype(float)
        assert recording.values[-1] * scale == pytest.approx(last, rel=1e-12)
    # the first spike of a neuron adds what the filter's file says, counted in the rate unit of the neuron's file
    for name, amount in jumps.items():
        added = eval(amount, {key: q.value for key, q in network.parameter_values.items()})
        for i in np.unique(found.spike_neuron):
            rate = found.recorded[name].values[:, i]
            assert rate[np.flatnonzero(rate)[0]] == pytest.approx(added * one_over_rate_unit(neuron), rel=1e-12)
    assert len(found.spike_neuron)


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
    file, one = load_synapse(synapse), one_over_rate_unit(neuron)
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
        namespace=namespace | {"time": one * b2.second},
        dt=0.01 * b2.ms,
    )
    monitor = b2.StateMonitor(group, "r", record=0)
    numpy_target.run(b2.Network(group, monitor), 15 * longest * b2.second)
    area = np.asarray(monitor.r).sum() * 1e-5 / one
    assert area == pytest.approx(1, rel=5e-3)


@filters
def test_wrong_units_are_refused(neuron, synapse):
    for name in {**load_neuron(neuron).parameters, **load_synapse(synapse).parameters}:
        with pytest.raises(UnitsError) as caught:
            net(neuron, synapse, parameters={name: "3*kelvin"})
        assert f"parameters.{name}: expected a quantity in " in str(caught.value)
        assert "Received: '3*kelvin'" in str(caught.value)


def test_brian2_finds_the_same_units(neuron):
    """Of every variable, and of the currents and rates that the file counts in."""
    file, units = load_neuron(neuron), vars(b2)
    assert file.source.startswith("https://doi.org/")
    found = b2.Equations(file.equations)
    ours = dimensions(file.equations, file.name)
    assert {name: found[name].dim for name in found.names} == {
        name: get_or_create_dimension(dimension) for name, dimension in ours.items()
    }
    states = {*found.diff_eq_names, *found.parameter_names}
    assert {*file.state_variables} - {"lastspike", "not_refractory"} == states
    assert file.membrane in states
    current, rate = (b2.Quantity(eval(text, units)) for text in (file.current_unit, file.rate_unit))
    assert rate.dim == b2.hertz.dim
    assert float(rate) * rate_time(file) == pytest.approx(1, rel=1e-15)
    assert float(current) == pytest.approx(current_scale(file), rel=1e-15)


def test_runs_from_any_folder(neuron, tmp_path):
    shutil.copy(data_folder("equations") / f"{neuron}.toml", tmp_path / "mine.toml")
    assert_same(run(net(tmp_path / "mine.toml", "single_exponential")), run(net(neuron, "single_exponential")))


def test_initial_values_come_from_the_seed(neuron):
    first, same, other = (net(neuron, "single_exponential", seed=seed).initial_values for seed in (1, 1, 2))
    for name in load_neuron(neuron).initial:
        assert np.array_equal(first[name], same[name])
    assert any(not np.array_equal(first[name], other[name]) for name in first)
