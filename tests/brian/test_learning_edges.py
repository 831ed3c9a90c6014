"""Rules at the edges of the language: at the start of a step, without a supervisor, without synapses."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import Learning, Network, Population, Projection, Readout, Simulation, SparseKernel

N, STEPS, DT, TAU = 5, 24, 1e-3, 10e-3
RNG = np.random.default_rng(4)
WEIGHTS, A0 = RNG.normal(size=(N, N)) / 2, RNG.normal(size=N)


def at_start(weights, **more) -> Network:
    """Rate units whose weights learn at the start of steps, from what they give for the rates that those begin with."""
    rule = Learning(alpha_P=0.5, update_every=2)
    learned = Projection("a", "a", weights=weights, learning=rule, error="z_now - 0.2*unit", when="start", **more)
    return Network({"a": Population("echo_state", N, initial={"a": A0})}, [learned], dt=DT)


@pytest.mark.parametrize("sparse", [False, True])
def test_what_weights_give_is_known_at_the_start_of_the_first_step(sparse):
    mask = RNG.random((N, N)) < 0.6 if sparse else np.ones((N, N), bool)
    pre, post = np.nonzero(mask)
    net = at_start(SparseKernel(N, pre, post, WEIGHTS[mask]) if sparse else WEIGHTS)
    found = Simulation(net, target="numpy").run(steps=STEPS)
    W, a = WEIGHTS.T * mask.T, A0.copy()
    P = [0.5 * np.eye(np.sum(row)) for row in mask.T]
    for step in range(STEPS):
        r = np.tanh(a)
        given = W @ r
        for row in range(N) if step % 2 == 0 else ():
            partners = mask[:, row]
            k = P[row] @ r[partners]
            c = 1 / (1 + r[partners] @ k)
            P[row] -= c * np.outer(k, k)
            W[row, partners] -= c * (given[row] - 0.2) * k
        a = a + DT / TAU * (given - a)
    assert found.state["neurons_a.a"] == pytest.approx(a, rel=1e-10)
    assert found.weights["a_to_a"] == pytest.approx(W.T[mask], rel=1e-10)


def test_a_run_that_learns_at_the_start_of_steps_goes_on_to_the_bit():
    simulation = Simulation(at_start(WEIGHTS), target="numpy")
    whole = simulation.run(steps=STEPS)
    for cut in (6, 7):
        found = simulation.run(steps=STEPS - cut, state=simulation.run(steps=cut).state)
        assert all(np.array_equal(found.state[name], values) for name, values in whole.state.items())


def test_weights_of_several_populations_learn_at_the_start_of_steps_wherever_a_run_is_cut():
    rule = Learning(alpha_P=0.3, update_every=2)
    given = {"synapse": "ampa", "learning": rule, "error": "z_now - unit", "when": "start"}
    learned = Projection(["a", "b"], "b", weights=np.full((N + 3, 3), 2.0), **given)
    bias = {"bias": "-20*mV"}
    cells = {"a": Population("lif", N, parameters=bias), "b": Population("lif", 3, parameters=bias)}
    simulation = Simulation(Network(cells, [learned], dt=DT), target="numpy")
    whole = simulation.run(steps=STEPS)
    assert len(whole.spike_step)
    for cut in (10, 13):
        found = simulation.run(steps=STEPS - cut, state=simulation.run(steps=cut).state)
        assert all(np.array_equal(found.state[name], values) for name, values in whole.state.items())


def test_a_rule_that_names_no_supervisor_needs_none():
    """Weights of a constant input of 1 become the ridge regression towards what they are to give."""
    rule = Projection("cue", "a", weights=np.array([[2.0, -1.0]]), learning=Learning(0.5), error="z - 0.3*unit")
    net = Network({"a": Population("echo_state", 2)}, [rule], dt=DT, external_inputs={"cue": 1})
    found = Simulation(net, target="numpy").run(x=np.ones(STEPS))
    wanted = (np.array([2.0, -1.0]) / 0.5 + 0.3 * STEPS) / (1 / 0.5 + STEPS)
    assert found.weights["cue_to_a"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("delay", [None, "3*ms"])
def test_weights_at_spikes_without_a_synapse_bring_nothing(delay):
    nothing = Projection("a", "a", weights=SparseKernel(N, [], [], []), synapse="ampa", at_spikes=True, delay=delay)
    readout = {"z": Readout("a", np.ones((N, 1)))}
    cells = {"a": Population("lif", N, parameters={"bias": "-30*mV"})}
    with_it, without = (
        Simulation(Network(cells, projections, readout, dt=DT), target="numpy").run(steps=60)
        for projections in ([nothing], [])
    )
    assert len(without.spike_step) and np.array_equal(with_it.spike_step, without.spike_step)
    assert np.array_equal(with_it.output, without.output)
    assert with_it.weights["a_to_a"].shape == (0,)
    assert with_it.network().projections[0].at_spikes


@pytest.mark.parametrize("supervisor", ["", "first"])
def test_what_is_fed_back_first_is_what_a_readout_gives_for_the_first_rates(supervisor):
    """Whoever's supervisor it learns: here nobody's, for it does not learn."""
    weights, feedback = RNG.normal(size=(N, 1)), RNG.normal(size=(1, N))
    readouts = {
        "first": Readout("a", np.zeros((N, 1))),
        "other": Readout("a", weights, feedback={"a": feedback}, supervisor=supervisor),
    }
    net = Network({"a": Population("echo_state", N, initial={"a": A0})}, [], readouts=readouts, dt=DT)
    found = Simulation(net, target="numpy").run(steps=3)
    a, z = A0.copy(), np.tanh(A0) @ weights
    for _ in range(3):
        a = a + DT / TAU * (z @ feedback - a)
        z = np.tanh(a) @ weights
    assert found.state["neurons_a.a"] == pytest.approx(a, rel=1e-12)
