"""A learning rule of the user's own, in Python, for the targets that run in this process."""

from __future__ import annotations

from collections.abc import Callable

import brian2

from ..errors import InvalidTypeError, UnsupportedError, message
from ._base import check_place
from .bases import NetworkOperation
from .linear_map import LinearMap
from .standalone import is_standalone

__all__ = ["PythonRule"]


class PythonRule(NetworkOperation):
    """Call a Python function after some maps at each time step; it may change their weights.

    It is slow, and it cannot become part of a generated program: on the standalone devices
    it is refused. `RLS` with an error of one's own runs everywhere.

    Parameters
    ----------
    function : callable
        Called as ``function(*maps)``; it reads ``z`` and ``t``, and sets ``W``.
    *maps : LinearMap
        What the function is given.
    when, order : str, int, optional
        Place within the time step: by default just after the maps.
    name : str, optional
        Name of the Brian2 object.

    Raises
    ------
    UnsupportedError
        If the active device is a standalone one.
    InvalidTypeError
        If `function` cannot be called, or something else than a map is given.

    Examples
    --------
    >>> import numpy as np
    >>> from brian2 import Network, NeuronGroup, defaultclock
    >>> from tension_sim.brian import LinearMap, PythonRule
    >>> neurons = NeuronGroup(2, "r : 1")
    >>> neurons.r = [1, 2]
    >>> readout = LinearMap(neurons, "r", weights=np.ones((1, 2)))
    >>> def decay(readout):
    ...     readout.W = 0.5 * readout.W
    >>> Network(neurons, readout, PythonRule(decay, readout)).run(2 * defaultclock.dt)
    >>> readout.W
    array([[0.25, 0.25]])
    """

    def __init__(
        self,
        function: Callable[..., None],
        *maps: LinearMap,
        when: str | None = None,
        order: int | None = None,
        name: str = "pythonrule*",
    ) -> None:
        if not callable(function):
            raise InvalidTypeError(message("PythonRule.function", "a function of the maps", function))
        if not maps or not all(isinstance(m, LinearMap) for m in maps):
            raise InvalidTypeError(message("PythonRule.maps", "one LinearMap or more", maps))
        if is_standalone():
            raise UnsupportedError(
                message(
                    "PythonRule",
                    "a device that runs Python code at each time step: numpy or cython",
                    type(brian2.get_device()).__name__,
                    "the rule cannot be part of a generated program; write it as the error of an RLS, "
                    'or go back with set_device("runtime").',
                )
            )
        when = maps[0].when if when is None else when
        order = max(m.order for m in maps) + 1 if order is None else order
        check_place("PythonRule", None, when, order, name)
        super().__init__(lambda: function(*maps), clock=maps[0].clock, when=when, order=order, name=name)
        for m in maps:
            self.add_dependency(m)
