"""Where to look for G, Q, alpha_P and the bias of a neuron: scales that its own f-I curve gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..declare.equations import load_neuron
from ..declare.network import ForceNetwork
from ..declare.neuron import current_scale, rate_time
from ..declare.record import Record
from ..declare.units import Quantity, dimension_of
from ..errors import DivergenceError, InvalidValueError, message
from ..run.simulation import Simulation
from .base import Base
from .quietly import quiet

__all__ = ["Curve", "curve_of", "has_curve", "neuron_ranges"]

#: Firing rates in Hz between which a network works; many neurons never reach the upper one.
_LOW, _HIGH = 2.0, 50.0

#: What a rate in the network is taken for, in Hz, where a range depends on it.
_TYPICAL = 25.0

#: Decades of the first look, in the neuron's current unit, and the steps of one.
_DECADES, _STEPS = (-4, 6), 6
_NEURONS = 64  # of the second look

#: Seconds of network of the two looks; rates are counted in the second half.
_FIRST, _SECOND = 0.3, 1.0
_MOST_STEPS = 20_000


@dataclass(frozen=True)
class Curve:
    """Where the f-I curve of a neuron rises.

    Attributes
    ----------
    rheobase : float
        The smallest constant input, beside the bias, at which it goes on firing; in its current unit.
    high : float
        The input at which it fires at 50 Hz, twice as fast as at the rheobase, or nearly as fast as it can.
    rate : float
        The rate there, Hz.
    """

    rheobase: float
    high: float
    rate: float

    @property
    def span(self) -> float:
        """The input that takes it from silence to its high rate."""
        return self.high - self.rheobase


def has_curve(base: Base) -> bool:
    """Say whether a recipe has what the ranges are about: one spiking neuron with G, Q and alpha_P."""
    values = base.recipe.values
    named = {"neuron", "G", "Q", "p", "n", "dt"} <= set(values.get("network", {}))
    return named and "alpha_P" in values.get("learning", {}) and load_neuron(values["network"]["neuron"]).spiking


def _rates(base: Base, inputs: np.ndarray, duration: float) -> np.ndarray:
    """Return the firing rates of uncoupled neurons, each with a constant input of its own."""
    recipe: Any = base.recipe
    network, n = recipe.values["network"], len(inputs)
    net = ForceNetwork(
        neuron=network["neuron"],
        synapse=network["synapse"],
        n=n,
        dt=network["dt"],
        recurrent=None,
        feedback_kernel=np.zeros((1, n)),
        output_kernel=np.zeros((n, 1)),
        input_kernel=inputs[None, :],
        parameters={name: str(text) for name, text in recipe.settings.get("parameters", {}).items()},
        initial=recipe.values.get("initial", {}),
        seed=recipe.seed,
    )
    steps = min(round(duration / network["dt"]), _MOST_STEPS)
    simulation = Simulation(net, target="numpy", record=Record(every=steps))
    try:
        with quiet("brian2"):  # it would tell of the largest inputs, for which a step may be too long
            results: Any = simulation.run(x=np.ones((steps, 1)))
    except DivergenceError as error:  # the largest inputs may be beyond what a time step can follow
        results = error.results
    late = results.spike_step >= steps // 2
    counts = np.bincount(results.spike_neuron[late], minlength=n)
    return counts / ((steps - steps // 2) * network["dt"])


def curve_of(base: Base) -> Curve:
    """Find where the neuron of a recipe begins to fire, and where it fires fast.

    Raises
    ------
    InvalidValueError
        If it goes on firing at no constant input.
    """
    powers = 10.0 ** np.arange(_DECADES[0], _DECADES[1] + 1 / _STEPS, 1 / _STEPS)
    inputs = np.concatenate((-powers[::-1], [0.0], powers))
    low, high = _rise(base, inputs, _rates(base, inputs, _FIRST))
    inputs = np.linspace(inputs[max(low - 1, 0)], inputs[high], _NEURONS)
    rates = _rates(base, inputs, _SECOND)
    low, high = _rise(base, inputs, rates)
    return Curve(float(inputs[low]), float(inputs[high]), float(rates[high]))


def _rise(base: Base, inputs: np.ndarray, rates: np.ndarray) -> tuple[int, int]:
    """Return the first input at which neurons fire, and the first above it at which they fire fast.

    The first one is looked for from no input on: far from there a time step may be too long for the neuron.
    """
    firing, start = rates >= _LOW, int(np.argmin(np.abs(inputs)))
    if firing[start]:
        silent = np.flatnonzero(~firing[:start])
        low = int(silent[-1]) + 1 if len(silent) else 0
    else:
        low = start + int(np.argmax(firing[start:]))
    if not firing[low]:
        what = f"a neuron that goes on firing at a constant input of up to {inputs[-1]:g}"
        neuron = base.recipe.values["network"]["neuron"]
        raise InvalidValueError(message("tune.ranges", what, neuron, "give ranges: --range G=0.02:0.2 and so on."))
    # a resonator begins to fire fast
    enough = min(max(_HIGH, 2 * float(rates[low])), 0.9 * float(rates[low:].max()))
    high = low + int(np.argmax(rates[low:] >= enough))
    return low, max(high, min(low + 1, len(inputs) - 1))


def neuron_ranges(base: Base) -> tuple[dict[str, str], Curve]:
    r"""Return ranges for `tune`, of what the user has not set, and the curve that they follow from.

    Parameters
    ----------
    base : Base
        A recipe that `has_curve`.

    Notes
    -----
    With `S` the span of the curve, `N` neurons, connection probability `p` and a typical rate `r` of 25 Hz:

    - the bias lies between the rheobase and 3/4 of the span above it;
    - feedback weights of `Q` = 0.5 to 10 S, for an output of about 1;
    - recurrent inputs have the deviation :math:`G r/\sqrt{p}`, of 0.03 to 1.5 S;
    - :math:`\alpha_P N r^2` of 0.1 to 1000: what the first update takes away of an error.
    """
    recipe, curve = base.recipe, curve_of(base)
    network = recipe.values["network"]
    neuron = load_neuron(network["neuron"])
    rate = _TYPICAL * rate_time(neuron)
    recurrent, updates = curve.span * math.sqrt(network["p"]) / rate, 1 / (network["n"] * rate**2)
    found = {
        "network.G": f"{0.03 * recurrent:.3g}:{1.5 * recurrent:.3g}:log",
        "network.Q": f"{0.5 * curve.span:.3g}:{10 * curve.span:.3g}:log",
        "learning.alpha_P": f"{0.1 * updates:.3g}:{1000 * updates:.3g}:log",
    }
    bias = _bias(base)
    if bias is not None:
        unit = "" if neuron.current_unit == "1" else f"*{neuron.current_unit}"
        ends = (bias + curve.rheobase, bias + curve.rheobase + 0.75 * curve.span)
        found["parameters.bias"] = ":".join(f"{end:.6g}{unit}" for end in ends)
    return {name: text for name, text in found.items() if name not in base.settings}, curve


def _bias(base: Base) -> float | None:
    """Return the bias of the neuron in its current unit; None where its file has none."""
    neuron = load_neuron(base.recipe.values["network"]["neuron"])
    value = base.recipe.values["parameters"].get("bias")
    if not isinstance(value, Quantity) or value.dimension != dimension_of(neuron.current_unit, "bias"):
        return None
    return float(value.value) / current_scale(neuron)
