"""The units that texts may name: Brian2's names, with values in SI and dimensions."""

from __future__ import annotations

__all__ = [
    "BASE_UNITS",
    "DIMENSIONLESS",
    "EQUATION_UNITS",
    "VALUE_UNITS",
    "Dimension",
    "Unit",
    "describe",
    "unit_text",
]

#: Exponents of metre, kilogram, second, ampere, kelvin, mole, candela.
Dimension = tuple[float, ...]

DIMENSIONLESS: Dimension = (0, 0, 0, 0, 0, 0, 0)

#: Value in SI, and dimension.
Unit = tuple[float, Dimension]

_LENGTH, _MASS, _SECOND = (1, 0, 0, 0, 0, 0, 0), (0, 1, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0, 0)
_AMOUNT, _LIGHT, _RATE = (0, 0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 0, 1), (0, 0, -1, 0, 0, 0, 0)
_AMPERE, _SPEED_2 = (0, 0, 0, 1, 0, 0, 0), (2, 0, -2, 0, 0, 0, 0)

# those that take every prefix, and the powers 2 and 3 in their names; of value 1 but for the gram
_PREFIXED: dict[str, Dimension] = {
    "metre": _LENGTH, "meter": _LENGTH, "gram": _MASS, "gramme": _MASS, "second": _SECOND, "amp": _AMPERE,
    "ampere": _AMPERE, "mole": _AMOUNT, "mol": _AMOUNT, "candle": _LIGHT, "radian": DIMENSIONLESS,
    "steradian": DIMENSIONLESS, "hertz": _RATE, "newton": (1, 1, -2, 0, 0, 0, 0),
    "pascal": (-1, 1, -2, 0, 0, 0, 0), "joule": (2, 1, -2, 0, 0, 0, 0), "watt": (2, 1, -3, 0, 0, 0, 0),
    "coulomb": (0, 0, 1, 1, 0, 0, 0), "volt": (2, 1, -3, -1, 0, 0, 0), "farad": (-2, -1, 4, 2, 0, 0, 0),
    "ohm": (2, 1, -3, -2, 0, 0, 0), "siemens": (-2, -1, 3, 2, 0, 0, 0), "weber": (2, 1, -2, -1, 0, 0, 0),
    "tesla": (0, 1, -2, -1, 0, 0, 0), "henry": (2, 1, -2, -2, 0, 0, 0), "lumen": _LIGHT,
    "lux": (-2, 0, 0, 0, 0, 0, 1), "becquerel": _RATE, "gray": _SPEED_2, "sievert": _SPEED_2,
    "katal": (0, 0, -1, 0, 0, 1, 0),
}  # fmt: skip
_OTHERS: dict[str, tuple[float, Dimension]] = {
    "kelvin": (1.0, (0, 0, 0, 0, 1, 0, 0)),
    "kilogram": (1.0, _MASS),
    "kilogramme": (1.0, _MASS),
    "liter": (1e-3, (3, 0, 0, 0, 0, 0, 0)),
    "litre": (1e-3, (3, 0, 0, 0, 0, 0, 0)),
    "molar": (1e3, (-3, 0, 0, 0, 0, 1, 0)),
}
_PREFIXES = {
    "y": 1e-24, "z": 1e-21, "a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3,
    "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24,
}  # fmt: skip
_SMALL_STEPS = {"c": 1e-2, "d": 1e-1, "da": 1e1, "h": 1e2}
# symbols: Brian2 knows these with some prefixes; values may have them with the common ones
_SYMBOLS = {
    "s": "second", "V": "volt", "A": "amp", "F": "farad", "S": "siemens", "Hz": "hertz", "m": "metre",
    "M": "molar", "ohm": "ohm",
}  # fmt: skip
_KNOWN_SYMBOLS = (
    "ms us mV mA uA nA pA uF nF pF uS nS Hz kHz MHz mM uM nM cm cm2 cm3 mm mm2 mm3 um um2 um3".split()  # noqa: SIM905
)
_COMMON = ("f", "p", "n", "u", "m", "k", "M", "G")


def _power(unit: Unit, exponent: int) -> Unit:
    value, dimension = unit
    return value**exponent, tuple(exponent * e for e in dimension)


def _long_names() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    for name, dimension in _PREFIXED.items():
        for prefix, scale in {"": 1.0, **_PREFIXES}.items():
            unit = (scale * (1e-3 if name.startswith("gram") else 1.0), dimension)
            table |= {f"{prefix}{name}{power or ''}": _power(unit, power or 1) for power in (0, 2, 3)}
    for name, unit in _OTHERS.items():
        table[name] = unit
        prefixes = {} if name.startswith("k") else _PREFIXES
        if name.startswith("lit"):
            prefixes = prefixes | _SMALL_STEPS
        powers = (1,) if name.startswith("lit") else (1, 2, 3)
        for prefix, scale in {"": 1.0, **prefixes}.items():
            one = (scale * unit[0], unit[1])
            table |= {f"{prefix}{name}{power if power > 1 else ''}": _power(one, power) for power in powers}
    return table


def _symbol(name: str) -> Unit:
    """Return the unit of a symbol such as "mV" or "um2"."""
    stem = name.rstrip("23")
    for symbol, long in _SYMBOLS.items():
        prefix = stem.removesuffix(symbol)
        if stem.endswith(symbol) and (not prefix or prefix in {**_PREFIXES, **_SMALL_STEPS}):
            value, dimension = _LONG[long]
            scale = {"": 1.0, **_PREFIXES, **_SMALL_STEPS}[prefix]
            return _power((value * scale, dimension), int(name[len(stem) :] or 1))
    raise KeyError(name)


_LONG = _long_names()
#: All units that equations may name; no variable may have their names.
EQUATION_UNITS: dict[str, Unit] = _LONG | {name: _symbol(name) for name in _KNOWN_SYMBOLS}
#: Units of values: also symbols with prefixes that Brian2 has no name for, such as "GV".
VALUE_UNITS: dict[str, Unit] = EQUATION_UNITS | {
    prefix + symbol: _symbol(prefix + symbol)
    for symbol in _SYMBOLS
    for prefix in _COMMON
    if symbol != "M" and prefix + symbol not in EQUATION_UNITS
}
#: Units of value 1, in which equations declare their variables.
BASE_UNITS = {
    name: dimension for name, (value, dimension) in EQUATION_UNITS.items() if value == 1 and name[-1] not in "23"
}

_SI = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")


def unit_text(dimension: Dimension) -> str:
    """Return a dimension as equations may declare it.

    Examples
    --------
    >>> unit_text((2, 1, -3, -1, 0, 0, 0))
    'metre**2*kilogram*second**-3*amp**-1'
    """
    factors = [f"{name}**{e:g}".removesuffix("**1") for name, e in zip(_SI, dimension, strict=True) if e]
    return "*".join(factors) or "1"


#: Units that name a dimension, the first of each.
_NAMES = ("second", "volt", "amp", "farad", "siemens", "ohm", "hertz", "coulomb", "metre", "kelvin")
_SYMBOLS_OF_SI = ("m", "kg", "s", "A", "K", "mol", "cd")


def describe(dimension: Dimension) -> str:
    """Name a dimension the way a user would write its unit.

    Examples
    --------
    >>> describe((2, 1, -3, -1, 0, 0, 0))
    'volt'
    >>> describe((0, 0, 2, 0, 0, 0, 0))
    's^2'
    """
    if dimension == DIMENSIONLESS:
        return "1 (no unit)"
    for name in _NAMES:
        if dimension == BASE_UNITS[name]:
            return name
    parts = zip(_SYMBOLS_OF_SI, dimension, strict=True)
    return " ".join(s if e == 1 else f"{s}^{e:g}" for s, e in parts if e)
