"""Parameters that make sense: time constants above 0 and no shorter than the time step, no division by 0, ranges.

A time constant is a parameter of the dimension of time by which something is divided.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import InvalidValueError, message
from .language import Meaning, Reader, parse
from .language.syntax import names_in
from .neuron import Neuron, SynapticFilter
from .ranges import check_ranges
from .units import UNITS, Quantity, dimension_of, evaluate

__all__ = ["check_parameters", "check_refractory", "check_synapse_parameters"]

#: Integration methods that follow an exponential decay exactly, whatever the time step.
_EXACT = ("exact", "linear", "exponential_euler", "independent")
_ROUNDING = 1 + 1e-9


def _check_time_constant(where: str, name: str, value: float, shown: Any) -> None:
    """Refuse a time constant that is not above 0; `shown` is how it was given."""
    if not value > 0:
        raise InvalidValueError(message(f"{where}: parameters.{name}", "a time constant above 0", shown))


def check_refractory(where: str, neuron: Neuron, parameters: Mapping[str, Quantity]) -> None:
    """Refuse a refractory time below 0, where parameters alone decide it."""
    if not neuron.refractory:
        return
    place, meanings = f"{where}: refractory", {name: Meaning(of.dimension) for name, of in parameters.items()}
    tree = parse(place, neuron.refractory)
    if names_in(tree) <= {*meanings, *UNITS} and Reader(place, meanings).read(tree).kind == "float":
        time = np.min(evaluate(neuron.refractory, place, parameters).value)
        if not 0 <= time < np.inf:
            raise InvalidValueError(message(place, "a time of at least 0", f"{neuron.refractory} = {time:g}*second"))


def check_synapse_parameters(
    where: str, synapse: SynapticFilter, values: Mapping[str, Quantity], texts: Mapping[str, Any]
) -> None:
    """Refuse times of a filter that are not above 0, and what lies outside of the ranges of its file."""
    for name in synapse.parameters:
        if not synapse.presynaptic or values[name].dimension == dimension_of("second", where):
            _check_time_constant(where, name, float(values[name].value), texts.get(name, synapse.parameters[name]))
    check_ranges(where, synapse, values, texts)


def check_parameters(
    where: str,
    neuron: Neuron,
    synapses: Iterable[SynapticFilter],
    values: Mapping[str, Quantity],
    dt: float,
    texts: Mapping[str, Any] | None = None,
) -> None:
    """Refuse parameters outside of the ranges of their file, and times that are not above 0, or too short.

    All parameters of a filter are such times. Where an equation is integrated step by step (Euler's
    method and its kin), a time step longer than its time constant overshoots, and from twice that on
    it explodes; longer ones are refused. Other times may be 0 but not negative where their names begin
    with ``tau`` or ``t_``, and so may the time of a refractory clause.

    Parameters
    ----------
    where : str
        Class and equation file, for messages.
    neuron, synapses
        Equation files.
    values : mapping of str to Quantity
        Parameters.
    dt : float
        Time step in seconds.
    texts : mapping, optional
        Parameters as they were given, for messages.

    Raises
    ------
    InvalidValueError
        With the parameter's name.
    """
    check_refractory(where, neuron, values)
    second = dimension_of("second", where)
    times = {name: float(np.min(q.value)) for name, q in values.items() if q.dimension == second}
    texts = texts or {}
    shown = {name: f"{time:g}*second" for name, time in times.items()} | dict(texts)
    by_steps = neuron.method not in _EXACT
    divisors: set[str] = set()
    limits: dict[str, str] = {}
    parts: list[tuple[Neuron | SynapticFilter, bool]] = [(neuron, by_steps)]
    parts += [(each, not each.exact) for each in synapses]
    for part, stepwise in parts:
        if isinstance(part, SynapticFilter):
            check_synapse_parameters(where, part, values, texts)
        for equation in part.read():
            found = set(() if equation.formula is None else _divisors(equation.formula))
            divisors |= {name for name, _ in found}
            if stepwise and equation.kind == "differential":
                method = "euler" if isinstance(part, SynapticFilter) else neuron.method
                limits |= {name: method for name, inside in found if not inside}
    for name in sorted(divisors & {*values} - {*times}):
        if not np.all(values[name].value):
            what = "a number other than 0, for equations divide by it"
            raise InvalidValueError(message(f"{where}: parameters.{name}", what, texts.get(name, 0)))
    check_ranges(where, neuron, values, texts)
    for name, time in times.items():
        place = f"{where}: parameters.{name}"
        if name in divisors:
            _check_time_constant(where, name, time, shown[name])
        if time < 0 and re.match(r"tau|t_", name):
            raise InvalidValueError(message(place, "a time of at least 0", shown[name]))
        if name in limits and dt > time * _ROUNDING:
            fix = "choose a smaller dt, or a longer time constant."
            what = f"a time constant of at least one time step ({dt:g} s), which {limits[name]!r} needs"
            raise InvalidValueError(message(place, what, shown[name], fix))


def _divisors(node: ast.AST, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield the names that an expression divides by, each with whether that is inside a function."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield from ((name, inside) for name in _factors(node.right))
    for child in ast.iter_child_nodes(node):
        yield from _divisors(child, inside or isinstance(node, ast.Call))


def _factors(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow):
        yield from _factors(node.left)
        if isinstance(node.op, ast.Mult):
            yield from _factors(node.right)
