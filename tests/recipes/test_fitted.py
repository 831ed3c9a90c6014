"""Recipes of networks fitted to currents: published parameters, what they draw, bad input, and a small run of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tension_sim import Phase, Results, Simulation, load_recipe, mean_input
from tension_sim.errors import InvalidValueError
from tension_sim.protocols import fitted
from tension_sim.protocols._balanced import (
    Times,
    draw_plastic,
    draw_static,
    made_up_rates,
    nearest_neurons,
    ornstein_uhlenbeck,
    read_rates,
    smoothed,
)
from tension_sim.protocols._figure_fitted import figure_fitted
from tension_sim.protocols.fitted_currents import TARGETS
from tension_sim.recipes.run import run_outcome

SMALL = {
    "n": "80", "K": "36", "dt": "0.5*ms", "excitatory": "6", "inhibitory": "6", "duration": "150*ms",
    "stimulus_start": "20*ms", "stimulus_stop": "50*ms", "update_every": "10*ms", "loops": "1", "test_every": "1",
    "window": "20*ms", "dtype": "float64",
}  # fmt: skip
KIM = SMALL | {"cells": "12", "feedforward": "5"}


def recorded(folder, bins=12, cells=12):
    """A file of rates, those of the left condition rising."""
    rates = np.random.default_rng(4).uniform(1, 20, cells) * np.ones((bins, 1))
    path = folder / "rates.npz"
    np.savez(path, rate_right=rates, rate_left=rates * np.linspace(1, 2, bins)[:, None], doc="a text")
    return path


def test_the_published_case_has_its_sizes():
    recipe = load_recipe("kim_2023/licking")
    values, times = recipe.values, Times.of(recipe)
    assert (times.start, times.stop, times.end, times.update, times.sample) == (8000, 10000, 30000, 200, 10)
    np.testing.assert_array_equal(times.learned * 200, np.arange(10200, 30001, 200))
    small = {**values["network"], "n": 100, "K": 5}
    static = draw_static(small, np.random.default_rng(0))
    # as many targets in both populations together as inputs from both
    np.testing.assert_array_equal(np.bincount(static.pre), np.full(100, 10))
    assert not np.any(static.pre == static.post)
    je = 2 / np.sqrt(5) * 10
    for pre, post, factor in ((0, 0, 0.15), (0, 1, 1), (1, 0, -0.75), (1, 1, -1)):
        weights = static.weight[(static.pre >= 50) == pre][(static.post[(static.pre >= 50) == pre] >= 50) == post]
        np.testing.assert_allclose(weights, factor * je)
    je = 2 / np.sqrt(500) * 10
    assert values["plastic"]["weight_excitatory"] == pytest.approx(je / 1.5, rel=1e-5)
    assert values["plastic"]["weight_inhibitory"] == pytest.approx(-je / 1.5 * 6.5 / 12, rel=1e-5)


def test_plastic_inputs_are_drawn_without_repetition_from_the_right_neurons():
    network, plastic = {"n": 40}, {"excitatory": 5, "inhibitory": 7, "feedforward": 3}
    plastic |= {"weight_excitatory": 0.5, "weight_inhibitory": -0.25}
    kernel = draw_plastic(network, plastic, 8, np.random.default_rng(1))
    for cell in range(8):
        pre = kernel.pre[kernel.post == cell]
        assert len(np.unique(pre)) == 15
        excitatory, inhibitory, extra = pre[:5], pre[5:12], pre[12:]
        assert excitatory.max() < 8
        assert cell not in excitatory
        assert 20 <= inhibitory.min() <= inhibitory.max() < 40
        np.testing.assert_array_equal(extra, [40, 41, 42])
    np.testing.assert_array_equal(kernel.weight[:15], [0.5] * 5 + [-0.25] * 7 + [0.0] * 3)
    # where all learn, inhibitory neurons have the same pools
    everyone = draw_plastic(network, plastic, 40, np.random.default_rng(1))
    assert everyone.pre[everyone.pre < 20].max() == 19


def test_cells_take_the_nearest_free_neuron_from_the_fastest_on():
    wanted, available = np.array([3.0, 9.0, 8.5]), np.array([0.0, 8.8, 4.0, 7.0])
    np.testing.assert_array_equal(nearest_neurons(wanted, available), [2, 1, 3])


def test_wandering_rates_have_their_mean_and_deviation():
    x = ornstein_uhlenbeck(np.random.default_rng(0), 40_000, 20, 1e-3, 0.05, 2.0, 5.0)
    assert x.mean() == pytest.approx(5, abs=0.1)
    assert x[1000:].std() == pytest.approx(2, rel=0.05)
    lagged = np.mean((x[1000:-50] - 5) * (x[1050:] - 5)) / 4
    assert lagged == pytest.approx(np.exp(-1), abs=0.05)


def test_smoothing_is_a_moving_mean():
    x = np.random.default_rng(0).standard_normal((30, 2))
    np.testing.assert_allclose(smoothed(x, 4)[10], x[6:15].mean(axis=0))
    np.testing.assert_allclose(smoothed(x, 4)[0], x[:5].mean(axis=0))


def test_made_up_rates_differ_between_conditions():
    rates = made_up_rates(30, 40, np.random.default_rng(0))
    assert list(rates) == ["right", "left"]
    assert all(r.shape == (40, 30) and r.min() > 0 for r in rates.values())
    assert not np.allclose(rates["right"], rates["left"])


def test_the_small_case_runs(tmp_path):
    recipe = load_recipe("kim_2023/licking", KIM | {"data": str(recorded(tmp_path))})
    done = []
    outcome = run_outcome(recipe, target="numpy", progress=lambda *step: done.append(step))
    assert done == [(1, 2), (2, 2)]
    results = outcome.results
    # rates of the condition that is tested do not vary, and with what does not there is no correlation
    assert set(outcome.numbers) == set(recipe.protocol.expected) - {"correlation"}
    assert outcome.numbers["rate_inhibitory"] > 0
    assert results.output.shape == results.target.shape == (16, 12)
    assert set(results.weights) == {"plastic", "plastic_right", "plastic_left"}
    right, left = (results.weights[f"plastic_{side}"] for side in ("right", "left"))
    extra = load_extra(recipe)
    assert not np.allclose(right[extra], left[extra])
    np.testing.assert_array_equal(right[~extra], left[~extra])
    np.testing.assert_allclose(results.learning_curve["time"], [0, 0.3])
    assert not any(name.startswith("rls.") for name in results.state)
    assert len(outcome.figure().axes) == 8


def load_extra(recipe):
    return fitted.Fit(recipe, "numpy").net.plastic.pre >= recipe.values["network"]["n"]


@pytest.mark.parametrize("number", [0, 1, 2, 4])  # before learning, its test, a trial, the last test
def test_an_interrupt_of_any_run_counts(monkeypatch, number):
    run, runs = Simulation.run, []

    def interrupted(self, *rows, steps, **given):
        runs.append(steps)
        stop = len(runs) == number + 1
        results = run(self, *rows, steps=20 if stop else steps, **given)
        return replace(results, provenance=results.provenance | {"interrupted": stop})

    monkeypatch.setattr(Simulation, "run", interrupted)
    outcome = run_outcome(load_recipe("kim_2023/licking", KIM), target="numpy")
    assert outcome.results.interrupted and len(runs) == number + 1
    assert ("correlation" in outcome.numbers) == (number > 1)


@pytest.mark.parametrize("tau_ref", [0.0, 2e-3])
def test_targets_are_the_inputs_that_cause_the_recorded_rates(tmp_path, tau_ref):
    settings = KIM | {"data": str(recorded(tmp_path)), "tau_ref": f"{tau_ref}*second"}
    recipe = load_recipe("kim_2023/licking", settings)
    fit = fitted.Fit(recipe, "numpy")
    before = fit.before()
    first = fit.net.recurrent
    targets = fit.targets(before)
    rates = read_rates(str(recorded(tmp_path)), "refuse", 10)
    static = before.recorded["I_static"].values[fit.times.stop // fit.times.sample :]
    sigma = static.std(axis=0).mean() / np.sqrt(1.3 * 3)
    for target, name in zip(targets, ("right", "left"), strict=True):
        # the rest after a spike takes part of each interval: neurons are driven as if they fired faster
        np.testing.assert_allclose(target[6:, :12], mean_input(rates[name] / (1 - tau_ref * rates[name]), sigma))
        assert not np.any(target[:6])
        assert not np.any(target[:, 12:])
    # neurons have new numbers, each with the synapses it had
    half, n = 40, 80
    found = np.bincount(before.spike_neuron, minlength=n)[:half] / (before.n_steps * before.dt)
    chosen = nearest_neurons(np.mean([r.mean(axis=0) for r in rates.values()], axis=0), found)
    weight, moved = first.to_dense(), fit.net.recurrent.to_dense()
    np.testing.assert_array_equal(moved[:12, :12], weight[np.ix_(chosen, chosen)])
    np.testing.assert_array_equal(moved[half:, half:], weight[half:, half:])


def test_sines_lie_around_the_static_input_of_each_neuron():
    settings = SMALL | {"period": "100*ms", "amplitude": "0.25"}
    fit = fitted.Fit(load_recipe("arthur_2023/tutorial", settings), "numpy")
    before = fit.before()
    (target,) = fit.targets(before)
    static = before.recorded["I_static"].values[fit.times.stop // fit.times.sample :]
    np.testing.assert_allclose(target[5:15].mean(axis=0), static.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose((target[5:15] - target[5:15].mean(axis=0)).std(axis=0), 0.25 / np.sqrt(2))
    x = fit.inputs(0)
    on = np.arange(len(x)) * fit.steps_per_sample["x"]
    assert not np.any(x[(on < 40) | (on >= 100), 1:])
    assert np.any(x[(on >= 40) & (on < 100), 1:])
    np.testing.assert_array_equal(fit.inputs(0), x)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"K": "2500"}, "setting network.K: expected less than n/2 = 2500.\nReceived: 2500"),
        ({"cells": "3000"}, "setting target.cells: expected at most n/2 = 2500 cells.\nReceived: 3000"),
        ({"excitatory": "1824"}, "plastic.excitatory: expected at most 1823 inputs.\nReceived: 1824"),
        ({"inhibitory": "2501"}, "plastic.inhibitory: expected at most 2500 inputs.\nReceived: 2501"),
        ({"duration": "1*second"}, "trial.duration: expected stimulus_start <= stimulus_stop, and two updates or more"),
        ({"update_every": "0.01*ms"}, "learning.update_every: expected at least dt = 0.0001 s"),
        ({"gaps": "fill"}, "target.gaps: expected one of 'refuse', 'skip'.\nReceived: 'fill'"),
        ({"loops": "0"}, "run.loops: expected a whole number of loops, at least 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, text):
    with pytest.raises(InvalidValueError, match=text):
        load_recipe("kim_2023/licking", settings)


def test_gaps_in_recorded_rates_are_refused_or_their_cells_left_out(tmp_path):
    path = recorded(tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["rate_left"][3, 5] = np.nan
    np.savez(path, **arrays)
    with pytest.raises(
        InvalidValueError, match="expected rates without gaps.\nReceived: 'NaN in 1 cells'\nFix: correct them, or"
    ):
        read_rates(str(path), "refuse", 10)
    found = read_rates(str(path), "skip", 10)
    assert found["right"].shape == found["left"].shape == (10, 11)
    np.testing.assert_array_equal(found["right"], np.delete(arrays["rate_right"][:10], 5, axis=1))


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (
            {"speed": np.ones((12, 3))},
            r"expected arrays rate_CONDITION of one shape \(bins, cells\).\nReceived: 'none'",
        ),
        ({"rate_a": np.ones((12, 3)), "rate_b": np.ones((12, 4))}, "of one shape .*\nReceived: .*12, 4"),
        ({"rate_a": np.ones(12)}, r"of one shape .*\nReceived: \{'a': \(12,\)\}"),
        ({"rate_a": np.ones((9, 3))}, r"expected at least 10 bins, one per update.\nReceived: \(9, 3\)"),
        ({"rate_a": -np.ones((12, 3))}, "expected rates of at least 0 Hz, of one cell or more"),
        ({"rate_a": np.full((12, 3), np.nan)}, "expected rates of at least 0 Hz, of one cell or more"),
    ],
)
def test_other_files_are_refused(tmp_path, arrays, text):
    path = tmp_path / "rates.npz"
    np.savez(path, **arrays)
    with pytest.raises(InvalidValueError, match=text):
        read_rates(str(path), "skip", 10)


def test_a_missing_file_is_refused_before_anything_is_built(tmp_path):
    recipe = load_recipe("kim_2023/licking", KIM | {"data": str(tmp_path / "none.npz")})
    with pytest.raises(
        InvalidValueError,
        match=r"target.data: .*none.npz: expected a .npy or .npz file of numbers.\nReceived: .*No such",
    ):
        recipe.protocol.run(recipe, target="numpy")


def test_more_cells_than_excitatory_neurons_are_refused(tmp_path):
    recipe = load_recipe("kim_2023/licking", KIM | {"data": str(recorded(tmp_path, cells=50))})
    with pytest.raises(InvalidValueError, match="network.n: expected two neurons a cell, 100.\nReceived: 80"):
        recipe.protocol.run(recipe, target="numpy")


def test_each_cell_needs_others_to_learn_from(tmp_path):
    recipe = load_recipe("kim_2023/licking", KIM | {"data": str(recorded(tmp_path, cells=6))})
    with pytest.raises(InvalidValueError, match="plastic.excitatory: expected at most 5 inputs from other cells"):
        recipe.protocol.run(recipe, target="numpy")


# ---- theta neurons, all of whose weights learn ----


@pytest.mark.parametrize("name", ["sines", "rate_network", "ou"])
def test_currents_are_learned(name):
    settings = {"n": "20", "duration": "0.5*second", "stimulus_start": "0.1*second", "stimulus_stop": "0.2*second"}
    recipe = load_recipe(f"kim_chow_2018/{name}", settings | {"loops": "2", "tests": "2"})
    outcome = run_outcome(recipe, target="numpy")
    assert set(outcome.numbers) == {*recipe.protocol.expected, "correlation_lowest"}
    assert -1 <= outcome.numbers["correlation_lowest"] <= outcome.numbers["correlation"] <= 1
    assert outcome.results.output.shape == (500, 20)


def test_targets_are_as_published():
    rng, t = np.random.default_rng(0), np.arange(1, 2101) * 1e-3
    n = 300
    sines = TARGETS["sines"]({"period": 0.5}, t, n, rng, 0.3)
    np.testing.assert_allclose(sines[500:], sines[:-500], atol=1e-9)
    assert 0.5 < np.abs(sines).max(axis=0).min() < np.abs(sines).max(axis=0).max() < 1.5
    products = TARGETS["products"]({}, t, n, rng, 0.3)
    assert np.abs(products).max() <= 1.5
    noise = TARGETS["noise"]({"tau": 0.2, "deviation": 0.948683}, t, n, rng, 0.3)
    assert not np.any(noise[0])
    assert noise[1000:].std() == pytest.approx(0.9487, rel=0.05)
    rates = TARGETS["rate_network"]({"gain": 5.0, "tau": 0.04}, t, n, rng, 0.3)
    assert 0.05 < rates[1000:].std() < 5


def test_times_out_of_order_are_refused():
    with pytest.raises(InvalidValueError, match="trial.duration: expected stimulus_start <= stimulus_stop < duration"):
        load_recipe("kim_chow_2018/sines", {"duration": "1*second"})


@pytest.mark.slow
def test_published_quality_of_sines():
    outcome = run_outcome(load_recipe("kim_chow_2018/sines"), target="cpp_standalone")
    assert outcome.numbers["correlation"] >= 0.9
    assert 10 < outcome.numbers["firing_rate"] < 13


def test_the_figure_counts_no_neuron_whose_input_does_not_vary():
    rng = np.random.default_rng(2)
    target, output = rng.normal(size=(2, 30, 4))
    output[:, 1] = 0.1
    run = Results("demo", 1e-3, 0, 30, 4, [], [], 4, 1, output, target, (Phase("all", 0, 30),))
    r = [np.corrcoef(output[:, k], target[:, k])[0, 1] for k in (0, 2, 3)]
    titles = [
        axes.get_title() for axes in figure_fitted(run, {"tests": (np.arange(3), np.arange(3.0))}, slice(0, 30)).axes
    ]
    assert f"r of 3 neurons, mean {np.mean(r):.3f}" in titles
