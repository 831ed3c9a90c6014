"""The units of a population: its equations, with all that is connected to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from ..declare.activation import rate_expression
from ..declare.equations import SEED
from ..declare.language.unit_table import unit_text
from ..declare.populations.equations import ARRIVED, Filter, PopulationEquations
from ..declare.units import Quantity
from .parts import Units

__all__ = ["delayed_trace", "unit_name", "units_of", "with_seed"]


def with_seed(lines: list[str], *code: str) -> list[str]:
    """Return equations that declare the seed of the noise, if they or other code of the units use it."""
    uses = any(re.search(rf"\b{SEED}\b", text) for text in (*lines, *code))
    return [*lines, f"{SEED} : integer (shared, constant)"] if uses else lines


def unit_name(into: str) -> str:
    """Return the variable that holds the unit of an input, for errors of rules."""
    return f"unit_{into}"


def units_of(equations: PopulationEquations, named: Collection[str], constants: Mapping[str, Quantity]) -> Units:
    """Return the units of a population.

    Parameters
    ----------
    equations : PopulationEquations
        Its variables.
    named : collection of str
        Inputs whose units rules need.
    constants : mapping of str to Quantity
        Numbers that rules need.
    """
    neuron, activation = equations.population.neuron, equations.population.activation
    lines, reset = [neuron.equations] if neuron.equations else [], [neuron.reset]
    lines += [line for each in equations.filters for line in (each.equations, *each.declared_sum)]
    if not equations.spiking:
        lines.append("r : 1")
    for each in equations.traces:
        amounts = (f"{variable} += {amount}" for variable, amount in _amounts(each).items())
        reset += [each.at_spike, *amounts, each.update]
    if equations.traces:
        lines.append("rate_time : second (shared, constant)")
    lines += [f"{variable} : {unit}" for variable, unit in equations.written]
    for into in neuron.input_units:
        parts = equations.inputs.get(into, [])
        if not parts:
            lines.append(f"{into} : {equations.unit(into)} (shared)")
        elif parts != [into]:
            lines.append(f"{into} = {' + '.join(parts)} : {equations.unit(into)}")
    lines += [f"{name} : {equations.unit(into)}" for name, into in equations.present_inputs.items()]
    lines += [f"{unit_name(into)} : {equations.unit(into)} (shared, constant)" for into in sorted(named)]
    lines += [f"{name} : {unit_text(number.dimension)} (shared, constant)" for name, number in constants.items()]
    own = {name: each.dimension for name, each in equations.parameters.items() if np.ndim(each.value)}
    lines += [f"{name} : {unit_text(dimension)} (constant)" for name, dimension in own.items()]
    synapses = [each.synapse for each in equations.filters]
    by_euler = [v for each in equations.filters if not each.synapse.exact for v in each.variables]
    return Units(
        n=equations.population.n,
        equations="\n".join(with_seed(lines, *neuron.code)),
        parameters=tuple((key, each.dimension) for key, each in equations.parameters.items() if key not in own),
        states=tuple(equations.state_variables),
        method=neuron.method,
        filters=tuple(v for each in equations.filters if each.synapse.exact for v in each.variables),
        stepwise=() if neuron.method == "euler" else tuple(by_euler),
        threshold=neuron.threshold,
        refractory=neuron.refractory,
        reset="\n".join(filter(None, reset)),
        rate="\n".join(filter(None, (each.update for each in equations.traces)))
        if neuron.spiking
        else f"r = {rate_expression(neuron, activation)}",
        files=(neuron.name, *dict.fromkeys(synapse.name for synapse in synapses)),
    )


def delayed_trace(n: int, equations: PopulationEquations, trace: Filter) -> Units:
    """Return the units of `n` traces of a population at which its spikes arrive later.

    At a trace with presynaptic state what arrives is a spike of the trace's own, at which it does what its neuron
    would. The next spike may arrive in the step in which it does so: that one waits for its own step.
    """
    lines, states = [trace.equations, *trace.declared_sum], [*trace.variables]
    threshold = reset = ""
    if trace.update:
        states.append(trace.output)
    if trace.at_spike:
        lines.append(f"{ARRIVED} : 1")
        states.append(ARRIVED)
        threshold, reset = f"{ARRIVED} > 0.5", f"{trace.at_spike}\n{ARRIVED} -= 1"
    return Units(
        n=n,
        equations="\n".join(lines),
        parameters=tuple((name, equations.parameters[name].dimension) for name in trace.synapse.parameters),
        states=tuple(states),
        filters=trace.variables if trace.synapse.exact else (),
        rate=trace.update,
        files=(trace.synapse.name,),
        threshold=threshold,
        reset=reset,
    )


def _amounts(trace: Filter) -> dict[str, str]:
    """Return what a spike adds to the variables of a trace."""
    by_rate = trace.synapse.kind == "filter"
    return {variable: f"rate_time*({amount})" if by_rate else amount for variable, amount in trace.spike.items()}
