"""Network -> circuit, and the values its runs start from: the one wiring of all declarations.

Within a step: signals, what is read of rates and inputs -> membranes, rates and filters advance from
these and from the currents of the step before -> thresholds -> spikes and resets add to the filters
-> what weights give of traces, readouts -> rules -> feedback for the next step -> records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from ..declare.declaration import Declaration
from ..declare.delays import delays_by_source
from ..declare.equations import Neuron, rate_time
from ..declare.kernels import SparseKernel
from ..declare.learning import Learning
from ..declare.populations.equations import Filter, PopulationEquations
from ..declare.populations.error_names import constants_of
from ..declare.populations.naming import words
from ..declare.populations.network import Network
from ..declare.populations.network_parts import SUPERVISOR
from ..declare.populations.projection import Projection
from ..declare.units import Quantity, evaluate
from .blocks import Blocks
from .declared import Wiring
from .names import (
    DELAYED,
    FEEDBACK,
    INPUTS,
    NEURONS,
    NOW,
    OUTPUT,
    READOUT,
    RECURRENT,
    SPIKES,
    STEP,
    TARGET,
    TRACE_SPIKES,
    TRACES,
    entries,
    entry,
    part_of,
    recorded,
)
from .parts import Map, Part, Rule, Samples, SpikeInput, SpikeRecord, Units, Variable, VariableRecord
from .rules import constant_name, rules_of, values_of_rules
from .state import check_state
from .units import delayed_trace, unit_name, units_of
from .values import is_dense, kernel_values, spike_values

__all__ = ["NetworkWiring"]

Net = TypeVar("Net", bound=Declaration | Network)


class NetworkWiring(Wiring[Net]):
    """A `Network`, or what is short for one, as a circuit, with the values and states of its runs."""

    @property
    def network(self) -> Network:
        """The network that is wired."""
        return cast(Network, self.net)

    # ---- names of parts ----

    def part(self, kind: str, *names: str) -> str:
        """Return the name of the part of that kind which belongs to a population, projection or readout."""
        return part_of(kind, *names)

    def place(self, name: str) -> Variable:
        """Return the population and the variable of a name of `Record.variables`."""
        population, _, variable = name.partition(".")
        return Variable(population, variable)

    def _check_record(self) -> None:
        sizes = self.network.sizes
        known = self.network.state_variables
        self.record.check(known, {name: sizes[name.partition(".")[0]] for name in known})

    @property
    def _n_spiking(self) -> int:
        return self.network.n_spiking

    @property
    def output_parts(self) -> tuple[str, ...]:
        """The parts that record the outputs, in the order of their columns."""
        return tuple(self.part(OUTPUT, name) for name in self.network.supervised)

    @cached_property
    def _spikes_recorded(self) -> dict[str, int]:
        """Populations whose spikes are recorded, each with the number of its first neuron among all."""
        found, first = {}, 0
        for name, n in self.network.sizes.items():
            if first < self.spikes_of and self.network.is_spiking(name):
                found[name] = first
            first += n
        return found

    @property
    def spike_parts(self) -> dict[str, int]:
        """The parts that record spikes, each with the number of its first neuron among all."""
        return {self.part(SPIKES, name): first for name, first in self._spikes_recorded.items()}

    # ---- the parts ----

    def _parts(self) -> Iterator[tuple[str, Part]]:
        net = self.network
        for name in net.populations:
            yield self.part(NEURONS, name), self._units(name)
        yield from self._signals()
        for k in range(len(net.projections)):
            yield from self._each_step(k) if net.acts_each_step(k) else self._static(k)
        for name in net.readouts:
            yield from self._readout(name)
        yield from ((name, rule) for name, (rule, _, _) in self.rules.items())
        for (readout, population, into), kernel in net.feedback_kernels.items():
            n_outputs, n = kernel.shape
            target = Variable(self.part(NEURONS, population), net.equations[population].added(into, readout))
            source = Variable(self.part(READOUT, readout), "z")
            yield self.part(FEEDBACK, readout, population, into), Map(source, n_outputs, n, target, order=3)
        yield from self._records()

    def _units(self, name: str) -> Units:
        return units_of(self.network.equations[name], self._units_named.get(name, ()), self._constants(name))

    def _signals(self) -> Iterator[tuple[str, Part]]:
        """Yield supervisor and external inputs; of several, each has its columns."""
        net = self.network
        for signal, columns in ((TARGET, net.supervised), (INPUTS, net.external_inputs)):
            total = sum(columns.values())
            if total:
                yield signal, Samples(total)
            for name, n in columns.items() if len(columns) > 1 else ():
                yield self.part(signal, name), Map(Variable(signal, "value"), total, n, count=n, when="start")

    def _records(self) -> Iterator[tuple[str, Part]]:
        net = self.network
        for name, first in self._spikes_recorded.items():
            stop = min(net.sizes[name], self.spikes_of - first)
            yield self.part(SPIKES, name), SpikeRecord(self.part(NEURONS, name), stop)
        for name in net.supervised:
            yield self.part(OUTPUT, name), VariableRecord(self._output(name))
        for name, indices in sorted(self.record.variables.items()):
            population, variable = self.place(name)
            everyone = indices == tuple(range(net.sizes[population]))  # many numbers, which tell programs apart
            source = Variable(self.part(NEURONS, population), variable)
            yield recorded(name), VariableRecord(source, None if everyone else indices, self.record.dtype)

    def _output(self, name: str) -> Variable:
        """Return where the values of an output stand."""
        if name in self.network.readouts:
            return Variable(self.part(READOUT, name), "z")
        population, _, variable = self.network.outputs[name].partition(".")
        return Variable(self.part(NEURONS, population), variable)

    @cached_property
    def _units_named(self) -> dict[str, set[str]]:
        """Of which inputs of a population the error of a rule names the unit."""
        found: dict[str, set[str]] = {}
        for projection, into in zip(self.network.projections, self.network.inputs, strict=True):
            if "unit" in words(projection.error):
                found.setdefault(projection.post, set()).add(into)
        return found

    def _constants(self, population: str) -> dict[str, Quantity]:
        """Return the numbers that errors of projections into a population name, by their variables."""
        net = self.network
        return {
            constant_name(net.projection_names[k], name): number
            for k, each in enumerate(net.projections)
            if each.post == population
            for name, number in constants_of(net, k).items()
        }

    # ---- projections ----

    def _ends(self, k: int) -> tuple[Projection, int, int]:
        """Return a projection, and how many neurons there are on both of its sides."""
        projection = self.network.projections[k]
        return projection, self.network.size_of(projection.pre), self.network.sizes[projection.post]

    def projection(self, k: int, *more: str) -> str:
        """Return the name of the part that a projection is, or of a further one."""
        return self.part(RECURRENT, self.network.projection_names[k], *more)

    def _static(self, k: int) -> Iterator[tuple[str, Part]]:
        projection, pre, post = self._ends(k)
        target = self.part(NEURONS, projection.post)
        source, delays = self.part(NEURONS, projection.pre), self.network.delays[k]
        longest = None if delays is None else int(delays.max(initial=0))
        for name, variable in self._bringing(k).items():
            yield (
                name,
                SpikeInput(
                    (source,), pre, post, Variable(target, variable),
                    longest_delay=longest, own_delays=delays is not None and delays.ndim > 0,
                ),
            )  # fmt: skip

    def _arrives(self, k: int) -> Filter:
        projection, into = self.network.projections[k], self.network.inputs[k]
        return self.network.equations[projection.post].arrives(into, (projection.synapse, projection.parameters))

    def _bringing(self, k: int) -> dict[str, str]:
        """Return the parts that bring the spikes of a projection, each with the variable that it adds to."""
        if not len(self.network.kernels[k]) and self.network.delays[k] is None:
            return {}
        variables = enumerate(self._arrives(k).spike)
        return {self.projection(k, *([str(number)] if number else [])): each for number, each in variables}

    def added(self, k: int) -> str:
        """Return the variable by which a projection adds to its input in each step."""
        projection, name = self.network.projections[k], self.network.projection_names[k]
        return self.network.equations[projection.post].added(self.network.inputs[k], name)

    def present(self, k: int) -> str:
        """Return the variable of what a projection gives for the rates that a step ends with."""
        equations, name = self.network.equations[self.network.projections[k].post], self.network.projection_names[k]
        return equations.present(name) if equations.has_present(name) else self.added(k)

    def _source(self, k: int) -> Variable:
        """Return what the weights of a projection act on in each step."""
        projection, pre = self.network.projections[k], self.network.projections[k].pre
        if pre in self.network.populations:
            synapse = projection.synapse, projection.parameters
            return Variable(self.part(NEURONS, pre), self.network.equations[pre].output(synapse))
        return (
            Variable(TARGET, "value") if pre == SUPERVISOR else self._signal(INPUTS, pre, self.network.external_inputs)
        )

    def _signal(self, signal: str, name: str, columns: Mapping[str, int]) -> Variable:
        return Variable(signal, "value") if len(columns) == 1 else Variable(self.part(signal, name), "z")

    def supervisor(self, name: str) -> Variable:
        """Return where the supervisor of a readout or output stands."""
        return self._signal(TARGET, name, self.network.supervised)

    def _each_step(self, k: int) -> Iterator[tuple[str, Part]]:
        projection, pre, post = self._ends(k)
        net, name = self.network, self.network.projection_names[k]
        there, source = self.part(NEURONS, projection.post), self._source(k)
        equations, delay = net.equations[projection.post], net.delays[k]
        if delay is not None:  # the spikes arrive at a trace of their own, later
            later, trace = self.part(DELAYED, name), self._trace(k)
            source = Variable(later, trace.output)
            yield later, delayed_trace(net.equations[projection.pre], trace)
            for arriving, variable in self._arriving_later(k, trace).items():
                neurons = self.part(NEURONS, projection.pre)
                yield arriving, SpikeInput((neurons,), pre, pre, Variable(later, variable), longest_delay=int(delay))
        count = None if is_dense(net.kernels[k]) else len(net.kernels[k])
        when = "end" if net.is_spiking(projection.pre) else "start"
        learned = projection.learning is not None
        yield (
            self.projection(k),
            Map(source, pre, post, Variable(there, self.added(k)), count, learned=learned, when=when),
        )
        if equations.has_present(name):
            now = Variable(there, equations.present(name))
            kept = when == "start" and count is None and self._is_renewed(self.projection(k))
            yield self.part(NOW, name), Map(source, pre, post, now, count, weights_of=self.projection(k), kept=kept)

    def _is_renewed(self, part: str) -> bool:
        """Say whether no rule changes the weights of a map, or one that can say at once what they give then."""
        of_it = [rule for rule, _, _ in self.rules.values() if part in rule.maps]
        plain = (not (any(rule.factors) or rule.signs or rule.divide_by_source or rule.grouped) for rule in of_it)
        return all(plain) and all(rule.when == "end" and rule.blocks.blocks == 1 for rule in of_it)

    def _trace(self, k: int) -> Filter:
        projection = self.network.projections[k]
        return self.network.equations[projection.pre].trace((projection.synapse, projection.parameters))

    def _arriving_later(self, k: int, trace: Filter) -> dict[str, str]:
        """Return the parts that bring spikes to a delayed trace, each with the variable that it adds to."""
        name = self.network.projection_names[k]
        return {self.part(DELAYED, name, variable): variable for variable in trace.spike}

    # ---- readouts and rules ----

    def _readout(self, name: str) -> Iterator[tuple[str, Part]]:
        net, readout = self.network, self.network.readouts[name]
        rows, columns = net.output_kernels[name].shape
        if readout.traces is not None:
            neurons, traces = tuple(self.part(NEURONS, each) for each in readout.sources), self.part(TRACES, name)
            n = sum(net.sizes[each] for each in readout.sources)
            equations = "ds/dt = -s/tau : 1\ntau : second (constant)"
            yield traces, Units(rows, equations, parameters=(), states=("s",), filters=("s",))
            yield self.part(TRACE_SPIKES, name), SpikeInput(neurons, n, rows, Variable(traces, "s"))
            sources = [Variable(traces, "s")]
        else:
            synapse = readout.synapse, readout.parameters
            sources = [Variable(self.part(NEURONS, s), net.equations[s].output(synapse)) for s in readout.sources]
        first, *more = sources
        yield self.part(READOUT, name), Map(first, rows, columns, learned=True, more=tuple(more))

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, Blocks, Learning]]:
        """The rules by name, with their blocks and schedules."""
        return rules_of(self)

    # ---- the values ----

    def values(self) -> dict[str, Any]:
        """Return parameters, fixed weights, masks and schedule of the declaration, in SI units."""
        return dict(self._values)

    @cached_property
    def _values(self) -> dict[str, Any]:
        net = self.network
        values: dict[str, Any] = {}
        for name, equations in net.equations.items():
            values |= entries(self.part(NEURONS, name), self._parameters(name, equations))
        for k in range(len(net.projections)):
            values |= self._weights_each_step(k) if net.acts_each_step(k) else self._static_values(k)
        for (readout, population, into), kernel in net.feedback_kernels.items():
            scaled = kernel.T * net.input_scale(population, into)
            values[entry(self.part(FEEDBACK, readout, population, into), "w")] = scaled.ravel()
        for name, readout_of in net.readouts.items():
            values |= {} if readout_of.traces is None else self._values_of_traces(name)
        values |= self._columns(TARGET, net.supervised) | self._columns(INPUTS, net.external_inputs)
        return values | values_of_rules(self, self.rules) | self.recording_values()

    def _parameters(self, name: str, equations: PopulationEquations) -> dict[str, float]:
        net = self.network
        values = {key: float(quantity.value) for key, quantity in equations.parameters.items()}
        values |= {unit_name(into): net.input_scale(name, into) for into in self._units_named.get(name, ())}
        values |= {key: float(quantity.value) for key, quantity in self._constants(name).items()}
        return values | ({"rate_time": rate_time(equations.population.neuron)} if equations.traces else {})

    def _values_of_traces(self, name: str) -> dict[str, Any]:
        net, traces = self.network, self.network.readouts[name].traces
        if traces is None:
            return {}
        n = sum(net.sizes[source] for source in net.readouts[name].sources)
        kernel = SparseKernel(n, traces.neuron, np.arange(len(traces)), np.ones(len(traces)), len(traces))
        tau = {entry(self.part(TRACES, name), "tau"): traces.tau}
        return spike_values(self.part(TRACE_SPIKES, name), kernel, 1.0, 1.0) | tau

    def _static_values(self, k: int) -> dict[str, Any]:
        projection = self.network.projections[k]
        values: dict[str, Any] = {}
        scale = self.network.input_scale(projection.post, self.network.inputs[k])
        equations, pre = self.network.equations[projection.post], self.network.populations[projection.pre].neuron
        filtered = self._arrives(k)
        for name, variable in self._bringing(k).items():
            jump = _jump(filtered, filtered.spike[variable], equations.parameters, pre)
            values |= spike_values(name, self.network.kernels[k], scale, jump) | self._delay_values(name, k)
        return values

    def _delay_values(self, name: str, k: int) -> dict[str, Any]:
        """Return the delays of a part that brings spikes."""
        delays = self.network.delays[k]
        if delays is None:
            return {}
        of_each = delays_by_source("Projection.delay", self.network.kernels[k], delays) if delays.ndim else int(delays)
        return {entry(name, "delay_steps"): of_each}

    def _weights_each_step(self, k: int) -> dict[str, Any]:
        net, projection, name = self.network, self.network.projections[k], self.projection(k)
        values = kernel_values(name, net.kernels[k], net.input_scale(projection.post, net.inputs[k]))
        if is_dense(net.kernels[k]):
            values = {entry(name, "w"): values[entry(name, "w")]}
        if projection.learning is not None:
            del values[entry(name, "w")]  # which belong to the state
        return values | ({} if net.delays[k] is None else self._delayed_values(k))

    def _delayed_values(self, k: int) -> dict[str, Any]:
        """Return the values of the trace that a learned projection with a delay reads."""
        net, projection, trace = self.network, self.network.projections[k], self._trace(k)
        name, equations = self.part(DELAYED, net.projection_names[k]), net.equations[projection.pre]
        values = entries(name, {key: float(equations.parameters[key].value) for key in trace.synapse.parameters})
        n = np.arange(equations.population.n)
        each_its_own = SparseKernel(len(n), n, n, np.ones(len(n)))
        for arriving, variable in self._arriving_later(k, trace).items():
            jump = _jump(trace, trace.spike[variable], equations.parameters, equations.population.neuron)
            values |= spike_values(arriving, each_its_own, 1.0, jump) | self._delay_values(arriving, k)
        return values

    def _columns(self, signal: str, columns: Mapping[str, int]) -> dict[str, Any]:
        """Return which columns of a signal belong to each of several that take some."""
        values: dict[str, Any] = {}
        first = 0
        for name, n in columns.items() if len(columns) > 1 else ():
            one_each = {"w": np.ones(n), "partner": first + np.arange(n), "row_start": np.arange(n + 1)}
            values |= entries(self.part(signal, name), one_each)
            first += n
        return values

    # ---- states ----

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's.

        Raises
        ------
        UnknownNameError, InvalidValueError
            If `given` has unknown names or shapes.
        """
        given = {} if given is None else check_state(given, self.circuit)
        state = self._declared_state() | given
        for (readout, population, into), kernel in self.network.feedback_kernels.items():
            variable = self.network.equations[population].added(into, readout)
            fed, z = entry(self.part(NEURONS, population), variable), entry(self.part(READOUT, readout), "z")
            if z in state and fed not in given:
                state[fed] = np.ravel(state[z]) @ kernel * self.network.input_scale(population, into)
        return state

    def _declared_state(self) -> dict[str, Any]:
        net = self.network
        state: dict[str, Any] = {STEP: 0}
        for name, values in net.initial_values.items():
            state |= entries(self.part(NEURONS, name), values)
        for name, kernel in net.output_kernels.items():
            part, sources = self.part(READOUT, name), net.readouts[name].sources
            state[entry(part, "w")] = kernel.T.ravel()
            if name in net.supervised and not any(net.is_spiking(source) for source in sources):
                rates = [net.initial_values[source]["r"] for source in sources]
                state[entry(part, "z")] = np.concatenate(rates) @ kernel
        for k, projection in enumerate(net.projections):
            if projection.learning is not None:
                scale, place = net.input_scale(projection.post, net.inputs[k]), entry(self.projection(k), "w")
                state[place] = kernel_values(self.projection(k), net.kernels[k], scale)[place]
        return state

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the learned weights after a run, by readouts and projections.

        Of a readout they have the shape (neurons, outputs); of a projection there is one for each
        synapse of its kernel, in its order and unit.
        """
        net, found = self.network, {}
        for name, kernel in net.output_kernels.items():
            found[name] = arrays[entry(self.part(READOUT, name), "w")].reshape(kernel.shape[::-1]).T.copy()
        for k, projection in enumerate(net.projections):
            if projection.learning is not None:
                order = net.kernels[k].row_order()
                learned = np.empty(len(order))
                scale = net.input_scale(projection.post, net.inputs[k])
                learned[order] = arrays[entry(self.projection(k), "w")] / scale
                found[net.projection_names[k]] = learned
        return found


def _jump(filtered: Filter, amount: str, parameters: Mapping[str, Quantity], pre: Neuron) -> float:
    """Return what a spike of weight 1 adds, in SI units; a filter counts by the rate of the presynaptic neuron."""
    jump = float(evaluate(amount, filtered.synapse.name, parameters).value)
    return jump * rate_time(pre) if filtered.synapse.kind == "filter" else jump
