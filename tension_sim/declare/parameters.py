"""Parameters of equation files: expressions that may refer to each other, evaluated to SI numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidValueError, message, unknown_name
from .language import parse
from .language.syntax import names_in
from .language.unit_table import unit_text
from .units import Quantity, dimension_of, evaluate, wrong_unit

__all__ = ["expression_of", "resolve_parameters"]


def expression_of(value: Any, where: str = "parameters") -> Any:
    """Return the value of a parameter as an expression: quantities of any library become text.

    Examples
    --------
    >>> expression_of(Quantity(0.002, dimension_of("second", "demo"))), expression_of("2*ms"), expression_of(3)
    ('0.002*(second)', '2*ms', 3)
    """
    if isinstance(value, bool | int | float | str):
        return value
    quantity = evaluate(value, where)
    return f"{float(quantity.value)!r}*({unit_text(quantity.dimension)})"


def resolve_parameters(
    where: str,
    defaults: Mapping[str, str],
    overrides: Mapping[str, str | float] | None = None,
    *,
    dt: float,
) -> dict[str, Quantity]:
    """Evaluate parameters that may refer to each other, in any order.

    Parameters
    ----------
    where : str
        File or class, for messages.
    defaults : mapping
        Expressions of the equation file.
    overrides : mapping, optional
        Other expressions for some of them, of the same units.
    dt : float
        Time step in seconds, known to expressions as ``dt``.

    Returns
    -------
    dict of str to Quantity
        SI values with dimensions.

    Examples
    --------
    >>> resolve_parameters("demo", {"a": "2*b", "b": "3*mV"}, dt=1e-4)["a"].value
    0.006
    """
    overrides = overrides or {}
    for name in overrides:
        if name not in defaults:
            raise unknown_name(f"{where}: parameters", "parameter", name, defaults)
    known: dict[str, Quantity] = {"dt": Quantity(dt, dimension_of("second", where))}
    texts = {**defaults, **overrides}
    original = resolve_parameters(where, defaults, dt=dt) if overrides else {}

    def value(name: str, trail: tuple[str, ...]) -> Quantity:
        if name in known:
            return known[name]
        if name in trail:
            raise InvalidValueError(
                message(f"{where}: parameters.{name}", "no circle of definitions", " -> ".join((*trail, name)))
            )
        text = texts[name]
        needed = names_in(parse(f"{where}: parameters.{name}", text)) & set(texts) if isinstance(text, str) else ()
        names = {other: value(other, (*trail, name)) for other in needed} | {"dt": known["dt"]}
        found = known[name] = evaluate(text, f"{where}: parameters.{name}", names)
        wanted = original.get(name, found).dimension
        if found.dimension != wanted:
            fix = f"the default is {defaults[name]!r}."
            raise wrong_unit(f"{where}: parameters.{name}", wanted, text, found.dimension, fix)
        return found

    for name in texts:
        value(name, ())
    for name, quantity in known.items():
        if not np.all(np.isfinite(quantity.value)):
            raise InvalidValueError(message(f"{where}: parameters.{name}", "a finite value", texts.get(name)))
    known.pop("dt")
    return known
