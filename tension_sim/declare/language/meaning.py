"""Dimension and kind of expressions: a condition, a whole number or any number."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...errors import InvalidValueError, TensionError, UnitsError, message, unknown_name
from .functions import CONSTANTS, FUNCTIONS
from .syntax import render
from .unit_table import DIMENSIONLESS, EQUATION_UNITS, Dimension, Unit, describe

__all__ = ["Meaning", "Reader", "combined", "constant"]

_SECOND: Dimension = (0, 0, 1, 0, 0, 0, 0)
_RANKS = ("boolean", "integer", "float")

BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


class Meaning(NamedTuple):
    """Dimension and kind of a value: ``"boolean"``, ``"integer"`` or ``"float"``."""

    dimension: Dimension = DIMENSIONLESS
    kind: str = "float"


def combined(left: Dimension, right: Dimension, sign: int) -> Dimension:
    """Return the dimension of a product (sign 1) or a quotient (sign -1)."""
    return tuple(round(a + sign * b, 9) for a, b in zip(left, right, strict=True))


def constant(node: ast.expr) -> float | None:
    """Return the value of a tree of numbers alone; None: it has names or calls, or no value.

    Examples
    --------
    >>> from tension_sim.declare.language import parse
    >>> constant(parse("demo", "-(1 + 2)/2")), constant(parse("demo", "2*x"))
    (-1.5, None)
    """
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub()):
            operand = constant(node.operand)
            return None if operand is None else -operand
        case ast.BinOp():
            left, right = constant(node.left), constant(node.right)
            if left is None or right is None:
                return None
            if isinstance(node.op, ast.Pow):
                left = float(left)
            try:
                value = BINARY[type(node.op)](left, right)
            except (OverflowError, ZeroDivisionError):
                return math.nan
            return math.nan if isinstance(value, complex) else value
    return None


class Reader:
    """Find what expressions of a file mean, or refuse them.

    Parameters
    ----------
    where : str
        File and key, for messages.
    names : mapping of str to Meaning
        Variables and parameters that may appear.
    units : mapping
        Units that may appear.
    functions : collection of str, optional
        Functions that may be called; all of them without it.
    exponent : callable, optional
        Returns the value of the exponent of a quantity with a unit; that of a constant without it.
    what : str
        What an unknown name should have been.
    """

    def __init__(
        self,
        where: str,
        names: Mapping[str, Meaning],
        *,
        units: Mapping[str, Unit] = EQUATION_UNITS,
        functions: Iterable[str] = FUNCTIONS,
        exponent: Callable[[ast.expr], float | None] = constant,
        what: str = "variable, parameter or unit",
    ) -> None:
        self.where: str = where
        self.names: Mapping[str, Meaning] = names
        self.units: Mapping[str, Unit] = units
        self.what: str = what
        self.functions: set[str] = {*functions}
        self.exponent: Callable[[ast.expr], float | None] = exponent
        self.text: str = ""

    def read(self, tree: ast.expr, text: str = "") -> Meaning:
        """Return what a tree means; `text` is shown in messages."""
        self.text = text or render(tree)
        return self._visit(tree)

    def fail(self, expected: str, fix: str = "", error: type[TensionError] = InvalidValueError) -> TensionError:
        """Return the error for the expression."""
        return error(message(self.where, expected, self.text, fix))

    def _visit(self, node: ast.expr) -> Meaning:
        match node:
            case ast.Constant(value=bool()):
                return Meaning(kind="boolean")
            case ast.Constant():
                return Meaning(kind="integer" if isinstance(node.value, int) else "float")
            case ast.Name():
                return self._name(node.id)
            case ast.UnaryOp(op=ast.Not()):
                self._condition(node.operand)
                return Meaning(kind="boolean")
            case ast.UnaryOp():
                return self._number(node.operand)
            case ast.BinOp():
                return self._binary(node)
            case ast.BoolOp():
                for value in node.values:
                    self._condition(value)
                return Meaning(kind="boolean")
            case ast.Compare():
                left, right = self._number(node.left), self._number(node.comparators[0])
                self._one_unit(left, right)
                return Meaning(kind="boolean")
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node.args)
        raise self.fail("an expression")

    def _name(self, name: str) -> Meaning:
        if name in self.names:
            return self.names[name]
        if name in self.units:
            return Meaning(self.units[name][1])
        if name in CONSTANTS:
            return Meaning()
        raise unknown_name(self.where, self.what, name, {*self.names, *self.units, *CONSTANTS}) from None

    def _number(self, node: ast.expr) -> Meaning:
        found = self._visit(node)
        if found.kind == "boolean":
            shown = render(node)
            raise self.fail(f"a number, not the condition {shown}", f"write int({shown}).")
        return found

    def _condition(self, node: ast.expr) -> None:
        if self._visit(node).kind != "boolean":
            raise self.fail(f"a condition beside and, or, not; {render(node)} is a number", "compare it with another.")

    def _one_unit(self, left: Meaning, right: Meaning) -> None:
        if left.dimension != right.dimension:
            expected = f"terms of one unit, not {describe(left.dimension)} and {describe(right.dimension)}"
            raise self.fail(expected, "give both terms the same unit.", UnitsError)

    def _binary(self, node: ast.BinOp) -> Meaning:
        left, right = self._number(node.left), self._number(node.right)
        kind = max(left.kind, right.kind, key=_RANKS.index)
        match node.op:
            case ast.Add() | ast.Sub() | ast.Mod():
                self._one_unit(left, right)
                self._no_zero(node)
                return Meaning(left.dimension, kind)
            case ast.Mult():
                return Meaning(combined(left.dimension, right.dimension, 1), kind)
            case ast.Div():
                self._no_zero(node)
                return Meaning(combined(left.dimension, right.dimension, -1))
            case ast.FloorDiv():
                self._no_zero(node)
                if left.dimension != DIMENSIONLESS or right.dimension != DIMENSIONLESS:
                    raise self.fail("plain numbers beside //", "divide by a unit first.", UnitsError)
                return Meaning(kind=kind)
        if right.dimension != DIMENSIONLESS:
            raise self.fail("a plain number as exponent")
        if left.dimension == DIMENSIONLESS:
            return Meaning(kind=kind)
        exponent = self.exponent(node.right)
        if exponent is None or np.ndim(exponent):
            raise self.fail("a plain number as exponent", "of a quantity with a unit, it cannot vary.")
        return Meaning(tuple(round(float(a * exponent), 9) for a in left.dimension))

    def _no_zero(self, node: ast.BinOp) -> None:
        if not isinstance(node.op, ast.Add | ast.Sub) and constant(node.right) == 0:
            raise self.fail("no division by zero")

    def _call(self, name: str, arguments: list[ast.expr]) -> Meaning:
        if name not in self.functions:
            raise unknown_name(self.where, "function", name, self.functions)
        function = FUNCTIONS[name]
        if len(arguments) != function.arguments:
            number = {0: "without arguments", 1: "with one argument"}.get(function.arguments)
            raise self.fail(f"{name}() {number or f'with {function.arguments} arguments'}")
        found = [self._visit(each) if name == "int" else self._number(each) for each in arguments]
        if function.takes != "any" and any(each.kind != function.takes for each in found):
            raise self.fail(f"whole numbers inside {name}()", f"as in {name}(noise_seed, t_in_timesteps, i).")
        kinds = [each.kind for each in found]
        kind = max(kinds, key=_RANKS.index) if function.gives == "any" else function.gives
        return Meaning(self._unit_of(name, function.units, found), kind)

    def _unit_of(self, name: str, units: str, found: list[Meaning]) -> Dimension:
        if units == "plain":
            if any(each.dimension != DIMENSIONLESS for each in found):
                raise self.fail(f"a plain number inside {name}()", "divide by a unit first.", UnitsError)
            return DIMENSIONLESS
        if units == "time":
            if any(each.dimension != _SECOND for each in found):
                raise self.fail(f"times inside {name}()", "give them in seconds.", UnitsError)
            return DIMENSIONLESS
        for other in found[1:]:
            self._one_unit(found[0], other)
        if units == "sign":
            return DIMENSIONLESS
        return tuple(a / 2 for a in found[0].dimension) if units == "root" else found[0].dimension
