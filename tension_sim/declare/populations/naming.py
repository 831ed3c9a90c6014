"""Names of populations, readouts and projections, and tables of parameters: what can be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import InvalidTypeError, InvalidValueError, message
from ..language import check_name

__all__ = ["PLACE", "check_parameters", "check_part_name", "check_variable_name", "names_present", "words"]

#: A variable of a population or projection, as in ``"exc.v"``.
PLACE = re.compile(r"([A-Za-z]\w*)\.([A-Za-z_]\w*)")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


def check_part_name(where: str, name: Any) -> str:
    """Return a name that objects of generated code can have.

    Examples
    --------
    >>> check_part_name("Network.populations", "exc")
    'exc'
    """
    if not isinstance(name, str):
        raise InvalidTypeError(message(where, "names in quotes", name, 'as in {"exc": ...}.'))
    if not _NAME.fullmatch(name) or "__" in name:
        what = "names of at most 40 letters, digits and single underscores that begin with a letter"
        raise InvalidValueError(message(where, what, name))
    return name


def check_variable_name(where: str, name: Any) -> str:
    """Return a name that error expressions can use."""
    return check_name(where, check_part_name(where, name), ours=True)


def check_parameters(where: str, given: Any) -> None:
    """Refuse parameters that are no mapping."""
    if not isinstance(given, Mapping):
        raise InvalidTypeError(message(where, "a dictionary of names and values", given))


def words(expression: str) -> set[str]:
    """Return the names in an expression.

    Examples
    --------
    >>> sorted(words("unit*(output - y)"))
    ['output', 'unit', 'y']
    >>> words("1e3*z")
    {'z'}
    """
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", expression))  # the e of 1e3 is none


def names_present(errors: Iterable[tuple[str, str, Mapping[str, Any]]]) -> set[str]:
    """Return the projections of which an error names what they give for the rates that a step ends with.

    Parameters
    ----------
    errors : iterable of (str, str, mapping)
        Name of each projection, its error, and what further names in it stand for.

    Examples
    --------
    >>> names_present([("a", "z_now - unit*y", {}), ("b", "z - other", {"other": "c.z_now"})]) == {"a", "c"}
    True
    """
    found = set()
    for name, error, variables in errors:
        if "z_now" in words(error):
            found.add(name)
        places = (PLACE.fullmatch(value) for value in variables.values() if isinstance(value, str))
        found |= {place[1] for place in places if place is not None and place[2] == "z_now"}
    return found
