"""Spiking full-FORCE: spiking neurons learn to give each other what the units of a driven rate network receive.

As DePasquale, Churchland & Abbott (2016, arXiv:1601.07620). They learn factors of the recurrent weights:
readouts of filtered spikes follow the principal components of those currents and are fed back, which is
FORCE with many outputs. The weights themselves can be learned too, one target current per neuron.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.equations import load_neuron, load_synapse, resolve_parameters
from ..declare.validation import check_choice, check_fraction, check_positive, check_steps
from ..errors import InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Further, Number, Outcome, Protocol
from ..recipes.settings import LEARNING, OMITTED, REQUIRED, choice, count, expression, section
from ..results.joined import joined
from ..results.phases import TEST, Phase, clipped, phases_of
from ..results.run_data import target_of
from ..tasks.trials import Trial, check_count
from ._declared import check_declared
from ._further import further_trials
from ._trials import TrialRecipe, trial_settings

if TYPE_CHECKING:
    from ..declare.network import ForceNetwork
    from ..results.results import Results
    from ..run.journal import Loop, Values
    from ..run.simulation import Target

__all__ = ["PROTOCOL", "SpikingFullForceRecipe"]

_WEIGHT = 100  # bytes of a recurrent weight of all networks, with its places
_BLOCK = 10_000  # steps of the rate network that are kept at a time
_RATE = 50.0  # hertz, assumed by forecasts
_LAST = 50  # trials that the training error is taken from

_FORMS = {
    "weights": section(),
    "factors": section(
        ("components", "1", 30, count("components", 1)),
        ("sources", "1", 0.4, check_fraction),
        ("traces", "second,many", (0.1, 0.005), None),
        # of all neurons on all, an input that follows the rate of the whole network
        ("inhibition", "1", -0.3, None),
    ),
}
_NETWORK = section(
    ("learned", "text", REQUIRED, choice(*_FORMS)),
    ("neuron", "text", REQUIRED, None),
    ("synapse", "text", REQUIRED, None),
    ("n", "1", REQUIRED, count("neurons", 1)),
    ("dt", "second", REQUIRED, check_positive),
    ("tau", "second", REQUIRED, check_positive),
    ("g", "1", 1.4, None),
    # input of a neuron, in its file's current unit, for one of 1 in the rate network
    ("current_scale", "1", REQUIRED, None),
    ("target_scale", "1", 1.0, None),
    ("input_mean", "1", 0.0, None),
    ("input_scale", "1", 1.0, None),
    ("dtype", "text", "float64", choice("float64", "float32")),
)
SECTIONS = {
    "network": _NETWORK,
    "learning": section(*LEARNING),
    "run": section(
        ("settle_trials", "1", 0, count("trials", 0)),
        ("component_trials", "1", 20, count("trials", 1)),
        ("trials", "1", REQUIRED, count("trials", 1)),
        ("test_settle_trials", "1", 0, count("trials", 0)),
        ("test_trials", "1", REQUIRED, count("trials", 0)),
        ("seed", "1", 0, count("the seed", 0)),
    ),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("voltages_of", "1", 5, count("neurons", 0)),
    ),
    # those of the neuron and the filter, and of the task, are added by `_schema`
    "parameters": {},
    "task": section(("name", "text", REQUIRED, None)),
}


@dataclass(frozen=True, eq=False, repr=False)
class SpikingFullForceRecipe(TrialRecipe):
    """A spiking network, the rate network that it learns from, and a task that comes in trials."""

    @property
    def factored(self) -> bool:
        """Whether factors of the recurrent weights are learned."""
        return self.values["network"]["learned"] == "factors"

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Trials of settling, for the components, of learning, of settling before the test, and of the test."""
        run = self.values["run"]
        components = run["component_trials"] if self.factored else 0
        names = ("trials", "test_settle_trials", "test_trials")
        return (run["settle_trials"], components, *(run[name] for name in names))

    @property
    def n_trials(self) -> int:
        """Number of trials of all parts of a run."""
        return sum(self.counts)

    @property
    def first_trial(self) -> int:
        """The first trial of the spiking network; the rate network alone has those before."""
        return sum(self.counts[:2]) if self.factored else 0

    @cached_property
    def ends(self) -> np.ndarray:
        """Steps at which the trials of the spiking network end, with a 0 before; components come before these."""
        return np.cumsum([0, *(len(trial) for trial in islice(self.trials(), self.first_trial, None))])

    def borders(self) -> tuple[int, int, int, int]:
        """Return the steps at which learning begins and ends, and at which the test begins and ends."""
        settle, _, *others = self.counts
        marks = np.cumsum([0 if self.factored else settle, *others])
        start, stop, test, end = (int(self.ends[mark]) for mark in marks)
        return start, stop, test, end

    def phases(self) -> tuple[Phase, ...]:
        """Return the parts of the run that have steps."""
        start, stop, test, end = self.borders()
        learned = phases_of((start, stop), 0, stop)
        return learned + clipped((Phase("settling", stop, test), Phase(TEST, test, end)), stop, end)

    @cached_property
    def drawn(self) -> dict[str, Any]:
        """The rate network: weights among its units, of the target and of the inputs, and its start."""
        values, trial, rng = self.values["network"], next(self.trials()), np.random.default_rng([self.seed, 0])
        n, n_inputs = values["n"], trial.inputs.shape[1]
        return {
            "recurrent": values["g"] / math.sqrt(n) * rng.standard_normal((n, n)),
            "target": values["target_scale"] * (2 * rng.random((trial.target.shape[1], n)) - 1),
            "input": values["input_mean"] + values["input_scale"] * (2 * rng.random((n_inputs, n)) - 1),
            "initial": rng.standard_normal(n),
        }

    @property
    def rate_units(self) -> dict[str, Any]:
        """Parameters of the rate units, whose Euler steps with this time constant are the exact ones with tau."""
        tau = -self.dt / math.expm1(-self.dt / self.values["network"]["tau"])
        return {"parameters": {"tau": f"{tau!r}*second"}, "initial": {"a": self.drawn["initial"]}}

    def spiking(self, **parts: Any) -> ForceNetwork:
        """Return a network of these neurons."""
        from ..declare.network import ForceNetwork

        values = self.values["network"]
        common = {"parameters": self.values["parameters"], "dtype": values["dtype"], "seed": self.seed}
        declared: dict[str, Any] = {"recurrent": None, "feedback_kernel": None} | common | parts
        return ForceNetwork(values["neuron"], values["synapse"], values["n"], self.dt, **declared)

    def weights_network(self) -> tuple[ForceNetwork, Callable[[Results], ForceNetwork]]:
        """Return the network that learns its weights, and a function from its results to the network alone."""
        from ..declare.kernels import SparseKernel
        from ..declare.learning import Learning
        from ..declare.plasticity import Plastic, TargetNetwork

        drawn, scale, n = self.drawn, self.values["network"]["current_scale"], self.values["network"]["n"]
        learning = Learning(**self.values["learning"], start=self.borders()[0])
        units = TargetNetwork(
            "echo_state",
            drawn["recurrent"],
            drawn["target"],
            input_kernel=drawn["input"],
            scale=scale,
            **self.rate_units,
        )
        net = self.spiking(
            output_kernel=np.zeros((n, drawn["target"].shape[0])),
            input_kernel=scale * drawn["input"],
            learning=learning,
            plastic=Plastic(np.zeros((n, n)), learning, error="target_network", shares_P=True),
            target_network=units,
        )

        def alone(results: Results) -> ForceNetwork:
            kernel = SparseKernel.from_dense(results.weights["recurrent_kernel"])
            readout = results.weights["output_kernel"]
            return replace(
                net, recurrent=kernel, output_kernel=readout, plastic=None, target_network=None, learning=None,
                seed=self.seed + 1,
            )  # fmt: skip

        return net, alone

    def factors_network(self, components: Components) -> tuple[ForceNetwork, Callable[[Results], ForceNetwork]]:
        """Return the network that learns readouts of traces, and a function from its results to it in test."""
        from ..declare.kernels import SparseKernel
        from ..declare.learning import Learning
        from ..declare.traces import Traces

        values, drawn = self.values["network"], self.drawn
        n, rng, n_outputs = values["n"], np.random.default_rng([self.seed, 3]), drawn["target"].shape[0]
        basis = values["current_scale"] * np.linalg.qr(2 * rng.random((n, n)) - 1)[0].T
        feedback = components.axes.T @ basis
        sources = np.sort(rng.choice(n, max(round(values["sources"] * n), 1), replace=False))
        taus = values["traces"]
        traces = Traces(np.tile(sources, len(taus)), np.repeat(taus, len(sources)))
        pre, post = np.indices((n, n)).reshape(2, -1)
        inhibition = SparseKernel(n, pre, post, np.full(n * n, values["inhibition"] / n))
        net = self.spiking(
            recurrent=inhibition if values["inhibition"] else None,
            feedback_kernel=np.concatenate([np.zeros((n_outputs, n)), feedback]),
            output_kernel=np.zeros((len(traces), n_outputs + len(feedback))),
            # the last input is 1: it takes the mean off what the components bring
            input_kernel=np.concatenate([drawn["input"] @ basis, -components.mean[None] @ feedback]),
            learning=Learning(**self.values["learning"]),
            traces=traces,
        )

        def test(results: Results) -> ForceNetwork:
            return replace(net, output_kernel=results.weights["output_kernel"], seed=self.seed + 1)

        return net, test


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of the currents of the rate network.

    Attributes
    ----------
    axes : array, shape (units, components)
    mean : array, shape (components,)
        Of their values.
    explained : float
        Their part of the power.
    series : array, shape (steps, components)
        Their values in the trials of learning and test.
    timings : dict of str to float
        Seconds of building and running the rate network.
    """

    axes: np.ndarray
    mean: np.ndarray
    explained: float
    series: np.ndarray
    timings: Mapping[str, float]


def components(recipe: SpikingFullForceRecipe, target: Target | None, report: Callable[[int], None]) -> Components:
    """Run the rate network, driven by the target, through all trials."""
    from ..run.journal import Values, looping

    n, (settle, number, *_) = recipe.values["network"]["n"], recipe.counts
    m = recipe.values["network"]["components"]
    sums = Values(power=np.zeros((n, n)), mean=np.zeros(n), rows=0, axes=np.empty((n, 0)), explained=0.0)
    sums |= {"trial": 0, "done": 0, "series": [], "timings": dict.fromkeys(("build", "run"), 0.0)}
    reached = Values(block=0, state=None, rates=None)
    with looping("components", sums, reached) as loop:
        for currents in _currents(recipe, target, sums, reached, loop):
            trial = sums["trial"]
            if settle <= trial < settle + number:
                sums["power"] = sums["power"] + currents.T @ currents
                sums["mean"] = sums["mean"] + currents.sum(axis=0)
                sums["rows"] += len(currents)
            if trial == settle + number - 1:
                values, vectors = np.linalg.eigh(sums["power"])
                sums["axes"] = vectors[:, ::-1][:, :m]
                sums["explained"] = float(values[::-1][:m].sum() / values.sum())
            if trial >= settle + number:
                sums["series"] += [currents @ sums["axes"]]
            sums["done"] += len(currents)
            sums["trial"] += 1
            report(sums["done"])
    axes, mean = sums["axes"], sums["mean"] @ sums["axes"] / sums["rows"]
    return Components(axes, mean, sums["explained"], np.concatenate(sums["series"]), sums["timings"])


def _currents(
    recipe: SpikingFullForceRecipe, target: Target | None, sums: Values, reached: Values, loop: Loop
) -> Iterator[np.ndarray]:
    """Yield what the units receive from each other and from the target, shape (steps, units), trial by trial."""
    from ..declare.kernels import SparseKernel
    from ..declare.network import ForceNetwork
    from ..declare.record import Record
    from ..results.run_data import added
    from ..run.simulation import Simulation

    drawn, values = recipe.drawn, recipe.values["network"]
    net = ForceNetwork(
        "echo_state", None, values["n"], recipe.dt,
        recurrent=SparseKernel.from_dense(drawn["recurrent"]) if values["g"] else None, feedback_kernel=None,
        output_kernel=None,
        input_kernel=np.concatenate([drawn["target"], drawn["input"]]), seed=recipe.seed, **recipe.rate_units,
    )  # fmt: skip
    simulation = Simulation(net, target=target, record=Record())
    for number, block in enumerate(_blocks(recipe.trials())):
        if number < reached["block"]:
            continue
        loop.point()
        y = np.concatenate([trial.target for trial in block])
        x = np.concatenate([y, np.concatenate([t.inputs for t in block])], axis=1)
        results = simulation.run(x=x, state=reached["state"])
        if results.provenance["interrupted"]:
            raise KeyboardInterrupt
        sums["timings"] = added(sums["timings"], results.timings)
        rates = net.initial_values["r"] if reached["rates"] is None else reached["rates"]
        before = np.concatenate([rates[None], results.output[:-1]])
        reached.update(block=number + 1, state=results.state, rates=results.output[-1])
        currents = before @ drawn["recurrent"] + y @ drawn["target"]
        yield from np.split(currents, np.cumsum([len(trial) for trial in block])[:-1])


def _blocks(trials: Iterator[Trial]) -> Iterator[list[Trial]]:
    block: list[Trial] = []
    for trial in trials:
        block.append(trial)
        if sum(map(len, block)) >= _BLOCK:
            yield block
            block = []
    if block:
        yield block


def forecast(recipe: SpikingFullForceRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, unit, weight, element = cost_of(target)
    values, (start, stop, _, end) = recipe.values["network"], recipe.borders()
    n, rule, dt = values["n"], recipe.values["learning"], recipe.dt
    trial, drive = next(recipe.trials()), overhead + unit * n + weight * n * n / 4
    channels, n_outputs = trial.inputs.shape[1] + trial.target.shape[1], trial.target.shape[1]
    updates, events = (stop - start) / rule["update_every"] * rule["probability"], weight * _RATE * dt * n * n
    if recipe.factored:
        m, read = n_outputs + values["components"], len(values["traces"]) * max(round(values["sources"] * n), 1)
        before = sum(recipe.counts[:2]) * len(trial)
        nanoseconds = (before + end) * drive
        nanoseconds += end * (overhead + unit * (n + read) + weight * m * (read + n) / 4 + events)
        nanoseconds += 2 * updates * element * (read * read / 2 + read * m)
        channels, n_outputs, packed = channels + 2 * m, m, read * (read + 1) // 2
    else:
        nanoseconds = stop * (2 * drive + weight * n * n / 2) + 2 * updates * element * n * n
        nanoseconds += (end - stop) * (overhead + unit * n + events)
        packed = n * (n + 1) // 2
    recorded = end / recipe.values["record"]["every"] * (2 * n_outputs + recipe.values["record"]["voltages_of"])
    spikes = 12 * _RATE * dt * n * end
    memory = packed * 8 + n * n * _WEIGHT + (end * channels + recorded + 3 * _BLOCK * n * recipe.factored) * 8 + spikes
    return Forecast(round(memory), nanoseconds * 1e-9, end)


def run(
    recipe: SpikingFullForceRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Learn; then test from another initial state, without learning and without the rate network."""
    from ..declare.record import Record
    from ..run.simulation import Simulation

    start, stop, test, end = recipe.borders()
    trials = list(recipe.trials())
    before = sum(len(trial) for trial in trials) - end
    total = before + end

    def report(done: int) -> None:
        if progress is not None:
            progress(done, total)

    numbers: dict[str, float] = {}
    trials = trials[len(trials) - len(recipe.ends) + 1 :]
    y, x = (np.concatenate([getattr(trial, kind) for trial in trials]) for kind in ("target", "inputs"))
    n_outputs = y.shape[1]
    if recipe.factored:
        total += end  # the rate network runs beforehand
        recipe.spiking(output_kernel=None)  # what is wrong with the spiking neurons is refused before
        found = components(recipe, target, report)
        net, tested = recipe.factors_network(found)
        y = np.concatenate([y, found.series], axis=1)
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        numbers["explained_variance"], before = found.explained, before + end
    else:
        net, tested = recipe.weights_network()
    watched = tuple(range(min(recipe.values["record"]["voltages_of"], net.n)))
    record = Record(every=recipe.values["record"]["every"], variables={net.neuron.membrane: watched} if watched else {})

    def simulate(net: ForceNetwork, first: int, last: int, **given: Any) -> Results:
        simulation = Simulation(net, target=target, record=record, name=recipe.name)
        steps = before + first
        results = simulation.run(
            y[first:last], x[first:last], phases=recipe.phases(), progress=lambda done, _: report(steps + done), **given
        )
        return replace(results, output=results.output[:, :n_outputs], target=target_of(results)[:, :n_outputs])

    first = simulate(net, 0, stop)
    if recipe.factored and net.feedback_kernel is not None:
        timings = {name: first.timings[name] + found.timings[name] for name in first.timings}
        # with the readouts of the traces, these are the recurrent weights
        weights = first.weights | {"component_kernel": net.feedback_kernel[n_outputs:]}
        first = replace(first, timings=timings, weights=weights)
    if first.provenance["interrupted"] or stop == end:
        return _outcome(recipe, first, numbers)
    second = simulate(tested(first), stop, end, state={"step": stop}, learning=False)
    return _outcome(recipe, joined(first, second), numbers)


def _outcome(recipe: SpikingFullForceRecipe, results: Results, numbers: dict[str, float]) -> Outcome:
    """Return the errors, each the median over trials of sum |z - f|^2 / sum |f|^2, and the firing rate in the test."""
    start, stop, test, end = recipe.borders()
    steps = np.arange(len(results.output)) * results.record_every + results.first_row_step
    done = recipe.ends[recipe.ends <= results.stop_step]
    rows = np.searchsorted(steps, done)
    squares, power = (
        np.array([values[a:b].sum() for a, b in zip(rows[:-1], rows[1:], strict=True)])
        for values in ((results.output - target_of(results)) ** 2, target_of(results) ** 2)
    )
    curve = np.divide(squares, power, out=np.full(len(power), np.nan), where=power > 0)
    learned = curve[(done[1:] > start) & (done[1:] <= stop)]
    if len(learned):
        numbers["training_error"] = float(np.median(learned[-_LAST:]))
    if results.stop_step == end > test:
        numbers["test_error"] = float(np.median(curve[done[1:] > test]))
        spikes = np.count_nonzero(results.spike_step >= test)
        numbers["rate"] = float(spikes / results.n_neurons / ((end - test) * results.dt))
    curves = {"time": done[1:] * results.dt, "normalised_error": curve}
    return Outcome(replace(results, learning_curve=curves), {k: v for k, v in numbers.items() if not math.isnan(v)})


def _further(recipe: SpikingFullForceRecipe, results: Results, steps: int) -> Iterator[Further]:
    def inputs(trial: Trial) -> np.ndarray:
        one = np.ones((len(trial), int(recipe.factored)))  # see `factors_network`
        return np.concatenate([trial.inputs, one], axis=1)

    return further_trials(islice(recipe.endless(), recipe.first_trial, None), results.stop_step, inputs)


# ---- settings ----


def _defaults(network: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of neuron and filter."""
    return {**load_neuron(str(network["neuron"])).parameters, **load_synapse(str(network["synapse"])).parameters}


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    form = check_choice("network.learned", raw["network"]["learned"], tuple(_FORMS))
    run = {key: value for key, value in SECTIONS["run"].items() if form == "factors" or key != "component_trials"}
    return SECTIONS | {
        "network": _NETWORK | _FORMS[form],
        "run": run,
        "parameters": section(*((key, "any", OMITTED, expression) for key in _defaults(raw["network"]))),
        "task": SECTIONS["task"] | trial_settings(raw),
    }


def _adapt(raw: dict[str, Any], kind: str, old: str | None) -> None:
    known = _schema(raw)
    if kind == "neuron":  # another one may have parameters of the same name in other units
        known["parameters"] = load_synapse(str(raw["network"]["synapse"])).parameters
    for name in ("network", "run", "parameters", "task"):
        raw[name] = {key: value for key, value in raw.get(name, {}).items() if key in known[name]}


def _check(recipe: SpikingFullForceRecipe, where: Callable[[str, str], str]) -> None:
    values, run = recipe.values["network"], recipe.values["run"]
    # what is no expression of the right unit is refused here
    resolve_parameters(recipe.name, _defaults(values), recipe.values["parameters"], dt=recipe.dt)
    check_declared(recipe, where, values["neuron"], values["synapse"], parameters=recipe.values["parameters"])
    if recipe.factored and values["components"] > values["n"]:
        raise InvalidValueError(
            message(where("network", "components"), f"at most n ({values['n']})", values["components"])
        )
    if recipe.factored and not (values["traces"] and min(values["traces"]) > 0):
        raise InvalidValueError(message(where("network", "traces"), "time constants above 0", values["traces"]))
    if run["test_settle_trials"] and not run["test_trials"]:
        raise InvalidValueError(
            message(where("run", "test_trials"), "at least 1 trial after test_settle_trials", 0, "set both to 0.")
        )
    first = next(recipe.trials())
    check_count(where("run", "trials"), first, sum(recipe.counts))
    hints = first.hints.shape[1]
    if hints:
        place = where("task", "name")
        raise InvalidValueError(message(place, "a task without hints", f"{hints} of them", "set task.hints to false."))


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected={
        "training_error": Number("normalised error, median of the last 50 trials of learning"),
        "test_error": Number("normalised error, median of the trials after learning, the network alone"),
        "explained_variance": Number("part of the rate network's currents that the components carry"),
        "rate": Number("firing rate after learning", "hertz"),
    },
    forecast=forecast,
    run=run,
    recipe=SpikingFullForceRecipe,
    schema=_schema,
    kinds=(("network", "learned"), ("network", "neuron"), ("network", "synapse"), ("task", "name")),
    adapt=_adapt,
    check=_check,
    plan=lambda recipe: recipe.phases(),
    further=_further,
)
