"""What can be changed in a network between two of its time steps, and the network that it is from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...circuit.declared import Wiring
from ...declare.edits import FACTORS, replaced, scaled
from ...declare.fitted import FittedNetwork
from ...declare.network import ForceNetwork
from ...declare.populations.network import Network
from ...declare.units import Dimension, Quantity, describe, evaluate, wrong_unit
from ...declare.validation import check_number
from ...errors import InvalidTypeError, InvalidValueError, UnknownNameError, message, problem, unknown_name

__all__ = ["Net", "Setting", "changed", "settings_of"]

Net = ForceNetwork | FittedNetwork | Network

#: Of `Learning`, what a rule reads anew at each update.
_OF_RULE = ("forgetting", "relaxation", "update_every", "probability")
#: Known words that cannot be changed, and why.
_FIXED = {
    "alpha_P": "P(0) is made at the first update",
    "gain": "it decides how weights and P belong together",
    "n": "it decides the program", "p": "the connections are drawn", "dt": "it decides the program",
    "seed": "the network is drawn", "G": "change recurrent_scale, a factor on the weights",
    "Q": "change feedback_scale, a factor on the weights", "duration": "stop the run, or run a longer one",
    "start": "switch learning on or off", "stop": "switch learning on or off",
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """Something that can be changed.

    Attributes
    ----------
    value : str
        As it is now; a text that is understood when it is set.
    unit : str
        Its unit in words, or what it is.
    """

    value: str
    unit: str


def settings_of(net: Net, learns: bool, learning: bool) -> dict[str, Setting]:
    """Return all that can be changed, by name.

    Parameters
    ----------
    net : declaration
        As it is now.
    learns : bool
        Whether it has a rule.
    learning : bool
        Whether that is switched on.
    """
    found = {}
    if learns:
        found["learning"] = Setting("on" if learning else "off", "on or off")
    rule = getattr(net, "learning", None)
    if rule is not None:
        found |= {name: Setting(f"{getattr(rule, name):g}", "1") for name in _OF_RULE}
    for name, kernel in FACTORS.items():
        if isinstance(net, ForceNetwork) and getattr(net, kernel) is not None:
            found[name] = Setting("1", "factor on the weights as they are")
    for name, (quantity, text) in _parameters(net).items():
        found[name] = Setting(text, describe(quantity.dimension))
    return found


def _parameters(net: Net) -> dict[str, tuple[Quantity, str]]:
    """Return the parameters of neurons and filters: value and text, by name; those of populations after a point."""
    if isinstance(net, Network):
        found = {}
        for name, population in net.populations.items():
            own = population.neuron.parameters if hasattr(population.neuron, "parameters") else {}
            known = net.equations[name].parameters
            for key, text in {**own, **population.parameters}.items():
                if key in known:
                    several = np.ndim(known[key].value) > 0
                    found[f"{name}.{key}"] = known[key], "one for each neuron" if several else str(text)
        return found
    texts = {**net.neuron.parameters, **net.parameters}
    return {name: (quantity, str(texts.get(name, _shown(quantity)))) for name, quantity in net.parameter_values.items()}


def _shown(quantity: Quantity) -> str:
    return f"{float(quantity.value):.12g}*{describe(quantity.dimension).split()[0]}"


def changed(where: str, net: Net, settings: Mapping[str, Any], wiring: Wiring[Any]) -> Net:
    """Return the network with other settings, of which ``learning`` is not one that it knows of.

    Parameters
    ----------
    where : str
        Begins the messages.
    net : declaration
        As it is now.
    settings : mapping
        Values by the names of `settings_of`: numbers, or texts with units.
    wiring : Wiring
        Of the network as it was compiled.

    Raises
    ------
    UnknownNameError, InvalidValueError, UnitsError
        If there is no such setting, or its value cannot work, or would need another program.
    """
    known = settings_of(net, True, True)
    parameters: dict[str, str] = {}
    for name, value in settings.items():
        if name in _FIXED and name not in known:
            what = f"{name} cannot be changed while a run goes on: {_FIXED[name]}"
            raise UnknownNameError(problem(f"{where}.{name}", what, value, f"choose from {', '.join(known)}."))
        if name not in known:
            raise unknown_name(where, "setting", name, known)
        place = f"{where}.{name}"
        if name in _OF_RULE:
            given = check_number(place, value if not isinstance(value, str) else _plain(place, value))
            whole = int(given) if name == "update_every" and given == int(given) else given
            net = replaced(net, learning=replace(net.learning, **{name: whole}))  # type: ignore[union-attr,type-var]
        elif name in FACTORS:
            factor = check_number(place, value if not isinstance(value, str) else _plain(place, value))
            kernel = FACTORS[name]
            net = replaced(net, **{kernel: scaled(getattr(net, kernel), factor)})
        else:
            parameters[name] = _parameter(place, value, known[name], _parameters(net)[name][0].dimension)
    if parameters:
        net = _with_parameters(net, parameters)
    other = type(wiring)(net, wiring.record, wiring.circuit.threaded)
    if other.circuit.digest != wiring.circuit.digest:
        what = "these settings need another program"
        raise InvalidValueError(problem(where, what, dict(settings), "declare them, and begin anew."))
    return net


def _plain(where: str, text: str) -> float:
    quantity = evaluate(text, where)
    if any(quantity.dimension):
        raise InvalidValueError(message(where, "a plain number", text, "drop the unit."))
    return float(quantity.value)


def _parameter(where: str, value: Any, setting: Setting, dimension: Dimension) -> str:
    """Return the value of a parameter as text, with the unit that it must have."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidTypeError(message(where, f'a value such as "{setting.value}"', value))
    quantity = evaluate(value, where)
    if quantity.dimension != dimension:
        raise wrong_unit(where, dimension, value, quantity.dimension, f'write it as in "{setting.value}".')
    return str(value)


def _with_parameters(net: Net, given: Mapping[str, str]) -> Net:
    if not isinstance(net, Network):
        return replaced(net, parameters={**net.parameters, **given})
    populations = dict(net.populations)
    for name, value in given.items():
        of, _, key = name.partition(".")
        populations[of] = replace(populations[of], parameters={**populations[of].parameters, key: value})
    return replaced(net, populations=populations)
