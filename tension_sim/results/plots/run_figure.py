"""One figure of a run: output and spikes before, during and after learning, and the error over time."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from ...errors import InvalidValueError, message
from ..phases import LEARNING
from ..run_data import RunData, check_results
from .heading import heading
from .panels import draw_error, draw_learning_curve, draw_output, draw_raster
from .style import (
    LEARNING_NAME,
    LEARNING_SHADE,
    NORMAL,
    SMALL,
    TEXT,
    NotebookFigure,
    literal,
    make_figure,
    plain,
    run_title,
)
from .windows import Window, learning_curve_of, whole_run, windows_of

__all__ = ["figure_run", "plot_prediction", "plot_raster", "plot_training", "shade_learning"]


def figure_run(results: RunData) -> NotebookFigure:
    """Draw a run.

    Top: the output on the target in a window before learning (its end), during learning (its
    end) and after it (its start). Middle: spikes of up to 100 neurons in the same windows.
    Bottom: the error over the whole run and, where the run has a learning curve, the norm of
    the weights. A window is 1 s long, or two periods of a slow target.

    Parameters
    ----------
    results : Results
        The run; it may lack spikes, a target or any of the phases.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import Phase, Results
    >>> z = np.sin(np.arange(300) / 10)[:, None]
    >>> run = Results("demo", 1e-2, 0, 300, 5, [1, 200], [0, 3], 5, 1, z, z, (Phase("learning", 0, 300),))
    >>> figure = figure_run(run)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['output', 'neuron', 'RMS error']
    """
    results = check_results("figure_run.results", results)
    rows: list[Any] = [draw_output] if results.n_outputs else []
    if results.n_recorded_neurons:
        rows.append(draw_raster)
    return _figure(results, windows_of(results), rows, _curves(results))


def plot_training(results: RunData) -> NotebookFigure:
    """Draw how a run learned: its error over time, and the learning curve where it has one.

    Parameters
    ----------
    results : Results
        A run with a target, such as ``model.results`` after ``fit``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidValueError
        If the run has neither target nor learning curve.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import Phase, Results
    >>> z = np.sin(np.arange(300) / 10)[:, None]
    >>> run = Results("demo", 1e-2, 0, 300, 5, [], [], 0, 1, 0.9 * z, z, (Phase("learning", 0, 300),))
    >>> [axes.get_ylabel() for axes in plot_training(run).axes]
    ['RMS error']
    """
    results = check_results("plot_training.results", results)
    curves = _curves(results)
    if not curves:
        raise InvalidValueError(
            message("plot_training.results", "a run with a target", results.name, "give y to fit or run.")
        )
    return _figure(results, [], [], curves)


def plot_prediction(results: RunData) -> NotebookFigure:
    """Draw the output of a whole run, on its target where there is one.

    Parameters
    ----------
    results : Results
        A run, such as ``model.results`` after ``predict``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidValueError
        If the output was not recorded.
    """
    results = check_results("plot_prediction.results", results)
    if not results.n_outputs:
        where, fix = "plot_prediction.results", "leave the output in Record."
        raise InvalidValueError(message(where, "a run with a recorded output", results.name, fix))
    return _figure(results, [whole_run(results)], [draw_output], [])


def plot_raster(results: RunData) -> NotebookFigure:
    """Draw the spikes of up to 100 neurons over a whole run.

    Parameters
    ----------
    results : Results
        A run with recorded spikes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidValueError
        If no spikes were recorded.
    """
    results = check_results("plot_raster.results", results)
    if not results.n_recorded_neurons:
        raise InvalidValueError(
            message("plot_raster.results", "a run with recorded spikes", results.name, "use a spiking network.")
        )
    return _figure(results, [whole_run(results)], [draw_raster], [])


def _curves(results: RunData) -> list[Any]:
    """Return what can be drawn of the course of learning."""
    curves = [draw_error] if results.target is not None and results.target.size else []
    return curves + ([draw_learning_curve] if learning_curve_of(results) is not None else [])


def _figure(results: RunData, windows: list[Window], rows: list[Any], whole: list[Any]) -> NotebookFigure:
    """Draw rows of windows above rows of the whole run."""
    tall = {draw_output: 2.2 if results.n_outputs == 1 else 3.0, draw_raster: 1.8}
    heights = [tall.get(draw, 1.25) for draw in rows + whole]
    figure = make_figure(9.0, 1.0 + 1.12 * sum(heights))
    figure.set_layout_engine("constrained", h_pad=0.05, w_pad=0.05, hspace=0.03, wspace=0.02)
    grid = GridSpec(len(heights), max(len(windows), 1), figure=figure, height_ratios=heights)
    _draw_windows(figure, grid, results, windows, rows)
    _draw_whole(figure, grid, results, windows, whole, len(rows))
    heading(figure, run_title(results), figure.axes[0])
    figure.align_ylabels()
    return figure


# ---- columns: one for each window


def _draw_windows(figure: Figure, grid: GridSpec, results: RunData, windows: list[Window], draws: list[Any]) -> None:
    for row, draw in enumerate(draws):
        first: Axes | None = None
        for column, window in enumerate(windows):
            axes = figure.add_subplot(grid[row, column], sharey=first)
            plain(axes)
            draw(axes, results, window, column == 0)
            if row == 0:
                axes.set_title(literal(window.title), fontsize=NORMAL, color=TEXT)
            if first is None:
                first = axes
            else:
                axes.tick_params(labelleft=False)
            axes.set_xlim(window.start, window.stop)
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            last = row == len(draws) - 1
            axes.tick_params(labelbottom=last)
            if last:
                axes.set_xlabel("time (s)", fontsize=SMALL, color=TEXT)


# ---- rows: the whole run


def _draw_whole(
    figure: Figure, grid: GridSpec, results: RunData, windows: list[Window], draws: list[Any], above: int
) -> None:
    ends = [_end(results, draw) for draw in draws]
    for row, (draw, end) in enumerate(zip(draws, ends, strict=True)):
        axes = figure.add_subplot(grid[above + row, :])
        plain(axes)
        draw(axes, results)
        shade_learning(axes, results, named=row == 0)
        gap = 0.001 * (results.t_stop - results.t_start)
        for window in windows:
            # where the windows above lie
            axes.plot(
                [window.start + gap, window.stop - gap],
                [0, 0],
                color=TEXT,
                linewidth=3,
                solid_capstyle="butt",
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                zorder=5,
            )
        axes.set_xlim(results.t_start, end)
        last = row == len(draws) - 1
        axes.tick_params(labelbottom=last or ends[row + 1] != end)
        if last:
            bars = "   (black bars: the windows above)" if windows else ""
            axes.set_xlabel(f"time (s){bars}", fontsize=SMALL, color=TEXT)


def _end(results: RunData, draw: Any) -> float:
    """Return where a row's time ends: learning that took several runs outlasts the one that is shown."""
    curve = learning_curve_of(results) if draw is draw_learning_curve else None
    return results.t_stop if curve is None else max(results.t_stop, float(curve[1].max()))


def shade_learning(axes: Axes, results: RunData, *, named: bool = True) -> None:
    """Shade the time in which weights learn, and name it."""
    for phase in results.phases:
        if phase.name != LEARNING:
            continue
        start, stop = results.dt * phase.start, results.dt * phase.stop
        axes.axvspan(start, stop, color=LEARNING_SHADE, alpha=0.16, linewidth=0)
        if named:
            axes.annotate(
                LEARNING,
                (start, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -2),
                textcoords="offset points",
                va="top",
                fontsize=SMALL,
                color=LEARNING_NAME,
            )
