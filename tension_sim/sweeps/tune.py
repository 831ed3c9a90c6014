"""`tune`: look for the settings with the smallest error; each trial learns from those before it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from ..declare.options import grouped
from ..declare.validation import check_number, check_positive, check_whole
from ..errors import InvalidTypeError, InvalidValueError, OutputError, message, unknown_name
from ..recipes.recipe import Recipe
from ..recipes.result_folder import check_folder, usable_folder
from ..results.declaration import AnyNetwork
from ..run.simulation import Target
from .axes import Range, ranges_of
from .base import Base
from .clusters import check_workers, described, workers_of
from .either import swept_of
from .extra import load
from .folder import check_same, describe, opened
from .journal import Journal, read_rows
from .network_options import NetworkOptions
from .neuron_ranges import has_curve, neuron_ranges
from .pruning import STUDY, open_study
from .quietly import quiet
from .sweep import Progress
from .swept import SEED, Runner, Swept
from .table import Sweep, ranked_by
from .work import Row, Work

__all__ = ["ONE_SEED", "Limits", "check_value", "ranges_to_tune", "run_tune", "tune"]

#: What to do in place of a range of seeds.
ONE_SEED = "all trials have the seed of the recipe or network: give it another there, and sweep over seeds afterwards."


@dataclass(frozen=True)
class Limits:
    """When a search ends: after so many trials in all, so many minutes, or with an error below a bound."""

    trials: int = 100
    minutes: float = math.inf
    below: float = -math.inf

    def __post_init__(self) -> None:
        check_whole("tune.trials", self.trials, 1, what="a number of trials")
        if self.minutes != math.inf:
            check_positive("tune.minutes", self.minutes)
        if self.below != -math.inf:
            check_number("tune.below", self.below)


def run_tune(
    base: Swept,
    ranges: Sequence[Range],
    out: str | Path,
    limits: Limits,
    value: str,
    *,
    client: Any = None,
    target: Target | None = None,
    progress: Progress | None = None,
    started: Callable[[Mapping[str, str]], None] | None = None,
) -> Sweep:
    """Search on; see `tune`."""
    for module in ("pandas", "pyarrow", "optuna"):
        load(module, "tune")
    description, where = describe(base, [one.name for one in ranges], target, made_small=value), "tune.out"
    check_workers("tune.client", client)
    folder = check_folder(out, where=where)
    there = check_same(where, folder, description)
    folder = usable_folder(folder, where)
    with opened(where, folder, description, there) as journal:
        rows = {row.key: row for row in read_rows(folder, description.swept)}
        _check_study(where, folder, rows)
        search = _Search(base, ranges, folder, limits, value, target)
        try:
            if search.goes_on():
                with workers_of("tune.client", client, folder) as workers:
                    if started is not None:
                        started(described(workers))
                    search.run(workers, journal, rows, progress)
        finally:
            found = Sweep(folder, description, list(rows.values()))
            found.save_table()
    return found


def _check_study(where: str, folder: Path, rows: Mapping[str, Row]) -> None:
    """Refuse a study that lacks trials of the table: their numbers would be given to others."""
    path = folder / STUDY
    if not rows:
        return
    last, found = max(_number(row) for row in rows.values()), "without it"
    if path.exists():
        trials = len(open_study(str(path)).trials)
        if trials > last:
            return
        found = f"with one of {trials} trials, not {last + 1}"
    fix = "put the file back, or choose another folder."
    raise OutputError(message(where, f"the {STUDY} of the trials in the table", f"{folder} {found}", fix))


def _number(row: Row) -> int:
    """Return the number of a row's trial; that of a row by another hand is 0."""
    number = row.key.rpartition("trial-")[2]
    return int(number) if number.isdecimal() else 0


class _Search:
    """A study, and what is asked of it and told to it."""

    def __init__(
        self, base: Swept, ranges: Sequence[Range], folder: Path, limits: Limits, value: str, target: Target | None
    ) -> None:
        self._base, self._ranges, self._limits, self._value = base, ranges, limits, value
        self._target: Target | None = target
        self._folder, self._path = folder, str((folder / STUDY).resolve())
        self._study = open_study(self._path, seed=base.seed)
        self._end = time.monotonic() + 60 * limits.minutes
        self._distributions = {one.name: _distribution(one) for one in ranges}
        self._drop_unfinished()
        self.done = len(self._study.trials)
        self._asked = self.done

    def _drop_unfinished(self) -> None:
        """Give up the trials that a killed process left under way: they count as tried."""
        optuna = load("optuna", "tune")
        with quiet("optuna"):
            for trial in self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def goes_on(self) -> bool:
        """Say whether another trial is due."""
        return self._asked < self._limits.trials and time.monotonic() < self._end and self._best() >= self._limits.below

    def _best(self) -> float:
        done = load("optuna", "tune").trial.TrialState.COMPLETE
        values = [trial.value for trial in self._study.get_trials(deepcopy=False, states=(done,))]
        return min(values, default=math.inf)

    def _works(self, runner: Runner) -> Iterator[Work]:
        while self.goes_on():
            with quiet("optuna"):
                trial = self._study.ask(self._distributions)
            self._asked += 1
            pairs = {one.name: _written(one, trial.params[one.name]) for one in self._ranges}
            yield Work(
                key=f"trial-{trial.number}",
                runner=runner,
                point={name: text for name, (text, _) in pairs.items()} | {SEED: str(self._base.seed)},
                values={name: found for name, (_, found) in pairs.items()} | {SEED: self._base.seed},
                target=self._target,
                study=(self._path, trial.number),
            )

    def run(self, workers: Any, journal: Journal, rows: dict[str, Row], progress: Progress | None) -> None:
        """Hand out trials, and tell the study what they gave."""

        def tell(row: Row | None) -> None:
            if progress is not None:
                progress(self.done, self._limits.trials, row)

        works = self._works(self._base.runner(self._folder))
        for row in workers.rows(works, lambda: tell(None), ahead=False):
            journal.append(row)
            rows[row.key] = row
            self._tell_study(row)
            self.done += 1
            tell(row)

    def _tell_study(self, row: Row) -> None:
        states = load("optuna", "tune").trial.TrialState
        number, error = _number(row), row.numbers.get(self._value, math.nan)
        if row.status == "done" and self._value not in {*row.numbers, *self._base.numbers}:
            raise unknown_name("tune.value", "number that measure returns", self._value, row.numbers)
        if row.status == "done" and math.isnan(error) and self._best() == math.inf:
            what, fix = (
                "a number that runs of the trials have",
                "choose another number, or a run with a test after learning.",
            )
            raise InvalidValueError(message("tune.value", what, f"{self._value}, which {row.key} has not", fix))
        with quiet("optuna"):
            if row.status in ("done", "diverged"):  # what diverged is as bad as can be: the search keeps away
                self._study.tell(number, error if math.isfinite(error) else math.inf)
            else:
                self._study.tell(number, state=states.PRUNED if row.status == "pruned" else states.FAIL)


def _distribution(one: Range) -> Any:
    distributions = load("optuna", "tune").distributions
    if one.choices:
        return distributions.CategoricalDistribution([text for text, _ in one.choices])
    if one.whole:
        return distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return distributions.FloatDistribution(one.low, one.high, log=one.log)


def _written(one: Range, drawn: Any) -> tuple[str, Any]:
    return (drawn, dict(one.choices)[drawn]) if one.choices else one.written(drawn)


@grouped(NetworkOptions)
def tune(
    recipe: str | Path | Recipe | AnyNetwork,
    ranges: Mapping[str, Any] | None = None,
    trials: int = 100,
    *,
    out: str | Path,
    value: str | None = None,
    below: float = -math.inf,
    minutes: float = math.inf,
    client: Any = None,
    settings: Mapping[str, Any] | None = None,
    target: Target | None = None,
    progress: Progress | None = None,
    protocols: str | Path | None = None,
    **of_network: Unpack[NetworkOptions],
) -> Sweep:
    """Look for the settings of a recipe or a network with the smallest error.

    Optuna's sampler (tree-structured Parzen estimators) proposes settings by what earlier trials gave. A recipe is run
    in seconds of network, with the same bits as a whole run; it is given up as soon as its error in a second is above
    the median of what finished trials showed in that second. A network's runs are whole. The study lies in the folder,
    so that the same call goes on after a kill.

    Parameters
    ----------
    recipe : str, pathlib.Path, Recipe, ForceNetwork, FittedNetwork or Network
        As for `sweep`.
    ranges : mapping, optional
        For each setting ``(low, high)``, ``"low:high"``, ``"low:high:log"``, or choices ``"lif,theta"``. Without it,
        G, Q, alpha_P and the bias, as far as `settings` leave them open, between values that the neuron's own f-I curve
        gives. A network needs it.
    trials : int, optional
        How many, those of earlier calls included.
    out : str or pathlib.Path
        Folder of the study and its table.
    value : str, optional
        The number to make small; by default the protocol's error after learning. One that `measure` returns needs it.
    below : float, optional
        End the search as soon as a trial's number is below.
    minutes : float, optional
        Begin no trial after so many minutes.
    client, settings, target, progress, protocols
        As for `sweep`.
    y, x, rates, steps, every, trial, learning, record, measure : optional
        Of a network, as for `sweep`.

    Returns
    -------
    Sweep
        Its rows are the trials; ``best`` ranks them.

    Raises
    ------
    TensionError
        Before anything runs, if a setting or range cannot work, or the folder holds something else.

    Examples
    --------
    >>> import tempfile
    >>> small = {"n": "20", "duration": "5*ms", "learning.start": "1*ms", "learning.stop": "3*ms"}
    >>> how = {"client": 0, "target": "numpy", "settings": small, "out": tempfile.mkdtemp()}
    >>> found = tune("lif_sine", {"alpha_P": "1e-4:1e-1:log"}, trials=2, value="learning_rmse", **how)
    >>> [row.key for row in found.rows]
    ['trial-0', 'trial-1']

    A network, with a number of one's own:

    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Learning
    >>> net = ForceNetwork.random("lif", n=20, learning=Learning(alpha_P=1e-3))
    >>> how = {"client": 0, "target": "numpy", "out": tempfile.mkdtemp(), "y": np.ones(50)}
    >>> error = lambda results: {"error": np.abs(results.output - results.target).mean()}
    >>> found = tune(net, {"alpha_P": "1e-4:1e-1:log"}, trials=2, value="error", measure=error, **how)
    >>> list(found.table().columns[:3])
    ['alpha_P', 'seed', 'error']
    """
    if ranges is not None and not isinstance(ranges, Mapping):
        raise InvalidTypeError(message("tune.ranges", "names of settings with ranges", ranges, 'e.g. {"Q": (1, 30)}.'))
    base = swept_of("tune", recipe, settings, {"protocols": protocols}, of_network)
    ranked = check_value(base, value)
    found = ranges_of("tune.ranges", base, ranges_to_tune(base) if ranges is None else ranges, ONE_SEED)
    base.check({one.name: one.draw(0.5)[0] for one in found}, target, force=False)
    return run_tune(
        base, found, out, Limits(trials, minutes, below), ranked, client=client, target=target, progress=progress
    )


def ranges_to_tune(base: Swept) -> dict[str, str]:
    """Return the ranges of a search that names none: those of the neuron, where it is a recipe that has one."""
    return neuron_ranges(base)[0] if isinstance(base, Base) and has_curve(base) else {}


def check_value(base: Swept, value: str | None) -> str:
    """Return the number to make small, of those that are promised; a function's are known when it has run."""
    description = describe(base, [], None)
    if not description.numbers:
        if not isinstance(value, str):
            fix = 'e.g. value="error".'
            raise InvalidValueError(message("tune.value", "the name of a number that measure returns", value, fix))
        return value
    return Sweep(Path(), description, []).check_number("tune.value", value) if value else ranked_by(description)
