"""Layers of rate units."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import tensorflow as tf

from ...declare.equations import resolve_parameters
from ...declare.units import magnitude
from ...declare.validation import check_number, check_positive
from ...errors import InvalidValueError, message
from ...tensorflow.step import RateStep, rate_step
from .equation_layer import EquationLayer

__all__ = ["RateLayer"]


class RateLayer(EquationLayer):
    """Rate units of an equation file.

    Parameters
    ----------
    dtdivtau : float
        Time step divided by the time constant of the units: the parameter ``tau`` of the file.
    hscale : float, optional
        Standard deviation of the random initial pre-activations, the file's ``membrane``.
    like : RateLayer, optional
        Take the equations of this layer.
    **kwargs
        See :class:`tension_sim.base.FORCELayer`.
    """

    _kind = "rate"
    equation_file: ClassVar[str | Path] = "echo_state"
    #: the time constant counts as one second
    parameters: ClassVar[Mapping[str, str | float]] = {"tau": "1*second"}

    def __init__(self, dtdivtau: float, hscale: float = 0.25, like: RateLayer | None = None, **kwargs: Any) -> None:
        self.dtdivtau: float = check_positive(f"{type(self).__name__}.dtdivtau", dtdivtau)
        self.hscale: float = check_number(f"{type(self).__name__}.hscale", hscale)
        super().__init__(**kwargs)
        self._read_file(like)
        if "tau" not in self._neuron.parameters:
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.equation_file",
                    "a file with the parameter 'tau', of which dtdivtau is a part",
                    f"{self._neuron.name}.toml with {', '.join(self._neuron.parameters) or 'none'}",
                    'write tau = "10*ms" under [parameters].',
                )
            )
        self._check_file()
        self._check_values()

    @property
    def plain_dt(self) -> float:
        """Time step in seconds: ``dtdivtau`` times ``tau``."""
        # dt follows from tau, so tau is read before dt is known
        tau = resolve_parameters(self._neuron.name, self._neuron.parameters, self.overrides(), dt=1.0)["tau"]
        return self.dtdivtau * float(magnitude(tau, "second", f"{type(self).__name__}.parameters.tau"))

    @cached_property
    def _step(self) -> RateStep:
        return rate_step(self._neuron)

    def advance(self, a: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return pre-activations and rates after one time step of the file.

        Parameters
        ----------
        a : tensor, shape (1, units)
            Pre-activations, the file's ``membrane``.
        inputs : mapping
            Tensors of shape (1, units) of the file's inputs ``recurrent``, ``feedback`` and ``external``; an input
            that is missing is 0.
        """
        states = {self._neuron.membrane: a} | self._further()
        after, h = self._step(states, self._rate_names(inputs))
        self._advanced(after)
        return after[self._neuron.membrane], h

    def rate_of(self, a: Any) -> Any:
        """Return the rates of pre-activations, (1, units)."""
        states = {self._neuron.membrane: a} | self._further()
        return self._step.rate(states, self._rate_names({}))

    def _rate_names(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        step = tf.constant(0, tf.int64) if self.clock is None else tf.convert_to_tensor(self.clock)
        return self._names(self._step.program, inputs, step) | {"activation": self.activation}
