"""The settings of a recipe: how a protocol declares them, how values are read, and which cannot work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..declare.units import Quantity, dimension_of
from ..declare.validation import check_choice, check_fraction, check_positive, check_steps, check_text
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..tasks.registry import MOST_STEPS, REQUIRED, Setting

if TYPE_CHECKING:
    from .protocol import Protocol

__all__ = [
    "LEARNING",
    "OMITTED",
    "REQUIRED",
    "Key",
    "apply_settings",
    "choice",
    "count",
    "not_negative",
    "parse_sections",
    "section",
]

Table = dict[str, Any]
Check = Callable[[str, Any], Any]

#: Default of a key that is left out of the values where it is not given.
OMITTED = object()


@dataclass(frozen=True)
class Key:
    """One key of a section: its setting, and a check that returns the value to use."""

    setting: Setting
    check: Check | None = None


def section(*rows: tuple) -> dict[str, Key]:
    """Declare the keys of a section.

    Parameters
    ----------
    *rows : tuple of (name, unit, default, check)
        The unit as in `tension_sim.tasks.registry.Setting`, with ``", many"`` for a list; the
        default is a number in SI units, `REQUIRED` or `OMITTED`; ``check(where, value)``, or None,
        returns the value to use or refuses it.

    Examples
    --------
    >>> from tension_sim.declare.validation import check_positive
    >>> keys = section(("n", "1", REQUIRED, count("units", 1)), ("tau", "second", 0.01, check_positive))
    >>> keys["tau"].setting.default
    0.01
    """
    keys = {}
    for name, unit, default, check in rows:
        unit, _, many = unit.partition(",")
        keys[name] = Key(Setting(name, unit, default, bool(many)), check)
    return keys


def count(what: str, minimum: int) -> Check:
    """Return a check for a whole number of something."""

    def check(where: str, value: float) -> int:
        bound = "below 2**53" if value >= 2**53 else f"at least {minimum}"  # beyond, not all numbers are told apart
        if not minimum <= value < 2**53 or value != int(value):
            raise InvalidValueError(message(where, f"a whole number of {what}, {bound}", value))
        return int(value)

    return check


def choice(*choices: str) -> Check:
    """Return a check for one of some texts."""
    return lambda where, value: check_choice(where, value, choices)


def not_negative(where: str, value: float) -> float:
    """Check a time that may be 0."""
    if value < 0:
        raise InvalidValueError(message(where, "a time of at least 0 seconds", value))
    return value


def _update_every(where: str, value: float) -> int:
    return check_steps(where, value, 1, "to switch learning off, let learning.stop equal learning.start.")


#: Rows for `section`: the keys that recursive least squares has in every protocol.
LEARNING = (
    ("alpha_P", "1", REQUIRED, check_positive),
    ("gain", "text", "divided", choice("divided", "undivided")),
    ("update_every", "1", 1, _update_every),
    ("forgetting", "1", 1.0, check_fraction),
    ("probability", "1", 1.0, check_fraction),
)


def _find(key: str, known: Mapping[str, Iterable[str]], recipe: str) -> tuple[str, str]:
    """Return section and key that a setting such as "network.G" or "G" means."""
    where = f"{recipe}: settings"
    name, dot, last = key.rpartition(".")
    if dot:
        if name not in known or last not in known[name]:
            every = [f"{name}.{item}" for name, items in known.items() for item in items]
            raise unknown_name(where, "setting", key, every)
        return name, last
    # initial values carry names of variables, which may be anything: only their dotted names count
    found = [name for name, items in known.items() if key in items and name != "initial"]
    if not found:
        every = {item for name, items in known.items() if name != "initial" for item in items}
        raise unknown_name(where, "setting", key, every)
    if len(found) > 1:
        fix = "write " + " or ".join(f"{name}.{key}" for name in found) + "."
        raise InvalidValueError(message(where, "a setting that is found once", key, fix))
    return found[0], key


def apply_settings(
    protocol: Protocol, raw: Mapping[str, Table], settings: Mapping[str, Any], recipe: str
) -> tuple[dict[str, Table], set[tuple[str, str]]]:
    """Return the sections with `settings` put in, and which keys those were.

    Another kind, such as another neuron, takes over the values that it knows too; the others go.

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
    # the kinds first: they decide which other settings exist
    for name, kind in protocol.kinds:
        for key in (kind, f"{name}.{kind}"):
            if key in settings:
                new = check_text(f"{recipe}: setting {name}.{kind}", _path_text(settings.pop(key)))
                old = raw[name].get(kind)
                raw[name][kind] = new
                changed.add((name, kind))
                if old != new and protocol.adapt is not None:
                    protocol.adapt(raw, kind, old)
    known = protocol.keys(raw)
    for key, value in settings.items():
        name, last = _find(str(key), known, recipe)
        raw.setdefault(name, {})[last] = value
        changed.add((name, last))
    return raw, changed


def _path_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def parse_sections(
    protocol: Protocol, raw: Mapping[str, Table], where: Callable[[str, str], str]
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
    for name, keys in protocol.keys(raw).items():
        if name not in raw and name in protocol.optional:
            continue
        table = raw.get(name, {})
        if not isinstance(table, dict):
            raise InvalidTypeError(message(where(name, ""), f"a table, [{name}]", table))
        for key in table:
            if key not in keys:
                raise unknown_name(where(name, ""), "key", key, keys)
        names = {}
        if "dt" in values.get("network", {}):
            # P(0) of some published programs is a multiple of the time step
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
    protocol: Protocol, raw: Mapping[str, Table], values: Mapping[str, Table], where: Callable[[str, str], str]
) -> None:
    """Refuse times of more time steps than any run can have."""
    dt = values.get("network", {}).get("dt")
    for name, keys in protocol.keys(raw).items() if dt else ():
        for key, entry in keys.items():
            time = values.get(name, {}).get(key)
            if entry.setting.unit == "second" and isinstance(time, float) and time / dt >= MOST_STEPS:
                fix = "choose a shorter time, or a larger dt."
                what = f"a time of fewer than {MOST_STEPS} time steps ({dt:g} s)"
                raise InvalidValueError(message(where(name, key), what, time, fix))
