"""Keys of a recipe's tables, read from the fields of a declaration class: its options are those of the file."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import ArrayLike

from ..declare.converted import Converted
from ..declare.neuron import Neuron, SynapticFilter
from ..tasks.registry import Setting
from .array_values import array_value, groups_value
from .settings import OMITTED, REQUIRED, Check, Key

__all__ = ["Option", "free_keys", "keys_of", "options_of"]

#: How a file gives a plain value of a type, as `Setting` knows it.
_PLAIN: dict[Any, str] = {bool: "bool", int: "whole", float: "1", str: "text"}


@dataclass(frozen=True)
class Option:
    """One field of a declaration class, and how a recipe gives it.

    Attributes
    ----------
    name : str
        The field, and the key or table of the recipe.
    key : Key or None
        Of a value.
    table : type or None
        The class that a table of the recipe declares, or tables by names where `nested`; ``dict`` where its
        keys are names of the user's.
    nested : bool
        Whether there is a table for each of several parts.
    item : Key or None
        Of the values in a table of names, which may stand in place of one value.
    """

    name: str
    key: Key | None = None
    table: type[Any] | None = None
    nested: bool = False
    item: Key | None = None


def options_of(cls: type[Any]) -> Mapping[str, Option]:
    """Return the options of a declaration class by their names, from its fields and their types.

    Examples
    --------
    >>> from tension_sim import Learning
    >>> options = options_of(Learning)
    >>> options["update_every"].key.setting.unit, options["gain"].key.setting.default
    ('whole', 'divided')
    """
    return _read_options(cast("Hashable", cls))


@cache
def _read_options(cls: Any) -> Mapping[str, Option]:
    hints, found = get_type_hints(cls), {}
    for each in fields(cls):
        kept, given = _types(hints[each.name])
        unit = getattr(vars(cls).get(each.name), "unit", "")
        found[each.name] = _option(each, kept, (*kept, *given), unit)
    return found


def keys_of(cls: type[Any], **defaults: Any) -> dict[str, Key]:
    """Return the keys of a class, without its tables; `defaults` replace those of its fields."""
    found = {}
    for name, option in options_of(cls).items():
        if option.key is not None:
            setting = option.key.setting
            default = defaults.get(name, setting.default)
            found[name] = Key(Setting(name, setting.unit, default, setting.many), option.key.check)
    return found


def free_keys(option: Option, names: Sequence[str]) -> dict[str, Key]:
    """Return the keys of a table whose keys are names of the user's."""
    if option.item is None:
        return {}
    setting, check = option.item.setting, option.item.check
    return {name: Key(Setting(name, setting.unit, OMITTED, setting.many), check) for name in names}


def _types(hint: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the types that a field keeps, and those that it is given as."""
    if get_origin(hint) is Converted:
        kept, given = get_args(hint)
        return _members(kept), _members(given)
    return _members(hint), ()


def _members(hint: Any) -> tuple[Any, ...]:
    if hint == ArrayLike:
        return (np.ndarray,)
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(each for each in get_args(hint) if each is not type(None))
    return (hint,)


def _option(field: Field[Any], kept: tuple[Any, ...], accepted: tuple[Any, ...], unit: str) -> Option:
    """Return how a recipe gives a field of these types."""
    name, first = field.name, kept[0]
    inner = get_args(first)
    if get_origin(first) is Mapping:
        if _is_declared(inner[1]):
            return Option(name, table=inner[1], nested=True)
        return Option(name, table=dict, item=_key(name, *_plain((inner[1],), ""), OMITTED))
    if get_origin(first) is Sequence and _is_declared(inner[0]):
        return Option(name, table=inner[0], nested=True)
    if _is_declared(first) and not {Any, np.ndarray} & {*accepted}:
        return Option(name, table=first)
    unit, check = plain = _plain(kept, unit)
    by_name = any(get_origin(each) is Mapping for each in kept)
    return Option(name, _key(name, *plain, _default(field)), item=_key(name, unit, check, OMITTED) if by_name else None)


def _is_declared(each: Any) -> bool:
    """Say whether a type is a class that a table can declare; equation files have names."""
    return is_dataclass(each) and each not in (Neuron, SynapticFilter)


def _plain(kept: tuple[Any, ...], unit: str) -> tuple[str, Check | None]:
    """Return the unit of a setting that holds one of these types, and a check of its values."""
    several = [get_args(each)[0] for each in kept if get_origin(each) is tuple]
    if any(get_origin(each) is tuple for each in several):
        return "any", groups_value
    if several:
        return "text,many", None
    if np.ndarray in kept or Any in kept:
        return "any", array_value(unit)
    if kept[0] is float and unit:
        return unit, None
    return _PLAIN.get(kept[0], "text"), None


def _key(name: str, unit: str, check: Check | None, default: Any) -> Key:
    unit, _, many = unit.partition(",")
    return Key(Setting(name, unit, default, bool(many)), check)


def _default(field: Field[Any]) -> Any:
    """Return what a file need not give; what the class makes is left out."""
    if field.default is not MISSING:
        return field.default
    return REQUIRED if field.default_factory is MISSING else OMITTED
