"""Structure -> Brian2 objects, in the published order of operations.

Within a step: signals, inputs -> v and filters advance from the previous step's currents ->
threshold -> synapses and resets add to the filters -> readout -> RLS -> feedback for the
next step -> recorders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from brian2.core.base import BrianObjectException
from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.equations.equations import PARAMETER, Equations, SingleEquation
from brian2.groups.neurongroup import NeuronGroup
from brian2.monitors.spikemonitor import SpikeMonitor
from brian2.stateupdaters.base import StateUpdateMethod
from brian2.synapses.synapses import Synapses
from brian2.units.allunits import second
from brian2.units.fundamentalunits import Quantity, get_or_create_dimension

from ..equations import resolve_parameters
from ..errors import InvalidValueError, message, unknown_name
from ..structure import Structure
from ..units import dimension_of
from .integration import ExactDecay
from .linear_map import LinearMap
from .recorder import Recorder
from .rls import RLS
from .signal import Signal

__all__ = ["assemble", "blaming_the_file"]


def assemble(structure: Structure) -> dict[str, Any]:
    """Build the Brian2 objects of a network, by name; all values are zero or one.

    Returns
    -------
    dict of str to BrianObject
        ``"network"`` holds a `Network` of all the others.
    """
    clock = Clock(structure.dt * second, name="network_clock")
    neurons = _neurons(structure, clock)
    inputs = structure.neuron.inputs
    unit = Quantity(1.0, dim=neurons.variables[inputs["feedback"]].dim)
    objects: dict[str, Any] = {"neurons": neurons}
    n, n_outputs, n_inputs = structure.n, structure.n_outputs, structure.n_inputs

    objects["target"] = Signal(np.zeros((1, n_outputs)), clock=clock, name="target")
    if n_inputs:
        objects["inputs"] = Signal(np.zeros((1, n_inputs)), clock=clock, name="inputs")
        objects["input"] = LinearMap(
            objects["inputs"], "value", weights=np.zeros((n, n_inputs)) * unit, target=neurons,
            target_variable=inputs["external"], clock=clock, when="start", order=0, name="input",
        )  # fmt: skip
    if structure.recurrent:
        objects["recurrent"] = _synapses(structure, neurons, clock)
    objects["readout"] = readout = LinearMap(
        neurons, "r", weights=np.zeros((n_outputs, n)), clock=clock, order=0, name="readout"
    )
    if structure.learning:
        objects["rls"] = RLS(readout, objects["target"], alpha_P=1.0, order=2, name="rls")
    objects["feedback"] = LinearMap(
        readout, "z", weights=np.zeros((n, n_outputs)) * unit, target=neurons,
        target_variable=inputs["feedback"], clock=clock, order=3, name="feedback",
    )  # fmt: skip
    if structure.spikes_of:
        objects["spikes"] = SpikeMonitor(neurons[: structure.spikes_of], name="spikes")
    objects["output"] = Recorder(readout, "z", clock=clock, name="output")
    for name, indices in structure.recorded:
        objects[f"recorded_{name}"] = Recorder(neurons, name, indices=indices, clock=clock, name=f"recorded_{name}")
    objects["network"] = Network(*objects.values(), name="tsim_network")
    return objects


def _neurons(structure: Structure, clock: Clock) -> NeuronGroup:
    neuron, synapse = structure.neuron, structure.synapse
    unit = "1" if dimension_of(neuron.current_unit, neuron.name) == dimension_of("1", "") else _brian_unit(neuron)
    rate, rate_spike = synapse.instance("r", "r", "1")
    current, _ = synapse.instance(neuron.inputs["recurrent"], "rec", unit)
    external = "" if structure.n_inputs else " (shared)"
    text = "\n".join(
        [
            neuron.equations,
            rate,
            current,
            f"{neuron.inputs['feedback']} : {unit}",
            f"{neuron.inputs['external']} : {unit}{external}",
            "rate_time : second (shared, constant)",
        ]
    )
    if neuron.method not in StateUpdateMethod.stateupdaters:
        raise unknown_name(f"{neuron.name}: method", "method", neuron.method, StateUpdateMethod.stateupdaters)
    increments = [f"{variable} += rate_time*({amount})" for variable, amount in rate_spike.items()]
    with blaming_the_file(structure, Exception):
        equations = Equations(text) + _parameters(structure)
        return NeuronGroup(
            structure.n,
            equations,
            method=ExactDecay(structure.filter_variables, neuron.method),
            threshold=neuron.threshold,
            reset="\n".join([neuron.reset, *increments]),
            clock=clock,
            namespace={},
            name="neurons",
        )


@contextmanager
def blaming_the_file(structure: Structure, errors: type[Exception] = BrianObjectException) -> Iterator[None]:
    """Turn what Brian2 says about equations into an error that names the file they come from."""
    try:
        yield
    except errors as error:
        raise InvalidValueError(
            message(
                f"{structure.neuron.name}: equations, threshold or reset",
                f"Brian2 code that fits the filter {structure.synapse.name!r}",
                _root(error),
                "mend the equation file.",
            )
        ) from error


def _brian_unit(neuron: Any) -> str:
    """Return the unit of currents as an equation file may declare it (no scale)."""
    parts = zip(
        ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candela"),
        dimension_of(neuron.current_unit, neuron.name),
        strict=True,
    )
    return "*".join(f"{name}**{exponent:g}" for name, exponent in parts if exponent)


def _parameters(structure: Structure) -> Equations:
    """Declare parameters as shared variables, so that other values need no other code."""
    defaults = {**structure.neuron.parameters, **structure.synapse.parameters}
    values = resolve_parameters(structure.neuron.name, defaults, dt=structure.dt)
    return Equations(
        [
            SingleEquation(PARAMETER, name, get_or_create_dimension(quantity.dimension), flags=["shared", "constant"])
            for name, quantity in values.items()
        ]
    )


def _synapses(structure: Structure, neurons: NeuronGroup, clock: Clock) -> Synapses:
    synapse = structure.synapse
    current, spike = synapse.instance(structure.neuron.inputs["recurrent"], "rec", "1")
    names = "|".join(map(re.escape, synapse.parameters)) or "$^"
    lines = []
    for variable, amount in spike.items():
        amount = re.sub(rf"\b({names})\b", r"\1_post", amount)
        lines.append(f"{variable}_post += w*(rate_time_post*({amount}))")
    dim = neurons.variables[structure.neuron.inputs["recurrent"]].dim
    weight = Equations([SingleEquation(PARAMETER, "w", dim)])
    return Synapses(
        neurons, neurons, model=weight, on_pre="\n".join(lines), delay=0 * second,
        namespace={}, clock=clock, name="recurrent",
    )  # fmt: skip


def _root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)
