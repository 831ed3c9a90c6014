"""What is an expression, but computed by no target: numbers that overflow, divide by zero or differ by target."""

from __future__ import annotations

import ast
import cmath
import math
from typing import Any

import numpy as np

from .functions import CONSTANTS, FUNCTIONS, RANDOM
from .meaning import BINARY, Reader
from .syntax import names_in, render

__all__ = ["check_numbers", "random_calls"]

_LARGEST_WHOLE = 2**31 - 1
_LARGEST_EXPONENT = 100


def random_calls(node: ast.AST) -> list[str]:
    """Return the names of random functions that a tree calls, once a call."""
    return [each.func.id for each in ast.walk(node) if isinstance(each, ast.Call) and each.func.id in RANDOM]


def check_numbers(reader: Reader, tree: ast.expr) -> None:
    """Refuse constants without a value on some target; `reader` has read the tree.

    Generated code has 32 bits for a whole number, and sympy, by which Brian2 integrates, folds
    constants before.
    """
    finite = sum(_is_infinity(each) for call in _calls(tree, "clip") for each in call.args)
    if finite < sum(isinstance(each, ast.Name) and each.id == "inf" for each in ast.walk(tree)):
        raise reader.fail("inf as a bound of clip() alone", "as in clip(x, 0, inf).")
    for each in ast.walk(tree):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow):
            _check_power(reader, each)
        if isinstance(each, ast.Constant | ast.UnaryOp | ast.BinOp | ast.Call):
            _check_constant(reader, each)


def _calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [each for each in ast.walk(tree) if isinstance(each, ast.Call) and each.func.id == name]


def _is_infinity(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Name) and node.id == "inf"


def _check_power(reader: Reader, node: ast.BinOp) -> None:
    exponent = _value(node.right)
    if exponent is not None and abs(exponent) > _LARGEST_EXPONENT:
        raise reader.fail(f"exponents of at most {_LARGEST_EXPONENT}")
    whole = Reader(reader.where, reader.names, units=reader.units, functions=reader.functions)
    base, power = whole.read(node.left), whole.read(node.right)
    if base.kind == power.kind == "integer" and not (isinstance(exponent, int) and exponent >= 0):
        raise reader.fail(f"a whole number from 0 on as exponent of the whole number {render(node.left)}",
                          "write it with a point, as in 2.0.")  # fmt: skip


def _check_constant(reader: Reader, node: ast.expr) -> None:
    value = _value(node)
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        raise reader.fail(f"whole numbers of at most {_LARGEST_WHOLE}", "write a larger one as in 3e9.")
    steep = isinstance(node, ast.Call) and node.func.id == "tan" and abs(value) > 1e15
    if steep or not math.isfinite(value):
        raise reader.fail(f"a finite value of {render(node)}")


def _value(node: ast.expr) -> Any:
    """Return the value of a tree without variables and units; None: it has some, or is a condition."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return CONSTANTS.get(node.id) if node.id != "inf" else None
        case ast.UnaryOp(op=ast.USub()):
            value = _value(node.operand)
            return None if value is None else -value
        case ast.BinOp():
            return _binary(node.op, _value(node.left), _value(node.right))
        case ast.Call() if names_in(node) <= {"pi", "e"} and not random_calls(node):
            values, function = [_value(each) for each in node.args], FUNCTIONS[node.func.id]
            if function.compute is None or any(value is None for value in values):
                return None
            with np.errstate(all="ignore"):
                found = float(function.compute(*(np.float64(value) for value in values)))
            return int(found) if function.gives == "integer" and math.isfinite(found) else found
    return None


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    try:
        if isinstance(op, ast.Pow) and cmath.isfinite(float(left) ** float(right)):
            if isinstance(left, int) and isinstance(right, int) and right >= 0:
                return left**right
            found = float(left) ** float(right)
            return math.nan if isinstance(found, complex) else found
        return BINARY[type(op)](left, right) if not isinstance(op, ast.Pow) else math.nan
    except (OverflowError, ZeroDivisionError):
        return math.nan
