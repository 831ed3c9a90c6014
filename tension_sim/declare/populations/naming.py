"""Names of populations, readouts and projections, and tables of parameters: what can be one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import InvalidTypeError, InvalidValueError, message
from ..language import check_name

__all__ = ["check_parameters", "check_part_name", "check_variable_name", "words"]

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
    """
    return set(re.findall(r"[A-Za-z_]\w*", expression))
