"""full-FORCE against the loop of the published program, and its tasks against their description."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.errors import InvalidValueError, UnknownNameError
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import run_outcome
from tension_sim.tasks.trials import find

CHIRP = {"n": "10", "half": "20*ms", "pulse": "5*ms", "low": "20*Hz", "high": "60*Hz", "probability": "1", "seed": "2"}
CHIRP |= {"settle_trials": "1", "trials": "2", "test_trials": "2", "restart_settle_trials": "1", "restart_trials": "1"}
GO = {
    "n": "8",
    "shortest": "10*ms",
    "longest": "20*ms",
    "pulse": "4*ms",
    "response": "15*ms",
    "pause": "4*ms",
    "seed": "2",
}
GO |= {"mean_pause": "5*ms", "settle_trials": "1", "trials": "3", "test_trials": "1"}


def published(recipe):
    """Both networks step by step; matrices are of shape (post, pre)."""
    net, alone = recipe.networks()
    driven = net.target_network
    start, stop, tested, _, end = recipe.borders()
    trials = list(recipe.trials())
    f, u, h = (np.concatenate([getattr(trial, name) for trial in trials]) for name in ("target", "inputs", "hints"))
    n_inputs = u.shape[1]
    J, W, P = np.zeros((net.n, net.n)), np.zeros((1, net.n)), np.eye(net.n)
    x, x_d = net.initial_values["a"].copy(), np.asarray(driven.initial["a"]).copy()
    J_d, a = driven.recurrent_kernel.T, 0.1
    taught = f @ driven.target_kernel
    if h.shape[1]:
        taught = taught + h @ driven.hint_kernel[n_inputs:]
    out = np.empty(end)
    for k in range(end):
        if k == tested:
            x = alone(_Learned(J, W)).initial_values["a"].copy()
        if k < stop:
            x_d = x_d + a * (-x_d + J_d @ np.tanh(x_d) + u[k] @ driven.input_kernel[:n_inputs] + taught[k])
        x = x + a * (-x + J @ np.tanh(x) + u[k] @ net.input_kernel[:n_inputs])
        r = np.tanh(x)
        out[k] = (W @ r)[0]
        if start <= k < stop:
            e, e_J = W @ r - f[k], J @ r - J_d @ np.tanh(x_d) - taught[k]
            q = P @ r
            c = 1 / (1 + r @ q)
            P = P - c * np.outer(q, q)
            W, J = W - c * np.outer(e, q), J - c * np.outer(e_J, q)
    return out, f[:, 0], W, J


class _Learned:
    def __init__(self, J, W):
        self.weights = {"recurrent_kernel": J.T, "output_kernel": W.T}


@pytest.mark.parametrize(("name", "change"), [("oscillation", CHIRP), ("ready_set_go", GO)])
def test_learning_and_test_are_those_of_the_published_loop(name, change):
    recipe = load_recipe(name, change)
    outcome = run_outcome(recipe, target="numpy")
    out, f, W, J = published(recipe)
    results = outcome.results
    np.testing.assert_allclose(results.output[:, 0], out, atol=1e-9)
    np.testing.assert_array_equal(results.target[:, 0], f)
    np.testing.assert_allclose(results.weights["output_kernel"].T, W, atol=1e-10)
    np.testing.assert_allclose(results.weights["recurrent_kernel"].T, J, atol=1e-10)
    start, stop, tested, restarted, end = recipe.borders()
    spans = {
        "training_error": slice(start, stop),
        "test_error": slice(stop, tested),
        "restart_error": slice(restarted, end),
    }
    wanted = {key: ((out - f)[rows] ** 2).sum() / (f[rows] ** 2).sum() for key, rows in spans.items() if len(f[rows])}
    assert outcome.numbers == pytest.approx(wanted)
    assert (results.first_step, results.n_steps, results.phases[-1].stop) == (0, end, end)
    assert len(results.learning_curve["normalised_error"]) == len(list(recipe.trials()))


def test_chirp_is_the_published_one():
    """1 to 3 Hz in a second, then the negative of it backwards, and a pulse of input at its start."""
    trial = find("chirp").function(1e-3, None)
    t = np.linspace(0, 1, 1001)
    up = np.sin(t * np.linspace(2 * np.pi, 6 * np.pi, 1001))
    np.testing.assert_allclose(trial.target[:1000, 0], up[:1000], atol=1e-12)
    np.testing.assert_allclose(trial.target[1000:, 0], -up[::-1], atol=1e-12)
    assert trial.inputs[:, 0].tolist() == [1.0] * 50 + [0.0] * 1951
    assert trial.hints.shape == (2001, 0)


def test_ready_set_go_answers_after_the_delay_between_its_pulses():
    rng = np.random.default_rng(5)
    delays = []
    for _ in range(200):
        trial = find("ready_set_go").function(1e-3, rng)
        first, second = (np.flatnonzero(trial.inputs[:, k]) for k in (0, 1))
        answer = np.flatnonzero(trial.target[:, 0] > -0.5)
        assert len(first) == len(second) == 50
        delay = second[0] - first[-1] - 1
        # the bump is 0 at its first sample
        assert answer[0] - 1 - second[-1] - 1 == delay
        assert trial.target.max() == pytest.approx(1.0, abs=1e-4)
        hint = trial.hints[:, 0]
        assert hint.max() == pytest.approx(delay * 1e-3)
        assert np.flatnonzero(hint)[0] == first[-1] + 2
        assert first[-1] < np.argmax(hint) <= second[-1] < np.flatnonzero(hint)[-1] < answer[-1]
        assert first[0] == len(trial) - 1 - (answer[-1] + 1)
        delays.append(delay)
    assert min(delays) >= 100 and max(delays) <= 2100
    assert np.mean(delays) == pytest.approx(1100, rel=0.1)


def test_recipes_hold_the_published_parameters():
    recipe = load_recipe("oscillation")
    net, _ = recipe.networks()
    assert (net.n, net.dt, net.learning.probability, net.learning.alpha_P) == (300, 1e-3, 0.5, 1)
    assert net.learning == net.plastic.learning  # so that readout and recurrence share P
    assert recipe.borders() == (3 * 2001, 103 * 2001, 113 * 2001, 118 * 2001, 128 * 2001)
    assert net.target_network.recurrent_kernel.std() == pytest.approx(1.5 / np.sqrt(300), rel=0.01)
    assert not np.array_equal(net.input_kernel, net.target_network.input_kernel)
    recipe = load_recipe("ready_set_go")
    net, _ = recipe.networks()
    assert (net.n, net.n_inputs, net.learning.probability) == (1000, 3, 1)
    np.testing.assert_array_equal(net.input_kernel, net.target_network.input_kernel)
    assert not net.input_kernel[2].any() and not net.target_network.hint_kernel[:2].any()
    run = recipe.values["run"]
    assert (run["settle_trials"], run["trials"], run["test_trials"]) == (10, 1000, 500)


def test_the_script_without_hints():
    net, _ = load_recipe("ready_set_go", {"n": "10", "hints": "false"}).networks()
    assert net.target_network.hint_kernel is None and net.n_inputs == 2


@pytest.mark.parametrize(
    ("name", "change", "error", "text"),
    [
        (
            "oscillation",
            {"trials": "0"},
            InvalidValueError,
            r"run\.trials: expected a whole number of trials, at least 1",
        ),
        ("oscillation", {"half": "0*ms"}, InvalidValueError, r"task\.half: expected at least one time step"),
        ("oscillation", {"task.name": "chrip"}, UnknownNameError, "did you mean 'chirp'"),
        ("oscillation", {"hints": "true"}, UnknownNameError, "oscillation: settings: expected a known setting"),
        (
            "oscillation",
            {"restart_trials": "0"},
            InvalidValueError,
            r"run\.restart_trials: expected at least 1 trial after restart_settle_trials(.|\n)*set both to 0",
        ),
        ("ready_set_go", {"shortest": "3*second"}, InvalidValueError, r"task\.shortest: expected a delay no longer"),
    ],
)
def test_settings_that_cannot_work(name, change, error, text):
    with pytest.raises(error, match=text):
        load_recipe(name, change)


def test_an_interrupted_run_keeps_what_was_learned(monkeypatch):
    from tension_sim.run.simulation import Simulation

    full = Simulation.run

    def interrupted(self, y, x, **given):
        results = full(self, y[:70], x[:70], **given)
        results.provenance["interrupted"] = True
        return results

    monkeypatch.setattr(Simulation, "run", interrupted)
    outcome = run_outcome(load_recipe("oscillation", CHIRP), target="numpy")
    assert outcome.results.n_steps == 70
    assert "test_error" not in outcome.numbers


@pytest.mark.slow
def test_the_oscillation_is_kept_at_published_size():
    """After 30 of the 100 trials of learning; the restart is part of `pytest -m published`."""
    fewer = {"trials": "30", "test_trials": "5", "restart_trials": "0", "restart_settle_trials": "0"}
    assert run_outcome(load_recipe("oscillation", fewer)).numbers["test_error"] <= 1e-3
