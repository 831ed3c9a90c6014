"""One figure of several runs: outputs in the test, errors over time, firing rates or r of each cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..measures import cell_correlations
from ..run_data import RunData
from .heading import width_of, wrapped
from .panels import draw_output, error_of
from .style import CYCLE, NORMAL, SMALL, TEXT, NotebookFigure, label, literal, make_figure, plain
from .windows import windows_of

__all__ = ["draw_errors", "draw_last_window", "draw_spread", "figure_compared"]

#: Points: of the figure, and of it what axis labels and the legend beside a title, or a legend's handle and gaps take.
_WIDTH = 9.0 * 72
_BESIDE_TITLE, _BESIDE_NAME = 200, 90
_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": SMALL, "labelcolor": TEXT}


def draw_last_window(axes: Axes, run: RunData) -> None:
    """Draw output and target at the start of the test, or where the run has its last phase."""
    window = windows_of(run)[-1]
    draw_output(axes, run, window, True)
    axes.set_xlim(window.start, window.stop)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def draw_errors(axes: Axes, runs: Mapping[str, RunData]) -> None:
    """Draw the root mean square error of each run over its time."""
    for (name, run), color in zip(runs.items(), _colours(), strict=False):
        if run.target is not None and run.target.size:
            times, error = error_of(run)
            axes.plot(times, np.where(error > 0, error, np.nan), color=color, linewidth=1.1, label=literal(name))
    axes.set_yscale("log")
    label(axes, x="time (s)", y="RMS error")


def draw_spread(axes: Axes, runs: Mapping[str, RunData]) -> None:
    """Draw how r is spread over the cells of each run; where they have no targets, how firing rates are."""
    found = {name: cell_correlations(run) for name, run in runs.items()}
    correlated = all(values is not None for values in found.values())
    spread = found if correlated else {name: _last_rates(run) for name, run in runs.items()}
    kept = {name: values[np.isfinite(values)] for name, values in spread.items() if values is not None}
    everything = np.concatenate([np.zeros(1), *kept.values()])
    edges = np.linspace(everything.min(), max(everything.max(), everything.min() + 1e-9), 41)
    for name, color in zip(runs, _colours(), strict=False):
        if name in kept and kept[name].size:
            share = np.full(kept[name].size, 100 / kept[name].size)
            how: dict[str, Any] = {"histtype": "step", "color": color, "linewidth": 1.2, "label": literal(name)}
            axes.hist(kept[name], bins=edges.tolist(), weights=share, **how)
    what, cells = ("r of output and target", "cells") if correlated else ("firing rate (Hz)", "neurons")
    label(axes, x=what, y=f"{cells} (%)")


def _last_rates(run: RunData) -> np.ndarray | None:
    rates = list(run.rates.values())
    return rates[-1] if rates and run.n_recorded_neurons else None


def _colours() -> list[str]:
    return [*CYCLE, *CYCLE]


def figure_compared(runs: Mapping[str, RunData]) -> NotebookFigure:
    """Draw several runs: a row for the output of each, and errors and firing rates of all below.

    Parameters
    ----------
    runs : mapping of str to Results
        By the names that the figure shows.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Simulation
    >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
    >>> [axes.get_ylabel() for axes in figure_compared({"a": run, "b": run}).axes]
    ['output', 'output', 'RMS error', 'neurons (%)']
    """
    rows = len(runs)
    figure = make_figure(_WIDTH / 72, 1.15 * rows + 2.9)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.15 * rows, 2.6))
    top, bottom = parts
    for axes, (name, run) in zip(top.subplots(rows, 1, squeeze=False).flat, runs.items(), strict=True):
        plain(axes)
        if run.n_outputs:
            draw_last_window(axes, run)
        seed = run.provenance.get("seed")
        title = literal(name) + ("" if seed is None else f"   ·   seed {seed}")
        room = _WIDTH - _BESIDE_TITLE  # beside the legend, which the first row has
        axes.set_title(wrapped(title, room, NORMAL), fontsize=NORMAL, color=TEXT, loc="left")
    label(axes, x="time (s)")
    if top.axes[0].lines:
        top.axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderpad=0, **_LEGEND)
    draws: tuple[Callable[[Axes, Mapping[str, RunData]], None], ...] = (draw_errors, draw_spread)
    for axes, draw in zip(bottom.subplots(1, 2).flat, draws, strict=True):
        plain(axes)
        draw(axes, runs)
    handles, names = axes.get_legend_handles_labels()
    if not names:
        handles, names = bottom.axes[0].get_legend_handles_labels()
    widest = max((width_of(name, SMALL) for name in names), default=0.0) + _BESIDE_NAME
    names = [wrapped(name, _WIDTH - _BESIDE_NAME, SMALL) for name in names]
    columns = max(1, min(rows, 4, int(_WIDTH // widest)))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, **_LEGEND)
    return figure
