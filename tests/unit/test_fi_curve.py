"""The f-I relation against integrals done another way, and against simulated neurons."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, erfcx

from tension_sim import firing_rate, mean_input
from tension_sim.errors import InvalidTypeError, InvalidValueError


@pytest.mark.parametrize("sigma", [0.31, 0.5, 1.0])
@pytest.mark.parametrize("mean", [-0.5, 0.5, 0.9, 1.0, 1.2])
def test_the_rate_is_that_of_the_textbook_integral(sigma, mean):
    """Siegert's form, sqrt(pi) exp(u^2)(1 + erf(u)), by adaptive quadrature."""
    low, high = (0 - mean) / sigma, (1 - mean) / sigma
    time = 0.02 * np.sqrt(np.pi) * quad(lambda u: np.exp(u**2) * (1 + erf(u)), low, high)[0]
    assert firing_rate(mean, sigma, tau=0.02) == pytest.approx(1 / time, rel=1e-6)


def test_without_noise_to_speak_of_it_is_the_deterministic_rate():
    assert firing_rate(1.5, 0.02) == pytest.approx(1 / (0.01 * np.log(1.5 / 0.5)), rel=1e-3)


def test_simulated_neurons_fire_at_that_rate():
    """Euler steps miss crossings between them, hence the corrected threshold (Siegmund's 0.5826)."""
    rng, n, dt, tau, mean, sigma = np.random.default_rng(1), 4000, 5e-5, 0.01, 0.7, 0.4
    v, spikes = rng.random(n), 0
    threshold = 1 - 0.5826 * sigma * np.sqrt(dt / tau)
    for step in range(6000):
        v += (mean - v) * dt / tau + sigma * np.sqrt(dt / tau) * rng.standard_normal(n)
        fired = v > threshold
        v[fired] = 0
        spikes += fired.sum() if step >= 1000 else 0
    assert spikes / n / (5000 * dt) == pytest.approx(float(firing_rate(mean, sigma)), rel=0.03)


def adaptive_rate(mean, sigma):
    """Return the rate by adaptive quadrature between decades of the integration variable."""
    low, high = -mean / sigma, (1 - mean) / sigma
    ends = np.unique(np.clip([low, *-np.logspace(5, 0, 6), 0, 1, 3, high], low, high))
    parts = [quad(lambda u: erfcx(-u), a, b, limit=500, epsabs=0, epsrel=1e-12)[0] for a, b in pairwise(ends)]
    return 1 / (0.01 * np.sqrt(np.pi) * sum(parts))


@pytest.mark.parametrize("sigma", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("mean", [0.5, 0.9, 1.2, 2.0])
def test_the_rate_with_little_noise(sigma, mean):
    near = 1 + sigma * (mean - 1)  # within a few sigma of the threshold, where noise still decides
    assert firing_rate(near, sigma) == pytest.approx(adaptive_rate(near, sigma), rel=1e-9)
    assert firing_rate(mean, sigma) == pytest.approx(0 if mean < 1 else adaptive_rate(mean, sigma), rel=1e-9)


@pytest.mark.parametrize(("sigma", "rate"), [(0.02, 2000.0), (0.005, 400.0), (1e-3, 50.0), (1e-5, 10.0)])
def test_the_mean_input_with_little_noise(sigma, rate):
    rates = np.array([0.1, 1.0, rate])
    np.testing.assert_allclose(firing_rate(mean_input(rates, sigma), sigma), rates, rtol=1e-5)
    assert mean_input(1.0, 1.0, threshold=0.99e6) == pytest.approx(0.99e6, rel=1e-4)


@pytest.mark.parametrize("sigma", [0.05, 0.31, 2.0])
def test_the_mean_input_brings_back_the_rate(sigma):
    rates = np.array([[0.01, 0.1, 1.0], [12.3, 80.0, 400.0]])
    found = mean_input(rates, sigma, tau=0.015, threshold=2.0, reset=0.5)
    np.testing.assert_allclose(firing_rate(found, sigma, tau=0.015, threshold=2.0, reset=0.5), rates, rtol=1e-6)


def test_a_refractory_time_is_added_to_each_interval():
    mean = np.array([0.3, 0.9, 4.0])
    found = firing_rate(mean, 0.4, tau_ref=3e-3)
    assert found == pytest.approx([1 / (3e-3 + 1 / adaptive_rate(one, 0.4)) for one in mean], rel=1e-9)
    np.testing.assert_allclose(mean_input(found, 0.4, tau_ref=3e-3), mean, rtol=1e-6)
    with pytest.raises(
        InvalidValueError, match=r"mean_input.rate: expected rates below 1/tau_ref = 500 Hz.\nReceived: 500"
    ):
        mean_input([3.0, 500.0], 0.4, tau_ref=2e-3)
    for function in (firing_rate, mean_input):
        with pytest.raises(InvalidValueError, match=rf"{function.__name__}.tau_ref: expected a time of at least 0 s"):
            function(1.0, 0.4, tau_ref=-1e-3)


def test_it_rises_and_a_rate_of_zero_counts_as_a_low_one():
    found = mean_input([0, 0.1, 0.2, 5, 60], 0.31)
    assert found[0] == found[1]
    assert np.all(np.diff(found[1:]) > 0)
    assert mean_input(0, 0.31, at_zero=5.0) == found[3]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([-1.0], 0.3), InvalidValueError, r"mean_input.rate: expected rates of at least 0 Hz.\nReceived: -1.0"),
        (([np.nan], 0.3), InvalidValueError, r"mean_input.rate: expected finite values.\nReceived: '1 that are NaN"),
        (
            ([1.0, np.nan, 2.0, np.inf, 3.0], 0.3),
            InvalidValueError,
            r"rate: expected finite values.\nReceived: '2 that are",
        ),
        (("fast", 0.3), InvalidTypeError, "mean_input.rate: expected numbers.\nReceived: 'fast'"),
        (([1.0], 0.0), InvalidValueError, "mean_input.sigma: expected a finite number above 0.\nReceived: 0.0"),
    ],
)
def test_bad_input_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        mean_input(*arguments)


def test_the_threshold_lies_above_the_reset():
    with pytest.raises(InvalidValueError, match="firing_rate.threshold: expected a value above reset = 1.0"):
        firing_rate(0.5, 0.3, threshold=0.0, reset=1.0)
