"""Innate training: recurrent weights learn to repeat the network's own trajectory, then a readout learns from it.

As Laje & Buonomano (2013, doi:10.1038/nn.3405): one trial without noise gives the rates that each trained unit learns
in further trials, each from another state; then a readout learns; then tests, also with a perturbation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_fraction, check_positive
from ..errors import InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Further, Number, Outcome, Protocol
from ..recipes.settings import LEARNING, REQUIRED, choice, count, not_negative, section
from ..results.joined import joined
from ..results.measures import correlation
from ..results.phases import clipped
from ..tasks.trials import check_count
from ._further import further_trials
from ._innate import InnateRecipe, Session, noiseless
from ._trials import adapt_trial_task, trial_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..declare.kernels import SparseKernel
    from ..declare.network import ForceNetwork
    from ..results.results import Results
    from ..run.simulation import Target

__all__ = ["PROTOCOL"]

SECTIONS = {
    "network": section(
        ("n", "1", REQUIRED, count("units", 2)),
        ("dt", "second", REQUIRED, check_positive),
        ("tau", "second", REQUIRED, check_positive),
        ("p", "1", 0.1, check_fraction),
        ("g", "1", 1.5, not_negative),
        # part of the units, from the first, whose incoming weights learn
        ("trained", "1", 0.6, check_fraction),
        ("input_scale", "1", 1.0, None),
        ("noise", "1", 0.001, not_negative),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(*LEARNING),
    "readout": section(*LEARNING),
    "perturbation": section(
        ("amplitude", "1", 0.0, not_negative),
        ("duration", "second", 0.01, not_negative),
        # after the pulse
        ("start", "second", 0.3, not_negative),
    ),
    "run": section(
        # of a task that has conditions; they take turns, and trials count for each
        ("conditions", "1", 1, count("conditions", 1)),
        ("trials", "1", REQUIRED, count("trials", 1)),
        ("readout_trials", "1", REQUIRED, count("trials", 1)),
        ("test_trials", "1", 1, count("trials", 1)),
        ("seed", "1", 0, count("the seed", 0)),
    ),
    "record": section(("rates_of", "1", 10, count("units", 0))),
    "task": section(("name", "text", REQUIRED, None)),
}

EXPECTED = {
    "first_loss": Number("mean squared difference of the trained rates and the innate ones, first trial of learning"),
    "last_loss": Number("the same, last trial"),
    "recall_loss": Number("the same, tests without learning"),
    "first_readout_error": Number("mean squared error of the output, first trial of its learning"),
    "readout_error": Number("the same, last trial"),
    "lowest_readout_error": Number("the same, best trial"),
    "test_error": Number("mean squared error of the output, tests without learning"),
    "test_correlation": Number("Pearson r of output and target, tests without learning"),
    "perturbed_correlation": Number("the same, after a perturbation"),
}


def run(
    recipe: InnateRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Run the innate trials, learn the trajectories, learn the readout, test."""
    steps = recipe.n_trials * recipe.steps_of_each
    net, kernel, readout = recipe.network()

    def said(before: int) -> Callable[[int], None]:
        return lambda done: None if progress is None else progress(before + done, steps)

    alone = Session(recipe, noiseless(net), target, 0, said(0))
    innate = [alone.run(k, None, trial.inputs) for k, trial in enumerate(recipe.conditions) if not alone.interrupted]
    learning = Session(recipe, net, target, 0, said(alone.done))
    results: Results | None = None
    losses: list[float] = []
    if not alone.interrupted:
        results, losses = _learn(recipe, learning, [one.output for one in innate])
    numbers = {"first_loss": losses[0], "last_loss": losses[-1]} if losses else {}
    times = np.arange(1, len(losses) + 1) * recipe.steps_of_each * recipe.dt
    spent = [alone, learning]
    if results is not None and not learning.interrupted:
        network = _with_readout(recipe, net, kernel, readout, results)
        spent.append(Session(recipe, network, target, net.n, said(alone.done + learning.done)))
        results, more = _read(recipe, spent[-1], [one.output for one in innate])
        numbers |= more
    timings = {key: sum(each.timings.get(key, 0.0) for each in spent) for key in ("build", "run")}
    curve = {"time": times, "loss": np.array(losses)}
    stored = replace(results or innate[-1], learning_curve=curve, timings=timings)
    return Outcome(stored, numbers, _figure_of(recipe, stored, [one.output for one in innate]))


def _learn(recipe: InnateRecipe, session: Session, innate: list[np.ndarray]) -> tuple[Results | None, list[float]]:
    """Let the trained units learn their innate rates; return the last trial, and the loss of each loop."""
    results: Results | None = None
    losses: list[float] = []
    number = len(innate)
    for _ in range(recipe.values["run"]["trials"]):
        of_loop = []
        for trial, rates in zip(recipe.conditions, innate, strict=True):
            if session.interrupted:
                return results, losses
            results = session.run(number, rates, trial.inputs)
            of_loop.append(_loss(recipe, rates, results.output))
            number += 1
        losses.append(float(np.mean(of_loop)))
    return results, losses


def _figure_of(recipe: InnateRecipe, results: Results, innate: list[np.ndarray]) -> Callable[[], Figure] | None:
    if "r" not in results.recorded:
        return None

    def figure() -> Figure:
        from ._figure_innate import figure_innate

        return figure_innate(results, innate)

    return figure


def _with_readout(
    recipe: InnateRecipe, net: ForceNetwork, kernel: SparseKernel, readout: np.ndarray, learned: Results
) -> ForceNetwork:
    """Return the network with what it learned, and a readout that learns."""
    weights = learned.weights["recurrent_kernel"]
    trained = kernel.post < recipe.n_trained
    weight = np.where(trained, weights[kernel.pre, kernel.post], kernel.weight)
    return replace(
        net, recurrent=replace(kernel, weight=weight), plastic=None, output_kernel=readout,
        learning=recipe.learning("readout"),
    )  # fmt: skip


def _read(recipe: InnateRecipe, reader: Session, innate: list[np.ndarray]) -> tuple[Results, dict[str, float]]:
    """Let the readout learn, then test; return the tests as one run, and what they show."""
    values, conditions, begin = recipe.values["run"], recipe.conditions, recipe.start_of_learning
    numbers: dict[str, float] = {}
    first = len(conditions) * (1 + values["trials"])
    for loop in range(values["readout_trials"]):
        errors = []
        for k, trial in enumerate(conditions):
            results = reader.run(first + loop * len(conditions) + k, trial.target, trial.inputs)
            if reader.interrupted:
                return _few_rates(recipe, results), numbers
            errors.append(((results.output - trial.target)[begin:] ** 2).mean())
        numbers["readout_error"] = error = float(np.mean(errors))
        numbers.setdefault("first_readout_error", error)
        numbers["lowest_readout_error"] = min(error, numbers.get("lowest_readout_error", error))
    first += values["readout_trials"] * len(conditions)
    found: list[Results] = []
    for kind in ("test", "perturbed")[: 1 + recipe.perturbed]:
        tests: list[tuple[int, Results]] = []
        for number in range(values["test_trials"] * len(conditions)):
            k = number % len(conditions)
            x = conditions[k].inputs if kind == "test" else recipe.perturbing(k)
            at = sum(len(one.output) for one in found)
            tests.append((k, reader.run(first + number, conditions[k].target, x, at, recipe.phases())))
            found.append(_few_rates(recipe, tests[-1][1]))
            if reader.interrupted:
                return _together(recipe, found), numbers
        numbers |= _measured(recipe, kind, tests, innate)
    return _together(recipe, found), numbers


def _measured(
    recipe: InnateRecipe, kind: str, tests: list[tuple[int, Results]], innate: list[np.ndarray]
) -> dict[str, float]:
    begin, targets = recipe.start_of_learning, [trial.target for trial in recipe.conditions]
    r = [correlation(one.output[begin:], targets[k][begin:]).mean() for k, one in tests]
    numbers = {f"{kind}_correlation": float(np.mean(r))}
    if kind == "test":
        numbers["test_error"] = float(np.mean([((one.output - targets[k])[begin:] ** 2).mean() for k, one in tests]))
        numbers["recall_loss"] = float(
            np.mean([_loss(recipe, innate[k], one.recorded["r"].values) for k, one in tests])
        )
    return numbers


def _loss(recipe: InnateRecipe, innate: np.ndarray, rates: np.ndarray) -> float:
    """Return the mean squared difference of trained rates, over the steps after the pulse that were run."""
    rows, units = slice(recipe.start_of_learning, len(rates)), slice(recipe.n_trained)
    return float(((rates - innate[: len(rates)])[rows, units] ** 2).mean()) if rows.start < rows.stop else 0.0


def _few_rates(recipe: InnateRecipe, results: Results) -> Results:
    """Return results with the rates of some units only."""
    count, rates = recipe.values["record"]["rates_of"], results.recorded["r"]
    kept = {"r": replace(rates, values=rates.values[:, :count].copy(), indices=rates.indices[:count])} if count else {}
    return replace(results, recorded=kept)


def _together(recipe: InnateRecipe, found: list[Results]) -> Results:
    """Return the tests as one run."""
    results = replace(found[0], phases=())
    for one in found[1:]:
        results = joined(results, replace(one, phases=()))
    return replace(results, phases=clipped(recipe.phases(), 0, results.n_steps))


def forecast(recipe: InnateRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, unit, weight, element = cost_of(target)
    values, run, steps = recipe.values["network"], recipe.values["run"], recipe.steps_of_each
    n, partners, number = values["n"], recipe.partners, 8 if values["dtype"] == "float64" else 4
    window = steps - len(recipe.conditions) * recipe.start_of_learning
    packed = {"learning": recipe.n_trained * partners * (partners + 1) / 2, "readout": n * (n + 1) / 2}
    trials = {"learning": run["trials"], "readout": run["readout_trials"]}
    nanoseconds = recipe.n_trials * steps * (overhead + unit * n + weight * partners * n)
    for of, elements in packed.items():
        rule = recipe.values[of]
        nanoseconds += trials[of] * window / rule["update_every"] * rule["probability"] * 2 * elements * element
    memory = sum(packed.values()) * number + 40 * partners * n + 8 * n * n + 40 * steps * n
    return Forecast(round(memory), nanoseconds * 1e-9, recipe.n_trials * steps)


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    return SECTIONS | {"task": SECTIONS["task"] | trial_settings(raw)}


def _check(recipe: InnateRecipe, where: Callable[[str, str], str]) -> None:
    first, n, shortest = recipe.conditions[0], recipe.values["network"]["n"], min(map(len, recipe.conditions))
    given, count_given = recipe.values["perturbation"], recipe.values["run"]["conditions"]
    if recipe.partners > n - 1:
        what = f"fewer than the {n} units, since none is connected to itself"
        raise InvalidValueError(message(where("network", "p"), what, f"{recipe.partners} partners of each"))
    if count_given > len(recipe.conditions):
        what = f"1: the task {recipe.values['task']['name']!r} has one condition"
        raise InvalidValueError(message(where("run", "conditions"), what, count_given))
    if first.inputs.shape[1] < 2 * len(recipe.conditions) or first.hints.shape[1]:
        received = f"{first.inputs.shape[1]} inputs, {first.hints.shape[1]} hints"
        what, fix = "a task with two inputs for each condition, and no hints", "such as timed_peak."
        raise InvalidValueError(message(where("task", "name"), what, received, fix))
    if recipe.start_of_learning >= shortest:
        raise InvalidValueError(message(where("task", "name"), "trials that go on after their inputs", shortest))
    last = recipe.start_of_learning + recipe.steps(given["start"]) + recipe.steps(given["duration"])
    if recipe.perturbed and last > shortest:
        fix = "an earlier start, or a shorter duration."
        received = f"{last * recipe.dt:g} s"
        what = f"a perturbation that ends within the trial of {shortest * recipe.dt:g} s"
        raise InvalidValueError(message(where("perturbation", "start"), what, received, fix))
    check_count(where("run", "trials"), first, recipe.n_trials * len(recipe.conditions))
    for of in ("learning", "readout"):
        recipe.learning(of)


def _further(recipe: InnateRecipe, results: Results, steps: int) -> Iterator[Further]:
    return further_trials(cycle(recipe.conditions), results.stop_step % recipe.steps_of_each)


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected=EXPECTED,
    forecast=forecast,
    run=run,
    recipe=InnateRecipe,
    schema=_schema,
    kinds=(("task", "name"),),
    adapt=adapt_trial_task,
    check=_check,
    further=_further,
)
