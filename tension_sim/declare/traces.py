"""Filtered spikes of some neurons, which a readout reads in place of the rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidValueError, message
from .arrays_in import whole_numbers
from .converted import Converted, Declared, declared
from .validation import check_matrix

__all__ = ["Traces"]


@declared()
class Traces(Declared):
    """Traces that jump by 1 at each spike of a neuron and decay exponentially; a neuron may have several.

    Attributes
    ----------
    neuron : array of int, shape (traces,)
        The neuron of each.
    tau : array, shape (traces,)
        Time constant of each in seconds, or as a quantity.

    Examples
    --------
    Slow and fast traces of the same three neurons:

    >>> traces = Traces(np.tile([0, 2, 5], 2), np.repeat([0.1, 0.005], 3))
    >>> len(traces)
    6
    """

    neuron: Converted[np.ndarray, ArrayLike]
    tau: Converted[np.ndarray, ArrayLike]

    def __post_init__(self) -> None:
        neuron = whole_numbers("Traces.neuron", self.neuron, "a list of neurons, counted from 0")
        if not len(neuron) or neuron.min() < 0:
            raise InvalidValueError(message("Traces.neuron", "a list of neurons, counted from 0", self.neuron))
        tau = check_matrix("Traces.tau", self.tau, neuron.shape, "traces", "second")
        if not (tau > 0).all():
            raise InvalidValueError(message("Traces.tau", "times above 0 seconds", tau.min()))
        object.__setattr__(self, "neuron", neuron)
        object.__setattr__(self, "tau", tau)

    def __len__(self) -> int:
        return len(self.neuron)
