"""The values and states that runs of a network start from, and the weights that they leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..declare.delays import delays_by_source
from ..declare.kernels import SparseKernel
from ..declare.populations.equations import Filter, PopulationEquations
from ..declare.units import Quantity, evaluate
from .names import (
    FEEDBACK,
    INPUTS,
    NEURONS,
    RATES,
    READOUT,
    STEP,
    TARGET,
    TRACE_SPIKES,
    TRACES,
    entries,
    entry,
)
from .places import Later, Net, Places
from .rules import values_of_rules
from .state import check_state
from .units import unit_name
from .values import kernel_values, spike_values

__all__ = ["NetworkValues"]


class NetworkValues(Places[Net]):
    """Values, states and learned weights of a network."""

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
        for signal, columns in ((TARGET, net.supervised), (INPUTS, net.external_inputs)):
            values |= self._columns(signal, columns) if len(columns) > 1 else {}
        values |= self._columns(RATES, net.poisson)
        return values | values_of_rules(self, self.rules) | self.recording_values()

    def _parameters(self, name: str, equations: PopulationEquations) -> dict[str, Any]:
        net = self.network
        values: dict[str, Any] = {key: quantity.value for key, quantity in equations.parameters.items()}
        values = {key: value if np.ndim(value) else float(value) for key, value in values.items()}
        values |= {unit_name(into): net.input_scale(name, into) for into in self.units_named.get(name, ())}
        values |= {key: float(quantity.value) for key, quantity in self.constants(name).items()}
        return values | ({"rate_time": net.rate_time_of(name)} if equations.traces else {})

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
        parameters = self.network.equations[projection.post].parameters
        filtered, rate_time = self.arrives(k), self.network.rate_time_of(projection.sources[0])
        for name, variable in self.bringing(k).items():
            jump = _jump(filtered, filtered.spike[variable], parameters, rate_time)
            kernel, dtype = self.network.kernels[k], self.network.dtype
            values |= spike_values(name, kernel, scale, jump, dtype) | self._delay_values(name, k)
            if projection.at_spikes:
                del values[entry(name, "w")]  # which belong to the state, in the order of targets
                values |= entries(name, {"row_start": self.rows[k].start, "slot": self.rows[k].slots})
        return values | self._values_later(k)

    def _delay_values(self, name: str, k: int) -> dict[str, Any]:
        """Return the delays of a part that brings spikes."""
        delays = self.network.delays[k]
        if delays is None:
            return {}
        of_each = delays_by_source("Projection.delay", self.network.kernels[k], delays) if delays.ndim else int(delays)
        return {entry(name, "delay_steps"): of_each}

    def _weights_each_step(self, k: int) -> dict[str, Any]:
        net, projection, name = self.network, self.network.projections[k], self.projection(k)
        values = kernel_values(name, self.acting(k), net.input_scale(projection.post, net.inputs[k]))
        if self.count(k) is None:
            values = {entry(name, "w"): values[entry(name, "w")]}
        if projection.learning is not None:
            del values[entry(name, "w")]  # which belong to the state
        return values | self._values_later(k)

    def _values_later(self, k: int) -> dict[str, Any]:
        """Return the values of all traces of a projection at which spikes arrive later."""
        values: dict[str, Any] = {}
        for each in self.later(k):
            values |= self._later_values(each)
        return values

    def _later_values(self, later: Later) -> dict[str, Any]:
        """Return the values of traces at which spikes arrive later."""
        equations, trace = self.network.equations[later.source], later.trace
        values = entries(later.part, {key: float(equations.parameters[key].value) for key in trace.synapse.parameters})
        n, rate_time = len(later.neuron), self.network.rate_time_of(later.source)
        each_its_own = SparseKernel(equations.population.n, later.neuron, np.arange(n), np.ones(n), n)
        for arriving, variable in later.bringing.items():
            jump = _jump(trace, trace.arriving[variable], equations.parameters, rate_time)
            values |= spike_values(arriving, each_its_own, 1.0, jump)
            values[entry(arriving, "delay_steps")] = later.steps if np.ndim(later.steps) else int(later.steps)
        return values

    def _columns(self, signal: str, columns: Mapping[str, int]) -> dict[str, Any]:
        """Return which columns of a signal belong to each that takes some."""
        values: dict[str, Any] = {}
        first = 0
        for name, n in columns.items():
            one_each = {"w": np.ones(n), "partner": first + np.arange(n), "row_start": np.arange(n + 1)}
            values |= entries(self.part(signal, name), one_each)
            first += n
        return values

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's.

        Raises
        ------
        UnknownNameError, InvalidValueError
            If `given` has unknown names or shapes.
        """
        given = {} if given is None else check_state(given, self.circuit)
        state = self._declared_state(trial) | given
        for (readout, population, into), kernel in self.network.feedback_kernels.items():
            variable = self.network.equations[population].added(into, readout)
            fed, z = entry(self.part(NEURONS, population), variable), entry(self.part(READOUT, readout), "z")
            if z in state and fed not in given:
                state[fed] = np.ravel(state[z]) @ kernel * self.network.input_scale(population, into)
        return state | {name: values for name, values in self._remembered(state).items() if name not in given}

    def _remembered(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return what weights give for the rates that a step begins with, where a rule reads it then."""
        net, found = self.network, {}
        for k, (name, kernel) in enumerate(zip(net.projection_names, net.kernels, strict=True)):
            post = net.projections[k].post
            if net.equations[post].remembers(name):
                weights = self.weights(state)[name] if net.projections[k].learning else kernel.weight
                rates = np.ravel(state[entry(*self.sources(k)[0])])
                given = np.bincount(kernel.post, weights * rates[kernel.pre], kernel.n_post)
                place = entry(self.part(NEURONS, post), net.equations[post].present(name))
                found[place] = given * net.input_scale(post, net.inputs[k])
        return found

    def _initial_values(self, trial: int) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Return the initial values of the populations in a trial."""
        return self.network.initial_values

    def _declared_state(self, trial: int) -> dict[str, Any]:
        net = self.network
        state: dict[str, Any] = {STEP: 0}
        initial = self._initial_values(trial)
        for name, values in initial.items():
            state |= entries(self.part(NEURONS, name), values)
        for name, kernel in net.output_kernels.items():
            part, sources = self.part(READOUT, name), net.readouts[name].sources
            state[entry(part, "w")] = kernel.T.ravel()
            if not any(net.is_spiking(source) for source in sources):
                rates = [initial[source]["r"] for source in sources]
                state[entry(part, "z")] = np.concatenate(rates) @ kernel
        for k, projection in enumerate(net.projections):
            scale, place = net.input_scale(projection.post, net.inputs[k]), entry(self.projection(k), "w")
            if projection.at_spikes and self.bringing(k):
                state[place] = self.rows[k].weight * scale
            elif projection.learning is not None:
                state[place] = self.acting(k).rows()[2] * scale
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
            name, place = net.projection_names[k], entry(self.projection(k), "w")
            scale = net.input_scale(projection.post, net.inputs[k])
            if projection.at_spikes:
                found[name] = arrays.get(place, np.zeros(0))[self.rows[k].slots] / scale
            elif projection.learning is not None:
                order = self.acting(k).row_order()
                found[name] = np.empty(len(order))
                found[name][order] = arrays[place] / scale
        return found


def _jump(filtered: Filter, amount: str, parameters: Mapping[str, Quantity], rate_time: float) -> float:
    """Return what a spike of weight 1 adds, in SI units; a filter counts by the rate of the presynaptic neuron."""
    jump = float(evaluate(amount, filtered.synapse.name, parameters).value)
    return jump * rate_time if filtered.synapse.kind == "filter" else jump
