"""CORNN: the simulated network, its recipes small, each method, and the published correlations."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.errors import InvalidValueError
from tension_sim.protocols.curbd import model
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import forecast, run_outcome
from tension_sim.regression.dynamics import Dynamics
from tension_sim.regression.one_step import OneStep
from tension_sim.regression.weights import Fitting, fit_weights
from tension_sim.tasks.rate_network import rate_network

SMALL = {"units": "12", "samples": "400", "input_noise": "0.3", "units_g": "1.5"}


def recipe(**changes):
    return load_recipe("dinc_2023/low_noise", SMALL | changes)


class TestRateNetwork:
    def test_without_noise_it_is_its_equation(self):
        rates, J = rate_network(np.random.default_rng(1), 7, 30, input_noise=0, rate_noise=0, g=2, step=0.2)
        wanted = 0.8 * rates[:-1] + 0.2 * np.tanh(rates[:-1] @ J)
        np.testing.assert_allclose(rates[1:], wanted, rtol=0, atol=1e-15)
        assert np.abs(rates[0]).max() <= 1 and not np.diag(J).any()

    def test_noise_enters_where_it_says(self):
        """Deviation of what is left: of rate_noise itself, and of input_noise through the slope of tanh."""
        for noise, through_slope in (({"input_noise": 0.0, "rate_noise": 0.02}, False), ({"input_noise": 0.02}, True)):
            rates, J = rate_network(np.random.default_rng(2), 10, 4000, **({"rate_noise": 0.0} | noise))
            inputs = rates[:-1] @ J
            left = (rates[1:] - 0.9 * rates[:-1]) / 0.1 - np.tanh(inputs)
            slope = 1 - np.tanh(inputs) ** 2 if through_slope else np.ones_like(inputs)
            near = slope > 0.3
            assert np.std(left[near] / slope[near]) == pytest.approx(0.02, rel=0.03)

    def test_trials_are_of_one_network(self):
        rates, J = rate_network(np.random.default_rng(3), 5, 20, trials=3, input_noise=0, rate_noise=0)
        one = rates[20:40]
        np.testing.assert_allclose(one[1:], 0.9 * one[:-1] + 0.1 * np.tanh(one[:-1] @ J), rtol=0, atol=1e-15)
        assert rates.shape == (60, 5) and not np.allclose(rates[0], rates[20])

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"n": 0}, "rate_network.n: expected a whole number, at least 1"),
            ({"step": 1.5}, "rate_network.step: expected a number in (0, 1]"),
            ({"g": -1}, "rate_network.g: expected a finite number above 0"),
        ],
    )
    def test_bad_sizes(self, changes, text):
        with pytest.raises(InvalidValueError) as caught:
            rate_network(np.random.default_rng(0), **({"n": 3, "samples": 5} | changes))
        assert text in str(caught.value)


@pytest.mark.parametrize("method", ["convex", "teacher_forced", "closed_loop"])
def test_recipe(method):
    one = recipe(method=method)
    outcome = run_outcome(one, target="numpy")
    learned = {"p_var", "p_var_first"} if method == "closed_loop" else set()
    fitted = {"seconds", "iterations"} if method != "closed_loop" else set()
    assert set(outcome.numbers) == {"p_var_free", "correlation"} | ({"chi2"} | learned if learned else fitted)
    assert forecast(one, "numpy").steps == (2 if learned else 1) * 400
    _, J = rate_network(np.random.default_rng(1), 12, 400, g=1.5, input_noise=0.3, rate_noise=1e-4)
    off = ~np.eye(12, dtype=bool)
    r = np.corrcoef(outcome.results.weights["recurrent_kernel"][off], J[off])[0, 1]
    assert outcome.numbers["correlation"] == pytest.approx(r, rel=1e-12)
    assert method != "convex" or r > 0.7
    assert outcome.results.output.shape == (400, 12)


def test_the_figure_shows_fitted_beside_true_weights():
    outcome = run_outcome(recipe(), target="numpy")
    (fit,) = [axes for axes in outcome.figure().axes if axes.get_title() == "fit"]
    _, J = rate_network(np.random.default_rng(1), 12, 400, g=1.5, input_noise=0.3, rate_noise=1e-4)
    true, fitted = fit.lines[1].get_data()
    off = ~np.eye(12, dtype=bool)
    np.testing.assert_allclose(true, J[off])
    np.testing.assert_array_equal(fitted, outcome.results.weights["recurrent_kernel"][off])
    assert (fit.get_xlabel(), fit.get_ylabel()) == ("true weight", "fitted weight")


def test_settings_reach_the_fit():
    from tension_sim.protocols import curbd

    given = {"ridge": 10.0, "saturation": 0.5, "part": 0.5, "tolerance": 0.3, "iterations": 2}
    one = recipe(**{key: str(value) for key, value in given.items()})
    assert curbd._options(one) == given | {"method": "convex"}
    assert curbd._options(recipe(method="teacher_forced", part="0.5")) == {"method": "teacher_forced", "part": 0.5}
    assert run_outcome(one, target="numpy").numbers["iterations"] <= 2


def test_the_recording_is_followed_as_it_is():
    found = model(recipe(), "numpy")
    rates, _ = rate_network(np.random.default_rng(1), 12, 400, g=1.5, input_noise=0.3, rate_noise=1e-4)
    np.testing.assert_allclose(found.data, rates.clip(-1, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"method": "newton"}, "fit.method: expected one of 'closed_loop', 'teacher_forced', 'convex'"),
        ({"dynamics": "both"}, "network.dynamics: expected one of 'current', 'rate'"),
        ({"kind": "file"}, "recording.kind: expected one of 'three_regions', 'rate_network'"),
        ({"dt_data": "20*ms"}, "recording.dt_data: expected at most network.tau = 0.01 s.\nReceived: 0.02"),
        ({"saturation": "0"}, "fit.saturation: expected a finite number above 0"),
        ({"units": "1"}, "recording.units: expected a whole number of units, at least 2"),
    ],
)
def test_bad_settings(changes, text):
    with pytest.raises(InvalidValueError) as caught:
        recipe(**changes)
    assert text in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "samples", "noise", "seeds", "published"),
    [
        (200, 3000, {"input_noise": 0.01, "rate_noise": 1e-4}, (0, 1, 2), 0.9876),
        (200, 3000, {"input_noise": 0.1, "rate_noise": 1e-5}, (0, 1, 2), 0.975),
        (500, 10_000, {"input_noise": 0.1, "rate_noise": 1e-5}, (0,), 0.9898),
    ],
    ids=["1a", "1b", "1c"],
)
def test_published_cases(n, samples, noise, seeds, published):
    """The median over networks; one network alone may be hard (few of its units move)."""
    dynamics, everything, off = Dynamics.of("rate", 0.1, 1), np.ones((n, n), bool), ~np.eye(n, dtype=bool)
    found = []
    for seed in seeds:
        rates, J = rate_network(np.random.default_rng(seed), n, samples, **noise)
        fit = fit_weights(OneStep.of(rates, dynamics), np.zeros((n, n)), everything, Fitting("convex"))
        found.append(np.corrcoef(fit.weights[off], J[off])[0, 1])
    assert np.median(found) >= published
