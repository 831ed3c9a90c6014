"""One figure of a run: output and spikes before, during and after learning, and the error over time.

Figures are made without pyplot and without touching matplotlib's global settings, so they
work in a script, a notebook, a thread and on a machine without a screen alike.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from ..errors import InvalidValueError, message
from ..system.files import write_whole
from .measures import peak_frequency
from .phases import BEFORE, LEARNING, TEST
from .results import Results

__all__ = ["figure_run", "plot_prediction", "plot_raster", "plot_training", "save_figure"]

# Okabe and Ito's colours, told apart by colour-blind readers too
_OUTPUT, _TARGET, _SPIKES, _WEIGHTS = "#0072B2", "#B5B5B5", "#222222", "#D55E00"
_LEARNING = "#E69F00"
_TEXT = "#333333"
_MOST_NEURONS, _MOST_OUTPUTS = 100, 12
_SMALL, _NORMAL = 8, 9


@dataclass(frozen=True)
class _Window:
    """A stretch of time in seconds, shown in one column."""

    title: str
    start: float
    stop: float


def figure_run(results: Results) -> Figure:
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
    >>> from tension_sim.results.results import Phase, Results
    >>> z = np.sin(np.arange(300) / 10)[:, None]
    >>> run = Results("demo", 1e-2, 0, 300, 5, [1, 200], [0, 3], 5, 1, z, z, (Phase("learning", 0, 300),))
    >>> figure = figure_run(run)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['output', 'neuron', 'RMS error']
    """
    rows: list[Any] = [_draw_output]
    if results.n_recorded_neurons:
        rows.append(_draw_raster)
    return _figure(results, _windows(results), rows, _curves(results))


def plot_training(results: Results) -> Figure:
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
    >>> from tension_sim.results.results import Phase, Results
    >>> z = np.sin(np.arange(300) / 10)[:, None]
    >>> run = Results("demo", 1e-2, 0, 300, 5, [], [], 0, 1, 0.9 * z, z, (Phase("learning", 0, 300),))
    >>> [axes.get_ylabel() for axes in plot_training(run).axes]
    ['RMS error']
    """
    curves = _curves(results)
    if not curves:
        raise InvalidValueError(
            message("plot_training.results", "a run with a target", results.name, "give y to fit or run.")
        )
    return _figure(results, [], [], curves)


def plot_prediction(results: Results) -> Figure:
    """Draw the output of a whole run, on its target where there is one.

    Parameters
    ----------
    results : Results
        A run, such as ``model.results`` after ``predict``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _figure(results, [_whole(results)], [_draw_output], [])


def plot_raster(results: Results) -> Figure:
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
    if not results.n_recorded_neurons:
        raise InvalidValueError(
            message("plot_raster.results", "a run with recorded spikes", results.name, "use a spiking network.")
        )
    return _figure(results, [_whole(results)], [_draw_raster], [])


def _curves(results: Results) -> list[Any]:
    """Return what can be drawn of the course of learning."""
    curves = [_draw_error] if results.target is not None and results.target.size else []
    return curves + ([_draw_weights] if _curve(results) is not None else [])


def _whole(results: Results) -> _Window:
    return _Window("", results.t_start, results.t_stop + results.dt)  # with a spike at the very end


def _figure(results: Results, windows: list[_Window], rows: list[Any], whole: list[Any]) -> Figure:
    """Draw rows of windows above rows of the whole run."""
    tall = {_draw_output: 2.2 if results.n_outputs == 1 else 3.0, _draw_raster: 1.8}
    heights = [tall.get(draw, 1.25) for draw in rows + whole]
    figure = Figure(figsize=(9.0, 1.0 + 1.12 * sum(heights)), dpi=150, facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.05, w_pad=0.05, hspace=0.03, wspace=0.02)
    grid = GridSpec(len(heights), max(len(windows), 1), figure=figure, height_ratios=heights)
    _draw_windows(figure, grid, results, windows, rows)
    _draw_whole(figure, grid, results, windows, whole, len(rows))
    figure.suptitle(_title(results), fontsize=_NORMAL + 1, color=_TEXT)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="upper right",
        ncols=2,
        frameon=False,
        fontsize=_SMALL,
        labelcolor=_TEXT,
        handlelength=1.6,
        columnspacing=1.2,
        borderpad=0.2,
    )
    figure.align_ylabels()
    return figure


def save_figure(
    figure: Figure, path: str | Path, *, overwrite: bool = True, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a figure; the format follows the file's ending (png, svg, pdf), `metadata` goes into the file.

    Raises
    ------
    InvalidValueError
        If matplotlib knows no format of that ending.
    OutputError
        If the file cannot be written; an earlier file of that name stays whole.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InvalidValueError(
            message("save_figure.path", f"an ending among {', '.join(sorted(known))}", str(path), "use .png.")
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=None if metadata is None else dict(metadata))
    return write_whole("save_figure.path", path, buffer.getvalue(), overwrite=overwrite)


# ---- what is shown


def _title(results: Results) -> str:
    text = f"{results.name}   ·   {results.n_neurons} neurons"
    seed = results.provenance.get("seed")
    return text if seed is None else f"{text}   ·   seed {seed}"


def _period(results: Results) -> float:
    """Period of the slowest target in seconds, 0 where there is none."""
    if results.target is None or len(results.target) < 4:
        return 0.0
    frequencies = np.atleast_1d(peak_frequency(results.target, results.dt * results.record_every))
    found = frequencies[np.isfinite(frequencies) & (frequencies > 0)]
    return 1.0 / found.min() if len(found) else 0.0


def _windows(results: Results) -> list[_Window]:
    length = min(max(1.0, 2.0 * _period(results)), 10.0)
    learned = any(phase.name == LEARNING for phase in results.phases)
    test = "test, after learning" if learned else "test, without learning"
    titles = {BEFORE: "before learning", LEARNING: "end of learning", TEST: test}
    windows = []
    for phase in results.phases:
        start, stop = results.dt * phase.start, results.dt * phase.stop
        if stop <= start:
            continue
        title = titles.get(phase.name, phase.name)
        if phase.name == TEST:
            stop = min(stop, start + length)
        else:
            start = max(start, stop - length)
        windows.append(_Window(title, start, stop))
    return windows[:4] or [_Window("run", max(results.t_start, results.t_stop - length), results.t_stop)]


def _curve(results: Results) -> tuple[str, np.ndarray, np.ndarray] | None:
    curve = dict(results.learning_curve)
    time = curve.pop("time", None)
    for name, values in curve.items():
        if time is not None and len(values) == len(time) > 1:
            return name, np.asarray(time, dtype=float), np.asarray(values, dtype=float)
    return None


# ---- columns: one for each window


def _draw_windows(figure: Figure, grid: GridSpec, results: Results, windows: list[_Window], draws: list[Any]) -> None:
    for row, draw in enumerate(draws):
        first: Axes | None = None
        for column, window in enumerate(windows):
            axes = figure.add_subplot(grid[row, column], sharey=first)
            _plain(axes)
            draw(axes, results, window, column == 0)
            if row == 0:
                axes.set_title(window.title, fontsize=_NORMAL, color=_TEXT)
            if first is None:
                first = axes
            else:
                axes.tick_params(labelleft=False)
            axes.set_xlim(window.start, window.stop)
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            last = row == len(draws) - 1
            axes.tick_params(labelbottom=last)
            if last:
                axes.set_xlabel("time (s)", fontsize=_SMALL, color=_TEXT)


def _draw_output(axes: Axes, results: Results, window: _Window, first: bool) -> None:
    shown = min(results.n_outputs, _MOST_OUTPUTS)
    offsets = -_spacing(results) * np.arange(shown)
    times = results.times
    rows = slice(*np.searchsorted(times, (window.start, window.stop + results.dt / 2)))
    pairs = [(results.target, _TARGET, 2.8, "target"), (results.output, _OUTPUT, 1.1, "output")]
    for values, color, width, label in pairs:
        if values is None:
            continue
        lines = axes.plot(
            times[rows],
            values[rows, :shown] + offsets,
            color=color,
            linewidth=width if shown < 4 else 0.75 * width,
            solid_capstyle="round",
        )
        lines[0].set_label(label)
    if not first:
        return
    low, high = _limits(results, shown)
    axes.set_ylim(offsets[-1] + low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.set_ylabel("output", fontsize=_SMALL, color=_TEXT)
    if shown > 1:
        more = f"\n({shown} of {results.n_outputs})" if shown < results.n_outputs else ""
        axes.set_ylabel(f"outputs, one below the other{more}", fontsize=_SMALL, color=_TEXT)
        axes.set_yticks(offsets, [f"$z_{{{k + 1}}}$" for k in range(shown)])


def _limits(results: Results, shown: int) -> tuple[float, float]:
    """Range of the target, widened to the bulk of the output: a few wild values must not flatten the rest."""
    values = results.output[:, :shown]
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (1, 99)) if values.size else (-1.0, 1.0)
    if results.target is not None and results.target.size:
        bottom, top = results.target[:, :shown].min(), results.target[:, :shown].max()
        span = max(top - bottom, 1e-12)
        low = min(bottom, max(low, bottom - 0.5 * span))
        high = max(top, min(high, top + 0.5 * span))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return float(low), float(high)


def _spacing(results: Results) -> float:
    low, high = _limits(results, min(results.n_outputs, _MOST_OUTPUTS))
    return 1.1 * (high - low)


def _draw_raster(axes: Axes, results: Results, window: _Window, first: bool) -> None:
    times, neurons = results.spikes()
    rows = slice(*np.searchsorted(times, (window.start, window.stop)))
    shown = min(results.n_recorded_neurons, _MOST_NEURONS)
    times, neurons = times[rows], neurons[rows]
    times, neurons = times[neurons < shown], neurons[neurons < shown]
    axes.vlines(times, neurons - 0.42, neurons + 0.42, color=_SPIKES, linewidth=0.6)
    if not len(times):
        axes.text(
            0.5,
            0.5,
            "no spikes",
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=_SMALL,
            color="#888888",
        )
    if first:
        axes.set_ylim(-1, shown)
        axes.set_ylabel("neuron", fontsize=_SMALL, color=_TEXT)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


# ---- rows: the whole run


def _draw_whole(
    figure: Figure, grid: GridSpec, results: Results, windows: list[_Window], draws: list[Any], above: int
) -> None:
    shared: Axes | None = None
    for row, draw in enumerate(draws):
        axes = figure.add_subplot(grid[above + row, :], sharex=shared)
        _plain(axes)
        draw(axes, results)
        for phase in results.phases:
            if phase.name == LEARNING:
                axes.axvspan(
                    results.dt * phase.start,
                    results.dt * phase.stop,
                    color=_LEARNING,
                    alpha=0.16,
                    linewidth=0,
                )
                if row == 0:
                    axes.annotate(
                        LEARNING,
                        (results.dt * phase.start, 1),
                        xycoords=("data", "axes fraction"),
                        xytext=(3, -2),
                        textcoords="offset points",
                        va="top",
                        fontsize=_SMALL,
                        color="#8A5F00",
                    )
        gap = 0.001 * (results.t_stop - results.t_start)
        for window in windows:
            # where the windows above lie
            axes.plot(
                [window.start + gap, window.stop - gap],
                [0, 0],
                color=_TEXT,
                linewidth=3,
                solid_capstyle="butt",
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                zorder=5,
            )
        axes.set_xlim(results.t_start, results.t_stop)
        last = row == len(draws) - 1
        axes.tick_params(labelbottom=last)
        if last:
            bars = "   (black bars: the windows above)" if windows else ""
            axes.set_xlabel(f"time (s){bars}", fontsize=_SMALL, color=_TEXT)
        shared = axes


def _draw_error(axes: Axes, results: Results) -> None:
    squares = np.mean((results.output - results.target) ** 2, axis=1)
    # bins of at least a period, or the error would swing with the target; 30 to 400 of them
    period = _period(results) / (results.dt * results.record_every)
    size = int(max(1, len(squares) // 400, min(period, len(squares) // 30)))
    used = len(squares) // size * size
    error = np.sqrt(squares[:used].reshape(-1, size).mean(axis=1))
    axes.plot(results.times[:used].reshape(-1, size).mean(axis=1), error, color=_OUTPUT, linewidth=1.1)
    if not _logarithmic(axes, error):
        axes.set_ylim(bottom=0)
        axes.margins(y=0.25)
    axes.set_ylabel("RMS error", fontsize=_SMALL, color=_TEXT)


def _draw_weights(axes: Axes, results: Results) -> None:
    curve = _curve(results)
    if curve is None:
        return
    name, times, values = curve
    values = values.reshape(len(times), -1)[:, :_MOST_OUTPUTS]
    axes.plot(times, values, color=_WEIGHTS, linewidth=1.1)
    axes.set_ylabel(name.replace("_", " "), fontsize=_SMALL, color=_TEXT)
    if not ("error" in name and _logarithmic(axes, values)):
        axes.set_ylim(bottom=min(0.0, float(np.nanmin(values, initial=0.0))))
        axes.yaxis.set_major_locator(MaxNLocator(3))


def _logarithmic(axes: Axes, error: np.ndarray) -> bool:
    """Show errors that span more than a factor of 20 on a logarithmic axis; say whether they do."""
    positive = error[np.isfinite(error) & (error > 0)]
    if not positive.size or positive.max() <= 20 * positive.min():
        return False
    axes.set_yscale("log")
    axes.set_ylim(0.7 * positive.min(), 2.2 * positive.max())
    return True


def _plain(axes: Axes) -> None:
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(labelsize=_SMALL, colors=_TEXT, color="#999999", length=3)
