"""A declared network as plain values and arrays, so that a file holds all that is needed to run it again.

Equations travel as the text of their file and are read by the same parser: a file from a stranger
can declare no more than an equation file can.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from ..declare.arrays_in import numbers_and_dimension
from ..declare.equation_text import from_text, to_text
from ..declare.equations import Neuron, SynapticFilter
from ..declare.fitted import FittedNetwork
from ..declare.kernels import SparseKernel
from ..declare.learning import Learning
from ..declare.network import ForceNetwork
from ..declare.parameters import expression_of
from ..declare.plasticity import Plastic, TargetNetwork
from ..declare.populations.network import Network
from ..declare.populations.population import Population
from ..declare.populations.projection import Projection
from ..declare.populations.readout import Readout
from ..declare.traces import Traces
from ..errors import InvalidValueError, message

__all__ = ["declaration_of", "described", "digest", "learned"]

AnyNetwork = ForceNetwork | FittedNetwork | Network

_CLASSES = {
    one.__name__: one
    for one in (
        ForceNetwork, FittedNetwork, SparseKernel, Learning, Plastic, TargetNetwork, Traces,
        Network, Population, Projection, Readout,
    )
}  # fmt: skip


def described(net: AnyNetwork | None) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
    """Return a network as plain values, and its arrays by dotted names.

    Examples
    --------
    >>> plain, arrays = described(ForceNetwork.random("lif", n=10, seed=1))
    >>> sorted(arrays)[:3]
    ['feedback_kernel', 'output_kernel', 'recurrent.post']
    >>> declaration_of(plain, arrays).n
    10
    """
    arrays: dict[str, np.ndarray] = {}
    if net is None:
        return None, arrays
    plain = _encoded(net, "", arrays)
    return {"declared": plain, "digest": digest(plain, arrays)}, arrays


def digest(plain: Any, arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 digest of plain values and arrays: the same on every machine."""
    found = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(array.data if array.size else b"")
    return found.hexdigest()


def _encoded(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Neuron | SynapticFilter):
        return {"equations": to_text(value), "name": value.name}
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        inner = {f.name: _field(value, f.name, place, arrays) for f in fields(value) if f.init}
        return {"class": type(value).__name__, "fields": inner}
    if isinstance(value, Mapping):
        return {"table": {key: _encoded(item, f"{place}.{key}", arrays) for key, item in value.items()}}
    if isinstance(value, tuple):
        return {"list": [_encoded(item, f"{place}.{k}", arrays) for k, item in enumerate(value)]}
    arrays[place] = np.asarray(value)
    return {"array": place}


def _field(holder: Any, name: str, place: str, arrays: dict[str, np.ndarray]) -> Any:
    value, place = _evaluated(holder, name), f"{place}.{name}" if place else name
    if name == "parameters":
        return {"table": {key: _parameter(text, f"{place}.{key}", arrays) for key, text in value.items()}}
    if name == "initial":
        return {"table": {key: _initial(holder, key, item, f"{place}.{key}", arrays) for key, item in value.items()}}
    return _encoded(value, place, arrays)


def _parameter(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return a parameter: an expression, which may draw, or one number in SI units for each neuron."""
    if isinstance(value, str) or not np.ndim(value):
        return expression_of(value)
    return _encoded(numbers_and_dimension(place, value, "an array")[0], place, arrays)


def _evaluated(holder: Any, name: str) -> Any:
    """Return a field; of a `Network` with weights and initial values as numbers, whatever they were given as."""
    value = getattr(holder, name)
    if not isinstance(holder, Network):
        return value
    if name == "projections":
        return tuple(replace(each, weights=w) for each, w in zip(value, holder.kernels, strict=True))
    if name == "populations":
        return {key: replace(each, initial=_numbers(each, holder.initial_values[key])) for key, each in value.items()}
    if name == "readouts":
        fed: dict[str, dict[str, np.ndarray]] = {key: {} for key in value}
        for (readout, population, into), kernel in holder.feedback_kernels.items():
            fed[readout][f"{population}.{into}"] = kernel
        kernels = holder.output_kernels
        return {key: replace(each, weights=kernels[key], feedback=fed[key]) for key, each in value.items()}
    return value


def _numbers(population: Population, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return initial values as texts, or as numbers in SI units."""
    return {key: item if isinstance(item, str) else values[key] for key, item in population.initial.items()}


def _initial(holder: Any, name: str, value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return an initial value: an expression, which may draw, or its numbers in SI units."""
    if isinstance(value, str):
        return value
    known = getattr(holder, "initial_values", {})
    return _encoded(known.get(name, np.asarray(getattr(value, "simplified", value))), place, arrays)


def declaration_of(plain: Mapping[str, Any] | None, arrays: Mapping[str, np.ndarray]) -> AnyNetwork | None:
    """Rebuild the network that `described` encoded, and check it like any other.

    Raises
    ------
    InvalidValueError
        If the digest does not fit: something was changed, or lost.
    """
    if plain is None:
        return None
    if plain["digest"] != digest(plain["declared"], arrays):
        what, fix = "a network as it was saved (its digest differs)", "run again, or choose another file."
        raise InvalidValueError(message("Results.load.path", what, plain["digest"], fix))
    return _decoded(plain["declared"], arrays)


def _decoded(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "equations" in value:
        return from_text(value["name"], value["equations"])
    if "table" in value:
        return {key: _decoded(item, arrays) for key, item in value["table"].items()}
    if "list" in value:
        return [_decoded(item, arrays) for item in value["list"]]
    return _CLASSES[value["class"]](**{key: _decoded(item, arrays) for key, item in value["fields"].items()})


def learned(net: AnyNetwork, weights: Mapping[str, np.ndarray]) -> AnyNetwork:
    """Return a network whose initial weights are those that a run learned.

    Parameters
    ----------
    net : ForceNetwork, FittedNetwork or Network
        As it was declared.
    weights : mapping of str to ndarray
        ``Results.weights``; what the network does not have is left out.
    """
    if isinstance(net, Network):
        return net.with_weights(weights)
    if isinstance(net, FittedNetwork):
        plastic = weights.get("plastic")
        if plastic is None or plastic.shape != net.plastic.weight.shape:
            return net
        return replace(net, plastic=replace(net.plastic, weight=plastic))
    output, recurrent = weights.get("output_kernel"), weights.get("recurrent_kernel")
    changes: dict[str, Any] = {}
    if output is not None and net.output_kernel is not None and output.shape == net.output_kernel.shape:
        changes["output_kernel"] = output
    if recurrent is not None and net.plastic is not None and recurrent.shape == (net.n, net.n):
        kernel = net.plastic.kernel
        kernel = replace(kernel, weight=recurrent[kernel.pre, kernel.post])
        changes["plastic"] = replace(net.plastic, kernel=kernel)
    return replace(net, **changes) if changes else net
