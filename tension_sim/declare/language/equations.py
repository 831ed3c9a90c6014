"""Equations: read from text, and written anew."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from ...errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .meaning import Meaning
from .syntax import parse, render, replaced
from .unit_table import BASE_UNITS, DIMENSIONLESS, EQUATION_UNITS, Dimension, unit_text
from .words import check_name

__all__ = ["PLACEHOLDER", "Equation", "declared_unit", "read_equations", "without_comments"]

#: Stands for the unit of what a filter is used on.
PLACEHOLDER = "unit"
#: Dimension of the placeholder while a filter file is read: one that nothing else has.
_ANY_UNIT = BASE_UNITS["candle"]
_MAX_TEXT = 20_000
_MAX_EXPONENT = 12
_NAME = r"[A-Za-z_]\w*"
_EQUATION = re.compile(
    rf"\s*(?:d\s*(?P<changes>{_NAME})\s*/\s*dt|(?P<name>{_NAME}))\s*(?:=(?P<formula>[^:]*))?:"
    r"(?P<unit>[^(\n]*)(?:\((?P<flags>[^)\n]*)\))?[ \t]*(?:\n|$)",
    re.ASCII,
)


@dataclass(frozen=True)
class Equation:
    """One equation.

    Attributes
    ----------
    name : str
        The variable.
    kind : str
        ``"differential"``, ``"subexpression"`` or ``"parameter"``: a variable without formula.
    formula : ast.expr or None
        Its right side.
    unit : str
        Of the variable, in units of value 1; ``"boolean"`` or ``"integer"``.
    meaning : Meaning
        Dimension and kind of the variable.
    flags : tuple of str
        As written in brackets.
    """

    name: str
    kind: str
    formula: ast.expr | None
    unit: str
    meaning: Meaning
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        left = f"d{self.name}/dt" if self.kind == "differential" else self.name
        right = "" if self.formula is None else f" = {render(self.formula)}"
        flags = f" ({', '.join(self.flags)})" if self.flags else ""
        return f"{left}{right} : {self.unit}{flags}"

    @property
    def holds_state(self) -> bool:
        """Whether it holds a value from step to step."""
        return self.kind != "subexpression"

    def renamed(self, names: Mapping[str, str], unit: str | None = None) -> Equation:
        """Return the equation with other names; `unit` takes the place of the placeholder."""
        formula = self.formula
        if formula is not None:
            formula = replaced(formula, {old: ast.Name(new) for old, new in names.items()})
        changed = replace(self, name=names.get(self.name, self.name), formula=formula)
        if unit is None:
            return changed
        factors = dict(_factors_of(self.unit))
        power = factors.pop(PLACEHOLDER, 0)
        for name, exponent in _factors_of(unit):
            factors[name] = factors.get(name, 0) + power * exponent
        text, meaning = _written(factors)
        return replace(changed, unit=text, meaning=meaning)


def without_comments(text: str) -> str:
    """Return a text without what follows a ``#`` in each line."""
    return re.sub(r"#[^\n]*", "", text)


def read_equations(where: str, text: str, *, placeholder: bool = False, ours: bool = False) -> tuple[Equation, ...]:
    """Read equations, one or more lines each.

    Parameters
    ----------
    where : str
        File and key, for messages.
    text : str
        ``dx/dt = formula : unit (flags)``, ``x = formula : unit (flags)`` or ``x : unit (flags)``.
    placeholder : bool
        Whether ``unit`` may stand for a unit.
    ours : bool
        Whether names of a circuit's own variables may appear.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnknownNameError
        If it is anything else, or a name cannot be one.

    Examples
    --------
    >>> for equation in read_equations("demo", "dv/dt=(I-v) / tau : volt # Ohm\\n I = 2*\\n bias : volt"):
    ...     print(equation)
    dv/dt = (I - v)/tau : volt
    I = 2*bias : volt
    """
    if not isinstance(text, str):
        raise InvalidTypeError(message(where, "equations", text, "put them in quotes."))
    return _equations(where, text, placeholder, ours)


@lru_cache(maxsize=256)
def _equations(where: str, text: str, placeholder: bool, ours: bool) -> tuple[Equation, ...]:
    if len(text) > _MAX_TEXT:
        raise InvalidValueError(message(where, f"at most {_MAX_TEXT} characters", text))
    plain, place, found = without_comments(text).rstrip(), 0, {}
    while place < len(plain):
        match = _EQUATION.match(plain, place)
        if match is None:
            line = plain[place:].strip().split("\n")[0]
            raise InvalidValueError(
                message(where, 'equations such as "dv/dt = -v/tau : volt", "x = 2*v : volt" or "x : 1"', line)
            )
        place = match.end()
        equation = _equation(where, match, placeholder, ours)
        if equation.name in found:
            raise InvalidValueError(message(where, "one equation a variable", equation.name, "remove the other."))
        found[equation.name] = equation
    return tuple(found.values())


def _equation(where: str, match: re.Match[str], placeholder: bool, ours: bool) -> Equation:
    name = check_name(where, match["changes"] or match["name"], ours=ours)
    kind = "parameter" if match["formula"] is None else "subexpression"
    if match["changes"]:
        kind = "differential"
    if kind == "differential" and match["formula"] is None:
        raise InvalidValueError(message(where, f"a formula of d{name}/dt", match[0].strip(), "write it after a '='."))
    place = f"{where}: {name}"
    formula = None if match["formula"] is None else parse(place, " ".join(match["formula"].split()))
    flags = tuple(" ".join(flag.split()) for flag in (match["flags"] or "").split(",") if flag.strip())
    unit, meaning = declared_unit(place, match["unit"], placeholder=placeholder)
    return Equation(name, kind, formula, unit, meaning, flags)


def declared_unit(where: str, text: str, *, placeholder: bool = False) -> tuple[str, Meaning]:
    """Return the unit of a variable as Brian2 takes it, and what that means.

    Examples
    --------
    >>> declared_unit("demo", " volt / second ")[0], declared_unit("demo", "integer")[1].kind
    ('volt/second', 'integer')
    """
    text = text.strip()
    if text in ("boolean", "integer"):
        return text, Meaning(kind=text)
    factors: dict[str, float] = {}
    _collect(where, text, parse(where, text or " "), 1, factors, placeholder)
    return _written(factors)


def _collect(where: str, text: str, node: ast.expr, sign: float, factors: dict[str, float], placeholder: bool) -> None:
    """Add the factors of a unit, each with its exponent."""
    match node:
        case ast.Constant(value=1):
            return
        case ast.Name(id=name) if name in BASE_UNITS or (placeholder and name == PLACEHOLDER):
            factors[name] = factors.get(name, 0) + sign
            return
        case ast.Name(id=name):
            if name in EQUATION_UNITS:
                dimension = EQUATION_UNITS[name][1]
                known = next((base for base, of in BASE_UNITS.items() if of == dimension), unit_text(dimension))
                raise InvalidValueError(
                    message(where, "a unit without a scale", name, f"write {known}; values may have any unit.")
                )
            raise unknown_name(where, "unit", name, [*BASE_UNITS, "boolean", "integer"])
        case ast.BinOp(op=ast.Mult() | ast.Div()):
            _collect(where, text, node.left, sign, factors, placeholder)
            _collect(where, text, node.right, -sign if isinstance(node.op, ast.Div) else sign, factors, placeholder)
            return
        case ast.BinOp(op=ast.Pow(), left=ast.Name()):
            match node.right:
                case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as size)):
                    exponent: float = -size
                case ast.Constant(value=int() | float() as size):
                    exponent = size
                case _:
                    exponent = math.inf
            if abs(exponent) <= _MAX_EXPONENT:
                _collect(where, text, node.left, sign * exponent, factors, placeholder)
                return
    raise InvalidValueError(message(where, 'a unit such as "volt", "1/second" or "siemens/metre**2"', text))


def _factors_of(unit: str) -> list[tuple[str, float]]:
    factors: dict[str, float] = {}
    _collect("unit", unit, parse("unit", unit), 1, factors, True)
    return [*factors.items()]


def _written(factors: Mapping[str, float]) -> tuple[str, Meaning]:
    """Return the text and the meaning of a product of units."""
    dimension: Dimension = DIMENSIONLESS
    above: list[str] = []
    below: list[str] = []
    for name, exponent in factors.items():
        base = _ANY_UNIT if name == PLACEHOLDER else BASE_UNITS[name]
        dimension = tuple(round(a + exponent * b, 9) for a, b in zip(dimension, base, strict=True))
        size = int(abs(exponent)) if exponent == int(exponent) else abs(exponent)
        if size:
            (above if exponent > 0 else below).append(name if size == 1 else f"{name}**{size!r}")
    text = "/".join(["*".join(above) or "1", *below])
    return text, Meaning(dimension)
