"""Populations, projections and readouts declared in a recipe, with all that a `Network` takes in Python.

Every [populations.NAME] is a population, every [projections.NAME] (or item of [[projections]]) a
projection, every [readouts.NAME] a readout. Keys and tables are the arguments of these classes; times of
learning are times. A run before, during and after learning, as of the protocol ``force``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ..declare.delta import delta_or_file
from ..declare.learning import Learning
from ..declare.poisson import poisson_or_file
from ..declare.populations.connector import RULES, Connector, drawn_numbers
from ..declare.populations.network import Network
from ..declare.validation import check_positive, check_steps
from ..errors import InvalidValueError, message, unknown_name
from ..recipes.array_values import ARRAY_FILES, array_value
from ..recipes.cost import SYNAPSE, cost_of
from ..recipes.declared_keys import Option, free_keys, keys_of, options_of
from ..recipes.protocol import Forecast, Outcome, Protocol, Where
from ..recipes.recipe import Recipe
from ..recipes.settings import OMITTED, REQUIRED, Key, count, section
from ..results import phases
from ..system.memory import check_memory
from ._network_declared import FLAT, NESTED, declare, learning_keys
from ._network_samples import UNITS, given_to, n_given
from ._tasks import adapt_task, further_task, shape, task_section
from .force import EXPECTED, measured_numbers

if TYPE_CHECKING:
    from ..run.simulation import Simulation, Target
    from ..tasks import Task

__all__ = ["PROTOCOL", "NetworkRecipe"]

#: Numbers that a neuron holds at least: states, their initial values and inputs.
_VALUES = 10
#: Spikes a second and neuron that a forecast counts with where none are expected; bytes of a spike.
_ASSUMED_RATE, _SPIKE = 30.0, 12

#: Options of a network whose values stand in tables of their own, and those with keys in [network].
_TABLES = {name: option for name, option in options_of(Network).items() if option.table is dict}
_NETWORK = {name: key for name, key in keys_of(Network).items() if name != "seed"}

SECTIONS = {
    "network": _NETWORK | {"dt": Key(section(("dt", "second", REQUIRED, None))["dt"].setting, check_positive)},
    "run": section(("duration", "second", REQUIRED, check_positive), ("seed", "1", 0, count("the seed", 0))),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("variables", "text,many", (), None),
        ("variables_of", "1", 5, count("neurons", 0)),
    ),
    "task": section(("name", "text", OMITTED, None)),
    **{name: {} for name in (*_TABLES, *UNITS)},
}  # fmt: skip


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of all sections: those of a population and its parameters follow from its neuron."""
    found: dict[str, Any] = dict(SECTIONS)
    if isinstance(raw.get("task"), Mapping):
        named = isinstance(raw["task"].get("name"), str)
        found["task"] = task_section(raw) if named else section(("name", "text", REQUIRED, None))
    for name, option in _TABLES.items():
        found[name] = free_keys(option, _keys(raw, name))
    for name in UNITS:
        found[name] = section(*((key, "any", OMITTED, array_value()) for key in _keys(raw, name)))
    for name in raw:
        kind, _, rest = name.partition(".")
        if kind in NESTED and rest and "." not in rest:  # parameters and the like belong to the section before
            found |= _part_schema(NESTED[kind], name, raw)
    return found


def _keys(raw: Mapping[str, Any], name: str) -> list[str]:
    return [*raw[name]] if isinstance(raw.get(name), Mapping) else []


def _part_schema(cls: type[Any], name: str, raw: Mapping[str, Any]) -> dict[str, dict[str, Key]]:
    """Return the keys of a population, projection or readout, and of the tables below it."""
    table = raw[name] if isinstance(raw[name], Mapping) else {}
    # weights may be drawn, or begin at 0
    own = {key: each for key, each in keys_of(cls, weights=OMITTED).items() if key != "name"}
    _, further, required = FLAT.get(cls, ("", None, ""))
    if further is Learning:
        own |= learning_keys(**{required: None})
        own |= section(("outputs", "1", 1, count("outputs", 1)))
    elif further is Connector:
        own |= keys_of(Connector, rule=RULES[0], **{required: OMITTED})
    found, file = {name: own}, None
    for key, load in (("neuron", poisson_or_file), ("synapse", delta_or_file)):
        given = table.get(key, own[key].setting.default if key in own else None)
        if isinstance(given, str):  # what is no text is refused as a value
            file = load(given, f"{name}.{key}")
    for key, option in options_of(cls).items():
        if option.table is not None or (option.item is not None and f"{name}.{key}" in raw):
            found[f"{name}.{key}"] = _keys_below(option, f"{name}.{key}", file, raw)
    return found


def _keys_below(option: Option, name: str, file: Any, raw: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys of a table below a part; `file` is the neuron or synapse."""
    if option.table is Learning:
        return learning_keys()
    if option.table not in (dict, None):
        return keys_of(option.table) if option.table else {}
    known = {"parameters": getattr(file, "parameters", ()), "initial": getattr(file, "variables", ())}
    names = dict.fromkeys([*known.get(option.name, ()), *(_keys(raw, name) if option.name != "parameters" else ())])
    return free_keys(option, [*names])


@dataclass(frozen=True, eq=False, repr=False)
class NetworkRecipe(Recipe):
    """A network of populations with its task and schedule."""

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the settings of all populations, projections or readouts, by their names."""
        found = {}
        for section_, values in self.values.items():
            first, _, name = section_.partition(".")
            if first == kind and name and "." not in name:
                found[name] = values
        return found

    @property
    def n_steps(self) -> int:
        """Length of the run, steps."""
        return self.steps(self.values["run"]["duration"])

    @cached_property
    def sketch(self) -> Network:
        """The network without the synapses that are drawn."""
        return declare(self, self.place, synapses=False)

    def network(self) -> Network:
        """Declare the network, and draw it from the recipe's seed."""
        return declare(self, self.place)

    def place(self, section: str, key: str) -> str:
        """Name the place of a section and key in messages."""
        return f"{self.name}: {section}.{key}" if key else f"{self.name}: {section}"

    @property
    def rules(self) -> dict[str, Learning]:
        """What each readout and projection that learns learns by, and when."""
        net = self.sketch
        found = {name: each.learning for name, each in net.readouts.items()}
        found |= {name: each.learning for name, each in zip(net.projection_names, net.projections, strict=True)}
        return {name: learning for name, learning in found.items() if learning is not None}

    @property
    def learning_steps(self) -> tuple[int, int] | None:
        """First step of whatever learns first, and the first after what learns longest; None where nothing learns."""
        found = phases.joint_schedule((rule.start, rule.stop) for rule in self.rules.values())
        if found is None:
            return None
        start, stop = found
        return start, self.n_steps if stop is None else stop

    def task(self) -> Task:
        """Compute the supervisor and all inputs; noise is drawn from the recipe's seed."""
        return given_to(self.sketch, self, self.n_steps, self.place)

    def phases(self) -> tuple[phases.Phase, ...]:
        """Return the phases before learning, learning and test; those without a step are left out."""
        return phases.phases_of(self.learning_steps, 0, self.n_steps)

    def simulation(self, target: Target | None = None) -> Simulation:
        """Draw the network and return its simulation; nothing is compiled yet."""
        from ..declare.record import Record
        from ..run.simulation import Simulation

        record, network = self.values["record"], self.network()
        watched = {}
        for name in record["variables"]:
            n = network.sizes.get(name.partition(".")[0], 1)
            watched[name] = tuple(range(min(record["variables_of"], n)))
        variables = {name: neurons for name, neurons in watched.items() if neurons}
        return Simulation(
            network, target=target, record=Record(every=record["every"], variables=variables), name=self.name
        )

    def drawn(self) -> Iterator[tuple[int, str, Connector]]:
        """Yield number and name of each projection whose synapses are drawn, with the rule."""
        for k, (name, each) in enumerate(zip(self.sketch.projection_names, self.sketch.projections, strict=True)):
            if isinstance(each.weights, Connector):
                yield k, name, each.weights

    def synapses(self) -> dict[str, float]:
        """Return how many synapses each projection has, about."""
        net = self.sketch
        counts = {name: float(len(kernel)) for name, kernel in zip(net.projection_names, net.kernels, strict=True)}
        for k, name, rule in self.drawn():
            counts[name] = rule.count((net.n_pre(k), net.sizes[net.projections[k].post]))
        return counts


def _check(recipe: NetworkRecipe, where: Where) -> None:
    if not recipe.of_kind("populations"):
        raise InvalidValueError(message(where("populations", ""), "at least one population", {}, "[populations.exc]"))
    if recipe.n_steps < 1:
        duration = recipe.values["run"]["duration"]
        raise InvalidValueError(
            message(where("run", "duration"), f"at least one time step ({recipe.dt:g} s)", duration)
        )
    for name, values in recipe.values.items():
        stop = values.get("stop")
        if stop is not None and name.partition(".")[0] in NESTED and values["start"] > stop:
            received = f"start = {values['start']:g} s, stop = {stop:g} s"
            what, fix = "a time no later than stop", "exchange them, or change one."
            raise InvalidValueError(message(where(name, "start"), what, received, fix))
    numbers = _VALUES + sum(values["outputs"] for values in recipe.of_kind("readouts").values())
    for name, values in recipe.of_kind("populations").items():
        check_memory(where(f"populations.{name}", "n"), 8 * numbers * values["n"], "fewer neurons or outputs")
    network = vars(recipe)["sketch"] = declare(recipe, where, synapses=False)
    _check_names_and_weights(recipe, network, where)
    _check_given(recipe, network, where)


def _check_given(recipe: NetworkRecipe, network: Network, where: Where) -> None:
    """Refuse a supervisor and inputs that are not those of the network."""
    for kind, sizes in (("inputs", network.external_inputs), ("rates", network.poisson)):
        for name in recipe.values[kind]:
            if name not in sizes:
                what = "external input" if kind == "inputs" else "population of Poisson units"
                raise unknown_name(where(kind, ""), what, name, sizes)
    columns = sum(network.supervised.values())
    if recipe.values.get("task"):
        _, n_outputs, n_inputs = shape(recipe, recipe.n_steps)
        if n_outputs != columns or n_inputs not in (0, network.n_inputs):
            inputs = f"{network.n_inputs or 'no'} inputs"
            what = f"a supervisor of {columns} channels, one for each output, and {inputs}"
            raise InvalidValueError(message(where("task", "name"), what, f"{n_outputs} channels, {n_inputs} inputs"))
    elif recipe.rules:
        fix = 'write [task] with its name, as in name = "sine".'
        raise InvalidValueError(message(where("task", "name"), "a supervisor, as weights learn", None, fix))
    if n_given(recipe, network.external_inputs, "inputs") or network.n_inputs or network.poisson:
        given_to(network, recipe, recipe.n_steps, where)


def _check_names_and_weights(recipe: NetworkRecipe, network: Network, where: Where) -> None:
    """Refuse variables that are not known, and weights that are no quantities of their input, before any is drawn."""
    import numpy as np

    for name in recipe.values["record"]["variables"]:
        if name not in network.state_variables:
            raise unknown_name(where("record", "variables"), "state variable", name, network.state_variables)
    rng = np.random.default_rng(0)
    for k, name, rule in recipe.drawn():
        unit = network.unit_of(network.projections[k].post, network.inputs[k])
        drawn_numbers(where(f"projections.{name}", "weight"), rule.weight, (2,), unit, rng)


def forecast(recipe: NetworkRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, neuron, synapse, element = cost_of(target)
    net, steps = recipe.sketch, recipe.n_steps
    rate = max(recipe.expected.get("firing_rate", (_ASSUMED_RATE,)))
    duration, number = recipe.values["run"]["duration"], 8 if net.dtype == "float64" else 4
    synapses = recipe.synapses()
    memory = sum(synapses.values()) * SYNAPSE[net.dtype] + rate * net.n_spiking * duration * _SPIKE
    nanoseconds = steps * (overhead + neuron * net.n)
    for k, name in enumerate(net.projection_names):
        times = steps if net.acts_each_step(k) else rate * duration
        nanoseconds += times * synapses[name] * synapse
    for elements, updates in _learned(recipe):
        memory += elements * number
        nanoseconds += updates * 2 * elements * element
    memory += 2 * net.n_outputs * (steps + -(-steps // recipe.values["record"]["every"])) * 8
    memory += 8 * steps * sum(n_given(recipe, sizes, kind) for kind, sizes in _given_sizes(net))
    return Forecast(round(memory), nanoseconds * 1e-9, steps)


def _given_sizes(net: Network) -> tuple[tuple[str, Mapping[str, int]], ...]:
    return ("inputs", net.external_inputs), ("rates", net.poisson)


def _learned(recipe: NetworkRecipe) -> Iterator[tuple[float, float]]:
    """Yield for each readout and projection that learns the size of P, and the number of updates."""
    import numpy as np

    net, synapses = recipe.sketch, recipe.synapses()
    shared = {name for group in net.shared_P for name in group[1:]}
    for name, rule in recipe.rules.items():
        if name in net.readouts:
            n, owners = float(len(net.output_kernels[name])), 1
        else:
            k = net.projection_names.index(name)
            post = net.sizes[net.projections[k].post]
            n = synapses[name] / post
            delay = net.projections[k].delay
            alike = not isinstance(delay, np.ndarray) or delay.shape in ((), (net.n_pre(k),))
            owners = 1 if n >= net.n_pre(k) and alike else post  # neurons with all partners share one P
        if name not in shared:
            stop = min(int(rule.stop or 0), recipe.n_steps)
            updates = max(stop - rule.start, 0) / rule.update_every * rule.probability
            yield owners * n * (n + 1) / 2, updates


def run(
    recipe: NetworkRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Run a recipe from its first step to its last."""
    results = recipe.simulation(target).run(recipe.task(), phases=recipe.phases(), progress=progress)
    return Outcome(results, measured_numbers(results))


def _adapt(raw: dict[str, Any], kind: str, old: str | None) -> None:
    """Keep the settings that a new supervisor shares with the old one."""
    if old is not None:
        adapt_task(raw, old)


def _given(recipe: Any, n_steps: int) -> Task:
    """Return what a recipe's network is given in so many steps."""
    return given_to(recipe.sketch, recipe, n_steps, recipe.place)


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected=EXPECTED,
    forecast=forecast,
    run=run,
    recipe=NetworkRecipe,
    optional=("task", "*.learning", "*.traces"),
    nested=tuple(NESTED),
    files={(f"{kind}.*", "*"): (".toml", *ARRAY_FILES) for kind in NESTED}
    | {(kind, "*"): ARRAY_FILES for kind in UNITS}
    | {("task", "file"): ""},
    schema=_schema,
    kinds=(("task", "name"),),
    adapt=_adapt,
    check=_check,
    plan=lambda recipe: recipe.phases(),
    further=partial(further_task, make=_given),
    measure=measured_numbers,
)
