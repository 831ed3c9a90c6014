"""Rate layers as a ForceNetwork, with all kernels that learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from ...circuit.names import (
    NEURONS,
    OUTPUT,
    PLASTIC_RULE,
    PLASTIC_WEIGHTS,
    READOUT_OUTPUT,
    READOUT_WEIGHTS,
    RULE,
    STEP,
    TARGET_NEURONS,
    TARGET_READOUT_WEIGHTS,
    TARGET_RULE,
    entry,
)
from ...declare.masks import masked_kernel
from ...declare.network import ForceNetwork, SparseKernel
from ...declare.plasticity import Plastic, TargetNetwork
from .clock import with_layer_time
from .declaration import Binding, Declaration, StateSeries, kernel, recorded, result_only, rule, scaled
from .static_kernel import static_kernel

__all__ = ["declaration_of_rate", "refusal_of_rate"]

#: Keras' activations as Brian2 expressions.
_ACTIVATIONS = {
    "tanh": "tanh",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "linear": "linear",
    "gelu": "0.5*x*(1 + erf(0.7071067690849304*x))",  # the root of 1/2 is a float32
    "softplus": "clip(x, 0, inf) + log(1 + exp(-abs(x)))",
    "softsign": "x/(1 + abs(x))",
    "elu": "clip(x, 0, inf) + exp(clip(x, -inf, 0)) - 1",
    "selu": "1.0507009873554805*(clip(x, 0, inf) + 1.6732632423543772*(exp(clip(x, -inf, 0)) - 1))",
    "leaky_relu": "clip(x, 0, inf) + 0.20000000298023224*clip(x, -inf, 0)",  # its slope is a float32
    "celu": "clip(x, 0, inf) + exp(clip(x, -inf, 0)) - 1",
    "exponential": "exp(x)",
    "hard_shrink": "x - clip(x, -0.5, 0.5) + 0.5*sign(x - clip(x, -0.5, 0.5))",
    "hard_sigmoid": "clip(x/6 + 0.5, 0, 1)",
    "hard_silu": "x*clip(x/6 + 0.5, 0, 1)",
    "hard_tanh": "clip(x, -1, 1)",
    "log_sigmoid": "clip(x, -inf, 0) - log(1 + exp(-abs(x)))",
    "mish": "x*tanh(clip(x, 0, inf) + log(1 + exp(-abs(x))))",
    "relu6": "clip(x, 0, 6)",
    "silu": "x/(1 + exp(-x))",
    "soft_shrink": "x - clip(x, -0.5, 0.5)",
    "sparse_plus": "0.25*clip(x + 1, 0, 2)**2 + clip(x - 1, 0, inf)",
    "sparse_sigmoid": "clip(0.5*x + 0.5, 0, 1)",
    "squareplus": "0.5*(x + sqrt(x**2 + 4))",
    "tanh_shrink": "x - tanh(x)",
}


def _activation(layer: Any) -> str:
    """Return the activation of a layer as an expression, empty where it has none."""
    return next((text for name, text in _ACTIVATIONS.items() if layer.activation is keras.activations.get(name)), "")


def refusal_of_rate(layer: Any) -> str | None:
    """Say why a rate layer cannot run on Brian2, or None."""
    if not _activation(layer):
        return f"the activation {getattr(layer.activation, '__name__', layer.activation)} has no Brian2 expression"
    return None


def declaration_of_rate(layer: Any, model: Any) -> Declaration:
    """Return the network of a rate layer and its model, as they are now."""
    learning, begin = model.learning_rule()
    counted = layer.steps_counted
    begin = counted if begin is None else begin
    n = layer.units
    a, h, z = model.force_layer.states
    readout = hasattr(layer, "output_kernel")
    reads = readout and model.learns_in_run("output_kernel")
    J = np.asarray(layer.recurrent_kernel, np.float64)
    static, plastic, learns = _recurrence(layer, model, J, learning)
    neuron, more_parameters = with_layer_time(layer.neuron, counted - begin)
    bindings = [
        scaled(a, entry(NEURONS, neuron.membrane)),
        scaled(h, entry(NEURONS, "r")),
        *_hidden(layer, NEURONS, begin),
    ]
    bindings.append(scaled(z, READOUT_OUTPUT) if readout else result_only(z, lambda state: state[OUTPUT][None]))

    learned, plastic = _learned(layer, model, plastic, learns, reads)

    inputs = np.asarray(layer.input_kernel) if layer.uses_input else None
    more: list[Binding] = []
    target, samples = None, _samples(inputs is not None)
    if plastic is not None and plastic.error == "target_network":
        target, more, samples = _target_network(layer, model, learning, begin)
        hints = np.zeros((model._hint_dim, n))
        inputs = hints if inputs is None else np.concatenate([inputs, hints])
    network = ForceNetwork(
        neuron, None, n, layer.dt_seconds, static,
        feedback_kernel=np.asarray(layer.feedback_kernel) if hasattr(layer, "feedback_kernel") else None,
        output_kernel=np.asarray(layer.output_kernel) if readout else None, input_kernel=inputs,
        parameters=layer.overrides() | more_parameters, initial=_zeros(layer), learning=learning if reads else None,
        dtype=model.brian2_dtype, seed=layer.noise_seed, plastic=plastic,
        target_network=target,
        activation=_activation(layer),
    )  # fmt: skip
    scale = network.display_unit(neuron.membrane)[1]
    series = (recorded(neuron.membrane, scale), recorded("r"), StateSeries(lambda results: results.output))
    return Declaration(network, (*bindings, *learned, *more), series, begin, samples)


def _learned(
    layer: Any, model: Any, plastic: Plastic | None, learns: np.ndarray, reads: bool
) -> tuple[list[Binding], Plastic | None]:
    """Return the bindings of the learned kernels and of their P, and the recurrence, which says whether it shares P."""
    bindings = []
    P = None
    if plastic is not None and model.learns_in_run("recurrent_kernel"):
        P = model.recurrent_P
        bindings.append(kernel(layer.recurrent_kernel, PLASTIC_WEIGHTS, None if learns.all() else learns))
    if reads:
        bindings.append(kernel(layer.output_kernel, READOUT_WEIGHTS))
    all_of = np.arange(layer.units)
    if P is not None and plastic is not None and P is model.readout_P:
        plastic = replace(plastic, shares_P=True) if reads else plastic
        return [*bindings, rule(RULE if reads else PLASTIC_RULE, [[all_of]], (P, [all_of]))], plastic
    of_readout = (model.readout_P, [all_of])
    if P is not None and plastic is not None:
        partners = [np.flatnonzero(column) for column in learns.T]
        matrices = model._blocks.members
        if reads and not plastic.divide_by_source:
            # where a user set one of them, each learns by its own
            plastic = replace(plastic, shares_P=_agree(model, P, matrices))
        if plastic.shares_P:
            return [*bindings, rule(RULE, [[all_of] * layer.output_size, partners], of_readout, (P, matrices))], plastic
        bindings.append(rule(PLASTIC_RULE, [partners], (P, matrices)))
    if reads:
        bindings.append(rule(RULE, [[all_of]], of_readout))
    return bindings, plastic


def _hidden(layer: Any, part: str, begin: int, learned: bool = False) -> list[Binding]:
    """Return the bindings of the variables that a time step changes beside the states."""
    bindings = [scaled(variable, entry(part, name), learned=learned) for name, variable in layer.further_states.items()]
    if layer.clock is not None:
        counted = layer.steps_counted
        bindings.append(
            result_only(layer.clock, lambda state: counted + int(np.ravel(state[STEP])[0]) - begin, learned=learned)
        )
    return bindings


def _zeros(layer: Any) -> dict[str, np.ndarray]:
    """Return initial values, which the bindings replace."""
    return {name: np.zeros(layer.units) for name in (*layer.neuron.state_variables, "r")}


def _recurrence(
    layer: Any, model: Any, J: np.ndarray, learning: Any
) -> tuple[SparseKernel | None, Plastic | None, np.ndarray]:
    """Return the static and the learned recurrence, and where weights learn."""
    mask = layer.recurrent_nontrainable_boolean_mask
    learns = np.ones(J.shape, bool) if mask is None else ~np.asarray(mask)
    if model.recurrent_error == "target_network" and not model.learns_in_run("recurrent_kernel"):
        # the target-generating network runs all the same
        return None, Plastic(J, replace(learning, start=0, stop=0), model.recurrent_error), learns
    if not model.learns_in_run("recurrent_kernel") or not learns.any():
        static = static_kernel(model, layer.recurrent_kernel, by_target=True)
        return static if len(static) else None, None, learns
    kernel_that_learns = None if learns.all() else masked_kernel(J, learns)
    plastic = Plastic(
        J if kernel_that_learns is None else kernel_that_learns, learning, model.recurrent_error,
        getattr(layer, "structural_connectivity", None), model.divide_by_source,
    )  # fmt: skip
    return masked_kernel(J, ~learns & (J != 0)), plastic, learns


def _agree(model: Any, P: Any, matrices: list[np.ndarray]) -> bool:
    """Whether readout and recurrence have one P where they have the same partners."""
    all_of = [m for m, partners in enumerate(matrices) if len(partners) == model.units]
    whole = np.asarray(model.readout_P)
    return all(np.allclose(np.asarray(P)[m], whole, rtol=1e-5, atol=1e-7 * np.abs(whole).max()) for m in all_of)


def _samples(inputs: bool) -> Callable[..., Mapping[str, Any]]:
    return lambda x, y: {"x": x if inputs else None, "y": y}


def _target_network(layer: Any, model: Any, learning: Any, begin: int) -> tuple[TargetNetwork, list[Binding], Any]:
    """Return the target-generating network of full-FORCE, the bindings of its variables, and what data it takes."""
    cell, hints, n = model.target_network.cell, model._hint_dim, layer.units
    rows = cell.input_kernel.shape[0]
    input_kernel = np.concatenate([np.asarray(cell.input_kernel), np.zeros((hints, n))])
    feedback = np.asarray(cell.feedback_kernel)
    hint_kernel = np.concatenate([np.zeros((rows, n)), np.asarray(cell.hint_kernel)]) if hints else None
    reads = model.trains_target_readout
    neuron, more = with_layer_time(cell.neuron, cell.steps_counted - begin)
    target = TargetNetwork(
        neuron, np.asarray(cell.recurrent_kernel), feedback, input_kernel, hint_kernel,
        parameters=cell.overrides() | more, initial=_zeros(cell), activation=_activation(layer),
        output_kernel=np.asarray(cell.output_kernel) if reads else None, learning=learning if reads else None,
    )  # fmt: skip
    a, h, outside = model.target_network.states
    last: dict[str, Any] = {}
    bindings = [
        scaled(a, entry(TARGET_NEURONS, neuron.membrane), learned=True),
        scaled(h, entry(TARGET_NEURONS, "r"), learned=True),
        *_hidden(cell, TARGET_NEURONS, begin, learned=True),
        result_only(outside, lambda _: last["outside"], learned=True),
    ]
    if reads:
        all_of = [np.arange(n)]
        bindings.append(kernel(cell.output_kernel, TARGET_READOUT_WEIGHTS))
        bindings.append(rule(TARGET_RULE, [all_of], (model.target_P_output, all_of)))

    def samples(x: np.ndarray, y: np.ndarray | None) -> Mapping[str, Any]:
        x = np.concatenate([x, np.zeros((len(x), rows + hints - x.shape[1]), x.dtype)], axis=1)
        if y is not None:
            last["outside"] = (y[-1:] @ feedback) + (x[-1:] @ hint_kernel if hints else 0.0)
        return {"x": x, "y": y}

    return target, bindings, samples
