"""A stored run goes on: its network is rebuilt from its file alone, and its protocol says what is played to it."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.equation_text import to_text
from ..declare.neuron import Neuron, SynapticFilter
from ..declare.record import Record
from ..declare.validation import check_positive, check_steps
from ..errors import InvalidValueError, TensionError, UnknownNameError, message
from ..results.found import find_results, load_run
from ..results.joined import joined
from ..results.measures import summary
from ..results.phases import TEST, Phase
from ..results.results import Results
from ..run.rehearsal import rehearse
from ..run.simulation import Simulation, Target
from ..tasks import load_tasks
from ..tasks.registry import MOST_STEPS, Setting
from .protocol import Further, Number, Outcome
from .provenance import measured
from .recipe import Recipe, recipe_from

if TYPE_CHECKING:
    from ..declare.fitted import FittedNetwork
    from ..declare.network import ForceNetwork
    from ..declare.populations.network import Network

__all__ = ["NUMBERS", "Continuation", "continuation"]

#: What is measured of a run that went on.
NUMBERS = {
    "rmse": Number("error (RMSE)"),
    "aligned_rmse": Number("error (RMSE), each window of 1 s at its best lag"),
    "peak_frequency": Number("peak frequency", "hertz"),
    "firing_rate": Number("firing rate", "hertz"),
}

_TOLD = ("recipe", "protocol", "publication", "script", "recipe_digest", "settings")


@dataclass(frozen=True, eq=False)
class Continuation:
    """A stored run, and how it goes on, with the weights that it learned and without learning.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    results : Results
        What it holds.
    network : ForceNetwork or FittedNetwork
        With the weights that it learned.
    recipe : Recipe or None
        As it was run; None for a network that no recipe declared, and where the recipe needs what is not there.
    steps : int
        How long the run goes on.
    remarks : tuple of str
        What it will lack.
    """

    path: Path
    results: Results
    network: ForceNetwork | FittedNetwork | Network
    recipe: Recipe | None
    steps: int
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.results.name

    @property
    def changes(self) -> dict[str, Any]:
        """What tells these results from those of the file."""
        begin = self.results.stop_step
        run = self.results.provenance.get("run")
        return {"from": str(self.path), "run": run, "first_step": begin, "stop_step": begin + self.steps}

    def check(self, target: Target | None = None) -> None:
        """Check all that `run` checks before its program is built."""
        rehearse(self.run, target)

    def run(self, target: Target | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
        """Run the network on from the end of the stored run.

        Parameters
        ----------
        target : str, optional
            As for `Simulation`; by default C++ where it can.
        progress : callable, optional
            Called as ``progress(steps_done, steps)``.

        Returns
        -------
        Outcome
            The results hold the new steps alone, and what a further continuation needs.
        """
        stored, done = self.results, 0
        found: Results | None = None
        simulation = Simulation(
            self.network, target=target, record=self._record(), threads=self._threads(), name=stored.name
        )
        for part in self._parts():
            steps, before = min(part.steps, self.steps - done), done
            run = simulation.run(
                x=part.x,
                rates=part.rates,
                steps=steps,
                every=part.every,
                learning=False,
                state=(stored if found is None else found).state,
                progress=None if progress is None else _after(before, self.steps, progress),
            )
            run = _with_target(run, part.target, stored.n_outputs)
            found = run if found is None else _went_on(found, run)
            done += run.n_steps
            if done >= self.steps or run.provenance["interrupted"]:
                break
        told = {key: value for key, value in stored.provenance.items() if key in _TOLD}
        if found is None:
            raise InvalidValueError(message(stored.name, "at least one step to go on for", 0))
        numbers = _numbers(found)
        told |= {"continued": self.changes, "measured": measured(NUMBERS, {}, numbers), "repeat": self._command()}
        return Outcome(replace(found, provenance=found.provenance | told), numbers)

    def _command(self) -> str:
        """Return the command that goes on from the file in this way again."""
        seconds = self.steps * self.results.dt
        return shlex.join(["tension-sim", "run", "--from", str(self.path), "--set", f"duration={seconds:.12g}*second"])

    def _record(self) -> Record:
        stored = self.results
        # a protocol may have thinned out what it recorded: rows of the output say how it is recorded from here on
        variables = {name: tuple(kept.indices.tolist()) for name, kept in stored.recorded.items()}
        return Record(stored.record_every, stored.n_recorded_neurons, variables)

    def _threads(self) -> int | None:
        return None if self.recipe is None else self.recipe.values["run"].get("threads")

    def _parts(self) -> Iterator[Further]:
        if self.recipe is not None and self.recipe.protocol.further is not None:
            yield from self.recipe.protocol.further(self.recipe, self.results, self.steps)
        else:
            yield Further(self.steps)


def continuation(
    path: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    protocols: str | Path | None = None,
    tasks: str | Path | None = None,
    where: str = "continuation",
) -> Continuation:
    """Rebuild the network of a stored run, and say how it will go on.

    Parameters
    ----------
    path : str or pathlib.Path
        A file that holds results, in any format that can be read back, or the folder of a run.
    settings : mapping, optional
        ``"duration"``: how long the run goes on, a text with unit; by default as long as its last phase was.
    protocols, tasks : str or pathlib.Path, optional
        Folders of your own, as for `load_recipe`.
    where : str, optional
        Begins the messages.

    Raises
    ------
    UnknownNameError
        If there are other settings: what else there is lies in the file.
    InvalidValueError
        If the file cannot be read, holds no network, or its network needs inputs that nothing provides.

    Examples
    --------
    >>> import tempfile
    >>> from tension_sim import load_recipe, run_recipe
    >>> short = {"n": "20", "duration": "2*ms", "learning.start": "0.5*ms", "learning.stop": "1*ms"}
    >>> file = run_recipe(load_recipe("lif_sine", short), target="numpy").save(tempfile.mkdtemp() + "/run.h5")
    >>> further = continuation(file, {"duration": "1*ms"}).run("numpy").results
    >>> further.first_step, further.n_steps
    (40, 20)
    """
    path = find_results(path, where)
    results = load_run(path, where)
    network = results.network()
    steps = _steps(results, settings or {}, where)
    if tasks is not None:
        load_tasks(tasks)
    recipe, missing = None, None
    try:
        recipe = _recipe(results, network, path, protocols)
    except TensionError as error:
        missing = error
    if recipe is not None and recipe.protocol.further is not None:
        return Continuation(path, results, network, recipe, steps)
    if getattr(network, "n_inputs", 0) or getattr(network, "n_feedforward", 0):
        if missing is not None:
            raise missing
        fix = "rebuild it by Results.load(...).network(), and run it by Simulation(...).run(x=..., state=...)."
        raise InvalidValueError(message(where, "a network without inputs, or of a recipe", results.name, fix))
    why = "nothing says what comes next" if missing is None else str(missing).partition("\n")[0]
    remark = f"The output is compared with nothing: {why}."
    return Continuation(path, results, network, recipe, steps, (remark,))


def _recipe(
    results: Results, network: ForceNetwork | FittedNetwork | Network, path: Path, protocols: str | Path | None
) -> Recipe | None:
    """Return the recipe of a run, from what its results say; None where they say nothing."""
    told = results.provenance
    if "settings" not in told or "protocol" not in told:
        return None
    data = {"protocol": told["protocol"]} | {name: dict(table) for name, table in told["settings"].items()}
    with tempfile.TemporaryDirectory() as folder:
        # equations of one's own lie in the file, too
        known = dict(_equations(network))
        for table in data.values():
            for key, own in table.items() if isinstance(table, dict) else ():
                if isinstance(own, str) and own.endswith(".toml") and Path(own).stem in known:
                    copy = Path(folder) / Path(own).name
                    copy.write_text(to_text(known[Path(own).stem]), encoding="utf-8")
                    table[key] = str(copy)
        return recipe_from(str(told.get("recipe", results.name)), path, data, protocols=protocols)


def _equations(value: Any) -> Iterator[tuple[str, Neuron | SynapticFilter]]:
    """Yield the neurons and filters of a declaration with the names of their files."""
    if isinstance(value, Neuron | SynapticFilter):
        yield Path(value.name).stem, value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _equations(item)
    elif is_dataclass(value):
        for one in fields(value):
            yield from _equations(getattr(value, one.name))


def _steps(results: Results, settings: Mapping[str, Any], where: str) -> int:
    for key in settings:
        if key not in ("duration", "run.duration"):
            fix = "all else is in the file; to change it, run the recipe anew."
            raise UnknownNameError(message(f"{where} --set", "a known setting (duration)", key, fix))
    if not settings:
        last = results.phases[-1] if results.phases else None
        return max(results.n_steps if last is None else last.stop - last.start, 1)
    (text,) = list(settings.values())[-1:]
    place = f"{where}: setting duration"
    duration = check_positive(place, Setting("duration", "second").parse(text, place, plain_is_si=False))
    if not 0.5 <= duration / results.dt < MOST_STEPS:
        what = f"at least one time step ({results.dt:g} s), and fewer than {MOST_STEPS}"
        raise InvalidValueError(message(place, what, text))
    return check_steps(place, round(duration / results.dt), 1)


def _after(done: int, steps: int, progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Return what reports the progress of a part, with the steps before it."""
    return lambda at, _: progress(done + at, steps)


def _with_target(results: Results, target: np.ndarray | None, n_outputs: int) -> Results:
    """Return a run with what its output is compared with; outputs that the stored run did not show are left out."""
    results = replace(results, output=results.output[:, :n_outputs] if n_outputs else results.output)
    if target is None or target.shape[1] != results.n_outputs:
        return results
    first = results.first_row_step - results.first_step
    return replace(results, target=target[first : results.n_steps : results.record_every])


def _went_on(first: Results, second: Results) -> Results:
    """Return two runs as one, whose one phase is a test."""
    both = joined(first, replace(second, phases=()))
    return replace(both, phases=(Phase(TEST, both.first_step, both.stop_step),))


def _numbers(results: Results) -> dict[str, float]:
    found = summary(results)
    measured = {
        "rmse": found["rmse"].get(TEST),
        "aligned_rmse": found["lag_aligned_rmse"].get("windows"),
        "peak_frequency": found["peak_frequency"].get(TEST),
        "firing_rate": found["firing_rate"].get(TEST),
    }
    first = {key: value[:1] if isinstance(value, list) else [value] for key, value in measured.items()}
    return {key: value[0] for key, value in first.items() if value and value[0] is not None}
