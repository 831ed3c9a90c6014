"""Conditions that learn in turn: what is shared, what is their own, what ends a training."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_network import EVERY, HELD, N, samples, small_network

from tension_sim import Condition, Learning, Plastic, Record, Simulation, SparseKernel, Trials
from tension_sim.declare.network import ForceNetwork
from tension_sim.errors import DivergenceError, InvalidTypeError, InvalidValueError, UnknownNameError
from tension_sim.run.trials import TESTS, correlation, window_means

QUIET = Record(every=EVERY, spikes_of=0)


def conditions():
    data = samples()
    return [Condition("right", **data), Condition("left", **data | {"y": data["y"][::-1]})]


def trials(separate=True, **changes):
    net = small_network(**changes)
    own = net.plastic.pre >= N if separate else None
    return Trials(Simulation(net, target="numpy", record=QUIET), conditions(), every=HELD, separate=own)


def test_training_is_the_runs_one_after_the_other():
    found = trials(separate=False)
    seen = []
    found.train(2, after=lambda loop, name, results: seen.append((loop, name, results.state["plastic.w"])))
    assert [item[:2] for item in seen] == [(1, "right"), (1, "left"), (2, "right"), (2, "left")]
    simulation, state = Simulation(small_network(), target="numpy", record=QUIET), {}
    for trial, condition in enumerate(conditions() * 2, start=1):
        results = simulation.run(condition.y, condition.x, rates=condition.rates, every=HELD, trial=trial, state=state)
        state = {name: v for name, v in results.state.items() if name.startswith("rls.") or name == "plastic.w"}
        np.testing.assert_array_equal(seen[trial - 1][2], results.state["plastic.w"])
    assert int(found.state["rls.n_updates"][0]) == 4 * 35
    assert (found.loops, found.interrupted) == (2, False)


def test_timings_are_those_of_all_trials_and_tests():
    found, seen = trials(separate=False), []
    found.train(2, after=lambda loop, name, results: seen.append(results.timings))
    seen.append(found.test("right").timings)
    assert len(seen) == 5
    assert found.timings == pytest.approx({name: sum(one[name] for one in seen) for name in ("build", "run")})


def test_each_condition_has_its_own_feedforward_weights():
    found = trials()
    own = found.simulation.net.plastic.pre >= N
    weights = []
    found.train(1, after=lambda loop, name, results: weights.append(results.weights["plastic"]))
    right, left = found.weights("right"), found.weights("left")
    np.testing.assert_array_equal(right[own], weights[0][own])
    np.testing.assert_array_equal(left[own], weights[1][own])
    assert not np.allclose(right[own], left[own])
    # what they share is that of the last trial
    np.testing.assert_array_equal(right[~own], left[~own])
    np.testing.assert_array_equal(left[~own], weights[1][~own])


def test_a_condition_that_has_not_learned_begins_with_the_declared_weights():
    found, net = trials(), small_network()
    np.testing.assert_array_equal(found.weights("left"), net.plastic.weight)
    started = []
    found.simulation.run = watched(found.simulation.run, started)
    found.train(1)
    own = net.plastic.pre >= N
    weights = started[1]["plastic.w"][net.plastic.slots()]
    np.testing.assert_array_equal(weights[own], net.plastic.weight[own])
    assert not np.allclose(weights[~own], net.plastic.weight[~own])


def watched(run, states):
    def watching(*arguments, **options):
        states.append(options["state"])
        return run(*arguments, **options)

    return watching


def test_a_test_learns_nothing_and_has_its_own_numbers():
    found = trials()
    found.train(1)
    before = {name: np.array(values) for name, values in found.state.items()}
    one, same, other = found.test("left", 3), found.test("left", 3), found.test("left", 4)
    np.testing.assert_array_equal(one.state["neurons.v"], same.state["neurons.v"])
    assert not np.array_equal(one.state["neurons.v"], other.state["neurons.v"])
    np.testing.assert_array_equal(one.weights["plastic"], found.weights("left"))
    for name, values in before.items():
        np.testing.assert_array_equal(found.state[name], values)
    assert TESTS > 10**6


def test_a_test_has_none_of_the_numbers_of_training():
    found, trained, tested = trials(), set(), set()
    run = found.simulation.run

    def watching(*arguments, **options):
        (trained if options.get("learning", True) else tested).add(options["trial"])
        return run(*arguments, **options)

    found.simulation.run = watching
    found.train(3)
    for number in range(1, 7):
        found.test("left", number)
    assert (len(trained), len(tested)) == (6, 6) and not trained & tested


def test_each_trial_starts_from_its_own_voltages():
    """Drawn for each trial, not one set for all: two of them have nothing in common."""
    net = small_network(initial={"v": "rand()"})
    first, same, second = (net.draw_initial(trial)["v"] for trial in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.intersect1d(first, second).size
    np.testing.assert_array_equal(net.initial_values["v"], first)


def test_ctrl_c_between_trials_keeps_what_was_reached():
    found = trials()

    def stop(loop, name, results):
        if name == "left":
            raise KeyboardInterrupt

    found.train(3, after=stop)
    assert found.interrupted
    assert found.loops == 0
    assert int(found.state["rls.n_updates"][0]) == 2 * 35
    found.train(1)
    assert (found.interrupted, found.loops) == (False, 1)


def test_an_interrupted_run_ends_the_training():
    found = trials()
    run = found.simulation.run

    def interrupted(*arguments, **options):
        results = run(*arguments, **options | {"steps": 200})
        results.provenance["interrupted"] = True
        return results

    found.simulation.run = interrupted
    found.train(2)
    assert found.interrupted
    assert int(found.state["rls.n_updates"][0]) == 15


def test_after_a_divergence_the_last_good_state_is_there():
    found = trials(learning=Learning(alpha_P=1e300, gain="undivided", update_every=EVERY, start=50))
    with pytest.raises(DivergenceError, match="learning diverged at time step"):
        found.train(1)
    assert np.all(np.isfinite(found.state["plastic.w"]))


def test_continued_trials_go_on_from_where_the_last_ended():
    rng = np.random.default_rng(2)
    kernel = SparseKernel.random(12, 0.5, 0.4, rng)
    net = ForceNetwork(
        "theta_phase", "single_exponential", 12, 1e-3, None, None, None, rng.uniform(-2, 2, (1, 12)),
        plastic=Plastic(kernel, Learning(alpha_P=2.0, update_every=5), error="input"),
    )  # fmt: skip
    y, x = rng.standard_normal((30, 12)), np.ones((30, 1))
    simulation = Simulation(net, target="numpy")
    found = Trials(simulation, [Condition("one", y, x)], start="continued")
    found.train(2)
    whole = simulation.run(np.vstack([y, y]), np.vstack([x, x]))
    np.testing.assert_allclose(found.state["plastic.w"], whole.state["plastic.w"], rtol=1e-12)
    np.testing.assert_allclose(found.state["neurons.v"], whole.state["neurons.v"], rtol=1e-12)
    assert found.state["step"] == 0
    with pytest.raises(InvalidTypeError, match="Trials.weights: expected a FittedNetwork"):
        found.weights("one")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((None,), {}, InvalidTypeError, "Trials.simulation: expected a Simulation.\nReceived: None"),
        ((..., []), {}, InvalidTypeError, "Trials.conditions: expected one Condition or more"),
        ((..., [Condition("a"), Condition("a")]), {}, InvalidValueError, "names that differ.\nReceived: ..a., .a.."),
        (
            (..., [Condition("a")]),
            {"start": "anew"},
            InvalidValueError,
            "Trials.start: expected one of 'fresh', 'contin",
        ),
        (
            (..., [Condition("a")]),
            {"separate": [True]},
            InvalidValueError,
            r"Trials.separate: expected .*shape \(180,\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, options, error, text):
    simulation = Simulation(small_network(), target="numpy", record=QUIET)
    arguments = [simulation if item is ... else item for item in arguments]
    with pytest.raises(error, match=text):
        Trials(*arguments, *[conditions()][len(arguments) - 1 :], **options)


def test_wrong_names_are_refused():
    found = trials()
    with pytest.raises(
        UnknownNameError, match="Trials.test.condition: expected a known condition .left, right.*\nReceived: .rigth"
    ):
        found.test("rigth")
    with pytest.raises(
        InvalidValueError, match="Trials.train.loops: expected a whole number, at least 1.\nReceived: 0"
    ):
        found.train(0)


def test_windows_are_means_of_the_rows_in_them():
    values = np.random.default_rng(0).standard_normal((50, 3))
    found = window_means(values, 10, [100, 205, 490], 60, (100, 480))
    # the first and the last are cut
    for mean, (low, high) in zip(found, [(10, 16), (15, 27), (43, 48)], strict=True):
        np.testing.assert_allclose(mean, values[low:high].mean(axis=0))
    with pytest.raises(InvalidValueError, match="window_means.centers: expected windows with at least one row each"):
        window_means(values, 10, [700], 20, (0, 1000))


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 20, 4))
    x[:, 3] = 1.0
    wanted = [np.corrcoef(x[:, k], y[:, k])[0, 1] for k in range(3)]
    found = correlation(x, y)
    np.testing.assert_allclose(found[:3], wanted)
    assert np.isnan(found[3])
    with pytest.raises(InvalidValueError, match=r"correlation.y: expected the shape of x, \(20, 4\)"):
        correlation(x, y[:, :2])
