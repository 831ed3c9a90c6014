"""The equations of a population within its network: the neuron's, and a filter for all that it receives or gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...errors import InvalidValueError, message
from ..delta import is_delta
from ..equations import SynapticFilter, resolve_parameters
from ..language.unit_table import unit_text
from ..neuron import dimensions
from ..parameter_checks import check_parameters, check_synapse_parameters
from ..parameters import Neurons
from ..units import DIMENSIONLESS, Dimension, Quantity, dimension_of
from .population import Population

__all__ = ["ARRIVED", "Adding", "Arriving", "Filter", "PopulationEquations", "Synapse"]

#: Of a delayed trace with presynaptic state: 1 from when a spike arrives until the trace spikes, in the next step.
ARRIVED = "spike_arrived"

#: A synapse file, and the parameters that replace its own.
Synapse = tuple[SynapticFilter, Mapping[str, Any]]


class Arriving(NamedTuple):
    """Spikes that arrive at an input through a synapse; those of one input and synapse share variables.

    Attributes
    ----------
    into : str
        The input.
    synapse : Synapse
        What a spike does to it.
    variable, suffix : str
        Names of the output and ending of the other variables, where they are given.
    """

    into: str
    synapse: Synapse
    variable: str = ""
    suffix: str = ""


class Adding(NamedTuple):
    """What adds to an input in each time step.

    Attributes
    ----------
    into, label : str
        The input, and a name.
    kept : bool
        Whether it is written for the next step, and so belongs to the state.
    present : bool
        Whether it is written a second time, for the rates that the step ends with.
    remembered : bool
        Whether that belongs to the state: a rule reads it at the start of the next step.
    """

    into: str
    label: str
    kept: bool = True
    present: bool = False
    remembered: bool = False


@dataclass(frozen=True)
class Filter:
    """A synapse file in use: one set of variables among the equations of a population.

    Attributes
    ----------
    synapse : SynapticFilter
        With the names that its parameters have in this population.
    output, suffix, unit : str
        As of `SynapticFilter.instance`.
    stored : bool
        Whether others read the output, so that a sum is stored.
    """

    synapse: SynapticFilter
    output: str
    suffix: str
    unit: str
    stored: bool = False

    @property
    def equations(self) -> str:
        """Its equations."""
        return self.synapse.instance(self.output, self.suffix, self.unit)[0]

    @property
    def sum(self) -> str:
        """Its output as a sum of its variables; empty where it is one of them."""
        if not self.synapse.is_sum:
            return ""
        return self.synapse.sum_of(self.synapse.named(self.output, self.suffix))

    @property
    def update(self) -> str:
        """Statement that stores the sum; empty where there is none."""
        return f"{self.output} = {self.sum}" if self.sum and self.stored else ""

    @property
    def declared_sum(self) -> list[str]:
        """The equation of the sum, or the variable that stores it."""
        if not self.sum:
            return []
        return [f"{self.output} : {self.unit}" if self.stored else f"{self.output} = {self.sum} : {self.unit}"]

    @property
    def arriving(self) -> dict[str, str]:
        """What a spike of weight 1 adds that arrives after the sum was stored; where the trace spikes itself, that."""
        if self.at_spike:
            return {ARRIVED: "1"}
        if not self.update:
            return self.spike
        amounts = {name: self.synapse.spike.get(name, "0") for name in self.synapse.variables}
        return self.spike | {self.output: self.synapse.sum_of(amounts)}

    @property
    def spike(self) -> dict[str, str]:
        """What a spike of weight 1 adds to which of its variables."""
        return self.synapse.instance(self.output, self.suffix, self.unit)[1]

    @property
    def at_spike(self) -> str:
        """Statements at a spike of the neurons, of a synapse with presynaptic state."""
        return self.synapse.at_spike(self.output, self.suffix)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of its variables."""
        return tuple(self.synapse.named(self.output, self.suffix).values())


class PopulationEquations:
    """Variables, units and parameters of a population, by what its network connects to it.

    Parameters
    ----------
    name : str
        Of the population.
    population : Population
        As it was declared.
    dt : float
        Time step in seconds.
    arriving : iterable of Arriving
        The spikes that it receives.
    adding : iterable of Adding
        What else adds to its inputs.
    read : iterable of Synapse
        Filters through which others read the spikes of these neurons.
    of : Neurons, optional
        The neurons, where each may have parameters of its own.

    Attributes
    ----------
    inputs : dict of str to list of str
        The variables that each input is the sum of.
    parameters : dict of str to Quantity
        Of neuron and filters, in SI units with dimensions; some of the neuron may be arrays, shape (n,).
    """

    def __init__(
        self,
        name: str,
        population: Population,
        dt: float,
        arriving: Iterable[Arriving],
        adding: Iterable[Adding],
        read: Iterable[Synapse],
        of: Neurons | None = None,
    ) -> None:
        self.name: str = name
        self.population: Population = population
        self.dt: float = dt
        self._kinds: dict[Any, SynapticFilter] = {}
        where, neuron = f"Network.populations[{name!r}]", population.neuron
        self.parameters: dict[str, Quantity] = resolve_parameters(
            f"{where}({neuron.name})", neuron.parameters, population.parameters, dt=dt, of=of
        )
        kinds = dict.fromkeys(self._kind((each, {})) for each in population.filters)
        self._parts = self._inputs(list(arriving), adding := list(adding))
        self.inputs: dict[str, list[str]] = {into: list(found.values()) for into, found in self._parts.items()}
        self._passing = {(each.into, each.label) for each in adding if not each.kept}
        present = (each.label for each in adding if each.present)
        self._present = {label: "z_now" if not k else f"z_now_{k + 1}" for k, label in enumerate(present)}
        self._remembered = {(each.into, each.label) for each in adding if each.remembered}
        kinds |= dict.fromkeys(self._kind(synapse) for synapse in read)
        self._traces = {kind: "r" if not k else f"r_{k + 1}" for k, kind in enumerate(kinds)}
        texts = {**neuron.parameters, **population.parameters}
        check_parameters(f"{where}({neuron.name})", neuron, self._kinds.values(), self.parameters, dt, texts)

    def _kind(self, synapse: Synapse) -> Any:
        """Return what tells a synapse from others; a new one gets parameters with names of their own."""
        file, given = synapse
        where = f"Network({file.name})"
        values = resolve_parameters(where, file.parameters, given, dt=self.dt)
        check_synapse_parameters(where, file, values, given)
        numbers = tuple((key, float(quantity.value)) for key, quantity in values.items())
        kind = file.name, file.equations, file.output, tuple(file.spike.items()), file.integration, file.reset, numbers
        if kind not in self._kinds:
            suffix, number = "", 1
            while any(f"{key}{suffix}" in self.parameters for key in values):
                suffix = f"_{file.name}" if number == 1 else f"_{file.name}_{number}"
                number += 1
            self._kinds[kind] = file.renamed(suffix) if suffix else file
            self.parameters |= {f"{key}{suffix}": quantity for key, quantity in values.items()}
        return kind

    def _inputs(self, arriving: list[Arriving], adding: list[Adding]) -> dict[str, dict[Any, str]]:
        """Return the variables that each input is the sum of: by kinds of synapses, and by labels."""
        parts: dict[str, dict[Any, str]] = {}
        given: dict[tuple[str, Any], str] = {}
        self._suffixes: dict[tuple[str, Any], str] = {}
        for each in arriving:
            kind = self._kind(each.synapse)
            parts.setdefault(each.into, {}).setdefault(kind, each.synapse[0].name)
            if each.variable:
                given[each.into, kind] = each.variable
                self._suffixes[each.into, kind] = each.suffix
        for into, label, *_ in adding:
            parts.setdefault(into, {})[label] = label
        found = {into: _variables(into, labels) for into, labels in parts.items()}
        for (into, kind), variable in given.items():
            found[into][kind] = variable
        return found

    def unit(self, into: str) -> str:
        """Return the unit of an input, or of a variable of the neuron, as equations may declare it."""
        neuron = self.population.neuron
        own = into not in neuron.input_units
        return unit_text(neuron.meanings[into].dimension if own else dimension_of(neuron.input_units[into], into))

    def arrives(self, into: str, synapse: Synapse) -> Filter:
        """Return the filter that spikes arrive at; of delta synapses, a variable of the neuron in place of one."""
        if is_delta(synapse[0]):
            return Filter(synapse[0], into, "", self.unit(into))
        return self._arriving(into, self._kind(synapse))

    def _arriving(self, into: str, kind: Any) -> Filter:
        variable = self._parts[into][kind]
        return Filter(self._kinds[kind], variable, self._suffixes.get((into, kind), variable), self.unit(into))

    def added(self, into: str, label: str) -> str:
        """Return the variable by which something else than spikes adds to an input."""
        return self._parts[into][label]

    def present(self, label: str) -> str:
        """Return the variable that holds what something adds for the rates that the step ends with."""
        return self._present[label]

    def has_present(self, label: str) -> bool:
        """Say whether there is such a variable."""
        return label in self._present

    def remembers(self, label: str) -> bool:
        """Say whether there is such a variable, and the next step begins with it."""
        return any(label == each for _, each in self._remembered)

    @property
    def spiking(self) -> bool:
        """Whether it has spikes."""
        return self.population.neuron.spiking

    def output(self, synapse: Synapse) -> str:
        """Return the variable that others read: the rate of rate units, else the filtered spikes."""
        return self.trace(synapse).output if self.spiking else "r"

    def trace(self, synapse: Synapse) -> Filter:
        """Return the filter of these neurons' spikes that others read."""
        kind = self._kind(synapse)
        return Filter(self._kinds[kind], self._traces[kind], self._traces[kind], "1", stored=True)

    @property
    def filters(self) -> list[Filter]:
        """All filters: of spikes that arrive, and of spikes that others read."""
        arriving = [
            self._arriving(into, key) for into, found in self._parts.items() for key in found if key in self._kinds
        ]
        return [*self.traces, *arriving]

    @property
    def traces(self) -> list[Filter]:
        """The filters of these neurons' spikes that others read."""
        return [Filter(self._kinds[kind], name, name, "1", stored=True) for kind, name in self._traces.items()]

    @property
    def written(self) -> list[tuple[str, str]]:
        """Variables that something else than spikes writes, each with its unit."""
        return [
            (variable, self.unit(into))
            for into, found in self._parts.items()
            for key, variable in found.items()
            if key not in self._kinds
        ]

    @property
    def variables(self) -> dict[str, str]:
        """Variables that others may read beside the states, with their units: all inputs, and what adds to them."""
        units = {into: self.unit(into) for into in self.population.neuron.input_units}
        units |= {each.output: each.unit for each in self.filters if each.sum and not each.stored}
        return units | dict(self.written) | {name: self.unit(into) for name, into in self.present_inputs.items()}

    @property
    def stored(self) -> set[str]:
        """Variables of which each neuron has a value in memory, so that they can be recorded."""
        return {*self.state_variables, *(name for name, _ in self.written), *self.present_inputs}

    @property
    def present_inputs(self) -> dict[str, str]:
        """Variables of `present`, each with its input."""
        into_of = {label: into for into, found in self._parts.items() for label in found}
        return {name: into_of[label] for label, name in self._present.items()}

    @cached_property
    def state_variables(self) -> dict[str, Dimension]:
        """State variables with their dimensions: of the neuron, its filters, and what is written by others."""
        neuron = self.population.neuron
        found = {name: neuron.meanings[name].dimension for name in neuron.state_variables}
        if not self.spiking:
            found["r"] = DIMENSIONLESS
        for each in self.filters:
            found |= dimensions(each.equations, each.synapse.name)
            found |= {each.output: DIMENSIONLESS} if each.update else {}
        units = dict(self.written)
        units |= {self._present[label]: self.unit(into) for into, label in self._remembered}
        written = {name: dimension_of(unit, name) if unit != "1" else DIMENSIONLESS for name, unit in units.items()}
        for name in written:
            if name in found:
                raise InvalidValueError(message(f"Network.populations[{self.name!r}]", "names used once", name))
        passing = {self._parts[into][label] for into, label in self._passing}
        return found | {name: dimension for name, dimension in written.items() if name not in passing}


def _variables(into: str, parts: Mapping[Any, str]) -> dict[Any, str]:
    """Return a variable for each part of an input: the input itself, if there is only one."""
    if len(parts) == 1:
        return dict.fromkeys(parts, into)
    found: dict[Any, str] = {}
    for key, label in parts.items():
        name, number = f"{into}_{label}", 1
        while name in found.values():
            number += 1
            name = f"{into}_{label}_{number}"
        found[key] = name
    return found
