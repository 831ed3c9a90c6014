"""Expressions of equation files as TensorFlow operations.

A syntax tree is walked node by node while TensorFlow traces; no code is executed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..declare.language import functions as language
from ..errors import InvalidValueError, message
from .variables import standard_normal, standard_uniform

__all__ = ["CONSTANTS", "FUNCTIONS", "chosen", "evaluate_text", "in_type"]

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: lambda a, b: tf.equal(a, b) if tf.is_tensor(a) or tf.is_tensor(b) else a == b,
    ast.NotEq: lambda a, b: tf.not_equal(a, b) if tf.is_tensor(a) or tf.is_tensor(b) else a != b,
}
CONSTANTS = language.CONSTANTS | {"True": True, "False": False}

#: Functions that TensorFlow or `math` lack or name differently: on tensors, and on plain numbers.
_OTHER_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_OF_TENSORS: dict[str, Callable[..., Any]] = {
    "exprel": lambda x: tf.where(x == 0, tf.ones_like(x), tf.math.expm1(x) / x),
    "log10": lambda x: tf.math.log(x) / math.log(10),
    "clip": tf.clip_by_value,
}
_OF_NUMBERS: dict[str, Callable[..., Any]] = {
    "exprel": lambda x: math.expm1(x) / x if x else 1.0,
    "abs": abs,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "clip": lambda x, low, high: min(max(x, low), high),
}


def _computes(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    other = _OTHER_NAMES.get(name, name)
    return (
        _OF_TENSORS[name] if name in _OF_TENSORS else getattr(tf.math, other),
        _OF_NUMBERS[name] if name in _OF_NUMBERS else getattr(math, other),
    )


#: Each function of the language, on tensors and on plain numbers; those of whole numbers are elsewhere.
FUNCTIONS = {
    name: _computes(name) for name, f in language.FUNCTIONS.items() if f.compute is not None and f.gives != "integer"
}
_NOISE = {"standard_normal": standard_normal, "standard_uniform": standard_uniform}


def evaluate_text(text: str, names: Mapping[str, Any], where: str = "expression") -> Any:
    """Return the value of an expression of tensors and plain numbers.

    Parameters
    ----------
    text : str
        Arithmetic, comparisons, and the functions Brian2 and the equation files know.
    names : mapping
        Values of its names: plain numbers, and tensors of one floating type, of int64 or of bool. A name of a
        callable is a function.
    where : str, optional
        For the message of an error.

    Examples
    --------
    >>> evaluate_text("int(v > 1)*exp(0)", {"v": tf.constant([0.5, 2.0])}).numpy().tolist()
    [0.0, 1.0]
    """
    # nothing below is for AutoGraph, which stumbles over `match` aloud
    value = tf.autograph.experimental.do_not_convert(_Expression(names, where).value)
    return value(ast.parse(text.strip(), mode="eval").body)


def chosen(condition: Any, yes: Any, no: Any) -> Any:
    """Return one of two values by a condition, element by element where it is a tensor.

    Examples
    --------
    >>> chosen(False, 1.0, 2.0)
    2.0
    """
    if not tf.is_tensor(condition):
        return yes if condition else no
    return tf.where(condition, yes, no)


def in_type(value: Any, dtype: Any) -> Any:
    """Return a value as a tensor of a type; ``tf.cast`` would round plain numbers to float32 first.

    Examples
    --------
    >>> float(in_type(0.1, tf.float64)) == 0.1
    True
    """
    return (
        tf.cast(value, dtype)
        if tf.is_tensor(value)
        else tf.constant(np.array(value, tf.as_dtype(dtype).as_numpy_dtype))
    )


class _Expression:
    def __init__(self, names: Mapping[str, Any], where: str) -> None:
        self.names = names
        self.where = where
        floating = (v.dtype for v in names.values() if tf.is_tensor(v) and v.dtype.is_floating)
        self.floats = next(floating, tf.float32)

    def value(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return node.value
            case ast.Name(id=name):
                return self._name(name)
            case ast.BinOp() if type(node.op) in _BINARY:
                return self._binary(type(node.op), self.value(node.left), self.value(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return -self.value(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.value(node.operand)
            case ast.UnaryOp(op=ast.Not()):
                operand = self.value(node.operand)
                return tf.logical_not(operand) if tf.is_tensor(operand) else not operand
            case ast.BoolOp():
                return self._truth(node)
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return _COMPARE[type(op)](*self._matched(self.value(node.left), self.value(right)))
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, [self.value(argument) for argument in node.args])
        raise self._error("arithmetic", ast.unparse(node))

    def _name(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        raise self._error("a name of the equations", name)

    def _binary(self, operation: type, left: Any, right: Any) -> Any:
        left, right = self._matched(left, right)
        if operation is ast.Div and tf.is_tensor(left) and not left.dtype.is_floating:
            left = self._floating(left)
        return _BINARY[operation](left, self._floating(right) if operation is ast.Div else right)

    def _matched(self, left: Any, right: Any) -> tuple[Any, Any]:
        """Convert a whole number to floating point if the other value is floating."""
        if not (_is_whole(left) or _is_whole(right)) or all(map(_fits_whole, (left, right))):
            return left, right
        return self._floating(left), self._floating(right)

    def _floating(self, value: Any) -> Any:
        return tf.cast(value, self.floats) if tf.is_tensor(value) else value

    def _truth(self, node: ast.BoolOp) -> Any:
        values = [self.value(item) for item in node.values]
        join = tf.logical_and if isinstance(node.op, ast.And) else tf.logical_or
        result = values[0]
        for other in values[1:]:
            result = join(result, other)
        return result

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if callable(self.names.get(name)):
            return self.names[name](*(tf.convert_to_tensor(self._floating(a), self.floats) for a in arguments))
        if name == "int":
            (x,) = arguments
            return self._whole_part(x)
        if name == "timestep":
            x, d = arguments
            steps = (x + 1e-3 * d) / d
            return self._whole_part(steps)
        if name in _NOISE:
            seed, step, index = arguments
            return _NOISE[name](index, seed, step, self.floats)
        if name not in FUNCTIONS:
            known = ", ".join(sorted([*FUNCTIONS, *_NOISE]))
            raise self._error(f"a function TensorFlow has ({known})", name)
        on_tensors, on_numbers = FUNCTIONS[name]
        if not any(map(tf.is_tensor, arguments)):
            return on_numbers(*arguments)
        return on_tensors(*(tf.convert_to_tensor(self._floating(a), self.floats) for a in arguments))

    def _whole_part(self, x: Any) -> Any:
        """Drop the fraction, as C++ does."""
        if not tf.is_tensor(x):
            return int(x)
        if not x.dtype.is_floating:
            return self._floating(x)
        return tf.sign(x) * tf.floor(tf.abs(x))

    def _error(self, expected: str, received: str) -> InvalidValueError:
        return InvalidValueError(message(self.where, expected, received, "use a Brian2 target for this equation file."))


def _is_whole(value: Any) -> bool:
    return tf.is_tensor(value) and value.dtype.is_integer


def _fits_whole(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, int) and not isinstance(value, bool))
