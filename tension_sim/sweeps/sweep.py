"""`sweep`: plan the points, skip those that are done, run the others, keep each row as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Unpack

from ..declare.options import grouped
from ..declare.validation import check_callable, check_flag, check_whole
from ..errors import InvalidTypeError, InvalidValueError, OutputError, message, unknown_name
from ..recipes.protocol import Forecast
from ..recipes.recipe import Recipe
from ..recipes.result_folder import check_folder, usable_folder
from ..results.declaration import AnyNetwork
from ..run.simulation import Target
from .axes import axes_of, ranges_of, seeds_of
from .clusters import check_workers, described, workers_of
from .either import swept_of
from .extra import load
from .folder import Description, check_same, describe, opened
from .journal import Journal, read_rows
from .network_options import NetworkOptions
from .points import DESIGNS, Point, drawn, grid_points, with_seeds
from .swept import Runner, Swept
from .table import Sweep
from .work import SETTLED, Row, Work

__all__ = ["Plan", "Progress", "plan_sweep", "run_plan", "sweep"]

#: Seconds between two writes of the table while points run; rows are on the disk at once.
_TABLE_EVERY = 60.0

#: Seconds that a point takes beside its steps: its weights, a program that starts, files, its row.
_BESIDE = 0.04

#: Called with the points done, all points, and the new row (None: time passes).
Progress = Callable[[int, int, Row | None], None]


@dataclass(frozen=True)
class Plan:
    """The points of a sweep, before anything runs.

    Attributes
    ----------
    base : Swept
        The recipe or network, and the settings of all points.
    points : list of Point
        In the order in which they run: all points of one seed before the next seed.
    description : Description
        What decides whether a sweep of a folder goes on.
    """

    base: Swept
    points: list[Point]
    description: Description

    def check(self, force: bool = False) -> Forecast | None:
        """Check what a run of the first point would check before it builds; return the forecast of one point."""
        expected = self.base.check(dict(self.points[0].settings), self.description.target, force)
        return expected and replace(expected, seconds=expected.seconds + _BESIDE)

    def ordered(self, rows: Mapping[str, Row]) -> list[Row]:
        """Return rows in the order of the points, whoever ended first; then those of earlier plans."""
        own = [rows[point.key] for point in self.points if point.key in rows]
        keys = {row.key for row in own}
        return own + [row for row in rows.values() if row.key not in keys]

    def work(self, point: Point, runner: Runner, folder: Path | None) -> Work:
        """Return what a worker needs for a point."""
        names = [name for name, _ in point.settings]
        return Work(
            key=point.key,
            runner=runner,
            point=dict(point.settings),
            values=dict(zip(names, point.values, strict=True)),
            target=self.description.target,
            folder=None if folder is None else str(folder.resolve() / point.key),
        )


def plan_sweep(
    where: str,
    base: Swept,
    grid: Mapping[str, Any],
    seeds: Any = 1,
    draw: tuple[str, int] | None = None,
    target: Target | None = None,
    plot: Mapping[str, Any] = MappingProxyType({}),
    option: str = "",
) -> Plan:
    """Plan a sweep; every value of every setting is tried, nothing runs.

    Parameters
    ----------
    where : str
        Begins the messages.
    base : Swept
        The recipe or network.
    grid : mapping
        As for `axes_of`, or for `ranges_of` where points are drawn.
    seeds : int, str or sequence of int
        As for `seeds_of`.
    draw : tuple of (str, int), optional
        Draw so many points by ``"random"`` or ``"sobol"``.
    target : str, optional
        As for `Simulation`.
    plot : mapping, optional
        How it is drawn, as `Stored.plot`.
    option : str, optional
        What messages call the grid, by default its argument.
    """
    place = option or f"{where}.grid"
    if draw is None:
        axes = axes_of(place, base, grid)
        points, names = grid_points(axes), [axis.name for axis in axes]
    else:
        design, number = _check_draw(where, draw)
        ranges = ranges_of(place, base, grid)
        points, names = drawn(ranges, design, number), [one.name for one in ranges]
    found = list(with_seeds(points, seeds_of(f"{where}.seeds", base, seeds)))
    keys = dict.fromkeys(point.key for point in found)
    if len(keys) < len(found):  # few choices: what was drawn twice runs once
        found = list({point.key: point for point in found}.values())
    return Plan(base, found, describe(base, names, target, plot=plot))


def _check_draw(where: str, draw: Any) -> tuple[str, int]:
    if not isinstance(draw, tuple | list) or len(draw) != 2:
        raise InvalidTypeError(message(f"{where}.draw", "a design and a number", draw, 'e.g. ("sobol", 64).'))
    if draw[0] not in DESIGNS:
        raise unknown_name(f"{where}.draw", "design", draw[0], DESIGNS)
    return str(draw[0]), check_whole(f"{where}.draw", draw[1], 1, what="a number of points")


def run_plan(
    plan: Plan,
    out: str | Path,
    client: Any = None,
    *,
    full_results: bool = False,
    progress: Progress | None = None,
    started: Callable[[Mapping[str, str]], None] | None = None,
) -> Sweep:
    """Run the points of a plan that the folder has no row of; see `sweep`.

    Parameters
    ----------
    started : callable, optional
        Called with what there is to know about the workers, such as the dashboard's address.
    """
    for module in ("pandas", "pyarrow"):  # at the end it would be late
        load(module, "sweep")
    check_workers("sweep.client", client)
    folder = check_folder(out, where="sweep.out")
    there = check_same("sweep.out", folder, plan.description)
    folder = usable_folder(folder, "sweep.out")
    with opened("sweep.out", folder, plan.description, there) as journal:
        rows = {row.key: row for row in read_rows(folder, plan.description.swept)}
        left = [point for point in plan.points if point.key not in rows or rows[point.key].status not in SETTLED]
        try:
            if left:
                with workers_of("sweep.client", client, folder) as workers:
                    if started is not None:
                        started(described(workers))
                    runner = plan.base.runner(folder)
                    full = folder / "points" if full_results else None
                    works = (plan.work(point, runner, full) for point in left)
                    _run(plan, works, len(left), rows, journal, workers, progress)
            elif progress is not None:
                progress(len(plan.points), len(plan.points), None)
        except BaseException:
            with suppress(OutputError):  # the first error counts; all rows are in the journal
                Sweep(folder, plan.description, plan.ordered(rows)).save_table()
            raise
        found = Sweep(folder, plan.description, plan.ordered(rows))
        found.save_table()
    return found


def _run(
    plan: Plan,
    works: Iterator[Work],
    left: int,
    rows: dict[str, Row],
    journal: Journal,
    workers: Any,
    progress: Progress | None,
) -> None:
    total, done, saved = len(plan.points), len(plan.points) - left, time.monotonic()

    def tell(row: Row | None) -> None:
        if progress is not None:
            progress(done, total, row)

    tell(None)
    for row in workers.rows(works, lambda: tell(None)):
        journal.append(row)
        rows[row.key] = row
        done += 1
        tell(row)
        if time.monotonic() - saved > _TABLE_EVERY:
            Sweep(journal.path.parent, plan.description, plan.ordered(rows)).save_table()
            saved = time.monotonic()


@grouped(NetworkOptions)
def sweep(
    recipe: str | Path | Recipe | AnyNetwork,
    grid: Mapping[str, Any],
    seeds: Any = 1,
    *,
    out: str | Path,
    client: Any = None,
    settings: Mapping[str, Any] | None = None,
    draw: tuple[str, int] | None = None,
    target: Target | None = None,
    full_results: bool = False,
    progress: Progress | None = None,
    protocols: str | Path | None = None,
    tasks: str | Path | None = None,
    **of_network: Unpack[NetworkOptions],
) -> Sweep:
    """Run a recipe or a network with every combination of some settings and seeds, on many workers.

    The program is compiled once and found by all workers; each finished point is a row on the disk at once. What a
    folder has a row of is not run again, so that the same call goes on after a kill, and more values, seeds or points
    may be added. A point that diverges is a row with its reason.

    Parameters
    ----------
    recipe : str, pathlib.Path, Recipe, ForceNetwork, FittedNetwork or Network
        As for `load_recipe`; or a declaration, each of whose points is a run of `Simulation`.
    grid : mapping
        For each setting, by its dotted name or the last part of it, the values: a sequence of numbers and of texts
        with units, ``"0.02:0.2:10"`` for ten even steps, or ``"1e-6:1e-3:4:log"``. With `draw`, the range:
        ``(0.02, 0.2)``, ``"0.02:0.2"``, ``"1e-6:1e-3:log"``, or choices ``"lif,theta"``. Settings of a network
        are the numbers and texts of its declaration (see Notes).
    seeds : int or sequence of int, optional
        How many seeds, from the recipe's or network's on, or which ones. All points have the same ones.
    out : str or pathlib.Path
        Folder of the sweep.
    client : int, str, pathlib.Path or distributed.Client, optional
        How many worker processes of this machine (0: none, points run here; by default one for each core), the address
        of a dask scheduler, a file ``.toml`` that describes a cluster, or a client.
    settings : mapping of str to str, optional
        Settings of all points, as for `load_recipe`.
    draw : tuple of (str, int), optional
        ``("random", 100)`` or ``("sobol", 128)``: so many points drawn from ranges.
    target : str, optional
        As for `Simulation`.
    full_results : bool, optional
        Whether each point leaves figure, results and summary in ``points/KEY``.
    progress : callable, optional
        Called as ``progress(done, total, row)``; ``row`` is None while time passes.
    protocols, tasks : str or pathlib.Path, optional
        Of a recipe, as for `load_recipe`.
    y, x, rates, steps, every, trial, learning : optional
        Of a network: what each run is given, as for `Simulation.run`; the same at all points.
    record : Record, optional
        Of a network: what is recorded, for `measure` and full results.
    measure : callable, optional
        Of a network: ``measure(results)`` returns the numbers of a point by their names. By default those of the
        protocol ``network``: ``learning_rmse`` over the last second of learning, and of the test ``aligned_rmse``,
        ``peak_frequency`` and ``firing_rate``; what a run does not have is NaN.

    Returns
    -------
    Sweep
        Its `table` has one row for each point.

    Raises
    ------
    TensionError
        Before anything runs, if a setting or value cannot work, or the folder holds another sweep.
    EngineNotFoundError
        If a package is missing; ``pip install "tension-sim[sweep]"`` installs them.

    Notes
    -----
    Worker processes import the script that calls this: guard it by ``if __name__ == "__main__":``.

    Settings of a network are dotted names of its declaration, or the last part where that is unique: ``alpha_P``
    or ``learning.alpha_P``, ``parameters.tau_mem``, ``populations.exc.parameters.tau_mem``,
    ``readouts.z.learning.start``, ``projections.exc_to_exc.weights.p``. Weights that are given as numbers are
    multiplied: ``recurrent_scale``, ``feedback_scale`` and ``input_scale`` of a `ForceNetwork`,
    ``projections.exc_to_exc.scale`` of a `Network`. Rules that share P change together. A seed is that of the
    declaration: initial values, noise, random updates, and what a `Network` draws; weights that were given as
    numbers stay.

    Examples
    --------
    >>> import tempfile
    >>> small = {"n": "20", "duration": "5*ms"}
    >>> how = {"client": 0, "target": "numpy", "settings": small, "out": tempfile.mkdtemp()}
    >>> found = sweep("lif_sine", {"Q": [1, 10]}, seeds=2, **how)
    >>> found.table()[["Q", "seed", "status"]].values.tolist()
    [[1.0, 0, 'done'], [10.0, 0, 'done'], [1.0, 1, 'done'], [10.0, 1, 'done']]

    A network, with numbers of one's own:

    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Learning
    >>> net = ForceNetwork.random("lif", n=20, learning=Learning(alpha_P=1e-3))
    >>> how = {"client": 0, "target": "numpy", "out": tempfile.mkdtemp()}
    >>> error = lambda results: {"error": np.abs(results.output - results.target).mean()}
    >>> found = sweep(net, {"alpha_P": [1e-3, 1e-2]}, y=np.ones(50), measure=error, **how)
    >>> list(found.table().columns[:3]), len(found.rows)
    (['alpha_P', 'seed', 'error'], 2)
    """
    check_callable("sweep.progress", progress, "progress(done, total, row)")
    full_results = check_flag("sweep.full_results", full_results)
    if not isinstance(grid, Mapping):
        raise InvalidTypeError(
            message("sweep.grid", "names of settings with their values", grid, 'e.g. {"Q": [1, 3]}.')
        )
    base = swept_of("sweep", recipe, settings, {"protocols": protocols, "tasks": tasks}, of_network)
    plan = plan_sweep("sweep", base, grid, seeds, draw, target)
    if not plan.points:
        raise InvalidValueError(message("sweep.grid", "at least one point", dict(grid)))
    plan.check()
    return run_plan(plan, out, client, full_results=full_results, progress=progress)
