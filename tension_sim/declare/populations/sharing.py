"""Readouts and projections that learn by one rule, with one P for the same partners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..learning import Learning
from .error_names import Reference, error_names, supervisor_of
from .naming import words
from .network_parts import NetworkParts

__all__ = ["check_shared_P"]


@dataclass(frozen=True)
class _Rule:
    """What a readout or projection learns from; those that share P have all of it in common.

    Attributes
    ----------
    learning : Learning
        Schedule and scale.
    source : list of (str, str)
        What the weights act on: populations or inputs, and variables.
    supervisor : str
        The readout or output whose supervisor is y; empty where the error does not name it.
    sign : int or None
        Of all weights.
    names : dict of str to Reference
        What the names in the error stand for.
    apart : str
        Why it has a rule of its own; empty if it needs none.
    """

    learning: Learning
    source: list[tuple[str, str]]
    supervisor: str
    sign: int | None
    names: dict[str, Reference]
    apart: str


def check_shared_P(net: NetworkParts, given: Any) -> tuple[tuple[str, ...], ...]:
    """Return groups of names, each of readouts and projections that can learn by one rule.

    Raises
    ------
    InvalidTypeError, UnknownNameError, InvalidValueError
        If some do not learn, or not from the same rates by the same schedule.
    """
    where, fix = "Network.shared_P", 'as in [["output", "exc_to_exc"]].'
    if not isinstance(given, tuple | list):
        raise InvalidTypeError(message(where, "a list of groups of names", given, fix))
    for group in given:
        if not isinstance(group, tuple | list) or len(group) < 2 or not all(isinstance(name, str) for name in group):
            raise InvalidTypeError(message(where, "groups of two or more names", group, fix))
    rules, taken = _rules(net), set()
    for group in given:
        for place, name in enumerate(group):
            if name not in rules:
                raise unknown_name(where, "learned readout or projection", name, rules)
            if name in taken:
                raise InvalidValueError(message(where, "each name once", name))
            taken.add(name)
            if rules[name].apart:
                raise InvalidValueError(message(where, "rules that can share P", f"{name}, {rules[name].apart}"))
            for other in group[:place]:  # a readout names nothing, so what comes after it may differ all the same
                different = _difference(rules[other], rules[name])
                if not different:
                    continue
                what = f"names with the same {different} as {other!r}"
                raise InvalidValueError(message(where, what, f"{name}, with another"))
    return tuple(tuple(group) for group in given)


def _difference(first: _Rule, other: _Rule) -> str:
    """Return what two rules do not have in common, in words; empty if they have all."""
    common = first.names.keys() & other.names.keys()
    found = {
        "learning": first.learning == other.learning,
        "source": first.source == other.source,
        "supervisor": first.supervisor == other.supervisor or not (first.supervisor and other.supervisor),
        "sign": first.sign == other.sign,
        "meaning of names": all(first.names[name] == other.names[name] for name in common),
    }
    return next((what for what, same in found.items() if not same), "")


def _rules(net: NetworkParts) -> dict[str, _Rule]:
    """Return what each readout and projection that learns learns from."""
    found: dict[str, _Rule] = {}
    for name, readout in net.readouts.items():
        if readout.learning is not None:
            apart = "which reads traces of its own" if readout.traces is not None else ""
            synapse = readout.synapse, readout.parameters
            source = [(each, net.equations[each].output(synapse)) for each in readout.sources if not apart]
            found[name] = _Rule(readout.learning, source, readout.supervisor or name, None, {}, apart)
    for k, (name, projection) in enumerate(zip(net.projection_names, net.projections, strict=True)):
        if projection.learning is None:
            continue
        reasons = {
            "with divide_by_source": projection.divide_by_source,
            'with when="start"': projection.when == "start",
            "which has a delay": projection.delay is not None,
            "which acts at spikes": projection.at_spikes,
            "with an alpha_P of each source": projection.alpha_P is not None or projection.groups is not None,
            "with signs of each source": net.signs_of(k) is not None,
        }
        apart = next((reason for reason, holds in reasons.items() if holds), "")
        synapse = projection.synapse, projection.parameters
        source = [
            (each, net.equations[each].output(synapse) if each in net.populations else "")
            for each in projection.sources
        ]
        used = words(projection.error)
        names = {key: at for key, at in error_names(net, k).items() if key in used}
        supervisor = supervisor_of(net, k) if "y" in used else ""
        found[name] = _Rule(projection.learning, source, supervisor, net.sign_of(k), names, apart)
    return found
