"""Populations with conductances beside a plain loop of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from conductance_network import DT, check, net
from targets import skip_unless_here

from tension_sim import ForceNetwork, Learning, Readout, Record, Simulation


@pytest.mark.parametrize("target", ["numpy", pytest.param("tensorflow", marks=pytest.mark.slow)])
def test_conductances_as_a_plain_loop(target):
    skip_unless_here(target)
    check(net(), target, 1000)


def test_inputs_are_shown_in_their_units():
    found = Simulation(net(), target="numpy", record=Record(variables={"exc.g_inh": (1,), "exc.w": (1,)})).run(steps=2)
    assert found.recorded["exc.g_inh"].unit == "nS"
    assert found.recorded["exc.w"].unit == "pA"


def test_a_readout_may_read_through_a_synapse():
    """The trace of a synapse of weight 1 without unit: each spike adds 1."""
    readout = Readout("inh", np.ones((20, 1)), synapse="ampa")
    found = Simulation(net(readouts={"z": readout}), target="numpy").run(np.zeros(300))
    expected, z = [], 0.0
    for step in range(300):
        z = z * np.exp(-DT / 5e-3) + np.sum((found.spike_step == step) & (found.spike_neuron >= 80))
        expected.append(z)
    assert found.output[:, 0] == pytest.approx(expected, rel=1e-12)


def test_a_neuron_with_conductances_in_a_force_network_has_none():
    """Its currents are those of any neuron; nothing comes into its conductances."""
    net = ForceNetwork.random("lif_conductance", n=10, G=0, Q=0, p=0.5, parameters={"bias": "200*pA"}, dt="0.1*ms",
                              initial={"v": "E_leak"}, learning=Learning(alpha_P=1))  # fmt: skip
    found = Simulation(net, target="numpy").run(np.zeros(600))
    # towards -40 mV with 20 ms: to -50 mV in 20 ms * ln(2), and again after 5 ms of rest
    rise = 20e-3 * np.log(2)
    assert np.unique(found.spike_step * DT) == pytest.approx(rise + np.arange(3) * (rise + 5e-3), abs=3 * DT)
