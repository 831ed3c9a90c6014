"""Trials: conditions that learn in turn, each trial a run of its own, and how well targets are followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..circuit.fitted_wiring import FittedWiring
from ..circuit.names import PLASTIC, PLASTIC_WEIGHTS, STEP, split
from ..circuit.parts import Rule
from ..declare.arrays_in import numbers, whole_numbers
from ..declare.checkpoint import Checkpoint, check_checkpoint
from ..declare.described import Described
from ..declare.series import check_rows
from ..declare.validation import check_callable, check_choice, check_matrix, check_steps, check_text, check_whole
from ..errors import DivergenceError, InvalidTypeError, InvalidValueError, message, unknown_name
from ..results.measures import correlation
from ..results.results import Results, first_multiple
from ..results.run_data import added
from ..system.progress import Progress, progress_of
from ..tasks import Task
from .identity import identity_of_program, identity_of_rows, identity_of_task, identity_of_values, versions
from .journal import journal, looping
from .simulation import Simulation

__all__ = ["Condition", "Trials", "correlation", "window_means"]

#: Trials of tests are numbered from here on, so that their noise and starts are their own.
TESTS = 10**9


@dataclass(frozen=True, eq=False)
class Condition:
    """Input and target in the trials of one condition; see `Simulation.run`.

    Attributes
    ----------
    name : str
        Such as ``"right"``.
    y, x, rates : array, shape (samples, channels), optional
        Target, external input, rates of the feed-forward units.
    """

    name: str
    y: Any = None
    x: Any = None
    rates: Any = None

    def __post_init__(self) -> None:
        check_text("Condition.name", self.name)


class Trials(Described):
    """Trials of a network under several conditions.

    P and weights go from trial to trial. Each trial starts afresh, with initial values and
    Poisson spikes of its own, or where the one before ended.

    Parameters
    ----------
    simulation : Simulation
        The network.
    conditions : sequence of Condition
        In the order in which they are learned.
    steps : int, optional
        Time steps of a trial; by default as many as the samples last.
    every : mapping of str to int, optional
        As for `Simulation.run`.
    separate : array of bool, shape (plastic weights,), optional
        Weights of which each condition has a set of its own; P is shared nevertheless.
    start : str, optional
        ``"fresh"``, or ``"continued"`` for states that go on from trial to trial.

    Attributes
    ----------
    state : dict
        State from which a further trial starts.
    loops : int
        Loops over all conditions that are done.
    interrupted : bool
        Whether Ctrl-C ended the last `train`.
    timings : dict of str to float
        Seconds spent on building and running, over all trials and tests so far.

    Examples
    --------
    >>> from tension_sim import FittedNetwork, Learning, SparseKernel
    >>> kernel = SparseKernel(2, [0, 1], [1, 0], [0.1, 0.1])
    >>> lif, filters = "lif_normalized", ("euler_exponential", "euler_exponential")
    >>> net = FittedNetwork(lif, *filters, 2, "0.1*ms", None, kernel, Learning(alpha_P=1.0, update_every=5))
    >>> trials = Trials(Simulation(net, target="numpy"), [Condition("one", y=np.ones((20, 2)))])
    >>> trials.train(2)
    >>> trials.loops, trials.weights("one").shape
    (2, (2,))
    """

    def __init__(
        self,
        simulation: Simulation,
        conditions: Sequence[Condition],
        *,
        steps: int | None = None,
        every: Mapping[str, int] | None = None,
        separate: Any = None,
        start: str = "fresh",
    ) -> None:
        if not isinstance(simulation, Simulation):
            raise InvalidTypeError(message("Trials.simulation", "a Simulation", simulation, "Simulation(net)."))
        if every is not None and not isinstance(every, Mapping):
            raise InvalidTypeError(message("Trials.every", 'a mapping such as {"y": 10}', every))
        conditions = tuple(conditions) if isinstance(conditions, Sequence) else (conditions,)
        if not conditions or not all(isinstance(one, Condition) for one in conditions):
            raise InvalidTypeError(message("Trials.conditions", "one Condition or more", conditions))
        self.conditions: dict[str, Condition] = {one.name: one for one in conditions}
        if len(self.conditions) < len(conditions):
            raise InvalidValueError(message("Trials.conditions", "names that differ", [c.name for c in conditions]))
        check_choice("Trials.start", start, ("fresh", "continued"))
        self.simulation: Simulation = simulation
        self.steps: int | None = steps
        self.every: dict[str, int] = dict(every or {})
        self.start: str = start
        circuit = simulation.wiring.circuit
        learned = circuit.of(Rule)
        #: What goes from one trial to the next.
        self._carried: set[str] = {
            name for name in circuit.state_sizes if start == "continued" or split(name)[0] in learned
        }
        wiring = simulation.wiring
        self._fitted: FittedWiring | None = wiring if isinstance(wiring, FittedWiring) else None
        self._carried |= {name for name in circuit.state_sizes if split(name)[1] == "w"}
        self.state: dict[str, Any] = {}
        self.loops: int = 0
        self.interrupted: bool = False
        self._place = 0  # of the condition that is next
        self.timings: dict[str, float] = {}
        self._separate: np.ndarray | None = None
        if separate is not None:
            if self._fitted is None:
                raise InvalidValueError(message("Trials.separate", "a FittedNetwork's weights", simulation.net))
            count = (circuit.state_sizes[PLASTIC_WEIGHTS],)
            self._separate = check_matrix("Trials.separate", separate, count, "plastic weights").astype(bool)
            # their places in the state
            self._slots: np.ndarray = self._fitted.slots[self._separate]
        self._own: dict[str, np.ndarray] = {}

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"simulation": self.simulation.name, "conditions": ", ".join(self.conditions)}
        return shown | {"start": self.start, "loops": self.loops}

    def weights(self, condition: str) -> np.ndarray:
        """Return the plastic weights with which a trial of a condition would start, in the net's order."""
        self._check_name("Trials.weights.condition", condition)
        if self._fitted is None:
            raise InvalidTypeError(message("Trials.weights", "a FittedNetwork", self.simulation.net))
        if not self.state:
            return self._fitted.net.plastic.weight.copy()
        return self._fitted.weights(self._with_own(condition))[PLASTIC]

    def _check_name(self, where: str, condition: str) -> None:
        if check_text(where, condition) not in self.conditions:
            raise unknown_name(where, "condition", condition, self.conditions)

    def _with_own(self, condition: str) -> dict[str, Any]:
        state = dict(self.state)
        if self._fitted is not None and self._separate is not None and state:
            net = self._fitted.net
            weights = np.array(state[PLASTIC_WEIGHTS])
            first = net.plastic.weight[self._separate] * net.current_scale
            weights[self._slots] = self._own.get(condition, first)
            state[PLASTIC_WEIGHTS] = weights
        return state

    def _take(self, condition: str, results: Results) -> None:
        self.state = {name: results.state[name] for name in self._carried} | {STEP: 0}
        if self._separate is not None:
            self._own[condition] = np.array(self.state[PLASTIC_WEIGHTS])[self._slots]

    def _run(self, condition: str, state: Mapping[str, Any], **options: Any) -> Results:
        given = self.conditions[condition]
        samples = {name: getattr(given, name) for name in ("y", "x", "rates")}
        options = {"steps": self.steps, "every": self.every, "state": state or None} | options
        try:
            results = self.simulation.run(**samples, **options)
        except DivergenceError as error:
            self._spend(error.results)
            raise
        self._spend(results)
        return results

    def _spend(self, results: Results) -> None:
        self.timings = added(self.timings, results.timings)

    def train(
        self,
        loops: int,
        *,
        after: Callable[[int, str, Results], None] | None = None,
        progress: Progress = None,
        checkpoint: Checkpoint | str | Path | None = None,
    ) -> None:
        """Learn the conditions in turn, `loops` times.

        Ctrl-C, or the interrupt of a notebook's kernel, ends it with what was reached, the last trial's
        part included; `interrupted` is True then.

        Parameters
        ----------
        loops : int
            How often each condition is learned.
        after : callable, optional
            Called as ``after(loop, condition, results)`` after each trial, loops counted from 1.
        progress : bool or callable, optional
            True shows a bar, in a notebook too. A function is called as ``progress(done, loops)`` after
            each loop.
        checkpoint : Checkpoint or path of a folder, optional
            Where weights, P and the trial under way are written while learning goes on, and what it goes
            on from after a kill; `after` is not called again for trials before the last one.

        Raises
        ------
        DivergenceError
            The state is the last good one then.
        """
        loops = check_whole("Trials.train.loops", loops, 1)
        check_callable("Trials.train.after", after, "after(loop, condition, results)")
        checkpoint = check_checkpoint("Trials.train.checkpoint", checkpoint)
        self.interrupted = False
        end = self.loops + loops
        name = self.simulation.name
        try:
            with (
                progress_of("Trials.train.progress", progress, name, "progress(done, loops)") as report,
                journal("Trials.train.checkpoint", checkpoint, lambda: self._identity(loops)),
                looping("trials", self) as loop,
            ):
                while self.loops < end and not self.interrupted:
                    loop.point()
                    self._learn(after)
                    if self._place == 0 and report is not None and not self.interrupted:
                        report(self.loops - end + loops, loops)
        except KeyboardInterrupt:  # between two trials
            self.interrupted = True
        finally:
            self._place = 0

    def _learn(self, after: Callable[[int, str, Results], None] | None) -> None:
        """Learn one trial of the condition whose turn it is."""
        names = list(self.conditions)
        condition, trial = names[self._place], self.loops * len(names) + self._place + 1
        try:
            results = self._run(condition, self._with_own(condition), trial=trial)
        except DivergenceError as error:
            self._take(condition, error.results)
            raise
        self._take(condition, results)
        self.interrupted = bool(results.provenance["interrupted"])
        if self.interrupted:
            return
        if after is not None:
            after(self.loops + 1, condition, results)
        self._place = (self._place + 1) % len(names)
        self.loops += self._place == 0

    def kept(self) -> dict[str, Any]:
        """Return what goes from trial to trial; see `tension_sim.run.journal.looping`."""
        names = ("loops", "_place", "state", "_own", "timings")
        return {
            name.strip("_"): value if isinstance(value := getattr(self, name), int) else dict(value) for name in names
        }

    def take_back(self, kept: dict[str, Any]) -> None:
        """Go on from what `kept` returned."""
        self.loops, self._place, self.state = kept["loops"], kept["place"], kept["state"]
        self._own, self.timings = kept["own"], kept["timings"]

    def _identity(self, loops: int) -> dict[str, str]:
        """Return what decides all trials, for a checkpoint."""
        wiring, about = self.simulation.wiring, {"loops": str(loops), "steps": str(self.steps), "start": self.start}
        found = about | {"every": str(self.every)} | versions(self.simulation.target)
        found |= identity_of_program(wiring.circuit, self.simulation.target)
        found |= identity_of_values(wiring.values() | wiring.initial_state(self.state or None))
        if self._separate is not None:
            found |= identity_of_values({"separate": self._separate})
        for name, condition in self.conditions.items():
            for kind in ("y", "x", "rates"):
                rows = getattr(condition, kind)
                if isinstance(rows, Task):
                    found |= {f"{part} of {name}": digest for part, digest in identity_of_task(rows).items()}
                elif rows is not None:
                    rows = check_rows(f"Condition.{kind}", rows, wiring.sample_units.get(kind, "1"))
                    found[f"{kind} of {name}"] = identity_of_rows(rows)
        return found

    def test(self, condition: str, number: int = 0, *, state: Mapping[str, Any] | None = None) -> Results:
        """Run one trial without learning; each number has its own start and Poisson spikes.

        Parameters
        ----------
        condition : str
            Its name.
        number : int, optional
            Of the test.
        state : mapping, optional
            Values to start from in place of the declared ones.
        """
        self._check_name("Trials.test.condition", condition)
        check_whole("Trials.test.number", number, 0)
        weights = {name: v for name, v in self._with_own(condition).items() if split(name)[1] == "w"}
        return self._run(condition, weights | dict(state or {}), trial=TESTS + number, learning=False)


def window_means(values: Any, every: int, centers: Any, half: int, span: tuple[int, int]) -> np.ndarray:
    """Return means of recorded values over windows.

    Parameters
    ----------
    values : array, shape (rows, channels)
        Row j is of step ``j * every``.
    every : int
        Steps from row to row.
    centers : array of int
        Steps at which the windows have their middle.
    half : int
        Windows are the steps from ``center - half`` on, up to but not with ``center + half``.
    span : (int, int)
        Windows are cut to the steps from the first on, up to but not with the second.

    Returns
    -------
    array, shape (centers, channels)

    Examples
    --------
    >>> window_means(np.arange(10.0)[:, None], 1, [0, 5], 2, (0, 10)).ravel()
    array([0.5, 4.5])
    """
    check_steps("window_means.every", every, 1)
    values = numbers("window_means.values", values, "an array of shape (rows, channels)")
    if values.ndim != 2:
        raise InvalidValueError(message("window_means.values", "an array of shape (rows, channels)", values.shape))
    centers = whole_numbers("window_means.centers", centers, "a list of time steps")
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    span = (span[0], min(span[1], len(values) * every))
    clipped = (np.clip(centers + side, *span) for side in (-half, half))
    low, high = (first_multiple(steps, every) // every for steps in clipped)
    if np.any(high <= low):
        raise InvalidValueError(
            message("window_means.centers", "windows with at least one row each", centers[np.argmax(high <= low)])
        )
    return (sums[high] - sums[low]) / (high - low)[:, None]
