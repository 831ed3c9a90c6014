"""Names in the error of a rule: variables, subexpressions, and targets that are formulas of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable, Subexpression, Variables
from brian2.groups.subgroup import Subgroup
from brian2.input.timedarray import TimedArray
from brian2.utils.stringtools import word_substitute

from ..declare.language import parse, render
from ..errors import InvalidValueError, message
from ._base import GeneratedObject, resolve_source
from .linear_map import LinearMap
from .signal import Signal

__all__ = ["Formula", "add_compared", "compared_with", "computed", "externals", "with_formulas"]

#: Name of a TimedArray in a formula: Brian2 forbids its own name there, and no name of a user begins like this.
_CALLED = "tsim_target"


@dataclass(frozen=True)
class Formula:
    """A target without a variable: an expression that is evaluated at each update.

    Attributes
    ----------
    expression : str
        Brian2 code, with i as the row.
    dim : Dimension or None
        Its unit; None: that of the expression.
    columns : int or None
        How many rows it is made for; None: any number.
    namespace : mapping
        What it calls.
    """

    expression: str
    dim: Any = None
    columns: int | None = None
    namespace: Mapping[str, Any] = field(default_factory=dict)


def compared_with(where: str, target: Any) -> tuple[Any, str] | Formula | None:
    """Return group and variable, or the formula, of what an error compares with; None if it is nothing of the kind.

    Examples
    --------
    >>> from brian2 import TimedArray, ms
    >>> compared_with("RLS.target", TimedArray([[0, 1], [2, 3]], dt=1*ms)).expression
    'tsim_target(t, i)'
    """
    if isinstance(target, Signal):
        return target, "value"
    if isinstance(target, LinearMap):
        return target.output
    if isinstance(target, TimedArray):
        return _played(where, target)
    if isinstance(target, str):
        return Formula(render(parse(where, target, "sin(2*pi*5*Hz*t)")))
    if isinstance(target, tuple) and len(target) == 2 and isinstance(target[1], str):
        return target
    return None


def _played(where: str, samples: TimedArray) -> Formula:
    bad = np.argwhere(~np.isfinite(samples.values))
    if len(bad):
        first = tuple(bad[0].tolist())
        raise InvalidValueError(
            message(
                where, "a TimedArray of finite values", float(samples.values[first]), f"correct that at index {first}."
            )
        )
    if samples.values.ndim == 1:
        row, columns = "", 1
    else:
        columns = samples.values.shape[1]
        row = ", 0" if columns == 1 else ", i"
    return Formula(f"{_CALLED}(t{row})", samples.dim, columns, {_CALLED: samples})


def with_formulas(expression: str, linked: Mapping[str, Any]) -> str:
    """Write formulas into an expression in place of their names."""
    formulas = {name: f"({to.expression})" for name, to in linked.items() if isinstance(to, Formula)}
    return word_substitute(expression, formulas)


def computed(where: str, group: Any, name: str) -> tuple[ArrayVariable | Subexpression, int, int]:
    """Find a variable as `resolve_source` does, of one element or shared; it may be a subexpression as well."""
    whole = group.source if isinstance(group, Subgroup) else group  # a subgroup writes its expressions anew
    found: Any = whole.variables.get(name) if isinstance(getattr(whole, "variables", None), Variables) else None
    if not isinstance(found, Subexpression):
        return resolve_source(where, group, name, shared=True)
    for used, owner in _used_by(found):
        if used in owner.variables and owner.variables.indices[used] not in ("_idx", "0"):
            raise InvalidValueError(
                message(
                    where,
                    f"a subexpression of variables of {owner.name} itself",
                    f"{name} = {found.expr}",
                    f"{used!r} is linked through an index: compare with a variable that the group holds itself.",
                )
            )
    return (found, 0, 1) if found.scalar else (found, int(getattr(group, "start", 0)), len(group))


def _used_by(subexpression: Subexpression) -> Iterator[tuple[str, Any]]:
    """Yield the names in a subexpression, and in those that it uses, each with the group that means it."""
    owner = subexpression.owner
    for name in sorted(subexpression.identifiers):
        yield name, owner
        inner = owner.variables.get(name)
        if isinstance(inner, Subexpression):
            yield from _used_by(inner)


def externals(variable: Any) -> dict[str, Any]:
    """Return the constants and functions of a subexpression: what the group's namespace says, None without a word."""
    if not isinstance(variable, Subexpression):
        return {}
    return {
        name: (owner.namespace or {}).get(name) for name, owner in _used_by(variable) if name not in owner.variables
    }


def add_compared(to: GeneratedObject, name: str, group: Any, variable: str, rows: int) -> None:
    """Declare what an error compares with under a name of its own, one value per row."""
    found, start, size = computed(f"RLS.{name}", group, variable)
    to.add_dependency(group)
    index = None
    whole = found.size if isinstance(found, ArrayVariable) else len(found.owner)
    if not found.scalar and (start or size != rows or whole != rows):
        index = f"_{name}_index"
        to.variables.add_array(
            index, size=rows, dtype=np.int32, constant=True, read_only=True,
            values=start + (np.arange(rows) if size == rows else np.zeros(rows)),
        )  # fmt: skip
    if isinstance(found, Subexpression):  # by its owner: in a subgroup i would count from the first of its own
        group, variable = found.owner, found.name
        to.namespace |= {known: value for known, value in externals(found).items() if value is not None}
    to.variables.add_reference(name, group, variable, index=index)
