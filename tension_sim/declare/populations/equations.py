"""The equations of a population within its network: the neuron's, and a filter for all that it receives or gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...errors import InvalidValueError, message
from ..equations import SynapticFilter, resolve_parameters
from ..language.unit_table import unit_text
from ..neuron import dimensions
from ..time_constants import check_time_constants
from ..units import DIMENSIONLESS, Dimension, Quantity, dimension_of
from .population import Population

__all__ = ["Filter", "PopulationEquations", "Synapse"]

#: A synapse file, and the parameters that replace its own.
Synapse = tuple[SynapticFilter, Mapping[str, Any]]


@dataclass(frozen=True)
class Filter:
    """A synapse file in use: one set of variables among the equations of a population.

    Attributes
    ----------
    synapse : SynapticFilter
        With the names that its parameters have in this population.
    output, suffix, unit : str
        As of `SynapticFilter.instance`.
    """

    synapse: SynapticFilter
    output: str
    suffix: str
    unit: str

    @property
    def equations(self) -> str:
        """Its equations."""
        return self.synapse.instance(self.output, self.suffix, self.unit)[0]

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
    arriving : iterable of (str, Synapse)
        Spikes: into which input, through which synapse. Those of one input and synapse share variables.
    adding : iterable of (str, str)
        What else adds to an input: the input, and a name.
    read : iterable of Synapse
        Filters through which others read the spikes of these neurons.

    Attributes
    ----------
    inputs : dict of str to list of str
        The variables that each input is the sum of.
    parameters : dict of str to Quantity
        Of neuron and filters, in SI units with dimensions.
    """

    def __init__(
        self,
        name: str,
        population: Population,
        dt: float,
        arriving: Iterable[tuple[str, Synapse]],
        adding: Iterable[tuple[str, str]],
        read: Iterable[Synapse],
    ) -> None:
        self.name: str = name
        self.population: Population = population
        self.dt: float = dt
        self._kinds: dict[Any, SynapticFilter] = {}
        where, neuron = f"Network.populations[{name!r}]", population.neuron
        self.parameters: dict[str, Quantity] = resolve_parameters(
            f"{where}({neuron.name})", neuron.parameters, population.parameters, dt=dt
        )
        parts: dict[str, dict[Any, str]] = {}
        for into, synapse in arriving:
            parts.setdefault(into, {}).setdefault(self._kind(synapse), synapse[0].name)
        for into, label in adding:
            parts.setdefault(into, {})[label] = label
        self._parts = {into: _variables(into, found) for into, found in parts.items()}
        self.inputs: dict[str, list[str]] = {into: list(found.values()) for into, found in self._parts.items()}
        kinds = dict.fromkeys(self._kind(synapse) for synapse in read)
        self._traces = {kind: "r" if not k else f"r_{k + 1}" for k, kind in enumerate(kinds)}
        texts = {**neuron.parameters, **population.parameters}
        check_time_constants(f"{where}({neuron.name})", neuron, self._kinds.values(), self.parameters, dt, texts)

    def _kind(self, synapse: Synapse) -> Any:
        """Return what tells a synapse from others; a new one gets parameters with names of their own."""
        file, given = synapse
        values = resolve_parameters(f"Network({file.name})", file.parameters, given, dt=self.dt)
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

    def unit(self, into: str) -> str:
        """Return the unit of an input as equations may declare it."""
        return unit_text(dimension_of(self.population.neuron.input_units[into], into))

    def arrives(self, into: str, synapse: Synapse) -> Filter:
        """Return the filter that spikes arrive at."""
        kind = self._kind(synapse)
        variable = self._parts[into][kind]
        return Filter(self._kinds[kind], variable, variable, self.unit(into))

    def added(self, into: str, label: str) -> str:
        """Return the variable by which something else than spikes adds to an input."""
        return self._parts[into][label]

    def trace(self, synapse: Synapse) -> Filter:
        """Return the filter of these neurons' spikes that others read."""
        kind = self._kind(synapse)
        return Filter(self._kinds[kind], self._traces[kind], self._traces[kind], "1")

    @property
    def filters(self) -> list[Filter]:
        """All filters: of spikes that arrive, and of spikes that others read."""
        arriving = [
            Filter(self._kinds[key], variable, variable, self.unit(into))
            for into, found in self._parts.items()
            for key, variable in found.items()
            if key in self._kinds
        ]
        return [*self.traces, *arriving]

    @property
    def traces(self) -> list[Filter]:
        """The filters of these neurons' spikes that others read."""
        return [Filter(self._kinds[kind], name, name, "1") for kind, name in self._traces.items()]

    @property
    def written(self) -> list[tuple[str, str]]:
        """Variables that something else than spikes writes, each with its unit."""
        return [
            (variable, self.unit(into))
            for into, found in self._parts.items()
            for key, variable in found.items()
            if key not in self._kinds
        ]

    @cached_property
    def state_variables(self) -> dict[str, Dimension]:
        """State variables with their dimensions: of the neuron, its filters, and what is written by others."""
        neuron = self.population.neuron
        found = {name: neuron.meanings[name].dimension for name in neuron.state_variables}
        for each in self.filters:
            found |= dimensions(each.equations, each.synapse.name)
        written = {name: dimension_of(unit, name) if unit != "1" else DIMENSIONLESS for name, unit in self.written}
        for name in written:
            if name in found:
                raise InvalidValueError(message(f"Network.populations[{self.name!r}]", "names used once", name))
        return found | written


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
