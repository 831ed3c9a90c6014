"""Spiking layers of an equation file as a ForceNetwork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..equations import Neuron, load_neuron, load_synapse
from ..network import ForceNetwork, SparseKernel
from ..units import Dimension, dimension_of, magnitude
from .declaration import Declaration, Shown, constant, kernel, recorded, rule, scaled, shown_only

__all__ = ["declaration_of_spiking", "refusal_of_spiking"]

_TIME = dimension_of("second", "")


def refusal_of_spiking(layer: Any) -> str | None:
    """Say why the equation file of a layer cannot run on Brian2 in the layer's units, or None."""
    neuron = load_neuron(layer._file)
    if len(neuron.state_variables) > 2:
        return f"{neuron.name}.toml has more state variables than a layer keeps (two)"
    per_time = magnitude(f"1/({layer._time})", "hertz", "rate")
    if abs(per_time / magnitude(f"1*{neuron.rate_unit}", "hertz", "rate") - 1) > 1e-9:
        return f"{neuron.name}.toml counts rates in {neuron.rate_unit}, {type(layer).__name__} in 1/{layer._time}"
    return None


def declaration_of_spiking(layer: Any, model: Any) -> Declaration:
    """Return the network of a spiking layer and its model, as they are now."""
    neuron = load_neuron(layer._file)
    single = layer.tau_rise == 0
    synapse = load_synapse("single_exponential" if single else "double_exponential")
    # the published classes let the rate decay with tau_decay, the file's output with its tau_rise
    taus = {"tau_decay": layer.tau_syn} if single else {"tau_rise": layer.tau_decay, "tau_decay": layer.tau_rise}
    parameters = layer.expressions() | {name: f"{float(tau)!r}*{layer._time}" for name, tau in taus.items()}
    steps, v, u, h, hr, ipsc, hr_ipsc, z = model.force_layer.states
    counted = int(np.asarray(steps)[0, 0])
    # learning counts trained time steps, the neurons those since their states were set
    learning, begin = model.learning_rule()
    begin = counted if begin is None else begin
    learning = learning if model.trains("output_kernel") else None
    time = magnitude(f"1*{layer._time}", "second", "dt")
    dt = layer.dt * time
    network = ForceNetwork(
        neuron, synapse, layer.units, dt,
        recurrent=_sparse(model, np.asarray(layer.recurrent_kernel)),
        feedback_kernel=np.asarray(layer.feedback_kernel), output_kernel=np.asarray(layer.output_kernel),
        input_kernel=np.asarray(layer.input_kernel), parameters=parameters, learning=learning,
        dtype=model.brian2_dtype,
    )  # fmt: skip

    scale_of = _scales(neuron, layer, time)
    rate, current = synapse.named("r", "r"), synapse.named(neuron.inputs["recurrent"], "rec")
    names = {1: neuron.membrane, 3: rate[synapse.output], 5: current[synapse.output]}
    names |= dict(zip([2], [name for name in neuron.state_variables if name != neuron.membrane], strict=False))
    if not single:
        names |= {4: next(n for x, n in rate.items() if x != synapse.output)}
        names |= {6: next(n for x, n in current.items() if x != synapse.output)}

    links = [shown_only(steps, lambda state: [[counted + int(np.ravel(state["step"])[0]) - begin]])]
    shown = [Shown(lambda results: counted + 1.0 + np.arange(results.n_steps)[:, None])]
    for i, variable in enumerate((v, u, h, hr, ipsc, hr_ipsc), start=1):
        if i not in names:
            shown.append(constant(np.asarray(variable)))
            continue
        dimension = network.state_variables[names[i]]
        scale = scale_of(dimension)
        shift = (begin - counted) * dt if i == 2 and dimension == _TIME else 0.0
        links.append(scaled(variable, f"neurons.{names[i]}", scale, shift))
        shown.append(recorded(names[i], network.display_unit(names[i])[1] / scale, -shift / scale))
    links.append(scaled(z, "readout.z"))
    shown.append(Shown(lambda results: results.output))
    if learning is not None:
        all_of = [np.arange(layer.units)]
        links += [kernel(layer.output_kernel, "readout.w"), rule("rls", [all_of], (model.P_output, all_of))]
    return Declaration(network, tuple(links), tuple(shown), begin)


def _sparse(model: Any, matrix: np.ndarray) -> SparseKernel:
    """Return the static recurrence; the last one, if it has not changed, for a large matrix takes time."""
    known = model.__dict__.get("_static_kernel")
    if known is None or not np.array_equal(known[0], matrix):
        known = (matrix.copy(), SparseKernel.from_dense(matrix))
        object.__setattr__(model, "_static_kernel", known)  # past Keras' tracking
    return known[1]


def _scales(neuron: Neuron, layer: Any, time: float) -> Callable[[Dimension], float]:
    """Return a function from a dimension to the SI value of the layer's unit of it."""
    units = {"second": time, "volt": 1.0, "amp": 1.0}
    if layer._voltage != "1":
        units["volt"] = magnitude(f"1*{layer._voltage}", "volt", "v")
    if dimension_of(neuron.current_unit, "") == dimension_of("amp", ""):
        units["amp"] = magnitude(f"1*{neuron.current_unit}", "amp", "I")
    basis = np.array([dimension_of(name, "") for name in units], float).T

    def scale_of(dimension: Dimension) -> float:
        exponents = np.linalg.lstsq(basis, np.array(dimension, float), rcond=None)[0]
        return float(np.prod([value ** round(e) for value, e in zip(units.values(), exponents, strict=True)]))

    return scale_of
