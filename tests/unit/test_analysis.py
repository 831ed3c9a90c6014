"""Metrics against closed forms and brute force."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from synthetic import synthetic_results

from tension_sim.errors import InvalidValueError
from tension_sim.results.measures import (
    best_lag,
    correlation,
    jsonable,
    known_correlations,
    lag_aligned_rmse,
    mean_correlation,
    mean_rate,
    peak_frequency,
    rmse,
    summary,
)
from tension_sim.results.results import Phase


def brute_force_lag(output, target, most):
    """The smallest error, and the shortest lag of the minima close to it, by the definition."""
    errors = {}
    for lag in range(-most, most + 1):
        pairs = [(t, t - lag) for t in range(len(output)) if 0 <= t - lag < len(target)]
        errors[lag] = float(np.mean([(output[a] - target[b]) ** 2 for a, b in pairs]))
    smallest = min(errors.values())
    inf = float("inf")
    minima = [lag for lag, e in errors.items() if e <= errors.get(lag - 1, inf) and e <= errors.get(lag + 1, inf)]
    close = [lag for lag in minima if errors[lag] <= 1.1 * smallest]
    return smallest**0.5, min(close, key=abs)


def test_rmse_of_sine_against_zero_is_its_power():
    t = np.arange(1000) / 1000
    assert rmse(np.sin(2 * np.pi * 5 * t), np.zeros(1000)) == pytest.approx(np.sqrt(0.5), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(8, 40), n_outputs=st.integers(1, 3))
def test_lag_matches_brute_force(seed, n, n_outputs):
    rng = np.random.default_rng(seed)
    output, target = rng.normal(size=(2, n, n_outputs))
    error, lag = brute_force_lag(output, target, n // 2)
    assert lag_aligned_rmse(output, target, 0.5, 0.5 * (n // 2)) == pytest.approx(error, rel=1e-10)
    assert abs(best_lag(output, target, 0.5, 0.5 * (n // 2))) == pytest.approx(0.5 * abs(lag))


@pytest.mark.parametrize("late", [-0.037, 0.0, 0.052])
def test_shifted_signal_is_found(late):
    t = np.arange(0, 5, 1e-3)
    signal = lambda t: np.stack([np.sin(2 * np.pi * 5 * t), np.cos(2 * np.pi * 3 * t)], axis=1)  # noqa: E731
    assert best_lag(signal(t - late), signal(t), 1e-3, 0.09) == pytest.approx(late, abs=1e-12)
    assert lag_aligned_rmse(signal(t - late), signal(t), 1e-3, 0.09) < 1e-12


def test_outputs_with_different_delays_share_one_lag():
    t = np.arange(0, 4, 1e-3)
    target = np.stack([np.sin(2 * np.pi * t), np.sin(2 * np.pi * t)], axis=1)
    output = np.stack([np.sin(2 * np.pi * (t - 0.1)), np.sin(2 * np.pi * (t + 0.1))], axis=1)
    # each alone is perfect, together the best is no shift: error of a tenth of a period
    assert lag_aligned_rmse(output[:, 0], target[:, 0], 1e-3, 0.2) < 1e-12
    assert lag_aligned_rmse(output, target, 1e-3, 0.2) == pytest.approx(np.sqrt(2) * np.sin(0.1 * np.pi), rel=0.02)


def test_a_lag_longer_than_half_of_the_data_is_refused():
    with pytest.raises(InvalidValueError, match=r"lag_aligned_rmse.max_lag: expected 0 to half .* 0.5 s"):
        lag_aligned_rmse(np.zeros(100), np.zeros(100), 0.01, 0.51)
    with pytest.raises(InvalidValueError, match=r"best_lag.max_lag: expected[\s\S]*Received: -1"):
        best_lag(np.zeros(100), np.zeros(100), 0.01, -1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e160])
def test_what_diverged_has_no_best_lag(value):
    output = np.ones(100)
    output[90:] = value  # finite perhaps, but its square is not
    assert np.isnan(best_lag(output, np.ones(100), 0.01, 0.2))
    assert np.isnan(lag_aligned_rmse(output, np.ones(100), 0.01, 0.2))


@pytest.mark.parametrize("where", ["rmse", "lag_aligned_rmse", "best_lag"])
def test_shapes_that_differ_are_refused(where):
    function = {"rmse": rmse, "lag_aligned_rmse": lag_aligned_rmse, "best_lag": best_lag}[where]
    more = () if where == "rmse" else (0.01, 0.1)
    with pytest.raises(InvalidValueError, match=rf"^{where}.target: expected the output's shape \(5, 1\)"):
        function(np.zeros(5), np.zeros(6), *more)


@settings(max_examples=60, deadline=None)
@given(
    frequency=st.floats(1.0, 40.0),
    shift=st.floats(0, 6.28),
    offset=st.floats(-3, 3),
    seed=st.integers(0, 9999),
)
def test_peak_frequency_of_a_noisy_sine(frequency, shift, offset, seed):
    t = np.arange(0, 5, 1e-3)
    noise = np.random.default_rng(seed).normal(scale=0.2, size=len(t))
    found = peak_frequency(offset + np.sin(2 * np.pi * frequency * t + shift) + noise, 1e-3)
    assert found == pytest.approx(frequency, rel=4e-3)


def test_peak_frequency_of_five_hertz_is_far_better_than_two_percent():
    for dt in (5e-5, 1e-3, 4e-3):
        t = np.arange(0, 5, dt)
        for frequency in (4.93, 5.0, 5.04):
            assert peak_frequency(np.sin(2 * np.pi * frequency * t), dt) == pytest.approx(frequency, rel=2e-4)


def test_peak_frequency_of_a_sawtooth_is_its_fundamental():
    t = np.arange(0, 5, 1e-3)
    assert peak_frequency(np.arcsin(np.sin(2 * np.pi * 5 * t)), 1e-3) == pytest.approx(5, rel=1e-3)


def test_peak_frequency_per_output_and_where_there_is_none():
    t = np.arange(0, 5, 1e-3)
    found = peak_frequency(np.stack([np.sin(2 * np.pi * 3 * t), np.full(5000, 0.1), t * np.nan], axis=1), 1e-3)
    assert found[0] == pytest.approx(3, rel=1e-3)
    assert np.isnan(found[1:]).all()
    with pytest.raises(InvalidValueError, match="peak_frequency.output: expected at least 4 values"):
        peak_frequency(np.zeros(3), 1e-3)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 40))
def test_peak_frequency_lies_between_0_and_the_highest_that_steps_show(seed, n):
    """Also of what drifts, whose power lies at 0 Hz, and of what alternates."""
    drift = np.cumsum(np.random.default_rng(seed).normal(size=n))
    for output in (drift, drift * (-1.0) ** np.arange(n)):
        assert 0 < peak_frequency(output, 1e-3) < 500


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), decades=st.integers(-250, 250))
def test_correlation_is_that_of_scipy_at_any_scale(seed, n, decades):
    x, y = np.random.default_rng(seed).normal(size=(2, n, 3))
    y[:, 1] = 3 * x[:, 1] + 2
    found = correlation(x * 10.0**decades, y)
    assert found == pytest.approx([pearsonr(*pair).statistic for pair in zip(x.T, y.T, strict=True)], abs=1e-9)
    assert np.abs(found).max() <= 1  # the histogram of a page ends there


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 1 / 3, 65.1, -0.0651])
def test_what_does_not_vary_has_no_correlation(value):
    """The mean of equal numbers may differ from them in the last bit."""
    for n in (1, 3, 7, 10, 100, 1000):
        still, other = np.full((n, 1), value), np.arange(n, dtype=float)[:, None]
        for pair in ((still, other), (other, still), (still, still)):
            assert np.isnan(correlation(*pair)).all()


def test_correlations_leave_out_rows_that_are_not_known():
    z, y = np.random.default_rng(5).normal(size=(2, 30, 2))
    wanted = [pearsonr(z[10:, 0], y[10:, 0]).statistic, pearsonr(z[:, 1], y[:, 1]).statistic]
    y[:10, 0] = np.nan
    assert known_correlations(z, y) == pytest.approx(wanted)
    assert np.isnan(known_correlations(z[:5], y[:5])[0])
    assert np.isnan(known_correlations(z[:0], y[:0])).all()
    assert mean_correlation(z, y) == pytest.approx(np.mean(wanted))
    assert mean_correlation(z[:5], y[:5]) == known_correlations(z[:5], y[:5])[1]  # of the channel that varies
    assert np.isnan(mean_correlation(z[:5, :1], y[:5, :1]))


def test_mean_rate_is_spikes_over_neurons_and_time():
    run = synthetic_results(n_neurons=12, seconds=2.0)
    assert mean_rate(run) == pytest.approx(len(run.spike_step) / 12 / 6.0)
    assert mean_rate(run, "test") == pytest.approx(np.mean(run.rates["test"]))
    assert np.isnan(mean_rate(run, Phase("none", 4, 4)))
    beyond = Phase("late", run.stop_step - 500, run.stop_step + 500)  # of it, half was run
    assert mean_rate(run, beyond) == mean_rate(run, Phase("late", beyond.start, run.stop_step)) > 0
    assert np.isnan(mean_rate(run, Phase("none", run.stop_step, run.stop_step + 10)))


def test_summary_holds_the_numbers_and_survives_json():
    run = synthetic_results(n_outputs=2, seconds=4.0)
    found = summary(run)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    rows = run.rows("learning")
    assert found["rmse"]["learning"] == pytest.approx(rmse(run.output[rows], run.target[rows]))
    last = slice(rows.stop - 500, rows.stop)  # one second of rows 2 ms apart
    assert found["rmse"]["learning_last_second"] == pytest.approx(rmse(run.output[last], run.target[last]))
    # after learning the output comes 10 ms late, with noise of 0.02
    assert found["rmse"]["test"] > 0.2
    assert found["lag_aligned_rmse"]["lag"] == pytest.approx(0.01)
    assert found["lag_aligned_rmse"]["test"] == pytest.approx(0.02, rel=0.1)
    assert found["peak_frequency"]["test"] == pytest.approx([5.0, 5.0], rel=1e-2)
    assert found["firing_rate"]["before"] == pytest.approx(np.mean(run.rates["before"]))
    assert found["seed"] == 1
    assert found["versions"]["tension_sim"] == "0.1.0"
    assert found["timings"] == {"build": 4.0, "run": 9.5}


def test_summary_says_null_where_there_is_nothing():
    run = synthetic_results()
    bad = run.output.copy()
    bad[run.rows("test")] = np.nan
    found = json.loads(json.dumps(summary(synthetic_results(output=bad)), allow_nan=False))
    assert found["rmse"]["test"] is None
    assert found["lag_aligned_rmse"] == {"test": None, "lag": None, "windows": None}
    assert found["peak_frequency"]["test"] == [None]

    quiet = summary(synthetic_results(target=None, phases=(), provenance={}))
    assert quiet["rmse"] == {}
    assert quiet["seed"] is None
    short = summary(synthetic_results(phases=(Phase("learning", 0, 4), Phase("test", 4, 6))))
    assert short["lag_aligned_rmse"] == {}


def test_jsonable_leaves_plain_values_only():
    values = {
        1: np.int64(3),
        "b": (np.bool_(True), None),
        "c": np.float64("inf"),
        "d": {np.float32(2)},
        "e": slice(2),
    }
    assert jsonable(values) == {"1": 3, "b": [True, None], "c": None, "d": [2.0], "e": "slice(None, 2, None)"}
