"""Synapses whose presynaptic state is not linear in itself: beside plain loops, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from targets import skip_unless_here

from tension_sim import InvalidValueError, Network, Population, Projection, Record, Simulation, load_synapse
from tension_sim.system.data_folder import data_folder

DT, STEPS, N = 1e-4, 900, 15
RNG = np.random.default_rng(2)
V, BIAS, WEIGHTS = RNG.uniform(-70e-3, -50e-3, N), RNG.uniform(560e-12, 700e-12, N), RNG.uniform(0.5, 3, (N, N))


def net(delay: int, neuron: str = "lif_nmda", into: str = "g_nmda") -> Network:
    cells = Population(neuron, N, parameters={"bias": BIAS}, initial={"v": V})
    steps = delay * DT if delay else None
    synapses = Projection("cells", "cells", into=into, synapse="nmda_saturating", weights=WEIGHTS, delay=steps)
    return Network({"cells": cells}, [synapses], dt=DT)


def loop(delay: int) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Return all spikes, and the first voltage at the end of each step: Euler's method for all."""
    v, s, x, rest = V.copy(), np.zeros(N), np.zeros(N), np.full(N, -100)
    before, spikes, traces = [np.zeros(N)] * (delay + 1), [], []
    for step in range(STEPS):
        before.append(s)
        g = before[-1 - delay] @ WEIGHTS * 1e-9
        current = 25e-9 * (-70e-3 - v) + g / (1 + np.exp(-0.062 * v / 1e-3) / 3.57) * (0 - v) + BIAS
        free = step - rest >= 20
        v = np.where(free, v + DT * current / 500e-12, v)
        s, x = s + DT * (-s / 100e-3 + 500 * x * (1 - s)), x * (1 - DT / 2e-3)
        fired = (v > -50e-3) & free
        v[fired], x[fired], rest[fired] = -55e-3, x[fired] + 1, step
        spikes += [(step, int(i)) for i in np.flatnonzero(fired)]
        traces.append(v[0])
    assert s.max() > 0.6  # else nothing saturates
    return spikes, np.array(traces)


@pytest.mark.parametrize(
    ("target", "delay"),
    [("numpy", 0), ("numpy", 1), ("numpy", 13), pytest.param("cpp_standalone", 13, marks=pytest.mark.slow),
     pytest.param("tensorflow", 0, marks=pytest.mark.slow)],
)  # fmt: skip
def test_gates_that_saturate(target, delay):
    skip_unless_here(target)
    found = Simulation(net(delay), target=target, record=Record(variables={"cells.v": (0,)})).run(steps=STEPS)
    spikes, v = loop(delay)
    assert len(spikes) > 5 * N
    assert list(zip(found.spike_step.tolist(), found.spike_neuron.tolist(), strict=True)) == spikes
    assert found.recorded["cells.v"].values[:, 0] * 1e-3 == pytest.approx(v, abs=1e-12)


def test_beside_neurons_with_another_method():
    """The gate follows Euler's rule where the neuron's method is another."""
    found = Simulation(net(0, "lif_conductance", "g_exc"), target="numpy").run(steps=STEPS)
    s, x = np.zeros(N), np.zeros(N)
    for step in range(STEPS):
        s, x = s + DT * (-s / 100e-3 + 500 * x * (1 - s)), x * (1 - DT / 2e-3)
        x[found.spike_neuron[found.spike_step == step]] += 1
    assert len(found.spike_step) > 10 * N
    assert found.state["neurons_cells.r"] == pytest.approx(s, rel=1e-12)


def test_exact_decay_needs_linear_equations(tmp_path):
    text = (data_folder("equations") / "nmda_saturating.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace('integration = "euler"\n', ""))
    with pytest.raises(InvalidValueError) as caught:
        load_synapse(tmp_path / "mine.toml")
    assert str(caught.value) == (
        "mine.toml: equations: s: expected a formula that is linear in s, x.\n"
        "Received: '-s/tau_decay + alpha*x*(1 - s)'\nFix: write integration = \"euler\"."
    )
