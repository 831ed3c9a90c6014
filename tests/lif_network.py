"""A small network for runs of declared networks, and how two runs are compared.

Its program is that of an oracle test as well, so that it is compiled once.
"""

from __future__ import annotations

import numpy as np

from tension_sim.declare.network import ForceNetwork, Learning
from tension_sim.results.results import Results

N, STEPS = 300, 240
Y = np.sin(np.arange(STEPS) / 20)


def net(**changes: object) -> ForceNetwork:
    """Return the network, with some of its settings exchanged."""
    learning = Learning(alpha_P=5e-6, gain="undivided", update_every=3)
    return ForceNetwork.random(**({"neuron": "lif", "n": N, "seed": 1, "learning": learning} | changes))


def assert_same(one: Results, other: Results) -> None:
    """Compare all that two runs left behind, bit for bit."""
    assert one.state.keys() == other.state.keys()
    for name in one.state:
        assert np.array_equal(one.state[name], other.state[name]), name
    for name in ("output", "spike_step", "spike_neuron"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
