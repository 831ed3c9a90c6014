"""Figures of a sweep: heat maps over two settings, lines over one; mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_number
from ..errors import InvalidValueError, message, unknown_name
from ..results.plots.heading import heading
from ..results.plots.style import NotebookFigure, label, literal, make_figure
from .drawing import (
    SPARSE,
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
from .folder import ROLES
from .table import Sweep, distinct

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_sweep"]

_MOST_PANELS = 12
_WIDE, _NARROW, _HIGH, _LOW = 4.2, 2.4, 3.4, 2.6  # inches

#: Panels of a figure: what stands above each, and its points.
_Parts = list[tuple[str, "pd.DataFrame"]]
_Roles = Mapping[str, str | None]


def plot_sweep(
    sweep: Sweep,
    value: str | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    by: str | None = None,
    panels: str | None = None,
    at: Mapping[str, Any] | None = None,
    highest: float | None = None,
) -> NotebookFigure:
    """Draw a number of a sweep over one setting (lines) or two (heat maps of mean and spread).

    Without any of `x`, `y`, `by` and `panels` the figure is the one that the sweep's plan describes; else the last of
    the settings that have several values is `x`, the one before it `y`, and the one before that `panels`.

    Parameters
    ----------
    sweep : Sweep
        From `sweep` or `load_sweep`.
    value : str, optional
        The number; by default that of the plan, or that by which points are ranked.
    x : str, optional
        The setting along the horizontal axis.
    y : str, optional
        The setting along the vertical axis of a heat map.
    by : str, optional
        A setting of which each value gets a line of its own.
    panels : str, optional
        A setting of which each value gets a panel of its own, on the same scale.
    at : mapping of str to value, optional
        Settings that have one value in the figure.
    highest : float, optional
        Larger numbers, such as those of networks that failed, count as this one.

    Raises
    ------
    UnknownNameError
        If there is no such setting or number.
    InvalidValueError
        If settings are left that have several values, or no point is done.
    """
    roles: dict[str, str | None] = {"x": x, "y": y, "by": by, "panels": panels}
    if not any(roles.values()):
        roles |= _usual_roles(sweep, at or {})
        if value is None:
            value = sweep.description.plot.get("value")
            highest = highest if highest is not None else sweep.description.plot.get("highest")
    elif x is None:
        raise InvalidValueError(message("plot.x", "a setting of this sweep", None, f"one of {_names(sweep)}."))
    value = sweep.check_number("plot.value", value)
    frame = _chosen_rows(sweep, roles, at or {}, value)
    said = "".join(f"   ·   {name} = {given}" for name, given in (at or {}).items())
    if highest is not None:
        highest = check_number("plot.highest", highest)
        frame = frame.assign(**{value: frame[value].clip(upper=highest)})
        said += f"   ·   at most {shown(highest)}"
    draw = _lines if roles["y"] is None else _maps
    figure = draw(sweep, _parts(frame, roles["panels"]), value, roles)
    heading(figure, f"{literal(sweep.description.recipe)}{said}   ·   {_seeds(frame)}")
    return figure


def _names(sweep: Sweep) -> str:
    return ", ".join(sweep.settings[:-1])


def _usual_roles(sweep: Sweep, at: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what each setting is in a figure of which nothing was said: as planned, or by their order."""
    frame, labels = sweep.table(), sweep.columns()
    several = [name for name in sweep.settings[:-1] if name not in at and frame[name].nunique() > 1]
    planned = {role: labels[name] for role, name in sweep.description.plot.items() if role in ROLES and name in labels}
    if "x" in planned and set(several) == set(planned.values()):
        return {**planned}
    if not 1 <= len(several) <= 3:
        what = f"up to three settings with several values ({', '.join(several) or 'no one has them'})"
        fix = "say what is drawn: --x, --y, --by, --panels, and --at NAME=VALUE for the others."
        raise InvalidValueError(message("plot", what, len(several), fix))
    return dict(zip(("x", "y", "panels"), reversed(several), strict=False))


def _parts(frame: pd.DataFrame, panels: str | None) -> _Parts:
    """Return the points of each panel, with its title."""
    if panels is None:
        return [("", frame)]
    found = [(f"{panels} = {shown(known)}", part) for known, part in frame.groupby(panels, sort=True)]
    if len(found) > _MOST_PANELS:
        fix = f"choose one by --at {panels}=..."
        raise InvalidValueError(message("plot.panels", f"at most {_MOST_PANELS} values of {panels}", len(found), fix))
    return found


def _lines(sweep: Sweep, parts: _Parts, value: str, roles: _Roles) -> NotebookFigure:
    figure = make_figure(max(4.8, _NARROW * len(parts)) + (roles["by"] is not None), _HIGH)
    draw = draw_dots if roles["by"] is None and is_sparse(sweep) else draw_lines
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    for axes, (title, part) in zip(panels, parts, strict=True):
        draw(axes, sweep, part, value, str(roles["x"]), roles["by"])
        label(axes, **({"title": title} if title else {}))
        axes.label_outer()
    for axes in panels[:-1]:
        if axes.legend_ is not None:  # the last has the same
            axes.legend_.remove()
    set_height(panels[0], _joined([part[value] for _, part in parts]))
    return figure


def _maps(sweep: Sweep, parts: _Parts, value: str, roles: _Roles) -> NotebookFigure:
    """Draw the means in a row, and their spread over several seeds in another; of one panel, side by side."""
    x, y = str(roles["x"]), str(roles["y"])
    means = {title: means_of(part, value, [x, y]) for title, part in parts}
    kinds = {"mean": name_of(sweep, value), "std": "standard deviation over seeds"}
    if all((found["count"] <= 1).all() for found in means.values()):
        del kinds["std"]
    alone = len(parts) == 1
    rows, columns = (1, len(kinds)) if alone else (len(kinds), len(parts))
    figure = make_figure((_WIDE if alone else _NARROW) * columns, _HIGH if alone else _LOW * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for one, (what, name) in zip(grid.T if alone else grid, kinds.items(), strict=True):
        scale = scale_of(_joined([found[what] for found in means.values()]))
        for axes, (title, found) in zip(one, means.items(), strict=True):
            drawn = draw_map(axes, found, what, x, y, scale)
            label(axes, title=name if alone else title)
            if not alone:
                axes.label_outer()
        draw_bar(drawn, one, "" if alone else name)
    return figure


def _joined(columns: Sequence[pd.Series]) -> np.ndarray:
    return np.concatenate([column.to_numpy(float) for column in columns])


def _seeds(frame: pd.DataFrame) -> str:
    number = frame["seed"].nunique() if "seed" in frame else 1
    return f"{number} seed{'' if number == 1 else 's'}"


def _chosen_rows(sweep: Sweep, roles: Mapping[str, str | None], at: Mapping[str, Any], value: str) -> pd.DataFrame:
    """Return the rows of a figure; refuse settings that the figure has no place for."""
    frame, settings = distinct(sweep.table(), sweep.settings), sweep.settings[:-1]
    for role, name in roles.items():
        if name is not None and name not in settings:
            raise unknown_name(f"plot.{role}", "setting of this sweep", name, settings)
    used = [name for name in roles.values() if name is not None]
    if len(set(used)) < len(used):
        raise InvalidValueError(message("plot", "different settings for x, y, by and panels", dict(roles)))
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


def _is_drawn(sweep: Sweep, used: Sequence[str]) -> bool:
    """Say whether points were drawn, so that hardly two of them share a value."""
    own = sweep.table()[list(used)].drop_duplicates()
    return len(own) > SPARSE and all(own[name].nunique() == len(own) for name in used)


def _equal(column: pd.Series, wanted: Any) -> Any:
    """Compare a column with a value; texts of numbers count as numbers, to 9 digits."""
    try:
        number = float(wanted)
        return np.isclose(column.astype(float), number, rtol=1e-9, atol=0.0)
    except (TypeError, ValueError):
        return column.astype(str) == str(wanted)
