"""Ranges of parameters: what an equation file says that they have to be, checked wherever they get values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidValueError, message, unknown_name
from .language import Meaning, names_in, parse, read_condition
from .neuron import Neuron, SynapticFilter
from .units import Quantity, holds

__all__ = ["check_ranges", "read_ranges"]


def read_ranges(where: str, ranges: Mapping[str, str], parameters: Mapping[str, Meaning]) -> dict[str, str]:
    """Return the conditions of a file, written anew.

    Parameters
    ----------
    where : str
        The file, for messages.
    ranges : mapping of str to str
        As it holds them: a condition by the parameter that it is about.
    parameters : mapping of str to Meaning
        What the conditions may name.

    Examples
    --------
    >>> read_ranges("mine.toml", {"U": "U>=0 and U<=1"}, {"U": Meaning()})
    {'U': 'U >= 0 and U <= 1'}
    """
    found = {}
    for name, text in ranges.items():
        place = f"{where}: ranges.{name}"
        if name not in parameters:
            raise unknown_name(f"{where}: ranges", "parameter", name, parameters)
        found[name] = read_condition(place, text, parameters)
        named = names_in(parse(place, text))
        other = sorted(named & {"t", "dt", "i", "N", "t_in_timesteps"} - {*parameters})
        if other:
            raise unknown_name(place, "parameter or unit", other[0], parameters)
        if name not in named:
            raise InvalidValueError(message(place, f"a condition on {name}", text, f"as in {name} > 0."))
    return found


def check_ranges(
    where: str,
    file: Neuron | SynapticFilter,
    values: Mapping[str, Quantity],
    texts: Mapping[str, Any] | None = None,
) -> None:
    """Refuse parameters outside of the ranges that their file names.

    Parameters
    ----------
    where : str
        Class and equation file, for messages.
    file : Neuron or SynapticFilter
        The equation file.
    values : mapping of str to Quantity
        Its parameters; some may be arrays, of which each number is checked.
    texts : mapping, optional
        Parameters as they were given, for messages.

    Raises
    ------
    InvalidValueError
        With the parameter and the range.
    """
    shown = {**file.parameters, **(texts or {})}
    for name, condition in file.ranges.items():
        place = f"{where}: parameters.{name}"
        if not holds(condition, place, values):
            others = [each for each in file.parameters if each != name and each in names_in(parse(place, condition))]
            fix = f"with {', '.join(f'{each} = {shown[each]}' for each in others)}." if others else ""
            raise InvalidValueError(message(place, condition, shown[name], fix))
