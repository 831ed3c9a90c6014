"""Spiking full-FORCE against plain loops of the published algorithm."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import run_outcome
from tension_sim.run.simulation import Simulation
from tension_sim.tasks.trials import find

T = 60  # steps of a trial
SMALL = {"n": "14", "duration": "60*ms", "pulse": "6*ms", "trials": "3", "test_settle_trials": "1", "test_trials": "2"}
FACTORS = SMALL | {"components": "4", "settle_trials": "1", "component_trials": "2", "probability": "1", "every": "1"}
WEIGHTS = SMALL | {"settle_trials": "1", "probability": "1", "every": "1"}


def rate_network(recipe, trials):
    """Exact steps of the driven network: what each unit receives before and after its step, for every step."""
    drawn, x, decay = recipe.drawn, recipe.drawn["initial"].copy(), np.exp(-0.1)
    before, now = [], []
    for trial in trials:
        for y, u in zip(trial.target, trial.inputs, strict=True):
            received = np.tanh(x) @ drawn["recurrent"] + y @ drawn["target"]
            to = received + u @ drawn["input"]
            x = to + (x - to) * decay
            before.append(received)
            now.append(np.tanh(x) @ drawn["recurrent"] + y @ drawn["target"])
    return np.array(before), np.array(now)


def factors(recipe):
    """Learn and test as in the published program, but without feeding targets back before."""
    trials = list(recipe.trials())
    received, _ = rate_network(recipe, trials)
    used = received[T : 3 * T]
    U = np.linalg.eigh(used.T @ used)[1][:, :-5:-1]
    fed, f = received[3 * T :] @ U, np.concatenate([t.target for t in trials[3:]])[:, 0]
    u = np.concatenate([t.inputs for t in trials[3:]])
    rng, n = np.random.default_rng([recipe.seed, 3]), 14
    J = 6 * np.linalg.qr(2 * rng.random((n, n)) - 1)[0]
    sources = np.sort(rng.choice(n, 6, replace=False))
    D, w, P, learning = np.zeros((4, 12)), np.zeros(12), np.eye(12), 3 * T
    decay = np.exp(-1e-3 / np.repeat([0.1, 0.005], 6))
    z, spikes = [], []
    for k in range(6 * T):
        if k in (0, learning):
            v, J_z, inhibition, s = 1e-3 * start(recipe, k > 0), np.zeros(n), 0.0, np.zeros(12)
        to = J_z - J @ (U @ (used @ U).mean(axis=0)) + inhibition + J @ (u[k] @ recipe.drawn["input"])
        v = to + (v - to) * np.exp(-0.1)
        fired = v >= 1e-16
        v[fired] = -10
        inhibition = inhibition * np.exp(-0.2) - 0.3 / (5e-3 * n) * fired.sum()
        s = decay * s + np.tile(fired[sources], 2)
        z_pc, z_out = D @ s, w @ s
        J_z = J @ (U @ z_pc)
        if k < learning:
            q = P @ s
            gain = q / (1 + s @ q)
            P = P - np.outer(gain, q)
            D, w = D - np.outer(z_pc - fed[k], gain), w - (z_out - f[k]) * gain
        z.append(z_out)
        spikes.append(fired)
    return np.array(z), np.array(spikes), f, w, (U @ D).T


def start(recipe, test):
    """Return the draws of the initial voltages, of learning or of the test."""
    return np.random.default_rng([recipe.seed + test, 1]).standard_normal(14)


def weights(recipe):
    """Learn one current a neuron; LIF neurons and double exponential filters as in `ForceNetwork`."""
    trials, n, drawn = list(recipe.trials()), 14, recipe.drawn
    _, wanted = rate_network(recipe, trials)
    f, u = (np.concatenate([getattr(t, name) for t in trials]) for name in ("target", "inputs"))
    J, w, P, first, learning = np.zeros((n, n)), np.zeros(n), 0.01 * np.eye(n), T, 4 * T
    rise, decay = np.exp(-1e-3 / 2e-3), np.exp(-1e-3 / 50e-3)
    z, spikes = [], []
    for k in range(7 * T):
        if k in (0, learning):
            net, alone = recipe.weights_network()
            v = 1e3 * (net if k == 0 else alone(_Learned(J, w))).initial_values["v"]
            r, h, current, last = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, -1)
        v = v + 0.1 * (k - last > 2) * (current + 30 * (u[k] @ drawn["input"]) - 40 - v)
        r, h = r * rise + 1e-3 * h, h * decay
        fired = v >= -40
        v[fired], last[fired] = -65, k
        h += fired / (2e-3 * 50e-3)
        current, z_out = r @ J, w @ r
        if first <= k < learning:
            q = P @ r
            gain = q / (1 + r @ q)
            P = P - np.outer(gain, q)
            J, w = J - np.outer(gain, current - 30 * wanted[k]), w - (z_out - f[k, 0]) * gain
        z.append(z_out)
        spikes.append(fired)
    return np.array(z), np.array(spikes), f[:, 0], w, J


class _Learned:
    def __init__(self, J, w):
        self.weights = {"recurrent_kernel": J, "output_kernel": w[:, None]}


@pytest.mark.parametrize(
    ("name", "change", "loop"), [("lif_factors", FACTORS, factors), ("lif_weights", WEIGHTS, weights)]
)
def test_output_spikes_and_weights_are_those_of_the_plain_loop(name, change, loop):
    recipe = load_recipe(f"depasquale_2016/{name}", change)
    done = []
    outcome = run_outcome(recipe, target="numpy", progress=lambda steps, of: done.append((steps, of)))
    results, (z, spikes, f, w, J) = outcome.results, loop(recipe)
    step, neuron = np.nonzero(spikes)
    order = np.lexsort((results.spike_neuron, results.spike_step))
    assert len(step) > 20
    np.testing.assert_array_equal(results.spike_step[order], step)
    np.testing.assert_array_equal(results.spike_neuron[order], neuron)
    np.testing.assert_allclose(results.output[:, 0], z, atol=1e-9)
    np.testing.assert_allclose(results.target[:, 0], f, atol=1e-12)
    np.testing.assert_allclose(results.weights["output_kernel"][:, 0], w, atol=1e-9)
    if name == "lif_weights":
        np.testing.assert_allclose(results.weights["recurrent_kernel"], J, atol=1e-9)
        kernel = None
    else:
        kernel = results.weights["output_kernel"][:, 1:] @ results.weights["component_kernel"]
        basis = 6 * np.linalg.qr(2 * np.random.default_rng([recipe.seed, 3]).random((14, 14)) - 1)[0]
        np.testing.assert_allclose(kernel, J @ basis.T, atol=1e-9)
    trials = ((z - f) ** 2).reshape(-1, T).sum(axis=1) / (f**2).reshape(-1, T).sum(axis=1)
    first = 0 if name == "lif_factors" else 1
    np.testing.assert_allclose(results.learning_curve["normalised_error"], trials, rtol=1e-6)
    assert outcome.numbers["training_error"] == pytest.approx(np.median(trials[first : first + 3]), rel=1e-6)
    assert outcome.numbers["test_error"] == pytest.approx(np.median(trials[-2:]), rel=1e-6)
    assert outcome.numbers["rate"] == pytest.approx(spikes[-2 * T :].mean() * 1000)
    assert done[-1][0] == done[-1][1] == sum(recipe.counts) * T + (6 * T if recipe.factored else 0)


def test_the_recipes_are_the_networks_they_name():
    recipe = load_recipe("lif_factors")
    values = recipe.values["network"]
    assert (values["n"], values["sources"], values["traces"], values["g"]) == (500, 0.4, (0.1, 0.005), 1.4)
    assert recipe.drawn["recurrent"].std() == pytest.approx(1.4 / np.sqrt(500), rel=0.01)
    assert recipe.drawn["input"].min() >= 1 and recipe.drawn["input"].max() <= 3
    assert np.abs(recipe.drawn["target"]).max() == pytest.approx(1, abs=0.01)
    net, _ = load_recipe("lif_weights").weights_network()
    assert net.n == 300 and net.plastic.learning == net.learning  # so that they share P
    np.testing.assert_allclose(net.input_kernel, 30 * net.target_network.input_kernel)


def test_sines():
    trial = find("sines").function(1e-3, None, cycles=(1, 2, 3, 5), duration=1.0, pulse=0.05, height=0.5)
    t = np.arange(1000) / 1000
    f = sum(np.sin(2 * np.pi * k * t) for k in (1, 2, 3, 5))
    np.testing.assert_allclose(trial.target[:, 0], f / f.max(), atol=1e-14)
    assert trial.inputs[:, 0].tolist() == [0.5] * 50 + [0.0] * 950


def test_another_neuron_leaves_its_parameters_behind():
    recipe = load_recipe("lif_weights", {"neuron": "lif_exact", "synapse": "single_exponential", "v_peak": "1"})
    assert recipe.values["parameters"] == {"tau_decay": "50*ms", "v_peak": "1"}


@pytest.mark.parametrize(
    ("name", "change", "error", "text"),
    [
        ("lif_factors", {"learned": "both"}, InvalidValueError, "learned: expected one of 'weights', 'factors'"),
        ("lif_factors", {"components": "501"}, InvalidValueError, r"network\.components: expected at most n \(500\)"),
        ("lif_factors", {"traces": "0*ms"}, InvalidValueError, r"network\.traces: expected time constants above 0"),
        ("lif_factors", {"traces": "5"}, UnitsError, r"network\.traces(\[0\])?: expected a quantity in second"),
        ("lif_factors", {"sources": "0"}, InvalidValueError, r"setting network\.sources: expected"),
        ("lif_factors", {"cycles": "0"}, InvalidValueError, r"task\.cycles: expected sines that do not cancel"),
        ("lif_weights", {"task.name": "ready_set_go"}, InvalidValueError, r"task\.name: expected a task without hints"),
        ("lif_weights", {"components": "3"}, UnknownNameError, "lif_weights: settings: expected a known setting"),
        ("lif_weights", {"component_trials": "3"}, UnknownNameError, "lif_weights: settings: expected a known setting"),
        ("lif_weights", {"bias": True}, InvalidTypeError, r"parameters\.bias: expected a number, or an expression"),
        ("lif_weights", {"bias": "3*pA"}, UnitsError, r"parameters\.bias: expected a quantity in volt"),
        ("lif_weights", {"test_trials": "0"}, InvalidValueError, r"run\.test_trials: expected at least 1 trial after"),
    ],
)
def test_settings_that_cannot_work(name, change, error, text):
    with pytest.raises(error, match=text):
        load_recipe(name, change)


def test_an_interrupted_run_keeps_what_was_learned(monkeypatch):
    full = Simulation.run

    def interrupted(self, y=None, x=None, **given):
        results = full(self, None if y is None else y[:80], x[:80], **given)
        results.provenance["interrupted"] = True
        return results

    monkeypatch.setattr(Simulation, "run", interrupted)
    outcome = run_outcome(load_recipe("lif_weights", WEIGHTS), target="numpy")
    assert outcome.results.n_steps == 80
    assert set(outcome.numbers) == set()
    # without its targets, the other form has nothing to learn
    with pytest.raises(KeyboardInterrupt):
        run_outcome(load_recipe("lif_factors", FACTORS), target="numpy")


@pytest.mark.parametrize(
    ("name", "change", "steps"), [("lif_factors", FACTORS, 6 * T), ("lif_weights", WEIGHTS, 7 * T)]
)
def test_forecasts_grow_with_the_network(name, change, steps):
    small, large = (load_recipe(name, change | {"n": n}) for n in ("14", "140"))
    small, large = (recipe.protocol.forecast(recipe, "cpp_standalone") for recipe in (small, large))
    assert small.steps == large.steps == steps
    assert 0 < small.memory < large.memory
    assert 0 < small.seconds < large.seconds


def test_rate_units_that_only_hear_the_target():
    change = FACTORS | {"g": "0", "components": "1", "task.name": "chirp", "half": "30*ms"}
    change = {key: value for key, value in change.items() if key != "duration"}
    outcome = run_outcome(load_recipe("lif_factors", change), target="numpy")
    # their currents are proportional to it
    assert outcome.numbers["explained_variance"] == pytest.approx(1)


def test_without_a_test():
    change = WEIGHTS | {"test_settle_trials": "0", "test_trials": "0"}
    outcome = run_outcome(load_recipe("lif_weights", change), target="numpy")
    assert set(outcome.numbers) == {"training_error"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "trials"), [("lif_factors", {"test_trials": "10"}), ("lif_weights", {"trials": "50", "test_trials": "10"})]
)
def test_sines_are_kept_at_published_size(name, trials):
    """In fewer trials, as the errors of all are alike: `pytest -m published` has the others."""
    assert run_outcome(load_recipe(name, trials)).numbers["test_error"] <= 0.01
