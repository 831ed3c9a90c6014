"""full-FORCE: the recurrent weights of a rate network learn what a driven network receives.

As DePasquale et al. (2018, doi:10.1371/journal.pone.0191527): trials of learning, then the learned
network alone, from a new initial state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidValueError, message
from ..recipe_settings import LEARNING, REQUIRED, Key, choice, count, section
from ..recipes import Recipe
from ..validation import check_positive, check_steps
from . import Forecast, Number, Outcome, Protocol
from ._costs import COST, OVERHEAD
from ._joined import after, joined
from ._trials import Trial, find, trial_settings

if TYPE_CHECKING:
    from ..network import ForceNetwork
    from ..results import Results

__all__ = ["PROTOCOL", "FullForceRecipe"]

_WEIGHT = 72  # bytes of a recurrent weight of the two networks and of the test, with its places

SECTIONS = {
    "network": section(
        ("n", "1", REQUIRED, count("units", 1)),
        ("dt", "second", REQUIRED, check_positive),
        ("tau", "second", REQUIRED, check_positive),
        ("activation", "text", "tanh", None),
        ("g", "1", 1.5, None),
        ("input_scale", "1", 1.0, None),
        ("target_scale", "1", 1.0, None),
        ("hint_scale", "1", 1.0, None),
        # whether both networks receive the inputs by the same weights
        ("shared_inputs", "bool", True, None),
        ("initial_std", "1", 1.0, None),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(*LEARNING),
    "run": section(
        ("settle_trials", "1", 0, count("trials", 0)),
        ("trials", "1", REQUIRED, count("trials", 1)),
        ("test_settle_trials", "1", 0, count("trials", 0)),
        ("test_trials", "1", REQUIRED, count("trials", 0)),
        ("seed", "1", 0, count("the seed", 0)),
    ),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("rates_of", "1", 5, count("units", 0)),
    ),
    "task": section(("name", "text", REQUIRED, None)),
}


@dataclass(frozen=True, eq=False)
class FullForceRecipe(Recipe):
    """Two rate networks, and a task that comes in trials."""

    def trials(self) -> Iterator[Trial]:
        """Yield the trials of learning and test, in order, from the recipe's seed."""
        task = self.values["task"]
        function, _ = find(task["name"])
        settings = {key: value for key, value in task.items() if key != "name"}
        rng, run = np.random.default_rng([self.seed, 2]), self.values["run"]
        for _ in range(sum(run[key] for key in ("settle_trials", "trials", "test_settle_trials", "test_trials"))):
            yield function(self.dt, rng, **settings)

    @cached_property
    def ends(self) -> np.ndarray:
        """Steps at which the trials end, with a 0 before, shape (trials + 1,)."""
        return np.cumsum([0, *(len(trial) for trial in self.trials())])

    def borders(self) -> tuple[int, int, int, int]:
        """Return the steps at which learning begins and ends, and at which the test begins and ends."""
        run = self.values["run"]
        counts = np.cumsum([run[key] for key in ("settle_trials", "trials", "test_settle_trials", "test_trials")])
        return tuple(int(self.ends[count]) for count in counts)

    def networks(self) -> tuple[ForceNetwork, Callable[[Results], ForceNetwork]]:
        """Draw the network that learns, and return it with a function from its results to the network alone."""
        from ..learning import Learning
        from ..network import ForceNetwork
        from ..plasticity import Plastic, TargetNetwork

        values, trial = self.values["network"], next(self.trials())
        n, rng = values["n"], np.random.default_rng([self.seed, 0])
        n_inputs, n_hints = trial.inputs.shape[1], trial.hints.shape[1]

        def uniform(scale: float, rows: int) -> np.ndarray:
            return scale * (2 * rng.random((rows, n)) - 1)

        def below(rows: np.ndarray, before: int, behind: int) -> np.ndarray:
            """Place the weights of some channels among all, whose other weights are 0."""
            return np.concatenate([np.zeros((before, n)), rows, np.zeros((behind, n))])

        inputs = uniform(values["input_scale"], n_inputs)
        driven = inputs if values["shared_inputs"] else uniform(values["input_scale"], n_inputs)
        hints = uniform(values["hint_scale"], n_hints)
        common = {"parameters": {"tau": f"{values['tau']!r}*second"}, "activation": values["activation"]}
        initial, initial_driven, initial_alone = values["initial_std"] * rng.standard_normal((3, n))
        target_network = TargetNetwork(
            "echo_state",
            recurrent_kernel=values["g"] / math.sqrt(n) * rng.standard_normal((n, n)),
            target_kernel=uniform(values["target_scale"], trial.target.shape[1]),
            input_kernel=below(driven, 0, n_hints),
            hint_kernel=below(hints, n_inputs, 0) if n_hints else None,
            initial={"a": initial_driven},
            **common,
        )
        learning = Learning(**self.values["learning"], start=self.borders()[0])
        net = ForceNetwork(
            "echo_state",
            None,
            n,
            self.dt,
            recurrent=None,
            feedback_kernel=None,
            output_kernel=np.zeros((n, trial.target.shape[1])),
            input_kernel=below(inputs, 0, n_hints),
            initial={"a": initial},
            learning=learning,
            plastic=Plastic(np.zeros((n, n)), learning, error="target_network"),
            target_network=target_network,
            dtype=values["dtype"],
            seed=self.seed,
            **common,
        )

        def alone(results: Results) -> ForceNetwork:
            kernel = replace(net.plastic.kernel, weight=results.weights["recurrent_kernel"].ravel())
            readout = results.weights["output_kernel"]
            parts = {"plastic": None, "target_network": None, "learning": None, "initial": {"a": initial_alone}}
            return replace(net, recurrent=kernel, output_kernel=readout, **parts)

        return net, alone


def forecast(recipe: FullForceRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    unit, weight, element = COST[target]
    values, (start, stop, _, steps) = recipe.values["network"], recipe.borders()
    n, number = values["n"], 8 if values["dtype"] == "float64" else 4
    trial = next(recipe.trials())
    channels = sum(samples.shape[1] for samples in (trial.inputs, trial.target, trial.hints))
    recorded = steps / recipe.values["record"]["every"] * (2 + recipe.values["record"]["rates_of"])
    rule = recipe.values["learning"]
    updates = (stop - start) / rule["update_every"] * rule["probability"]
    # four products of a matrix and the rates in a step of learning, of which sums cost a quarter of an event
    nanoseconds = stop * (OVERHEAD[target] + 2 * unit * n + weight * n * n) + 2 * updates * element * n * n
    nanoseconds += (steps - stop) * (OVERHEAD[target] + unit * n + weight * n * n / 4)
    memory = n * (n + 1) // 2 * number + n * n * _WEIGHT + (steps * channels + recorded) * 8
    return Forecast(round(memory), nanoseconds * 1e-9, steps)


def run(
    recipe: FullForceRecipe, target: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Learn; then test the network alone, without learning and without the network that gave targets."""
    from ..recording import Record
    from ..results import Phase
    from ..simulation import Simulation

    start, stop, test, end = recipe.borders()
    trials = list(recipe.trials())
    y = np.concatenate([trial.target for trial in trials])
    x = np.concatenate([np.concatenate([trial.inputs, trial.hints], axis=1) for trial in trials])
    net, alone = recipe.networks()
    watched = tuple(range(min(recipe.values["record"]["rates_of"], net.n)))
    record = Record(every=recipe.values["record"]["every"], variables={"r": watched} if watched else {})

    def phases(*bounds: tuple[str, int, int]) -> tuple[Phase, ...]:
        return tuple(Phase(*bound) for bound in bounds if bound[1] < bound[2])

    def report(done: int, steps: int) -> None:
        if progress is not None:
            progress(done + (end - steps if steps == end - stop else 0), end)

    simulation = Simulation(net, target=target, record=record, name=recipe.name)
    first = simulation.run(
        y[:stop], x[:stop], phases=phases(("before", 0, start), ("learning", start, stop)), progress=report
    )
    if first.provenance["interrupted"] or stop == end:
        return _outcome(recipe, first)
    simulation = Simulation(alone(first), target=target, record=record, name=recipe.name)
    second = simulation.run(
        y[stop:],
        x[stop:],
        state=after(first),
        phases=phases(("settling", stop, test), ("after", test, end)),
        progress=report,
    )
    return _outcome(recipe, joined(first, second))


def _outcome(recipe: FullForceRecipe, results: Results) -> Outcome:
    """Return the errors, each sum |z - f|^2 / sum |f|^2, of test and last ten trials, and of every trial."""
    start, stop, test, end = recipe.borders()
    every = results.record_every
    steps = np.arange(len(results.output)) * every + results.first_row_step
    squares = ((results.output - results.target) ** 2).sum(axis=1)
    power = (results.target**2).sum(axis=1)

    def error(first: int, last: int) -> float:
        rows = slice(*np.searchsorted(steps, (first, last)))
        return float(squares[rows].sum() / power[rows].sum()) if power[rows].any() else math.nan

    done = recipe.ends[recipe.ends <= results.stop_step]
    curve = np.array([error(*pair) for pair in zip(done[:-1], done[1:], strict=True)])
    numbers = {}
    learned = done[(done >= start) & (done <= stop)]
    if len(learned) > 1:
        numbers["training_error"] = error(learned[max(-11, -len(learned))], learned[-1])
    if results.stop_step == end > test:
        numbers["test_error"] = error(test, end)
    curves = {"time": done[1:] * results.dt, "normalised_error": curve}
    return Outcome(replace(results, learning_curve=curves), {k: v for k, v in numbers.items() if not math.isnan(v)})


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    keys = {key: Key(setting) for key, setting in trial_settings(raw["task"]["name"]).items()}
    return SECTIONS | {"task": SECTIONS["task"] | keys}


def _adapt(raw: dict[str, Any], kind: str, old: str | None) -> None:
    known = trial_settings(raw["task"]["name"])
    raw["task"] = {key: value for key, value in raw["task"].items() if key == "name" or key in known}


def _check(recipe: FullForceRecipe, where: Callable[[str, str], str]) -> None:
    from ..equations import activation_of

    activation_of(where("network", "activation"), recipe.values["network"]["activation"])
    if recipe.values["run"]["test_settle_trials"] and not recipe.values["run"]["test_trials"]:
        raise InvalidValueError(
            message(where("run", "test_trials"), "at least 1 trial after test_settle_trials", 0, "set both to 0.")
        )
    # what cannot work in the task is refused here
    next(recipe.trials())


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected={
        "training_error": Number("normalised error, last ten trials of learning"),
        "test_error": Number("normalised error after learning, the network alone"),
    },
    forecast=forecast,
    run=run,
    recipe=FullForceRecipe,
    schema=_schema,
    kinds=(("task", "name"),),
    adapt=_adapt,
    check=_check,
)
