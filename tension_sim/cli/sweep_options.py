"""What `tension-sim sweep` and `tension-sim tune` may be told, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ..errors import InvalidValueError, message, unknown_name
from .arguments import Protocols, Set, Target, Tasks, recipe_settings

if TYPE_CHECKING:
    from ..run.simulation import Target as TargetName
    from ..sweeps.base import Base
    from ..sweeps.sweep import Plan

__all__ = ["Design", "OfRecipe", "Ranges", "Where"]

Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="NAME=LOW:HIGH", help="Range to draw from: G=0.02:0.2, alpha_P=1e-6:1e-3:log."),
]


@dataclass(frozen=True)
class Design:
    """Which points a sweep has."""

    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="NAME=VALUES", help="Values of a setting: G=0.02:0.2:10, or Q=1,3,10,30."),
    ] = None
    ranges: Ranges = None
    stored: Annotated[
        str | None, typer.Option("--plan", metavar="NAME", help="Sweep of the recipe's file (default: its first).")
    ] = None
    seeds: Annotated[
        str | None, typer.Option(metavar="N", help="Seeds for each point: how many, or which (0,5,7).")
    ] = None
    random: Annotated[int | None, typer.Option("--random", min=1, help="Draw so many points from the ranges.")] = None
    sobol: Annotated[
        int | None, typer.Option("--sobol", min=1, help="Draw so many points of a Sobol sequence from the ranges.")
    ] = None

    def plan(self, base: Base, target: TargetName | None) -> Plan:
        """Plan the sweep: that of the options, one of the recipe's file where there are none, or seeds alone."""
        from ..sweeps.plans import stored_sweep
        from ..sweeps.sweep import plan_sweep

        if self.grid or self.ranges or self.random is not None or self.sobol is not None:
            if self.stored is not None:
                fix = "leave out one of them."
                raise InvalidValueError(message("sweep --plan", "no grid or ranges beside it", self.stored, fix))
            draw, axes = self._draw_and_axes()
            option = "sweep --grid" if draw is None else "sweep --range"
            return plan_sweep("sweep", base, axes, self.seeds or "1", draw, target, option=option)
        if self.seeds and self.stored is None and not base.recipe.sweeps:
            return plan_sweep("sweep", base, {}, self.seeds, None, target)
        base, stored = stored_sweep(base, self.stored)
        return plan_sweep("sweep", base, stored.grid, self.seeds or stored.seeds, None, target, stored.plot)

    def _draw_and_axes(self) -> tuple[tuple[str, int] | None, dict[str, str]]:
        """Return design and axes; refuse options that do not go together."""
        from ..sweeps.axes import pairs_of

        grid, ranges = self.grid or [], self.ranges or []
        drawn = (("random", self.random), ("sobol", self.sobol))
        designs = [(name, number) for name, number in drawn if number is not None]
        if len(designs) > 1 or bool(designs) != bool(ranges) or (ranges and grid):
            received = {"--grid": grid, "--range": ranges, "--random": self.random, "--sobol": self.sobol}
            fix = "e.g. --grid Q=1,3,10, or --range Q=1:30 --sobol 64."
            raise InvalidValueError(message("sweep", "--grid, or --range with --random or --sobol", received, fix))
        if designs:
            return designs[0], pairs_of("sweep --range", ranges, "--range G=0.02:0.2")
        return None, pairs_of("sweep --grid", grid, "--grid G=0.02:0.2:10")


@dataclass(frozen=True)
class OfRecipe:
    """How the recipe is loaded and run."""

    set_: Set = None
    target: Target = None
    protocols: Protocols = None
    tasks: Tasks = None

    def known_target(self, command: str) -> TargetName | None:
        """Return the target of a command; refuse one that does not exist."""
        from ..run.simulation import TARGETS

        if self.target is not None and self.target not in TARGETS:
            raise unknown_name(f"{command} --target", "target", self.target, TARGETS)
        return cast("TargetName | None", self.target)

    def base(self, command: str, name: str) -> Base:
        """Load a recipe as the base of all points."""
        from ..sweeps.base import base_of

        return base_of(command, name, recipe_settings(self.set_), self.protocols, self.tasks)


@dataclass(frozen=True)
class Where:
    """Where points run, and where their rows go."""

    out: Annotated[
        Path | None, typer.Option(help="Folder (default: sweeps/NAME); what is done there is not done again.")
    ] = None
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes on this machine (default: one for each core; 0: none).")
    ] = None
    cluster: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler, or a file .toml that describes a cluster.")
    ] = None
    full_results: Annotated[
        bool, typer.Option("--full-results", help="Keep figure, results and summary of each point.")
    ] = False

    @property
    def client(self) -> int | str | None:
        """What `sweep` takes as its client."""
        if self.workers is not None and self.cluster is not None:
            fix = "a cluster has the workers of its jobs."
            raise InvalidValueError(message("sweep", "--workers or --cluster", {"--cluster": self.cluster}, fix))
        return self.workers if self.cluster is None else self.cluster

    def folder(self, parent: str, recipe: str) -> Path:
        """Return the folder, by default that of the recipe's name."""
        return self.out if self.out is not None else Path(parent) / recipe.rpartition("/")[2].removesuffix(".toml")
