"""Equation files as TensorFlow operations.

Brian2 parses, checks and integrates the equations; its finished statements are carried out
on tensors here, one syntax node at a time, while TensorFlow traces. No code is executed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from ..equations import Neuron, SynapticFilter, resolve_parameters
from ..errors import InvalidValueError, message

__all__ = ["FilterStep", "NeuronStep", "evaluate_text", "filter_step", "neuron_step"]

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
_CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "True": True, "False": False}


def _clip(x: Any, low: Any, high: Any) -> Any:
    return tf.clip_by_value(x, low, high) if tf.is_tensor(x) else float(np.clip(x, low, high))


# name: what it does to tensors, what it does to plain numbers
_FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exp": (tf.exp, math.exp),
    "expm1": (tf.math.expm1, math.expm1),
    "exprel": (
        lambda x: tf.where(x == 0, tf.ones_like(x), tf.math.expm1(x) / x),
        lambda x: math.expm1(x) / x if x else 1.0,
    ),
    "log": (tf.math.log, math.log),
    "log1p": (tf.math.log1p, math.log1p),
    "log10": (lambda x: tf.math.log(x) / math.log(10), math.log10),
    "sqrt": (tf.sqrt, math.sqrt),
    "sin": (tf.sin, math.sin),
    "cos": (tf.cos, math.cos),
    "tan": (tf.tan, math.tan),
    "sinh": (tf.sinh, math.sinh),
    "cosh": (tf.cosh, math.cosh),
    "tanh": (tf.tanh, math.tanh),
    "arcsin": (tf.asin, math.asin),
    "arccos": (tf.acos, math.acos),
    "arctan": (tf.atan, math.atan),
    "abs": (tf.abs, abs),
    "sign": (tf.sign, np.sign),
    "floor": (tf.floor, math.floor),
    "ceil": (tf.math.ceil, math.ceil),
    "clip": (_clip, _clip),
}


def evaluate_text(text: str, names: Mapping[str, Any], where: str = "expression") -> Any:
    """Return the value of an expression of tensors and plain numbers.

    Parameters
    ----------
    text : str
        Arithmetic, comparisons, and the functions Brian2 knows.
    names : mapping
        Values of its names.
    where : str, optional
        For the message of an error.

    Examples
    --------
    >>> evaluate_text("int(v > 1)*exp(0)", {"v": tf.constant([0.5, 2.0])}).numpy().tolist()
    [0.0, 1.0]
    """
    return _Expression(names, where).value(ast.parse(text.strip(), mode="eval").body)


class _Expression:
    def __init__(self, names: Mapping[str, Any], where: str) -> None:
        self.names = names
        self.where = where

    def value(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return node.value
            case ast.Name(id=name):
                return self._name(name)
            case ast.BinOp() if type(node.op) in _BINARY:
                return _BINARY[type(node.op)](self.value(node.left), self.value(node.right))
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
                return _COMPARE[type(op)](self.value(node.left), self.value(right))
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, [self.value(argument) for argument in node.args])
        raise self._error("arithmetic", ast.unparse(node))

    def _name(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        raise self._error("a name of the equations", name)

    def _truth(self, node: ast.BoolOp) -> Any:
        values = [self.value(item) for item in node.values]
        join = tf.logical_and if isinstance(node.op, ast.And) else tf.logical_or
        result = values[0]
        for other in values[1:]:
            result = join(result, other)
        return result

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name == "int":
            (x,) = arguments
            if not tf.is_tensor(x):
                return int(x)
            floats = next((v.dtype for v in self.names.values() if tf.is_tensor(v) and v.dtype.is_floating), tf.float32)
            return tf.cast(x, floats) if x.dtype == tf.bool else tf.floor(x)
        if name == "timestep":
            x, d = arguments
            steps = (x + 1e-3 * d) / d
            return tf.floor(steps) if tf.is_tensor(steps) else math.floor(steps)
        if name not in _FUNCTIONS:
            raise self._error(f"a function TensorFlow has ({', '.join(sorted(_FUNCTIONS))})", name)
        on_tensors, on_numbers = _FUNCTIONS[name]
        return (on_tensors if any(map(tf.is_tensor, arguments)) else on_numbers)(*arguments)

    def _error(self, expected: str, received: str) -> InvalidValueError:
        return InvalidValueError(message(self.where, expected, received, "use a Brian2 target for this equation file."))


@dataclass(frozen=True)
class _Statement:
    variable: str
    operation: str
    text: str


def _carry_out(statements: Sequence[_Statement], names: Mapping[str, Any], where: str) -> dict[str, Any]:
    values = dict(names)
    for statement in statements:
        value = evaluate_text(statement.text, values, where)
        if statement.operation not in ("=", ":="):
            node = ast.parse(f"a {statement.operation[:-1]} b", mode="eval").body
            value = _BINARY[type(node.op)](values[statement.variable], value)  # type: ignore[attr-defined]
        values[statement.variable] = value
    return values


@dataclass(frozen=True)
class NeuronStep:
    """One time step of a neuron file.

    Attributes
    ----------
    variables : tuple of str
        The state variables of the file.
    membrane : str
        The one recorded as voltage.
    recurrent : str
        The input that takes the whole current.
    others : tuple of str
        The inputs that are 0 then.
    """

    name: str
    variables: tuple[str, ...]
    membrane: str
    recurrent: str
    others: tuple[str, ...]
    _update: tuple[_Statement, ...]
    _threshold: tuple[_Statement, ...]
    _reset: tuple[_Statement, ...]

    def __call__(
        self, states: Mapping[str, Any], current: Any, numbers: Mapping[str, float], t: Any
    ) -> tuple[dict[str, Any], Any]:
        """Advance the states; return them before the reset of the membrane, and the spikes.

        Parameters
        ----------
        states : mapping
            Tensor of each state variable.
        current : tensor
            Whole current; the file's bias must be 0 among `numbers`.
        numbers : mapping
            Parameters and ``dt``, as plain numbers of one coherent system of units.
        t : tensor
            Time.
        """
        inputs = {self.recurrent: current, **dict.fromkeys(self.others, 0.0)}
        names = {**numbers, **inputs, "t": t, **states}
        values = _carry_out(self._update, names, self.name)
        spikes = evaluate_text("_cond", _carry_out(self._threshold, values, self.name))
        after = _carry_out(self._reset, values, self.name)
        new = {}
        for name in self.variables:
            value = values[name]
            if name != self.membrane:
                value = tf.where(spikes, after[name] + tf.zeros_like(states[name]), value)
            new[name] = value
        return new, spikes


@dataclass(frozen=True)
class FilterStep:
    """One time step of a synaptic filter file.

    Attributes
    ----------
    variables : tuple of str
        The states; the output first.
    """

    name: str
    variables: tuple[str, ...]
    _update: tuple[_Statement, ...]
    _spike: tuple[tuple[str, str], ...]

    def __call__(self, states: Sequence[Any], spikes: Any, numbers: Mapping[str, float]) -> list[Any]:
        """Let the states decay, then add the spikes (or what they bring)."""
        names = {**numbers, **dict(zip(self.variables, states, strict=True))}
        values = _carry_out(self._update, names, self.name)
        for variable, amount in self._spike:
            values[variable] = values[variable] + spikes * evaluate_text(amount, numbers, self.name)
        return [values[name] for name in self.variables]


def _probe(
    name: str, equations: str, parameters: Mapping[str, str], filters: Sequence[str], **code: str
) -> dict[str, tuple[_Statement, ...]]:
    """Let Brian2 turn equations into statements."""
    import brian2
    from brian2.equations.equations import PARAMETER, Equations, SingleEquation
    from brian2.units.fundamentalunits import get_or_create_dimension

    from ..brian.integration import ExactDecay
    from ..brian.isolation import isolated

    method = code.pop("method", "euler")
    values = resolve_parameters(name, parameters, dt=1e-4)
    declared = [
        SingleEquation(PARAMETER, key, get_or_create_dimension(value.dimension), flags=["shared", "constant"])
        for key, value in values.items()
        if key != "dt"
    ]
    with isolated("runtime", {}):
        group = brian2.NeuronGroup(
            1, Equations(equations) + Equations(declared),
            method=ExactDecay(filters, method) if filters else method,
            namespace={}, dt=1e-4 * brian2.second, **code,
        )  # fmt: skip
        group.add_to_magic_network = False
        object.__setattr__(group, "_network", "none: only its code is wanted")  # or Brian2 warns of it
        runners = {"update": group.state_updater}
        if "threshold" in code:
            runners |= {"threshold": group.thresholder["spike"], "reset": group.resetter["spike"]}
        return {key: _statements(runner, group) for key, runner in runners.items()}


def _statements(runner: Any, group: Any) -> tuple[_Statement, ...]:
    from brian2.codegen.translation import analyse_identifiers, make_statements

    runner.update_abstract_code({})
    code = runner.abstract_code
    _, known, unknown = analyse_identifiers(code, group.variables, recursive=True)
    variables = group.resolve_all(known | unknown | {"dt"}, {}, user_identifiers=set())
    scalar, vector = make_statements(code, {**group.variables, **variables}, np.float64, optimise=False)
    for statement in [*scalar, *vector]:
        condition = getattr(variables.get(statement.var), "conditional_write", None)
        if condition is not None:
            raise InvalidValueError(
                message(
                    "equations",
                    "no '(unless refractory)' flag",
                    statement.var,
                    "write int(t > last + tau_ref)*(...).",
                )
            )
    return tuple(_Statement(s.var, s.op, s.expr) for s in [*scalar, *vector])


@cache
def _neuron_step(
    neuron_name: str,
    equations: str,
    threshold: str,
    reset: str,
    method: str,
    parameters: tuple[tuple[str, str], ...],
) -> Any:
    return _probe(neuron_name, equations, dict(parameters), (), threshold=threshold, reset=reset, method=method)


def neuron_step(neuron: Neuron) -> NeuronStep:
    """Return the step of a neuron file.

    Raises
    ------
    InvalidValueError
        If the file uses what TensorFlow does not have.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> neuron_step(load_neuron("lif")).variables
    ('v', 'last')
    """
    from ..units import dimension_of

    unit = "1" if dimension_of(neuron.current_unit, neuron.name) == dimension_of("1", "") else _si(neuron)
    inputs = "\n".join(f"{name} : {unit}" for name in neuron.inputs.values())
    found = _neuron_step(
        neuron.name,
        f"{neuron.equations}\n{inputs}",
        neuron.threshold,
        neuron.reset,
        neuron.method,
        tuple(neuron.parameters.items()),
    )
    return NeuronStep(
        name=f"{neuron.name}.toml",
        variables=tuple(neuron.state_variables),
        membrane=neuron.membrane,
        recurrent=neuron.inputs["recurrent"],
        others=(neuron.inputs["feedback"], neuron.inputs["external"]),
        _update=found["update"],
        _threshold=found["threshold"],
        _reset=found["reset"],
    )


def _si(neuron: Neuron) -> str:
    from ..units import dimension_of

    names = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candela")
    dimension = dimension_of(neuron.current_unit, neuron.name)
    return "*".join(f"{name}**{exponent:g}" for name, exponent in zip(names, dimension, strict=True) if exponent)


@cache
def _filter_statements(
    name: str, equations: str, variables: tuple[str, ...], parameters: tuple[tuple[str, str], ...]
) -> Any:
    return _probe(name, equations, dict(parameters), variables)["update"]


def filter_step(synapse: SynapticFilter) -> FilterStep:
    """Return the step of a synaptic filter file.

    Examples
    --------
    >>> from tension_sim import load_synapse
    >>> filter_step(load_synapse("double_exponential")).variables
    ('x', 'h_x')
    """
    equations, spike = synapse.instance(synapse.output, synapse.output, "1")
    names = synapse.named(synapse.output, synapse.output)
    variables = tuple(sorted(names.values(), key=lambda name: name != synapse.output))
    update = _filter_statements(synapse.name, equations, variables, tuple(synapse.parameters.items()))
    return FilterStep(
        name=f"{synapse.name}.toml",
        variables=variables,
        _update=update,
        _spike=tuple(spike.items()),
    )
