"""Delays: beside Brian2's Synapses and a plain loop, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian2.core.base import BrianObjectException
from conductance_network import STEPS_OF, WEIGHTS, N, check, delayed, net
from targets import activated, skip_unless_here

from tension_sim import (
    InvalidTypeError,
    InvalidValueError,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Simulation,
    SparseKernel,
    UnitsError,
    UnknownNameError,
    UnsupportedError,
)
from tension_sim.brian.spike_map import SpikeMap

SOURCES, TARGETS, STEPS = 12, 9, 60
RNG = np.random.default_rng(2)
MATRIX = RNG.standard_normal((SOURCES, TARGETS)) * (RNG.random((SOURCES, TARGETS)) < 0.6)
KERNEL = SparseKernel.from_dense(MATRIX)
DELAYS = RNG.integers(0, 8, len(KERNEL))
DT = 1e-4

#: One delay or one for each weight; weights that can learn; a target that is not written to while it rests.
KINDS = list(product(("one", "each"), (False, True), ("y", "g")))


def maps(delay_of: Any) -> dict[str, b2.BrianObject]:
    """Return a network with a map of each kind, each into a variable of its own."""
    variables = {kind: f"{kind[2]}_{kind[0]}_{'learned' if kind[1] else 'static'}" for kind in KINDS}
    equations = "\n".join(
        f"d{name}/dt = 0*Hz : 1{' (unless refractory)' if kind[2] == 'g' else ''}" for kind, name in variables.items()
    )
    source = b2.NeuronGroup(
        SOURCES, "r : 1", threshold="(i + t_in_timesteps) % (3 + i % 5) == 0", name="source", dt=DT * b2.second
    )
    sink = b2.NeuronGroup(
        TARGETS, equations, threshold="t_in_timesteps % 11 == i", refractory=0.4 * b2.ms, reset="", method="euler",
        name="sink", dt=DT * b2.second,
    )  # fmt: skip
    found = {"source": source, "sink": sink}
    for kind, name in variables.items():
        order = np.arange(len(KERNEL))[::-1] if kind[1] else np.arange(len(KERNEL))  # any order is right
        kernel = SparseKernel(SOURCES, KERNEL.pre[order], KERNEL.post[order], KERNEL.weight[order], TARGETS)
        delay = 3e-4 * b2.second if kind[0] == "one" else DELAYS[order] * DT * b2.second
        found[name] = SpikeMap(
            source, weights=kernel, target=sink, target_variable=name, trace="r" if kind[1] else None, scale=2.0,
            delay=delay, name=f"map_{name}",
        )  # fmt: skip
    return found


def values(network: dict[str, b2.BrianObject]) -> dict[str, np.ndarray]:
    return {name: np.array(getattr(network["sink"], name)[:]) for name in network if name not in ("source", "sink")}


def of_synapses(delays: np.ndarray) -> dict[str, np.ndarray]:
    """Return what Brian2's own Synapses add in such a network."""
    network = {name: each for name, each in maps(delays).items() if name in ("source", "sink")}
    for kind in KINDS:
        name = f"{kind[2]}_{kind[0]}_{'learned' if kind[1] else 'static'}"
        synapses = b2.Synapses(
            network["source"], network["sink"], "w : 1", on_pre=f"{name}_post += 2*w", dt=DT * b2.second
        )
        synapses.connect(i=KERNEL.pre, j=KERNEL.post)
        synapses.w = KERNEL.weight
        synapses.delay = (3e-4 if kind[0] == "one" else DELAYS * DT) * b2.second
        network[name] = synapses
    b2.Network(*network.values()).run(STEPS * DT * b2.second)
    return values(network)


def test_like_brian2_synapses(target):
    network = maps(DELAYS)
    target.run(b2.Network(*network.values()), STEPS * DT * b2.second)
    found = values(network)
    with activated("numpy", target.folder / "reference"):
        wanted = of_synapses(DELAYS)
    assert found.keys() == wanted.keys()
    assert len(found) == 8
    for name in found:
        assert np.abs(wanted[name]).min() > 0, name
        assert found[name] == pytest.approx(wanted[name], abs=1e-12), name


@pytest.mark.parametrize(
    ("delay", "error", "text"),
    [
        (0.25 * b2.ms, InvalidValueError, "SpikeMap.delay: expected multiples of the time step 0.0001 s.\n"
         "Received: '0.00025 s'\nFix: round it, to 0.0002 s for example."),
        (-1 * b2.ms, InvalidValueError, "SpikeMap.delay: expected times of at least 0.\nReceived: -0.001"),
        (1 * b2.mV, UnitsError, "SpikeMap.delay: expected times.\nReceived: "),
        (np.ones(3) * b2.ms, InvalidValueError, f"SpikeMap.delay: expected one delay for each of {len(KERNEL)} syn"),
        (11 * b2.second, InvalidValueError, "SpikeMap.delay: expected at most 100000 time steps (10 s).\n"
         "Received: '11 s'"),
        ("soon", UnknownNameError, "SpikeMap.delay"),
        (object(), InvalidTypeError, "SpikeMap.delay: expected a time, or an array of times"),
    ],
)  # fmt: skip
def test_wrong_delays_of_a_map(delay, error, text):
    source = b2.NeuronGroup(SOURCES, "r : 1", threshold="r > 1", dt=DT * b2.second)
    sink = b2.NeuronGroup(TARGETS, "y : 1", dt=DT * b2.second)
    with pytest.raises(error) as caught:
        SpikeMap(source, weights=KERNEL, target=sink, target_variable="y", delay=delay)
    assert text in str(caught.value)


def test_dt_must_not_change_after_a_map_with_delays(numpy_target):
    source = b2.NeuronGroup(SOURCES, "r : 1", threshold="r > 1", name="source")
    sink = b2.NeuronGroup(TARGETS, "y : 1", name="sink")
    one = SpikeMap(source, weights=KERNEL, target=sink, target_variable="y", delay=1 * b2.ms)
    before, b2.defaultclock.dt = b2.defaultclock.dt, 0.05 * b2.ms
    try:
        with pytest.raises(BrianObjectException) as caught:
            b2.Network(source, sink, one).run(1 * b2.ms)
    finally:
        b2.defaultclock.dt = before
    assert "set dt before the SpikeMap is made" in str(caught.value.__cause__)


# ---- projections ----


def test_conductances_with_delays_as_a_plain_loop():
    check(delayed(), "numpy", 1000, STEPS_OF)


@pytest.mark.slow
def test_two_seconds_of_conductances_with_delays():
    skip_unless_here("cpp_standalone")
    check(delayed(), "cpp_standalone", 20_000, STEPS_OF)


def test_the_ring_belongs_to_the_state():
    simulation = Simulation(delayed(), target="numpy")
    whole = simulation.run(steps=300)
    first = simulation.run(steps=107)
    assert np.any(first.state["recurrent_exc_to_exc.ring"])
    second = simulation.run(steps=193, state=first.state)
    assert np.array_equal(np.concatenate([first.spike_neuron, second.spike_neuron]), whole.spike_neuron)
    for name, values in whole.state.items():
        assert np.array_equal(second.state[name], values), name


def test_learned_projections_read_the_delayed_trace():
    """z = W r, where r is the presynaptic trace of so many steps before; FORCE on it as a plain loop."""
    n, delay, steps = 20, 12, 400
    rng = np.random.default_rng(5)
    mask = rng.random((n, n)) < 0.5
    pre, post = np.nonzero(mask)
    weights = SparseKernel(n, pre, post, rng.normal(size=len(pre)), n)
    network = Network(
        dt=DT,
        populations={"cells": Population("lif", n, parameters={"bias": "-39*mV"})},
        projections=[
            Projection(
                "cells", "cells", weights=weights, delay="1.2*ms", synapse="single_exponential", name="learned",
                learning=Learning(alpha_P=0.02), error="unit*(output - y)",
            )
        ],
        readouts={"output": Readout("cells", np.full((n, 1), 0.01), synapse="single_exponential")},
    )  # fmt: skip
    y = np.sin(np.arange(steps) / 30)
    found = Simulation(network, target="numpy").run(y)
    r, late, W = np.zeros(n), np.zeros(n), np.zeros((n, n))
    W[post, pre] = weights.weight * 1e-3
    P = {row: 0.02 * np.eye(mask[:, row].sum()) for row in range(n)}
    spikes = np.zeros((steps, n))
    np.add.at(spikes, (found.spike_step, found.spike_neuron), 1 / 20e-3)
    for step in range(steps):
        r = r * np.exp(-DT / 20e-3) + spikes[step]
        late = late * np.exp(-DT / 20e-3) + (spikes[step - delay] if step >= delay else 0)
        z, given = 0.01 * r.sum(), W @ late
        assert found.output[step, 0] == pytest.approx(z, rel=1e-9)
        for row in range(n):
            partners = np.flatnonzero(mask[:, row])
            k = P[row] @ late[partners]
            c = 1 / (1 + late[partners] @ k)
            P[row] -= c * np.outer(k, k)
            W[row, partners] -= c * 1e-3 * (z - y[step]) * k
    assert spikes.sum() * 20e-3 > 20
    assert found.state["neurons_cells.I_rec"] == pytest.approx(given, rel=1e-9)
    assert found.weights["learned"] == pytest.approx(W[post, pre] / 1e-3, rel=1e-9)
    assert np.abs(found.weights["learned"] - weights.weight).max() > 0.1


@pytest.mark.parametrize(
    ("delay", "error", "text"),
    [
        ("0.25*ms", InvalidValueError, "Network.projections[0].delay: expected multiples of the time step 0.0001 s.\n"
         "Received: '0.00025 s'\nFix: round it, to 0.0002 s for example."),
        ("11*second", InvalidValueError, "Network.projections[0].delay: expected at most 100000 time steps (10 s)"),
        ("1*mV", UnitsError, "Projection.delay: expected times.\nReceived: '1*mV'"),
        (-1, InvalidValueError, "Projection.delay: expected times of at least 0.\nReceived: -1.0"),
        (np.zeros(7), InvalidValueError, "Network.projections[0].delay: expected one time, one for each of "),
    ],
)  # fmt: skip
def test_wrong_delays_of_a_projection(delay, error, text):
    with pytest.raises(error) as caught:
        first, *others = net().projections
        net(projections=[replace(first, delay=delay), *others])
    assert text in str(caught.value)


def test_tensorflow_refuses_delays_by_name():
    pytest.importorskip("tensorflow")
    with pytest.raises(UnsupportedError) as caught:
        Simulation(delayed(), target="tensorflow")
    assert str(caught.value) == (
        "Simulation.target: expected synapses without delays on the target 'tensorflow'.\n"
        "Received: 'recurrent_exc_to_exc, with delays'\n"
        "Fix: choose numpy, cython, cpp_standalone or cuda_standalone."
    )


@pytest.mark.parametrize("target", ["numpy", "tensorflow"])
def test_delays_that_are_all_0_are_none(target):
    skip_unless_here(target)
    kinds = {("exc", "exc"): 0, ("inh", "exc"): np.zeros((N["inh"], N["exc"])), ("inh", "inh"): {"inh": "0*ms"}}
    without = net(projections=[replace(p, delay=kinds.get((p.pre, p.post))) for p in net().projections])
    check(without, target, 1000)
    assert Simulation(without, target="numpy").wiring.circuit == Simulation(net(), target="numpy").wiring.circuit


@pytest.mark.parametrize("at_spikes", [False, True])
@pytest.mark.parametrize("delay", [0.0, np.zeros((20, 20))])
def test_learned_weights_read_what_is_there_if_delays_are_all_0(at_spikes, delay):
    rng = np.random.default_rng(5)
    weights = SparseKernel.from_dense((rng.random((20, 20)) < 0.5) * rng.normal(size=(20, 20)))

    def learning(given):
        projection = Projection(
            "cells", "cells", weights=weights, delay=given, synapse="single_exponential", at_spikes=at_spikes,
            learning=Learning(alpha_P=0.02), error="unit*(output - y)",
        )  # fmt: skip
        cells = {"cells": Population("lif", 20, parameters={"bias": "-39*mV"})}
        readouts = {"output": Readout("cells", np.full((20, 1), 0.01), synapse="single_exponential")}
        network = Network(dt=DT, populations=cells, projections=[projection], readouts=readouts)
        return Simulation(network, target="numpy").run(np.sin(np.arange(300) / 30))

    found, wanted = learning(delay), learning(None)
    assert len(wanted.spike_step) > 20
    assert found.state.keys() == wanted.state.keys()
    assert all(np.array_equal(found.state[name], values) for name, values in wanted.state.items())


def test_weights_are_those_of_the_loop():
    """What the comparisons rest on: each delay changes the spikes."""
    steps = 1000
    spikes = [Simulation(each, target="numpy").run(steps=steps).spike_neuron for each in (net(), delayed())]
    assert not np.array_equal(*spikes)
    assert all(np.count_nonzero(w) > 50 for w in WEIGHTS.values())
