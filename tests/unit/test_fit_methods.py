"""DataConstrainedNetwork.fit by regression: where its weights go, what runs then, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.circuit.triangles import unpack
from tension_sim.errors import InvalidTypeError, InvalidValueError
from tension_sim.run.data_constrained import DataConstrainedNetwork

N, SAMPLES = 6, 300
METHODS = ("convex", "teacher_forced")


def recording(kind="rate", noise=0.0, seed=1, samples=SAMPLES, dt_over_tau=0.1):
    """Simulate a network; return its weights from row to column, and rates within (-0.95, 0.95)."""
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((N, N)) * 1.6 / np.sqrt(N)
    a, found = rng.uniform(-0.9, 0.9, N), []
    for _ in range(samples):
        r = a if kind == "rate" else np.tanh(a)
        found.append(r)
        inputs = r @ J + noise * rng.standard_normal(N)
        a = a + dt_over_tau * ((np.tanh(inputs) if kind == "rate" else inputs) - a)
    return J, np.array(found)


def model(data, kind="rate", **changes) -> DataConstrainedNetwork:
    options = {"dynamics": kind, "tau": 0.01, "noise_amplitude": 0, "normalize": False, "target": "numpy", "seed": 2}
    return DataConstrainedNetwork(data, 0.001, **(options | changes))


@pytest.mark.parametrize("kind", ["current", "rate"])
@pytest.mark.parametrize("method", METHODS)
def test_the_fitted_network_runs_as_the_recorded_one(kind, method):
    """Without noise the weights are the true ones where the recording tells, and the free run follows it."""
    _, rates = recording(kind)
    found = model(rates, kind, alpha_P=1e6)
    options = {"tolerance": 1e-6, "saturation": 0.5, "ridge": 1e-9} if method == "convex" else {}
    history = found.fit(free_runs=1, method=method, **options)
    assert history.learned.tolist() == [False]
    if kind == "rate":
        # the first sample stands at step 1, as published; a run of the other kind takes it for a current
        np.testing.assert_allclose(found.rates[1:], rates[:-1], rtol=0, atol=1e-3)
    fit = found.regression
    assert (fit.method, fit.pairs, fit.standard_errors) == (method, SAMPLES - 1, None)
    assert np.array_equal(found.weights, fit.weights)
    assert np.array_equal(found.results.weights["recurrent_kernel"], fit.weights)
    x = rates[:-1] @ fit.weights
    one_step = np.tanh(x) if kind == "rate" else x
    before = rates if kind == "rate" else np.arctanh(rates)
    np.testing.assert_allclose(0.9 * before[:-1] + 0.1 * one_step, before[1:], rtol=0, atol=2e-4)


def test_currents_are_those_of_the_fitted_weights():
    _, rates = recording()
    found = model(rates, regions={"A": [0, 1, 2], "B": [3, 4, 5]})
    found.fit(method="convex")
    assert np.array_equal(found.decompose(rates)["A", "B"], rates[:, 3:] @ found.weights[3:, :3])


def test_closed_loop_goes_on_from_the_weights_and_P_of_a_pass():
    _, rates = recording(noise=0.05)
    learns = np.ones((N, N), bool)
    learns[0, 3:] = False
    found = model(rates, trainable=learns, alpha_P=0.5)
    found.fit(2, method="teacher_forced")
    parts = [np.linalg.inv(2 * np.eye(len(x.T)) + 2 * x.T @ x) for x in (rates[:-1], rates[:-1, 1:])]
    packed = found._learned["rls_plastic.P_packed"]
    for matrix, triangle in zip(parts, np.split(packed, [N * (N + 1) // 2]), strict=True):
        np.testing.assert_allclose(unpack(triangle, len(matrix)), matrix, rtol=1e-8, atol=1e-12)
    found.fit(1)
    run = found.rates[1:]  # the rule learns from these
    parts = [np.linalg.inv(np.linalg.inv(P) + x.T @ x) for P, x in zip(parts, (run, run[:, 1:]), strict=True)]
    packed = found.results.state["rls_plastic.P_packed"]
    for matrix, triangle in zip(parts, np.split(packed, [N * (N + 1) // 2]), strict=True):
        np.testing.assert_allclose(unpack(triangle, len(matrix)), matrix, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_some_neurons_and_a_part_of_the_samples(method):
    _, rates = recording(noise=0.2)
    found = model(rates, alpha_P=1e6)
    start = found.weights
    found.fit(method=method, neurons=[1, 4], part=0.5, standard_errors=True)
    fitted = np.isin(np.arange(N), [1, 4])
    assert np.array_equal(found.weights[:, ~fitted], start[:, ~fitted])
    assert np.all(found.weights[:, fitted] != start[:, fitted])
    assert found.regression.pairs == 150  # of 299, rounded
    assert np.array_equal(np.isfinite(found.regression.standard_errors), np.tile(fitted, (N, 1)))
    again, whole = model(rates, alpha_P=1e6), model(rates, alpha_P=1e6)
    again.fit(method=method, neurons=[1, 4], part=0.5)
    assert np.array_equal(again.weights, found.weights)
    whole.fit(method=method, neurons=[1, 4], standard_errors=True)
    ratio = found.regression.standard_errors[:, fitted] / whole.regression.standard_errors[:, fitted]
    assert np.median(ratio) == pytest.approx(np.sqrt(2), rel=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_trials_and_gaps(method):
    """Of two trials with a gap, the weights are those of the pairs that are whole."""
    (_, first), (_, second) = recording(noise=0.2), recording(noise=0.2, seed=5)
    rates = np.concatenate([first, second])
    rates[20, 3] = np.nan
    found = model(rates, nan="skip", reset_points=[SAMPLES])
    found.fit(method=method)
    assert found.regression.pairs == 2 * SAMPLES - 2 - 2
    assert np.isfinite(found.predict().output).all()


def test_rate_units_learn_in_closed_loop_too():
    """The rule of CURBD on units of the other kind, beside a plain loop."""
    _, rates = recording(samples=40)
    found = model(rates, alpha_P=2.0)
    J, P, r = found.weights, 2.0 * np.eye(N), rates[0].copy()
    output = [r]
    for i in range(1, 40):
        output.append(r)
        k = P @ r
        c = 1 / (1 + r @ k)
        P -= c * np.outer(k, k)
        after = r + 0.1 * (np.tanh(r @ J) - r)
        J -= c * np.outer(k, r - rates[i - 1])
        r = after
    found.fit(1)
    np.testing.assert_allclose(found.rates, output, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.weights, J, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"method": "newton"}, InvalidValueError, "method: expected one of 'closed_loop', 'teacher_forced', 'convex'"),
        (
            {"ridge": 0.1},
            InvalidValueError,
            "ridge: ridge has no effect with method='closed_loop'.\nReceived: 0.1\n"
            "Fix: leave it out, or choose method='convex'.",
        ),
        (
            {"neurons": [1], "method": "closed_loop"},
            InvalidValueError,
            "neurons: neurons has no effect with method='closed_loop'.\nReceived: [1]\n"
            "Fix: leave it out, or choose method='teacher_forced' or method='convex'.",
        ),
        (
            {"iterations": 3, "method": "teacher_forced"},
            InvalidValueError,
            "iterations has no effect with method='teacher_forced'",
        ),
        (
            {"runs": 2, "method": "convex"},
            InvalidValueError,
            "runs: expected 1 with method='convex', which converges in one.\nReceived: 2",
        ),
        (
            {"runs": 2, "method": "teacher_forced", "standard_errors": True},
            InvalidValueError,
            "runs: expected 1 with standard_errors",
        ),
        ({"method": "convex", "ridge": -1}, InvalidValueError, "ridge: expected a penalty of at least 0"),
        ({"method": "convex", "saturation": 0}, InvalidValueError, "saturation: expected a finite number above 0"),
        ({"method": "convex", "tolerance": "low"}, InvalidTypeError, "tolerance: expected a finite number above 0"),
        ({"method": "convex", "iterations": 0}, InvalidValueError, "iterations: expected a whole number, at least 1"),
        ({"method": "convex", "part": 1.5}, InvalidValueError, "part: expected a number in (0, 1]"),
        ({"method": "convex", "neurons": [N]}, InvalidValueError, "neurons: expected neurons from 0 to 5.\nReceived"),
        ({"method": "convex", "neurons": []}, InvalidTypeError, "neurons: expected a list of neurons"),
        ({"method": "convex", "standard_errors": 1}, InvalidTypeError, "standard_errors: expected True or False"),
    ],
)  # fmt: skip
def test_bad_options(options, error, text):
    _, rates = recording(samples=10)
    with pytest.raises(error) as caught:
        model(rates).fit(**options)
    assert str(caught.value).startswith("DataConstrainedNetwork.fit.")
    assert text in str(caught.value)


def test_bad_dynamics():
    with pytest.raises(InvalidValueError, match="DataConstrainedNetwork.dynamics: expected one of 'current', 'rate'"):
        model(np.eye(4), "both")


def test_data_that_leave_weights_open():
    rates = np.tile(recording(samples=30)[1][:, :1], (1, 3))
    with pytest.raises(InvalidValueError, match=r"fit.ridge: expected data that determine every weight"):
        model(rates).fit(method="convex", ridge=0)


class TestNotices:
    """What the log says where the numbers are not what they seem to be."""

    def said(self, caplog, data, kind="rate", method=None, fit=(), **options):
        caplog.set_level("WARNING", logger="tension_sim")
        found = model(data, kind, name="mine", **options)
        if method:
            found.fit(method=method, **dict(fit))
        return [record.getMessage() for record in caplog.records]

    def test_nothing_where_all_is_well(self, caplog):
        assert self.said(caplog, recording(noise=0.1)[1], method="convex") == []

    @pytest.mark.parametrize(("kind", "limit"), [("rate", "1"), ("current", "0.999")])
    def test_data_that_are_clipped(self, caplog, kind, limit):
        rates = np.where(np.arange(SAMPLES)[:, None] < 75, 20, 0.2) * np.sign(recording()[1] + 2)
        rates[:, 0] = np.sin(np.arange(SAMPLES))
        assert self.said(caplog, rates, kind) == [
            "mine: 21 % of the data lie beyond -1 or 1, where no rate can be, and are clipped to "
            f"+-{limit}: scale the data."
        ]

    def test_neurons_that_never_vary(self, caplog):
        rates = recording()[1]
        rates[:, [1, 4]] = 0.3
        assert self.said(caplog, rates) == [
            "mine: neurons that never vary: 2 of 6 (1, 4). Nothing can be learned about their weights: leave them out."
        ]

    def test_a_time_constant_that_is_too_long(self, caplog):
        rates = recording(noise=0.1)[1]
        steep = np.mean(np.abs((rates[1:] - 0.99 * rates[:-1]) / 0.01) > 1.1)
        assert self.said(caplog, rates, tau=0.1, method="convex") == [
            f"mine: {100 * steep:.2g} % of the data change faster than units of this time constant can. "
            "Choose a shorter tau."
        ]

    def test_a_fit_that_was_not_finished(self, caplog):
        said = self.said(caplog, recording(noise=0.3)[1], method="convex", fit={"iterations": 1, "tolerance": 1e-6})
        assert len(said) == 1
        assert said[0].startswith("mine: the fit stopped after 1 iterations, ")
        assert said[0].endswith(" left above a tolerance of 1e-06. Raise iterations or ridge.")


def test_the_first_weights_are_not_those_of_a_simulated_network():
    """A recording simulated from default_rng(seed), the natural way, must not begin at its own solution."""
    J = np.random.default_rng(2).standard_normal((N, N))
    assert abs(np.corrcoef(model(recording()[1], seed=2).weights.ravel(), J.ravel())[0, 1]) < 0.5


def test_a_time_constant_below_a_step():
    with pytest.raises(InvalidValueError) as caught:
        DataConstrainedNetwork(recording()[1], "100*ms", dt_factor=2)
    assert str(caught.value) == (
        "DataConstrainedNetwork.tau: expected a time of at least one integration step, dt_data/dt_factor = 0.05 s.\n"
        "Received: 0.01\nFix: choose dt_factor=10 or more, or a longer time constant."
    )
    assert DataConstrainedNetwork(recording()[1], "100*ms", dt_factor=10).net.dt == 0.01


def test_explained_variance_of_other_rates():
    found = model(recording()[1], dt_factor=2)
    assert found.explained_variance(np.repeat(found.data, 2, axis=0)[:-1].tolist()) == 1
    with pytest.raises(InvalidValueError) as caught:
        found.explained_variance(found.data)
    assert str(caught.value) == (
        "DataConstrainedNetwork.explained_variance.rates: expected shape (599, 6): integration steps, neurons.\n"
        "Received: (300, 6)"
    )
