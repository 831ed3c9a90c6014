"""Populations, projections and readouts declared in a recipe: FORCE learning of a supervisor.

Every [populations.NAME] is a population, every [projections.NAME] (or item of [[projections]]) a
projection drawn from the seed, every [readouts.NAME] a readout, which learns where it has alpha_P. A run
before, during and after learning, as of the protocol ``force``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..declare.equations import load_neuron, load_synapse
from ..declare.kernels import SparseKernel
from ..declare.populations.connector import RULES, Connector, drawn_numbers
from ..declare.populations.network import Network
from ..declare.populations.population import Population
from ..declare.populations.projection import Projection
from ..declare.populations.readout import Readout
from ..declare.validation import check_fraction, check_positive, check_steps
from ..errors import InvalidValueError, message, unknown_name
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Outcome, Protocol
from ..recipes.recipe import Recipe
from ..recipes.settings import LEARNING, OMITTED, REQUIRED, Key, choice, count, expression, not_negative, section
from ..results import phases
from ..system.memory import check_memory
from ._tasks import draw_task, further_task, shape, task_section
from .force import EXPECTED, measured_numbers

if TYPE_CHECKING:
    from ..declare.learning import Learning
    from ..run.simulation import Simulation, Target
    from ..tasks import Task

__all__ = ["PROTOCOL", "NetworkRecipe"]

#: Numbers that a neuron holds at least: states, their initial values and inputs.
_VALUES = 10
#: Spikes a second and neuron that a forecast counts with where none are expected; bytes of a synapse and of a spike.
_ASSUMED_RATE, _SYNAPSE, _SPIKE = 30.0, 16, 12

SECTIONS = {
    "network": section(
        ("dt", "second", REQUIRED, check_positive),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "run": section(("duration", "second", REQUIRED, check_positive), ("seed", "1", 0, count("the seed", 0))),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("variables", "text,many", (), None),
        ("variables_of", "1", 5, count("neurons", 0)),
    ),
    "task": section(("name", "text", REQUIRED, None)),
}  # fmt: skip

_POPULATION = (("neuron", "text", REQUIRED, None), ("n", "1", REQUIRED, count("neurons", 1)))
_PROJECTION = (
    ("pre", "text", REQUIRED, None),
    ("post", "text", REQUIRED, None),
    ("into", "text", None, None),
    ("synapse", "text", "double_exponential", None),
    ("rule", "text", RULES[0], choice(*RULES)),
    ("weight", "any", REQUIRED, expression),
    ("p", "1", None, check_fraction),
    ("indegree", "1", None, count("presynaptic neurons", 1)),
    ("self_connections", "bool", False, None),
    ("delay", "second", None, not_negative),
    ("sign", "1", None, None),
)
_READOUT = (
    ("sources", "text,many", REQUIRED, None),
    ("outputs", "1", 1, count("outputs", 1)),
    ("synapse", "text", "double_exponential", None),
    ("start", "second", 0.0, not_negative),
    ("stop", "second", None, not_negative),
    *((key, unit, None if key == "alpha_P" else default, check) for key, unit, default, check in LEARNING),
)


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of all sections: those of a population and its parameters follow from its neuron."""
    found: dict[str, Any] = SECTIONS | {"task": task_section(raw)}
    for name, table in raw.items():
        kind, _, rest = name.partition(".")
        if not rest or rest.partition(".")[2]:  # parameters and the like belong to the section before
            continue
        if kind == "populations":
            found[name] = section(*_POPULATION)
            named = table.get("neuron")  # what is no text is refused as a value
            neuron = load_neuron(named) if isinstance(named, str) else None
            found[f"{name}.parameters"] = _texts(neuron.parameters if neuron else ())
            found[f"{name}.initial"] = _texts(neuron.variables if neuron else ())
        elif kind in ("projections", "readouts"):
            found[name] = section(*(_PROJECTION if kind == "projections" else _READOUT))
            named = table.get("synapse")
            synapse = load_synapse(named if isinstance(named, str) else "double_exponential")
            found[f"{name}.parameters"] = _texts(synapse.parameters)
            if kind == "readouts":
                found[f"{name}.feedback"] = _texts(raw.get(f"{name}.feedback", ()))
    return found


def _texts(keys: Any) -> dict[str, Key]:
    return section(*((key, "any", OMITTED, expression) for key in keys))


@dataclass(frozen=True, eq=False, repr=False)
class NetworkRecipe(Recipe):
    """A network of populations with its task and schedule."""

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the settings of all populations, projections or readouts, by their names."""
        found = {}
        for section_, values in self.values.items():
            first, _, name = section_.partition(".")
            if first == kind and "." not in name:
                found[name] = values
        return found

    @property
    def n_steps(self) -> int:
        """Length of the run, steps."""
        return self.steps(self.values["run"]["duration"])

    def learning(self, readout: str) -> Learning | None:
        """Return what a readout learns by, and when; None where it does not learn."""
        from ..declare.learning import Learning

        values = self.of_kind("readouts")[readout]
        if values["alpha_P"] is None:
            return None
        start = self.steps(values["start"])
        stop = self.n_steps if values["stop"] is None else self.steps(values["stop"])
        return Learning(**{key: values[key] for key, *_ in LEARNING}, start=start, stop=max(start, stop))

    @property
    def learning_steps(self) -> tuple[int, int] | None:
        """First step of learning and the first after it, of the first readout that learns."""
        found = [rule for name in self.of_kind("readouts") if (rule := self.learning(name)) is not None]
        return (found[0].start, int(found[0].stop or 0)) if found else None

    def network(self, *, synapses: bool = True) -> Network:
        """Declare the network, and draw it from the recipe's seed; without its synapses for checks alone."""
        import numpy as np

        cells, readouts = self.of_kind("populations"), {}
        for name, values in self.of_kind("readouts").items():
            n = sum(cells[source]["n"] for source in values["sources"] if source in cells)
            readouts[name] = Readout(
                values["sources"], np.zeros((max(n, 1), values["outputs"])), synapse=values["synapse"],
                learning=self.learning(name), parameters=self._table(f"readouts.{name}.parameters"),
                feedback=self._table(f"readouts.{name}.feedback"),
            )  # fmt: skip
        return Network(
            dt=self.dt,
            dtype=self.values["network"]["dtype"],
            seed=self.seed,
            populations={name: self._population(name, values) for name, values in cells.items()},
            projections=[self._projection(name, v, synapses) for name, v in self.of_kind("projections").items()],
            readouts=readouts,
        )

    def _table(self, name: str) -> dict[str, str]:
        return {key: str(value) for key, value in self.values.get(name, {}).items()}

    def _population(self, name: str, values: Mapping[str, Any]) -> Population:
        parameters, initial = (self._table(f"populations.{name}.{key}") for key in ("parameters", "initial"))
        return Population(values["neuron"], values["n"], parameters=parameters, initial=initial)

    def _projection(self, name: str, values: Mapping[str, Any], synapses: bool) -> Projection:
        drawn = {key: values[key] for key in ("rule", "weight", "p", "indegree", "self_connections")}
        weights: Any = Connector(**drawn)
        if not synapses:
            cells = self.of_kind("populations")
            n_pre, n_post = (cells[values[end]]["n"] if values[end] in cells else 1 for end in ("pre", "post"))
            weights = SparseKernel(n_pre, [], [], [], n_post)
        chosen = {key: values[key] for key in ("into", "synapse", "delay")}
        sign = None if values["sign"] is None else int(values["sign"])
        table = self._table(f"projections.{name}.parameters")
        return Projection(
            values["pre"], values["post"], weights=weights, parameters=table, sign=sign, name=name, **chosen
        )

    def task(self) -> Task:
        """Compute the supervisor; noise is drawn from the recipe's seed."""
        return draw_task(self, self.n_steps)

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

    def synapses(self) -> dict[str, float]:
        """Return how many synapses each projection has, about."""
        cells = self.of_kind("populations")
        counts = {}
        for name, values in self.of_kind("projections").items():
            n_pre, n_post = cells[values["pre"]]["n"], cells[values["post"]]["n"]
            incoming = values["indegree"] if values["indegree"] is not None else n_pre * (values["p"] or 1.0)
            counts[name] = incoming * n_post
        return counts


def _check(recipe: NetworkRecipe, where: Callable[[str, str], str]) -> None:
    if not recipe.of_kind("populations"):
        raise InvalidValueError(message(where("populations", ""), "at least one population", {}, "[populations.exc]"))
    if recipe.n_steps < 1:
        duration = recipe.values["run"]["duration"]
        raise InvalidValueError(
            message(where("run", "duration"), f"at least one time step ({recipe.dt:g} s)", duration)
        )
    for name, values in recipe.of_kind("readouts").items():
        if values["stop"] is not None and values["start"] > values["stop"]:
            received = f"start = {values['start']:g} s, stop = {values['stop']:g} s"
            what, fix = "a time no later than stop", "exchange them, or change one."
            raise InvalidValueError(message(where(f"readouts.{name}", "start"), what, received, fix))
    cells, outputs = recipe.of_kind("populations"), recipe.of_kind("readouts")
    numbers = _VALUES + sum(values["outputs"] for values in outputs.values())
    for name, values in cells.items():
        check_memory(where(f"populations.{name}", "n"), 8 * numbers * values["n"], "fewer neurons or outputs")
    network = recipe.network(synapses=False)
    _check_names_and_weights(recipe, network, where)
    _, n_outputs, n_inputs = shape(recipe, recipe.n_steps)
    if n_inputs or n_outputs != network.n_outputs:
        what = f"a supervisor of {network.n_outputs} channels, one for each output, and no inputs"
        raise InvalidValueError(message(where("task", "name"), what, f"{n_outputs} channels, {n_inputs} inputs"))


def _check_names_and_weights(recipe: NetworkRecipe, network: Network, where: Callable[[str, str], str]) -> None:
    """Refuse variables that are not known, and weights that are no quantities of their input, before any is drawn."""
    import numpy as np

    for name in recipe.values["record"]["variables"]:
        if name not in network.state_variables:
            raise unknown_name(where("record", "variables"), "state variable", name, network.state_variables)
    rng = np.random.default_rng(0)
    for (name, values), into in zip(recipe.of_kind("projections").items(), network.inputs, strict=True):
        unit = network.populations[values["post"]].neuron.input_units[into]
        drawn_numbers(where(f"projections.{name}", "weight"), values["weight"], (2,), unit, rng)


def forecast(recipe: NetworkRecipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, neuron, synapse, element = cost_of(target)
    cells, steps = recipe.of_kind("populations"), recipe.n_steps
    n = sum(values["n"] for values in cells.values())
    rate = max(recipe.expected.get("firing_rate", (_ASSUMED_RATE,)))
    duration, number = recipe.values["run"]["duration"], 8 if recipe.values["network"]["dtype"] == "float64" else 4
    synapses = recipe.synapses()
    pre = {name: cells[values["pre"]]["n"] for name, values in recipe.of_kind("projections").items()}
    events = sum(rate * duration * synapses[name] for name in pre)
    memory = sum(synapses.values()) * _SYNAPSE + rate * n * duration * _SPIKE
    nanoseconds = steps * (overhead + neuron * n) + events * synapse
    for elements, updates in _learned(recipe):
        memory += elements * number
        nanoseconds += updates * 2 * elements * element
    outputs = sum(values["outputs"] for values in recipe.of_kind("readouts").values())
    memory += 2 * outputs * (steps + -(-steps // recipe.values["record"]["every"])) * 8
    return Forecast(round(memory), nanoseconds * 1e-9, steps)


def _learned(recipe: NetworkRecipe) -> Iterator[tuple[int, float]]:
    """Yield for each readout that learns the size of P, and the number of updates."""
    cells = recipe.of_kind("populations")
    for name, values in recipe.of_kind("readouts").items():
        rule = recipe.learning(name)
        if rule is not None:
            n = sum(cells[source]["n"] for source in values["sources"])
            stop = min(int(rule.stop or 0), recipe.n_steps)
            yield n * (n + 1) // 2, max(stop - rule.start, 0) / rule.update_every * rule.probability


def run(
    recipe: NetworkRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Run a recipe from its first step to its last."""
    results = recipe.simulation(target).run(recipe.task(), phases=recipe.phases(), progress=progress)
    return Outcome(results, measured_numbers(results))


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected=EXPECTED,
    forecast=forecast,
    run=run,
    recipe=NetworkRecipe,
    nested=("populations", "projections", "readouts"),
    files={
        ("populations.*", "neuron"): ".toml",
        ("projections.*", "synapse"): ".toml",
        ("readouts.*", "synapse"): ".toml",
        ("task", "file"): "",
    },
    schema=_schema,
    check=_check,
    plan=lambda recipe: recipe.phases(),
    further=further_task,
    measure=measured_numbers,
)
