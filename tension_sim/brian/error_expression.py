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
from .callers import users_value
from .compared import Formula, computed, externals
from .dimensions import unit_name

__all__ = ["check_error"]

#: Names besides z that every expression may use: variables of the object that evaluates it.
_ALWAYS = {"i": DIMENSIONLESS, "N": DIMENSIONLESS, "t": second.dim, "dt": second.dim, "t_in_timesteps": DIMENSIONLESS}


def check_error(
    expression: str,
    rows: int,
    dim: Any,
    linked: Mapping[str, Any],
    namespace: Mapping[str, Any],
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
    linked : mapping of str to (group, variable name) or Formula
        Names of the target and of `variables`.
    namespace : mapping
        Constants and functions of the rule.
    """
    found = _dimensions("RLS.error", expression, rows, dim, linked, namespace)
    if found is not dim:
        raise UnitsError(
            message(
                "RLS.error",
                f"an error in {unit_name(dim)}, the unit of z",
                f"{expression} in {unit_name(found)}",
                "bring it to the unit of z.",
            )
        )


def _dimensions(
    where: str, expression: str, rows: int, dim: Any, linked: Mapping[str, Any], namespace: Mapping[str, Any]
) -> Any:
    """Return the unit of an expression of known names."""
    known = {name: AuxiliaryVariable(name, dimensions=unit) for name, unit in _ALWAYS.items()}
    known |= {name: AuxiliaryVariable(name, dimensions=dim) for name in ("z", "error")}
    for name in sorted(get_identifiers(expression)):
        if isinstance(linked.get(name), Formula):
            known[name] = AuxiliaryVariable(name, dimensions=_formula(linked[name], rows, dim, linked, namespace))
        elif name in linked:
            group, variable = linked[name]
            known[name] = _linked(name, group, variable, rows, namespace)
        elif name not in known:
            known[name] = _external(where, name, [*known, *linked], namespace)
    try:
        return parse_expression_dimensions(expression, known)
    except DimensionMismatchError as error:
        raise UnitsError(message(where, "terms of one unit", expression, f"{error}.".replace("..", "."))) from None
    except (SyntaxError, ValueError, TypeError, KeyError) as error:
        raise InvalidValueError(
            message(where, "an expression that Brian2 can evaluate", expression, str(error).strip("'\""))
        ) from None


def _formula(formula: Formula, rows: int, dim: Any, linked: Mapping[str, Any], namespace: Mapping[str, Any]) -> Any:
    """Return the unit of a target that is a formula."""
    if formula.columns not in (None, 1, rows):
        raise InvalidValueError(
            message(
                "RLS.target",
                f"a TimedArray with {rows} columns, one per row of the map, or with one",
                f"{formula.columns} columns",
                "its values have the shape (times, rows).",
            )
        )
    if formula.dim is not None:
        return formula.dim
    others = {name: to for name, to in linked.items() if to is not formula}
    return _dimensions("RLS.target", formula.expression, rows, dim, others, namespace)


def _linked(name: str, group: Any, variable: str, rows: int, namespace: Mapping[str, Any]) -> Any:
    found, _, size = computed(f"RLS.{name}", group, variable)
    if size not in (1, rows):
        raise InvalidValueError(
            message(
                f"RLS.{name}",
                f"a variable with {rows} values, one per row, or a single one",
                size,
                f"{variable!r} of {group.name} has {size}: name a part of the group, or a map with {size} rows.",
            )
        )
    for used, meaning in externals(found).items():
        if meaning is None:
            _external(f"RLS.{name}", used, [], namespace)
        elif used in namespace and namespace[used] is not meaning:
            raise InvalidValueError(
                message(
                    f"RLS.{name}",
                    f"a subexpression whose {used!r} means the same in namespace=",
                    f"{used} in {variable} = {found.expr}",
                    f"give the {used!r} of the rule another name.",
                )
            )
    return found


def _external(where: str, name: str, known: list[str], namespace: Mapping[str, Any]) -> Any:
    """Return what a name means to Brian2, or in the user's scope, as a run would find it."""
    scope = SimpleNamespace(name="RLS", namespace=dict(namespace))
    try:
        return Group._resolve_external(scope, name, users_value(name), user_identifier=False)
    except KeyError as error:
        if "not a scalar" in str(error):
            raise InvalidValueError(
                message(
                    where,
                    f"a single number called {name!r}",
                    "an array",
                    f"put it into a group, and name it in variables={{{name!r}: (group, variable)}}.",
                )
            ) from None
    near = closest(name, [one for one in known if one != "error"])
    fix = f"name it in variables={{{name!r}: (group, variable)}}, or define the constant before."
    if name == "y":
        fix = "pass target=, which the error calls y." if where == "RLS.error" else "write the target without it."
    elif near:
        fix = f"did you mean {near!r}? Else {fix}"
    raise UnknownNameError(message(where, "names that are known", name, fix))
