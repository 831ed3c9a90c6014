"""Figures of networks fitted to currents: inputs and targets of some neurons, and how they came together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from ..declare.fitted import FittedNetwork
from ..results.measures import correlation
from ..results.plots.heading import heading
from ..results.plots.style import (
    LEARNING_SHADE,
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

__all__ = ["figure_fitted"]


def figure_fitted(results: Results, curves: Mapping[str, tuple[np.ndarray, np.ndarray]], rows: slice) -> NotebookFigure:
    """Draw inputs and targets of six neurons, the distribution of r, and its mean over the loops.

    Parameters
    ----------
    results : Results
        A run whose output and target are currents.
    curves : mapping of str to (loops, mean r)
        By what they are.
    rows : slice
        The rows that count.

    Examples
    --------
    >>> from tension_sim import Phase, Results
    >>> y = np.sin(np.arange(30)[:, None] / 3 + np.arange(4))
    >>> run = Results("demo", 1e-3, 0, 30, 4, [], [], 4, 1, y, y + 0.1, (Phase("all", 0, 30),))
    >>> len(figure_fitted(run, {"tests": (np.arange(3), np.arange(3.0))}, slice(0, 30)).axes)
    8
    """
    output, target, times = results.output[rows], target_of(results)[rows], results.times[rows]
    r = correlation(output, target)
    figure = make_figure(10.0, 6.4)
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(2, 1)).flat
    # from the best to the worst
    shown = np.argsort(-np.nan_to_num(r))[np.linspace(0, len(r) - 1, 6).astype(int)]
    grid = top.subplots(2, 3, sharex=True)
    for ax, neuron in zip(grid.flat, shown, strict=True):
        plain(ax)
        ax.plot(times, target[:, neuron], color=TARGET, linewidth=2.4, label="target")
        ax.plot(times, output[:, neuron], color=OUTPUT, linewidth=1.0, label="input")
        label(ax, title=f"neuron {neuron}, r = {r[neuron]:.2f}")
    unit = f" ({_unit(results.net.neuron.current_unit)})" if isinstance(results.net, FittedNetwork) else ""
    for ax in grid[:, 0]:
        label(ax, y=f"synaptic input{unit}")
    for ax in grid[-1]:
        label(ax, x="time (s)")
    heading(figure, run_title(results), grid[0, 0])
    left, right = bottom.subplots(1, 2)
    plain(left)
    known = r[np.isfinite(r)]  # not of neurons whose input does not vary
    left.hist(known, bins=np.linspace(-1, 1, 41), color=OUTPUT)
    mean = f"{known.mean():.3f}" if known.size else "-"
    label(left, x="r of target and input", y="neurons", title=f"r of {len(known)} neurons, mean {mean}")
    left.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    plain(right)
    for (name, (loops, values)), color in zip(curves.items(), (OUTPUT, LEARNING_SHADE), strict=False):
        right.plot(loops, values, ".-", color=color, linewidth=1.2, label=name)
    label(right, x="loop", y="mean r", title="mean r over the loops")
    right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    right.legend(frameon=False, fontsize=SMALL, labelcolor=TEXT)
    return figure


def _unit(name: str) -> str:
    return "plain numbers" if name == "1" else name
