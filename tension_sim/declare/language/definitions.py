"""Definitions that name each other: each is worked out once, after those that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...errors import InvalidValueError, message

__all__ = ["once_each"]

Value = TypeVar("Value")


def once_each(
    found: dict[str, Value], place: Callable[[str], str], work_out: Callable[[str, Callable[[str], Value]], Value]
) -> Callable[[str], Value]:
    """Return a function from a name to its value.

    Parameters
    ----------
    found : dict
        Values that are known; it gets the others.
    place : callable
        From a name to what begins the message of a circle.
    work_out : callable
        From a name, and a function to the values of others, to its value.

    Raises
    ------
    InvalidValueError
        By the function, if definitions go in a circle.

    Examples
    --------
    >>> value = once_each({"a": 2}, str, lambda name, of: 1 + of({"b": "a", "c": "b"}[name]))
    >>> value("c")
    4
    """

    def of(name: str, trail: tuple[str, ...] = ()) -> Value:
        if name in trail:
            circle = " -> ".join((*trail, name))
            raise InvalidValueError(message(place(name), "no circle of definitions", circle))
        if name not in found:
            found[name] = work_out(name, lambda other: of(other, (*trail, name)))
        return found[name]

    return of
