"""Network -> circuit, and the values its runs start from.

Within a step: signals -> membranes and filters advance, from the currents of the step before ->
thresholds -> spikes and resets add to the filters -> what learned weights give, readouts -> rules
-> feedback for the next step -> records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..declare.delays import delays_by_source
from ..declare.equations import Neuron, rate_time
from ..declare.kernels import SparseKernel
from ..declare.learning import Learning
from ..declare.populations.equations import Filter, PopulationEquations
from ..declare.populations.naming import words
from ..declare.populations.network import Network
from ..declare.populations.projection import Projection
from ..declare.units import Quantity, evaluate
from .blocks import Blocks
from .declared import Wiring
from .names import (
    DELAYED,
    FEEDBACK,
    NEURONS,
    OUTPUT,
    READOUT,
    RECURRENT,
    RULE,
    SPIKES,
    STEP,
    TARGET,
    entries,
    entry,
    part_of,
    recorded,
)
from .parts import Map, Part, Rule, Samples, SpikeInput, SpikeRecord, Units, Variable, VariableRecord
from .wiring import check_state, kernel_values, rule_values, spike_values, with_seed

__all__ = ["NetworkWiring"]


class NetworkWiring(Wiring[Network]):
    """A `Network` as a circuit, with the values and states of its runs."""

    def _check_record(self) -> None:
        sizes = self.net.sizes
        known = self.net.state_variables
        self.record.check(known, {name: sizes[name.partition(".")[0]] for name in known})

    @property
    def _n_spiking(self) -> int:
        return self.net.n

    @property
    def output_parts(self) -> tuple[str, ...]:
        """The parts that record the outputs, in the order of their columns."""
        return tuple(part_of(OUTPUT, name) for name in self.net.readouts)

    @property
    def spike_parts(self) -> dict[str, int]:
        """The parts that record spikes, each with the number of its first neuron among all."""
        found, first = {}, 0
        for name, n in self.net.sizes.items():
            if first < self.spikes_of:
                found[part_of(SPIKES, name)] = first
            first += n
        return found

    # ---- the parts ----

    def _parts(self) -> Iterator[tuple[str, Part]]:
        net = self.net
        for name, equations in net.equations.items():
            yield part_of(NEURONS, name), self._units(name, equations)
        if net.readouts:
            yield TARGET, Samples(net.n_outputs)
        for k, projection in enumerate(net.projections):
            yield from self._from_trace(k) if projection.reads_trace else self._static(k)
        for name in net.readouts:
            yield from self._readout(name)
        yield from ((name, rule) for name, (rule, _, _) in self.rules.items())
        for (readout, population, into), kernel in net.feedback_kernels.items():
            n_outputs, n = kernel.shape
            target = Variable(part_of(NEURONS, population), net.equations[population].added(into, readout))
            source = Variable(part_of(READOUT, readout), "z")
            yield part_of(FEEDBACK, readout, population, into), Map(source, n_outputs, n, target, order=3)
        for part, first in self.spike_parts.items():
            population = part.removeprefix(part_of(SPIKES, ""))
            n = net.populations[population].n
            yield part, SpikeRecord(part_of(NEURONS, population), min(n, self.spikes_of - first))
        for name in net.readouts:
            yield part_of(OUTPUT, name), VariableRecord(Variable(part_of(READOUT, name), "z"))
        for name, indices in sorted(self.record.variables.items()):
            population, _, variable = name.partition(".")
            everyone = indices == tuple(range(net.populations[population].n))
            chosen = None if everyone else indices
            yield (
                recorded(name),
                VariableRecord(Variable(part_of(NEURONS, population), variable), chosen, self.record.dtype),
            )

    def _units(self, name: str, equations: PopulationEquations) -> Units:
        neuron = equations.population.neuron
        lines, reset = [neuron.equations], [neuron.reset]
        for each in equations.filters:
            lines.append(each.equations)
        for each in equations.traces:
            reset += [each.at_spike, *(f"{variable} += {amount}" for variable, amount in _amounts(each).items())]
        if equations.traces:
            lines.append("rate_time : second (shared, constant)")
        for variable, unit in equations.written:
            lines.append(f"{variable} : {unit}")
        for into in neuron.input_units:
            parts = equations.inputs.get(into, [])
            if not parts:
                lines.append(f"{into} : {equations.unit(into)} (shared)")
            elif parts != [into]:
                lines.append(f"{into} = {' + '.join(parts)} : {equations.unit(into)}")
        for into in sorted(self._units_named.get(name, ())):
            lines.append(f"unit_{into} : {equations.unit(into)} (shared, constant)")
        synapses = [each.synapse for each in equations.filters]
        return Units(
            n=equations.population.n,
            equations="\n".join(with_seed(lines, *neuron.code)),
            parameters=tuple((key, quantity.dimension) for key, quantity in equations.parameters.items()),
            states=tuple(equations.state_variables),
            method=neuron.method,
            filters=tuple(v for each in equations.filters if each.synapse.exact for v in each.variables),
            threshold=neuron.threshold,
            refractory=neuron.refractory,
            reset="\n".join(filter(None, reset)),
            files=(neuron.name, *dict.fromkeys(synapse.name for synapse in synapses)),
        )

    @property
    def _units_named(self) -> dict[str, set[str]]:
        """Of which inputs of a population the error of a rule names the unit."""
        found: dict[str, set[str]] = {}
        for projection, into in zip(self.net.projections, self.net.inputs, strict=True):
            if "unit" in words(projection.error):
                found.setdefault(projection.post, set()).add(into)
        return found

    def _static(self, k: int) -> Iterator[tuple[str, Any]]:
        projection, pre, post = self._ends(k)
        target = part_of(NEURONS, projection.post)
        source, delays = part_of(NEURONS, projection.pre), self.net.delays[k]
        longest = None if delays is None else int(delays.max(initial=0))
        for name, variable in self._bringing(k).items():
            yield (
                name,
                SpikeInput(
                    (source,), pre, post, Variable(target, variable),
                    longest_delay=longest, own_delays=delays is not None and delays.ndim > 0,
                ),
            )  # fmt: skip

    def _ends(self, k: int) -> tuple[Projection, int, int]:
        """Return a projection, and how many neurons there are on both of its sides."""
        projection = self.net.projections[k]
        return projection, self.net.populations[projection.pre].n, self.net.populations[projection.post].n

    def _arrives(self, k: int) -> Filter:
        projection, into = self.net.projections[k], self.net.inputs[k]
        return self.net.equations[projection.post].arrives(into, (projection.synapse, projection.parameters))

    def _bringing(self, k: int) -> dict[str, str]:
        """Return the parts that bring the spikes of a projection, each with the variable that it adds to."""
        name = self.net.projection_names[k]
        variables = enumerate(self._arrives(k).spike)
        return {part_of(RECURRENT, *((name, str(number)) if number else (name,))): each for number, each in variables}

    def _from_trace(self, k: int) -> Iterator[tuple[str, Any]]:
        projection, pre, post = self._ends(k)
        name, into = self.net.projection_names[k], self.net.inputs[k]
        trace = self.net.equations[projection.pre].trace((projection.synapse, projection.parameters))
        target = Variable(part_of(NEURONS, projection.post), self.net.equations[projection.post].added(into, name))
        source = Variable(part_of(NEURONS, projection.pre), trace.output)
        delay = self.net.delays[k]
        if delay is not None:  # the spikes arrive at a trace of their own, later
            source = Variable(part_of(DELAYED, name), trace.output)
            yield part_of(DELAYED, name), self._delayed_trace(k, trace)
            for arriving, variable in self._arriving_later(k, trace).items():
                neurons, there = part_of(NEURONS, projection.pre), Variable(part_of(DELAYED, name), variable)
                yield arriving, SpikeInput((neurons,), pre, pre, there, longest_delay=int(delay))
        yield (
            part_of(RECURRENT, name),
            Map(source, pre, post, target, self._count(k), learned=projection.learning is not None),
        )

    def _delayed_trace(self, k: int, trace: Filter) -> Units:
        projection = self.net.projections[k]
        parameters = self.net.equations[projection.pre].parameters
        return Units(
            n=self.net.populations[projection.pre].n,
            equations=trace.equations,
            parameters=tuple((name, parameters[name].dimension) for name in trace.synapse.parameters),
            states=trace.variables,
            filters=trace.variables if trace.synapse.exact else (),
            files=(trace.synapse.name,),
        )

    def _arriving_later(self, k: int, trace: Filter) -> dict[str, str]:
        """Return the parts that bring spikes to a delayed trace, each with the variable that it adds to."""
        name = self.net.projection_names[k]
        return {part_of(DELAYED, name, variable): variable for variable in trace.spike}

    def _count(self, k: int) -> int | None:
        """Return the number of weights of a projection; None where there is every one."""
        kernel = self.net.kernels[k]
        return None if len(kernel) == kernel.n * int(kernel.n_post or 0) else len(kernel)

    def _readout(self, name: str) -> Iterator[tuple[str, Any]]:
        net, readout = self.net, self.net.readouts[name]
        synapse = readout.synapse, readout.parameters
        first, *more = (Variable(part_of(NEURONS, s), net.equations[s].trace(synapse).output) for s in readout.sources)
        rows, columns = net.output_kernels[name].shape
        yield part_of(READOUT, name), Map(first, rows, columns, learned=True, more=tuple(more))
        if len(net.readouts) > 1:  # each takes its columns of the supervisor
            yield (
                part_of(TARGET, name),
                Map(Variable(TARGET, "value"), net.n_outputs, columns, count=columns, when="start"),
            )

    def _supervisor(self, readout: str) -> Variable:
        return Variable(TARGET, "value") if len(self.net.readouts) == 1 else Variable(part_of(TARGET, readout), "z")

    # ---- the rules ----

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, Blocks, Learning]]:
        """The rules by name, with their blocks and schedules; each readout and projection has P of its own."""
        found = {}
        for name, readout in self.net.readouts.items():
            if readout.learning is not None:
                rows, columns = self.net.output_kernels[name].shape
                blocks = Blocks.of([[np.arange(rows, dtype=np.int32)] * columns])
                rule = Rule(
                    maps=(part_of(READOUT, name),), errors=("z - y",), variables=(), target=self._supervisor(name),
                    blocks=blocks.totals, factors=(False,),
                )  # fmt: skip
                found[part_of(RULE, name)] = rule, blocks, readout.learning
        for k, projection in enumerate(self.net.projections):
            if projection.learning is not None:
                rule, blocks = self._projection_rule(k)
                found[part_of(RULE, self.net.projection_names[k])] = rule, blocks, projection.learning
        return found

    def _projection_rule(self, k: int) -> tuple[Rule, Blocks]:
        net, projection = self.net, self.net.projections[k]
        kernel = net.kernels[k]
        ends = np.cumsum(np.bincount(kernel.post, minlength=kernel.n_post))
        blocks = Blocks.of([np.split(kernel.pre[kernel.row_order()], ends[:-1])])
        used, variables, target = words(projection.error), [], None
        for word in sorted(used & {*net.equations[projection.post].state_variables, *net.inputs_of(projection.post)}):
            variables.append((word, Variable(part_of(NEURONS, projection.post), word)))
        for readout in sorted(used & {*net.readouts}):
            variables.append((readout, Variable(part_of(READOUT, readout), "z")))
            target = self._supervisor(readout) if "y" in used else None
        if "unit" in used:
            variables.append(("unit", Variable(part_of(NEURONS, projection.post), f"unit_{net.inputs[k]}")))
        rule = Rule(
            maps=(part_of(RECURRENT, net.projection_names[k]),), errors=(projection.error,), variables=tuple(variables),
            target=target, blocks=blocks.totals, factors=(False,), signs=net.sign_of(k) is not None,
            n_sources=kernel.n if net.sign_of(k) is not None else 0,
        )  # fmt: skip
        return rule, blocks

    # ---- the values ----

    def values(self) -> dict[str, Any]:
        """Return parameters, fixed weights, masks and schedule of the declaration, in SI units."""
        return dict(self._values)

    @cached_property
    def _values(self) -> dict[str, Any]:
        net = self.net
        values: dict[str, Any] = {}
        for name, equations in net.equations.items():
            units = {f"unit_{into}": net.input_scale(name, into) for into in self._units_named.get(name, ())}
            units |= {"rate_time": rate_time(equations.population.neuron)} if equations.traces else {}
            values |= entries(part_of(NEURONS, name), {key: float(q.value) for key, q in equations.parameters.items()})
            values |= entries(part_of(NEURONS, name), units)
        for k, projection in enumerate(net.projections):
            values |= self._trace_values(k) if projection.reads_trace else self._static_values(k)
        for (readout, population, into), kernel in net.feedback_kernels.items():
            scaled = kernel.T * net.input_scale(population, into)
            values[entry(part_of(FEEDBACK, readout, population, into), "w")] = scaled.ravel()
        if len(net.readouts) > 1:
            values |= self._columns()
        for name, (rule, blocks, learning) in self.rules.items():
            values |= rule_values(name, rule, learning, blocks, net.seed)
        return values | self.recording_values()

    def _static_values(self, k: int) -> dict[str, Any]:
        projection = self.net.projections[k]
        values: dict[str, Any] = {}
        scale = self.net.input_scale(projection.post, self.net.inputs[k])
        equations, pre = self.net.equations[projection.post], self.net.populations[projection.pre].neuron
        filtered = self._arrives(k)
        for name, amount in zip(self._bringing(k), filtered.spike.values(), strict=True):
            jump = _jump(filtered, amount, equations.parameters, pre)
            values |= spike_values(name, self.net.kernels[k], scale, jump) | self._delay_values(name, k)
        return values

    def _delay_values(self, name: str, k: int) -> dict[str, Any]:
        """Return the delays of a part that brings spikes."""
        delays = self.net.delays[k]
        if delays is None:
            return {}
        of_each = delays_by_source("Projection.delay", self.net.kernels[k], delays) if delays.ndim else int(delays)
        return {entry(name, "delay_steps"): of_each}

    def _trace_values(self, k: int) -> dict[str, Any]:
        net, projection = self.net, self.net.projections[k]
        name = part_of(RECURRENT, net.projection_names[k])
        values = kernel_values(name, net.kernels[k], net.input_scale(projection.post, net.inputs[k]))
        if self._count(k) is None:
            values = {entry(name, "w"): values[entry(name, "w")]}
        if net.delays[k] is not None:
            values |= self._delayed_values(k)
        if projection.learning is None:
            return values
        del values[entry(name, "w")]  # which belong to the state
        sign = net.sign_of(k)
        if sign is not None:
            signs = np.full(net.populations[projection.pre].n, sign)
            values[entry(part_of(RULE, net.projection_names[k]), "sign")] = signs
        return values

    def _delayed_values(self, k: int) -> dict[str, Any]:
        """Return the values of the trace that a learned projection with a delay reads."""
        net, projection = self.net, self.net.projections[k]
        name, equations = part_of(DELAYED, net.projection_names[k]), net.equations[projection.pre]
        trace = equations.trace((projection.synapse, projection.parameters))
        values = entries(name, {key: float(equations.parameters[key].value) for key in trace.synapse.parameters})
        n = np.arange(equations.population.n)
        each_its_own = SparseKernel(len(n), n, n, np.ones(len(n)))
        for arriving, variable in self._arriving_later(k, trace).items():
            jump = _jump(trace, trace.spike[variable], equations.parameters, equations.population.neuron)
            values |= spike_values(arriving, each_its_own, 1.0, jump) | self._delay_values(arriving, k)
        return values

    def _columns(self) -> dict[str, Any]:
        """Return which columns of the supervisor belong to each readout."""
        values: dict[str, Any] = {}
        first = 0
        for name, kernel in self.net.output_kernels.items():
            n = kernel.shape[1]
            one_each = {"w": np.ones(n), "partner": first + np.arange(n), "row_start": np.arange(n + 1)}
            values |= entries(part_of(TARGET, name), one_each)
            first += n
        return values

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's.

        Raises
        ------
        UnknownNameError, InvalidValueError
            If `given` has unknown names or shapes.
        """
        state: dict[str, Any] = {STEP: 0}
        for name, values in self.net.initial_values.items():
            state |= entries(part_of(NEURONS, name), values)
        for name, kernel in self.net.output_kernels.items():
            state[entry(part_of(READOUT, name), "w")] = kernel.T.ravel()
        for k, projection in enumerate(self.net.projections):
            if projection.learning is not None:
                name = part_of(RECURRENT, self.net.projection_names[k])
                scale = self.net.input_scale(projection.post, self.net.inputs[k])
                weights = kernel_values(name, self.net.kernels[k], scale)[entry(name, "w")]
                state[entry(name, "w")] = weights
        return state | ({} if given is None else check_state(given, self.circuit))

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the learned weights after a run, by readouts and projections.

        Of a readout they have the shape (neurons, outputs); of a projection there is one for each
        synapse of its kernel, in its order and unit.
        """
        net, found = self.net, {}
        for name, kernel in net.output_kernels.items():
            found[name] = arrays[entry(part_of(READOUT, name), "w")].reshape(kernel.shape[::-1]).T.copy()
        for k, projection in enumerate(net.projections):
            if projection.learning is not None:
                name, order = net.projection_names[k], net.kernels[k].row_order()
                learned = np.empty(len(order))
                scale = net.input_scale(projection.post, net.inputs[k])
                learned[order] = arrays[entry(part_of(RECURRENT, name), "w")] / scale
                found[name] = learned
        return found


def _jump(filtered: Filter, amount: str, parameters: Mapping[str, Quantity], pre: Neuron) -> float:
    """Return what a spike of weight 1 adds, in SI units; a filter counts by the rate of the presynaptic neuron."""
    jump = float(evaluate(amount, filtered.synapse.name, parameters).value)
    return jump * rate_time(pre) if filtered.synapse.kind == "filter" else jump


def _amounts(trace: Filter) -> dict[str, str]:
    """Return what a spike adds to the variables of a trace."""
    by_rate = trace.synapse.kind == "filter"
    return {variable: f"rate_time*({amount})" if by_rate else amount for variable, amount in trace.spike.items()}
