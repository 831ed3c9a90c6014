"""Sweeps that a recipe file holds: ``[sweep.NAME]`` with its grid, seeds and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .axes import axes_of
from .base import Base

__all__ = ["Stored", "stored_sweep"]

_KEYS = ("grid", "seeds", "settings")


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
    """

    name: str
    grid: Mapping[str, Any]
    seeds: Any = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


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
    return found, Stored(chosen, fixed, table.get("seeds", 1), own)
