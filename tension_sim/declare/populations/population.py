"""Neurons of one type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ...errors import InvalidValueError, message
from ..converted import Converted, Declared, File, declared
from ..described import Described
from ..equations import Neuron, neuron_of
from ..validation import check_whole
from ..values import check_mappings

__all__ = ["Population"]


@declared(repr=False)
class Population(Described, Declared):
    """Neurons of one type, which a `Network` names.

    Attributes
    ----------
    neuron : Neuron or str or Path
        Spiking neuron type, its name, or an equation file.
    n : int
        Number of neurons.
    parameters : mapping, optional
        Other parameter values: expressions with the same units as in the equation file.
    initial : mapping, optional
        Other initial values: expressions, which may draw, or arrays of shape (n,) in SI units.

    Raises
    ------
    UnknownNameError, InvalidTypeError, InvalidValueError
        If there is no such neuron, or it has no spikes.

    Examples
    --------
    >>> Population("lif", 80, parameters={"tau_mem": "20*ms"})
    Population(neuron='lif', n=80)
    """

    neuron: Converted[Neuron, File]
    n: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        neuron = neuron_of(self.neuron)
        if not neuron.spiking:
            fix = "rate units learn in a ForceNetwork."
            raise InvalidValueError(message("Population.neuron", "a neuron that spikes", neuron.name, fix))
        object.__setattr__(self, "neuron", neuron)
        object.__setattr__(self, "n", check_whole("Population.n", self.n, 1))
        check_mappings(self)

    def _describe(self) -> dict[str, object]:
        return {"neuron": self.neuron.name, "n": self.n}
