"""The command ``tension-sim tune``: look for the settings with the smallest error."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ..system.interrupts import exit_status
from .arguments import Name
from .groups import grouped
from .options import json_wanted, with_json
from .remarks import say_remarks
from .sweep import say_workers
from .sweep_options import OfRecipe, Ranges, Where
from .terminal import ERR, say, say_json

if TYPE_CHECKING:
    from ..sweeps.table import Sweep

__all__ = ["tune"]


@with_json
@grouped
def tune(
    name: Name,
    where: Where,
    of: OfRecipe,
    ranges: Ranges = None,
    trials: Annotated[int, typer.Option(min=1, help="How many trials, earlier ones in the folder included.")] = 100,
    value: Annotated[str | None, typer.Option(help="Number to make small (default: the error after learning).")] = None,
    below: Annotated[float | None, typer.Option(help="End as soon as a trial's number is below.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Begin no trial after so many minutes.")] = None,
) -> None:
    """Look for the settings with the smallest error; hopeless trials are given up while they run.

    Without --range: G, Q, alpha_P and the bias of the recipe's neuron (--set neuron=my_neuron.toml), between values
    that its own f-I curve gives.

    Exit status: 0, or 3 where --below was asked for and not reached; 2 refused, 130 and 143 interrupted. In each case
    the same command goes on with the study in the folder.
    """
    from ..recipes.run import check_run
    from ..sweeps.axes import pairs_of, ranges_of
    from ..sweeps.folder import describe
    from ..sweeps.tune import ONE_SEED, Limits, check_value, ranges_to_tune, run_tune
    from .sweep_view import SweepView

    base = of.base("tune", name)
    ranked, target = check_value(base, value), of.known_target("tune")
    named = pairs_of("tune --range", ranges or [], "--range G=0.02:0.2")
    if not named:
        with ERR.status("measuring the neuron"):
            named = ranges_to_tune(base)
        _say_ranges(named)
    found = ranges_of("tune --range", base, named, ONE_SEED)
    limits = Limits(trials, math.inf if minutes is None else minutes, -math.inf if below is None else below)
    middle = base.load({one.name: one.draw(0.5)[0] for one in found})
    check_run(middle, target=target)
    say_remarks(middle)
    folder = where.folder("sweeps", base.recipe.name)
    with SweepView(describe(base, [one.name for one in found], target), trials, ranked) as view:
        try:
            how = (base, found, folder, limits, ranked)
            done = run_tune(*how, client=where.client, target=target, progress=view.progress, started=say_workers)
        except KeyboardInterrupt:
            view.stop()
            say(f"interrupted after {view.done} trials; the same command goes on", ERR)
            raise typer.Exit(exit_status()) from None
    _tell(done, ranked, limits.below)


def _say_ranges(ranges: Mapping[str, str]) -> None:
    """Print the ranges that were chosen, as options: a search of one's own begins with them."""
    if ranges and not json_wanted():
        say(
            "ranges of the neuron's f-I curve: " + " ".join(f'--range "{name}={text}"' for name, text in ranges.items())
        )


def _tell(found: Sweep, value: str, below: float) -> None:
    from ..sweeps.table import TABLE
    from ..sweeps.work import counted
    from .sweep_view import say_best

    counts = counted(found.rows)
    best = found.best(value, n=1)
    reached = bool(len(best)) and float(best[value].iloc[0]) < below
    if json_wanted():
        told: dict[str, object] = {"folder": str(found.folder), "trials": len(found.rows), "ranked_by": value}
        say_json(told | counts | {"best": best.to_dict("records")[0] if len(best) else None})
    else:
        say_best(found, value)
        say(", ".join(f"{number} {status}" for status, number in counts.items() if number))
        row = min((row for row in found.rows if value in row.numbers), key=lambda row: row.numbers[value], default=None)
        if row is not None:
            settings = {**found.description.settings, **row.point}
            words = " ".join(f'--set "{name}={text}"' for name, text in settings.items())
            say(f"best: tension-sim run {shlex.quote(found.description.recipe)} {words}")
        say(f"written: {found.folder}/{TABLE}")
    if below > -math.inf and not reached:
        raise typer.Exit(3)
