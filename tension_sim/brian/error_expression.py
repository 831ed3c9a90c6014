"""The error expressions of a rule, checked before anything is declared: names, sizes and units."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from brian2.core.variables import AuxiliaryVariable
from brian2.groups.group import Group
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.allunits import second
from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError
from brian2.utils.stringtools import get_identifiers

from ..errors import InvalidValueError, UnitsError, UnknownNameError, closest, message
from ._base import resolve_source
from .callers import users_value
from .dimensions import unit_name

__all__ = ["check_error"]

#: What every expression may call, beside z: of the object that evaluates it.
_ALWAYS = {"i": DIMENSIONLESS, "N": DIMENSIONLESS, "t": second.dim, "dt": second.dim, "t_in_timesteps": DIMENSIONLESS}


def check_error(
    expression: str, rows: int, dim: Any, linked: Mapping[str, tuple[Any, str]], namespace: Mapping[str, Any]
) -> None:
    """Refuse an error that cannot be evaluated.

    Parameters
    ----------
    expression : str
        The error, a Python expression.
    rows : int
        Rows of the map.
    dim : Dimension
        Unit of z, and of the error.
    linked : mapping of str to (group, variable name)
        Names of the target and of `variables`.
    namespace : mapping
        Constants and functions of the rule.
    """
    known = {name: AuxiliaryVariable(name, dimensions=unit) for name, unit in _ALWAYS.items()}
    known |= {name: AuxiliaryVariable(name, dimensions=dim) for name in ("z", "error")}
    for name in sorted(get_identifiers(expression)):
        if name in linked:
            known[name] = _linked(name, *linked[name], rows)
        elif name not in known:
            known[name] = _external(name, [*known, *linked], namespace)
    try:
        found = parse_expression_dimensions(expression, known)
    except DimensionMismatchError as error:
        raise UnitsError(
            message("RLS.error", "terms of one unit", expression, f"{error}.".replace("..", "."))
        ) from None
    except (SyntaxError, ValueError, TypeError, KeyError) as error:
        raise InvalidValueError(
            message("RLS.error", "an expression that Brian2 can evaluate", expression, str(error).strip("'\""))
        ) from None
    if found is not dim:
        raise UnitsError(
            message(
                "RLS.error",
                f"an error in {unit_name(dim)}, the unit of z",
                f"{expression} in {unit_name(found)}",
                "bring it to the unit of z.",
            )
        )


def _linked(name: str, group: Any, variable: str, rows: int) -> Any:
    array, _, size = resolve_source(f"RLS.{name}", group, variable, shared=True)
    if size not in (1, rows):
        raise InvalidValueError(
            message(
                f"RLS.{name}",
                f"a variable with {rows} values, one a row, or a single one",
                size,
                f"{variable!r} of {group.name} has {size}: name a part of the group, or a map with {size} rows.",
            )
        )
    return array


def _external(name: str, known: list[str], namespace: Mapping[str, Any]) -> Any:
    """Return what a name means to Brian2, or in the user's scope, as a run would find it."""
    scope = SimpleNamespace(name="RLS", namespace=dict(namespace))
    try:
        return Group._resolve_external(scope, name, users_value(name), user_identifier=False)
    except KeyError as error:
        if "not a scalar" in str(error):
            raise InvalidValueError(
                message(
                    "RLS.error",
                    f"a single number called {name!r}",
                    "an array",
                    f"put it into a group, and name it in variables={{{name!r}: (group, variable)}}.",
                )
            ) from None
    near = closest(name, [one for one in known if one != "error"])
    fix = f"name it in variables={{{name!r}: (group, variable)}}, or define the constant before."
    if name == "y":
        fix = "pass target=, which the error calls y."
    elif near:
        fix = f"did you mean {near!r}? Else {fix}"
    raise UnknownNameError(message("RLS.error", "names that are known", name, fix))
