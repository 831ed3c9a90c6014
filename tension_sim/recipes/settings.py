"""Declare the settings of a protocol's recipes: sections, their keys, and what each key accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..declare.learning import check_relaxation
from ..declare.validation import check_choice, check_fraction, check_positive, check_steps, check_whole
from ..errors import InvalidTypeError, InvalidValueError, message
from ..tasks.registry import REQUIRED, Setting

__all__ = [
    "LEARNING",
    "OMITTED",
    "REQUIRED",
    "Key",
    "choice",
    "count",
    "expression",
    "not_negative",
    "section",
]

Check = Callable[[str, Any], Any]

#: Default of a key that is left out of the values where it is not given.
OMITTED = object()


@dataclass(frozen=True)
class Key:
    """One key of a section: its setting, and a check that returns the value to use."""

    setting: Setting
    check: Check | None = None


def section(*rows: tuple[str, str, Any, Check | None]) -> dict[str, Key]:
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
        if value >= 2**53:  # beyond, a float cannot hold every whole number
            raise InvalidValueError(message(where, f"a whole number of {what}, below 2**53", value))
        return check_whole(where, value, minimum, what=f"a whole number of {what}")

    return check


def choice(*choices: str) -> Check:
    """Return a check for one of some texts."""
    return lambda where, value: check_choice(where, value, choices)


def expression(where: str, value: Any) -> str:
    """Check a number or an expression with units, and return its text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidTypeError(message(where, 'a number, or an expression such as "10*ms"', value))
    if isinstance(value, int) and abs(value) >= 2**63:  # Python writes no whole number of thousands of digits
        raise InvalidValueError(message(where, "a whole number below 2**63", value))
    return str(value)


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
    ("relaxation", "1", 0.0, check_relaxation),
)
