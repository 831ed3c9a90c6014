"""The page of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ...declare.validation import check_flag
from ...system.files import check_free, check_path, write_whole
from ..plots.compared import draw_errors, draw_last_window, draw_spread
from ..rows import Row
from ..run_data import RunData
from .page import render
from .panels import Panel, single_panel

__all__ = ["compared_html", "write_compared"]


def compared_html(named: Mapping[str, RunData], rows: Sequence[Row]) -> str:
    """Return the page of several runs: one HTML file without a script, which needs nothing from outside."""
    panels: list[Panel] = []
    for name, run in named.items():
        if run.n_outputs:
            panels.append(single_panel(name, "", 1.35, partial(draw_last_window, run=run), "time (s)"))
    alike = [
        single_panel("Error", "Root mean square error over time.", 1.9, lambda axes: draw_errors(axes, named)),
        single_panel("Cells", "In the last phase of each run.", 1.9, lambda axes: draw_spread(axes, named)),
    ]
    return render("compared.html", panels + alike, names=list(named), rows=rows, own=len(panels))


def write_compared(
    named: Mapping[str, RunData],
    rows: Sequence[Row],
    path: str | Path,
    *,
    overwrite: bool = True,
    where: str = "Comparison.report",
) -> Path:
    """Write the page of several runs; `where` begins the messages."""
    path = check_path(f"{where}.path", path)
    check_flag(f"{where}.overwrite", overwrite)
    check_free(f"{where}.path", path, overwrite)
    return write_whole(f"{where}.path", path, compared_html(named, rows).encode(), overwrite=overwrite)
