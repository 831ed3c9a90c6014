"""Figures of networks fitted to recorded activity: data and network, their fit, and currents by region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from ..errors import InvalidValueError, message
from ..results.plots.heading import heading
from ..results.plots.style import (
    LEARNING_SHADE,
    LINES,
    OUTPUT,
    SMALL,
    TARGET,
    TEXT,
    NotebookFigure,
    label,
    make_figure,
    plain,
    run_title,
)
from ..results.run_data import target_of

if TYPE_CHECKING:
    from ..results.results import Results
    from ..run.data_constrained import DataConstrainedNetwork

__all__ = ["figure_decomposition", "figure_traces"]

#: Regions whose currents are drawn over time; of more, only the mean.
_MOST_REGIONS = 4
_TRACES = 8

Currents = Mapping[tuple[str, str], np.ndarray]


def figure_decomposition(model: DataConstrainedNetwork, known: np.ndarray | None = None) -> NotebookFigure:
    """Draw data and rates, the explained variance of each run, and currents by target and source region.

    Parameters
    ----------
    model : DataConstrainedNetwork
        After a run.
    known : array, shape (n, n), optional
        True weights from row to column: those of the model are drawn beside them, in place of the explained variance.

    Examples
    --------
    >>> from tension_sim.run.data_constrained import DataConstrainedNetwork
    >>> data = np.sin(np.arange(20)[:, None] / 3 + np.arange(4))
    >>> model = DataConstrainedNetwork(data, "10*ms", regions={"A": [0, 1], "B": [2, 3]}, target="numpy")
    >>> _ = model.fit(1)
    >>> [axes.get_title() for axes in figure_decomposition(model).axes][:3]
    ['data', 'network', 'fit']
    """
    order = np.concatenate(list(model.regions.values()))
    borders = np.cumsum([len(members) for members in model.regions.values()])[:-1]
    many = len(model.regions) > _MOST_REGIONS
    if model.results is None:
        raise InvalidValueError(message("figure_decomposition.model", "a model that was run", None, "call model.fit."))
    target, output = target_of(model.results), model.results.output
    duration = model.results.n_steps * model.net.dt
    figure = make_figure(12.0, 6.5)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.3)).flat
    axes = left.subplots(3, 1, height_ratios=(1, 1, 0.7))
    for ax, values, title in zip(axes, (target, output), ("data", "network"), strict=False):
        image = _image(ax, values[:, order].T, 1.0, duration, title)
        for border in borders:
            ax.axhline(border - 0.5, color="black", linewidth=0.6)
        label(ax, y="neuron")
    label(axes[1], x="time (s)")
    bar = left.colorbar(image, ax=list(axes[:2]), shrink=0.6)
    bar.set_label("rate", fontsize=SMALL, color=TEXT)
    bar.ax.tick_params(labelsize=SMALL, colors=TEXT)
    if known is None:
        _draw_fit(axes[2], {"explained variance": model.history.p_var}, ~model.history.learned)
    else:
        _draw_weights(axes[2], known, model.weights)
    currents = model.decompose()
    if many:
        _draw_means(right.subplots(), list(model.regions), currents)
    else:
        _draw_currents(right, list(model.regions), currents, duration)
    heading(figure, run_title(model.results))
    return figure


def figure_traces(results: Results, curves: Mapping[str, np.ndarray], threshold: float | None = None) -> NotebookFigure:
    """Draw some traces and the network's output, and curves over the epochs.

    Parameters
    ----------
    results : Results
        A run with a target.
    curves : mapping of str to array, shape (epochs,)
        Errors by their names.
    threshold : float, optional
        A line across these.
    """
    figure = make_figure(9.0, 6.5)
    top, bottom = figure.subplots(2, 1, height_ratios=(2.2, 1))
    plain(top)
    # those that vary together least: the first, and always the one farthest from the chosen
    target = target_of(results)
    shown = _different(target, _TRACES)
    known = target[:, shown]
    spacing = 1.1 * float(np.nanmax(known) - np.nanmin(known))
    for k, neuron in enumerate(shown):
        lines = top.plot(results.times, target[:, neuron] - k * spacing, color=TARGET, linewidth=2.4)
        lines += top.plot(results.times, results.output[:, neuron] - k * spacing, color=OUTPUT, linewidth=1.0)
    for line, name in zip(lines, ("recorded", "free run"), strict=True):
        line.set_label(name)
    top.legend(loc="upper right", frameon=False, fontsize=SMALL, ncols=2, labelcolor=TEXT)
    top.set_yticks(-spacing * np.arange(len(shown)), [f"cell {neuron}" for neuron in shown])
    label(top, x="time (s)", y="activity, one cell below the other")
    _draw_fit(bottom, curves, None)
    label(bottom, x="epoch", y="mean absolute error", title="")
    if threshold is not None:
        bottom.axhline(threshold, color=LINES, linewidth=0.8, linestyle="--")
    heading(figure, run_title(results, "cells"))
    return figure


def _different(traces: np.ndarray, most: int) -> list[int]:
    known = np.nan_to_num(traces)
    shown = [int(np.argmax(np.ptp(known, axis=0)))]
    with np.errstate(invalid="ignore"):  # of a cell that does not vary
        similar = np.abs(np.nan_to_num(np.corrcoef(known.T)))
    while len(shown) < min(most, traces.shape[1]):
        nearest = similar[shown].max(axis=0)
        nearest[shown] = np.inf
        shown.append(int(np.argmin(nearest)))
    return shown


def _image(ax: Axes, values: np.ndarray, limit: float, duration: float, title: str) -> AxesImage:
    image = ax.imshow(
        values, aspect="auto", interpolation="none", cmap="RdBu_r", vmin=-limit, vmax=limit,
        extent=(0, duration, len(values) - 0.5, -0.5),
    )  # fmt: skip
    label(ax, title=title)
    ax.tick_params(labelsize=SMALL, colors=TEXT)
    return image


def _draw_fit(ax: Axes, curves: Mapping[str, np.ndarray], free: np.ndarray | None) -> None:
    plain(ax)
    for (name, values), color in zip(curves.items(), (OUTPUT, LEARNING_SHADE), strict=False):
        runs = np.arange(1, len(values) + 1)
        ax.plot(runs, values, color=color, linewidth=1.2, label=name, marker="." if len(values) < 60 else None)
        if free is not None and free.any():
            ax.plot(runs[free], values[free], "o", color=LEARNING_SHADE, markersize=3, label="without learning")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    label(ax, x="run", title="fit")
    ax.legend(frameon=False, fontsize=SMALL, labelcolor=TEXT)


def _draw_weights(ax: Axes, known: np.ndarray, weights: np.ndarray) -> None:
    plain(ax)
    off = ~np.eye(len(known), dtype=bool)
    ends = [float(known.min()), float(known.max())]
    ax.plot(ends, ends, color=TARGET, linewidth=2.4, label="equal")
    ax.plot(known[off], weights[off], ",", color=OUTPUT)
    label(ax, x="true weight", y="fitted weight", title="fit")
    ax.legend(frameon=False, fontsize=SMALL, labelcolor=TEXT)


def _draw_currents(figure: FigureBase, names: list[str], currents: Currents, duration: float) -> None:
    axes = figure.subplots(len(names), len(names), squeeze=False, sharex=True)
    limit = max(float(np.percentile(np.abs(values), 99)) for values in currents.values()) or 1.0
    for row, target in enumerate(names):
        for column, source in enumerate(names):
            values = currents[target, source]
            title = f"{source} → {target}   mean |I| {np.abs(values).mean():.2g}"
            image = _image(axes[row, column], values.T, limit, duration, title)
    for ax in axes[-1]:
        label(ax, x="time (s)")
    for ax in axes[:, 0]:
        label(ax, y="neuron")
    bar = figure.colorbar(image, ax=axes, shrink=0.5)
    bar.set_label("current", fontsize=SMALL, color=TEXT)
    bar.ax.tick_params(labelsize=SMALL)


def _draw_means(ax: Axes, names: list[str], currents: Currents) -> None:
    means = np.array([[np.abs(currents[target, source]).mean() for source in names] for target in names])
    image = ax.imshow(means, cmap="viridis", vmin=0)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=SMALL)
    ax.set_yticks(range(len(names)), names, fontsize=SMALL)
    label(ax, x="source", y="target", title="mean |current|")
    ax.figure.colorbar(image, ax=ax, shrink=0.6).ax.tick_params(labelsize=SMALL, colors=TEXT)
