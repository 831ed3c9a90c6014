"""Grids, ranges and seeds as users write them, and what is said where they cannot work."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from tension_sim import load_recipe
from tension_sim.errors import InvalidTypeError, InvalidValueError, TensionError, UnitsError, UnknownNameError
from tension_sim.sweeps.axes import axes_of, pairs_of, ranges_of, seeds_of
from tension_sim.sweeps.base import base_of
from tension_sim.sweeps.points import Point, drawn, grid_points, with_seeds


@pytest.fixture(scope="module")
def base():
    return base_of("sweep", "lif_sine", {"duration": "1*second"})


def axis(base, key, values):
    (found,) = axes_of("sweep.grid", base, {key: values})
    return found


def test_even_steps_have_short_texts(base):
    found = axis(base, "G", "0.02:0.2:10")
    assert found.name == "network.G"
    assert found.texts[2] == "0.06" and found.values == tuple(float(text) for text in found.texts)
    np.testing.assert_allclose(found.values, np.linspace(0.02, 0.2, 10), rtol=1e-12)


def test_logarithmic_steps(base):
    np.testing.assert_allclose(axis(base, "alpha_P", "1e-6:1e-3:4:log").values, [1e-6, 1e-5, 1e-4, 1e-3], rtol=1e-11)


@pytest.mark.parametrize(
    "values", ["10*ms:30*ms:3", "10:30*ms:3", "10*ms,20*ms,30*ms", ["10*ms", "0.02*second", "30*ms"]]
)
def test_units_come_along_and_values_are_in_si(base, values):
    found = axis(base, "tau_decay", values)
    assert found.name == "parameters.tau_decay"
    np.testing.assert_allclose(found.values, [0.01, 0.02, 0.03], rtol=1e-12)


def test_quantities_of_brian2_keep_all_digits(base):
    from brian2 import ms

    (value,) = axis(base, "tau_decay", np.array([12.345678901234]) * ms).values
    assert value == pytest.approx(12.345678901234e-3, rel=1e-15)


def test_a_text_that_names_another_swept_setting_is_no_one_number(base):
    """In each point it is another one, so that the value without these settings would stand for none of them."""
    alpha, dt = axes_of("sweep.grid", base, {"alpha_P": ["0.1*dt/second", 1e-4], "dt": ["0.05*ms", "0.1*ms"]})
    found = [load_recipe("lif_sine", {"dt": text, "alpha_P": alpha.texts[0]}).learning().alpha_P for text in dt.texts]
    assert found == pytest.approx([5e-6, 1e-5])
    assert alpha.values == ("0.1*dt/second", 1e-4) and dt.values == pytest.approx((5e-5, 1e-4))
    assert axis(base, "alpha_P", ["0.1*dt/second"]).values == pytest.approx((5e-6,))  # of one time step, it is a number


def test_a_range_that_counts_in_another_drawn_setting_is_no_number(base):
    ranges = {
        "alpha_P": "0.1*dt/second:0.3*dt/second",
        "dt": "0.05*ms:0.1*ms",
        "bias": "v_peak,-39*mV",
        "v_peak": "-40*mV:-38*mV",
    }
    alpha, dt, bias, _ = ranges_of("sweep.grid", base, ranges)
    assert alpha.draw(0.5) == ("0.2*dt/second", "0.2*dt/second")
    assert dt.draw(0.5) == ("0.075*ms", pytest.approx(7.5e-5))
    assert bias.choices == (("v_peak", "v_peak"), ("-39*mV", pytest.approx(-0.039)))


def test_values_of_python(base):
    assert axis(base, "Q", np.array([1, 2.5])).values == (1.0, 2.5)
    assert axis(base, "row_balanced", [True, False]).values == (True, False)
    assert axis(base, "neuron", ["lif", "theta"]).values == ("lif", "theta")
    assert axis(base, "n", 30).values == (30,)


@pytest.mark.parametrize(
    ("key", "values", "error", "text"),
    [
        ("g", "1,2", UnknownNameError, "nicola_clopath_2017/lif_sine: settings: expected a known setting"),
        ("G", "0.1:0.2", InvalidValueError, "sweep.grid G: expected LOW:HIGH:NUMBER."),
        ("G", "0.1:0.2:1", InvalidValueError, "sweep.grid G: expected a number of values, at least 2."),
        ("G", "0.1:0.2:x", InvalidTypeError, "sweep.grid G: expected a number of values"),
        ("G", "a:0.2:3", InvalidValueError, "sweep.grid G: expected numbers at both ends, each with its unit."),
        ("tau_decay", "1*ms:2*second:3", InvalidValueError, "expected the same unit at both ends."),
        ("tau_decay", "1:2:3", UnitsError, "tau_decay"),
        ("alpha_P", "0:1:3:log", InvalidValueError, "expected ends above 0 for logarithmic steps."),
        ("G", "", InvalidValueError, "sweep.grid G: expected at least one value."),
        ("G", "0.1,0.10", InvalidValueError, "sweep.grid G: expected values that differ from each other."),
        ("G", [None], InvalidTypeError, 'sweep.grid G: expected numbers, or texts with units such as "10*ms".'),
        ("G", "0:1:10001", InvalidValueError, "sweep.grid G: expected at most 10000 values."),
        ("n", "0,10", InvalidValueError, "expected a whole number of neurons, at least 1."),
        ("p", "0.1,2", InvalidValueError, "network.p"),
        ("neuron", "lif,izikevich", UnknownNameError, "did you mean 'izhikevich'?"),
        ("seed", "0,1", InvalidValueError, "sweep.grid seed: expected a setting other than the seed."),
        ("duration", "1*second", InvalidValueError, "sweep.grid duration: expected a setting without a fixed value."),
    ],
)
def test_what_cannot_work_is_refused_before_any_run(base, key, values, error, text):
    with pytest.raises(error, match=re.escape(text)):
        axes_of("sweep.grid", base, {key: values})


def test_one_setting_by_two_names(base):
    with pytest.raises(
        InvalidValueError, match=re.escape("sweep.grid: expected each setting once.\nReceived: 'network.G'")
    ):
        axes_of("sweep.grid", base, {"G": [1], "network.G": [2]})


def test_words_of_the_command_line():
    with pytest.raises(InvalidValueError, match="sweep --grid: expected NAME=VALUES."):
        pairs_of("sweep --grid", ["G"], "--grid G=1,2")
    with pytest.raises(InvalidValueError, match="sweep --grid: expected each setting once."):
        pairs_of("sweep --grid", ["G=1", "G=2"], "--grid G=1,2")


def test_seeds(base):
    seven = base_of("sweep", load_recipe("lif_sine", {"seed": "7"}))
    assert seeds_of("sweep.seeds", seven, 3) == (7, 8, 9)
    assert seeds_of("sweep.seeds", base, "2") == (0, 1)
    assert seeds_of("sweep.seeds", base, "0,5,7") == (0, 5, 7) == seeds_of("sweep.seeds", base, np.array([0, 5, 7]))


@pytest.mark.parametrize(
    ("seeds", "error", "text"),
    [
        (0, InvalidValueError, "sweep.seeds: expected a number of seeds, at least 1."),
        ("x", InvalidValueError, "sweep.seeds: expected a number of seeds, or seeds separated by commas."),
        ([], InvalidValueError, "sweep.seeds: expected seeds that differ from each other."),
        ([1, 1], InvalidValueError, "sweep.seeds: expected seeds that differ from each other."),
        ([-1], InvalidValueError, "sweep.seeds: expected whole seeds, at least 0."),
        (1.5, InvalidTypeError, "sweep.seeds: expected a number of seeds, or a sequence of them."),
        (10**7, InvalidValueError, "sweep.seeds: expected at most 1000000 seeds."),
    ],
)
def test_seeds_that_cannot_work(base, seeds, error, text):
    with pytest.raises(error, match=re.escape(text)):
        seeds_of("sweep.seeds", base, seeds)


def test_all_points_of_one_seed_come_before_the_next_seed(base):
    axes = axes_of("sweep.grid", base, {"G": [0.1, 0.2], "Q": [1, 2, 3]})
    points = list(with_seeds(grid_points(axes), [4, 5]))
    assert [point.values for point in points[:4]] == [(0.1, 1.0, 4), (0.1, 2.0, 4), (0.1, 3.0, 4), (0.2, 1.0, 4)]
    assert len({point.key for point in points}) == len(points) == 12


def test_a_point_is_known_by_its_values_however_they_are_written(base):
    one, other = (
        next(with_seeds(grid_points(axes_of("sweep.grid", base, {"tau_decay": [text]})), [0])).key
        for text in ("50*us + 5*ms", "5.05*ms")
    )
    assert one == other
    assert Point((("a", "1"),), (1.0,)).key != Point((("a", "2"),), (2.0,)).key


RANGES = {"G": (0.02, 0.2), "n": "10:12", "alpha_P": "1e-6:1e-2:log", "tau_decay": "10*ms:50*ms", "neuron": "lif,theta"}


@pytest.mark.parametrize("design", ["random", "sobol"])
def test_drawn_points_lie_in_their_ranges_and_begin_alike(base, design):
    ranges = ranges_of("sweep.grid", base, RANGES)
    points = drawn(ranges, design, 64)
    assert drawn(ranges, design, 5) == points[:5]
    g, n, alpha, tau, neuron = (np.array(column) for column in zip(*(point.values for point in points), strict=True))
    assert set(n) == {10, 11, 12} and set(neuron) == {"lif", "theta"}
    assert g.min() >= 0.02 and g.max() <= 0.2 and tau.min() >= 0.01 and tau.max() <= 0.05
    assert abs(np.log10(alpha).mean() + 4) < 0.5
    for point in points[:1]:  # what is stored is what a run gets
        for (name, text), value in zip(point.settings, point.values, strict=True):
            assert base.value(name, text) == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)


def test_sobol_fills_evenly(base):
    """Of 16 points, one lies in each sixteenth of each range; independent draws would do so once in a million."""
    points = drawn(ranges_of("sweep.grid", base, {"G": "0:16", "Q": "0:16"}), "sobol", 16)
    for column in zip(*(point.values for point in points), strict=True):
        assert sorted(map(math.floor, column)) == list(range(16))


@pytest.mark.parametrize(
    ("key", "given", "text"),
    [
        ("G", "0.2:0.1", "sweep.grid G: expected a lower end below the upper one."),
        ("G", "0.2", "sweep.grid G: expected LOW:HIGH, or choices."),
        ("G", "0.1:0.2:5", "sweep.grid G: expected LOW:HIGH."),
        ("G", (0.1,), "sweep.grid G: expected LOW and HIGH."),
        ("alpha_P", "-1:1:log", "sweep.grid alpha_P: expected ends above 0 for logarithmic steps."),
        ("p", "0.5:2", "network.p"),
    ],
)
def test_ranges_that_cannot_work(base, key, given, text):
    with pytest.raises(TensionError, match=re.escape(text)):
        ranges_of("sweep.grid", base, {key: given})
    with pytest.raises(InvalidValueError, match="sweep.grid: expected at least one range."):
        ranges_of("sweep.grid", base, {})


def test_settings_of_a_network_recipe_count_as_numbers_in_si_units():
    """Its parameters and weights may be expressions that draw; those that are plain are numbers of a table."""
    base = base_of("sweep", "brette_gerstner_2005/ei_adex_force")
    bias, weight = "populations.exc.parameters.bias", "projections.inh_to_exc.weight"
    assert base.value(bias, "800*pA") == 800e-12 and base.value("populations.exc.n", "80") == 80
    assert base.value(weight, "2*nS") == pytest.approx(2e-9)
    assert base.value(weight, "2*nS*rand()") == "2*nS*rand()"
    (one,) = ranges_of("tune", base, {bias: "400*pA:800*pA"})
    assert one.draw(0.5) == ("600*pA", pytest.approx(600e-12))
