"""Parameters of equation files: expressions that may refer to each other, evaluated to SI numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import InvalidValueError, message, unknown_name
from .arrays_in import numbers_and_dimension
from .language import parse
from .language.definitions import once_each
from .language.syntax import names_in
from .language.unit_table import VALUE_UNITS, unit_text
from .units import Quantity, dimension_of, evaluate, wrong_unit
from .validation import check_matrix

__all__ = ["Neurons", "expression_of", "resolve_parameters"]


class Neurons(NamedTuple):
    """Those that parameters belong to, so that each may have a value of its own.

    Attributes
    ----------
    n : int
        How many.
    rng : callable
        Returns the source of random numbers of a parameter, by its name: other parameters do not change it.
    """

    n: int
    rng: Callable[[str], np.random.Generator]

    @property
    def names(self) -> dict[str, Quantity]:
        """Names that expressions may use: ``i``, the number of each neuron, and ``N``, how many there are.

        Examples
        --------
        >>> Neurons(3, lambda name: np.random.default_rng(0)).names["i"].value
        array([0., 1., 2.])
        """
        return {"i": Quantity(np.arange(float(self.n))), "N": Quantity(float(self.n))}


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
    of: Neurons | None = None,
) -> dict[str, Quantity]:
    """Evaluate parameters that may refer to each other, in any order.

    Parameters
    ----------
    where : str
        File or class, for messages.
    defaults : mapping
        Expressions of the equation file.
    overrides : mapping, optional
        Other expressions for some of them, of the same units; with `of` also arrays of one value for
        each neuron, plain ones in SI units.
    dt : float
        Time step in seconds, known to expressions as ``dt``.
    of : Neurons, optional
        Whose they are. Expressions may then draw, ``rand()`` and ``randn()``, and name ``i`` and ``N``.

    Returns
    -------
    dict of str to Quantity
        SI values with dimensions: one, or one for each neuron.

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
    further = {"dt": known["dt"]} | ({} if of is None else of.names)

    def place_of(name: str) -> str:
        return f"{where}: parameters.{name}"

    def work_out(name: str, value: Callable[[str], Quantity]) -> Quantity:
        text, place = texts[name], place_of(name)
        needed = names_in(parse(place, text)) if isinstance(text, str) else set()
        names = {other: value(other) for other in needed & set(texts)}
        if any(other in further or (other not in texts and other not in VALUE_UNITS) for other in needed):
            names |= further  # for the message too, where a name is unknown
        if of is None:
            found = evaluate(text, place, names)
        else:
            found = _of_each(place, name, text, names, of, original)
        wanted = original.get(name, found).dimension
        if found.dimension != wanted:
            fix = f"the default is {defaults[name]!r}."
            raise wrong_unit(place, wanted, text, found.dimension, fix)
        return found

    value = once_each(known, place_of, work_out)
    for name in texts:
        value(name)
    for name, quantity in known.items():
        if not np.all(np.isfinite(quantity.value)):
            raise InvalidValueError(message(place_of(name), "a finite value", texts.get(name)))
    known.pop("dt")
    return known


def _of_each(
    where: str, name: str, given: Any, names: Mapping[str, Quantity], of: Neurons, original: Mapping[str, Quantity]
) -> Quantity:
    """Evaluate a parameter of neurons: one value, or one for each."""
    if isinstance(given, str | bool | int | float | Quantity) or not np.ndim(given):
        return evaluate(given, where, names, of.n, of.rng(name))
    array, dimension = numbers_and_dimension(where, given, f"an array of shape ({of.n},), or one number")
    array = check_matrix(where, array, (of.n,), "neurons")
    return Quantity(array, original[name].dimension if dimension is None else dimension)
