"""The command ``tension-sim plot``: a number of a sweep over its settings, as lines or a heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import json_wanted, with_json
from .terminal import say, say_json

__all__ = ["plot"]


@with_json
def plot(
    folder: Annotated[Path, typer.Argument(help="Folder of a sweep, finished or not.")],
    x: Annotated[
        str | None,
        typer.Option("--x", metavar="NAME", help="Setting along the horizontal axis (default: as the recipe says)."),
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", metavar="NAME", help="Setting along the vertical axis: a heat map.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Setting whose values get a line each.")
    ] = None,
    panels: Annotated[
        str | None, typer.Option("--panels", metavar="NAME", help="Setting whose values get a panel each.")
    ] = None,
    value: Annotated[str | None, typer.Option(metavar="NAME", help="Number to draw, e.g. aligned_rmse.")] = None,
    at: Annotated[
        list[str] | None, typer.Option("--at", metavar="NAME=VALUE", help="Value of another setting; may be repeated.")
    ] = None,
    highest: Annotated[
        float | None, typer.Option(help="Larger numbers, of networks that failed, count as this one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File .png, .svg or .pdf (default: plot.png in the folder).")] = None,
) -> None:
    """Draw a number of a sweep: mean and spread over seeds, over one setting or two."""
    from ..results.plots.files import save_figure
    from ..sweeps.axes import pairs_of
    from ..sweeps.figure import plot_sweep
    from ..sweeps.table import load_sweep

    chosen = pairs_of("plot --at", at or [], "--at Q=10")
    figure = plot_sweep(load_sweep(folder), value, x=x, y=y, by=by, panels=panels, at=chosen, highest=highest)
    path = save_figure(figure, out if out is not None else folder / "plot.png")
    if json_wanted():
        say_json({"file": str(path)})
    else:
        say(f"written: {path}")
