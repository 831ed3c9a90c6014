"""Activations of rate units, by name or as an expression of x, and the rates that they give."""

from __future__ import annotations

import ast

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .language import Meaning, check_meaning, names_in, parse, render, replaced
from .language.limits import random_calls
from .neuron import Neuron

__all__ = ["ACTIVATIONS", "activation_of", "rate_expression"]

#: From the activation's name to its expression of x.
ACTIVATIONS = {
    "tanh": "tanh(x)",
    "relu": "clip(x, 0, inf)",
    "sigmoid": "1/(1 + exp(-x))",
    "linear": "x",
    "gelu": "0.5*x*(1 + erf(0.7071067811865476*x))",
}


def activation_of(where: str, activation: str) -> str:
    """Return the expression of x of an activation, by its name or as it is.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnknownNameError, UnitsError
        If it is no expression of x alone.

    Examples
    --------
    >>> activation_of("demo", "relu"), activation_of("demo", "log(1+exp(x))")
    ('clip(x, 0, inf)', 'log(1 + exp(x))')
    """
    if not isinstance(activation, str):
        raise InvalidTypeError(message(where, "the name of an activation, or an expression of x", activation))
    text = ACTIVATIONS.get(activation, activation)
    tree = parse(where, text)
    if "x" not in names_in(tree):
        raise unknown_name(where, "activation, or an expression of x", activation, ACTIVATIONS)
    check_meaning(where, tree, {"x": Meaning()}, Meaning(), "a plain number")
    if random_calls(tree):
        raise InvalidValueError(message(where, "an expression without random numbers", activation))
    return render(tree)


def rate_expression(neuron: Neuron, activation: str = "") -> str:
    """Return a rate unit's rate as a Brian2 expression of its variables.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> rate_expression(load_neuron("echo_state"), "sigmoid")
    '1/(1 + exp(-a))'
    """
    of_x = parse("activation", activation_of(f"{neuron.name}: activation", activation or neuron.activation))

    def put_in(arguments: list[ast.expr]) -> ast.expr:
        if len(arguments) != 1:
            raise InvalidValueError(message(f"{neuron.name}: rate", "activation() with one argument", neuron.rate))
        return replaced(of_x, {"x": arguments[0]})

    return render(replaced(parse(f"{neuron.name}: rate", neuron.rate), {}, {"activation": put_in}))
