"""Nested values as JSON and a list of plain arrays, without pickle: a file may come from a stranger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["decoded", "encoded"]


def encoded(value: Any, arrays: list[np.ndarray]) -> dict[str, Any]:
    """Return what JSON can hold; arrays go into the list.

    Parameters
    ----------
    value : nested dict, list and tuple of arrays, numbers and strings
        Keys of a dict are strings or whole numbers.
    arrays : list of ndarray
        Gets the arrays in their order.

    Examples
    --------
    >>> arrays = []
    >>> held = encoded({"a": (1, np.zeros(2)), 3: None}, arrays)
    >>> len(arrays), decoded(held, arrays.__getitem__)
    (1, {'a': (1, array([0., 0.])), 3: None})
    """
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encoded(item, arrays) for key, item in value.items()}}
    if isinstance(value, dict):
        return {"pairs": [[key, encoded(item, arrays)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [encoded(item, arrays) for item in value]}
    if isinstance(value, list) and not all(isinstance(item, int) for item in value):
        return {"items": [encoded(item, arrays) for item in value]}
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise TypeError(f"no array of numbers: {value!r}")
    arrays.append(array)
    return {"ints" if isinstance(value, list) else "array": len(arrays) - 1}


def decoded(held: dict[str, Any], array: Callable[[int], np.ndarray]) -> Any:
    """Return a value from what `encoded` made of it; `array` returns the array of a number."""
    ((kind, value),) = held.items()
    if kind == "value":
        return value
    if kind == "dict":
        return {key: decoded(item, array) for key, item in value.items()}
    if kind == "pairs":
        return {key: decoded(item, array) for key, item in value}
    if kind in ("tuple", "items"):
        items = [decoded(item, array) for item in value]
        return tuple(items) if kind == "tuple" else items
    found = array(int(value))
    return found.astype(np.int64).tolist() if kind == "ints" else found
