"""Refuse expressions that no target can compute: numbers that overflow, divide by zero or differ by target."""

from __future__ import annotations

import ast
import cmath
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .functions import CONSTANTS, FUNCTIONS, RANDOM
from .meaning import BINARY, Reader
from .syntax import calls_in, names_in, render

__all__ = ["check_numbers", "random_calls"]

_LARGEST_WHOLE = 2**31 - 1
_LARGEST_EXPONENT = 100
_PROBES = 8
_CONDITIONS = 5
_POSITIVE = ("t", "dt", "i", "N", "t_in_timesteps")


def random_calls(node: ast.AST) -> list[str]:
    """Return the names of the random functions that a tree calls, one per call."""
    return [name for name, _ in calls_in(node) if name in RANDOM]


def check_numbers(reader: Reader, tree: ast.expr) -> None:
    """Refuse constants without a value on some target; `reader` has read the tree.

    Generated code has 32 bits for a whole number, and sympy, by which Brian2 integrates, folds
    constants before.
    """
    finite = sum(_is_infinity(each) for name, args in calls_in(tree) if name == "clip" for each in args)
    if finite < sum(isinstance(each, ast.Name) and each.id == "inf" for each in ast.walk(tree)):
        raise reader.fail("inf as a bound of clip() alone", "as in clip(x, 0, inf).")
    for each in ast.walk(tree):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow):
            _check_power(reader, each)
        if isinstance(each, ast.expr):
            _check_probes(reader, each)
        if isinstance(each, ast.Constant | ast.UnaryOp | ast.BinOp | ast.Call):
            _check_constant(reader, each)


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


def _check_probes(reader: Reader, node: ast.expr) -> None:
    """Refuse what has no value whatever the variables are, such as 1/(v - v): sympy folds it to no number."""
    match node:
        case ast.BinOp(op=ast.Div() | ast.FloorDiv() | ast.Mod()):
            _check_divisor(reader, node.right)
        case ast.BinOp(op=ast.Pow()):
            exponent = _value(node.right)
            if exponent is not None and exponent < 0:
                _check_divisor(reader, node.left)
            if exponent is not None and exponent != int(exponent) and _always(node.left, lambda base: base < 0):
                raise reader.fail(f"a value of {render(node)}")
        case ast.Call(func=ast.Name(id="sqrt" | "log" | "log10" as name)):
            if _always(node.args[0], lambda x: x < 0) or (name != "sqrt" and _always(node.args[0], lambda x: x == 0)):
                raise reader.fail(f"a value of {render(node)}")


def _check_divisor(reader: Reader, node: ast.expr) -> None:
    """Refuse a divisor that is zero, or a whole number of conditions, whose power -1 Brian2 writes in equations."""
    if _always(node, lambda value: value == 0):
        raise reader.fail("no division by zero")
    meanings = Reader(reader.where, reader.names, units=reader.units, functions=reader.functions)
    for factor in _factors(node):
        if _conditions(factor) and meanings.read(factor).kind == "integer":
            raise reader.fail(f"no division by {render(factor)}",
                              "multiply by int(), or write a number with a point, as in 1.0 + int(x < 3).")  # fmt: skip


def _factors(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.BinOp(op=ast.Mult()):
            return _factors(node.left) + _factors(node.right)
        case ast.BinOp(op=ast.Div() | ast.Pow()):
            return _factors(node.left)
        case ast.UnaryOp():
            return _factors(node.operand)
    return [node]


def _conditions(node: ast.expr) -> list[str]:
    """Return the conditions whose number, int(), a tree contains."""
    inside = {render(args[0]) for name, args in calls_in(node) if name == "int" and _is_condition(args[0])}
    return sorted(inside)


def _is_condition(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _always(node: ast.expr, holds: Callable[[float], bool]) -> bool:
    """Whether something holds for all values of the names once some conditions are true and the others false."""
    conditions = _conditions(node)
    if len(conditions) <= _CONDITIONS:
        cases = list(itertools.product((0, 1), repeat=len(conditions)))
    else:
        cases = [(0,) * len(conditions), (1,) * len(conditions)]
    return any(all(map(holds, _probes(node, dict(zip(conditions, case, strict=True))))) for case in cases)


def _probes(node: ast.expr, conditions: Mapping[str, int]) -> list[float]:
    """Return values of a tree for some values of its names and of int() of its conditions; NaN where there is none."""
    rng, names, values = np.random.default_rng(0), sorted(names_in(node)), []
    for _ in range(_PROBES):
        draw = rng.uniform(0.5, 2, len(names)) * rng.choice([-1, 1], len(names))
        known = {name: abs(x) if name in _POSITIVE else x for name, x in zip(names, draw.tolist(), strict=True)}
        found = _value(node, {**known, **conditions})
        values.append(math.nan if found is None or isinstance(found, complex) else found)
    return values


def _check_constant(reader: Reader, node: ast.expr) -> None:
    value = _value(node)
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        raise reader.fail(f"whole numbers of at most {_LARGEST_WHOLE}", "write a larger one as in 3e9.")
    match node:
        case ast.Call(func=ast.Name(id="tan")):
            steep = abs(value) > 1e15
        case _:
            steep = False
    if steep or not math.isfinite(value):
        raise reader.fail(f"a finite value of {render(node)}")


def _value(node: ast.expr, names: Mapping[str, float] | None = None) -> Any:
    """Return the value of a tree for some values of its names and conditions; None: it has others, or is one."""
    names = names or {}
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names.get(node.id, CONSTANTS.get(node.id) if node.id != "inf" else None)
        case ast.UnaryOp(op=ast.USub()):
            value = _value(node.operand, names)
            return None if value is None else -value
        case ast.BinOp():
            return _binary(node.op, _value(node.left, names), _value(node.right, names))
        case ast.Call(func=ast.Name(id="int")) if _is_condition(node.args[0]):
            return names.get(render(node.args[0]))
        case ast.Call(func=ast.Name(id=name)) if name not in RANDOM:
            values, function = [_value(each, names) for each in node.args], FUNCTIONS[name]
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
