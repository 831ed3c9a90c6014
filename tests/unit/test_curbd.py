"""Data-constrained networks: against a dense reference, masks, trials, gaps, the decomposition."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from targets import TARGETS, assert_close, skip_unless_here

from tension_sim.declare.noise import normal
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError
from tension_sim.run.data_constrained import DataConstrainedNetwork, FitHistory

N, SAMPLES = 8, 12
DATA = 3 * np.sin(np.arange(SAMPLES)[:, None] / (1.5 + np.arange(N)) + np.arange(N) ** 2)
REGIONS = {"A": range(3), "B": range(3, N)}


def model(data=DATA, **changes) -> DataConstrainedNetwork:
    options = {"regions": REGIONS, "dt_factor": 3, "tau": 0.03, "target": "numpy", "seed": 2}
    return DataConstrainedNetwork(data, 0.01, **(options | changes))


def filtered_noise(n, steps, dt, tau, seed):
    """White noise of variance tau/dt through an exact exponential filter that starts at 1."""
    w, keep = np.ones((steps, n)), np.exp(-dt / tau)
    for i in range(1, steps):
        white = np.sqrt(tau / dt) * normal(seed, i - 1, np.arange(n))
        w[i] = white + (w[i - 1] - white) * keep
    return w


def published(J, A, *, runs, free, f, dt_data, tau, noise, learns, resets=()):
    """Run the published algorithm, with dense matrices (J from row to column) and one P a neuron."""
    samples, n = A.shape
    steps, dt = (samples - 1) * f + 1, dt_data / f
    J, P = J.copy(), np.array([np.eye(n)] * n)
    p_var, chi2 = [], []
    known = np.isfinite(A)
    for run in range(runs + free):
        H, R, chi = A[0].copy(), np.empty((steps, n)), 0.0
        R[0] = np.tanh(H)
        for i in range(1, steps):
            if i in [sample * f for sample in resets]:
                H = A[i // f].copy()
            R[i] = np.tanh(H)
            H = H + dt / tau * (-H + R[i] @ J + noise[i])
            if i % f == 0:
                e = np.where(known[i // f - 1], R[i] - A[i // f - 1], 0)
                chi += np.mean(e**2)
                for m in range(n if run < runs else 0):
                    r = np.where(learns[:, m], R[i], 0)
                    k = P[m] @ r
                    c = 1 / (1 + r @ k)
                    P[m] -= c * np.outer(k, k)
                    J[:, m] -= e[m] * c * k * learns[:, m]
        p_var.append(1 - np.mean((A - R[::f])[known] ** 2) / np.var(A[known]))
        chi2.append(chi)
    return J, R, p_var, chi2


def against_published(found: DataConstrainedNetwork, runs=2, free=1, resets=(), learns=None):
    f, n = found.dt_factor, found.net.n
    start = found.weights
    noise = 0.01 * filtered_noise(n, found.n_steps, found.net.dt, 0.1, found.net.seed)
    learns = np.ones((n, n), bool) if learns is None else learns
    history = found.fit(runs, free)
    wanted = published(
        start, found.data, runs=runs, free=free, f=f, dt_data=0.01, tau=0.03, noise=noise, learns=learns, resets=resets
    )
    for mine, theirs in zip((found.weights, found.rates, history.p_var, history.chi2), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9)
    assert np.abs(found.weights - start).max() > 1e-3
    assert history.learned.tolist() == [True] * runs + [False] * free
    return start


@pytest.mark.parametrize("f", [1, 3])
def test_is_the_published_algorithm(f):
    against_published(model(dt_factor=f))


def test_trials_begin_from_the_data():
    found = model(reset_points=[0, 7, 4])
    against_published(found, resets=(4, 7))
    assert np.allclose(found.rates[[12, 21]], np.tanh(found.data[[4, 7]]))


@pytest.mark.parametrize("f", [1, 3])
def test_trials_of_one_sample(f):
    against_published(model(reset_points=[1, 2, 3, SAMPLES - 1], dt_factor=f), resets=(1, 2, 3, SAMPLES - 1))


def test_gaps_are_skipped():
    data = DATA.copy()
    data[4:7, 2] = data[5, 6] = np.nan
    found = model(data, nan="skip")
    assert np.array_equal(np.isnan(found.data), np.isnan(data))
    against_published(found)


def test_a_run_may_begin_in_a_gap():
    data = DATA.copy()
    data[:2, 1] = data[9:, 3] = np.nan
    found = model(data, nan="skip", reset_points=[10], dt_factor=1)
    found.fit(1)
    assert found.rates[0, 1] == pytest.approx(np.tanh(found.data[2, 1]))
    assert found.rates[10, 3] == pytest.approx(np.tanh(found.data[8, 3]))


class TestMasks:
    def test_regions(self, caplog):
        found = model(
            trainable={("A", "B"): False, ("B", "B"): False, ("B", "A"): False}, connections={("A", "B"): False}
        )
        assert "5 of 8 neurons have no trainable weight and are not trained" in caplog.text
        learns = np.zeros((N, N), bool)
        learns[:3, :3] = True
        assert np.all(found.weights[3:, :3] == 0)
        start = against_published(found, runs=1, learns=learns)
        assert np.array_equal(found.weights[~learns], start[~learns])
        assert found.simulation.wiring.circuit.parts["rls_plastic"].blocks.blocks == 1

    def test_one_P_a_distinct_mask(self):
        rng = np.random.default_rng(0)
        learns = np.ones((N, N), bool)
        learns[:, 3:] = rng.random((N, 1)) < 0.5
        learns[:, 7] = rng.random(N) < 0.5
        found = model(trainable=learns)
        assert found.simulation.wiring.circuit.parts["rls_plastic"].blocks.blocks == 3
        start = against_published(found, learns=learns)
        assert np.array_equal(found.weights[~learns], start[~learns])

    def test_arrays_a_pair(self):
        block = np.arange(15).reshape(5, 3) % 2 == 0
        found = model(connections={("A", "B"): block}, trainable={("A", "B"): True})
        assert np.array_equal(found.weights[3:, :3] != 0, block)

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            (
                {"connections": {("A", "B"): False}, "trainable": {("A", "B"): True}},
                InvalidValueError,
                "DataConstrainedNetwork.trainable: expected no trainable weight outside the structural connectivity.\n"
                "Received: '15 of them, the first from neuron 3 to 0'\nFix: take them out of the mask",
            ),
            ({"trainable": np.zeros((N, N))}, InvalidValueError, "trainable: expected at least one trainable weight"),
            ({"trainable": np.ones((N, 2))}, InvalidValueError, "trainable: expected an array of shape (8, 8)"),
            ({"connections": np.full((N, N), 2)}, InvalidValueError, "connections: expected True or False everywhere."),
            *(
                ({"connections": {pair: True}}, InvalidTypeError, "connections: expected pairs (target region, source")
                for pair in ("A", "AB", ("A",), ("A", "B", "A"))
            ),
            ({"connections": {("A", "C"): True}}, UnknownNameError, "connections[('A', 'C')]: expected a known region"),
            (
                {"trainable": {("A", "B"): np.ones((3, 5))}},
                InvalidValueError,
                "trainable[('A', 'B')]: expected an array of shape (5, 3) (pre, post).\nReceived: (3, 5)",
            ),
        ],
    )
    def test_masks_that_do_not_fit_are_refused(self, changes, error, text):
        with pytest.raises(error) as caught:
            model(**changes)
        assert text in str(caught.value)


class TestDecomposition:
    def test_sums_to_the_recurrent_input(self):
        found = model()
        found.fit(1)
        for only, J in (
            ("all", found.weights),
            ("excitatory", found.weights.clip(min=0)),
            ("inhibitory", found.weights.clip(max=0)),
        ):
            currents = found.decompose(only=only)
            assert set(currents) == {(a, b) for a in "AB" for b in "AB"}
            for name, members in REGIONS.items():
                total = sum(currents[name, source] for source in REGIONS)
                np.testing.assert_allclose(total, (found.rates @ J)[:, members], rtol=0, atol=1e-13)

    def test_is_what_the_units_receive(self):
        """Without noise, the rates follow from the currents: a closed form of the engine's own step."""
        found = model(noise_amplitude=0)
        found.fit(1)
        results = found.predict()
        currents, k = found.decompose(), found.net.dt / 0.03
        for name, members in REGIONS.items():
            a = np.arctanh(found.rates[1:, members])
            drive = sum(currents[name, source] for source in REGIONS)[1:-1]
            np.testing.assert_allclose(a[1:], a[:-1] + k * (drive - a[:-1]), rtol=0, atol=1e-9)
        assert np.array_equal(results.output, found.rates[::3])

    def test_of_given_rates(self):
        rates = np.eye(N)
        found = model()
        assert np.array_equal(found.decompose(rates)["B", "A"], found.weights[:, 3:] * (np.arange(N) < 3)[:, None])

    def test_rates_and_sources_that_do_not_fit_are_refused(self):
        with pytest.raises(InvalidValueError, match="decompose.rates: nothing was run yet"):
            model().decompose()
        with pytest.raises(InvalidValueError, match=r"decompose.rates: expected shape \(times, 8\)"):
            model().decompose(np.ones((3, 2)))
        with pytest.raises(InvalidValueError, match="decompose.only: expected one of 'all', 'excitatory'"):
            model().decompose(only="both")


def test_runs_go_on():
    """Two calls are one longer one, and a prediction between them changes nothing."""
    whole, parts = model(), model()
    whole.fit(3)
    parts.fit(1)
    results = parts.predict(trial=1)
    parts.fit(2)
    assert np.array_equal(parts.weights, whole.weights)
    assert np.array_equal(parts.history.p_var, whole.history.p_var)
    assert isinstance(parts.history, FitHistory)
    assert results.output.shape == results.target.shape == (SAMPLES, N)
    assert len(results.to_neo().segments) == 1


def test_single_precision():
    found, wanted = model(dtype="float32"), model()
    np.testing.assert_allclose(found.fit(1).p_var, wanted.fit(1).p_var, rtol=1e-4)
    assert found.results.state["plastic.w"].dtype == np.float32
    assert not np.array_equal(found.rates, wanted.rates)


def test_noise_of_a_trial():
    found = model()
    same, again, other = found.predict().output, found.predict().output, found.predict(trial=1).output
    assert np.array_equal(same, again)
    assert not np.allclose(same, other)


def test_progress_covers_all_runs():
    found, seen = model(), []
    found.fit(1, 1, progress=lambda done, steps: seen.append((done, steps)))
    assert seen[-1] == (2 * found.n_steps, 2 * found.n_steps)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_interrupted_run_does_not_count(monkeypatch):
    """As Ctrl-C in the second run: what was reached is returned, the history has the first run alone."""
    found = model(reset_points=[6])
    run, calls = found.simulation.run, []

    def interrupted(y, *, steps, **options):
        calls.append(steps)
        if len(calls) < 4:
            return run(y, steps=steps, **options)
        results = run(y, steps=5, **options)
        return replace(results, provenance=results.provenance | {"interrupted": True})

    monkeypatch.setattr(found.simulation, "run", interrupted)
    assert len(found.fit(3).p_var) == len(found.history.p_var) == 1
    assert calls == [17, 16, 17, 16]
    assert found.results.n_steps == 18 + 5 + 1 == len(found.rates)
    assert found.results.provenance["interrupted"]
    assert np.isfinite(found.rates).all()
    assert found.decompose()["A", "A"].shape == (24, 3)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS[1:])
def test_targets_agree(target):
    skip_unless_here(target)
    learns = np.random.default_rng(0).random((N, N)) < 0.7
    data = np.where(np.random.default_rng(1).random(DATA.shape) < 0.1, np.nan, DATA)
    options = {"data": data, "nan": "skip", "trainable": learns, "reset_points": [5]}
    found, wanted = model(target=target, **options), model(**options)
    mine, theirs = found.fit(2, 1), wanted.fit(2, 1)
    for name in ("p_var", "chi2"):
        assert_close(getattr(mine, name), getattr(theirs, name), what=name)
    assert_close(found.weights, wanted.weights)
    assert_close(found.rates, wanted.rates)


def test_gaps_stay_gaps_in_results(caplog):
    caplog.set_level(logging.WARNING)
    data = DATA.copy()
    data[4, 2] = np.nan
    results = model(data, nan="skip").predict()
    assert np.isnan(results.target[4, 2])
    assert np.isfinite(results.output).all()
    assert not caplog.text


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        (
            {"data": np.where(np.arange(N) == 1, np.nan, DATA)},
            InvalidValueError,
            "DataConstrainedNetwork.data: expected data without gaps.\nReceived: 'nan'\n"
            'Fix: correct the 12 missing values, the first at index (0, 1), or set nan to "skip".',
        ),
        (
            {"data": np.where(np.arange(N) == 1, np.nan, DATA), "nan": "skip"},
            InvalidValueError,
            "data: expected data of every neuron.\nReceived: 'none of neuron 1'",
        ),
        ({"data": DATA[:1]}, InvalidValueError, "data: expected at least 2 samples (axis 0)"),
        ({"data": -np.abs(DATA)}, InvalidValueError, "data: expected a maximum above 0, to divide by"),
        ({"data": np.ones((5, N))}, InvalidValueError, "data: expected data that vary"),
        ({"data": np.full((5, N), np.inf)}, InvalidValueError, "data: expected finite values"),
        ({"data": "mine"}, InvalidTypeError, "data: expected an array of shape (timesteps, channels)"),
        ({"nan": "mend"}, InvalidValueError, "nan: expected one of 'refuse', 'skip'"),
        ({"regions": {"A": [0]}}, InvalidValueError, "expected each neuron in one region.\nReceived: 'neuron 1 in 0'"),
        ({"regions": {"A": [0, 9]}}, InvalidValueError, "regions['A']: expected neurons from 0 to 7"),
        ({"regions": [0, 1]}, InvalidTypeError, "regions: expected names with neurons"),
        ({"regions": {"A": 3}}, InvalidTypeError, "regions['A']: expected a list of neurons"),
        ({"reset_points": [12]}, InvalidValueError, "reset_points: expected samples from 0 to 11.\nReceived: 12"),
        ({"reset_points": 6}, InvalidTypeError, "reset_points: expected a list of samples.\nReceived: 6\nFix:"),
        ({"dt_factor": 0}, InvalidValueError, "dt_factor: expected a whole number, at least 1"),
        ({"tau": "3*mV"}, InvalidValueError, "tau: expected a time"),
        ({"alpha_P": 0}, InvalidValueError, "Learning.alpha_P: expected a finite number above 0"),
    ],
)  # fmt: skip
def test_bad_input(changes, error, text):
    with pytest.raises(error) as caught:
        model(**changes)
    assert text in str(caught.value)
    assert str(caught.value).startswith(("DataConstrainedNetwork.", "Learning."))
