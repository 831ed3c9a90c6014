"""Figures of sweeps: what is drawn is the mean and spread over seeds, and nothing is averaged unasked."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tension_sim import plot_sweep
from tension_sim.errors import InvalidValueError, UnknownNameError
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


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"x": "g"}, UnknownNameError, "plot.x: expected a known setting of this sweep (G, Q)."),
        ({"x": "G", "y": "G"}, InvalidValueError, "plot: expected different settings for x, y and by."),
        ({"x": "G", "y": "Q", "by": "Q"}, InvalidValueError, "plot: expected different settings"),
        ({"x": "G"}, InvalidValueError, "plot: expected one value of Q.\nReceived: 'several of Q'\nFix: choose one"),
        ({"x": "G", "at": {"Q": "2"}}, InvalidValueError, "plot.at Q: expected one of its values (1, 10)."),
        ({"x": "G", "at": {"n": "2"}}, UnknownNameError, "plot.at: expected a known setting of this sweep"),
        ({"x": "G", "y": "Q", "value": "rmse"}, UnknownNameError, "plot.value: expected a known number"),
        ({"x": "G", "y": "Q", "value": "firing_rate"}, InvalidValueError, "plot: expected a point with firing_rate."),
    ],
)
def test_what_cannot_be_drawn(arguments, error, text):
    found = made({"G": [0.1, 0.2], "Q": [1, 10]}, [0], lambda *_: 1.0)
    with pytest.raises(error, match=re.escape(text)):
        plot_sweep(found, **arguments)
