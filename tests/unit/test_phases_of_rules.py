"""Phases of a network in which several rules learn at different times: in the test nothing learns any more."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import Learning, Network, Population, Projection, Readout, Simulation
from tension_sim.results.phases import Phase

STEPS, N = 60, 4
EARLY, LATE = Learning(0.5, start=5, stop=20), Learning(0.5, start=10, stop=40)


def network(**learnings: Learning) -> Network:
    """Rate units with a readout for each rule, in their order."""
    weights = np.arange(1.0, N + 1)[:, None] / N
    readouts = {name: Readout("units", weights, learning=learning) for name, learning in learnings.items()}
    driven = Projection("cue", "units", weights=np.ones((1, N)), into="I_in")
    units = {"units": Population("echo_state", N, initial={"a": np.linspace(0.2, 1, N)})}
    return Network(units, [driven], readouts, dt=1e-3, external_inputs={"cue": 1})


def run(net: Network, steps: int = STEPS, **options: bool) -> object:
    y = np.ones((steps, len(net.readouts)))
    return Simulation(net, target="numpy").run(y, np.ones(steps), **options)


@pytest.mark.parametrize("order", [("early", "late"), ("late", "early")])
def test_learning_lasts_as_long_as_whatever_learns(order):
    given = {"early": EARLY, "late": LATE}
    net = network(**{name: given[name] for name in order})
    found = run(net)
    assert found.phases == (Phase("before", 0, 5), Phase("learning", 5, 40), Phase("test", 40, STEPS))
    after = {stop: run(net, stop).weights for stop in (5, 6, 39, 40)}
    changed = {
        (one, other): any(np.any(after[one][name] != after[other][name]) for name in given)
        for one, other in ((5, 6), (39, 40))
    }
    assert changed == {(5, 6): True, (39, 40): True}
    assert all(np.array_equal(after[40][name], found.weights[name]) for name in given)


@pytest.mark.parametrize("order", [("off", "late"), ("late", "off")])
def test_a_rule_that_is_switched_off_has_no_phase(order):
    given = {"off": Learning(0.5, stop=0), "late": LATE}
    found = run(network(**{name: given[name] for name in order}))
    assert found.phases == (Phase("before", 0, 10), Phase("learning", 10, 40), Phase("test", 40, STEPS))


def test_where_something_learns_to_the_end_there_is_no_test():
    found = run(network(early=EARLY, always=Learning(0.5, start=15)))
    assert found.phases == (Phase("before", 0, 5), Phase("learning", 5, STEPS))


@pytest.mark.parametrize("options", [{"learning": False}, {}])
def test_a_run_in_which_nothing_learns_is_a_test(options):
    net = network(early=EARLY, late=LATE) if options else network(off=Learning(0.5, start=3, stop=3))
    assert run(net, **options).phases == (Phase("test", 0, STEPS),)
