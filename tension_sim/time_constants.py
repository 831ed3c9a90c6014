"""Time constants that make sense: above 0, and no shorter than the time step where that counts.

A time constant is a parameter of the dimension of time by which something is divided.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from .equation_checks import check_refractory
from .equations import Neuron, SynapticFilter
from .errors import InvalidValueError, message
from .units import Quantity, dimension_of

__all__ = ["check_time_constants"]

#: Integration methods that follow an exponential decay exactly, whatever the time step.
_EXACT = ("exact", "linear", "exponential_euler", "independent")
_DEFINED = re.compile(r"^\s*(d\w+\s*/\s*dt|\w+)\s*=([^:#]+)", re.MULTILINE)
_ROUNDING = 1 + 1e-9


def check_time_constants(
    where: str, neuron: Neuron, synapses: Iterable[SynapticFilter], values: Mapping[str, Quantity], dt: float
) -> None:
    """Refuse times by which equations divide that are not above 0, or too short for the time step.

    Where an equation is integrated step by step (Euler's method and its kin), a time step longer
    than its time constant overshoots, and from twice that on it explodes; longer ones are refused.
    Other times may be 0 but not negative where their names begin with ``tau`` or ``t_``, and so may
    the time of a refractory clause.

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

    Raises
    ------
    InvalidValueError
        With the parameter's name.
    """
    check_refractory(where, neuron, values)
    second = dimension_of("second", where)
    times = {name: float(q.value) for name, q in values.items() if q.dimension == second}
    by_steps = neuron.method not in _EXACT
    parts = [
        (neuron.equations, by_steps),
        *((synapse.equations, by_steps and not synapse.exact) for synapse in synapses),
    ]
    divisors: set[str] = set()
    limits: set[str] = set()
    for equations, stepwise in parts:
        for left, expression in _DEFINED.findall(equations):
            found = set(_divisors(expression))
            divisors |= {name for name, _ in found}
            if stepwise and left.startswith("d"):
                limits |= {name for name, inside in found if not inside}
    for name, time in times.items():
        place, shown = f"{where}: parameters.{name}", f"{time:g}*second"
        if name in divisors and not time > 0:
            raise InvalidValueError(message(place, "a time constant above 0", shown))
        if time < 0 and re.match(r"tau|t_", name):
            raise InvalidValueError(message(place, "a time of at least 0", shown))
        if name in limits and dt > time * _ROUNDING:
            fix = "choose a smaller dt, or a longer time constant."
            what = f"a time constant of at least one time step ({dt:g} s), which {neuron.method!r} needs"
            raise InvalidValueError(message(place, what, shown, fix))


def _divisors(expression: str) -> Iterator[tuple[str, bool]]:
    """Yield the names that an expression divides by, each with whether that is inside a function."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # what is no expression is refused where equations are read
    yield from _below(tree.body, False)


def _below(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield from ((name, inside) for name in _factors(node.right))
    for child in ast.iter_child_nodes(node):
        yield from _below(child, inside or isinstance(node, ast.Call))


def _factors(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow):
        yield from _factors(node.left)
        if isinstance(node.op, ast.Mult):
            yield from _factors(node.right)
