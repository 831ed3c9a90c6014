"""Numbers with physical units, read from text without running any code.

Equation files and recipes hold values such as ``"10*ms"`` or
``"v_reset + rand()*(30*mV - v_reset)"``. They may come from strangers, so they are
parsed into a syntax tree of which only arithmetic, units, named parameters and a few
functions are understood. Units carry Brian2's names. Values are in SI units.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InvalidValueError, UnitsError, message, unknown_name

__all__ = ["Dimension", "Quantity", "dimension_of", "evaluate", "magnitude"]

#: Exponents of metre, kilogram, second, ampere, kelvin, mole, candela.
Dimension = tuple[float, float, float, float, float, float, float]

DIMENSIONLESS: Dimension = (0, 0, 0, 0, 0, 0, 0)
_DIMENSIONS = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
_SYMBOLS = ("m", "kg", "s", "A", "K", "mol", "cd")

# long name, short symbol (only used with a prefix, as in Brian2), dimension
_UNITS = (
    ("second", "s", (0, 0, 1, 0, 0, 0, 0)),
    ("volt", "V", (2, 1, -3, -1, 0, 0, 0)),
    ("amp", "A", (0, 0, 0, 1, 0, 0, 0)),
    ("ampere", None, (0, 0, 0, 1, 0, 0, 0)),
    ("farad", "F", (-2, -1, 4, 2, 0, 0, 0)),
    ("siemens", "S", (-2, -1, 3, 2, 0, 0, 0)),
    ("ohm", "ohm", (2, 1, -3, -2, 0, 0, 0)),
    ("hertz", "Hz", (0, 0, -1, 0, 0, 0, 0)),
    ("coulomb", None, (0, 0, 1, 1, 0, 0, 0)),
    ("metre", "m", (1, 0, 0, 0, 0, 0, 0)),
    ("meter", None, (1, 0, 0, 0, 0, 0, 0)),
    ("kelvin", None, (0, 0, 0, 0, 1, 0, 0)),
)
_PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class Quantity:
    """A number or array in SI units, with its dimension."""

    value: Any
    dimension: Dimension = DIMENSIONLESS


def _unit_table() -> dict[str, Quantity]:
    table = {"Hz": Quantity(1.0, _UNITS[7][2])}
    for long, short, dimension in _UNITS:
        table[long] = Quantity(1.0, dimension)
        for prefix, scale in _PREFIXES.items():
            table[prefix + long] = Quantity(scale, dimension)
            if short:
                table[prefix + short] = Quantity(scale, dimension)
    return table


UNITS = _unit_table()
_CONSTANTS = {"pi": Quantity(math.pi), "inf": Quantity(math.inf)}
_FUNCTIONS = {
    name: getattr(np, name)
    for name in (
        "exp", "expm1", "log", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
        "arcsin", "arccos", "arctan", "abs", "floor", "ceil", "sign", "clip",
    )
} | {"erf": np.vectorize(math.erf, otypes=[float])}  # fmt: skip


def describe(dimension: Dimension) -> str:
    """Name a dimension the way a user would write its unit.

    Examples
    --------
    >>> describe((2, 1, -3, -1, 0, 0, 0))
    'volt'
    >>> describe((0, 0, 2, 0, 0, 0, 0))
    's^2'
    """
    if dimension == DIMENSIONLESS:
        return "1 (no unit)"
    for long, _, known in _UNITS:
        if dimension == known:
            return long
    parts = zip(_SYMBOLS, dimension, strict=True)
    return " ".join(s if e == 1 else f"{s}^{e:g}" for s, e in parts if e)


class _Evaluator:
    """Walk the syntax tree of one expression."""

    def __init__(
        self,
        text: str,
        where: str,
        names: Mapping[str, Quantity],
        size: int | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.text, self.where, self.names, self.size, self.rng = text, where, names, size, rng

    def fail(self, expected: str, fix: str = "") -> InvalidValueError:
        return InvalidValueError(message(self.where, expected, self.text, fix))

    def visit(self, node: ast.AST) -> Quantity:
        handler = getattr(self, f"visit_{type(node).__name__.lower()}", None)
        if handler is None:
            raise self.fail(
                "arithmetic of numbers, units, named parameters and functions such as exp()",
                f"remove the {type(node).__name__.lower()}.",
            )
        return handler(node)

    def visit_expression(self, node: ast.Expression) -> Quantity:
        return self.visit(node.body)

    def visit_constant(self, node: ast.Constant) -> Quantity:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.fail("a number", "write a plain number, with its unit after a '*'.")
        return Quantity(float(node.value))

    def visit_name(self, node: ast.Name) -> Quantity:
        for table in (self.names, UNITS, _CONSTANTS):
            if node.id in table:
                return table[node.id]
        known = {*self.names, *UNITS, *_CONSTANTS}
        raise unknown_name(self.where, "parameter or unit", node.id, known) from None

    def visit_unaryop(self, node: ast.UnaryOp) -> Quantity:
        inner = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return Quantity(-inner.value, inner.dimension)
        if isinstance(node.op, ast.UAdd):
            return inner
        raise self.fail("arithmetic (+ - * / **)")

    def visit_binop(self, node: ast.BinOp) -> Quantity:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Add | ast.Sub):
            if left.dimension != right.dimension:
                raise UnitsError(
                    message(
                        self.where,
                        f"terms of one unit, not {describe(left.dimension)} and {describe(right.dimension)}",
                        self.text,
                        "give both terms the same unit.",
                    )
                )
            function = operator.add if isinstance(node.op, ast.Add) else operator.sub
            return Quantity(function(left.value, right.value), left.dimension)
        if isinstance(node.op, ast.Mult | ast.Div):
            sign, function = (1, operator.mul) if isinstance(node.op, ast.Mult) else (-1, operator.truediv)
            if sign < 0 and np.any(np.asarray(right.value) == 0):
                raise self.fail("no division by zero")
            dimension = tuple(a + sign * b for a, b in zip(left.dimension, right.dimension, strict=True))
            return Quantity(function(left.value, right.value), dimension)
        if isinstance(node.op, ast.Pow):
            if right.dimension != DIMENSIONLESS or np.ndim(right.value):
                raise self.fail("a plain number as exponent")
            exponent = float(right.value)
            dimension = tuple(a * exponent for a in left.dimension)
            try:
                value = operator.pow(left.value, exponent)
            except (OverflowError, ZeroDivisionError):
                value = math.nan
            if isinstance(value, complex):
                value = math.nan
            return Quantity(value, dimension)
        raise self.fail("arithmetic (+ - * / **)")

    def visit_call(self, node: ast.Call) -> Quantity:
        name = node.func.id if isinstance(node.func, ast.Name) else "?"
        if node.keywords:
            raise self.fail("function calls without keywords")
        if name in ("rand", "randn"):
            if self.rng is None:
                raise self.fail("no random numbers here", "rand() and randn() belong to initial values.")
            if node.args:
                raise self.fail(f"{name}() without arguments")
            draw = self.rng.random if name == "rand" else self.rng.standard_normal
            return Quantity(draw(self.size))
        if name not in _FUNCTIONS:
            raise unknown_name(self.where, "function", name, [*_FUNCTIONS, "rand", "randn"])
        number = 3 if name == "clip" else 1
        if len(node.args) != number:
            raise self.fail(f"{name}() with {'one argument' if number == 1 else '3 arguments'}")
        inner = [self.visit(argument) for argument in node.args]
        if any(argument.dimension != DIMENSIONLESS for argument in inner):
            raise UnitsError(
                message(self.where, f"a plain number inside {name}()", self.text, "divide by a unit first.")
            )
        return Quantity(_FUNCTIONS[name](*(argument.value for argument in inner)))


def evaluate(
    text: str | float,
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
        dimension = tuple(float(text.dim.get_dimension(name)) for name in _DIMENSIONS)
        return Quantity(np.asarray(text, dtype=np.float64)[()], dimension)
    number = isinstance(text, int | float | np.integer | np.floating) and not isinstance(text, bool)
    if not number and (not isinstance(text, str) or not text.strip() or len(text) > 1000):
        raise InvalidValueError(
            message(where, 'a number, or an expression such as "10*ms"', text, "write it as text with its unit.")
        )
    try:
        if number:
            return Quantity(float(text))
        tree = ast.parse(text.strip(), mode="eval")
        with np.errstate(all="ignore"):  # who calls looks for NaN and infinity
            return _Evaluator(text, where, names or {}, size, rng).visit(tree)
    except OverflowError:
        raise InvalidValueError(message(where, "numbers below 1e308", text)) from None
    except (SyntaxError, UnicodeEncodeError, RecursionError, MemoryError):
        raise InvalidValueError(
            message(where, 'an expression such as "10*ms"', text, "check brackets and operators.")
        ) from None


def wrong_unit(where: str, wanted: Dimension, received: object, found: Dimension, fix: str) -> UnitsError:
    """Build the error for a quantity of another dimension than wanted."""
    return UnitsError(
        message(where, f"a quantity in {describe(wanted)}", received, f"its unit is {describe(found)}; {fix}")
    )


def dimension_of(unit: str, where: str) -> Dimension:
    """Return the dimension of a unit expression such as ``"volt/second"``."""
    return evaluate(unit, where).dimension


def magnitude(text: str | float, unit: str, where: str, **kwargs: Any) -> Any:
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
