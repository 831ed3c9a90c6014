"""The time of a layer in the equations of its network."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ...declare.equations import Neuron

__all__ = ["with_layer_time"]

_STEPS = "(t_in_timesteps + int(steps_ahead))"
_LAST_SPIKE = "(lastspike + steps_ahead*dt)"

#: Methods that ask for the time at the beginning of a step only; the others ask within the step too.
_AT_THE_BEGINNING = ("euler", "exponential_euler")


def with_layer_time(neuron: Neuron, ahead: int) -> tuple[Neuron, dict[str, str]]:
    """Return a neuron whose time is that of its layer, and the parameter that it takes for this.

    A run counts trained time steps, for the schedule of learning; a layer counts its own.

    Parameters
    ----------
    neuron : Neuron
    ahead : int
        How many steps the layer is ahead of the run, or behind if negative.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> neuron, more = with_layer_time(load_neuron("lif"), 3)
    >>> neuron.reset.splitlines()[0], more
    ('last = ((t_in_timesteps + int(steps_ahead))*dt)', {'steps_ahead': '3'})
    """

    def new(text: str, time: str = f"({_STEPS}*dt)") -> str:
        text = re.sub(r"\bt_in_timesteps\b", _STEPS, text)
        text = re.sub(r"\blastspike\b", _LAST_SPIKE, text)
        return re.sub(r"\bt\b", time, text)

    texts: dict[str, Any] = {name: new(getattr(neuron, name)) for name in ("threshold", "reset", "refractory", "rate")}
    within = neuron.method not in _AT_THE_BEGINNING
    texts["equations"] = new(neuron.equations, "(t + steps_ahead*dt)") if within else new(neuron.equations)
    if all(text == getattr(neuron, name) for name, text in texts.items()):
        return neuron, {}
    # the same program serves, however far ahead the layer is
    defaults = {**neuron.parameters, "steps_ahead": "0"}
    return replace(neuron, parameters=defaults, **texts), {"steps_ahead": str(ahead)}
