"""Rates that Poisson units cannot have are refused, in memory and in a file, before anything is built."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import InvalidValueError, Network, Population, Simulation
from tension_sim.declare.sample_file import SampleFile

UNITS = Simulation(Network({"units": Population("poisson", 3)}, dt="1*ms"), target="numpy")


@pytest.mark.parametrize(("rate", "place"), [(-1.0, (0, 2)), (1000.1, (5, 0)), (5000.0, (399, 1))])
@pytest.mark.parametrize("in_file", [False, True])
def test_rates_below_0_or_above_one_spike_a_step(tmp_path, monkeypatch, rate, place, in_file):
    rates = np.full((400, 3), 50.0)
    rates[place] = rate
    monkeypatch.setattr(SampleFile, "window", 7)
    given = rates
    if in_file:
        given = tmp_path / "rates.npy"
        np.save(given, rates)
    with pytest.raises(InvalidValueError) as caught:
        UNITS.run(rates=given)
    assert str(caught.value) == (
        "Simulation.run.rates: expected rates from 0 to 1000 Hz, a spike in each time step.\n"
        f"Received: {rate}\nFix: correct the value at index {place}."
    )


def test_the_ends_are_silence_and_a_spike_in_each_step():
    rates = np.broadcast_to([0.0, 1000.0, 1 / 1e-3], (20, 3))
    run = UNITS.run(rates=rates)
    assert np.bincount(run.spike_neuron, minlength=3).tolist() == [0, 20, 20]
