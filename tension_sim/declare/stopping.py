"""When a run ends early: conditions on what it shows of itself, such as ``"rmse < 0.02 for 2*second"``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import InvalidTypeError, InvalidValueError, TensionError, message, unknown_name
from .language.functions import CONSTANTS, FUNCTIONS
from .language.syntax import MAX_LENGTH, names_in, parse
from .language.unit_table import VALUE_UNITS
from .units import Quantity, dimension_of, holds, magnitude
from .validation import check_text

__all__ = ["QUANTITIES", "WINDOW", "StopWhen", "check_stop_when"]

#: Seconds of network time over which each quantity is measured.
WINDOW = 0.1

#: What a condition may speak of: unit, and what it is.
QUANTITIES: dict[str, tuple[str, str]] = {
    "rmse": ("1", "root mean square of output minus target, over all outputs"),
    "rate": ("hertz", "mean firing rate of all neurons that spike"),
    "weight_norm": ("1", "Euclidean norm of all learned weights, in SI units"),
    "P_trace": ("1", "trace of P, of all rules"),
    "t": ("second", "time since the first step of the network"),
}

_EXAMPLE = "rmse < 0.02 for 2*second"
_FOR = re.compile(r"\bfor\b")
_WORD = re.compile(r"[A-Za-z_]\w*")
_STRANGE = re.compile(r"""[^\w\s.+\-*/%<>=!(),]""")


class StopWhen:
    """A condition on a run, and for how long it must hold.

    Each quantity is measured over windows of 0.1 s of network time, one after the other: ``rmse`` and ``rate`` over
    the window, ``weight_norm`` and ``P_trace`` at its end.

    Parameters
    ----------
    text : str
        A comparison of ``rmse``, ``rate``, ``weight_norm``, ``P_trace`` or ``t`` with a number, or several joined by
        ``and``, ``or``, ``not``; then, optionally, ``for`` and a time.
    where : str, optional
        Begins the messages.

    Attributes
    ----------
    text, condition : str
        As given, and without ``for``.
    duration : float
        Seconds for which it must hold, 0 without ``for``.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnknownNameError, UnitsError
        If it is no such condition; the message names the character where it goes wrong.

    Examples
    --------
    >>> stop = StopWhen("rmse < 0.02 and rate > 5*Hz for 2*second")
    >>> stop.condition, stop.duration, sorted(stop.names)
    ('rmse < 0.02 and rate > 5*Hz', 2.0, ['rate', 'rmse'])
    """

    def __init__(self, text: str, where: str = "StopWhen.text") -> None:
        where = check_text("StopWhen.where", where)
        if not isinstance(text, str):
            raise InvalidTypeError(message(where, f'a condition such as "{_EXAMPLE}"', text, "put it in quotes."))
        if not text.strip() or len(text) > MAX_LENGTH:
            expected = f'a condition such as "{_EXAMPLE}", of at most {MAX_LENGTH} characters'
            raise InvalidValueError(message(where, expected, text))
        self.text: str = text
        self._where = where
        parts = _FOR.split(text)
        if len(parts) > 2:
            place = [found.start() for found in _FOR.finditer(text)][1]
            raise InvalidValueError(message(_at(where, place), 'one "for", at the end', text, "remove the second one."))
        self.condition: str = parts[0].strip()
        if not self.condition:
            raise InvalidValueError(message(_at(where, 0), 'a condition before "for"', text, f'as in "{_EXAMPLE}".'))
        self._refuse_strange(parts[0])
        self._holds(dict.fromkeys(QUANTITIES, 0.5))  # refuses what has no value
        self.duration: float = 0.0
        if len(parts) == 2:
            self.duration = self._time(parts[1], len(parts[0]) + len("for"))
        self.names: set[str] = names_in(parse(where, self.condition, _EXAMPLE)) & set(QUANTITIES)
        if not self.names - {"t"}:
            fix = f"choose from {', '.join(QUANTITIES)}; a run of fixed length has a duration."
            raise InvalidValueError(message(where, "a condition on what the run does", text, fix))

    def _refuse_strange(self, condition: str) -> None:
        """Refuse characters and names that have no meaning, where they stand."""
        strange = _STRANGE.search(condition)
        if strange is not None:
            fix = f"remove {strange[0]!r}."
            what = "numbers, names, operators and round brackets"
            raise InvalidValueError(message(_at(self._where, strange.start()), what, self.text, fix))
        known = {*QUANTITIES, *VALUE_UNITS, *CONSTANTS, *FUNCTIONS, "and", "or", "not"}
        for word in _WORD.finditer(condition):
            before = condition[: word.start()][-1:]
            if word[0] not in known and not (before.isdigit() or before == "."):
                raise unknown_name(_at(self._where, word.start()), "quantity", word[0], QUANTITIES)
        try:
            ast.parse(condition.strip(), mode="eval")  # for the place of a fault alone: `parse` decides
        except SyntaxError as error:
            lead = len(condition) - len(condition.lstrip())
            end = max(len(condition.rstrip()) - 1, 0)
            place = min(lead + error.offset - 1, end) if error.offset else end
            fix = "check brackets and operators."
            raise InvalidValueError(
                message(_at(self._where, place), f'a condition such as "{_EXAMPLE}"', self.text, fix)
            ) from None
        except (ValueError, RecursionError, MemoryError):
            pass  # the parser says what is wrong

    def _time(self, text: str, place: int) -> float:
        where = _at(self._where, place + len(text) - len(text.lstrip()))
        if not text.strip():
            raise InvalidValueError(message(where, 'a time after "for"', self.text, 'as in "for 2*second".'))
        duration = float(magnitude(text.strip(), "second", where))
        if not duration > 0:
            raise InvalidValueError(message(where, 'a time above 0 after "for"', self.text))
        return duration

    def _holds(self, values: Mapping[str, float]) -> bool:
        names = {
            name: Quantity(values[name], dimension_of(unit, self._where)) for name, (unit, _) in QUANTITIES.items()
        }
        return holds(self.condition, self._where, names)

    def check(self, there: Collection[str], why: Callable[[str], str]) -> None:
        """Refuse a quantity that a run does not have; `why` says what it lacks."""
        for name in sorted(self.names - {*there, "t"}):
            place = next(found.start() for found in _WORD.finditer(self.text) if found[0] == name)
            fix = f"choose from {', '.join([*there, 't'])}."
            raise InvalidValueError(message(_at(self._where, place), f"a quantity of this run: {why(name)}", name, fix))

    def holds(self, values: Mapping[str, float]) -> bool:
        """Say whether the condition holds for a window; with numbers that are none it does not.

        Parameters
        ----------
        values : mapping of str to float
            Each of `QUANTITIES`, in SI units.

        Examples
        --------
        >>> shown = dict(rmse=0.1, rate=5.0, weight_norm=1.0, P_trace=2.0, t=1.0)
        >>> StopWhen("rmse < 0.2").holds(shown), StopWhen("rate > 10*Hz").holds(shown)
        (True, False)
        """
        if any(values[name] != values[name] for name in self.names):
            return False
        try:
            return self._holds(values)
        except TensionError:  # a division by zero, say
            return False

    def __repr__(self) -> str:
        return f"StopWhen({self.text!r})"


def _at(where: str, place: int) -> str:
    """Return where a fault is, with the number of its character, from 1."""
    return f"{where}, character {place + 1}"


def check_stop_when(where: str, given: Any) -> StopWhen | None:
    """Return a condition, None without one.

    Examples
    --------
    >>> check_stop_when("demo.stop_when", "rmse < 0.1")
    StopWhen('rmse < 0.1')
    """
    if given is None or isinstance(given, StopWhen):
        return given
    return StopWhen(given, where)
