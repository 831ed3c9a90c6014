"""Draw one pair of axes: output, spikes, error, or a learning curve of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..run_data import RunData
from .style import FAINT, OUTPUT, SMALL, SPIKES, TARGET, WEIGHTS, label, literal
from .windows import Window, learning_curve_of, period_of

__all__ = [
    "MOST_NEURONS",
    "MOST_OUTPUTS",
    "draw_error",
    "draw_learning_curve",
    "draw_output",
    "draw_raster",
    "error_of",
]

MOST_NEURONS, MOST_OUTPUTS = 100, 12

#: Names of learning curves that are no words.
_CURVES = {"p_var": "explained variance", "chi2": "error seen by the rule", "free_mae": "error, free run"}


def draw_output(axes: Axes, results: RunData, window: Window, first: bool) -> None:
    """Draw outputs on their targets, one below the other; with `first`, label the axis."""
    shown = min(results.n_outputs, MOST_OUTPUTS)
    offsets = -_spacing(results) * np.arange(shown)
    times = results.times
    rows = slice(*np.searchsorted(times, (window.start, window.stop + results.dt / 2)))
    pairs = [(results.target, TARGET, 2.8, "target"), (results.output, OUTPUT, 1.1, "output")]
    for values, color, width, name in pairs:
        if values is None:
            continue
        lines = axes.plot(
            times[rows],
            values[rows, :shown] + offsets,
            color=color,
            linewidth=width if shown < 4 else 0.75 * width,
            solid_capstyle="round",
        )
        lines[0].set_label(name)
    if not first:
        return
    low, high = _limits(results, shown)
    axes.set_ylim(offsets[-1] + low - 0.08 * (high - low), high + 0.08 * (high - low))
    label(axes, y="output")
    if shown > 1:
        more = f"\n({shown} of {results.n_outputs})" if shown < results.n_outputs else ""
        label(axes, y=f"outputs, one below the other{more}")
        axes.set_yticks(offsets, [f"$z_{{{k + 1}}}$" for k in range(shown)])


def _limits(results: RunData, shown: int) -> tuple[float, float]:
    """Range of the target, widened to the bulk of the output: a few wild values must not flatten the rest."""
    values = results.output[:, :shown]
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (1, 99)) if values.size else (-1.0, 1.0)
    wanted = np.empty(0) if results.target is None else results.target[:, :shown]
    wanted = wanted[np.isfinite(wanted)]
    if wanted.size:
        bottom, top = wanted.min(), wanted.max()
        span = max(top - bottom, 1e-12)
        low = min(bottom, max(low, bottom - 0.5 * span))
        high = max(top, min(high, top + 0.5 * span))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return float(low), float(high)


def _spacing(results: RunData) -> float:
    low, high = _limits(results, min(results.n_outputs, MOST_OUTPUTS))
    return 1.1 * (high - low)


def draw_raster(axes: Axes, results: RunData, window: Window, first: bool) -> None:
    """Draw the spikes of up to 100 neurons."""
    times, neurons = results.spikes()
    rows = slice(*np.searchsorted(times, (window.start, window.stop)))
    shown = min(results.n_recorded_neurons, MOST_NEURONS)
    times, neurons = times[rows], neurons[rows]
    times, neurons = times[neurons < shown], neurons[neurons < shown]
    # one broken line: a line for each spike takes ten times as long
    ends = np.column_stack([neurons - 0.42, neurons + 0.42, np.full(len(neurons), np.nan)])
    axes.plot(np.repeat(times, 3), ends.ravel(), color=SPIKES, linewidth=0.6, solid_capstyle="butt")
    if not len(times):
        how: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "color": FAINT}
        axes.text(0.5, 0.5, "no spikes", transform=axes.transAxes, **how)
    if first:
        axes.set_ylim(-1, shown)
        label(axes, y="neuron")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def error_of(results: RunData) -> tuple[np.ndarray, np.ndarray]:
    """Return times and root mean square error of a run with a target, in bins of at least a period."""
    if results.target is None:
        return np.empty(0), np.empty(0)
    squares = _mean_squares(results.output, results.target)
    # bins of at least a period, or the error would swing with the target; 30 to 400 of them
    period = period_of(results) / (results.dt * results.record_every)
    size = int(max(1, len(squares) // 400, min(period, len(squares) // 30)))
    used = len(squares) // size * size
    error = np.sqrt(squares[:used].reshape(-1, size).mean(axis=1))
    return results.times[:used].reshape(-1, size).mean(axis=1), error


def draw_error(axes: Axes, results: RunData) -> None:
    """Draw the root mean square error over the whole run."""
    times, error = error_of(results)
    axes.plot(times, error, color=OUTPUT, linewidth=1.1)
    if not _logarithmic(axes, error):
        axes.set_ylim(bottom=0)
        axes.margins(y=0.25)
    label(axes, y="RMS error")


def _mean_squares(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the mean square error of each row over the outputs whose target is known there."""
    known = np.isfinite(target)
    squares = np.where(known, (output - target) ** 2, 0.0).sum(axis=1)
    return squares / np.where(known.any(axis=1), known.sum(axis=1), np.nan)


def draw_learning_curve(axes: Axes, results: RunData) -> None:
    """Draw the learning curve of the run."""
    curve = learning_curve_of(results)
    if curve is None:
        return
    name, times, values = curve
    values = values.reshape(len(times), -1)[:, :MOST_OUTPUTS]
    axes.plot(times, values, color=WEIGHTS, linewidth=1.1)
    label(axes, y=literal(_CURVES.get(name, name.replace("_", " "))))
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
