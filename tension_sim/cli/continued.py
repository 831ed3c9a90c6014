"""``tension-sim run --from FILE``: a stored run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .job import Job, perform, say_dry_run
from .options import json_wanted
from .terminal import ERR, say

__all__ = ["run_from"]


def run_from(
    path: Path,
    settings: Mapping[str, str],
    chosen: Mapping[str, Any],
    protocols: Path | None,
    tasks: Path | None,
) -> None:
    """Go on with a stored run, with the weights that it learned.

    Parameters
    ----------
    path : Path
        Its file of results.
    settings : mapping
        ``"duration"``.
    chosen : mapping
        ``target``, ``out``, ``overwrite``, ``formats`` and ``dry_run`` of the command.
    protocols, tasks
        Of the command.
    """
    from ..recipes.continuation import NUMBERS, continuation
    from ..recipes.run import check_folder

    further = continuation(path, settings, protocols=protocols, tasks=tasks, where="run --from")
    target, short = chosen["target"], further.name.rpartition("/")[2].removesuffix(".toml")
    folder = chosen["out"] if chosen["out"] is not None else Path("results") / f"{short}_continued"
    folder = check_folder(folder, continued=further, overwrite=chosen["overwrite"])
    told: dict[str, object] = {"recipe": further.name, "continued": further.changes, "remarks": list(further.remarks)}
    if not json_wanted():
        begin, dt = further.results.stop_step, further.results.dt
        say(f"goes on from {begin * dt:g} s to {(begin + further.steps) * dt:g} s, without learning")
        for remark in further.remarks:
            say(remark, ERR, "yellow")
    if chosen["dry_run"]:
        further.check(target)
        say_dry_run(further.name, further.steps, folder, told)
        return
    told |= {"expected": {}, "forecast": None, "dry_run": False}
    end = further.changes["stop_step"]
    job = Job(
        further.name, end, folder, chosen["formats"], lambda progress: further.run(target, progress), NUMBERS, {}, told
    )  # fmt: skip
    perform(job)
