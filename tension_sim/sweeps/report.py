"""The page of a sweep: what was run, the best points, and figures of a number over the settings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from ..results.plots.style import make_figure
from ..results.report.page import render
from ..results.report.panels import Panel
from ..system.files import check_free, check_path, write_whole
from .drawing import (
    draw_bar,
    draw_dots,
    draw_lines,
    draw_map,
    is_sparse,
    means_of,
    name_of,
    scale_of,
    set_height,
    shown,
)
from .table import Sweep, distinct
from .work import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sweep_html", "write_sweep_report"]

_WIDTH, _HEIGHT = 3.8, 2.9  # inches, as the other figures of pages
_BEST = 10
_MOST_MAPS = 12  # of a grid of more than two settings, the best ones
_MOST_LINES = 12
_MOST_REASONS = 5


def sweep_html(sweep: Sweep, value: str | None = None) -> str:
    """Return the page of a sweep: one HTML file without a script, which needs nothing from outside.

    Parameters
    ----------
    sweep : Sweep
        Finished or not.
    value : str, optional
        The number that is drawn; by default that by which points are ranked.

    Raises
    ------
    UnknownNameError
        If there is no such number.
    """
    value = sweep.check_number("report.value", value)
    frame = sweep.table()
    counts = counted(sweep.rows)
    best = sweep.best(value, n=_BEST)
    reasons = frame[~frame["status"].isin(["done", "pruned"])]["reason"].value_counts().head(_MOST_REASONS)
    facts = [
        ("recipe", sweep.description.recipe),
        (
            "settings",
            ", ".join(f"{name} = {text}" for name, text in sweep.description.settings.items()) or "the file's",
        ),
        ("points", ", ".join(f"{number} {status}" for status, number in counts.items() if number) or "none yet"),
        ("seeds", str(frame[sweep.settings[-1]].nunique())),
        ("time", f"{frame['seconds'].sum():.3g} s of workers"),
        ("version", sweep.description.version),
    ]
    panels = list(_panels(sweep, distinct(frame, sweep.settings), value))
    return render(
        "sweep.html", panels, name=sweep.description.recipe, facts=facts,
        value=name_of(sweep, value), columns=list(best.columns),
        best=[[_cell(cell) for cell in row] for row in best.itertuples(index=False)], reasons=list(reasons.items()),
    )  # fmt: skip


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _panels(sweep: Sweep, frame: pd.DataFrame, value: str) -> Iterator[Panel]:
    """Yield figures of a number over the settings that have several values."""
    several = [name for name in sweep.settings[:-1] if frame[name].nunique() > 1]
    if not several or frame[value].notna().sum() == 0:
        return
    if is_sparse(sweep):
        for name in several:
            figure, axes = _axes()
            draw_dots(axes, sweep, frame, value, name)
            yield Panel(f"Over {name}", "Each dot is a point that was drawn.", figure)
        for y, x in itertools.pairwise(several):
            yield _map(means_of(frame, value, [x, y]), "mean", x, y, f"Over {x} and {y}", "Each dot is a point.")
    elif len(several) == 1:
        yield _lines(sweep, frame, value, several[0])
    else:
        yield from _maps(sweep, frame, value, several)


def _maps(sweep: Sweep, frame: pd.DataFrame, value: str, several: Sequence[str]) -> Iterator[Panel]:
    """Yield maps over the last two settings, for each value of the others; the one with the best point as lines too."""
    *others, y, x = several
    parts = list(frame.groupby(others, sort=True)) if others else [((), frame)]
    means = {key: means_of(part, value, [x, y]) for key, part in parts}
    means = {key: found for key, found in means.items() if found["mean"].notna().any()}
    ranked = sorted(means, key=lambda key: means[key]["mean"].min())[:_MOST_MAPS]
    kept = {key: found for key, found in means.items() if key in ranked}
    for what, heading in (("mean", "Mean"), ("std", "Standard deviation over seeds")):
        every = _joined(found[what] for found in kept.values())
        if every.notna().any():
            for key, found in kept.items():
                where = _where(others, key)
                caption = "Crossed out: no seed is done." if (found["count"] == 0).any() and what == "mean" else ""
                yield _map(found, what, x, y, f"{heading}{where}", caption, scale_of(every))
    part = dict(parts)[ranked[0]]
    if part[y].nunique() <= _MOST_LINES:
        yield _lines(sweep, part, value, x, y, _where(others, ranked[0]))


def _joined(columns: Iterator[pd.Series]) -> pd.Series:
    import pandas

    return pandas.concat(list(columns))


def _where(names: Sequence[str], key: tuple[Any, ...]) -> str:
    return "".join(f", {name} = {shown(known)}" for name, known in zip(names, key, strict=True))


def _axes(legend: bool = False) -> tuple[Figure, Any]:
    figure = make_figure(_WIDTH + legend, _HEIGHT)
    return figure, figure.subplots()


def _map(
    means: pd.DataFrame, what: str, x: str, y: str, heading: str, caption: str, scale: Mapping[str, Any] | None = None
) -> Panel:
    figure, axes = _axes()
    draw_bar(draw_map(axes, means, what, x, y, scale), [axes])
    return Panel(heading, caption, figure)


def _lines(sweep: Sweep, frame: pd.DataFrame, value: str, x: str, by: str | None = None, where: str = "") -> Panel:
    figure, axes = _axes(legend=by is not None)
    draw_lines(axes, sweep, frame, value, x, by)
    set_height(axes, frame[value])
    axes.set_title("")
    return Panel(f"Over {x}{where}", "Mean, and standard deviation over seeds as a band.", figure)


def write_sweep_report(
    sweep: Sweep, path: str | Path, value: str | None = None, *, overwrite: bool = True, where: str = "report"
) -> Path:
    """Write the page of a sweep, see `sweep_html`; `where` begins the messages.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    path = check_path(f"{where}.path", path)
    check_free(f"{where}.path", path, overwrite)
    return write_whole(f"{where}.path", path, sweep_html(sweep, value).encode(), overwrite=overwrite)
