"""Networks fitted to currents: the engine against a dense numpy program, and target against target."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_network import EXTRA, HALF, HELD, N, reference, samples, small_network
from targets import TARGETS, skip_unless_here

from tension_sim import Learning, Record, Simulation
from tension_sim.circuit.triangles import unpack

GROUPS = np.concatenate([np.zeros(HALF), np.ones(N - HALF), np.full(EXTRA, -1)])
SIGNS = np.where(np.append(np.arange(N) < HALF, np.ones(EXTRA, bool)), 1, -1)
ALPHA = np.append(np.full(N, 3.0), np.full(EXTRA, 0.5))
VARIANTS = {
    "plain": {},
    "penalties": {"alpha_P": ALPHA, "groups": GROUPS, "row_sum": [0.5, 0.8]},
    "signs": {"signs": SIGNS},
    "penalties, signs and relaxation": {
        "alpha_P": ALPHA, "groups": GROUPS, "row_sum": [0.5, 0.8], "signs": SIGNS,
        "learning": Learning(alpha_P=1.0, update_every=10, start=50, relaxation=0.02),
    },
    "undivided": {"learning": Learning(alpha_P=0.5, gain="undivided", update_every=10, start=50), "alpha_P": ALPHA},
}  # fmt: skip


def run(net, target="numpy", trial=0, **options):
    record = Record(every=1, variables={"I_plastic": range(N)})
    simulation = Simulation(net, target=target, record=record)
    return simulation.run(**samples(), every=HELD, trial=trial, **options)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_is_the_published_algorithm(variant):
    net = small_network(**VARIANTS[variant])
    found, wanted = run(net, trial=2), reference(net, samples(), trial=2)
    assert int(found.state["rls.n_updates"][0]) == 35
    assert len(wanted["spikes"]) > 50
    np.testing.assert_array_equal(np.column_stack([found.spike_step, found.spike_neuron]), wanted["spikes"])
    np.testing.assert_allclose(found.recorded["I_plastic"].values, wanted["I_plastic"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.weights["plastic"], wanted["weights"], rtol=0, atol=1e-9)
    assert not np.allclose(found.weights["plastic"], net.plastic.weight)


def test_P_is_that_of_each_neuron_alone():
    net = small_network(**VARIANTS["penalties"])
    # the state keeps waiting terms apart; without any left over, P is as it should be
    found, wanted = run(net), reference(net, samples())["P"]
    start, c = found.state["rls.P_packed"], found.state["rls.pending_c"]
    n, waiting = 9 + EXTRA, 1
    size = n * (n + 1) // 2
    for block, (neuron, P) in enumerate(wanted.items()):
        packed = start[block * size : (block + 1) * size]
        k = found.state["rls.pending_k"][block * n * waiting :][:n]
        count = found.state["rls.pending"][block]
        np.testing.assert_allclose(unpack(packed, n) - count * c[block] * np.outer(k, k), P, rtol=0, atol=1e-9)
        assert neuron == net.trained[block]


def test_the_error_may_leave_out_the_external_input():
    net = small_network(error="synaptic_input")
    wanted = reference(net, samples(), with_external=False)
    np.testing.assert_allclose(run(net).weights["plastic"], wanted["weights"], rtol=0, atol=1e-9)


def test_kept_signs_stay():
    weights = run(small_network(signs=SIGNS)).weights["plastic"]
    assert np.all(weights * SIGNS[small_network().plastic.pre] >= 0)
    free = run(small_network()).weights["plastic"]
    assert np.any(free * SIGNS[small_network().plastic.pre] < 0)


def test_a_row_sum_penalty_keeps_the_sum():
    """With a large penalty on excitatory weights their sum cannot change."""
    net = small_network(groups=np.where(GROUPS == 0, 0, -1), row_sum=[1e9])
    weights, kernel = run(net).weights["plastic"], net.plastic
    excitatory = kernel.pre < HALF

    def sums(values):
        return np.bincount(kernel.post[excitatory], values[excitatory], minlength=N)

    np.testing.assert_allclose(sums(weights), sums(kernel.weight), atol=1e-5)
    free = run(small_network()).weights["plastic"]
    assert np.abs(sums(free) - sums(kernel.weight)).max() > 0.01


def test_without_learning_nothing_changes():
    net = small_network()
    found = run(net, learning=False)
    np.testing.assert_allclose(found.weights["plastic"], net.plastic.weight, rtol=1e-15)
    assert int(found.state["rls.n_updates"][0]) == 0


def test_a_trial_has_its_own_start_and_poisson_spikes():
    net = small_network()
    first, same, other = run(net, trial=1), run(net, trial=1), run(net, trial=2)
    np.testing.assert_array_equal(first.spike_step, same.spike_step)
    assert len(first.spike_step) != len(other.spike_step) or np.any(first.spike_step != other.spike_step)
    assert not np.array_equal(net.draw_initial(1)["v"], net.draw_initial(2)["v"])


def test_a_run_in_two_parts_is_one_run():
    net, data = small_network(), samples()
    simulation = Simulation(net, target="numpy", record=Record(every=1))
    whole = simulation.run(**data, every=HELD, trial=1)
    part = {name: rows[:20] for name, rows in data.items()}, {name: rows[20:] for name, rows in data.items()}
    first = simulation.run(**part[0], every=HELD, trial=1)
    second = simulation.run(**part[1], every=HELD, trial=1, state=first.state)
    assert second.first_step == 200
    np.testing.assert_array_equal(second.weights["plastic"], whole.weights["plastic"])
    np.testing.assert_array_equal(np.append(first.spike_step, second.spike_step), whole.spike_step)


@pytest.mark.slow
@pytest.mark.parametrize("target", [*TARGETS[2:], "tensorflow"])  # for Cython see test_rls_rules.py
def test_targets_agree(target):
    skip_unless_here(target)
    net = small_network(**VARIANTS["penalties, signs and relaxation"])
    found, wanted = run(net, target, trial=1), run(net, trial=1)
    np.testing.assert_array_equal(found.spike_step, wanted.spike_step)
    np.testing.assert_array_equal(found.spike_neuron, wanted.spike_neuron)
    np.testing.assert_allclose(found.weights["plastic"], wanted.weights["plastic"], rtol=0, atol=1e-12)
    traces = [one.recorded["I_plastic"].values for one in (found, wanted)]
    np.testing.assert_allclose(*traces, rtol=0, atol=1e-12)
