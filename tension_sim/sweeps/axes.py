"""The axes of a sweep: values that a setting takes, or the range that it is drawn from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..declare.language.unit_table import unit_text
from ..declare.units import dimension_of_brian2
from ..declare.validation import check_whole
from ..errors import InvalidTypeError, InvalidValueError, message
from .swept import SEED, Swept, Value

__all__ = ["Axis", "Range", "axes_of", "pairs_of", "ranges_of", "seeds_of", "text_of"]

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*\*?\s*(.*?)\s*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_LOG = "log"
_MOST_VALUES = 10_000  # of an axis: each is checked before the first run
_MOST_SEEDS = 1_000_000
_SEEDS = "use seeds."


@dataclass(frozen=True)
class Axis:
    """The values of one setting.

    Attributes
    ----------
    name : str
        Its dotted name, such as ``"network.G"``.
    texts : tuple of str
        The values as a recipe file would give them.
    values : tuple
        The same as numbers in SI units, or as texts.
    """

    name: str
    texts: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Range:
    """Where a setting's values are drawn from: between two numbers, or some choices.

    Attributes
    ----------
    name : str
        The setting's dotted name.
    low, high : float
        The ends, in `unit`.
    unit : str
        What follows the number, such as ``"ms"``; empty for plain numbers.
    log : bool
        Whether logarithms are drawn evenly.
    whole : bool
        Whether values are whole numbers.
    scale : float or None
        The unit in SI; None where it is another one from point to point.
    choices : tuple of (str, value)
        Texts of which one is drawn, with their values.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    log: bool = False
    whole: bool = False
    scale: float | None = 1.0
    choices: tuple[tuple[str, Value], ...] = ()

    def draw(self, fraction: float) -> tuple[str, Value]:
        """Return the text and the value at a fraction of the range, from 0 to below 1.

        Examples
        --------
        >>> Range("network.dt", 0.1, 10, "ms", log=True, scale=1e-3).draw(0.5)
        ('1*ms', 0.001)
        >>> Range("network.n", 1, 3, whole=True).draw(0.99)
        ('3', 3)
        >>> Range("network.neuron", choices=(("lif", "lif"), ("theta", "theta"))).draw(0.5)
        ('theta', 'theta')
        """
        if self.choices:
            return self.choices[min(int(fraction * len(self.choices)), len(self.choices) - 1)]
        if self.whole:  # each whole number has the same share
            return self.written(min(math.floor(_between(self.low, self.high + 1, fraction, self.log)), self.high))
        return self.written(_between(self.low, self.high, fraction, self.log))

    def written(self, number: float) -> tuple[str, Value]:
        """Return the text and the value of a number of the range, in its unit."""
        text = _text(number, self.unit)
        shown = float(f"{number:.12g}")
        if self.scale is None:
            return text, text
        return text, int(shown) if self.whole else shown * self.scale


def _between(low: float, high: float, fraction: float, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + fraction * (math.log(high) - math.log(low)))
    return low + fraction * (high - low)


def _text(number: float, unit: str) -> str:
    shown = f"{number:.12g}"  # 0.06, not 0.060000000000000005
    return f"{shown}*{unit}" if unit else shown


def _pair(where: str, text: str, example: str) -> tuple[str, str]:
    name, equals, values = text.partition("=")
    if not equals or not name.strip() or not values.strip():
        raise InvalidValueError(message(where, "NAME=VALUES", text, f"e.g. {example}."))
    return name.strip(), values.strip()


def pairs_of(where: str, texts: Iterable[str], example: str) -> dict[str, str]:
    """Split the words of a command line, ``NAME=VALUES``; refuse a name that comes twice.

    Examples
    --------
    >>> pairs_of("sweep --grid", ["G=0.02:0.2:10", "Q=1,3"], "--grid Q=1,3")
    {'G': '0.02:0.2:10', 'Q': '1,3'}
    """
    found: dict[str, str] = {}
    for text in texts:
        name, values = _pair(where, text, example)
        if name in found:
            raise InvalidValueError(message(where, "each setting once", text, f"write all values of {name} together."))
        found[name] = values
    return found


def _ends(where: str, low: str, high: str) -> tuple[float, float, str]:
    """Return the two ends of a range, and their unit."""
    matches = [_NUMBER.fullmatch(end) for end in (low, high)]
    if any(match is None for match in matches):
        fix = "e.g. 0.02:0.2 or 10*ms:50*ms; other expressions can be listed, separated by commas."
        raise InvalidValueError(message(where, "numbers at both ends, each with its unit", f"{low}:{high}", fix))
    (first, unit), (last, other) = (match.groups() for match in matches if match is not None)
    if unit and other and unit != other:
        fix = f"write both in {unit}."
        raise InvalidValueError(message(where, "the same unit at both ends", f"{low}:{high}", fix))
    return float(first), float(last), unit or other


def _check_log(where: str, low: float, high: float, received: str) -> None:
    if not low > 0 or not high > 0:
        fix = "leave :log out, or choose other ends."
        raise InvalidValueError(message(where, "ends above 0 for logarithmic steps", received, fix))


def _spaced(where: str, text: str) -> list[str]:
    """Return the values that LOW:HIGH:NUMBER means, with ``:log`` in logarithmic steps."""
    parts = [part.strip() for part in text.split(":")]
    log = parts[-1] == _LOG
    if log:
        parts.pop()
    if len(parts) != 3:
        fix = "e.g. 0.02:0.2:10, 1e-6:1e-3:4:log, or values separated by commas."
        raise InvalidValueError(message(where, "LOW:HIGH:NUMBER", text, fix))
    low, high, unit = _ends(where, parts[0], parts[1])
    number = check_whole(where, int(parts[2]) if parts[2].isdecimal() else parts[2], 2, what="a number of values")
    if number > _MOST_VALUES:
        raise InvalidValueError(message(where, f"at most {_MOST_VALUES} values", number))
    if log:
        _check_log(where, low, high, text)
    return [_text(_between(low, high, k / (number - 1), log), unit) for k in range(number)]


def _texts(where: str, values: Any) -> list[str]:
    """Return the texts of an axis, from the words of a command line or from values in Python."""
    if isinstance(values, str):
        return _spaced(where, values) if ":" in values else [part.strip() for part in values.split(",") if part.strip()]
    if not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:  # one quantity is an array
        values = [values]
    return [text_of(where, value) for value in values]


def text_of(where: str, value: Any) -> str:
    """Return a value as a recipe file would give it.

    Examples
    --------
    >>> text_of("demo", True), text_of("demo", "10*ms"), text_of("demo", 0.5)
    ('true', '10*ms', '0.5')
    """
    if isinstance(value, str):
        return value
    if hasattr(value, "dim"):  # a quantity of Brian2; its own text has 8 digits
        return f"{float(value)!r}*{unit_text(dimension_of_brian2(value))}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise InvalidTypeError(message(where, 'numbers, or texts with units such as "10*ms"', value))


def axes_of(where: str, base: Swept, grid: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Read a grid: for each setting its values; each is tried before anything runs.

    Parameters
    ----------
    where : str
        Begins the messages.
    base : Swept
        What is swept.
    grid : mapping of str to str or sequence
        By the name of a setting ``"LOW:HIGH:NUMBER"``, ``"LOW:HIGH:NUMBER:log"``, values separated by commas,
        or a sequence of numbers and texts.

    Raises
    ------
    TensionError
        If a setting is not known, or cannot have a value.
    """
    if not isinstance(grid, Mapping):
        raise InvalidTypeError(message(where, "names of settings with their values", grid, 'e.g. {"Q": [1, 3, 10]}.'))
    names = [_sweepable(where, base, str(key)) for key in grid]
    _check_names(where, names)
    axes = []
    for name, (key, values) in zip(names, grid.items(), strict=True):
        place = f"{where} {key}"
        texts = _texts(place, values)
        if not texts:
            raise InvalidValueError(message(place, "at least one value", values))
        if len(texts) > _MOST_VALUES:
            raise InvalidValueError(message(place, f"at most {_MOST_VALUES} values", len(texts)))
        found = tuple(_value(base, name, text, names) for text in texts)
        if len(set(map(str, found))) < len(found):
            raise InvalidValueError(message(place, "values that differ from each other", texts, "write each once."))
        axes.append(Axis(name, tuple(texts), found))
    return tuple(axes)


def _value(base: Swept, name: str, text: str, names: Sequence[str]) -> Value:
    """Return the value of a text; the text itself where that names another swept setting, and is no one number."""
    value, others = base.value(name, text), {other.rpartition(".")[2] for other in names if other != name}
    return text if others & set(_WORD.findall(text)) else value


def ranges_of(where: str, base: Swept, ranges: Mapping[str, Any], of_seed: str = _SEEDS) -> tuple[Range, ...]:
    """Read ranges: ``"LOW:HIGH"``, ``"LOW:HIGH:log"``, choices separated by commas, or a tuple of these parts.

    `of_seed` says what to do in place of a range of seeds.

    Raises
    ------
    TensionError
        If a setting is not known, or cannot have a value at an end, or a choice.
    """
    names = [_sweepable(where, base, str(key), of_seed) for key in ranges]
    _check_names(where, names)
    found = []
    for name, (key, given) in zip(names, ranges.items(), strict=True):
        place = f"{where} {key}"
        text = given if isinstance(given, str) else _range_text(place, given)
        one = _range(place, name, text)
        texts = [text for text, _ in one.choices] or [_text(end, one.unit) for end in (one.low, one.high)]
        values = [base.value(name, text) for text in texts]
        if one.choices:
            values = [_value(base, name, text, names) for text in texts]
            one = replace(one, choices=tuple(zip(texts, values, strict=True)))
        else:
            low, high = (_number(place, value) for value in values)
            whole = all(isinstance(value, int) for value in values)
            fixed = _value(base, name, texts[0], names) == values[0]
            one = replace(one, whole=whole, scale=(high - low) / (one.high - one.low) if fixed else None)
        found.append(one)
    if not found:
        raise InvalidValueError(message(where, "at least one range", dict(ranges), "e.g. G=0.02:0.2."))
    return tuple(found)


def _number(place: str, value: Value) -> float:
    if isinstance(value, bool | str):
        raise InvalidValueError(message(place, "a setting that is a number", value, "list choices: a,b,c."))
    return value


def _range_text(place: str, given: Any) -> str:
    if not isinstance(given, Sequence) or not 2 <= len(given) <= 3:
        raise InvalidTypeError(message(place, "LOW and HIGH", given, 'e.g. (0.02, 0.2) or (1e-6, 1e-3, "log").'))
    return ":".join(text_of(place, part) for part in given)


def _range(place: str, name: str, text: str) -> Range:
    if ":" not in text:
        choices = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if len(choices) < 2:
            raise InvalidValueError(message(place, "LOW:HIGH, or choices", text, "e.g. 0.02:0.2, or lif,theta."))
        return Range(name, choices=tuple((text, text) for text in choices))
    parts = [part.strip() for part in text.split(":")]
    log = parts[-1] == _LOG
    if log:
        parts.pop()
    if len(parts) != 2:
        raise InvalidValueError(message(place, "LOW:HIGH", text, "e.g. 0.02:0.2 or 1e-6:1e-3:log."))
    low, high, unit = _ends(place, *parts)
    if not low < high:
        fix = "exchange them." if low > high else "leave the range out, and give the setting this value."
        raise InvalidValueError(message(place, "a lower end below the upper one", text, fix))
    if log:
        _check_log(place, low, high, text)
    return Range(name, low, high, unit, log)


def _sweepable(where: str, base: Swept, key: str, of_seed: str = _SEEDS) -> str:
    name = base.full_name(key)
    if name == SEED:
        raise InvalidValueError(message(f"{where} {key}", "a setting other than the seed", key, of_seed))
    if name in base.settings:
        fix = f"leave {name} out here, or out of the settings."
        raise InvalidValueError(message(f"{where} {key}", "a setting without a fixed value", base.settings[name], fix))
    return name


def _check_names(where: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidValueError(message(where, "each setting once", name, f"write all values of {name} together."))


def seeds_of(where: str, base: Swept, seeds: Any) -> tuple[int, ...]:
    """Return the seeds of each point: so many from the recipe's own seed on, or those that are listed.

    Parameters
    ----------
    where : str
        Begins the messages.
    base : Swept
        What is swept.
    seeds : int, str or sequence of int
        ``20``, ``"20"``, ``"0,5,7"`` or ``[0, 5, 7]``.
    """
    if isinstance(seeds, str):
        parts = [part.strip() for part in seeds.split(",")]
        if not all(part.isdecimal() for part in parts):
            fix = "e.g. 20 for twenty of them, or 0,5,7."
            raise InvalidValueError(message(where, "a number of seeds, or seeds separated by commas", seeds, fix))
        seeds = int(parts[0]) if len(parts) == 1 else [int(part) for part in parts]
    if isinstance(seeds, int | np.integer) and not isinstance(seeds, bool):
        number = check_whole(where, seeds, 1, what="a number of seeds")
        if number > _MOST_SEEDS:
            raise InvalidValueError(message(where, f"at most {_MOST_SEEDS} seeds", number))
        return tuple(range(base.seed, base.seed + number))
    if not isinstance(seeds, Iterable):
        raise InvalidTypeError(message(where, "a number of seeds, or a sequence of them", seeds))
    found = tuple(check_whole(where, seed, 0, what="whole seeds") for seed in seeds)
    if not found or len(set(found)) < len(found):
        raise InvalidValueError(message(where, "seeds that differ from each other", list(found), "write each once."))
    return found
