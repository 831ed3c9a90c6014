"""Rates that a run is given beside a task: as those beside samples."""

from __future__ import annotations

import brian2
import numpy as np
import pytest

from tension_sim import Network, Population, Projection, Readout, Simulation
from tension_sim.errors import InvalidValueError
from tension_sim.tasks import Task

STEPS, CUT = 60, 25
RATES = 900 * np.random.default_rng(3).random((STEPS, 3))
Y = np.zeros((STEPS, 1))
TASKS = [Task("whole", STEPS, Y), Task("periodic", STEPS, Y[:20], period=20)]


@pytest.fixture(scope="module")
def simulation():
    cells = {"noise": Population("poisson", 3), "cells": Population("lif", 2)}
    driven = Projection("noise", "cells", weights=np.ones((3, 2)))
    net = Network(cells, [driven], {"z": Readout("cells", np.ones((2, 1)))}, dt=1e-3)
    return Simulation(net, target="numpy")


def spikes(found):
    return list(zip(found.spike_step.tolist(), found.spike_neuron.tolist(), strict=True))


@pytest.mark.parametrize("task", TASKS)
def test_row_0_is_that_of_the_first_step_wherever_a_run_is_cut(simulation, task):
    wanted = spikes(simulation.run(Y, rates=RATES))
    assert wanted and spikes(simulation.run(task, rates=RATES)) == wanted
    first = simulation.run(task, rates=RATES, steps=CUT)
    later = simulation.run(task, rates=RATES[CUT:], state=first.state)
    assert spikes(first) + spikes(later) == wanted


@pytest.mark.parametrize("task", TASKS)
def test_rows_are_held_as_those_beside_samples_are(simulation, task):
    held = RATES[::20]
    wanted = spikes(simulation.run(Y, rates=np.repeat(held, 20, axis=0)))
    assert wanted and spikes(simulation.run(task, rates=held, every={"rates": 20})) == wanted


@pytest.mark.parametrize("kind", [list, lambda rates: rates * brian2.Hz, "file"])
def test_rates_are_whatever_they_are_beside_samples(simulation, tmp_path, kind):
    path = tmp_path / "rates.npy"
    np.save(path, RATES)
    given = path if kind == "file" else kind(RATES)
    assert spikes(simulation.run(TASKS[0], rates=given)) == spikes(simulation.run(Y, rates=RATES))


@pytest.mark.parametrize(
    ("rows", "cut", "text"),
    [
        (10, 0, "expected a row for each of the 60 steps of this run.\nReceived: '10 rows'"),
        (STEPS, CUT, "expected a row for each of the 35 steps of this run.\nReceived: '60 rows'"),
    ],
)
def test_rows_that_are_not_those_of_the_steps_are_refused(simulation, rows, cut, text):
    with pytest.raises(InvalidValueError) as caught:
        simulation.run(TASKS[0], rates=RATES[:rows], state={"step": cut})
    assert str(caught.value) == f"Simulation.run.rates: {text}\nFix: row 0 is that of its first step."
