"""The numbers and texts that a declaration holds, by dotted names, and the declaration with others in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from ..errors import InvalidTypeError, message
from .equations import Neuron, SynapticFilter
from .kernels import SparseKernel
from .learning import Learning
from .network import ForceNetwork
from .populations.connector import Connector
from .populations.network import Network
from .populations.projection import Projection

__all__ = ["FACTORS", "Place", "edited", "places_of", "replaced", "scaled"]

Declaration = TypeVar("Declaration")
Edits = dict[Any, Any]  # by field or key: a value, or the edits within it

#: Factors on weights that do not learn, by the field that holds them.
FACTORS = {"feedback_scale": "feedback_kernel", "recurrent_scale": "recurrent", "input_scale": "input_kernel"}
#: The factor on weights of a projection that are given as numbers.
_SCALE = {"scale": "weights"}


@dataclass(frozen=True)
class Place:
    """Where a declaration holds a number or a text.

    Attributes
    ----------
    paths : tuple of tuple
        Fields and keys that lead there; several where rules that share P have to agree.
    whole : bool
        Whether it is a whole number.
    """

    paths: tuple[tuple[Any, ...], ...]
    whole: bool = False


def places_of(net: Any) -> dict[str, Place]:
    """Return all numbers and texts of a declaration, by dotted names; the seed and the sizes of arrays are left out.

    Parameters
    ----------
    net : ForceNetwork, FittedNetwork or Network
        The declaration.

    Examples
    --------
    >>> net = ForceNetwork.random("lif", n=5, learning=Learning(alpha_P=1.0))
    >>> [name for name in places_of(net) if name.startswith("learning")][:3]
    ['learning.alpha_P', 'learning.gain', 'learning.update_every']
    """
    found = {".".join(map(str, names)): Place((path,), whole) for names, path, whole in _leaves(net, (), ())}
    for first, *others in _agreeing(net):
        for name in [name for name in found if name.startswith(f"{first}.")]:
            same = [found.pop(f"{other}{name[len(first) :]}") for other in others]
            found[name] = Place(found[name].paths + tuple(path for place in same for path in place.paths))
            found[name] = Place(found[name].paths, any(place.whole for place in same))
    return found


def _agreeing(net: Any) -> Iterator[list[str]]:
    """Yield the names of rules that share P, and so have one declaration of how they learn."""
    if isinstance(net, ForceNetwork) and net.shares_P:
        yield ["learning", "plastic.learning"]
    if isinstance(net, Network):
        for group in net.shared_P:
            yield [f"{'readouts' if name in net.readouts else 'projections'}.{name}.learning" for name in group]


def _leaves(
    holder: Any, names: tuple[Any, ...], path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], bool]]:
    """Yield name, path, and whether it is a whole number, of all that a part of a declaration holds."""
    for one in fields(holder):
        value, here = getattr(holder, one.name), (*path, one.name)
        if not one.init or one.name in ("seed", "name") or (one.name == "n" and not path):
            continue  # of a network of one population n is the size of its arrays
        if one.name == "parameters":
            for name in _parameters(holder):
                yield (*names, one.name, name), (*here, name), False
        elif isinstance(holder, Network) and one.name == "projections":
            for k, (name, each) in enumerate(zip(holder.projection_names, value, strict=True)):
                yield from _leaves(each, (*names, one.name, name), (*here, k))
        elif isinstance(value, Mapping):
            for key, each in value.items():
                if isinstance(each, str | int | float):
                    yield (*names, one.name, key), (*here, key), False
                elif _is_part(each):
                    yield from _leaves(each, (*names, one.name, key), (*here, key))
        elif _is_part(value):
            yield from _leaves(value, (*names, one.name), here)
        elif _is_plain(value) or (value is None and isinstance(holder, Learning)):
            yield (*names, one.name), here, str(one.type).startswith("int")
    for factor in _factors(holder):
        yield (*names, factor), (*path, factor), False


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.number) or (isinstance(value, str) and value != "")


def _is_part(value: Any) -> bool:
    """Say whether it is a part that declares something, and no array or equation file."""
    return is_dataclass(value) and not isinstance(value, SparseKernel | Neuron | SynapticFilter)


def _parameters(holder: Any) -> list[str]:
    """Return the parameters that a network, population or synapse has."""
    known = dict(getattr(holder, "parameter_values", {}))
    for name in () if known else ("neuron", "synapse"):
        known |= getattr(getattr(holder, name, None), "parameters", {})
    return list({**known, **holder.parameters})


def _factors(holder: Any) -> dict[str, str]:
    """Return the factors on weights that are given as numbers, with the fields that hold these."""
    if isinstance(holder, ForceNetwork):
        return {name: kernel for name, kernel in FACTORS.items() if getattr(holder, kernel) is not None}
    given = isinstance(holder, Projection) and not isinstance(holder.weights, Connector)
    return _SCALE if given else {}


def edited(net: Declaration, values: Mapping[Place, Any]) -> Declaration:
    """Return a declaration with other values; it is checked as a whole, like any other.

    Parameters
    ----------
    net : ForceNetwork, FittedNetwork or Network
        The declaration.
    values : mapping of Place to value
        As its class takes them; by the places of `places_of`.

    Raises
    ------
    TensionError
        That of the part that cannot have the value.

    Examples
    --------
    >>> net = ForceNetwork.random("lif", n=5, learning=Learning(alpha_P=1.0))
    >>> edited(net, {places_of(net)["learning.alpha_P"]: 0.5}).learning.alpha_P
    0.5
    """
    edits: Edits = {}
    for place, value in values.items():
        for *way, last in place.paths:
            within = edits
            for key in way:
                within = within.setdefault(key, {})
            within[last] = value
    found: Declaration = _with(net, edits)
    return found


def _with(holder: Any, edits: Edits) -> Any:
    if isinstance(holder, Mapping):
        return {**holder, **{key: _edit(holder.get(key), edit) for key, edit in edits.items()}}
    if isinstance(holder, Sequence):
        return tuple(_edit(each, edits[k]) if k in edits else each for k, each in enumerate(holder))
    factors, changed = _factors(holder), {}
    for name, edit in edits.items():
        if name in factors:
            kernel = factors[name]
            changed[kernel] = scaled(getattr(holder, kernel), _factor(holder, name, edit))
        else:
            changed[name] = _edit(getattr(holder, name), edit)
    return replaced(holder, **changed)


def _edit(value: Any, edit: Any) -> Any:
    return _with(value, edit) if isinstance(edit, dict) else edit


def _factor(holder: Any, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(message(f"{type(holder).__name__}: {name}", "a factor, a plain number", value))
    return float(value)


def scaled(weights: Any, factor: float) -> Any:
    """Return a kernel, or an array of numbers or quantities, times a factor."""
    if isinstance(weights, SparseKernel):
        return replaced(weights, weight=weights.weight * factor)
    return (np.asarray(weights) if isinstance(weights, list | tuple) else weights) * factor


def replaced(part: Declaration, **values: Any) -> Declaration:
    """Return a declaration with other fields; what converts on its way in has been converted already."""
    own = {one.name: getattr(part, one.name) for one in fields(part) if one.init}  # type: ignore[arg-type]
    return type(part)(**(own | values))
