"""Checks of user input, all in one message format, all before anything is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, TensionError, closest, message
from ..system.memory_maps import in_parts
from .arrays_in import numbers

__all__ = [
    "all_finite",
    "check_callable",
    "check_choice",
    "check_finite",
    "check_flag",
    "check_fraction",
    "check_matrix",
    "check_number",
    "check_numbers",
    "check_positive",
    "check_series",
    "check_steps",
    "check_table",
    "check_text",
    "check_whole",
    "check_window",
]


def check_finite(where: str, array: np.ndarray) -> None:
    """Refuse an array with a value that is not finite."""
    finite = np.isfinite(array)
    if not finite.all():
        bad = np.argwhere(~finite)
        first = tuple(int(i) for i in bad[0])
        raise InvalidValueError(
            message(
                where,
                "finite values",
                float(array[first]),
                f"correct the {len(bad)} value(s) that are NaN or infinite, the first at index {first}.",
            )
        )


def all_finite(array: np.ndarray) -> bool:
    """Say whether all numbers of an array are finite; fast if they are.

    Examples
    --------
    >>> all_finite(np.array([1.0, -2.0])), all_finite(np.array([np.inf, -np.inf]))
    (True, False)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return all(np.isfinite(part.sum()) or bool(np.isfinite(part).all()) for part in in_parts(array))


def check_series(where: str, value: Any, unit: str = "1") -> np.ndarray:
    """Return a time series as float64 of shape (timesteps, channels); quantities are converted to `unit`.

    Examples
    --------
    >>> check_series("Signal.samples", [1, 2, 3]).shape
    (3, 1)
    """
    array = numbers(where, value, "an array of shape (timesteps, channels)", unit=unit)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidValueError(message(where, "an array of shape (timesteps, channels), not empty", array.shape))
    check_finite(where, array)
    return array


def check_matrix(where: str, value: Any, shape: tuple[int, ...], axes: str, unit: str = "1") -> np.ndarray:
    """Return a finite float64 array of exactly `shape`; `axes` names the axes, quantities are converted to `unit`."""
    array = numbers(where, value, f"an array of shape {shape} ({axes})", unit=unit)
    if array.shape != shape:
        raise InvalidValueError(
            message(where, f"an array of shape {shape} ({axes})", array.shape, "check the order of the axes.")
        )
    check_finite(where, array)
    return array


def check_table(where: str, value: Any, shape: tuple[int | str, int | str], unit: str = "1") -> np.ndarray:
    """Return a finite float64 matrix; an axis that is given by name may have any length of at least 1.

    Examples
    --------
    >>> check_table("demo.kernel", [[1, 2, 3]], ("n_inputs", 3)).shape
    (1, 3)
    """
    wanted = "(" + ", ".join(map(str, shape)) + ")"
    array = numbers(where, value, f"an array of shape {wanted}", unit=unit)
    fits = array.ndim == len(shape) and all(
        given == length if isinstance(length, int) else given > 0
        for given, length in zip(array.shape, shape, strict=True)
    )
    if not fits:
        what = f"an array of shape {wanted}"
        raise InvalidValueError(message(where, what, array.shape, "check the order of the axes."))
    check_finite(where, array)
    return array


def check_positive(where: str, value: Any, fix: str = "") -> float:
    """Return a finite number above zero."""
    number = _number(where, value, "a finite number above 0")
    if not number > 0 or math.isinf(number):
        raise InvalidValueError(message(where, "a finite number above 0", value, fix))
    return number


def check_number(where: str, value: Any) -> float:
    """Return a finite number."""
    number = _number(where, value, "a finite number")
    if not math.isfinite(number):
        raise InvalidValueError(message(where, "a finite number", value))
    return number


def check_numbers(where: str, value: Any) -> dict[str, float]:
    """Return the numbers that a user's function measured, by their names; they may be NaN or infinite.

    Examples
    --------
    >>> check_numbers("demo.measure", {"error": np.float32(0.5), "spikes": 3})
    {'error': 0.5, 'spikes': 3.0}
    """
    if not isinstance(value, Mapping):
        fix = 'return a dictionary, such as {"error": 0.1}.'
        raise InvalidTypeError(message(where, "names with numbers", value, fix))
    return {str(name): _number(f"{where}: {name}", number, "a number") for name, number in value.items()}


def check_fraction(where: str, value: Any, fix: str = "") -> float:
    """Return a number in (0, 1]."""
    number = _number(where, value, "a number in (0, 1]")
    if not 0 < number <= 1:
        raise InvalidValueError(message(where, "a number in (0, 1]", value, fix))
    return number


def check_choice(where: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        near = closest(value, choices) if isinstance(value, str) else None
        fix = f"did you mean {near!r}?" if near else ""
        raise InvalidValueError(message(where, "one of " + ", ".join(map(repr, choices)), value, fix))
    return value


def check_whole(where: str, value: Any, minimum: int | None, fix: str = "", what: str = "a whole number") -> int:
    """Return a whole number, at least `minimum` unless that is None; generated code has 64 bits for it.

    A float without a fraction counts as a whole number.

    Examples
    --------
    >>> check_whole("demo.n", 3.0, 1)
    3
    """
    expected = what if minimum is None else f"{what}, at least {minimum}"
    number = _number(where, value, expected)
    if not math.isfinite(number) or number != int(number) or (minimum is not None and number < minimum):
        raise InvalidValueError(message(where, expected, value, fix))
    if int(value) >= 2**63:
        raise InvalidValueError(message(where, f"{what} below 2**63", value, fix))
    return int(value)


def check_steps(where: str, value: Any, minimum: int, fix: str = "") -> int:
    """Return a whole number of time steps, at least `minimum`."""
    return check_whole(where, value, minimum, fix, "a whole number of time steps")


def check_window(where: str, start: int, stop: int) -> None:
    """Refuse a window that ends before it starts."""
    if stop < start:
        raise InvalidValueError(
            message(where, "stop at or after start", f"start={start}, stop={stop} (steps)", "exchange them.")
        )


def check_text(where: str, value: Any, fix: str = "put it in quotes.") -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise InvalidTypeError(message(where, "a text", value, fix))
    return value


def check_flag(where: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidTypeError(message(where, "True or False", value))
    return bool(value)


def check_callable(where: str, value: Any, called: str) -> None:
    """Refuse what is neither None nor a function; `called` shows the call, e.g. ``"progress(done, steps)"``."""
    if value is not None and not callable(value):
        raise InvalidTypeError(message(where, f"a function, called as {called}, or None", value))


def _number(where: str, value: Any, expected: str) -> float:
    try:
        if isinstance(value, bool | np.bool_ | str | bytes) or np.ndim(value) != 0 or np.iscomplexobj(value):
            raise TypeError
        if value is np.ma.masked or any(hasattr(type(value), mark) for mark in ("dim", "dimensionality")):
            return float(numbers(where, value, expected))
        return float(value)
    except TensionError:
        raise
    except Exception:  # an object of any library may say how it becomes a number
        raise InvalidTypeError(message(where, expected, value, "pass one number.")) from None
