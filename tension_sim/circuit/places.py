"""Where the parts of a network stand in its circuit: names of parts, and variables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from ..declare.declaration import Declaration
from ..declare.kernels import SparseKernel
from ..declare.populations.equations import Filter
from ..declare.populations.error_names import constants_of
from ..declare.populations.naming import words
from ..declare.populations.network import Network
from ..declare.populations.network_parts import SUPERVISOR
from ..declare.units import Quantity
from .declared import Wiring
from .names import (
    DELAYED,
    INPUTS,
    NEURONS,
    RECURRENT,
    TARGET,
    constant_name,
    part_of,
)
from .parts import Variable
from .values import Rows, is_dense

__all__ = ["Later", "Net", "Places"]

Net = TypeVar("Net", bound=Declaration | Network)


class Later(NamedTuple):
    """Traces of a population at which its spikes arrive later.

    Attributes
    ----------
    part : str
        Its name.
    source : str
        The population.
    trace : Filter
        As its neurons have it.
    neuron : array of int, shape (traces,)
        The neuron of each trace.
    steps : int or array of int, shape (traces,)
        Delay of all of them, or of each.
    bringing : dict of str to str
        The parts that bring the spikes, each with the variable that it adds to.
    """

    part: str
    source: str
    trace: Filter
    neuron: np.ndarray
    steps: Any
    bringing: Mapping[str, str]


class Places(Wiring[Net]):
    """Names of the parts of a circuit, and places of what its rules and records read."""

    @property
    def network(self) -> Network:
        """The network that is wired."""
        return cast(Network, self.net)

    def part(self, kind: str, *names: str) -> str:
        """Return the name of the part of that kind which belongs to a population, projection or readout."""
        return part_of(kind, *names)

    def place(self, name: str) -> Variable:
        """Return the population and the variable of a name of `Record.variables`."""
        population, _, variable = name.partition(".")
        return Variable(population, variable)

    @cached_property
    def units_named(self) -> dict[str, set[str]]:
        """Of which inputs of a population the error of a rule names the unit."""
        found: dict[str, set[str]] = {}
        for projection, into in zip(self.network.projections, self.network.inputs, strict=True):
            if "unit" in words(projection.error):
                found.setdefault(projection.post, set()).add(into)
        return found

    def constants(self, population: str) -> dict[str, Quantity]:
        """Return the numbers that errors of projections into a population name, by their variables."""
        net = self.network
        return {
            constant_name(net.projection_names[k], name): number
            for k, each in enumerate(net.projections)
            if each.post == population
            for name, number in constants_of(net, k).items()
        }

    def projection(self, k: int, *more: str) -> str:
        """Return the name of the part that a projection is, or of a further one."""
        return self.part(RECURRENT, self.network.projection_names[k], *more)

    def arrives(self, k: int) -> Filter:
        projection, into = self.network.projections[k], self.network.inputs[k]
        return self.network.equations[projection.post].arrives(into, (projection.synapse, projection.parameters))

    def bringing(self, k: int) -> dict[str, str]:
        """Return the parts that bring the spikes of a projection, each with the variable that it adds to."""
        if not len(self.network.kernels[k]) and self.network.delays[k] is None:
            return {}
        variables = enumerate(self.arrives(k).spike)
        return {self.projection(k, *([str(number)] if number else [])): each for number, each in variables}

    def added(self, k: int) -> str:
        """Return the variable by which a projection adds to its input in each step."""
        projection, name = self.network.projections[k], self.network.projection_names[k]
        return self.network.equations[projection.post].added(self.network.inputs[k], name)

    def present(self, k: int) -> str:
        """Return the variable of what a projection gives for the rates that a step ends with."""
        equations, name = self.network.equations[self.network.projections[k].post], self.network.projection_names[k]
        return equations.present(name) if equations.has_present(name) else self.added(k)

    def sources(self, k: int) -> tuple[Variable, ...]:
        """Return what the weights of a projection act on in each step, or what a rule reads of it."""
        net, projection = self.network, self.network.projections[k]
        synapse, first = (projection.synapse, projection.parameters), projection.sources[0]
        if first in net.populations:
            names = projection.sources
            return tuple(Variable(self.part(NEURONS, name), net.equations[name].output(synapse)) for name in names)
        return (Variable(TARGET, "value") if first == SUPERVISOR else self._signal(INPUTS, first, net.external_inputs),)

    def _signal(self, signal: str, name: str, columns: Mapping[str, int]) -> Variable:
        return Variable(signal, "value") if len(columns) == 1 else Variable(self.part(signal, name), "z")

    def supervisor(self, name: str) -> Variable:
        """Return where the supervisor of a readout or output stands."""
        return self._signal(TARGET, name, self.network.supervised)

    def acting(self, k: int) -> SparseKernel:
        """Return the weights of a projection from what they act on or learn from: neurons, or delayed traces."""
        traces, kernel = self.network.delayed_traces.get(k), self.network.kernels[k]
        return kernel if traces is None else traces.seen_by(kernel)

    def count(self, k: int) -> int | None:
        """Return the number of weights that act in each step; None where there is every one."""
        return None if is_dense(self.acting(k)) else len(self.network.kernels[k])

    def acted_on(self, k: int) -> tuple[Variable, ...]:
        """Return the traces or values that the weights of a projection act on or learn from, delayed where they are."""
        return tuple(Variable(each.part, each.trace.output) for each in self.later(k)) or self.sources(k)

    def later(self, k: int) -> list[Later]:
        """Return the traces of the sources of a projection at which spikes arrive later; none without a delay."""
        net, projection = self.network, self.network.projections[k]
        delayed = net.delayed_traces.get(k)
        found: list[Later] = []
        if delayed is None:
            return found
        first, name = 0, net.projection_names[k]
        for source in projection.sources:
            trace = net.equations[source].trace((projection.synapse, projection.parameters))
            names = (name, source) if len(projection.sources) > 1 else (name,)
            own = slice(*np.searchsorted(delayed.neuron, (first, first + net.sizes[source])))
            steps = delayed.steps[own] if delayed.steps.ndim else delayed.steps
            bringing = {self.part(DELAYED, *names, variable): variable for variable in trace.arriving}
            if own.start < own.stop:  # not of a population without synapses
                if trace.at_spike:
                    steps = np.maximum(steps, 1) - 1  # its threshold takes the last one
                one = steps if steps.size > 1 and np.ptp(steps) else steps.ravel()[0]
                found.append(
                    Later(self.part(DELAYED, *names), source, trace, delayed.neuron[own] - first, one, bringing)
                )
            first += net.sizes[source]
        return found

    @cached_property
    def rows(self) -> dict[int, Rows]:
        """The weights of each projection that acts at spikes, as the state holds them."""
        net = self.network
        return {k: self._rows(k) for k, each in enumerate(net.projections) if each.at_spikes}

    def _rows(self, k: int) -> Rows:
        rows, acting = Rows.of(self.network.kernels[k]), self.acting(k)
        if acting is self.network.kernels[k]:
            return rows
        pre = np.empty_like(acting.pre)
        pre[rows.slots] = acting.pre
        return rows._replace(pre=pre)
