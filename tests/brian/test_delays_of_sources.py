"""Learned weights from several populations, whose spikes arrive later: beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from population_loop import LeastSquares
from targets import assert_close

from tension_sim import InvalidValueError, Learning, Network, Population, Projection, Simulation, UnknownNameError

A, B, STEPS, DT = 4, 3, 600, 1e-4
RNG = np.random.default_rng(7)
W0, V0 = RNG.normal(size=(A + B, A)), {"a": -0.065 + 0.02 * RNG.random(A), "b": -0.065 + 0.02 * RNG.random(B)}
BIAS = {"a": -32e-3 + 4e-3 * RNG.random(A), "b": -32e-3 + 4e-3 * RNG.random(B)}
TARGETS = np.sin(2 * np.pi * 20 * DT * np.arange(STEPS))[:, None] * np.arange(1, A + 1)
#: In time steps.
DELAYS = np.array([12, 12, 12, 12, 3, 0, 7])
LEARNING = Learning(0.01, update_every=5, start=100)


def network(delay=None, **more):
    populations = {
        name: Population("lif", len(V0[name]), parameters={"bias": BIAS[name]}, initial={"v": V0[name]}) for name in V0
    }
    if delay is None:
        delay = {"a": "1.2*ms", "b": DELAYS[A:] * DT}
    projection = Projection(
        ["a", "b"], "a", name="plastic", weights=W0, delay=delay, learning=LEARNING, error="z - unit*y", **more
    )
    return Network(populations, [projection], targets={"wanted": "a"}, dt="0.1*ms")


def loop():
    """Run both populations with BioFORCE on all weights into the first; return its weights, voltages and spikes."""
    n, v, bias = A + B, np.concatenate([V0["a"], V0["b"]]), np.concatenate([BIAS["a"], BIAS["b"]])
    last, current = np.full(n, -DT), np.zeros(A)
    x, h, arriving = np.zeros(n), np.zeros(n), np.zeros((STEPS + DELAYS.max() + 1, n))
    rule, spiked = LeastSquares(n, A, LEARNING.alpha_P), []
    rule.W = W0.T.copy()
    for k in range(STEPS):
        t, drive = k * DT, bias.copy()
        drive[:A] += current
        v = v + DT * (t > last + 2e-3) * (drive - v) / 10e-3
        x, h = x * np.exp(-DT / 2e-3) + DT * h, h * np.exp(-DT / 20e-3)
        spikes = v >= -40e-3
        last[spikes], v[spikes] = t, -65e-3
        arriving[k + DELAYS[spikes], np.flatnonzero(spikes)] += 1
        h += arriving[k] / (2e-3 * 20e-3)
        current = rule.W @ x * 1e-3  # weights count in mV
        if k >= LEARNING.start and k % LEARNING.update_every == 0:
            rule.learn(x, current * 1e3 - TARGETS[k])
        spiked += [(k, neuron) for neuron in np.flatnonzero(spikes)]
    return rule.W.T, v, np.array(spiked)


def test_spike_for_spike_beside_a_plain_loop():
    results = Simulation(network(), target="numpy").run(TARGETS)
    weights, v, wanted = loop()
    assert len(wanted) > 20
    times, neurons = results.spikes()
    np.testing.assert_array_equal(np.column_stack([np.rint(times / DT), neurons]), wanted)
    assert np.abs(weights - W0).max() > 0.1
    assert_close(results.weights["plastic"], weights.ravel())
    assert_close(np.concatenate([results.state["neurons_a.v"], results.state["neurons_b.v"]]), v)


def test_a_delay_of_each_source_is_one_of_each_synapse_where_weights_are_static():
    matrix = np.zeros((A + B, A))
    matrix[RNG.random((A + B, A)) < 0.5] = 1.0
    cells = network().populations
    static = [
        Network(cells, [Projection(["a", "b"], "a", weights=matrix, delay=delay)], dt="0.1*ms")
        for delay in ({"a": "1.2*ms", "b": DELAYS[A:] * DT}, np.outer(DELAYS, np.ones(A)) * DT)
    ]
    runs = [Simulation(each, target="numpy").run(steps=300) for each in static]
    assert len(runs[0].spikes()[0]) > 10
    for key, value in runs[0].state.items():
        np.testing.assert_array_equal(runs[1].state[key], value)


def test_delays_of_presynaptic_neurons_in_any_form():
    forms = (DELAYS * DT, np.outer(DELAYS, np.ones(A)) * DT, np.repeat(DELAYS, A) * DT)
    for form in forms:
        np.testing.assert_array_equal(network(form).delays[0], DELAYS)
    np.testing.assert_array_equal(network({"b": DELAYS[A:] * DT}).delays[0], [0, 0, 0, 0, *DELAYS[A:]])
    assert network("1*ms").delays[0] == 10


@pytest.mark.parametrize(
    ("delay", "error", "text"),
    [
        ({"c": "1*ms"}, UnknownNameError,
         "Network.projections[0].delay: expected a known source of the projection (a, b)"),
        ({"b": [1e-3, 2e-3]}, InvalidValueError,
         "Network.projections[0].delay['b']: expected one time, or one for each of 3 neurons.\nReceived: (2,)"),
        ({"a": "0.15*ms"}, InvalidValueError, "delay: expected multiples of the time step 0.0001 s"),
        (np.zeros(5), InvalidValueError, "delay: expected one time, one for each of 28 synapses, or shape (7, 4)"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_delay(delay, error, text):
    with pytest.raises(error) as caught:
        network(delay)
    assert text in str(caught.value)
