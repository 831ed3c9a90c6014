"""The command ``tension-sim report``: make the page of a run from its results alone, or that of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidValueError, message
from .options import json_wanted, with_json
from .terminal import ERR, say, say_json

__all__ = ["report"]


@with_json
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="File of results, folder of a run or a sweep.")],
    out: Annotated[Path | None, typer.Option(help="File to write (default: report.html beside the results).")] = None,
    eigenvalues: Annotated[
        bool, typer.Option("--eigenvalues", help="Compute eigenvalues of any network: minutes for 5000 neurons.")
    ] = False,
    value: Annotated[str | None, typer.Option(metavar="NAME", help="Of a sweep: number to draw.")] = None,
) -> None:
    """Make the page of a run from its results, or that of a sweep: one HTML file with numbers and figures."""
    if (results / "sweep.json").is_file():
        _of_sweep(results, out, value, eigenvalues)
        return
    if value is not None:
        what, fix = "the folder of a sweep beside it", "the page of a run has all numbers: leave it out."
        raise InvalidValueError(message("report --value", what, value, fix))
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


def _of_sweep(folder: Path, out: Path | None, value: str | None, eigenvalues: bool) -> None:
    from ..sweeps.report import write_sweep_report
    from ..sweeps.table import load_sweep

    if eigenvalues:
        fix = "leave it out, or name a point's folder (points/KEY)."
        raise InvalidValueError(message("report --eigenvalues", "a run", f"a sweep, {folder}", fix))
    found = load_sweep(folder)
    with ERR.status("drawing"):
        path = out if out is not None else folder / "report.html"
        written = write_sweep_report(found, path, value, where="report --out")
    if json_wanted():
        say_json({"sweep": found.description.recipe, "results": str(folder), "report": str(written)})
        return
    say(f"written: {written}")
