"""Parts of variables: what a map reads, of one group or of several, and where it writes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brian2.core.variables import ArrayVariable

from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message
from ._base import resolve_source
from .dimensions import unit_name

__all__ = ["Part", "clock_of", "parts_read"]

_SOURCE = "a group beside the name of its variable, or a list of (group, variable name)"


@dataclass(frozen=True)
class Part:
    """The elements of a variable that belong to a group or subgroup.

    Attributes
    ----------
    group : Group
    name : str
        Name of the variable in it.
    variable : ArrayVariable
        The whole array.
    start, size : int
        Its first element, and how many there are.
    """

    group: Any
    name: str
    variable: ArrayVariable
    start: int
    size: int

    @property
    def place(self) -> tuple[ArrayVariable, int, int]:
        """Identity of the part, to compare it with others."""
        return self.variable, self.start, self.size

    def overlaps(self, other: Part) -> bool:
        """Say whether both have an element in common."""
        same = self.variable is other.variable
        return same and self.start < other.start + other.size and other.start < self.start + self.size


def parts_read(where: str, source: Any, variable: Any) -> list[Part]:
    """Return what a map reads, one part after the other.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    source : Group, or list of Group or (group, variable name)
        The groups.
    variable : str or None
        The variable of groups that stand without one.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there is no such variable.
    UnitsError
        If the variables differ in their unit.
    """
    several = isinstance(source, list | tuple) and not _is_pair(source)
    given = list(source) if several else [source]
    if not given:
        raise InvalidValueError(message(where, "at least one group", source, f"pass {_SOURCE}."))
    parts = []
    for k, item in enumerate(given):
        here = f"{where}[{k}]" if several else where
        group, name = item if _is_pair(item) else (item, variable)
        if _is_pair(item) and variable is not None:
            raise InvalidValueError(
                message(here, "a group, as variable= names the variable of all", item[1], "leave out variable=.")
            )
        if name is None:
            raise InvalidTypeError(message(here, _SOURCE, group, "name the variable, as in (group, 'r')."))
        parts.append(Part(group, name, *resolve_source(here, group, name)))
    first = parts[0]
    for k, part in enumerate(parts):
        if part.variable.dim is not first.variable.dim:
            raise UnitsError(
                message(
                    f"{where}[{k}]",
                    f"a variable in {unit_name(first.variable.dim)}, as {first.name!r} of {first.group.name}",
                    f"{part.name} of {part.group.name} in {unit_name(part.variable.dim)}",
                    "use one map for each unit, or declare a variable in that unit.",
                )
            )
    return parts


def _is_pair(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[1], str)


def clock_of(where: str, parts: list[Part]) -> Any:
    """Return the clock of all groups that are read."""
    clock = parts[0].group.clock
    for part in parts:
        if part.group.clock.name != clock.name:  # not "is": the default clock may be a proxy
            raise InvalidValueError(
                message(where, "groups of one clock", part.group.name, "pass clock= for the steps of the map.")
            )
    return clock
