"""Figure of innate training: the trajectory and its recall, the loss over trials, and the output of tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..results.plots.heading import heading
from ..results.plots.style import (
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

__all__ = ["figure_innate"]

_SHOWN = 5


def figure_innate(results: Results, innate: Sequence[np.ndarray]) -> NotebookFigure:
    """Draw rates of some units in the innate trial and in tests, the loss of each trial, and output and target.

    Parameters
    ----------
    results : Results
        Tests, whose trials take turns as `innate`, with rates ``"r"`` and a learning curve of ``"loss"``.
    innate : sequence of array, shape (steps, units)
        Rates that were learned, in a trial of each condition.
    """
    figure = make_figure(10.0, 7.0)
    grid = figure.add_gridspec(3, 2, width_ratios=(3, 1), height_ratios=(2, 1, 1))
    steps = sum(map(len, innate))
    rates_of, t = np.concatenate(innate), np.arange(steps) * results.dt
    rates = results.recorded["r"].values
    axes = [figure.add_subplot(grid[row, 0]) for row in range(3)]
    top = axes[0]
    plain(top)
    for k in range(min(_SHOWN, rates.shape[1])):
        shift = 2.4 * k
        top.plot(t, rates_of[:, k] - shift, color=TARGET, linewidth=2.4, label="innate" if not k else None)
        top.plot(t, rates[:steps, k] - shift, color=OUTPUT, linewidth=1.0, label="test" if not k else None)
    top.set_yticks([])
    label(top, y="rates of units", title="the trajectory, and its recall")
    target, names = target_of(results), [phase.name for phase in results.phases]
    for ax, name in zip(axes[1:], names, strict=False):
        plain(ax)
        phase = next(each for each in results.phases if each.name == name)
        ax.plot(t, target[:steps], color=TARGET, linewidth=2.4, label=_first("target", target))
        for first in range(phase.start, phase.stop, steps):
            rows = results.output[first : first + steps]
            ax.plot(
                t[: len(rows)],
                rows,
                color=OUTPUT,
                linewidth=0.8,
                label=_first("output", rows) if first == phase.start else None,
            )
        label(ax, y="output", title=name)
    label(axes[min(len(names), 2)], x="time (s)")
    if len(names) < 2:
        axes[2].set_axis_off()
    side = figure.add_subplot(grid[0, 1])
    plain(side)
    losses = results.learning_curve.get("loss", np.zeros(0))
    side.semilogy(np.arange(1, len(losses) + 1), losses, color=OUTPUT, marker="o", markersize=3, linewidth=1)
    label(side, x="trial", title="mean squared difference")
    for ax in axes[:2]:
        ax.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, frameon=False, fontsize=SMALL, labelcolor=TEXT)
    heading(figure, run_title(results))
    return figure


def _first(name: str, columns: np.ndarray) -> list[str | None]:
    """Return labels of columns, of which the first is named."""
    return [name, *[None] * (columns.shape[1] - 1)]
