"""A readout of filtered spikes of some neurons, against a plain loop and on every target."""

from __future__ import annotations

import re

import numpy as np
import pytest
from targets import STANDALONE_TARGETS, skip_unless_here

from tension_sim import ForceNetwork, Learning, Simulation, SparseKernel
from tension_sim.declare.traces import Traces
from tension_sim.errors import InvalidTypeError, InvalidValueError

N, STEPS = 10, 300
rng = np.random.default_rng(3)
# in no order, and one neuron with three traces
SOURCES, TAU = np.array([7, 2, 2, 9, 7, 2]), np.array([0.1, 0.1, 0.03, 0.1, 0.005, 0.005])
BACK, IN = 3 * rng.standard_normal((2, N)), 5 * rng.standard_normal((1, N))
Y = np.stack([np.sin(np.arange(STEPS) / 9), np.cos(np.arange(STEPS) / 9)], axis=1)
X = 2 * np.sin(np.arange(STEPS) / 30)[:, None]


def net(**changes):
    declared = {
        "neuron": "lif_exact", "synapse": "single_exponential", "n": N, "dt": 1e-3,
        "recurrent": SparseKernel.from_dense(np.full((N, N), -0.3 / N)), "feedback_kernel": BACK,
        "output_kernel": np.zeros((6, 2)), "input_kernel": IN, "parameters": {"tau_decay": "5*ms"},
        "learning": Learning(alpha_P=1), "traces": Traces(SOURCES, TAU), "seed": 1,
    }  # fmt: skip
    return ForceNetwork(**declared | changes)


def test_the_readout_is_that_of_the_plain_loop():
    network = net()
    v, inhibition, feedback = network.initial_values["v"].copy(), 0.0, np.zeros(N)
    s, P, W, z, count = np.zeros(6), np.eye(6), np.zeros((2, 6)), [], 0
    for k in range(STEPS):
        to = inhibition + feedback + X[k] @ IN
        v = to + (v - to) * np.exp(-0.1)
        fired = v >= 1e-16
        v[fired] = -10
        count += fired.sum()
        inhibition = inhibition * np.exp(-0.2) - 0.3 / N / 5e-3 * fired.sum()
        s = s * np.exp(-1e-3 / TAU) + fired[SOURCES]
        z.append(W @ s)
        q = P @ s
        gain = q / (1 + s @ q)
        P -= np.outer(q, gain)
        W -= np.outer(z[-1] - Y[k], gain)
        feedback = z[-1] @ BACK
    found = Simulation(network, target="numpy").run(Y, X)
    assert len(found.spike_step) == count > 30
    np.testing.assert_allclose(found.output, z, atol=1e-11)
    np.testing.assert_allclose(found.weights["output_kernel"].T, W, atol=1e-11)
    # a second run goes on with the traces of the first
    first = Simulation(network, target="numpy").run(Y[:140], X[:140])
    second = Simulation(network, target="numpy").run(Y[140:], X[140:], state=first.state)
    np.testing.assert_allclose(second.output, z[140:], atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("target", STANDALONE_TARGETS)
def test_compiled_code_gives_the_same(target):
    skip_unless_here(target)
    here = Simulation(net(), target="numpy").run(Y, X)
    there = Simulation(net(), target=target).run(Y, X)
    np.testing.assert_allclose(there.output, here.output, rtol=0, atol=1e-11)
    assert np.array_equal(there.spike_step, here.spike_step)


@pytest.mark.parametrize(
    ("declare", "error", "text"),
    [
        (lambda: Traces([], []), InvalidValueError, "Traces.neuron: expected a list of neurons"),
        (lambda: Traces([-1], [0.1]), InvalidValueError, "Traces.neuron: expected a list of neurons"),
        (lambda: Traces([1, 2], [0.1]), InvalidValueError, "Traces.tau: expected an array of shape (2,)"),
        (lambda: Traces([1], [0.0]), InvalidValueError, "Traces.tau: expected times above 0 seconds"),
        (lambda: net(traces=[1, 2]), InvalidTypeError, "ForceNetwork.traces: expected a Traces or None"),
        (lambda: net(traces=Traces([N], [0.1])), InvalidValueError, "Traces.neuron: expected neurons from 0 to 9"),
        (lambda: net(output_kernel=np.zeros((N, 2))), InvalidValueError, "output_kernel: expected an array of shape"),
        (lambda: net(neuron="echo_state", synapse=None, parameters={}), InvalidValueError,
         "ForceNetwork.traces: this network has no spikes to filter.\nReceived: 'a Traces'\nFix: leave traces out."),
        (lambda: net(output_kernel=None, feedback_kernel=None, learning=None), InvalidValueError,
         "ForceNetwork.traces: this network has no readout.\nReceived: 'a Traces'\nFix: leave traces out."),
    ],
)  # fmt: skip
def test_traces_that_do_not_fit_are_refused(declare, error, text):
    with pytest.raises(error, match=re.escape(text)):
        declare()
