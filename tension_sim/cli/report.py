"""The command ``tension-sim report``: make the page of a run from its results alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import json_wanted, with_json
from .terminal import ERR, say, say_json

__all__ = ["report"]


@with_json
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="File of results, or the folder of a run.")],
    out: Annotated[Path | None, typer.Option(help="File to write (default: report.html beside the results).")] = None,
    eigenvalues: Annotated[
        bool, typer.Option("--eigenvalues", help="Compute eigenvalues of any network: minutes for 5000 neurons.")
    ] = False,
) -> None:
    """Make the page of a run from its results: one HTML file with numbers and figures."""
    from ..results.found import find_results, load_run
    from ..results.report import write_report

    file = find_results(results, "report RESULTS")
    run = load_run(file, "report RESULTS")
    path = out if out is not None else file.with_name("report.html")
    with ERR.status("drawing"):
        written = write_report(run, path, eigenvalues=True if eigenvalues else None, where="report --out")
    if json_wanted():
        say_json({"run": run.name, "results": str(file), "report": str(written)})
        return
    say(f"written: {written}")
