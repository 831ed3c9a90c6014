"""Network -> circuit, and the values its runs start from: the one wiring of all declarations.

Within a step: signals, what is read of rates and inputs -> membranes, rates and filters advance from
these and from the currents of the step before -> thresholds -> spikes and resets add to the filters
-> what weights give of traces, readouts -> rules -> feedback for the next step -> records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..declare.learning import Learning
from ..declare.poisson import RATE
from ..declare.populations.projection import Projection
from .blocks import Blocks
from .names import (
    FEEDBACK,
    INPUTS,
    NEURONS,
    NOW,
    OUTPUT,
    RATES,
    READOUT,
    SPIKES,
    TARGET,
    TRACE_SPIKES,
    TRACES,
    recorded,
)
from .network_values import NetworkValues
from .parts import Map, Part, Rule, Samples, SpikeInput, SpikeRecord, Units, Variable, VariableRecord
from .places import Later, Net
from .rules import rules_of
from .units import delayed_trace, units_of

__all__ = ["NetworkWiring"]


class NetworkWiring(NetworkValues[Net]):
    """A `Network`, or what is short for one, as a circuit, with the values and states of its runs."""

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
        return tuple(self.part(OUTPUT, name) for name in self._outputs)

    @property
    def _outputs(self) -> list[str]:
        return [name for name in self.network.supervised if name not in self.network.targets]

    @property
    def sample_units(self) -> Mapping[str, str]:
        """Units in which plain samples of a run count, where they have one."""
        return {"rates": "hertz"} if self.network.poisson else {}

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

    def _parts(self) -> Iterator[tuple[str, Part]]:
        net = self.network
        for name in net.populations:
            yield self.part(NEURONS, name), self._units(name)
        yield from self._signals()
        yield from self._poisson()
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
        return units_of(self.network.equations[name], self.units_named.get(name, ()), self.constants(name))

    def _signals(self) -> Iterator[tuple[str, Part]]:
        """Yield supervisor and external inputs; of several, each has its columns."""
        net = self.network
        for signal, columns in ((TARGET, net.supervised), (INPUTS, net.external_inputs)):
            total = sum(columns.values())
            if total:
                yield signal, Samples(total)
            for name, n in columns.items() if len(columns) > 1 else ():
                yield self.part(signal, name), Map(Variable(signal, "value"), total, n, count=n, when="start")

    def _poisson(self) -> Iterator[tuple[str, Part]]:
        """Yield the rates of Poisson units, of which each population has its columns."""
        sizes = self.network.poisson
        if sizes:
            yield RATES, Samples(sum(sizes.values()))
        for name, n in sizes.items():
            rate = Variable(self.part(NEURONS, name), self.network.equations[name].added(RATE, "given"))
            yield self.part(RATES, name), Map(Variable(RATES, "value"), sum(sizes.values()), n, rate, n, when="start")

    def _records(self) -> Iterator[tuple[str, Part]]:
        net = self.network
        for name, first in self._spikes_recorded.items():
            stop = min(net.sizes[name], self.spikes_of - first)
            yield self.part(SPIKES, name), SpikeRecord(self.part(NEURONS, name), stop)
        for name in self._outputs:
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

    def _ends(self, k: int) -> tuple[Projection, int, int]:
        """Return a projection, and how many neurons there are on both of its sides."""
        projection = self.network.projections[k]
        return projection, self.network.n_pre(k), self.network.sizes[projection.post]

    def _static(self, k: int) -> Iterator[tuple[str, Part]]:
        projection, pre, post = self._ends(k)
        target = self.part(NEURONS, projection.post)
        sources, delays = tuple(self.part(NEURONS, each) for each in projection.sources), self.network.delays[k]
        longest = None if delays is None else int(delays.max(initial=0))
        learned: dict[str, Any] = {}
        if projection.at_spikes:
            for each in self.later(k):  # what a rule reads
                yield from self._later(each)
            learned = {"trace": self._trace(k), "count": len(self.network.kernels[k])}
        for name, variable in self.bringing(k).items():
            yield (
                name,
                SpikeInput(
                    sources, pre, post, Variable(target, variable), **learned,
                    longest_delay=longest, own_delays=delays is not None and delays.ndim > 0,
                ),
            )  # fmt: skip

    def _trace(self, k: int) -> str | tuple[str | Variable, ...]:
        """Return what a rule reads of neurons whose weights act at spikes."""
        if k in self.network.delayed_traces:
            return self.acted_on(k)
        names = tuple(source.name for source in self.sources(k))
        return names[0] if len({*names}) == 1 else names

    def _each_step(self, k: int) -> Iterator[tuple[str, Part]]:
        projection, _, post = self._ends(k)
        net, name, pre = self.network, self.network.projection_names[k], self.acting(k).n
        there, equations = self.part(NEURONS, projection.post), net.equations[projection.post]
        for each in self.later(k):  # the spikes arrive at traces of their own, later
            yield from self._later(each)
        source, *more = self.acted_on(k)
        count = self.count(k)
        when = "end" if net.is_spiking(projection.sources[0]) else "start"
        learned, target = projection.learning is not None, Variable(there, self.added(k))
        yield (
            self.projection(k),
            Map(source, pre, post, target, count, learned=learned, when=when, more=tuple(more)),
        )
        if equations.has_present(name):
            now = Variable(there, equations.present(name))
            kept = when == "start" and count is None and self._is_renewed(self.projection(k))
            yield self.part(NOW, name), Map(source, pre, post, now, count, weights_of=self.projection(k), kept=kept)

    def _later(self, each: Later) -> Iterator[tuple[str, Part]]:
        n = len(each.neuron)
        yield each.part, delayed_trace(n, self.network.equations[each.source], each.trace)
        neurons, n_neurons = self.part(NEURONS, each.source), self.network.sizes[each.source]
        longest, own = int(np.max(each.steps)), np.ndim(each.steps) > 0
        for arriving, variable in each.bringing.items():
            place = Variable(each.part, variable)
            yield arriving, SpikeInput((neurons,), n_neurons, n, place, longest_delay=longest, own_delays=own)

    def _is_renewed(self, part: str) -> bool:
        """Say whether no rule changes the weights of a map, or one that can say at once what they give then."""
        of_it = [rule for rule, _, _ in self.rules.values() if part in rule.maps]
        plain = (not (any(rule.factors) or rule.signs or rule.divide_by_source or rule.grouped) for rule in of_it)
        return all(plain) and all(rule.when == "end" and rule.blocks.blocks == 1 for rule in of_it)

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
