"""A theta network in which all weights learn, so that each neuron's input follows its own curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.kernels import SparseKernel
from ..declare.learning import Learning
from ..declare.network import ForceNetwork
from ..declare.plasticity import Plastic
from ..declare.record import Record
from ..declare.validation import check_fraction, check_positive
from ..errors import InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Further, Number, Outcome, Protocol
from ..recipes.settings import REQUIRED, choice, count, not_negative, section
from ..results.measures import mean_correlation
from ..results.phases import TEST
from ..results.results import Results
from ..run.simulation import Simulation, Target
from ..run.trials import Condition, Trials
from ..tasks.trials import Trial
from ._further import further_trials

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe

__all__ = ["PROTOCOL"]

SECTIONS = {
    "network": section(
        ("n", "1", REQUIRED, count("neurons", 2)),
        ("dt", "second", 0.001, check_positive),
        ("p", "1", REQUIRED, check_fraction),
        ("g", "1", 1.0, check_positive),
        ("tau_syn", "second", 0.02, check_positive),
        ("dtype", "text", "float64", choice("float32", "float64")),
    ),
    "trial": section(
        ("stimulus_start", "second", 1.0, not_negative),
        # learning begins here, and ends with the trial
        ("stimulus_stop", "second", 1.1, not_negative),
        ("duration", "second", 2.1, check_positive),
        ("stimulus_amplitude", "1", 2.0, not_negative),
    ),
    "learning": section(
        ("alpha_P", "1", REQUIRED, check_positive),
        ("update_every", "second", 0.01, check_positive),
    ),
    "target": section(
        ("kind", "text", REQUIRED, choice("sines", "products", "rate_network", "noise")),
        ("period", "second", 0.5, check_positive),
        # time constant of noise or rate network, whose gain this is
        ("gain", "1", 5.0, check_positive),
        ("tau", "second", 0.04, check_positive),
        ("deviation", "1", 0.948683, not_negative),
    ),
    "run": section(
        ("seed", "1", 1, count("a seed", 0)),
        ("loops", "1", 10, count("loops", 1)),
        ("tests", "1", 5, count("tests", 1)),
    ),
}

EXPECTED = {
    "correlation": Number("mean Pearson r of inputs and targets, over some runs without learning"),
    "firing_rate": Number("mean firing rate in these", "hertz"),
}


def _sines(target: dict[str, Any], t: np.ndarray, n: int, rng: np.random.Generator, p: float) -> np.ndarray:
    phase, amplitude = rng.uniform(0, 1, n), rng.uniform(0.5, 1.5, n)
    return amplitude * np.sin(2 * np.pi * (t[:, None] / target["period"] - phase))


def _products(target: dict[str, Any], t: np.ndarray, n: int, rng: np.random.Generator, p: float) -> np.ndarray:
    found = rng.uniform(0.5, 1.5, n) * np.ones((len(t), n))
    for low, high in ((0.5, 1.0), (0.1, 0.5)):
        period = rng.uniform(low, high, n)
        found *= np.sin(2 * np.pi * (t[:, None] / period - rng.uniform(0, 1, n)))
    return found


def _rate_network(target: dict[str, Any], t: np.ndarray, n: int, rng: np.random.Generator, p: float) -> np.ndarray:
    """Inputs of rate units with the f-I curve of the theta neuron, whose weights onto each sum to 0."""
    kernel = _draw(n, p, target["gain"], rng).row_balanced().to_dense()
    u, part = np.empty((len(t), n)), (t[1] - t[0]) / target["tau"]
    u[0] = rng.uniform(0, 0.2, n)
    for k in range(len(t) - 1):
        u[k + 1] = u[k] + part * (np.sqrt(np.maximum(u[k], 0)) / np.pi @ kernel - u[k])
    return u


def _noise(target: dict[str, Any], t: np.ndarray, n: int, rng: np.random.Generator, p: float) -> np.ndarray:
    from ._balanced import ornstein_uhlenbeck

    return ornstein_uhlenbeck(rng, len(t), n, t[1] - t[0], target["tau"], target["deviation"], 0.0)


TARGETS = {"sines": _sines, "products": _products, "rate_network": _rate_network, "noise": _noise}


def _draw(n: int, p: float, gain: float, rng: np.random.Generator) -> SparseKernel:
    present = rng.random((n, n)) < p
    np.fill_diagonal(present, False)
    pre, post = np.nonzero(present)
    return SparseKernel(n, pre, post, gain / np.sqrt(n * p) * rng.standard_normal(len(pre)))


def _network(recipe: Recipe, start: int, update: int, rng: np.random.Generator) -> ForceNetwork:
    network, n = recipe.values["network"], recipe.values["network"]["n"]
    amplitude = recipe.values["trial"]["stimulus_amplitude"]
    learning = Learning(alpha_P=recipe.values["learning"]["alpha_P"], update_every=update, start=start)
    return ForceNetwork(
        "theta_phase",
        "single_exponential",
        n=n,
        dt=network["dt"],
        recurrent=None,
        feedback_kernel=None,
        output_kernel=None,
        input_kernel=rng.uniform(-amplitude, amplitude, (1, n)),
        parameters={"tau_decay": f"{network['tau_syn']!r}*second"},
        plastic=Plastic(_draw(n, network["p"], network["g"], rng), learning, error="input"),
        dtype=network["dtype"],
        seed=recipe.seed,
    )


def _drawn(recipe: Recipe) -> tuple[ForceNetwork, Trial]:
    """Draw the network from the recipe's seed, and then what its neurons follow."""
    trial, rng = recipe.values["trial"], np.random.default_rng([recipe.seed, 2])
    on, off, end = (round(trial[key] / recipe.dt) for key in ("stimulus_start", "stimulus_stop", "duration"))
    net = _network(recipe, off, round(recipe.values["learning"]["update_every"] / recipe.dt), rng)
    t = recipe.dt * np.arange(1, end + 1)
    y = TARGETS[recipe.values["target"]["kind"]](recipe.values["target"], t, net.n, rng, recipe.values["network"]["p"])
    x = np.zeros((end, 1))
    x[on:off] = 1
    return net, Trial(x, y, y[:, :0])


def _further(recipe: Recipe, results: Results, steps: int) -> Iterator[Further]:
    trial = _drawn(recipe)[1]
    return further_trials(repeat(trial), results.stop_step % len(trial))


def run(recipe: Recipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Learn trial after trial, without a pause; then test from other phases."""
    values, (net, trial) = recipe.values["run"], _drawn(recipe)
    y, end = trial.target, len(trial)
    simulation = Simulation(net, target=target, record=Record(every=1), name=recipe.name)
    trials = Trials(simulation, [Condition("trial", y, trial.inputs)], start="continued")
    trials.train(values["loops"], progress=progress)
    window = slice(0 if net.plastic is None else net.plastic.learning.start, end)
    found: list[Results] = []
    for number in range(values["tests"]):
        phases = np.random.default_rng([recipe.seed, 3, number]).uniform(-np.pi, np.pi, net.n)
        found.append(trials.test("trial", number, state={"neurons.v": phases}))
        if found[-1].provenance["interrupted"]:
            break
    r = [mean_correlation(one.output[window], y[window]) for one in found if one.n_steps == end]
    r = [one for one in r if not np.isnan(one)]
    numbers = {"firing_rate": float(np.mean([one.rates[TEST].mean() for one in found if one.n_steps == end]))}
    if r:
        numbers |= {"correlation": float(np.mean(r)), "correlation_lowest": min(r)}
    provenance = found[-1].provenance | {"interrupted": trials.interrupted or found[-1].provenance["interrupted"]}
    return Outcome(replace(found[-1], provenance=provenance, timings=dict(trials.timings)), numbers)


def forecast(recipe: Recipe, target: str) -> Forecast:
    """Forecast memory and time from the sizes."""
    overhead, neuron, event, element = cost_of(target)
    network, trial, values = (recipe.values[key] for key in ("network", "trial", "run"))
    n, partners = network["n"], network["n"] * network["p"]
    steps, runs = round(trial["duration"] / recipe.dt), values["loops"] + values["tests"]
    P = n * partners * (partners + 1) / 2
    updates = values["loops"] * (trial["duration"] - trial["stimulus_stop"]) / recipe.values["learning"]["update_every"]
    nanoseconds = runs * steps * (overhead + neuron * n + event * n * partners) + updates * P * element
    memory = round(8 * (2 * P + 4 * steps * n + 4 * n * partners))
    return Forecast(memory, nanoseconds * 1e-9, runs * steps)


def check(recipe: Recipe, where: Callable[[str, str], str]) -> None:
    """Refuse times that are not in order."""
    trial = recipe.values["trial"]
    if not trial["stimulus_start"] <= trial["stimulus_stop"] < trial["duration"]:
        times = tuple(trial[key] for key in ("stimulus_start", "stimulus_stop", "duration"))
        what = "stimulus_start <= stimulus_stop < duration"
        raise InvalidValueError(message(where("trial", "duration"), what, times))


PROTOCOL = Protocol(sections=SECTIONS, expected=EXPECTED, forecast=forecast, run=run, check=check, further=_further)
