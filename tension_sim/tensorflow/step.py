"""One time step of an equation file on tensors: of a spiking neuron, of a rate unit, of a synaptic filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import tensorflow as tf

from ..declare.equations import Neuron, SynapticFilter
from ..declare.neuron import base_unit
from .expressions import evaluate_text
from .statements import STEPS_SINCE_SPIKE, Program, carry_out, depending, depends_on_sum, program_of

__all__ = [
    "FilterStep",
    "NeuronStep",
    "RateStep",
    "Spiked",
    "filter_step",
    "neuron_step",
    "rate_step",
    "rests",
    "since_spike",
]


@dataclass(frozen=True)
class Spiked:
    """The states after a step of spiking neurons.

    Attributes
    ----------
    before, after : dict of str to tensor
        The state variables before the neurons that spike are reset, and after.
    spikes : tensor of bool
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    spikes: Any


@dataclass(frozen=True)
class _FileStep:
    """One time step of an equation file.

    Attributes
    ----------
    variables : tuple of str
        The state variables of the file.
    conditions : tuple of str
        Those that are conditions; their tensors hold 0 and 1.
    program : Program
    """

    name: str
    variables: tuple[str, ...]
    conditions: tuple[str, ...]
    program: Program

    def _read(self, states: Mapping[str, Any]) -> dict[str, Any]:
        return dict(states) | {name: tf.cast(states[name], tf.bool) for name in self.conditions}


class NeuronStep(_FileStep):
    """One time step of a neuron file."""

    def __call__(self, states: Mapping[str, Any], names: Mapping[str, Any], advanced: Mapping[str, Any]) -> Spiked:
        """Advance the states.

        Parameters
        ----------
        states : mapping
            Tensor of each state variable.
        names : mapping
            All else that the file uses: its inputs, its parameters and ``dt`` as plain numbers of one coherent
            system of units, the units and the time; with a refractory clause also ``t_in_timesteps``.
        advanced : mapping
            Names that have a new value when the threshold is tested: currents that advance beside the states.
        """
        read = self._read(states)
        if "lastspike" in states:
            read |= since_spike(states["lastspike"], names, states[self.variables[0]].dtype)
        values = _updated(self.program, {**names, **read}, self.name)
        if advanced:
            values = carry_out(self.program.parts["before"], {**values, **advanced}, self.name)
        spikes = carry_out(self.program.parts["threshold"], values, self.name)["_cond"]
        if "lastspike" in states:
            values |= rests(spikes, states["lastspike"], values, names)
        reset = carry_out(self.program.parts["reset"], values, self.name)
        before, after = {}, {}
        for name in self.variables:
            before[name] = _shaped(values[name], states[name])
            changed = reset[name] is not values[name]
            after[name] = (
                tf.where(spikes, _shaped(reset[name], states[name]), before[name]) if changed else before[name]
            )
        return Spiked(before, after, spikes)

    @property
    def refractory(self) -> bool:
        """Whether neurons rest after a spike by the file's refractory clause."""
        return "lastspike" in self.variables

    def spikes_by(self, name: str) -> bool:
        """Whether threshold or reset depend on an input."""
        return bool(depending(self.program, {name}) & self.program.names("threshold", "reset"))

    def adds_up(self, inputs: tuple[str, ...], *more: str) -> bool:
        """Whether the update depends on the sum of some variables alone, and threshold and reset on none.

        Examples
        --------
        >>> from tension_sim import load_neuron
        >>> neuron_step(load_neuron("lif")).adds_up(("I_rec", "I_fb", "I_in"), "bias")
        True
        """
        return depends_on_sum(self.program, (*inputs, *more)) and not any(map(self.spikes_by, inputs))


class RateStep(_FileStep):
    """One time step of a file of rate units."""

    def __call__(self, states: Mapping[str, Any], names: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Return the states after the step, and the rates; `names` as for `NeuronStep`, with ``activation``."""
        values = _updated(self.program, {**names, **self._read(states)}, self.name)
        after = {name: _shaped(values[name], states[name]) for name in self.variables}
        return after, self._rate_of(values, states)

    def rate(self, states: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
        """Return the rates in given states."""
        values = _begun(self.program, {**names, **self._read(states)}, self.name)
        return self._rate_of(values, states)

    def _rate_of(self, values: Mapping[str, Any], states: Mapping[str, Any]) -> Any:
        rate = carry_out(self.program.parts["rate"], values, self.name)["r"]
        return _shaped(rate, states[self.variables[0]])


@dataclass(frozen=True)
class FilterStep:
    """One time step of a synaptic filter file.

    Attributes
    ----------
    variables : tuple of str
        The states; the output first.
    spike : dict of str to str
        What a spike adds to which of them.
    program : Program
    """

    name: str
    variables: tuple[str, ...]
    spike: Mapping[str, str]
    program: Program

    def __call__(self, states: Sequence[Any], spikes: Any, numbers: Mapping[str, float]) -> list[Any]:
        """Let the states decay, then add the spikes (or their weighted sum)."""
        values = _updated(self.program, {**numbers, **dict(zip(self.variables, states, strict=True))}, self.name)
        for variable, amount in self.spike.items():
            values[variable] = values[variable] + spikes * evaluate_text(amount, numbers, self.name)
        return [values[name] for name in self.variables]


def _updated(program: Program, names: Mapping[str, Any], where: str) -> dict[str, Any]:
    return carry_out(program.parts["update"], _begun(program, names, where), where)


def _begun(program: Program, names: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return names with what a step computes from its states and inputs when it begins."""
    return carry_out(program.parts["before"], carry_out(program.parts["held"], names, where), where)


def since_spike(last: Any, names: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """Return how many time steps ago each neuron spiked, as Brian2 counts, and when; `last` is in float64."""
    step = tf.cast(names["t_in_timesteps"], tf.int64)
    then = tf.cast(tf.math.ceil(last / names["dt"] - 1e-3), tf.int64)
    return {STEPS_SINCE_SPIKE: step - then, "lastspike": tf.cast(last, dtype)}


def rests(spikes: Any, last: Any, values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the refractory clause keeps of the spikes of a step."""
    now = tf.cast(names["t_in_timesteps"], last.dtype) * names["dt"]
    free = tf.logical_and(values["not_refractory"], tf.logical_not(spikes))
    return {"lastspike": tf.where(spikes, now, last), "not_refractory": free}


def _shaped(value: Any, state: Any) -> Any:
    """Return a value for each neuron, where all have the same, as its state is stored."""
    if isinstance(value, bool) or (tf.is_tensor(value) and value.dtype != state.dtype):
        value = tf.cast(value, state.dtype)
    if tf.is_tensor(value) and value.shape == state.shape:
        return value
    return tf.zeros_like(state) + value


def neuron_step(neuron: Neuron) -> NeuronStep:
    """Return the step of a neuron file.

    Raises
    ------
    InvalidValueError
        If the equations are wrong, or use what TensorFlow does not have.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> neuron_step(load_neuron("lif")).variables
    ('v', 'last')
    """
    return NeuronStep(f"{neuron.name}.toml", *_states_of(neuron), _program_of(neuron))


def rate_step(neuron: Neuron) -> RateStep:
    """Return the step of a file of rate units; see `neuron_step`.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> rate_step(load_neuron("filtered_noise")).variables
    ('a', 'noise')
    """
    return RateStep(f"{neuron.name}.toml", *_states_of(neuron), _program_of(neuron))


def _states_of(neuron: Neuron) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = tuple(neuron.state_variables)
    return names, tuple(name for name in names if neuron.meanings[name].kind == "boolean")


def _program_of(neuron: Neuron) -> Program:
    return _neuron_program(
        neuron.name,
        neuron.equations,
        tuple(neuron.parameters.items()),
        tuple((name, base_unit(unit, neuron.name)) for name, unit in neuron.input_units.items()),
        neuron.method,
        neuron.rate,
        neuron.threshold,
        neuron.reset,
        neuron.refractory,
    )


@cache
def _neuron_program(
    name: str,
    equations: str,
    parameters: tuple[tuple[str, str], ...],
    inputs: tuple[tuple[str, str], ...],
    method: str,
    rate: str,
    threshold: str,
    reset: str,
    refractory: str,
) -> Program:
    lines = [equations, *(f"{variable} : {unit}" for variable, unit in inputs)]
    spiking = {"threshold": threshold, "reset": reset} if threshold else {}
    spiking |= {"refractory": refractory} if refractory else {}
    names = tuple(variable for variable, _ in inputs)
    return program_of(name, "\n".join(lines), dict(parameters), names, method, rate, **spiking)


def filter_step(synapse: SynapticFilter) -> FilterStep:
    """Return the step of a synaptic filter file.

    Examples
    --------
    >>> from tension_sim import load_synapse
    >>> filter_step(load_synapse("double_exponential")).variables
    ('x', 'h_x')
    """
    equations, spike = synapse.instance(synapse.output, synapse.output, "1")
    names = synapse.named(synapse.output, synapse.output)
    variables = tuple(sorted(names.values(), key=lambda name: name != synapse.output))
    exact = variables if synapse.exact else ()
    program = _filter_program(synapse.name, equations, exact, tuple(synapse.parameters.items()))
    return FilterStep(f"{synapse.name}.toml", variables, spike, program)


@cache
def _filter_program(
    name: str, equations: str, exact: tuple[str, ...], parameters: tuple[tuple[str, str], ...]
) -> Program:
    from ..brian.integration import ExactDecay

    return program_of(name, equations, dict(parameters), method=ExactDecay(exact, "euler") if exact else "euler")
