"""Sweeps that a recipe file holds: ``[sweep.NAME]`` with its grid, seeds and settings, and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..declare.validation import check_number
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .axes import axes_of
from .base import Base
from .folder import ROLES

__all__ = ["Stored", "stored_sweep"]

_KEYS = ("grid", "seeds", "settings", "plot")


@dataclass(frozen=True)
class Stored:
    """A sweep of a recipe file.

    Attributes
    ----------
    name : str
        Its name in the file.
    grid : dict
        As for `sweep`.
    seeds : int or list of int
        As for `sweep`.
    settings : dict
        Settings of all points.
    plot : dict
        How it is drawn unless one says otherwise: dotted names of settings by their `ROLES`, ``value`` and ``highest``.
    """

    name: str
    grid: Mapping[str, Any]
    seeds: Any = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    plot: Mapping[str, Any] = field(default_factory=dict)


def stored_sweep(base: Base, name: str | None = None) -> tuple[Base, Stored]:
    """Return a sweep of a recipe's file, the first one without a name, and the base with its settings.

    Settings that the user gives count before those of the sweep.

    Raises
    ------
    TensionError
        If the file has no sweep of that name, or a key of it cannot work.
    """
    sweeps, place = base.recipe.sweeps, f"{base.recipe.path}: sweep"
    for known, table in sweeps.items():
        if not isinstance(table, Mapping):
            raise InvalidTypeError(message(f"{place}.{known}", f"a table, [sweep.{known}]", table))
    if not sweeps:
        fix = "give --grid, e.g. --grid G=0.02:0.2:10, or --seeds 20 for seeds alone."
        raise InvalidValueError(message(place, "a sweep in the recipe's file", None, fix))
    if name is not None and name not in sweeps:
        raise unknown_name(f"{base.recipe.name}: sweep", "sweep of this recipe", name, sweeps)
    chosen = name if name is not None else next(iter(sweeps))
    table, where = sweeps[chosen], f"{place}.{chosen}"
    for key in table:
        if key not in _KEYS:
            raise unknown_name(where, "key", key, _KEYS)
    for key in ("grid", "settings"):
        if not isinstance(table.get(key, {}), Mapping):
            raise InvalidTypeError(message(f"{where}.{key}", "names of settings with their values", table[key]))
    if not table.get("grid"):
        raise InvalidValueError(message(f"{where}.grid", "at least one setting with its values", table.get("grid")))
    own = {base.full_name(str(key)): value for key, value in table.get("settings", {}).items()}
    found = replace(base, settings=own | dict(base.settings))
    fixed = {key: values for key, values in table["grid"].items() if base.full_name(str(key)) not in base.settings}
    axes_of(f"{where}.grid", found, fixed)
    plot = _plot(f"{where}.plot", base, table)
    return found, Stored(chosen, fixed, table.get("seeds", 1), own, plot)


def _plot(where: str, base: Base, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a sweep is drawn, with the dotted names of its settings; refuse what the figure could not have."""
    plot = table.get("plot", {})
    if not isinstance(plot, Mapping):
        raise InvalidTypeError(message(where, 'what is drawn, e.g. {x = "G", y = "Q"}', plot))
    grid = [base.full_name(str(key)) for key in table["grid"]]
    known = {role: grid for role in ROLES} | {"value": list(base.numbers), "highest": []}
    found: dict[str, Any] = {}
    for role, name in plot.items():
        if role not in known:
            raise unknown_name(where, "part of a figure", role, known)
        if role == "highest":
            found[role] = check_number(f"{where}.{role}", name)
            continue
        found[role] = base.full_name(str(name)) if role in ROLES else str(name)
        if found[role] not in known[role]:
            what = "setting of this sweep" if role in ROLES else "number"
            raise unknown_name(f"{where}.{role}", what, str(name), known[role])
    return found
