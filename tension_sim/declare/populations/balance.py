"""Which projections can balance: their weights, of both signs, sum to zero at each neuron."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidTypeError, InvalidValueError, UnitsError, message, unknown_name
from ..units import dimension_of
from .connector import Connector
from .network_parts import NetworkParts

__all__ = ["check_balanced"]

_WHERE = "Network.balanced"


def check_balanced(net: NetworkParts, given: Any) -> tuple[tuple[str, ...], ...]:
    """Return groups of names, each of projections into one population whose weights can sum to zero.

    Raises
    ------
    InvalidTypeError, UnknownNameError, InvalidValueError, UnitsError
        If a name is no projection or there twice, weights are not drawn by a rule, or projections of one group
        go into several populations or bring several units or conductances.
    """
    fix = 'as in [["exc_to_exc", "inh_to_exc"]].'
    if not isinstance(given, tuple | list):
        raise InvalidTypeError(message(_WHERE, "a list of groups of projections", given, fix))
    taken: set[str] = set()
    for group in given:
        if not isinstance(group, tuple | list) or len(group) < 2 or not all(isinstance(name, str) for name in group):
            raise InvalidTypeError(message(_WHERE, "groups of two or more names", group, fix))
        for name in group:
            if name not in net.projection_names:
                raise unknown_name(_WHERE, "projection", name, net.projection_names)
            if name in taken:
                raise InvalidValueError(message(_WHERE, "each name once", name))
            taken.add(name)
            _check_member(net, name, group[0])
    return tuple(tuple(group) for group in given)


def _check_member(net: NetworkParts, name: str, first: str) -> None:
    """Check that weights of a projection can be scaled, and summed with those of the first of its group."""
    k, k_first = net.projection_names.index(name), net.projection_names.index(first)
    projection, post = net.projections[k], net.projections[k_first].post
    if not isinstance(projection.weights, Connector):
        fix = "leave it out, or let a Connector draw its weights: those that are given stay as they are."
        raise InvalidValueError(message(_WHERE, "projections whose weights a rule draws", name, fix))
    if projection.post != post:
        what = f"projections into {post!r}, as {first!r} is"
        raise InvalidValueError(message(_WHERE, what, f"{name}, into {projection.post!r}"))
    if net.is_conductance(post, net.inputs[k]):
        fix = "conductances are never negative, so that no sum of theirs is zero: leave it out."
        raise InvalidValueError(message(_WHERE, "projections that bring currents", f"{name}, a conductance", fix))
    unit, unit_first = (net.unit_of(post, net.inputs[each]) for each in (k, k_first))
    if dimension_of(unit, _WHERE) != dimension_of(unit_first, _WHERE):
        raise UnitsError(message(_WHERE, f"projections that bring {unit_first}, as {first!r} does", f"{name}, {unit}"))
