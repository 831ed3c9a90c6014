"""Evaluate parameter and initial-value expressions to SI numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message, unknown_name
from .activation import rate_expression
from .arrays_in import numbers_and_dimension
from .equations import Neuron, SynapticFilter, resolve_parameters
from .language import names_in, parse
from .language.definitions import once_each
from .language.unit_table import unit_text
from .parameter_checks import check_parameters
from .parameters import Neurons
from .units import DIMENSIONLESS, Dimension, Quantity, dimension_of, evaluate, wrong_unit
from .validation import check_matrix

__all__ = [
    "add_rates",
    "check_mappings",
    "initial_values",
    "parameter_values",
    "rates_of",
    "seconds",
    "shown_in",
    "shown_unit",
]


def seconds(where: str, value: Any) -> float:
    """Return a time in seconds, from a number, text with unit, or a quantity.

    Examples
    --------
    >>> seconds("run.duration", "20*ms")
    0.02
    """
    fix = 'write it as in "10*ms".'
    if isinstance(value, str):
        quantity = evaluate(value, where)
        if quantity.dimension not in (DIMENSIONLESS, dimension_of("second", where)):
            raise UnitsError(message(where, "a time", value, fix))
        return float(quantity.value)
    if isinstance(value, bool | np.bool_):
        raise InvalidTypeError(message(where, "a time in seconds", value, fix))
    time, dimension = numbers_and_dimension(where, value, "a time in seconds")
    if dimension not in (None, DIMENSIONLESS, dimension_of("second", where)):
        raise UnitsError(message(where, "a time", value, fix))
    if time.ndim:
        raise InvalidTypeError(message(where, "a time in seconds", value, fix))
    return float(time)


def shown_in(dimension: Dimension) -> tuple[str, float]:
    """Return the unit in which a recorded variable is shown, and its SI value.

    Examples
    --------
    >>> shown_in((2, 1, -3, -1, 0, 0, 0))
    ('mV', 0.001)
    """
    for unit in ("1", "mV", "pA", "ms", "Hz", "mV/ms", "pA/ms"):
        shown = evaluate(unit, "unit")
        if shown.dimension == dimension:
            return unit, float(shown.value)
    return "1", 1.0


def shown_unit(dimension: Dimension) -> str:
    """Return the unit in which a variable is shown, or else its unit without a scale.

    Examples
    --------
    >>> shown_unit((2, 1, -3, -1, 0, 0, 0)), shown_unit((0, 1, 0, 0, 0, 0, 0))
    ('mV', 'kilogram')
    """
    unit, _ = shown_in(dimension)
    return unit if evaluate(unit, "unit").dimension == dimension else unit_text(dimension)


def check_mappings(network: Any) -> None:
    """Refuse parameters or initial values of a declaration that are no mapping."""
    for name in ("parameters", "initial"):
        value = getattr(network, name)
        if not isinstance(value, Mapping):
            where = f"{type(network).__name__}.{name}"
            raise InvalidTypeError(message(where, "a dictionary of names and values", value))


def parameter_values(
    where: str, neuron: Neuron, synapses: Iterable[SynapticFilter], given: Mapping[str, Any], dt: float
) -> dict[str, Quantity]:
    """Evaluate the parameters of a neuron and its filters.

    Parameters
    ----------
    where : str
        The class, for messages.
    neuron, synapses
        Equation files, of different parameter names.
    given : mapping
        What replaces their defaults.
    dt : float
        Time step in seconds.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> parameter_values("demo", load_neuron("echo_state"), [], {"tau": "20*ms"}, 1e-3)["tau"].value
    0.02
    """
    defaults, synapses = dict(neuron.parameters), list(synapses)
    for synapse in synapses:
        shared = set(defaults) & set(synapse.parameters)
        if shared:
            raise InvalidValueError(
                message(f"{where}.neuron", "other parameter names than the filter's", sorted(shared))
            )
        defaults |= synapse.parameters
    values = resolve_parameters(f"{where}({neuron.name})", defaults, given, dt=dt)
    texts = {**defaults, **given}
    check_parameters(f"{where}({neuron.name})", neuron, synapses, values, dt, texts)
    return values


def initial_values(
    where: str,
    neuron: Neuron,
    given: Mapping[str, Any],
    states: Mapping[str, Dimension],
    parameters: Mapping[str, Quantity],
    n: int,
    dt: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Evaluate initial values; those not named start at 0, the rate of a rate unit at its activation.

    Parameters
    ----------
    where : str
        The class, for messages.
    neuron : Neuron
        The equation file, with its defaults.
    given : mapping
        What replaces them: expressions, which may name other states, quantities, or arrays of shape (n,) in SI units.
    states : mapping of str to dimension
        The variables that may be given.
    parameters : mapping of str to Quantity
        Names that the expressions may use, beside dt, the number i of each neuron, and how many there are, N.
    n, dt, rng
        Number of neurons, time step, and source of random numbers.

    Returns
    -------
    dict of str to array, shape (n,)
        In SI units.
    """
    names = {**parameters, "dt": evaluate(f"{dt!r}*second", "dt")} | Neurons(n, lambda name: rng).names
    for name in given:
        if name not in states:
            raise unknown_name(f"{where}.initial", "state variable", name, states)
    defaults = {
        name: evaluate(text, f"{neuron.name}: initial.{name}", names, n, rng) for name, text in neuron.initial.items()
    }

    def place_of(name: str) -> str:
        return f"{where}.initial[{name!r}]"

    def work_out(name: str, of: Callable[[str], np.ndarray]) -> np.ndarray:
        value, place = given.get(name, defaults.get(name)), place_of(name)
        if isinstance(value, str):
            others = sorted(names_in(parse(place, value)) & {*states})  # they may stand later, or start at 0
            named = {other: Quantity(of(other), states[other]) for other in others}
            value = evaluate(value, place, names | named, n, rng)
        text = given.get(name, neuron.initial.get(name))
        return _for_each(place, 0.0 if value is None else value, text, states[name], n)

    listed = dict.fromkeys([*defaults, *given])
    value_of = once_each({}, place_of, work_out)
    return {name: value_of(name) for name in listed}


def _for_each(place: str, value: Any, text: Any, wanted: Dimension, n: int) -> np.ndarray:
    """Return an initial value for each of n neurons, in SI units; `text` is how it was given."""
    if not isinstance(value, Quantity):
        array, dimension = numbers_and_dimension(place, value, f"an array of shape ({n},), or one number")
        value = array if dimension is None else Quantity(array, dimension)
    if isinstance(value, Quantity):
        if value.dimension != wanted:
            raise wrong_unit(place, wanted, text, value.dimension, "give it that unit.")
        value = value.value
    array = check_matrix(place, value, (n,) if np.ndim(value) else (), "neurons")
    return np.broadcast_to(array, (n,)).copy()


def add_rates(
    neuron: Neuron, activation: str, values: dict[str, np.ndarray], parameters: Mapping[str, Any], n: int
) -> None:
    """Add the initial rates of n rate units to their initial values, unless they are given."""
    if not neuron.spiking and "r" not in values:
        values["r"] = np.broadcast_to(rates_of(neuron, activation, values, parameters), (n,)).copy()


def rates_of(neuron: Neuron, activation: str, values: Mapping[str, Any], parameters: Mapping[str, Quantity]) -> Any:
    """Return the rate of rate units in given states, with the shape of these.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> rates_of(load_neuron("echo_state"), "relu", {"a": np.array([-1.0, 2.0])}, {})
    array([0., 2.])
    """
    states = {name: Quantity(values.get(name, 0.0)) for name in neuron.state_variables}
    text = rate_expression(neuron, activation)
    return evaluate(text, f"{neuron.name}: rate", {**parameters, **states}).value
