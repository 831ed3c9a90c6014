"""Innate training (Laje & Buonomano 2013) against a plain loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tension_sim import Simulation
from tension_sim.circuit.declared import noise_seed
from tension_sim.declare.noise import normal
from tension_sim.errors import InvalidValueError, UnknownNameError
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import run_outcome
from tension_sim.recipes.verdict import remarks
from tension_sim.tasks.trials import find

NAME = "laje_buonomano_2013/timing"
SMALL = {
    "n": "20", "p": "0.3", "offset": "5*ms", "pulse": "4*ms", "delay": "40*ms", "after": "10*ms",
    "width": "5*ms", "perturbation.start": "10*ms", "trials": "3", "readout_trials": "2", "test_trials": "2",
    "noise": "0.3", "seed": "4",
}  # fmt: skip


class Loop:
    """Units, P of each trained unit over its partners, and a readout; weights of shape (post, pre)."""

    def __init__(self, weights, inputs, trained, noise, seed):
        self.W, self.W_in, self.noise, self.seed = weights, inputs, noise, seed
        self.partners = [np.flatnonzero(row) for row in weights[:trained]]
        self.P = [np.eye(len(partners)) for partners in self.partners]
        self.readout, self.P_out = None, np.eye(len(weights))

    def trial(self, a, x, number, noise=None, innate=None, target=None, window=(0, 0), at=0):
        """Return rates and outputs of a trial, which learns from rates or from a target."""
        r, n = np.tanh(a), len(a)
        rates, outputs = [], []
        for step in range(len(x)):
            white = normal(noise_seed(self.seed, number), at + step, np.arange(n))
            a = a + (-a + self.W_in @ x[step] + self.W @ r + (self.noise if noise is None else noise) * white) / 10
            r = np.tanh(a)
            rates.append(r)
            learns = step % 2 == 0 and window[0] <= step < window[1]
            if self.readout is not None:
                outputs.append(self.readout @ r)
            if learns and innate is not None:
                for i, (partners, P) in enumerate(zip(self.partners, self.P, strict=True)):
                    k = P @ r[partners]
                    c = 1 / (1 + r[partners] @ k)
                    P -= c * np.outer(k, k)
                    self.W[i, partners] -= c * (r[i] - innate[step, i]) * k
            if learns and target is not None:
                k = self.P_out @ r
                c = 1 / (1 + r @ k)
                self.P_out -= c * np.outer(k, k)
                self.readout -= c * np.outer(outputs[-1] - target[step], k)
        return np.array(rates), np.array(outputs)


def test_every_trial_is_that_of_a_plain_loop():
    recipe = load_recipe(NAME, SMALL)
    outcome = run_outcome(recipe, target="numpy")
    net, kernel, readout = recipe.network()
    (trial,), window, trained = recipe.conditions, (9, 59), 12
    loop = Loop(kernel.to_dense().T.copy(), net.input_kernel.T, trained, 0.3, 4)

    def start(number):
        return np.random.default_rng([4, 3, number]).uniform(-1, 1, 20)

    innate, _ = loop.trial(start(0), trial.inputs, 0, noise=0.0)
    losses = []
    for number in (1, 2, 3):
        rates, _ = loop.trial(start(number), trial.inputs, number, innate=innate, window=window)
        losses.append(((rates - innate)[9:, :trained] ** 2).mean())
    np.testing.assert_allclose(outcome.results.learning_curve["loss"], losses, rtol=1e-9)
    loop.readout = readout.T.copy()
    for number in (4, 5):
        _, output = loop.trial(start(number), trial.inputs, number, target=trial.target, window=window)
    numbers = outcome.numbers
    assert numbers["readout_error"] == pytest.approx(((output - trial.target)[9:] ** 2).mean(), rel=1e-8)
    perturbed = trial.inputs.copy()
    perturbed[19:29, 1] = 0.5
    tests = [(6, trial.inputs), (7, trial.inputs), (6, perturbed), (7, perturbed)]
    found = [loop.trial(start(number), x, number, at=59 * k) for k, (number, x) in enumerate(tests)]
    results = outcome.results
    np.testing.assert_allclose(results.output, np.concatenate([z for _, z in found]), atol=1e-10)
    np.testing.assert_allclose(results.recorded["r"].values, np.concatenate([r[:, :10] for r, _ in found]), atol=1e-10)
    np.testing.assert_allclose(results.weights["output_kernel"], loop.readout.T, atol=1e-10)
    assert numbers["recall_loss"] == pytest.approx(
        np.mean([((r - innate)[9:, :trained] ** 2).mean() for r, _ in found[:2]])
    )
    y = trial.target[9:, 0]
    r = [np.corrcoef(z[9:, 0], y)[0, 1] for _, z in found]
    assert numbers["test_correlation"] == pytest.approx(np.mean(r[:2]))
    assert numbers["perturbed_correlation"] == pytest.approx(np.mean(r[2:]))
    assert numbers["test_error"] == pytest.approx(np.mean([((z - trial.target)[9:] ** 2).mean() for _, z in found[:2]]))
    assert [(each.name, each.start, each.stop) for each in results.phases] == [
        ("test", 0, 118),
        ("perturbed test", 118, 236),
    ]
    assert len(outcome.figure().axes) == 4


def test_conditions_take_turns_in_every_part():
    settings = {key: value for key, value in SMALL.items() if key in ("n", "p", "offset", "pulse", "seed", "noise")}
    settings |= {"durations": "30*ms, 25*ms", "perturbation.start": "5*ms", "trials": "2", "readout_trials": "2"}
    recipe = load_recipe("laje_buonomano_2013/curves", settings | {"test_trials": "2"})
    outcome = run_outcome(recipe, target="numpy")
    net, kernel, readout = recipe.network()
    conditions, window, trained = recipe.conditions, (9, 99), 12
    assert [len(each) for each in conditions] == [39, 34]
    loop = Loop(kernel.to_dense().T.copy(), net.input_kernel.T, trained, 0.3, 4)

    def start(number):
        return np.random.default_rng([4, 3, number]).uniform(-1, 1, 20)

    innate = [loop.trial(start(k), conditions[k].inputs, k, noise=0.0)[0] for k in (0, 1)]
    losses = []
    for number in (2, 3, 4, 5):
        rates, _ = loop.trial(start(number), conditions[number % 2].inputs, number, innate=innate[number % 2],
                              window=window)  # fmt: skip
        losses.append(((rates - innate[number % 2])[9:, :trained] ** 2).mean())
    np.testing.assert_allclose(
        outcome.results.learning_curve["loss"], np.reshape(losses, (2, 2)).mean(axis=1), rtol=1e-9
    )
    loop.readout, errors = readout.T.copy(), []
    for number in (6, 7, 8, 9):
        trial = conditions[number % 2]
        _, z = loop.trial(start(number), trial.inputs, number, target=trial.target, window=window)
        errors.append(((z - trial.target)[9:] ** 2).mean())
    assert outcome.numbers["first_readout_error"] == pytest.approx(np.mean(errors[:2]), rel=1e-8)
    assert outcome.numbers["readout_error"] == pytest.approx(np.mean(errors[2:]), rel=1e-8)
    assert outcome.numbers["lowest_readout_error"] == pytest.approx(np.reshape(errors, (2, 2)).mean(axis=1).min())
    found, at = [], 0
    for kind in ("test", "perturbed"):
        for number in (10, 11, 12, 13):
            x = conditions[number % 2].inputs.copy()
            if kind == "perturbed":
                x[14:24, 2 + number % 2] = 0.2
            found.append(loop.trial(start(number), x, number, at=at)[1])
            at += len(x)
    np.testing.assert_allclose(outcome.results.output, np.concatenate(found), atol=1e-10)
    assert outcome.results.phases[1].start == 2 * (39 + 34)
    assert len(outcome.figure().axes) == 4


def test_the_curves_are_closed():
    first, second = (find("closed_curves").function(1e-3, None, condition=k) for k in (0, 1))
    assert (len(first), len(second)) == (250 + 1322, 250 + 1234)
    assert (
        np.flatnonzero(second.inputs[:, 1]).tolist() == list(range(200, 250)) and not second.inputs[:, [0, 2, 3]].any()
    )
    for trial in (first, second):
        curve = trial.target[250:]
        assert np.abs(curve[0] - [0, -0.7]).max() < 1e-12 and np.abs(curve[-1] - curve[0]).max() < 0.02
        assert np.abs(curve).max() < 1.4


def test_the_recipe_is_the_published_network():
    recipe = load_recipe(NAME)
    net, kernel, readout = recipe.network()
    assert (net.n, net.dt, recipe.steps_of_each, recipe.start_of_learning) == (800, 1e-3, 2400, 250)
    assert len(kernel) == 64_000 and np.all(kernel.pre != kernel.post)
    assert np.all(np.bincount(kernel.post) == 80)
    assert kernel.weight.std() == pytest.approx(1.8 / np.sqrt(80), rel=0.02)
    assert len(net.plastic.kernel) == 480 * 80 and np.all(net.plastic.kernel.post < 480)
    assert len(net.plastic.kernel) + len(net.recurrent) == len(kernel)
    assert readout.std() == pytest.approx(1 / np.sqrt(800), rel=0.1)
    assert net.input_kernel.std() == pytest.approx(1, rel=0.1)
    learning = net.plastic.learning
    assert (learning.alpha_P, learning.update_every, learning.start, learning.stop) == (1, 2, 250, None)
    assert (recipe.conditions[0].inputs[:, 0] == 5).nonzero()[0].tolist() == list(range(200, 250))
    assert np.flatnonzero(recipe.perturbing(0)[:, 1]).tolist() == list(range(550, 560))
    assert remarks(recipe) == []  # it learns before what is stored begins
    starts = [recipe.start(k)["neurons.a"] for k in (1, 2)]
    assert all(-1 <= a.min() and a.max() < 1 and a.std() > 0.5 for a in starts) and np.any(starts[0] != starts[1])


def test_the_peak_comes_after_its_delay():
    trial = find("timed_peak").function(1e-3, None, offset=0.1, pulse=0.02, delay=0.5, after=0.5, width=0.05)
    assert trial.inputs.shape == (1120, 2) and not trial.inputs[:, 1].any()
    assert trial.target.argmax() == 620 and trial.target.max() == pytest.approx(1)
    assert trial.target[[0, -1], 0] == pytest.approx(0.2)
    assert trial.target[670, 0] == pytest.approx(0.2 + 0.8 * np.exp(-0.5))
    assert len(find("timed_peak").function(1e-3, None, offset=0.0)) == 2200


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"p": "0.98", "n": "20"}, InvalidValueError, "network.p: expected fewer than the 20 units"),
        ({"task.name": "chirp"}, InvalidValueError, "task.name: expected a task with two inputs for each condition"),
        ({"task.name": "timed_pek"}, UnknownNameError, "did you mean 'timed_peak'?"),
        ({"delay": "-1*ms"}, InvalidValueError, "task.delay: expected a time of at least 0"),
        ({"width": "0*ms"}, InvalidValueError, "task.width: expected a time above 0"),
        ({"offset": "-1*ms"}, InvalidValueError, "task.offset: expected a time of at least 0"),
        (
            {"perturbation.start": "2.145*second"},
            InvalidValueError,
            "perturbation.start: expected a perturbation that ends within the trial of 2.4 s",
        ),
        ({"trained": "1.5"}, InvalidValueError, "network.trained: expected"),
        ({"noise": "-1"}, InvalidValueError, "network.noise: expected"),
        ({"test_trials": "0"}, InvalidValueError, "run.test_trials: expected"),
        ({"run.conditions": "2"}, InvalidValueError, "run.conditions: expected 1: the task 'timed_peak' has one"),
        ({"trials": "1000000000"}, InvalidValueError, "run.trials: expected at most"),
    ],
)
def test_mistakes(settings, kind, text):
    with pytest.raises(kind) as caught:
        load_recipe(NAME, settings)
    assert text in " ".join(str(caught.value).split())


def test_there_is_a_curve_for_each_condition():
    text = "task.condition: expected a number from 0 to 1, one of task.durations"
    with pytest.raises(InvalidValueError, match=text):
        load_recipe("laje_buonomano_2013/curves", {"run.conditions": "3"})


def test_without_a_perturbation_and_rates():
    settings = {"amplitude": "0", "rates_of": "0", "trained": "1", "test_trials": "1", "trials": "1"}
    settings["perturbation.amplitude"] = settings.pop("amplitude")
    outcome = run_outcome(load_recipe(NAME, SMALL | settings), target="numpy")
    assert [each.name for each in outcome.results.phases] == ["test"]
    assert "perturbed_correlation" not in outcome.numbers and outcome.numbers["readout_error"] > 0


@pytest.mark.parametrize("number", [0, 6, 9])  # the innate trial, the first test, the last perturbed one
def test_an_interrupt_of_any_trial_counts(monkeypatch, number):
    run, runs = Simulation.run, []

    def interrupted(self, *rows, steps, **given):
        runs.append(steps)
        stop = len(runs) == number + 1
        results = run(self, *(None if row is None else row[:20] if stop else row for row in rows),
                      steps=20 if stop else steps, **given)  # fmt: skip
        return replace(results, provenance=results.provenance | {"interrupted": stop})

    monkeypatch.setattr(Simulation, "run", interrupted)
    results = run_outcome(load_recipe(NAME, SMALL), target="numpy").results
    assert results.interrupted and len(runs) == number + 1
    whole = max(number - 6, 0)  # tests; each has the 64 steps of a trial
    assert results.n_steps == (20 + runs[0] * whole if number > 5 else 20)
    if number > 5:
        assert sum(phase.stop - phase.start for phase in results.phases) == results.n_steps
