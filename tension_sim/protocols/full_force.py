"""full-FORCE: the recurrent weights of a rate network learn what a driven network receives.

As DePasquale et al. (2018, doi:10.1371/journal.pone.0191527): trials of learning; then the learned network
alone, which goes on from the state reached, and once more from a random one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..circuit.names import NEURONS, READOUT_OUTPUT, STEP, entry
from ..declare.validation import check_positive, check_steps
from ..errors import InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Number, Outcome, Protocol
from ..recipes.settings import LEARNING, REQUIRED, choice, count, section
from ..results import phases
from ..results.joined import joined
from ..results.phases import Phase
from ..results.run_data import target_of
from ..tasks.trials import Trial, check_count
from ._declared import check_declared
from ._further import further_trials
from ._trials import TrialRecipe, adapt_trial_task, trial_settings

if TYPE_CHECKING:
    from ..declare.network import ForceNetwork
    from ..results.results import Results
    from ..run.simulation import Target

__all__ = ["PROTOCOL", "FullForceRecipe"]

#: Parts of a run, in order, and the phases that they are in the results.
_PARTS = {
    "settle_trials": phases.BEFORE,
    "trials": phases.LEARNING,
    "test_trials": phases.TEST,
    "restart_settle_trials": "restarted",
    "restart_trials": "restarted test",
}
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
        ("test_trials", "1", REQUIRED, count("trials", 0)),
        # starts from a random state; some trials are not counted
        ("restart_settle_trials", "1", 0, count("trials", 0)),
        ("restart_trials", "1", 0, count("trials", 0)),
        ("seed", "1", 0, count("the seed", 0)),
    ),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("rates_of", "1", 5, count("units", 0)),
    ),
    "task": section(("name", "text", REQUIRED, None)),
}


@dataclass(frozen=True, eq=False, repr=False)
class FullForceRecipe(TrialRecipe):
    """Two rate networks, and a task that comes in trials."""

    @property
    def n_trials(self) -> int:
        """Number of trials of all parts of a run."""
        return sum(self.values["run"][part] for part in _PARTS)

    @cached_property
    def ends(self) -> np.ndarray:
        """Steps at which the trials end, with a 0 before, shape (trials + 1,)."""
        return np.cumsum([0, *(len(trial) for trial in self.trials())])

    def borders(self) -> tuple[int, ...]:
        """Return the step at which each of the five parts of the run ends (see `_PARTS`)."""
        counts = np.cumsum([self.values["run"][part] for part in _PARTS])
        return tuple(int(self.ends[count]) for count in counts)

    def phases(self) -> tuple[Phase, ...]:
        """Return the parts of the run that have steps."""
        ends = self.borders()
        bounds = zip(_PARTS.values(), (0, *ends[:-1]), ends, strict=True)
        return phases.clipped((Phase(*bound) for bound in bounds), 0, ends[-1])

    def networks(self) -> tuple[ForceNetwork, Callable[[Results], ForceNetwork]]:
        """Draw the network that learns, and return it with a function from its results to the network alone.

        The latter begins in a random state.
        """
        from ..declare.learning import Learning
        from ..declare.network import ForceNetwork
        from ..declare.plasticity import Plastic, TargetNetwork

        values, trial = self.values["network"], next(self.trials())
        n, rng = values["n"], np.random.default_rng([self.seed, 0])
        n_inputs, n_hints = trial.inputs.shape[1], trial.hints.shape[1]

        def uniform(scale: float, rows: int) -> np.ndarray:
            return scale * (2 * rng.random((rows, n)) - 1)

        def below(rows: np.ndarray, before: int, behind: int) -> np.ndarray:
            """Place the weights of some channels among those of all channels; the others are 0."""
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
        plastic = Plastic(np.zeros((n, n)), learning, error="target_network", shares_P=True)
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
            plastic=plastic,
            target_network=target_network,
            dtype=values["dtype"],
            seed=self.seed,
            **common,
        )

        def alone(results: Results) -> ForceNetwork:
            kernel = replace(plastic.kernel, weight=results.weights["recurrent_kernel"].ravel())
            readout = results.weights["output_kernel"]
            return replace(
                net, recurrent=kernel, output_kernel=readout, plastic=None, target_network=None, learning=None,
                initial={"a": initial_alone},
            )  # fmt: skip

        return net, alone


def forecast(recipe: FullForceRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, unit, weight, element = cost_of(target)
    values, (start, stop, *_, steps) = recipe.values["network"], recipe.borders()
    n, number = values["n"], 8 if values["dtype"] == "float64" else 4
    trial = next(recipe.trials())
    channels = sum(samples.shape[1] for samples in (trial.inputs, trial.target, trial.hints))
    recorded = steps / recipe.values["record"]["every"] * (2 + recipe.values["record"]["rates_of"])
    rule = recipe.values["learning"]
    updates = (stop - start) / rule["update_every"] * rule["probability"]
    # four products of a matrix and the rates in a step of learning, of which sums cost a quarter of an event
    nanoseconds = stop * (overhead + 2 * unit * n + weight * n * n) + 2 * updates * element * n * n
    nanoseconds += (steps - stop) * (overhead + unit * n + weight * n * n / 4)
    memory = n * (n + 1) // 2 * number + n * n * _WEIGHT + (steps * channels + recorded) * 8
    return Forecast(round(memory), nanoseconds * 1e-9, steps)


def _inputs(trial: Trial) -> np.ndarray:
    return np.concatenate([trial.inputs, trial.hints], axis=1)


def run(
    recipe: FullForceRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Learn; then test the network alone, without learning and without the network that gave targets."""
    from ..declare.record import Record
    from ..run.simulation import Simulation

    _, learned, tested, _, end = recipe.borders()
    trials = list(recipe.trials())
    y = np.concatenate([trial.target for trial in trials])
    x = np.concatenate([_inputs(trial) for trial in trials])
    net, alone = recipe.networks()
    watched = tuple(range(min(recipe.values["record"]["rates_of"], net.n)))
    record = Record(every=recipe.values["record"]["every"], variables={"r": watched} if watched else {})

    def said(before: int) -> Callable[[int, int], None] | None:
        """Return what reports the progress of a part."""
        if progress is None:
            return None
        say = progress
        return lambda done, _: say(before + done, end)

    def played(network: ForceNetwork, start: int, stop: int, reached: Mapping[str, Any]) -> Results:
        simulation = Simulation(network, target=target, record=record, name=recipe.name)
        carried = (entry(NEURONS, "a"), entry(NEURONS, "r"), READOUT_OUTPUT)
        state = {name: reached[name] for name in carried if name in reached}
        return simulation.run(
            y[start:stop],
            x[start:stop],
            state=state | {STEP: start},
            phases=recipe.phases(),
            progress=said(start),
        )

    results = played(net, 0, learned, {})
    if learned < end and not results.provenance["interrupted"]:
        network = alone(results)
        for start, stop in ((learned, tested), (tested, end)):
            if start < stop and not results.provenance["interrupted"]:
                # it goes on from the state reached, and the second time from a random one
                results = joined(results, played(network, start, stop, results.state if start == learned else {}))
    return _outcome(recipe, results)


def _outcome(recipe: FullForceRecipe, results: Results) -> Outcome:
    """Return the errors, each sum |z - f|^2 / sum |f|^2, of tests and last ten trials, and of every trial."""
    steps = np.arange(len(results.output)) * results.record_every + results.first_row_step
    target = target_of(results)
    squares = ((results.output - target) ** 2).sum(axis=1)
    power = (target**2).sum(axis=1)

    def error(first: int, last: int) -> float:
        rows = slice(*np.searchsorted(steps, (first, last)))
        return float(squares[rows].sum() / power[rows].sum()) if power[rows].any() else math.nan

    done = recipe.ends[recipe.ends <= results.stop_step]
    curve = [error(*pair) for pair in zip(done[:-1], done[1:], strict=True)]
    start, learned, tested, restarted, end = recipe.borders()
    trained = done[(done >= start) & (done <= learned)]
    spans = {"test_error": (learned, tested), "restart_error": (restarted, end)}
    if len(trained) > 1:
        spans["training_error"] = (trained[max(-11, -len(trained))], trained[-1])
    numbers = {name: error(*span) for name, span in spans.items() if span[0] < span[1] <= results.stop_step}
    curves = {"time": done[1:] * results.dt, "normalised_error": np.array(curve)}
    return Outcome(
        replace(results, learning_curve=curves),
        {name: value for name, value in numbers.items() if not math.isnan(value)},
    )


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    return SECTIONS | {"task": SECTIONS["task"] | trial_settings(raw)}


def _check(recipe: FullForceRecipe, where: Callable[[str, str], str]) -> None:
    from ..declare.equations import activation_of

    activation = recipe.values["network"]["activation"]
    activation_of(where("network", "activation"), activation)
    check_declared(recipe, where, "echo_state", activation=activation)
    run = recipe.values["run"]
    if run["restart_settle_trials"] and not run["restart_trials"]:
        place = where("run", "restart_trials")
        raise InvalidValueError(message(place, "at least 1 trial after restart_settle_trials", 0, "set both to 0."))
    # refuse settings with which the task cannot work
    counts = (value for key, value in run.items() if key.endswith("trials"))
    check_count(where("run", "trials"), next(recipe.trials()), sum(counts))


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected={
        "training_error": Number("normalised error, last ten trials of learning"),
        "test_error": Number("normalised error after learning, the network alone"),
        "restart_error": Number("normalised error from a random state, the network alone"),
    },
    forecast=forecast,
    run=run,
    recipe=FullForceRecipe,
    schema=_schema,
    kinds=(("task", "name"),),
    adapt=adapt_trial_task,
    check=_check,
    plan=lambda recipe: recipe.phases(),
    further=lambda recipe, results, steps: further_trials(recipe.endless(), results.stop_step, _inputs),
)
