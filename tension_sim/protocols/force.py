"""FORCE learning of a readout that is fed back into a spiking network.

As the programs of Nicola & Clopath (2017, doi:10.1038/s41467-017-01827-3): a run before, during and
after learning; neuron, filter and supervisor by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..declare.equations import Neuron, SynapticFilter, load_neuron, load_synapse, resolve_parameters
from ..declare.validation import check_fraction, check_positive, check_steps
from ..errors import InvalidValueError, message
from ..recipes.cost import SYNAPSE, cost_of
from ..recipes.protocol import Forecast, Number, Outcome, Protocol
from ..recipes.recipe import Recipe
from ..recipes.settings import LEARNING, OMITTED, REQUIRED, choice, count, expression, not_negative, section
from ..results import phases
from ..tasks import Task
from ..tasks.registry import Setting
from ._declared import check_declared
from ._tasks import adapt_task, draw_task, further_task, shape, task_section

if TYPE_CHECKING:
    from ..declare.network import ForceNetwork, Learning
    from ..results.results import Results
    from ..run.simulation import Simulation, Target

__all__ = [
    "EXPECTED",
    "PROTOCOL",
    "SECTIONS",
    "ForceRecipe",
    "MemoryForecast",
    "adapt",
    "check",
    "forecast",
    "measured_numbers",
    "schema_of_network",
]

#: Firing rate in Hz that a forecast assumes if the recipe expects none.
_ASSUMED_RATE = 30.0
_BYTES_PER_SPIKE = 12
#: Of the readout, its feedback and the inputs, in each step: these are read from memory on every target.
_NANOSECONDS_PER_WEIGHT = 0.33


# ---- settings ----


def _neurons(where: str, value: Any) -> int | None:
    """Return a number of neurons; None means all."""
    if isinstance(value, str) and value == "all":
        return None
    return count("neurons, or 'all'", 0)(where, Setting("", "1").parse(value, where))


SECTIONS = {
    "network": section(
        ("neuron", "text", REQUIRED, None),
        ("synapse", "text", "double_exponential", None),
        ("n", "1", REQUIRED, count("neurons", 1)),
        ("dt", "second", REQUIRED, check_positive),
        ("p", "1", 0.1, check_fraction),
        ("G", "1", REQUIRED, None),
        ("Q", "1", REQUIRED, None),
        ("input_scale", "1", 0.0, None),
        ("row_balanced", "bool", True, None),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(*LEARNING, ("start", "second", 0.0, not_negative), ("stop", "second", None, not_negative)),
    "run": section(
        ("duration", "second", REQUIRED, check_positive),
        ("seed", "1", 0, count("the seed", 0)),
    ),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("spikes_of", "any", None, _neurons),
        ("variables", "text,many", (), None),
        ("variables_of", "1", 5, count("neurons", 0)),
    ),
    # those of the neuron, the filter and the supervisor are added by `_schema`
    "parameters": {},
    "initial": {},
    "task": section(("name", "text", REQUIRED, None)),
}


def _load(network: Mapping[str, Any]) -> tuple[Neuron, SynapticFilter | None]:
    """Load the neuron and the filter that a [network] table names; rate units have no spikes to filter."""
    neuron = load_neuron(str(network["neuron"]))
    if not neuron.spiking:
        return neuron, None
    synapse = network.get("synapse", SECTIONS["network"]["synapse"].setting.default)
    return neuron, load_synapse(str(synapse))


def _parameters(neuron: Neuron, synapse: SynapticFilter | None) -> dict[str, str]:
    return {**neuron.parameters, **(synapse.parameters if synapse is not None else {})}


def schema_of_network(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return all sections, with the keys of [parameters] and [initial] that neuron and filter have."""
    neuron, synapse = _load(raw["network"])
    return SECTIONS | {
        "parameters": section(*((key, "any", OMITTED, expression) for key in _parameters(neuron, synapse))),
        "initial": section(*((key, "any", OMITTED, expression) for key in neuron.variables)),
    }


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    return schema_of_network(raw) | {"task": task_section(raw)}


def adapt(raw: dict[str, Any], kind: str, old: str | None) -> None:
    """Drop the settings that a new neuron, filter or supervisor does not share with the old one."""
    if kind == "name":
        adapt_task(raw, old)
        return
    neuron, synapse = _load(raw["network"])
    of_filter = synapse.parameters if synapse is not None else neuron.parameters  # a rate unit filters by itself
    shared = set(of_filter) if kind == "neuron" else set(_parameters(neuron, synapse))
    raw["parameters"] = {key: value for key, value in raw.get("parameters", {}).items() if key in shared}
    if kind == "neuron":
        raw.pop("initial", None)
        _adapt_record(raw, old, neuron)
        if synapse is None:
            raw["network"].pop("synapse", None)


def _adapt_record(raw: dict[str, Any], old: str | None, neuron: Neuron) -> None:
    """Record the new neuron's membrane where the old one's was, and none of its variables that the new one lacks."""
    variables = raw.get("record", {}).get("variables")
    if old is None or not isinstance(variables, list):
        return
    former = load_neuron(old)
    gone = set(former.variables) - set(neuron.variables)
    kept = [neuron.membrane if name == former.membrane else name for name in variables]
    raw["record"] = raw["record"] | {"variables": [name for name in dict.fromkeys(kept) if name not in gone]}


def check(recipe: ForceRecipe, where: Callable[[str, str], str]) -> None:
    """Refuse settings that a run would refuse, and complete those of neuron and filter."""
    neuron, synapse = _load(recipe.settings["network"])
    if synapse is None:
        named = recipe.settings["network"].get("synapse")
        if named is not None:
            what = f"no filter, for {neuron.name!r} has no spikes"
            raise InvalidValueError(message(where("network", "synapse"), what, named, "leave it out."))
        recipe.values["network"]["synapse"] = None
    recipe.values["parameters"] = resolve_parameters(
        recipe.name, _parameters(neuron, synapse), recipe.values["parameters"], dt=recipe.dt
    )
    if recipe.n_steps < 1:
        raise InvalidValueError(
            message(where("run", "duration"), f"at least one time step ({recipe.dt:g} s)", recipe.duration)
        )
    learning = recipe.values.get("learning")
    if learning and learning["stop"] is not None and learning["start"] > learning["stop"]:
        raise InvalidValueError(
            message(
                where("learning", "start"),
                "a time no later than learning.stop",
                f"start = {learning['start']:g} s, stop = {learning['stop']:g} s",
                "exchange them, or change one.",
            )
        )
    # numbers of channels depend on the task alone: settings that cannot work there are refused here
    _, n_outputs, n_inputs = recipe.task_shape
    check_declared(
        recipe, where, recipe.values["network"]["neuron"], recipe.values["network"]["synapse"],
        n_outputs=n_outputs, n_inputs=n_inputs, variables=recipe.record["variables"],
        parameters={key: str(value) for key, value in recipe.settings.get("parameters", {}).items()},
        initial=recipe.values["initial"],
    )  # fmt: skip


# ---- the recipe ----


@dataclass(frozen=True)
class MemoryForecast:
    """Memory of a run in bytes, part by part.

    Attributes
    ----------
    P : int
        The packed triangle of the inverse correlation estimate.
    synapses : int
        Static recurrence, in Python and the program.
    kernels : int
        Readout, feedback and input weights.
    samples : int
        Target and input.
    recorded : int
        Output, target and recorded variables.
    spikes : int
        Recorded spikes, at the expected firing rate.
    """

    P: int
    synapses: int
    kernels: int
    samples: int
    recorded: int
    spikes: int

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.P + self.synapses + self.kernels + self.samples + self.recorded + self.spikes


@dataclass(frozen=True, eq=False, repr=False)
class ForceRecipe(Recipe):
    """A spiking network with its task and schedule.

    ``expected`` may hold ``learning_rmse`` (over the last second of learning), ``aligned_rmse``
    (of the test, in windows of 1 s, each at its best lag), ``peak_frequency`` and ``firing_rate`` (Hz).
    """

    @property
    def duration(self) -> float:
        """Length of the run, seconds."""
        return self.values["run"]["duration"]

    @property
    def n_steps(self) -> int:
        """Length of the run, steps."""
        return self.steps(self.duration)

    @property
    def record(self) -> Mapping[str, Any]:
        """What is recorded: ``every`` (steps), ``spikes_of`` (neurons, None for all),
        ``variables`` (names) and ``variables_of`` (neurons).
        """
        return self.values["record"]

    @property
    def learning_steps(self) -> tuple[int, int] | None:
        """First step of learning and the first after it; None without learning.

        The published programs count steps i from 1 and learn where imin < i < icrit: they leave out the
        last step, k = i - 1 = icrit - 1, on which none of them would update.
        """
        if "learning" not in self.values:
            return None
        learning = self.values["learning"]
        start = self.steps(learning["start"])
        if learning["stop"] is None:
            return start, max(start, self.n_steps)
        return start, max(start, self.steps(learning["stop"]))

    def learning(self) -> Learning | None:
        """Return the declaration of what is learned, and when."""
        from ..declare.learning import Learning

        steps = self.learning_steps
        if steps is None:
            return None
        values = {key: self.values["learning"][key] for key, *_ in LEARNING}
        return Learning(**values, start=steps[0], stop=steps[1])

    @property
    def task_shape(self) -> tuple[int, int, int]:
        """Rows (steps, or those of one period), outputs and inputs of the task."""
        return shape(self, self.n_steps)

    def task(self) -> Task:
        """Compute target and input; noise is drawn from the recipe's seed."""
        return draw_task(self, self.n_steps)

    def network(self) -> ForceNetwork:
        """Draw the network from the recipe's seed."""
        from ..declare.network import ForceNetwork

        values = self.values["network"]
        _, n_outputs, n_inputs = self.task_shape
        return ForceNetwork.random(
            neuron=values["neuron"],
            synapse=values["synapse"],
            n=values["n"],
            n_outputs=n_outputs,
            n_inputs=n_inputs,
            dt=self.dt,
            p=values["p"],
            G=values["G"],
            Q=values["Q"],
            E2=values["input_scale"],
            row_balanced=values["row_balanced"],
            parameters={key: str(value) for key, value in self.settings.get("parameters", {}).items()},
            initial=self.values["initial"],
            learning=self.learning(),
            dtype=values["dtype"],
            seed=self.seed,
        )

    def simulation(self, target: Target | None = None) -> Simulation:
        """Draw the network and return its simulation; nothing is compiled yet."""
        from ..declare.record import Record
        from ..run.simulation import Simulation

        record = self.record
        watched = tuple(range(min(record["variables_of"], self.values["network"]["n"])))
        return Simulation(
            self.network(),
            target=target,
            record=Record(
                every=record["every"],
                spikes_of=record["spikes_of"],
                variables={name: watched for name in record["variables"] if watched},
            ),
            name=self.name,
        )

    def phases(self) -> tuple[phases.Phase, ...]:
        """Return the phases before learning, learning and test; those without a step are left out."""
        return phases.phases_of(self.learning_steps, 0, self.n_steps)

    def forecast(self) -> MemoryForecast:
        """Say how much memory a run will take, without drawing or computing anything."""
        network, record = self.values["network"], self.values["record"]
        n, number = network["n"], 8 if network["dtype"] == "float64" else 4
        rows, n_outputs, n_inputs = self.task_shape
        recorded_rows = -(-self.n_steps // record["every"])
        per_row = 2 * n_outputs + len(record["variables"]) * min(record["variables_of"], n)
        rate = max(self.expected.get("firing_rate", (_ASSUMED_RATE,)))
        watched = n if record["spikes_of"] is None else min(record["spikes_of"], n)
        return MemoryForecast(
            P=n * (n + 1) // 2 * number if "learning" in self.values else 0,
            synapses=round(network["p"] * n * n) * SYNAPSE[network["dtype"]] if network["G"] else 0,
            kernels=n * (2 * n_outputs + n_inputs) * number,
            samples=rows * (n_outputs + n_inputs) * 8,
            recorded=recorded_rows * per_row * 8,
            spikes=round(rate * watched * self.duration) * _BYTES_PER_SPIKE,
        )


# ---- what is done with it ----


def forecast(recipe: ForceRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, neuron, synapse, element = cost_of(target)
    network = recipe.values["network"]
    n, steps = network["n"], recipe.n_steps
    rate = max(recipe.expected.get("firing_rate", (_ASSUMED_RATE,)))
    # a spike reaches its targets; a rate, all of them in every step
    sent = rate * recipe.duration if load_neuron(str(network["neuron"])).spiking else steps
    events = sent * n * network["p"] * n
    updates = 0.0
    rule, window = recipe.learning(), recipe.learning_steps
    if rule is not None and window is not None:
        start, stop = (min(step, steps) for step in window)
        updates = (stop - start) / rule.update_every * rule.probability
    _, n_outputs, n_inputs = recipe.task_shape
    dense = n * (2 * n_outputs + n_inputs) * _NANOSECONDS_PER_WEIGHT
    nanoseconds = steps * (overhead + neuron * n + dense) + events * synapse + updates * element * n * (n + 1)
    return Forecast(recipe.forecast().total, nanoseconds * 1e-9, steps)


def run(
    recipe: ForceRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Run a recipe from its first step to its last."""
    simulation = recipe.simulation(target)
    results = simulation.run(recipe.task(), phases=recipe.phases(), progress=progress)
    return Outcome(results, measured_numbers(results))


#: The numbers that a run before, during and after learning gives.
EXPECTED = {
    "learning_rmse": Number("error (RMSE), last second of learning"),
    "aligned_rmse": Number("error (RMSE) of the test, each window of 1 s at its best lag"),
    "peak_frequency": Number("peak frequency of the test", "hertz"),
    "firing_rate": Number("firing rate", "hertz"),
}


def measured_numbers(results: Results) -> dict[str, float]:
    """Return the numbers of a run by the names of `EXPECTED`; what could not be measured is left out."""
    from ..results.measures import summary

    found = summary(results)
    rates = found["firing_rate"]
    measured = {
        "learning_rmse": found["rmse"].get("learning_last_second"),
        "aligned_rmse": found["lag_aligned_rmse"].get("windows"),
        "peak_frequency": found["peak_frequency"].get(phases.TEST),
        "firing_rate": rates.get(phases.LEARNING) if rates.get(phases.TEST) is None else rates[phases.TEST],
    }
    first = {key: next(iter(value), None) if isinstance(value, list) else value for key, value in measured.items()}
    return {key: value for key, value in first.items() if value is not None and not math.isnan(value)}


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected=EXPECTED,
    forecast=forecast,
    run=run,
    recipe=ForceRecipe,
    optional=("learning",),
    files={("network", "neuron"): ".toml", ("network", "synapse"): ".toml", ("task", "file"): ""},
    schema=_schema,
    kinds=(("network", "neuron"), ("network", "synapse"), ("task", "name")),
    adapt=adapt,
    check=check,
    plan=lambda recipe: recipe.phases(),
    further=further_task,
    measure=measured_numbers,
)
