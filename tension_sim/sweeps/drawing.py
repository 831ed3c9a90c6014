"""What figures and pages of a sweep are drawn with: lines, maps and dots of mean and spread over seeds."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidValueError, message
from ..results.plots.style import CYCLE, LINES, SMALL, TEXT, label, plain
from .table import Sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

__all__ = [
    "SPARSE",
    "draw_bar",
    "draw_dots",
    "draw_lines",
    "draw_map",
    "is_sparse",
    "means_of",
    "name_of",
    "scale_of",
    "set_height",
    "shown",
]

#: Above so many times as many cells as points, points are drawn as dots.
SPARSE = 4
_MOST_LINES = 12
_MOST_TICKS = 8
#: Between which an axis of drawn points is logarithmic.
_DECADES = 100
#: Of a line of text that stands upright.
_LETTERS = 36
_SYMBOLS = {"1": "", "hertz": "Hz", "second": "s"}


def is_sparse(sweep: Sweep) -> bool:
    """Say whether points fill little of the grid of their values, as those that were drawn do."""
    own = sweep.table()[sweep.settings[:-1]].drop_duplicates()
    return math.prod(float(own[name].nunique()) for name in own) > SPARSE * len(own)


def means_of(frame: pd.DataFrame, value: str, keys: Sequence[str]) -> pd.DataFrame:
    """Return mean and standard deviation over seeds of each point; NaN where no seed is done."""
    return frame.groupby(list(keys), sort=True)[value].agg(["mean", "std", "count"]).reset_index()


def _is_log(values: np.ndarray) -> bool:
    """Say whether positive values lie evenly on a logarithmic axis rather than a linear one."""
    if values.dtype.kind not in "if" or len(values) < 3 or values.min() <= 0:
        return False
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(values.max() / values.min() >= 8 and np.ptp(ratios) / ratios.mean() < np.ptp(steps) / steps.mean())


def name_of(sweep: Sweep, value: str) -> str:
    text, unit = sweep.description.numbers.get(value, (value, "1"))
    symbol = _SYMBOLS.get(unit, unit)
    return f"{text} ({symbol})" if symbol else text


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _LETTERS))


def draw_lines(axes: Axes, sweep: Sweep, frame: pd.DataFrame, value: str, x: str, by: str | None) -> None:
    plain(axes)
    groups = [("", frame)] if by is None else [(f"{by} = {shown(key)}", part) for key, part in frame.groupby(by)]
    if len(groups) > _MOST_LINES:
        what = f"at most {_MOST_LINES} values of {by}"
        raise InvalidValueError(message("plot.by", what, len(groups), f"use it as --y, or choose one by --at {by}=..."))
    texts = frame[x].dtype.kind not in "iufb"
    for number, (name, part) in enumerate(groups):
        means, colour = means_of(part, value, [x]), CYCLE[number % len(CYCLE)]
        across = means[x].astype(str) if texts else means[x].to_numpy(float)
        style = "-" if number < len(CYCLE) else "--"
        axes.plot(across, means["mean"], style, color=colour, marker="o", markersize=3, linewidth=1.2, label=name)
        if (means["count"] > 1).any():
            low, high = means["mean"] - means["std"], means["mean"] + means["std"]
            axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0)
    if not texts and _is_log(known := np.sort(frame[x].unique()).astype(float)):
        axes.set_xscale("log")
        if len(known) <= _MOST_TICKS:
            axes.set_xticks(known, [shown(one) for one in known])
            axes.set_xticks([], minor=True)
    label(axes, x=x, y=_wrapped(name_of(sweep, value)), title="mean, and standard deviation over seeds")
    if by is not None:
        axes.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))  # beside the lines


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw_dots(axes: Axes, sweep: Sweep, frame: pd.DataFrame, value: str, x: str, by: str | None = None) -> None:
    """Draw each point that was drawn as a dot over one of its settings."""
    plain(axes)
    means, numeric = means_of(frame, value, [x]), frame[x].dtype.kind in "iufb"
    axes.plot(means[x] if numeric else means[x].astype(str), means["mean"], "o", color=CYCLE[0], markersize=3)
    if numeric and frame[x].min() > 0 and frame[x].max() / frame[x].min() > _DECADES:
        axes.set_xscale("log")
    label(axes, x=x, y=_wrapped(name_of(sweep, value)))


def draw_map(
    axes: Axes, means: pd.DataFrame, what: str, x: str, y: str, scale: Mapping[str, Any] | None = None
) -> ScalarMappable:
    """Draw the mean or the spread: as cells of a grid, or as dots where points were drawn.

    `scale` is what `scale_of` returns of several maps, which have the same colours then.
    """
    plain(axes)
    columns, rows = (np.sort(means[name].unique()) for name in (x, y))
    how: dict[str, Any] = {"cmap": "viridis"} | dict(scale if scale is not None else scale_of(means[what]))
    drawn: ScalarMappable
    if len(columns) * len(rows) > SPARSE * len(means):
        drawn = axes.scatter(means[x], means[y], c=means[what], s=24, **how)
        for set_scale, values in ((axes.set_xscale, columns), (axes.set_yscale, rows)):
            if values.dtype.kind in "iuf" and values.min() > 0 and values.max() / values.min() > _DECADES:
                set_scale("log")
    else:
        cells = means.pivot(index=y, columns=x, values=what).to_numpy(float)
        drawn = axes.pcolormesh(np.arange(len(columns) + 1), np.arange(len(rows) + 1), cells, **how)
        _cross(axes, means, columns, rows, x, y)
        axes.set_xticks(np.arange(len(columns)) + 0.5, [shown(v) for v in columns], rotation=45, ha="right")
        axes.set_yticks(np.arange(len(rows)) + 0.5, [shown(v) for v in rows])
    label(axes, x=x, y=y)
    return drawn


def draw_bar(drawn: ScalarMappable, axes: Sequence[Axes], text: str = "") -> None:
    """Draw the colours of a map, or of several that share them, beside it."""
    bar = axes[0].figure.colorbar(drawn, ax=list(axes))
    bar.ax.tick_params(labelsize=SMALL, colors=TEXT)
    bar.set_label(_wrapped(text), fontsize=SMALL, color=TEXT)
    bar.outline.set_visible(False)


def _cross(axes: Axes, means: pd.DataFrame, columns: np.ndarray, rows: np.ndarray, x: str, y: str) -> None:
    """Mark points of which no seed is done, such as diverged ones."""
    none = means[means["count"] == 0]
    across, up = np.searchsorted(columns, none[x]) + 0.5, np.searchsorted(rows, none[y]) + 0.5
    axes.plot(across, up, "x", color=LINES, markersize=5)


def scale_of(values: Any) -> dict[str, Any]:
    """Return the colour scale of some values: logarithmic where they span more than two decades."""
    from matplotlib.colors import LogNorm, Normalize

    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if known.size == 0:
        return {}
    return {"norm": (LogNorm if _is_wide(known) else Normalize)(known.min(), known.max())}


def set_height(axes: Axes, values: Any) -> None:
    """Make the axis of some values logarithmic where they span more than two decades."""
    known = np.asarray(values, float)
    if _is_wide(known[np.isfinite(known)]):
        axes.set_yscale("log")


def _is_wide(known: np.ndarray) -> bool:
    return known.size > 0 and bool(known.min() > 0) and math.log10(known.max() / known.min()) > 2
