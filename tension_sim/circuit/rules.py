"""The rules of a network: which maps learn together, from what errors, with what blocks of P."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..declare.learning import Learning
from ..declare.populations.error_names import CONSTANT, POPULATION, READOUT, UNIT, error_names, supervisor_of
from ..declare.populations.error_names import Reference as Reference
from ..declare.populations.naming import words
from .blocks import Blocks
from .names import NEURONS, RULE, constant_name, entries, entry
from .names import READOUT as READOUTS
from .parts import Rule, Variable
from .places import Places
from .units import unit_name
from .values import partners_of, rule_values

__all__ = ["rules_of", "values_of_rules"]


class _Learned(NamedTuple):
    """A map that learns.

    Attributes
    ----------
    name : str
        Of the readout or projection.
    part : str
        The map.
    learning : Learning
        Its schedule.
    error : str
        Of each row.
    partners : list of arrays
        Sources of each row.
    projection : int or None
        Which of the network's projections it is.
    """

    name: str
    part: str
    learning: Learning
    error: str
    partners: list[np.ndarray]
    projection: int | None


def rules_of(wiring: Places[Any]) -> dict[str, tuple[Rule, Blocks, Learning]]:
    """Return the rules by name, with their blocks and schedules; each has P of its own."""
    learned = {each.name: each for each in _learned(wiring)}
    groups = {name: group for group in wiring.network.shared_P for name in group}
    found = {}
    for name in learned:
        group = groups.get(name, (name,))
        if name == group[0]:
            found[wiring.part(RULE, name)] = _rule(wiring, [learned[each] for each in group])
    return found


def _learned(wiring: Places[Any]) -> list[_Learned]:
    """Return what learns: readouts, projections, and readouts that learn the supervisor of another."""
    net = wiring.network
    found: list[_Learned] = []
    for name, readout in net.readouts.items():
        if readout.learning is not None:
            rows, columns = net.output_kernels[name].shape
            partners = [np.arange(rows, dtype=np.int32)] * columns
            found.append(_Learned(name, wiring.part(READOUTS, name), readout.learning, "z - y", partners, None))
    for k, projection in enumerate(net.projections):
        if projection.learning is not None:
            name = net.projection_names[k]
            partners = wiring.rows[k].partners() if projection.at_spikes else partners_of(wiring.acting(k))
            learning = projection.learning
            found.append(_Learned(name, wiring.projection(k), learning, projection.error, partners, k))
    return sorted(found, key=lambda each: each.projection is None and each.name not in net.supervised)


def _rule(wiring: Places[Any], group: list[_Learned]) -> tuple[Rule, Blocks, Learning]:
    net = wiring.network
    blocks = Blocks.of([each.partners for each in group])
    variables: dict[str, Variable] = {}
    targets: dict[Variable, None] = {}
    for each in group:
        used = words(each.error)
        if each.projection is not None:
            known = error_names(net, each.projection)
            variables |= {name: _variable(wiring, at) for name, at in sorted(known.items()) if name in used}
        if "y" in used:
            targets[wiring.supervisor(_supervisor(wiring, each))] = None
    numbers = [each.projection for each in group if each.projection is not None]
    signed = [k for k in numbers if net.sign_of(k) is not None or net.signs_of(k) is not None]
    grouped = [k for k in numbers if net.projections[k].alpha_P is not None or net.projections[k].groups is not None]
    rule = Rule(
        maps=tuple(each.part for each in group),
        errors=tuple(each.error for each in group),
        variables=tuple(variables.items()),
        target=next(iter(targets), None),
        blocks=blocks.totals,
        factors=tuple(_factor(wiring, each) is not None for each in group),
        divide_by_source=any(net.projections[k].divide_by_source for k in numbers),
        signs=bool(signed),
        grouped=bool(grouped),
        n_sources=wiring.acting(numbers[0]).n if signed or grouped else 0,
        when=next((net.projections[k].when for k in numbers), "end"),
        # sums of rows of weights that act at spikes come two places before it, after what is read of inputs
        order=4 if any(net.projections[k].at_spikes for k in numbers) else 2,
    )
    return rule, blocks, group[0].learning


def _factor(wiring: Places[Any], each: _Learned) -> np.ndarray | None:
    return None if each.projection is None else wiring.network.projections[each.projection].factor


def _supervisor(wiring: Places[Any], each: _Learned) -> str:
    """Return the readout or output whose supervisor is y in an error."""
    if each.projection is not None:
        return supervisor_of(wiring.network, each.projection)
    return wiring.network.readouts[each.name].supervisor or each.name


def _variable(wiring: Places[Any], at: Reference) -> Variable:
    """Return where the variable stands that a name of an error stands for."""
    net = wiring.network
    if at.kind == POPULATION:
        return Variable(wiring.part(NEURONS, at.owner), at.variable)
    if at.kind == READOUT:
        return Variable(wiring.part(READOUTS, at.owner), "z")
    if at.kind == UNIT:
        return Variable(wiring.part(NEURONS, at.owner), unit_name(at.variable))
    k = net.projection_names.index(at.owner)
    there = wiring.part(NEURONS, net.projections[k].post)
    if at.kind == CONSTANT:
        return Variable(there, constant_name(at.owner, at.variable))
    return Variable(there, wiring.present(k) if at.variable == "z_now" else wiring.added(k))


def values_of_rules(wiring: Places[Any], rules: Mapping[str, tuple[Rule, Blocks, Learning]]) -> dict[str, Any]:
    """Return the values of all rules: schedules, blocks, signs, and factors of weights."""
    net = wiring.network
    values: dict[str, Any] = {}
    for name, (rule, blocks, learning) in rules.items():
        values |= rule_values(name, rule, learning, blocks, net.seed)
    for k, projection in enumerate(net.projections):
        if projection.learning is None:
            continue
        part = wiring.projection(k)
        name, maps = next((name, rule.maps) for name, (rule, _, _) in rules.items() if part in rule.maps)
        values |= entries(name, _of_sources(net, k, projection.learning))
        if projection.factor is not None:
            kernel = net.kernels[k]
            factor = projection.factor[kernel.pre, kernel.post][wiring.acting(k).row_order()]
            values[entry(name, f"factor_{maps.index(part)}")] = factor
    return values


def _of_sources(net: Any, k: int, learning: Learning) -> dict[str, Any]:
    """Return the values that each source has: a sign, its scale of P, and the penalty on sums of its group."""
    projection, n, sign, signs = net.projections[k], net.n_pre(k), net.sign_of(k), net.signs_of(k)
    found: dict[str, Any] = {} if sign is None else {"sign": np.full(n, sign)}
    if signs is not None:
        found["sign"] = signs
    if projection.alpha_P is not None or projection.groups is not None:
        found["alpha_P"] = np.full(n, learning.alpha_P) if projection.alpha_P is None else projection.alpha_P
        found |= _penalty(projection.groups, projection.row_sum, n)
    delayed = net.delayed_traces.get(k)
    return found if delayed is None else {key: values[delayed.neuron] for key, values in found.items()}


def _penalty(groups: np.ndarray | None, row_sum: np.ndarray | None, n: int) -> dict[str, np.ndarray]:
    """Return the group of each source, and its penalty."""
    if groups is None or row_sum is None:
        return {"group_of": np.full(n, -1), "row_sum": np.zeros(n)}
    # the last place is that of no group, -1
    return {"group_of": groups, "row_sum": np.append(row_sum, 0.0)[groups]}
