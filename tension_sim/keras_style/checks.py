"""Checks of the arguments of layers and models, before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..declare.arrays_in import numbers
from ..declare.validation import check_flag, check_whole
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name

__all__ = ["activation_function", "check_count", "check_flag", "kernels_of", "mask_of", "row_of"]

_ACTIVATIONS = (
    "tanh",
    "relu",
    "sigmoid",
    "linear",
    "softplus",
    "elu",
    "selu",
    "softsign",
    "gelu",
    "leaky_relu",
)


def check_count(where: str, value: Any, minimum: int = 1, what: str = "a whole number") -> int:
    """Return a whole number, at least `minimum`; as everywhere in Keras, a float is refused whatever its value."""
    if isinstance(value, float | np.floating):
        raise InvalidTypeError(message(where, f"{what}, at least {minimum}", value, "pass an int."))
    return check_whole(where, value, minimum, what=what)


def activation_function(where: str, value: Any) -> Any:
    """Return the activation function of a name or function."""
    try:
        return keras.activations.get(value)
    except (ValueError, TypeError):
        if isinstance(value, str):
            raise unknown_name(where, "activation", value, _ACTIVATIONS) from None
        raise InvalidTypeError(
            message(where, "a name or a function", value, "for example activation='tanh'.")
        ) from None


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(np.shape(value) if not hasattr(value, "shape") else value.shape)


def kernels_of(where: str, weights: Any, names: Sequence[str]) -> tuple[dict[str, Any], int, int | None]:
    """Return the kernels by name, and the number of neurons and outputs that they share.

    Parameters
    ----------
    where : str
        Class, for the message.
    weights : sequence of arrays
        One kernel per name.
    names : sequence of str
        Of "input" (inputs, units), "recurrent" (units, units), "feedback" (outputs, units),
        "output" (units, outputs).
    """
    expected = f"{len(names)} kernels ({', '.join(names)})"
    try:
        given = list(weights)
    except TypeError:
        raise InvalidTypeError(message(f"{where}.weights", expected, weights)) from None
    if len(given) != len(names):
        raise InvalidValueError(
            message(f"{where}.weights", expected, f"{len(given)} kernels", "pass them in this order.")
        )
    kernels = dict(zip(names, given, strict=True))
    for name, kernel in kernels.items():
        array = numbers(f"{where}.weights", kernel, f"finite numbers in the {name} kernel")
        if array.ndim != 2:
            raise InvalidValueError(message(f"{where}.weights", f"a 2D {name} kernel", array.shape))
        if not np.all(np.isfinite(array)):
            raise InvalidValueError(message(f"{where}.weights", f"finite numbers in the {name} kernel", array))
    units = _shape(kernels["input"])[1]
    outputs = _shape(kernels["output"])[1] if "output" in kernels else None
    shapes = {
        "recurrent": (units, units),
        "feedback": (outputs, units),
        "output": (units, outputs),
    }
    for name, kernel in kernels.items():
        if name in shapes and _shape(kernel) != shapes[name]:
            raise InvalidValueError(
                message(
                    f"{where}.weights",
                    f"a {name} kernel of shape {shapes[name]}, to go with the others",
                    _shape(kernel),
                    f"the input kernel has {units} units"
                    + ("." if outputs is None else f", the output kernel {outputs} outputs."),
                )
            )
    return kernels, units, outputs


def mask_of(where: str, mask: Any, units: int) -> tf.Tensor | None:
    """Return a boolean mask of shape (units, units); None stays None."""
    if mask is None:
        return None
    name = f"{where}.recurrent_nontrainable_boolean_mask"
    numbers(name, mask, f"True and False, of shape {(units, units)}")  # refuses missing values and ragged lists
    array = np.asarray(mask)
    if array.shape != (units, units):
        raise InvalidValueError(
            message(name, f"an array of shape {(units, units)}, as the recurrent kernel", array.shape)
        )
    if array.dtype != bool:
        raise InvalidTypeError(
            message(name, "True and False (True = does not learn)", str(array.dtype), "convert it: mask == 1.")
        )
    return tf.convert_to_tensor(array)


def row_of(where: str, value: Any, units: int) -> Any:
    """Return initial values of shape (1, units), or None."""
    if value is None:
        return None
    array = numbers(where, value, f"numbers of shape {(1, units)}")
    if array.shape != (1, units) or not np.all(np.isfinite(array)):
        raise InvalidValueError(message(where, f"finite numbers of shape {(1, units)}", array.shape))
    return array
