"""What a recipe expects of its run, ``[expected]``, and the shorter run that it states, ``[short]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..tasks.registry import Setting
from .protocol import Protocol, Short

__all__ = ["expected_of", "short_of"]

_KEYS = ("settings", "expected")


def expected_of(table: Mapping[str, Any], where: str, protocol: Protocol[Any]) -> dict[str, Any]:
    """Return a table of expected numbers in SI units: each one value, or the two ends of a range.

    Raises
    ------
    UnknownNameError
        If the protocol measures no number of that name.
    UnitsError, InvalidValueError, InvalidTypeError
        If a value cannot be expected.
    """
    expected = {}
    known = {name: Setting(name, number.unit, None, many=True) for name, number in protocol.expected.items()}
    known["reference"] = Setting("reference", "text", None)
    for key, value in table.items():
        place = f"{where}.{key}"
        if key not in known:
            raise unknown_name(where, "key", key, known)
        many = known[key].many
        items = value if isinstance(value, list) or not many else [value]
        expected[key] = known[key].parse(items, place)
        if many and (len(expected[key]) > 2 or list(expected[key]) != sorted(expected[key])):
            raise InvalidValueError(message(place, "one value, or a range [low, high]", value))
    return expected


def short_of(table: Mapping[str, Any] | None, where: str, protocol: Protocol[Any]) -> Short | None:
    """Return the shorter run that a recipe states; None where it states none.

    Raises
    ------
    TensionError
        If the table has other keys than ``settings`` and ``expected``, no settings, or an expected
        number that cannot be one.
    """
    if table is None:
        return None
    for key, value in table.items():
        if key not in _KEYS:
            raise unknown_name(where, "key", key, _KEYS)
        if not isinstance(value, Mapping):
            raise InvalidTypeError(message(f"{where}.{key}", f"a table, [short.{key}]", value))
    if not table.get("settings"):
        fix = 'e.g. settings = { duration = "10*second" }.'
        raise InvalidValueError(message(f"{where}.settings", "settings that make the run shorter", None, fix))
    return Short(dict(table["settings"]), expected_of(table.get("expected", {}), f"{where}.expected", protocol))
