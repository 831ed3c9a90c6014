"""Check and reshape the data of fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..declare.arrays_in import numbers
from ..declare.validation import check_series
from ..errors import InvalidTypeError, InvalidValueError, message
from .checks import check_count

__all__ = [
    "check_equal_length", "check_frequency", "check_width", "refuse_arguments", "rows_of", "series", "without_weights",
]  # fmt: skip

_ALLOWED: dict[str, tuple[tuple[Any, ...], str]] = {
    "batch_size": ((None, 1), "leave batch_size out: each time step is a batch of its own, of size 1."),
    "validation_batch_size": ((None, 1), "leave it out: each time step is a batch of its own, of size 1."),
    "shuffle": ((None, False), "leave shuffle out: time steps are learned in their order."),
    "sample_weight": ((None,), "leave it out: recursive least squares has no weights per sample."),
    "class_weight": ((None,), "leave it out: there are no classes here."),
    "validation_split": ((None, 0, 0.0), "pass validation_data=(x, y) instead."),
}


def refuse_arguments(where: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments of Keras that have no meaning when time steps are learned in order."""
    for name, value in given.items():
        if name not in _ALLOWED:
            raise InvalidTypeError(
                message(f"{where}.{name}", "an argument that exists", name, "remove it or correct its spelling.")
            )
        allowed, fix = _ALLOWED[name]
        if not any(value is item or (np.isscalar(value) and value == item) for item in allowed):
            shown = " or ".join(map(repr, allowed))
            raise InvalidValueError(message(f"{where}.{name}", shown, value, fix))


def without_weights(where: str, data: Any) -> Any:
    """Return the pair of a triple as Keras packs it, (x, y, sample_weight), where that is None; others as they are."""
    if not isinstance(data, tuple | list) or len(data) != 3:
        return data
    refuse_arguments(where, {"sample_weight": data[2]})
    return data[:2]


def check_frequency(where: str, value: Any) -> int | list[int]:
    """Return after how many epochs validation comes, or after which ones."""
    if isinstance(value, list | tuple):
        return [check_count(where, each) for each in value]
    return check_count(where, value)


def series(where: str, value: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return data as (timesteps, dimensions), and the leading axes they had.

    Parameters
    ----------
    where : str
        Name for the message.
    value : array or tensor
        2D (timesteps, dimensions) or 3D (trials, timesteps, dimensions); trials are stacked
        along time.

    Examples
    --------
    >>> array, form = series("fit.x", np.zeros((2, 5, 3)))
    >>> array.shape, form
    ((10, 3), (2, 5))
    """
    if value is None:
        raise InvalidTypeError(message(where, "an array of shape (timesteps, dimensions)", value, "pass the data."))
    array = _array(where, value)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise InvalidValueError(
            message(
                where,
                "an array of shape (timesteps, dimensions) or (trials, timesteps, dimensions), not empty",
                array.shape,
                "add the missing axis, e.g. x[:, None]." if array.ndim == 1 else "",
            )
        )
    stacked = check_series(where, array.reshape(-1, array.shape[-1]) if array.ndim == 3 else array)
    return stacked, array.shape[:-1] if array.ndim == 3 else stacked.shape[:1]


def rows_of(where: str, value: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return one element of a dataset as (timesteps, dimensions), and the leading axes it had.

    Parameters
    ----------
    where : str
        Name for the message.
    value : array or tensor
        A number or a row for one time step; 2D or 3D as for :func:`series`.
    """
    array = _array(where, value)
    if array.ndim > 3:
        raise InvalidValueError(message(where, "elements of at most three dimensions", array.shape))
    if array.ndim < 2:
        return array.reshape(1, -1), (1,)
    return array.reshape(-1, array.shape[-1]), array.shape[:-1]


def _array(where: str, value: Any) -> np.ndarray:
    if _of_unequal_length(value):
        raise InvalidValueError(
            message(where, "trials of equal length", "trials of unequal length", "join them: np.concatenate(trials).")
        )
    return numbers(where, value, "an array of shape (timesteps, channels)")


def _of_unequal_length(value: Any) -> bool:
    if isinstance(value, tf.RaggedTensor):
        return True
    of_objects = isinstance(value, np.ndarray) and value.dtype.kind == "O"
    if not isinstance(value, list | tuple) and not of_objects:
        return False
    try:
        return len({np.shape(item) for item in value}) > 1
    except (TypeError, ValueError):  # a trial that is no array itself, which `numbers` tells of
        return False


def check_equal_length(where: str, xs: np.ndarray, ys: np.ndarray) -> None:
    """Refuse a target of another length than its input."""
    if len(xs) != len(ys):
        raise InvalidValueError(
            message(where, f"as many time steps as x has ({len(xs)})", f"{len(ys)} time steps", "cut the longer one.")
        )


def check_width(where: str, array: np.ndarray, width: int, of: str) -> None:
    """Refuse data whose last axis has another length than the network."""
    if array.shape[-1] != width:
        raise InvalidValueError(
            message(where, f"{width} values at each time step ({of})", array.shape, "check the last axis.")
        )
