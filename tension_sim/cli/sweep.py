"""The command ``tension-sim sweep``: many runs of a recipe, on this machine or a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InvalidValueError, message, unknown_name
from ..recipes.protocol import Forecast
from ..system.interrupts import exit_status
from .commands import Name, Protocols, Set, Target, Tasks, _settings
from .terminal import ERR, OUT, say, say_json

__all__ = ["sweep"]

#: Exit status where some points have no numbers through no fault of theirs: the same command tries them again.
INCOMPLETE = 3

_GRID = "sweep --grid"

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]


def sweep(
    name: Name,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="NAME=VALUES", help="Values of a setting: G=0.02:0.2:10, Q=1,3,10,30."),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="NAME=LOW:HIGH", help="Range to draw from: G=0.02:0.2, alpha_P=1e-6:1e-3:log."),
    ] = None,
    seeds: Annotated[
        str, typer.Option(metavar="N", help="How many seeds for each point, or which: 20, or 0,5,7.")
    ] = "1",
    random: Annotated[int | None, typer.Option("--random", min=1, help="Draw so many points from the ranges.")] = None,
    sobol: Annotated[
        int | None, typer.Option("--sobol", min=1, help="Draw so many points of a Sobol sequence from the ranges.")
    ] = None,
    set_: Set = None,
    target: Target = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sweep (default: sweeps/NAME); it goes on there.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes on this machine (default: one for each core; 0: none).")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler, or a file .toml that describes a cluster.")
    ] = None,
    full_results: Annotated[
        bool, typer.Option("--full-results", help="Keep figure, results and summary of each point.")
    ] = False,
    value: Annotated[str | None, typer.Option(help="Number by which points are ranked (the smallest first).")] = None,
    protocols: Protocols = None,
    tasks: Tasks = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, run nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run even if memory or time may not suffice.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe with many settings and seeds; each point is a row of one table.

    Exit status: 0 all points have a row, 2 refused, 3 some points failed, 130 and 143 interrupted; in each case the
    same command goes on with what is left.
    """
    from ..run.simulation import target_named
    from ..sweeps.base import base_of
    from ..sweeps.sweep import plan_sweep
    from ..sweeps.table import ranked_by

    base = base_of("sweep", name, _settings(set_), protocols, tasks)
    draw, axes = _design(grid, ranges, random, sobol)
    plan = plan_sweep("sweep", base, axes, seeds, draw, target_named("sweep --target", target))
    if value is not None and value not in plan.description.numbers:
        raise unknown_name("sweep --value", "number", value, plan.description.numbers)
    client = _client(workers, cluster)
    expected = plan.check(force)
    if not as_json:
        _say_forecast(expected, len(plan.points))
    if dry_run:
        if as_json:
            say_json({"points": len(plan.points), "seconds_per_point": expected.seconds})
        else:
            say(f"dry run: {len(plan.points)} points of {base.recipe.name}")
        return
    folder = out if out is not None else Path("sweeps") / base.recipe.name.rpartition("/")[2].removesuffix(".toml")
    _go(plan, folder, client, full_results, value or ranked_by(plan.description), as_json)


def _design(
    grid: list[str] | None, ranges: list[str] | None, random: int | None, sobol: int | None
) -> tuple[tuple[str, int] | None, dict[str, str]]:
    """Return design and axes from the options; refuse those that do not go together."""
    from ..sweeps.axes import pairs_of

    designs = [(name, number) for name, number in (("random", random), ("sobol", sobol)) if number is not None]
    received = {"--grid": grid or [], "--range": ranges or [], "--random": random, "--sobol": sobol}
    if len(designs) > 1 or bool(designs) != bool(ranges) or (ranges and grid):
        fix = "e.g. --grid Q=1,3,10, or --range Q=1:30 --sobol 64."
        what = "--grid, or --range with --random or --sobol"
        raise InvalidValueError(message("sweep", what, received, fix))
    if designs:
        return designs[0], pairs_of("sweep --range", ranges or [], "--range G=0.02:0.2")
    return None, pairs_of(_GRID, grid or [], "--grid G=0.02:0.2:10")


def _client(workers: int | None, cluster: str | None) -> int | str | None:
    if workers is not None and cluster is not None:
        fix = "a cluster has the workers of its jobs."
        raise InvalidValueError(message("sweep", "--workers or --cluster", {"--cluster": cluster}, fix))
    return cluster if cluster is not None else workers


def _say_forecast(expected: Forecast, points: int) -> None:
    total = expected.seconds * points
    shown = f"{total:.0f} s" if total < 120 else f"{total / 60:.0f} min" if total < 7200 else f"{total / 3600:.6g} h"
    say(f"forecast: {points} points of about {expected.seconds:.2g} s, {shown} on one worker once built")


def _go(plan: Any, folder: Path, client: Any, full_results: bool, value: str, as_json: bool) -> None:
    from ..sweeps.sweep import run_plan
    from .sweep_view import SweepView

    def started(about: Mapping[str, str]) -> None:
        for what, text in about.items():
            say(f"{what}: {text}", ERR)

    with SweepView(plan, value) as view:
        try:
            found = run_plan(plan, folder, client, full_results=full_results, progress=view.progress, started=started)
        except KeyboardInterrupt:
            view.stop()
            say(f"interrupted with {view.done} of {len(plan.points)} points done; the same command goes on", ERR)
            raise typer.Exit(exit_status()) from None
    keys = {point.key for point in plan.points}
    rows = [row for row in found.rows if row.key in keys]
    counts = {status: sum(row.status == status for row in rows) for status in ("done", "diverged", "refused", "failed")}
    if as_json:
        best = found.best(value, n=1)
        told = {"folder": str(folder), "points": len(rows), **counts, "ranked_by": value}
        say_json(told | {"best": best.to_dict("records")[0] if len(best) else None})
    else:
        _report(found, folder, value, counts, rows)
    if counts["refused"] or counts["failed"]:
        raise typer.Exit(INCOMPLETE)


def _report(found: Any, folder: Path, value: str, counts: Mapping[str, int], rows: list[Any]) -> None:
    from ..sweeps.table import TABLE
    from .sweep_view import best_table

    OUT.print(best_table(found, value))
    say(", ".join(f"{number} {status}" for status, number in counts.items() if number))
    for status in ("refused", "failed"):
        reason = next((row.reason for row in rows if row.status == status), None)
        if reason is not None:
            say(f"{status}, for example: {reason}", ERR, "yellow")
    say(f"written: {folder}/{TABLE}")
