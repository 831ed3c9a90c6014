"""Figures of sweeps: what is drawn is the mean and spread over seeds, and nothing is averaged unasked."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tension_sim import plot_sweep
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError
from tension_sim.sweeps.folder import Description
from tension_sim.sweeps.table import Sweep
from tension_sim.sweeps.work import Row

pytest.importorskip("pandas", reason="sweeps need the extra")

NUMBERS = {"aligned_rmse": ("error (RMSE) of the test", "1"), "firing_rate": ("firing rate", "hertz")}


def made(axes, seeds, number, status=lambda *values: "done"):
    """Return a sweep of a grid whose numbers are a function of the settings and the seed."""
    names = [f"network.{name}" for name in axes]
    rows = []
    for values in np.ndindex(*(len(values) for values in axes.values())):
        point = [known[k] for known, k in zip(axes.values(), values, strict=True)]
        for seed in seeds:
            state = status(*point, seed)
            found = {"aligned_rmse": number(*point, seed)} if state == "done" else {}
            settings = dict(zip([*names, "run.seed"], [*point, seed], strict=True))
            texts = {name: str(value) for name, value in settings.items()}
            rows.append(Row(str(len(rows)), texts, settings, state, numbers=found))
    return Sweep(None, Description("demo", {}, [], None, [*names, "run.seed"], NUMBERS), rows)


def test_heat_maps_show_mean_and_spread():
    found = made({"G": [0.1, 0.2, 0.3], "Q": [1, 10]}, [0, 1], lambda g, q, seed: g * q + (seed - 0.5) * g)
    figure = plot_sweep(found, x="G", y="Q")
    mean, spread = (axes.collections[0].get_array() for axes in figure.axes[:2])
    np.testing.assert_allclose(mean, [[0.1, 0.2, 0.3], [1, 2, 3]])
    np.testing.assert_allclose(spread, np.sqrt(0.5) * np.array([[0.1, 0.2, 0.3]] * 2))
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["0.1", "0.2", "0.3"]
    assert figure.get_suptitle() == "demo   ·   2 seeds"


def test_points_without_a_number_are_crossed_out():
    found = made(
        {"G": [0.1, 0.2], "Q": [1, 10]},
        [0],
        lambda *_: 1.0,
        lambda g, q, _: "diverged" if q == 10 and g == 0.2 else "done",
    )
    (cross,) = plot_sweep(found, x="G", y="Q").axes[0].lines
    assert cross.get_xydata().tolist() == [[1.5, 1.5]]


def test_one_seed_has_no_spread():
    figure = plot_sweep(made({"G": [0.1, 0.2], "Q": [1, 10]}, [0], lambda *_: 1.0), x="G", y="Q")
    assert len(figure.axes) == 2  # the map and its scale


def test_lines_with_a_band_each():
    found = made({"G": [0.1, 0.2], "Q": [1, 10]}, [0, 1], lambda g, q, seed: g * q + seed)
    axes = plot_sweep(found, x="G", by="Q").axes[0]
    assert [line.get_label() for line in axes.lines] == ["Q = 1", "Q = 10"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [1.5, 2.5])
    assert len(axes.collections) == 2 and axes.get_ylabel() == "error (RMSE) of the test"


@pytest.mark.parametrize(
    ("values", "scale"), [([1, 10, 100], "log"), ([1, 2, 3], "linear"), ([10, 40, 70, 100], "linear")]
)
def test_axes_are_logarithmic_where_values_are(values, scale):
    axes = plot_sweep(made({"G": values}, [0], lambda g, _: g), x="G").axes[0]
    assert axes.get_xscale() == scale
    if scale == "log":
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "10", "100"]


def test_texts_along_an_axis_and_a_fixed_value():
    found = made({"neuron": ["lif", "theta"], "Q": [1.0, 10.0]}, [0], lambda neuron, q, _: q + (neuron == "theta"))
    axes = plot_sweep(found, x="neuron", at={"Q": "10"}).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [10, 11]


def test_drawn_points_are_dots():
    rng = np.random.default_rng(0)
    pairs = rng.random((20, 2))
    names = ["network.G", "network.Q", "run.seed"]
    rows = [
        Row(str(k), {}, dict(zip(names, [*pair, 0], strict=True)), "done", numbers={"aligned_rmse": sum(pair)})
        for k, pair in enumerate(pairs.tolist())
    ]
    figure = plot_sweep(Sweep(None, Description("demo", {}, [], None, names, NUMBERS), rows), x="G", y="Q")
    dots = figure.axes[0].collections[0]
    np.testing.assert_allclose(dots.get_array(), dots.get_offsets().sum(axis=1))


def test_panels_share_colours_and_axes():
    found = made({"a": [1, 2], "Q": [1, 10], "G": [0.1, 0.2]}, [0, 1], lambda a, q, g, seed: a * q * g + seed)
    figure = plot_sweep(found, x="G", y="Q", panels="a")
    maps = [axes for axes in figure.axes if axes.collections and axes.get_title()]
    assert [axes.get_title() for axes in maps] == ["a = 1", "a = 2"] * 2
    for axes, a in zip(maps[:2], (1, 2), strict=True):
        np.testing.assert_allclose(axes.collections[0].get_array(), 0.5 + a * np.outer([1, 10], [0.1, 0.2]))
        assert axes.collections[0].get_clim() == pytest.approx((0.6, 4.5))
    for axes in maps[2:]:
        np.testing.assert_allclose(axes.collections[0].get_array(), np.full((2, 2), np.sqrt(0.5)))
    names = [" ".join(axes.get_ylabel().split()) for axes in figure.axes[4:]]
    assert names == ["error (RMSE) of the test", "standard deviation over seeds"]


def test_lines_in_panels():
    found = made({"a": [1, 2, 3], "Q": [1, 10], "G": [0.1, 0.2]}, [0], lambda a, q, g, seed: a * q * g)
    panels = plot_sweep(found, x="G", by="Q", panels="a").axes
    assert [len(axes.lines) for axes in panels] == [2, 2, 2]
    assert [axes.get_legend() is None for axes in panels] == [True, True, False]
    np.testing.assert_allclose(panels[2].lines[1].get_ydata(), [3, 6])
    assert len({axes.get_ylim() for axes in panels}) == 1


def test_numbers_of_failed_networks_do_not_set_the_scale():
    found = made({"Q": [1, 10], "G": [1, 2, 3]}, [0, 1], lambda q, g, seed: 5e3 if q * g * seed == 30 else 0.1 * g)
    assert plot_sweep(found, x="G", by="Q").axes[0].get_yscale() == "log"
    figure = plot_sweep(found, x="G", by="Q", highest=1)
    assert figure.get_suptitle() == "demo   ·   at most 1   ·   2 seeds"
    assert figure.axes[0].get_yscale() == "linear"
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), [0.1, 0.2, (0.3 + 1) / 2])
    mean, spread = (axes.collections[0].get_array() for axes in plot_sweep(found, x="G", y="Q", highest=1).axes[:2])
    np.testing.assert_allclose(mean, [[0.1, 0.2, 0.3], [0.1, 0.2, 0.65]])
    assert spread[1, 2] == pytest.approx(0.7 / np.sqrt(2))
    assert found.table()["aligned_rmse"].max() == 5e3


@pytest.mark.parametrize(
    ("names", "labels"),
    [(["G"], [("G", "")]), (["Q", "G"], [("G", "Q")]), (["a", "Q", "G"], [("G", "Q"), ("G", "")])],
)
def test_settings_have_their_places_by_their_order(names, labels):
    found = made({name: [1, 2] for name in names}, [0], lambda *_: 1.0)
    axes = [one for one in plot_sweep(found).axes if one.get_xlabel()]
    shown = [(one.get_xlabel(), one.get_ylabel() if len(names) > 1 else "") for one in axes]
    assert shown == labels


def test_a_figure_is_drawn_as_planned():
    found = made({"a": [1, 2], "Q": [1, 10]}, [0], lambda a, q, seed: a * q)
    plot = {"x": "network.a", "by": "network.Q", "highest": 15.0}
    found.description = replace(found.description, plot=plot)
    (axes,) = plot_sweep(found).axes
    assert axes.get_xlabel() == "a" and axes.lines[1].get_ydata().tolist() == [10, 15]
    assert plot_sweep(found, x="Q", y="a").axes[0].get_xlabel() == "Q"
    # of a setting with one value there is nothing to draw: the others by their order
    assert plot_sweep(found, at={"a": 1}).axes[0].get_xlabel() == "Q"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"x": "g"}, UnknownNameError, "plot.x: expected a known setting of this sweep (G, Q)."),
        ({"x": "G", "y": "G"}, InvalidValueError, "plot: expected different settings for x, y, by and panels."),
        ({"x": "G", "y": "Q", "by": "Q"}, InvalidValueError, "plot: expected different settings"),
        ({"x": "G"}, InvalidValueError, "plot: expected one value of Q.\nReceived: 'several of Q'\nFix: choose one"),
        ({"x": "G", "at": {"Q": "2"}}, InvalidValueError, "plot.at Q: expected one of its values (1, 10)."),
        ({"x": "G", "at": {"n": "2"}}, UnknownNameError, "plot.at: expected a known setting of this sweep"),
        ({"x": "G", "y": "Q", "value": "rmse"}, UnknownNameError, "plot.value: expected a known number"),
        ({"y": "Q"}, InvalidValueError, "plot.x: expected a setting of this sweep.\nReceived: None\nFix: one of G, Q."),
        ({"x": "G", "panels": "q"}, UnknownNameError, "plot.panels: expected a known setting of this sweep"),
        ({"at": {"G": 0.1, "Q": 1}}, InvalidValueError, "plot: expected up to three settings with several values"),
        ({"x": "G", "y": "Q", "highest": "much"}, InvalidTypeError, "plot.highest: expected a finite number"),
        ({"x": "G", "y": "Q", "value": "firing_rate"}, InvalidValueError, "plot: expected a point with firing_rate."),
    ],
)
def test_what_cannot_be_drawn(arguments, error, text):
    found = made({"G": [0.1, 0.2], "Q": [1, 10]}, [0], lambda *_: 1.0)
    with pytest.raises(error, match=re.escape(text)):
        plot_sweep(found, **arguments)


def test_few_panels():
    found = made({"a": list(range(13)), "G": [0.1, 0.2]}, [0], lambda *_: 1.0)
    with pytest.raises(InvalidValueError, match=re.escape("plot.panels: expected at most 12 values of a.")):
        plot_sweep(found, x="G", panels="a")
