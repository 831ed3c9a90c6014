"""The units in which the plain numbers of a layer count."""

from __future__ import annotations

from dataclasses import dataclass

from ...declare.equations import Neuron, current_scale, rate_time
from ...declare.units import Dimension, dimension_of
from ...errors import InvalidValueError, message

__all__ = ["LayerUnits", "units_of"]

_VOLT = dimension_of("volt", "")


@dataclass(frozen=True)
class LayerUnits:
    """A coherent system of units: products of plain numbers need no factors.

    Metres, kelvins and what else a file may use count as they are.

    Attributes
    ----------
    time, voltage, current : float
        SI value of the unit of each.

    Examples
    --------
    >>> pico = LayerUnits(time=1e-3, voltage=1e-3, current=1e-12)  # ms, mV, pA
    >>> f"{pico.scale_of(dimension_of('farad', '')):.3g}"
    '1e-12'
    """

    time: float = 1.0
    voltage: float = 1.0
    current: float = 1.0

    def scale_of(self, dimension: Dimension) -> float:
        """Return the SI value of the unit of a dimension."""
        _, kilogram, second, amp, *_ = dimension
        # a volt is a kilogram metre^2 second^-3 amp^-1: powers of one unit are taken once, so that it stays exact
        return self.voltage**kilogram * self.time ** (second + 3 * kilogram) * self.current ** (amp + kilogram)


def units_of(neuron: Neuron) -> LayerUnits:
    """Return the units of a layer of spiking neurons: rates, currents and kernels count as the file says.

    Times count in the inverse of its ``units.rate``, voltages in mV unless its currents are voltages.

    Raises
    ------
    InvalidValueError
        If the file's current is neither of these, nor made of them.

    Examples
    --------
    >>> from tension_sim import load_neuron
    >>> units_of(load_neuron("lif"))
    LayerUnits(time=1.0, voltage=0.001, current=1.0)
    """
    time, scale = rate_time(neuron), current_scale(neuron)
    dimension = dimension_of(neuron.current_unit, neuron.name)
    _, kilogram, _, amp, *_ = dimension
    without_current = LayerUnits(time, 1e-3)
    if dimension == _VOLT:
        return LayerUnits(time, scale)
    if amp + kilogram:
        # such as amp, siemens or amp/metre^2
        return LayerUnits(time, 1e-3, (scale / without_current.scale_of(dimension)) ** (1 / (amp + kilogram)))
    if abs(without_current.scale_of(dimension) / scale - 1) > 1e-9:
        raise InvalidValueError(
            message(
                f"{neuron.name}.toml: units.current",
                "a unit of voltage or current, or 1",
                neuron.current_unit,
                "put the factor into the equations.",
            )
        )
    return without_current
