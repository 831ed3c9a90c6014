"""Synaptic filters of silent neurons decay by the rule that their file names."""

import numpy as np
import pytest

from tension_sim import Network, Population, Projection, Simulation
from tension_sim.declare.network import ForceNetwork

STEPS, DT, TAU = 40, 5e-5, 3e-3


@pytest.mark.parametrize(
    ("synapse", "left"),
    [("euler_exponential", (1 - DT / TAU) ** STEPS), ("single_exponential", np.exp(-DT / TAU) ** STEPS)],
)
def test_decay_of_a_silent_neuron(synapse, left):
    net = ForceNetwork.random(
        "lif", synapse, n=3, G=0, Q=0, seed=1, dt=DT,
        initial={"r": [1.0, 2.0, 4.0], "v": "-65*mV"}, parameters={"tau_decay": "3*ms", "bias": "-65*mV"},
    )  # fmt: skip
    r = Simulation(net, target="numpy").run(np.zeros((STEPS, 1))).state["neurons.r"]
    np.testing.assert_allclose(r, left * np.array([1.0, 2.0, 4.0]), rtol=1e-12)


@pytest.mark.parametrize("neuron", ["lif", "lif_conductance", "theta_phase"])  # Euler's method, exponential Euler, RK4
@pytest.mark.parametrize(
    ("synapse", "left"), [("euler_exponential", 1 - 1e-4 / TAU), ("single_exponential", np.exp(-1e-4 / TAU))]
)
def test_decay_whatever_the_method_of_the_neuron(neuron, synapse, left):
    synapses = Projection("cells", "cells", weights=[[0.0]], synapse=synapse, parameters={"tau_decay": "3*ms"})
    net = Network({"cells": Population(neuron, 1)}, [synapses], dt="0.1*ms")
    into = net.inputs[0]
    state = {f"neurons_cells.{into}": np.array([7.0])}
    found = Simulation(net, target="numpy").run(steps=3, state=state).state[f"neurons_cells.{into}"]
    np.testing.assert_allclose(found, 7 * left**3, rtol=1e-12)
