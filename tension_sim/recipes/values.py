"""The values of a recipe's settings: changed by the user, read as numbers in SI units, and checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..declare.units import Quantity, dimension_of
from ..declare.validation import check_text
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..tasks.registry import MOST_STEPS
from .protocol import Protocol
from .settings import OMITTED

__all__ = ["apply_settings", "find_setting", "parse_sections", "place_of"]

Table = dict[str, Any]


def place_of(name: str, sections: Iterable[str]) -> tuple[str, str]:
    """Return section and key of a dotted name, either of which may have dots of its own.

    Examples
    --------
    >>> place_of("readouts.out.feedback.exc.I_fb", ["readouts.out", "readouts.out.feedback"])
    ('readouts.out.feedback', 'exc.I_fb')
    """
    within = [section for section in sections if name.startswith(f"{section}.")]
    section = max(within, key=len, default=name.partition(".")[0])
    return section, name[len(section) + 1 :]


def find_setting(
    key: str, known: Mapping[str, Iterable[str]], recipe: str, written: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[str, str]:
    """Return section and key that a setting such as "network.G" or "G" means.

    Of several populations, projections or readouts it is the one of which `written`, the recipe's file, has it.

    Raises
    ------
    UnknownNameError, InvalidValueError
        If no section has it, or several have.
    """
    where, listed_by = f"{recipe}: settings", f"tension-sim show {recipe}"
    if "." in key:
        name, last = place_of(key, known)
        if name not in known or last not in known[name]:
            every = [f"{name}.{item}" for name, items in known.items() for item in items]
            raise unknown_name(where, "setting", key, every, listed_by)
        return name, last
    # initial values have names of variables, which may be anything, so they need dotted names
    found = [name for name, items in known.items() if key in items and name != "initial"]
    if not found:
        short = {item for name, items in known.items() if name != "initial" for item in items}
        raise unknown_name(where, "setting", key, short, listed_by)
    if len(found) > 1 and written is not None and all("." in name for name in found):
        given = [name for name in found if key in written.get(name, {})] or [name for name in found if name in written]
        found = given if len(given) == 1 else found
    if len(found) > 1:
        fix = "write " + " or ".join(f"{name}.{key}" for name in found) + "."
        raise InvalidValueError(message(where, "a setting that is found once", key, fix))
    return found[0], key


def apply_settings(
    protocol: Protocol[Any], raw: Mapping[str, Table], settings: Mapping[str, Any], recipe: str
) -> tuple[dict[str, Table], set[tuple[str, str]]]:
    """Return the sections with `settings` put in, and which keys those were.

    Settings that a new neuron, filter or task shares with the old one are kept; the rest are dropped.

    Raises
    ------
    UnknownNameError
        If a setting does not exist; the nearest one is named.
    InvalidValueError
        If a short name means several settings.
    """
    raw = {name: dict(table) for name, table in raw.items()}
    changed: set[tuple[str, str]] = set()
    settings = dict(settings)
    # kinds come first: they decide which other settings exist
    for name, kind in protocol.kinds:
        for key in (kind, f"{name}.{kind}"):
            if key in settings:
                new = check_text(f"{recipe}: setting {name}.{kind}", _path_text(settings.pop(key)))
                old = raw.setdefault(name, {}).get(kind)
                raw[name][kind] = new
                changed.add((name, kind))
                if old != new and protocol.adapt is not None:
                    protocol.adapt(raw, kind, old)
    known = protocol.keys(raw)
    for key, value in settings.items():
        name, last = find_setting(str(key), known, recipe, raw)
        raw.setdefault(name, {})[last] = value
        changed.add((name, last))
    return raw, changed


def _path_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def parse_sections(
    protocol: Protocol[Any], raw: Mapping[str, Table], where: Callable[[str, str], str]
) -> dict[str, dict[str, Any]]:
    """Return every setting as a number in SI units, defaults filled in.

    Parameters
    ----------
    protocol : Protocol
        Declares the settings.
    raw : mapping
        The sections, as written.
    where : callable
        Names the place of section and key in messages.

    Raises
    ------
    UnknownNameError, UnitsError, InvalidValueError, InvalidTypeError
        If a key does not exist or is missing, or a value cannot work.
    """
    values: dict[str, dict[str, Any]] = {}
    known = protocol.keys(raw)
    for name in raw:
        if name not in known:
            raise unknown_name(where(name, ""), "table", name, known)
    for name, keys in known.items():
        if name not in raw and protocol.may_lack(name):
            continue
        table = raw.get(name, {})
        if not isinstance(table, dict):
            raise InvalidTypeError(message(where(name, ""), f"a table, [{name}]", table))
        for key in table:
            if key not in keys:
                raise unknown_name(where(name, ""), "key", key, keys)
        names = {}
        if "dt" in values.get("network", {}):
            # in some published programs P(0) is a multiple of the time step
            names["dt"] = Quantity(values["network"]["dt"], dimension_of("second", name))
        values[name] = {}
        for key, entry in keys.items():
            if key in table:
                place = where(name, key)
                # a plain number is refused where a unit is due
                value = entry.setting.parse(table[key], place, names, plain_is_si=False)
                values[name][key] = entry.check(place, value) if entry.check else value
            elif entry.setting.required:
                fix = f"add the key {key!r}."
                raise InvalidValueError(message(where(name, key), "a value, it has no default", None, fix))
            elif entry.setting.default is not OMITTED:
                values[name][key] = entry.setting.default
    _check_times(protocol, raw, values, where)
    return values


def _check_times(
    protocol: Protocol[Any], raw: Mapping[str, Table], values: Mapping[str, Table], where: Callable[[str, str], str]
) -> None:
    """Refuse times of more time steps than any run can have."""
    dt = values.get("network", {}).get("dt")
    if not dt:
        return
    for name, keys in protocol.keys(raw).items():
        for key, entry in keys.items():
            time = values.get(name, {}).get(key)
            if entry.setting.unit == "second" and isinstance(time, float) and time / dt >= MOST_STEPS:
                fix = "choose a shorter time, or a larger dt."
                what = f"a time of fewer than {MOST_STEPS} time steps ({dt:g} s)"
                raise InvalidValueError(message(where(name, key), what, time, fix))
