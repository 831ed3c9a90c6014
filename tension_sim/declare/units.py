"""Numbers with physical units, read from text without running any code.

Equation files and recipes hold values such as ``"10*ms"`` or
``"v_reset + rand()*(30*mV - v_reset)"``. They may come from strangers, so they pass the parser
of `tension_sim.declare.language`. Units carry Brian2's names. Values are in SI units.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import InvalidValueError, UnitsError, message
from .language.functions import CONSTANTS, FUNCTIONS
from .language.meaning import BINARY, COMPARE, Meaning, Reader
from .language.syntax import MAX_LENGTH, parse
from .language.unit_table import DIMENSIONLESS, VALUE_UNITS, Dimension, describe

__all__ = ["DIMENSIONLESS", "Dimension", "Quantity", "describe", "dimension_of", "evaluate", "holds", "magnitude"]

_DIMENSIONS = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")


def dimension_of_brian2(quantity: Any) -> Dimension:
    """Return the dimension of what has Brian2's ``dim``: a quantity, unit or variable."""
    return tuple(float(quantity.dim.get_dimension(name)) for name in _DIMENSIONS)


@dataclass(frozen=True)
class Quantity:
    """A number or array in SI units, with its dimension."""

    value: Any
    dimension: Dimension = DIMENSIONLESS


UNITS = {name: Quantity(value, dimension) for name, (value, dimension) in VALUE_UNITS.items()}
_RANDOM = {"rand": "random", "randn": "standard_normal"}
_COMPUTED = [name for name, function in FUNCTIONS.items() if function.compute is not None or name in _RANDOM]


class _Evaluator:
    """Compute the value of one expression that has been read."""

    def __init__(
        self,
        reader: Reader,
        names: Mapping[str, Quantity],
        size: int | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.reader, self.names, self.size, self.rng = reader, names, size, rng

    def value(self, node: ast.expr) -> Any:
        """Return the value of a tree in SI units."""
        match node:
            case ast.Constant(value=bool()):
                return node.value
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                known = self.names if name in self.names else UNITS
                return known[name].value if name in known else CONSTANTS[name]
            case ast.UnaryOp(op=ast.USub()):
                return -self.value(node.operand)
            case ast.UnaryOp():
                return np.logical_not(self.value(node.operand))
            case ast.BoolOp():
                join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
                return join.reduce(np.broadcast_arrays(*(self.value(each) for each in node.values)))
            case ast.Compare():
                return COMPARE[type(node.ops[0])](self.value(node.left), self.value(node.comparators[0]))
            case ast.BinOp():
                return self._binary(node.op, self.value(node.left), self.value(node.right))
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, [self.value(each) for each in node.args])
        raise TypeError(type(node).__name__)

    def _binary(self, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(op, ast.Div | ast.FloorDiv | ast.Mod) and np.any(np.asarray(right) == 0):
            raise self.reader.fail("no division by zero")
        try:
            found = BINARY[type(op)](left, right)
        except (OverflowError, ZeroDivisionError):  # the caller looks for NaN
            return np.nan
        return np.nan if isinstance(found, complex) else found

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name in _RANDOM:
            if self.rng is None:
                raise self.reader.fail("no random numbers here", "rand() and randn() belong to initial values.")
            return getattr(self.rng, _RANDOM[name])(self.size)
        if name == "int":
            arguments = [np.asarray(arguments[0], dtype=float)[()]]
        compute = FUNCTIONS[name].compute
        if compute is None:
            raise TypeError(name)
        return compute(*arguments)


def _evaluated(
    text: str,
    where: str,
    names: Mapping[str, Quantity],
    size: int | None,
    rng: np.random.Generator | None,
    condition: bool = False,
) -> Quantity:
    tree = parse(where, text)
    meanings = {name: Meaning(quantity.dimension) for name, quantity in names.items()}
    reader = Reader(
        where, meanings, units=VALUE_UNITS, functions=_COMPUTED, what="parameter or unit",
        exponent=lambda node: _Evaluator(reader, names, size, rng).value(node),
    )  # fmt: skip
    with np.errstate(all="ignore"):  # the caller looks for NaN and infinity
        found = reader.read(tree, text)
        if condition and found.kind != "boolean":
            raise reader.fail("a condition", "compare it with a number, as in x < 0.1.")
        if found.kind == "boolean" and not condition:
            raise reader.fail("a number", "write a plain number, with its unit after a '*'.")
        return Quantity(_Evaluator(reader, names, size, rng).value(tree), found.dimension)


@lru_cache(maxsize=4096)
def _without_names(text: str, where: str) -> Quantity:
    """Evaluate a text that has one value for ever, as the same texts come back with every network."""
    return _evaluated(text, where, {}, None, None)


def holds(text: str, where: str, names: Mapping[str, Quantity]) -> bool:
    """Say whether a condition on named numbers holds, of arrays for each of their numbers.

    Raises
    ------
    TensionError
        As `evaluate`, or if the text is no condition.

    Examples
    --------
    >>> holds("a < 2*mV and not a > 1*volt", "example", {"a": evaluate("1*mV", "example")})
    True
    """
    return bool(np.all(_evaluated(text, where, names, None, None, condition=True).value))


def evaluate(
    text: str | float | np.number | np.ndarray | Quantity,
    where: str,
    names: Mapping[str, Quantity] | None = None,
    size: int | None = None,
    rng: np.random.Generator | None = None,
) -> Quantity:
    """Evaluate an expression of numbers, units and named parameters.

    Parameters
    ----------
    text : str or float or brian2.Quantity
        The expression; a plain number is returned as it is.
    where : str
        Class (or file) and argument, for messages.
    names : mapping of str to Quantity, optional
        The named parameters that may appear.
    size : int, optional
        Number of values that ``rand()`` and ``randn()`` draw.
    rng : numpy.random.Generator, optional
        Source of random numbers; without it they are refused.

    Returns
    -------
    Quantity
        Value in SI units, with its dimension.

    Raises
    ------
    InvalidValueError
        If the text is no arithmetic expression.
    UnknownNameError
        If a name is neither a parameter, nor a unit, nor a function.
    UnitsError
        If terms of different units are added.

    Examples
    --------
    >>> evaluate("2*mV/(4*ms)", "example").value
    0.5
    """
    if isinstance(text, Quantity):
        return text
    if hasattr(getattr(text, "dim", None), "get_dimension"):  # a quantity of Brian2
        return Quantity(np.asarray(text, dtype=np.float64)[()], dimension_of_brian2(text))
    if isinstance(text, str) and text.strip() and len(text) <= MAX_LENGTH:
        if not names and rng is None:
            return _without_names(text, where)
        return _evaluated(text, where, names or {}, size, rng)
    if isinstance(text, bool) or not isinstance(text, int | float | np.integer | np.floating):
        raise InvalidValueError(
            message(where, 'a number, or an expression such as "10*ms"', text, "write it as text with its unit.")
        )
    try:
        return Quantity(float(text))
    except OverflowError:
        raise InvalidValueError(message(where, "numbers below 1e308", text)) from None


def wrong_unit(where: str, wanted: Dimension, received: object, found: Dimension, fix: str) -> UnitsError:
    """Build the error for a quantity of another dimension than wanted."""
    return UnitsError(
        message(where, f"a quantity in {describe(wanted)}", received, f"its unit is {describe(found)}; {fix}")
    )


def dimension_of(unit: str, where: str) -> Dimension:
    """Return the dimension of a unit expression such as ``"volt/second"``."""
    return evaluate(unit, where).dimension


def magnitude(text: str | float | Quantity, unit: str, where: str, **kwargs: Any) -> Any:
    """Evaluate an expression that must have the dimension of `unit`; return it in SI.

    Examples
    --------
    >>> magnitude("10*ms", "second", "example")
    0.01
    """
    quantity = evaluate(text, where, **kwargs)
    wanted = dimension_of(unit, where)
    if quantity.dimension != wanted:
        fix = f'write it as in "10*{unit}".' if unit != "1" else "drop the unit."
        raise wrong_unit(where, wanted, text, quantity.dimension, fix)
    if not np.all(np.isfinite(np.asarray(quantity.value))):
        raise InvalidValueError(message(where, "a finite value", text))
    return quantity.value
