"""Checks and shapes of what fit, evaluate and predict are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..arrays_in import numbers
from ..errors import InvalidTypeError, InvalidValueError, message
from ..validation import check_series

__all__ = ["check_width", "pair", "refuse_arguments", "series"]

_ALLOWED: dict[str, tuple[tuple[Any, ...], str]] = {
    "batch_size": ((None, 1), "leave batch_size out: each time step is a batch of its own, of size 1."),
    "validation_batch_size": ((None, 1), "leave it out: each time step is a batch of its own, of size 1."),
    "shuffle": ((None, False), "leave shuffle out: time steps are learned in their order."),
    "sample_weight": ((None,), "leave it out: recursive least squares has no weights per sample."),
    "class_weight": ((None,), "leave it out: there are no classes here."),
    "validation_split": ((None, 0, 0.0), "pass validation_data=(x, y) instead."),
    "steps_per_epoch": ((None,), "leave it out: an epoch is the whole of x."),
    "validation_steps": ((None,), "leave it out: all of validation_data is used."),
    "steps": ((None,), "leave it out: all of x is used."),
}


def refuse_arguments(where: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments of Keras that have no meaning when time steps are learned in order."""
    for name, value in given.items():
        if name not in _ALLOWED:
            raise InvalidTypeError(
                message(f"{where}.{name}", "an argument that exists", name, "remove it or mend its spelling.")
            )
        allowed, fix = _ALLOWED[name]
        if not any(value is item or (np.isscalar(value) and value == item) for item in allowed):
            shown = " or ".join(map(repr, allowed))
            raise InvalidValueError(message(f"{where}.{name}", shown, value, fix))


def series(where: str, value: Any) -> np.ndarray:
    """Return data as (timesteps, dimensions); trials of a 3D array are stacked along time.

    Parameters
    ----------
    where : str
        Name for the message.
    value : array, tensor or tf.data.Dataset
        2D (timesteps, dimensions) or 3D (trials, timesteps, dimensions).

    Examples
    --------
    >>> series("fit.x", np.zeros((2, 5, 3))).shape
    (10, 3)
    """
    if value is None:
        raise InvalidTypeError(message(where, "an array of shape (timesteps, dimensions)", value, "pass the data."))
    if isinstance(value, tf.data.Dataset):
        rows = [np.asarray(item) for item in value.as_numpy_iterator()]
        rows = [row.reshape(-1, row.shape[-1]) if row.ndim else row.reshape(1, 1) for row in rows]
        if not rows:
            raise InvalidValueError(message(where, "a dataset with at least one element", 0))
        value = np.concatenate(rows)
    array = numbers(where, value, "an array of shape (timesteps, channels)")
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise InvalidValueError(
            message(
                where,
                "an array of shape (timesteps, dimensions) or (trials, timesteps, dimensions), not empty",
                array.shape,
                "add the missing axis, e.g. x[:, None]." if array.ndim == 1 else "",
            )
        )
    return check_series(where, array.reshape(-1, array.shape[-1]) if array.ndim == 3 else array)


def pair(where: str, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return input and target of equal length; `x` may be a dataset of pairs."""
    if isinstance(x, tf.data.Dataset) and y is None:
        spec = x.element_spec
        if not isinstance(spec, tuple | list) or len(spec) != 2:
            raise InvalidValueError(
                message(f"{where}.x", "a dataset of pairs (input, target)", str(spec), "zip both datasets.")
            )
        x, y = x.map(lambda a, _: a), x.map(lambda _, b: b)
    xs, ys = series(f"{where}.x", x), series(f"{where}.y", y)
    if len(xs) != len(ys):
        raise InvalidValueError(
            message(
                f"{where}.y",
                f"as many time steps as x has ({len(xs)})",
                f"{len(ys)} time steps",
                "cut the longer one.",
            )
        )
    return xs, ys


def check_width(where: str, array: np.ndarray, width: int, of: str) -> None:
    """Refuse data whose last axis has another length than the network."""
    if array.shape[-1] != width:
        raise InvalidValueError(
            message(where, f"{width} values at each time step ({of})", array.shape, "check the last axis.")
        )
