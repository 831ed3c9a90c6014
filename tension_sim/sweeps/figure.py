"""Figures of a sweep: heat maps over two settings, lines over one; mean and spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidValueError, message, unknown_name
from ..results.plots.heading import heading
from ..results.plots.style import CYCLE, LINES, SMALL, TEXT, NotebookFigure, label, literal, make_figure, plain
from .table import Sweep, distinct

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "chosen_rows",
    "draw_dots",
    "draw_lines",
    "draw_map",
    "is_sparse",
    "means_of",
    "name_of",
    "plot_sweep",
    "scale_of",
    "shown",
]

#: Above so many times as many cells as points, points are drawn as dots.
_SPARSE = 4
_MOST_LINES = 12
#: Between which an axis of drawn points is logarithmic.
_DECADES = 100
_SYMBOLS = {"1": "", "hertz": "Hz", "second": "s"}


def plot_sweep(
    sweep: Sweep,
    value: str | None = None,
    *,
    x: str,
    y: str | None = None,
    by: str | None = None,
    at: Mapping[str, Any] | None = None,
) -> NotebookFigure:
    """Draw a number of a sweep over one setting (lines) or two (heat maps of mean and spread).

    Parameters
    ----------
    sweep : Sweep
        From `sweep` or `load_sweep`.
    value : str, optional
        The number; by default that by which points are ranked.
    x : str
        The setting along the horizontal axis.
    y : str, optional
        The setting along the vertical axis of a heat map.
    by : str, optional
        A setting of which each value gets a line of its own.
    at : mapping of str to value, optional
        Settings that have one value in the figure.

    Raises
    ------
    UnknownNameError
        If there is no such setting or number.
    InvalidValueError
        If settings are left that have several values, or no point is done.
    """
    value = sweep.check_number("plot.value", value)
    frame = chosen_rows(sweep, {"x": x, "y": y, "by": by}, at or {}, value)
    if y is None:
        figure = make_figure(4.8, 3.4)
        draw = draw_dots if by is None and is_sparse(sweep) else draw_lines
        draw(figure.subplots(), sweep, frame, value, x, by)
    else:
        means = means_of(frame, value, [x, y])
        panels = ("mean", "std") if (means["count"] > 1).any() else ("mean",)
        figure = make_figure(4.2 * len(panels), 3.4)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for one, what in zip(axes, panels, strict=True):
            draw_map(one, means, what, x, y)
            title = name_of(sweep, value) if what == "mean" else "standard deviation over seeds"
            label(one, title=title)
    fixed = "".join(f"   ·   {name} = {given}" for name, given in (at or {}).items())
    heading(figure, f"{literal(sweep.description.recipe)}{fixed}   ·   {_seeds(frame)}")
    return figure


def _seeds(frame: pd.DataFrame) -> str:
    number = frame["seed"].nunique() if "seed" in frame else 1
    return f"{number} seed{'' if number == 1 else 's'}"


def chosen_rows(sweep: Sweep, roles: Mapping[str, str | None], at: Mapping[str, Any], value: str) -> pd.DataFrame:
    """Return the rows of a figure; refuse settings that the figure has no place for."""
    frame, settings = distinct(sweep.table(), sweep.settings), sweep.settings[:-1]
    for role, name in roles.items():
        if name is not None and name not in settings:
            raise unknown_name(f"plot.{role}", "setting of this sweep", name, settings)
    used = [name for name in roles.values() if name is not None]
    if len(set(used)) < len(used):
        raise InvalidValueError(message("plot", "different settings for x, y and by", dict(roles)))
    if roles["y"] is not None and roles["by"] is not None:
        raise InvalidValueError(message("plot.by", "no lines in a heat map", roles["by"], "leave out y, or by."))
    for name, wanted in at.items():
        if name not in settings:
            raise unknown_name("plot.at", "setting of this sweep", name, settings)
        frame = frame[_equal(frame[name], wanted)]
        if frame.empty:
            known = ", ".join(f"{known}" for known in sorted(sweep.table()[name].unique())[:20])
            raise InvalidValueError(message(f"plot.at {name}", f"one of its values ({known})", wanted))
    left = [name for name in settings if name not in used and name not in at and frame[name].nunique() > 1]
    if left and not _is_drawn(sweep, used):
        fix = f"choose one value each, e.g. --at {left[0]}={frame[left[0]].iloc[0]}."
        raise InvalidValueError(message("plot", f"one value of {', '.join(left)}", f"several of {left[0]}", fix))
    if frame[value].notna().sum() == 0:
        raise InvalidValueError(message("plot", f"a point with {value}", "none that is done"))
    return frame


def is_sparse(sweep: Sweep) -> bool:
    """Say whether points fill little of the grid of their values, as those that were drawn do."""
    own = sweep.table()[sweep.settings[:-1]].drop_duplicates()
    return math.prod(float(own[name].nunique()) for name in own) > _SPARSE * len(own)


def _is_drawn(sweep: Sweep, used: Sequence[str]) -> bool:
    """Say whether points were drawn, so that hardly two of them share a value."""
    own = sweep.table()[list(used)].drop_duplicates()
    return len(own) > _SPARSE and all(own[name].nunique() == len(own) for name in used)


def _equal(column: pd.Series, wanted: Any) -> Any:
    """Compare a column with a value; texts of numbers count as numbers, to 9 digits."""
    try:
        number = float(wanted)
        return np.isclose(column.astype(float), number, rtol=1e-9, atol=0.0)
    except (TypeError, ValueError):
        return column.astype(str) == str(wanted)


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
    if not texts and _is_log(np.sort(frame[x].unique()).astype(float)):
        axes.set_xscale("log")
    label(axes, x=x, y=name_of(sweep, value), title="mean, and standard deviation over seeds")
    if by is not None:
        axes.legend(fontsize=SMALL, frameon=False)


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw_dots(axes: Axes, sweep: Sweep, frame: pd.DataFrame, value: str, x: str, by: str | None = None) -> None:
    """Draw each point that was drawn as a dot over one of its settings."""
    plain(axes)
    means, numeric = means_of(frame, value, [x]), frame[x].dtype.kind in "iufb"
    axes.plot(means[x] if numeric else means[x].astype(str), means["mean"], "o", color=CYCLE[0], markersize=3)
    if numeric and frame[x].min() > 0 and frame[x].max() / frame[x].min() > _DECADES:
        axes.set_xscale("log")
    label(axes, x=x, y=name_of(sweep, value))


def draw_map(
    axes: Axes, means: pd.DataFrame, what: str, x: str, y: str, scale: Mapping[str, Any] | None = None
) -> None:
    """Draw the mean or the spread: as cells of a grid, or as dots where points were drawn.

    `scale` is what `scale_of` returns of several maps, which have the same colours then.
    """
    plain(axes)
    columns, rows = (np.sort(means[name].unique()) for name in (x, y))
    how: dict[str, Any] = {"cmap": "viridis"} | dict(scale if scale is not None else scale_of(means[what]))
    if len(columns) * len(rows) > _SPARSE * len(means):
        drawn: Any = axes.scatter(means[x], means[y], c=means[what], s=24, **how)
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
    bar = axes.figure.colorbar(drawn, ax=axes)
    bar.ax.tick_params(labelsize=SMALL, colors=TEXT)
    bar.outline.set_visible(False)


def _cross(axes: Axes, means: pd.DataFrame, columns: np.ndarray, rows: np.ndarray, x: str, y: str) -> None:
    """Mark points of which no seed is done, such as diverged ones."""
    none = means[means["count"] == 0]
    across, up = np.searchsorted(columns, none[x]) + 0.5, np.searchsorted(rows, none[y]) + 0.5
    axes.plot(across, up, "x", color=LINES, markersize=5)


def scale_of(values: pd.Series) -> dict[str, Any]:
    """Return the colour scale of some values: logarithmic where they span more than two decades."""
    from matplotlib.colors import LogNorm, Normalize

    known = values[np.isfinite(values)]
    if known.empty:
        return {}
    if known.min() > 0 and math.log10(known.max() / known.min()) > 2:
        return {"norm": LogNorm(known.min(), known.max())}
    return {"norm": Normalize(known.min(), known.max())}
