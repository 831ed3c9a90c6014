"""Figures of networks fitted to currents: inputs and targets of some neurons, and how they came together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..results.plots import _LEARNING, _OUTPUT, _SMALL, _TARGET, _TEXT, _plain
from ..results.run_data import target_of
from ..run.trials import correlation

if TYPE_CHECKING:
    from ..results.results import Results

__all__ = ["figure_fitted"]


def figure_fitted(results: Results, curves: Mapping[str, tuple[np.ndarray, np.ndarray]], rows: slice) -> Figure:
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
    r = np.nan_to_num(correlation(output, target))
    figure = Figure(figsize=(10.0, 6.0), dpi=150, facecolor="white", layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(2, 1)).flat
    # from the best to the worst
    shown = np.argsort(-r)[np.linspace(0, len(r) - 1, 6).astype(int)]
    for ax, neuron in zip(top.subplots(2, 3, sharex=True).flat, shown, strict=True):
        _plain(ax)
        ax.plot(times, target[:, neuron], color=_TARGET, linewidth=2.4, label="target")
        ax.plot(times, output[:, neuron], color=_OUTPUT, linewidth=1.0, label="input")
        ax.set_title(f"neuron {neuron}, r = {r[neuron]:.2f}", fontsize=_SMALL, color=_TEXT)
        ax.set_xlabel("time (s)", fontsize=_SMALL, color=_TEXT)
    ax.legend(frameon=False, fontsize=_SMALL)
    left, right = bottom.subplots(1, 2)
    _plain(left)
    left.hist(r, bins=np.linspace(-1, 1, 41), color=_OUTPUT)
    left.set_title(f"r of {len(r)} neurons, mean {r.mean():.3f}", fontsize=_SMALL, color=_TEXT)
    _plain(right)
    for (name, (loops, values)), color in zip(curves.items(), (_OUTPUT, _LEARNING), strict=False):
        right.plot(loops, values, ".-", color=color, linewidth=1.2, label=name)
    right.set_xlabel("loop", fontsize=_SMALL, color=_TEXT)
    right.set_title("mean r", fontsize=_SMALL, color=_TEXT)
    right.legend(frameon=False, fontsize=_SMALL)
    return figure
