"""What learning did to a network, as figures show it, beside what plain numpy says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import synthetic_results

from tension_sim import FittedNetwork, ForceNetwork, Learning, Plastic, Results, Simulation, SparseKernel
from tension_sim.errors import InvalidValueError
from tension_sim.results.couplings import coupling, coupling_size, learned_weights
from tension_sim.results.measures import cell_correlations


def plastic_run() -> Results:
    rng = np.random.default_rng(0)
    kernel = SparseKernel.random(12, 0.4, 0.3, rng)
    rule = Learning(alpha_P=1.0, start=0, stop=30)
    net = ForceNetwork(
        "echo_state", None, 12, "1*ms", SparseKernel.random(12, 0.5, 0.2, rng), None, np.zeros((12, 1)),
        initial={"a": rng.normal(size=12)}, learning=rule, plastic=Plastic(kernel, rule, error="output"),
    )  # fmt: skip
    return Simulation(net, target="numpy").run(np.sin(np.arange(30.0)))


def fitted_run() -> Results:
    kernel = SparseKernel(4, [0, 1, 3, 2], [1, 2, 0, 1], [0.1, 0.2, 0.3, 0.4], 3)
    net = FittedNetwork(
        "lif_normalized", "euler_exponential", "euler_exponential", 3, "0.1*ms", SparseKernel(3, [0], [2], [0.7]),
        kernel, Learning(alpha_P=1.0, start=10), n_feedforward=1,
    )  # fmt: skip
    y = np.sin(np.arange(40)[:, None] / 5 + np.arange(3))
    return Simulation(net, target="numpy").run(y, rates=np.full((40, 1), 50.0))


def drawn(patch):
    """Return the heights of a histogram that is drawn as steps."""
    return patch.get_xy()[1:-1:2, 1]


def test_weights_before_and_after():
    run = plastic_run()
    output, recurrent = learned_weights(run)
    kernel = run.net.plastic.kernel
    np.testing.assert_array_equal(output.before, np.zeros(12))
    np.testing.assert_array_equal(recurrent.before, kernel.weight)
    np.testing.assert_array_equal(recurrent.after, run.weights["recurrent_kernel"][kernel.pre, kernel.post])
    axes = run.plot_weights().axes
    assert [ax.get_xlabel() for ax in axes] == ["weight (output kernel)", "weight (recurrent kernel)"]
    counts, _ = np.histogram(recurrent.after, np.linspace(*_span(recurrent), 41))
    np.testing.assert_array_equal(drawn(axes[1].patches[-1]), counts)


def _span(learned):
    both = np.concatenate([learned.before, learned.after])
    return both.min(), both.max()


def test_coupling_counts_all_that_learns():
    run = plastic_run()
    static, kernel = run.net.recurrent.to_dense(), run.net.plastic.kernel
    np.testing.assert_allclose(coupling(run, learned=False), static + kernel.to_dense())
    np.testing.assert_allclose(coupling(run, learned=True), static + run.weights["recurrent_kernel"])


def test_coupling_of_a_fitted_network():
    run = fitted_run()
    matrix = np.zeros((3, 3))
    matrix[0, 2] = 0.7
    for pre, post, weight in zip(run.net.plastic.pre, run.net.plastic.post, run.weights["plastic"], strict=True):
        if pre < 3:  # the fourth source is a Poisson unit
            matrix[pre, post] += weight
    np.testing.assert_allclose(coupling(run, learned=True), matrix)
    assert coupling_size(run) == 3


def test_no_coupling_is_refused():
    run = synthetic_results(seconds=1.0)
    assert coupling_size(run) == 0
    with pytest.raises(InvalidValueError, match=r"coupling.results: expected results that hold a network"):
        run.plot_eigenvalues()
    alone = ForceNetwork("lif", "double_exponential", 5, "0.1*ms", None, None, np.zeros((5, 1)))
    assert coupling_size(Simulation(alone, target="numpy").run(np.zeros(5))) == 0


def test_rates_are_those_of_the_results():
    run = synthetic_results(seconds=2.0)
    axes = run.plot_rates().axes[0]
    assert axes.get_xlabel() == "firing rate (Hz)"
    edges = np.linspace(0, max(rates.max() for rates in run.rates.values()), 41)
    for (name, rates), patch in zip(run.rates.items(), axes.patches, strict=True):
        np.testing.assert_array_equal(drawn(patch), np.histogram(rates, edges)[0])
        assert f"{name} {rates.mean():.3g} Hz" in axes.get_title()


class TestCells:
    def test_r_of_each_cell_in_the_test(self):
        run = synthetic_results(n_outputs=12, seconds=1.0)
        rows = run.rows("test")
        expected = [np.corrcoef(z, y)[0, 1] for z, y in zip(run.output[rows].T, run.target[rows].T, strict=True)]
        np.testing.assert_allclose(cell_correlations(run), expected)
        assert run.plot_correlations().axes[0].get_title() == f"mean {np.mean(expected):.3f}"

    def test_of_a_fitted_network_while_its_weights_would_learn(self):
        rng = np.random.default_rng(1)
        run = replace(fitted_run(), output=rng.normal(size=(40, 3)), target=rng.normal(size=(40, 3)))
        expected = [np.corrcoef(z, y)[0, 1] for z, y in zip(run.output[10:].T, run.target[10:].T, strict=True)]
        np.testing.assert_allclose(cell_correlations(run), expected)

    @pytest.mark.parametrize(("first", "left_out"), [(4, 6), (30, 0)])
    def test_of_a_fitted_network_whose_run_begins_later(self, first, left_out):
        """Its weights learn from step 10 on."""
        rng = np.random.default_rng(1)
        run = replace(fitted_run(), first_step=first, output=rng.normal(size=(40, 3)), target=rng.normal(size=(40, 3)))
        pairs = zip(run.output[left_out:].T, run.target[left_out:].T, strict=True)
        np.testing.assert_allclose(cell_correlations(run), [np.corrcoef(z, y)[0, 1] for z, y in pairs])

    def test_gaps_are_left_out(self):
        run = synthetic_results(n_outputs=12, seconds=1.0)
        target = run.target.copy()
        target[::7, 3] = np.nan
        target[:, 5] = np.nan
        rows = run.rows("test")
        known = np.isfinite(target[rows, 3])
        found = cell_correlations(replace(run, target=target))
        assert found[3] == pytest.approx(np.corrcoef(run.output[rows, 3][known], target[rows, 3][known])[0, 1])
        assert np.isnan(found[5]) and np.isfinite(np.delete(found, 5)).all()

    def test_without_targets_of_cells_there_is_none(self):
        assert cell_correlations(synthetic_results()) is None
        with pytest.raises(InvalidValueError, match=r"plot_correlations.results: expected a run whose cells each have"):
            synthetic_results().plot_correlations()


@pytest.mark.parametrize(
    ("method", "changes", "text"),
    [
        ("plot_output", {"output": np.zeros((3000, 0)), "target": None}, "a run with a recorded output"),
        ("plot_raster", {"n_recorded_neurons": 0, "spike_step": [], "spike_neuron": []}, "a run with recorded spikes"),
        ("plot_rates", {"n_recorded_neurons": 0, "spike_step": [], "spike_neuron": []}, "a run with recorded spikes"),
        ("plot_training", {"target": None, "learning_curve": {}}, "a run with a target"),
        ("plot_weights", {"weights": {}}, "a run with weights that learn"),
    ],
)
def test_figures_of_what_is_not_there_are_refused(method, changes, text):
    run = synthetic_results(seconds=2.0, **changes)
    with pytest.raises(InvalidValueError, match=f"expected {text}"):
        getattr(run, method)()


def test_learning_that_outlasts_the_run_has_an_axis_of_its_own():
    curve = {"time": np.arange(1.0, 31.0), "p_var": np.linspace(0, 1, 30)}
    figure = synthetic_results(seconds=1.0, learning_curve=curve).plot()
    error, course = figure.axes[-2:]
    assert error.get_xlim() == (0, 3) and course.get_xlim() == (0, 30)
    assert course.get_ylabel() == "explained variance" and error.xaxis.get_tick_params()["labelbottom"]
