"""Fits by regression: least squares beside its recursion, the convex fit beside scipy, their standard errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize

from tension_sim.errors import InvalidValueError
from tension_sim.regression import cross_entropy
from tension_sim.regression.cross_entropy import ConvexOptions, fit_convex, gradient_of, loss_of
from tension_sim.regression.dynamics import Dynamics
from tension_sim.regression.least_squares import TeacherForced
from tension_sim.regression.one_step import OneStep
from tension_sim.regression.standard_errors import standard_errors
from tension_sim.regression.weights import Fitting, fit_weights, groups

STEP = 0.1


def recording(J, samples, *, kind="rate", noise=0.1, rng, substeps=1):
    """Simulate rate units with weights from row to column, the noise beside the input."""
    n, step = len(J), STEP / substeps
    a = rng.uniform(-1, 1, n)
    found = [a if kind == "rate" else np.tanh(a)]
    for _ in range(samples - 1):
        for _ in range(substeps):
            inputs = (a if kind == "rate" else np.tanh(a)) @ J + noise * rng.standard_normal(n)
            a = a + step * ((np.tanh(inputs) if kind == "rate" else inputs) - a)
        found.append(a if kind == "rate" else np.tanh(a))
    return np.array(found)


def weights(n, rng, g=2.0):
    J = rng.standard_normal((n, n)) * g / np.sqrt(n)
    np.fill_diagonal(J, 0)
    return J


def tiny(seed=0, offset=True):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(40, 3)), rng.normal(size=(3, 2))
    start = rng.normal(size=(40, 2)) * 0.5 if offset else None
    u = 0.7 * x @ w + (0 if start is None else start) + 0.3 * rng.normal(size=(40, 2))
    return OneStep(x, np.clip(np.tanh(u), -1, 1), start, 0.7)


class TestTeacherForced:
    def test_passes_are_those_of_the_recursion(self):
        rng = np.random.default_rng(0)
        x, y, w = rng.normal(size=(30, 6)), rng.normal(size=(30, 4)), rng.normal(size=(6, 4))
        W, P = w.copy(), 0.5 * np.eye(6)
        for _ in range(3):
            for r, target in zip(x, y, strict=True):
                k = P @ r
                c = 1 / (1 + r @ k)
                e = r @ W - target
                P -= c * np.outer(k, k)
                W -= c * np.outer(k, e)
        rule = TeacherForced(w, 0.5)
        np.testing.assert_allclose(rule.learn(x, y, 3), W, rtol=0, atol=1e-11)
        np.testing.assert_allclose(rule.P, P, rtol=1e-10, atol=1e-12)

    def test_P_is_the_inverse_of_the_correlations(self):
        x = np.random.default_rng(1).normal(size=(50, 5))
        rule = TeacherForced(np.zeros((5, 1)), 2.0)
        rule.learn(x, x[:, :1])
        np.testing.assert_allclose(rule.P, np.linalg.inv(np.eye(5) / 2 + x.T @ x), rtol=1e-12, atol=1e-15)

    def test_two_halves_are_one_pass(self):
        rng = np.random.default_rng(2)
        x, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 3))
        whole, halves = TeacherForced(np.ones((5, 3)), 1.0), TeacherForced(np.ones((5, 3)), 1.0)
        halves.learn(x[:20], y[:20])
        np.testing.assert_allclose(halves.learn(x[20:], y[20:]), whole.learn(x, y), rtol=0, atol=1e-13)

    def test_standard_errors_are_those_of_least_squares(self):
        """Textbook: s^2 inv(X'X), with T - n degrees of freedom, as alpha_P goes to infinity."""
        rng = np.random.default_rng(3)
        x = rng.normal(size=(60, 4))
        y = x @ rng.normal(size=(4, 2)) + 0.3 * rng.normal(size=(60, 2))
        rule = TeacherForced(np.zeros((4, 2)), 1e9)
        residuals = y - x @ rule.learn(x, y)
        variance = (residuals**2).sum(axis=0) / (60 - 4)
        wanted = np.sqrt(np.diag(np.linalg.inv(x.T @ x))[:, None] * variance)
        np.testing.assert_allclose(rule.standard_errors(x, y), wanted, rtol=1e-6)


class TestConvex:
    @pytest.mark.parametrize("offset", [False, True])
    def test_gradient_is_that_of_the_loss(self, offset):
        pairs, options = tiny(offset=offset), ConvexOptions(ridge=0.3)
        w = np.random.default_rng(5).normal(size=(3, 2))

        def total(flat):
            return loss_of(pairs, flat.reshape(3, 2), options).sum()

        wanted = approx_fprime(w.ravel(), total, 1e-6)
        np.testing.assert_allclose(gradient_of(pairs, w, options).ravel(), wanted, rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize("saturation", [0.01, 1.0])
    @pytest.mark.parametrize("offset", [False, True])
    def test_optimum_is_that_of_scipy(self, offset, saturation):
        pairs = tiny(1, offset)
        options = ConvexOptions(ridge=0.2, saturation=saturation, tolerance=1e-9, iterations=500)

        def total(flat):
            w = flat.reshape(3, 2)
            return loss_of(pairs, w, options).sum(), gradient_of(pairs, w, options).ravel()

        wanted = minimize(total, np.zeros(6), jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 1000}).x
        found = fit_convex(pairs, options, np.float64)
        assert found.iterations < 500
        np.testing.assert_allclose(found.weights, wanted.reshape(3, 2), rtol=0, atol=1e-6)
        single = fit_convex(pairs, ConvexOptions(0.2, saturation, 1e-3, 100), np.float32)
        np.testing.assert_allclose(single.weights, found.weights, rtol=0, atol=2e-3)

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 10**6), st.floats(1e-3, 10), st.floats(1e-3, 2))
    def test_nothing_nearby_is_lower(self, seed, ridge, saturation):
        rng = np.random.default_rng(seed)
        pairs, options = tiny(seed, bool(seed % 2)), ConvexOptions(ridge, saturation, 1e-7, 1000)
        found = fit_convex(pairs, options, np.float64)
        least = loss_of(pairs, found.weights, options)
        for size in (1e-3, 0.1, 1.0):
            other = loss_of(pairs, found.weights + size * rng.normal(size=(3, 2)), options)
            assert np.all(other >= least - 1e-9 * np.abs(least))

    def test_with_many_sources_a_block_has_many_rows(self, monkeypatch):
        """Each product of a block goes through all weights, so few rows a block are slow; the optimum is the same."""
        rng = np.random.default_rng(7)
        x = rng.normal(size=(100, 40))
        pairs = OneStep(x, np.tanh(x @ rng.normal(size=(40, 3)) / 10), None, 1.0)
        options = ConvexOptions(ridge=0.1, tolerance=1e-6)
        wanted = fit_convex(pairs, options, np.float64).weights
        rows, blocks = set(), cross_entropy._Whitened._blocks
        monkeypatch.setattr(cross_entropy, "_BLOCK", 1)

        def noted(loss):
            for block in blocks(loss):
                rows.add(block.stop - block.start)
                yield block

        monkeypatch.setattr(cross_entropy._Whitened, "_blocks", noted)
        np.testing.assert_allclose(fit_convex(pairs, options, np.float64).weights, wanted, rtol=0, atol=1e-9)
        assert rows == {10}

    def test_targets_are_fitted_each_for_itself(self):
        pairs, options = tiny(2), ConvexOptions(0.1, 0.01, 1e-9, 500)
        both = fit_convex(pairs, options, np.float64).weights
        alone = fit_convex(pairs.of_targets(np.array([1])), options, np.float64).weights
        np.testing.assert_allclose(both[:, [1]], alone, rtol=0, atol=1e-7)

    def test_sources_that_are_the_same_need_a_ridge(self):
        x = np.random.default_rng(0).normal(size=(20, 1)) @ np.ones((1, 2))
        pairs = OneStep(x, np.tanh(x[:, :1]), None, 1.0)
        with pytest.raises(InvalidValueError) as caught:
            fit_convex(pairs, ConvexOptions(ridge=0.0), where="demo")
        assert str(caught.value) == (
            "demo.ridge: expected data that determine every weight.\nReceived: 'a singular matrix'\n"
            "Fix: choose a larger ridge."
        )
        assert np.ptp(fit_convex(pairs, ConvexOptions(ridge=0.1)).weights) < 1e-3


@pytest.mark.parametrize("substeps", [1, 4])
@pytest.mark.parametrize("kind", ["current", "rate"])
class TestOneStep:
    def test_holds_without_noise(self, kind, substeps):
        """The relation that is fitted, beside a simulation; exact with one step a sample."""
        rng = np.random.default_rng(3)
        J = weights(6, rng)
        rates = recording(J, 40, kind=kind, noise=0, rng=rng, substeps=substeps)
        dynamics = Dynamics.of(kind, STEP / substeps, substeps)
        pairs = OneStep.of(rates, dynamics)
        u = pairs.gain * pairs.x @ J + (0 if pairs.offset is None else pairs.offset)
        np.testing.assert_allclose(np.tanh(u), pairs.response, rtol=0, atol=1e-12 if substeps == 1 else 0.02)
        wanted = rates[1:]
        found = dynamics.next_rates(rates[:-1], pairs.x @ J)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 if substeps == 1 else 2e-3)
        inside = np.abs(pairs.response) < 0.99
        np.testing.assert_allclose(
            pairs.inputs(0.999)[inside], (pairs.x @ J)[inside], rtol=0, atol=1e-9 if substeps == 1 else 0.5
        )

    def test_weights_are_recovered(self, kind, substeps):
        rng = np.random.default_rng(4)
        J = weights(8, rng)
        rates = recording(J, 3000, kind=kind, noise=0.3, rng=rng, substeps=substeps)
        pairs = OneStep.of(rates, Dynamics.of(kind, STEP / substeps, substeps))
        everything = np.ones((8, 8), bool)
        for method in ("convex", "teacher_forced"):
            found = fit_weights(pairs, np.zeros((8, 8)), everything, Fitting(method, alpha_P=1e3)).weights
            # between samples, rates are not known: noise that acts there is in both sides of the regression
            assert np.corrcoef(found.ravel(), J.ravel())[0, 1] > (0.98 if substeps == 1 else 0.9), method


def test_interpolated_rates_give_the_steps_within_a_sample():
    """Closed form: f Euler steps with rates that go in a straight line from one sample to the next."""
    before, after, w, f = np.array([0.2, -0.4]), np.array([0.5, 0.1]), np.array([1.5, -0.7]), 5
    dynamics = Dynamics.of("current", 0.07, f)
    a = 0.3
    for j in range(f):
        a += 0.07 * (w @ (before + j / f * (after - before)) - a)
    x = (1 - dynamics.lead) * before + dynamics.lead * after
    assert dynamics.decay * 0.3 + dynamics.gain * (w @ x) == pytest.approx(a, rel=1e-13)


class TestPairs:
    RATES = np.linspace(-0.5, 0.5, 10)[:, None] * [1.0, -1.0]

    def test_trials_and_gaps_are_left_out(self):
        rates = self.RATES.copy()
        rates[7, 1] = np.nan
        pairs = OneStep.of(rates, Dynamics.of("rate", STEP, 1), (0, 3))
        assert pairs.x[:, 0].tolist() == rates[[0, 1, 3, 4, 5, 8], 0].tolist()

    def test_a_part_is_drawn(self):
        dynamics = Dynamics.of("rate", STEP, 1)
        first, again = (OneStep.of(self.RATES, dynamics, part=0.5, rng=np.random.default_rng(1)) for _ in range(2))
        assert np.array_equal(first.x, again.x)
        assert len(first) == 4  # of 9, rounded
        assert np.isin(first.x[:, 0], self.RATES[:-1, 0]).all() and np.all(np.diff(first.x[:, 0]) > 0)

    def test_gaps_everywhere_are_refused(self):
        rates = self.RATES.copy()
        rates[::2, 0] = np.nan
        with pytest.raises(InvalidValueError) as caught:
            OneStep.of(rates, Dynamics.of("rate", STEP, 1), where="demo.data")
        assert str(caught.value) == (
            "demo.data: expected at least one sample that follows another, without a gap in any neuron.\n"
            "Received: 'none'\nFix: fill the gaps, leave out neurons that have many, or fit with "
            'method="closed_loop".'
        )


@pytest.mark.parametrize("method", ["convex", "teacher_forced"])
class TestSomeWeights:
    def test_what_is_not_fitted_stays_and_counts(self, method):
        """Given the true values of the others, the fitted ones come out as if all were fitted."""
        rng = np.random.default_rng(6)
        J = weights(6, rng)
        rates = recording(J, 1500, noise=0.3, rng=rng)
        pairs = OneStep.of(rates, Dynamics.of("rate", STEP, 1))
        learns = rng.random((6, 6)) < 0.6
        known = np.where(learns, 0.0, J)
        found = fit_weights(pairs, known, learns, Fitting(method, alpha_P=1e3, standard_errors=True))
        assert np.array_equal(found.weights[~learns], J[~learns])
        off = ((found.weights - J) / found.standard_errors)[learns]
        assert 0.5 < np.sqrt(np.mean(off**2)) < 1.6
        assert np.array_equal(np.isnan(found.standard_errors), ~learns)

    def test_targets_with_the_same_sources_are_one_group(self, method):
        learns = np.ones((5, 5), bool)
        learns[2, [1, 3]] = False
        found = [(sources.tolist(), targets.tolist()) for sources, targets in groups(learns)]
        assert found == [([0, 1, 2, 3, 4], [0, 2, 4]), ([0, 1, 3, 4], [1, 3])]


def test_standard_errors_are_the_scatter_over_recordings():
    """Sixty recordings of one network: deviation of each weight, and how often their mean is within 1.96."""
    J = weights(3, np.random.default_rng(7), g=1.5)
    dynamics, everything = Dynamics.of("rate", STEP, 1), np.ones((3, 3), bool)
    recordings = [recording(J, 400, noise=0.3, rng=np.random.default_rng([8, seed])) for seed in range(60)]
    pairs = [OneStep.of(rates, dynamics) for rates in recordings]
    for method in ("convex", "teacher_forced"):
        fitting = Fitting(method, alpha_P=1e6, convex=ConvexOptions(tolerance=0.01), standard_errors=True)
        fits = [fit_weights(each, np.zeros((3, 3)), everything, fitting) for each in pairs]
        found, errors = (np.array([getattr(fit, name) for fit in fits]) for name in ("weights", "standard_errors"))
        deviation, stated = np.std(found, axis=0, ddof=1), np.mean(errors, axis=0)
        # a deviation of sixty is itself known to 9 %, the mean of nine to 3 %
        assert np.mean(stated / deviation) == pytest.approx(1, abs=0.12), method
        assert np.all(np.abs(stated / deviation - 1) < 0.35), method
        within = np.mean(np.abs(found.mean(axis=0) - found) < 1.96 * errors)
        assert within == pytest.approx(0.95, abs=0.03), method


def test_the_sandwich_is_its_formula():
    pairs, options = tiny(9), ConvexOptions(0.5, 0.1, 1e-9, 500)
    w = fit_convex(pairs, options, np.float64).weights
    found = standard_errors(pairs, w, options)
    for target in range(2):
        H, V, samples = 0.5 * np.eye(3), np.zeros((3, 3)), []
        for x, d, offset in zip(pairs.x, pairs.response[:, target], pairs.offset[:, target], strict=True):
            tanh, c = np.tanh(offset + 0.7 * x @ w[:, target]), 1 / (1 - d * d + 0.1)
            H += 0.7**2 * c * (1 - tanh**2) * np.outer(x, x)
            samples.append((x, c * (tanh - d), 0.7**2 * c * (1 - tanh**2)))
        for x, error, curvature in samples:
            V += (0.7 * error / (1 - curvature * x @ np.linalg.inv(H) @ x)) ** 2 * np.outer(x, x)
        covariance = np.linalg.inv(H) @ V @ np.linalg.inv(H)
        np.testing.assert_allclose(found[:, target], np.sqrt(np.diag(covariance)), rtol=1e-10)


def test_standard_errors_of_short_recordings_are_not_too_small():
    """Five samples a weight: the fit follows its own data, so that its errors are less than the noise was."""
    J, dynamics = weights(4, np.random.default_rng(7), g=1.5), Dynamics.of("rate", STEP, 1)
    pairs = [OneStep.of(recording(J, 21, noise=0.3, rng=np.random.default_rng([9, k])), dynamics) for k in range(100)]
    options = ConvexOptions(tolerance=0.01)
    fits = [fit_convex(each, options, np.float64).weights for each in pairs]
    stated = [standard_errors(each, fit, options) for each, fit in zip(pairs, fits, strict=True)]
    deviation = np.std(fits, axis=0, ddof=1)
    # 0.75 without the part that a pair has in its own fit
    assert np.median(np.sqrt(np.mean(np.square(stated), axis=0)) / deviation) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("method", ["convex", "teacher_forced"])
def test_of_a_silent_neuron_nothing_is_known(method):
    rng = np.random.default_rng(10)
    rates = recording(weights(4, rng), 100, rng=rng)
    rates[:, 2] = 0
    pairs = OneStep.of(rates, Dynamics.of("rate", STEP, 1))
    fit = fit_weights(pairs, np.zeros((4, 4)), np.ones((4, 4), bool), Fitting(method, standard_errors=True))
    assert np.array_equal(np.isinf(fit.standard_errors), np.arange(4)[:, None] == np.full((1, 4), 2))


def test_standard_errors_where_all_is_saturated():
    x = np.ones((5, 1))
    pairs = OneStep(x, x, None, 1.0)
    with pytest.raises(InvalidValueError, match=r"demo\.ridge: expected data that determine every weight"):
        standard_errors(pairs, np.full((1, 1), 50.0), ConvexOptions(ridge=0.0), "demo")


def test_rates_that_change_too_fast_are_counted():
    """With tau ten times too long, a step of the rates asks for ten times the answer."""
    rates = np.array([[0.0], [0.05], [0.05], [0.16]])
    assert OneStep.of(rates, Dynamics.of("rate", 0.1, 1)).steep == pytest.approx(1 / 3)
    assert OneStep.of(rates, Dynamics.of("rate", 0.5, 1)).steep == 0
