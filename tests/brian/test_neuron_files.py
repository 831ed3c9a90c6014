"""Neuron and synapse files beside plain loops that know nothing of the package."""

from __future__ import annotations

import numpy as np
from brian2 import nS

from tension_sim import ForceNetwork, Network, Population, Projection, Record, Simulation

DT = 5e-5
STEPS = 4000


def run(neuron: str, bias: float, v: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the voltages of one neuron in mV, and the steps of its spikes."""
    net = ForceNetwork(
        neuron, "single_exponential", 1, DT, None, None, None,
        parameters={"bias": f"{bias!r}*pA"}, initial={"v": f"{v!r}*mV"},
    )  # fmt: skip
    found = Simulation(net, target="numpy", record=Record(variables={"v": [0]})).run(steps=STEPS)
    return found.recorded["v"].values[:, 0], found.spike_step


def test_eif():
    found, spikes = run("eif", 300.0, -65.0)
    v, last, wanted, wanted_spikes = -65.0, -(10**9), [], []
    for step in range(STEPS):
        if (step - last) * DT > 1.7e-3 - DT / 2:
            v += DT * (20e-9 * (-65 - v) + 20e-9 * 3.48 * np.exp((v + 59.9) / 3.48) + 300e-9) / 200e-12
            if v > -30:
                v, last = -68.0, step
                wanted_spikes.append(step)
        wanted.append(v)
    assert len(wanted_spikes) > 5
    assert np.array_equal(spikes, wanted_spikes)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_lif_adaptive_threshold():
    found, spikes = run("lif_adaptive_threshold", 200.0, -70.0)
    v, raised, last, wanted, wanted_spikes = -70.0, 0.0, -(10**9), [], []
    for step in range(STEPS):
        raised *= np.exp(-DT / 0.1)
        if (step - last) * DT > 2e-3 - DT / 2:
            rest = -70 + 200 / 5
            v = rest + (v - rest) * np.exp(-DT * 5e-9 / 100e-12)
            if v > -50 + raised:
                v, raised, last = -60.0, raised + 2.0, step
                wanted_spikes.append(step)
        wanted.append(v)
    assert len(wanted_spikes) > 5
    assert np.all(np.diff(wanted_spikes, 2)[:3] > 0)  # it adapts
    assert np.array_equal(spikes, wanted_spikes)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_hodgkin_huxley():
    """Rates as Traub & Miles write them, without the function that removes their gaps."""
    found, spikes = run("hodgkin_huxley", 500.0, -60.3)
    v, m, h, n, above, wanted, wanted_spikes = -60.3, 0.0, 1.0, 0.0, False, [], []
    for step in range(STEPS):
        u = v + 63
        alpha = [0.32 * (13 - u) / (np.exp((13 - u) / 4) - 1), 0.128 * np.exp((17 - u) / 18),
                 0.032 * (15 - u) / (np.exp((15 - u) / 5) - 1)]  # fmt: skip
        beta = [
            0.28 * (u - 40) / (np.exp((u - 40) / 5) - 1),
            4 / (1 + np.exp((40 - u) / 5)),
            0.5 * np.exp((10 - u) / 40),
        ]
        conductances = np.array([10e-9, 20e-6 * m**3 * h, 6e-6 * n**4])
        total, driven = conductances.sum(), conductances @ [-60, 50, -90] + 500e-9
        v = driven / total + (v - driven / total) * np.exp(-DT * total / 200e-12)
        gates = []
        for gate, a, b in zip((m, h, n), alpha, beta, strict=True):
            gates.append(a / (a + b) + (gate - a / (a + b)) * np.exp(-DT * 1e3 * (a + b)))
        m, h, n = gates
        if v > -20 and not above:
            wanted_spikes.append(step)
        above = v > -20
        wanted.append(v)
    assert len(wanted_spikes) > 5
    assert np.array_equal(spikes, wanted_spikes)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_nmda_is_blocked_at_rest():
    """Spikes of a regular neuron open receptors, whose current grows as the block goes."""
    populations = {
        "pre": Population("lif", 1, parameters={"bias": "-30*mV"}, initial={"v": "-60*mV"}),
        "post": Population("lif_nmda", 1, initial={"v": "-70*mV"}, parameters={"v_T": "100*mV"}),
    }
    opens = Projection("pre", "post", weights=np.array([[20.0]]) * nS, into="g_nmda", synapse="nmda")
    net = Network(dt=DT, populations=populations, projections=[opens], readouts={})
    record = Record(variables={"post.v": [0], "post.g_nmda": [0]})
    found = Simulation(net, target="numpy", record=record).run(steps=STEPS)
    arrived = np.zeros(STEPS)
    arrived[found.spike_step] = 1
    assert arrived.sum() > 3
    v, g, x, wanted = -70.0, 0.0, 0.0, []
    for step in range(STEPS):
        block = 1 / (1 + np.exp(-0.062 * v) / 3.57)
        v += DT * (25e-9 * (-70 - v) + block * g * 1e-9 * (0 - v)) / 500e-12
        g, x = np.exp(-DT / 0.1) * g + DT * x, np.exp(-DT / 2e-3) * x + 20 * arrived[step] / 2e-3
        wanted.append((v, g))
    v, g = np.transpose(wanted)
    np.testing.assert_allclose(found.recorded["post.g_nmda"].values[:, 0], g, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.recorded["post.v"].values[:, 0], v, rtol=0, atol=1e-9)
    assert -60 < v.max() < 0
