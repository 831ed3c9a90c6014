"""The command ``tension-sim sweep``: many runs of a recipe, on this machine or a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import unknown_name
from ..recipes.protocol import Forecast
from ..system.interrupts import exit_status
from .arguments import Name
from .groups import grouped
from .options import json_wanted, with_json
from .remarks import say_remarks
from .sweep_options import Design, OfRecipe, Where
from .terminal import ERR, say, say_json

if TYPE_CHECKING:
    from ..sweeps.sweep import Plan
    from ..sweeps.table import Sweep
    from ..sweeps.work import Row

__all__ = ["INCOMPLETE", "say_workers", "sweep"]

#: Exit status where some points have no numbers through no fault of theirs: the same command tries them again.
INCOMPLETE = 3


@with_json
@grouped
def sweep(
    name: Name,
    design: Design,
    where: Where,
    of: OfRecipe,
    value: Annotated[str | None, typer.Option(help="Number by which points are ranked, the smallest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, run nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run even if memory or time may not suffice.")] = False,
) -> None:
    """Run a recipe with many settings and seeds; each point is a row of one table.

    Exit status: 0 all points are done or diverged, 2 refused, 3 some points failed, 130 and 143 interrupted. In each
    case the same command goes on with what is left.
    """
    from ..sweeps.clusters import check_workers
    from ..sweeps.table import ranked_by

    base = of.base("sweep", name)
    plan = design.plan(base, of.known_target("sweep"))
    if value is not None and value not in plan.description.numbers:
        raise unknown_name("sweep --value", "number", value, plan.description.numbers)
    client, expected = where.client, plan.check(force)
    check_workers("sweep --cluster" if isinstance(client, str) else "sweep --workers", client)
    if expected is not None and not json_wanted():
        _say_forecast(expected, len(plan.points))
    say_remarks(base.load(dict(plan.points[0].settings)))
    if dry_run:
        if json_wanted():
            say_json({"points": len(plan.points), "seconds_per_point": None if expected is None else expected.seconds})
        else:
            say(f"dry run: {len(plan.points)} points of {base.recipe.name}")
        return
    value = value or ranked_by(plan.description)
    found = _run(plan, where.folder("sweeps", base.recipe.name), client, where.full_results, value)
    _tell(plan, found, value)


def _say_forecast(expected: Forecast, points: int) -> None:
    total = expected.seconds * points
    shown = f"{total:.0f} s" if total < 120 else f"{total / 60:.0f} min" if total < 7200 else f"{total / 3600:.6g} h"
    say(f"forecast: {points} points of about {expected.seconds:.2g} s, {shown} on one worker once built")


def say_workers(about: Mapping[str, str]) -> None:
    """Print what there is to know about the workers, such as the dashboard's address."""
    for what, text in about.items():
        say(f"{what}: {text}", ERR)


def _run(plan: Plan, folder: Path, client: Any, full_results: bool, value: str) -> Sweep:
    from ..sweeps.sweep import run_plan
    from .sweep_view import SweepView

    with SweepView(plan.description, len(plan.points), value) as view:
        try:
            return run_plan(
                plan, folder, client, full_results=full_results, progress=view.progress, started=say_workers
            )
        except KeyboardInterrupt:
            view.stop()
            say(f"interrupted with {view.done} of {len(plan.points)} points done; the same command goes on", ERR)
            raise typer.Exit(exit_status()) from None


def _tell(plan: Plan, found: Sweep, value: str) -> None:
    from ..sweeps.work import counted

    keys = {point.key for point in plan.points}
    rows = [row for row in found.rows if row.key in keys]
    counts = counted(rows)
    if json_wanted():
        best = found.best(value, n=1)
        told = {"folder": str(found.folder), "points": len(rows), **counts, "ranked_by": value}
        say_json(told | {"best": best.to_dict("records")[0] if len(best) else None})
    else:
        _report(found, value, counts, rows)
    if counts["refused"] or counts["failed"]:
        raise typer.Exit(INCOMPLETE)


def _report(found: Sweep, value: str, counts: Mapping[str, int], rows: list[Row]) -> None:
    from ..sweeps.table import TABLE
    from .sweep_view import say_best

    say_best(found, value)
    say(", ".join(f"{number} {status}" for status, number in counts.items() if number))
    for status in ("refused", "failed"):
        reason = next((row.reason for row in rows if row.status == status), None)
        if reason is not None:
            say(f"{status}, for example: {reason}", ERR, "yellow")
    say(f"written: {found.folder}/{TABLE}")
