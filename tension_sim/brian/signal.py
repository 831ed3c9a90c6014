"""Samples on the simulation clock: inputs, targets and hints."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.units.fundamentalunits import Quantity

from ..errors import InvalidValueError, UnitsError, message
from ..validation import check_flag, check_series
from ._base import GeneratedObject, default_float
from .dimensions import numbers_with_unit, unit_name
from .neighbours import check_readers_keep_up
from .standalone import take_any_length
from .times import StepCount

__all__ = ["Signal"]

_SAMPLES = "an array of shape (timesteps, channels)"


class Signal(GeneratedObject):
    """Play samples, one row a time step.

    Parameters
    ----------
    samples : array-like, shape (timesteps, channels) or (timesteps,)
        One row for each time step, with or without units. After the last row the
        value stays, unless `periodic` is set.
    periodic : bool, optional
        Start again after the last row.
    every : int or Quantity, optional
        Time steps, or time, for which each sample is held.
    first_step : int or Quantity, optional
        The time step, or time, at which row 0 plays.
    clock : Clock, optional
        The clock; ``defaultclock`` by default.
    when, order : str, int, optional
        Place within the time step: the very start.
    name : str, optional
        Name of the Brian2 object.

    Attributes
    ----------
    value : VariableView, shape (channels,)
        The row of the current time step; other groups can link to it.

    Raises
    ------
    InvalidValueError
        If the samples are empty, not finite, or have more than two axes.

    Notes
    -----
    The length is known at run time only. On a standalone device, other samples of
    another length are given without a build:
    ``device.run(run_args={signal.samples: new.ravel()})``.

    Examples
    --------
    >>> import numpy as np
    >>> from brian2 import Network, defaultclock, ms
    >>> from tension_sim.brian import Signal
    >>> signal = Signal(np.arange(6.0).reshape(3, 2))
    >>> Network(signal).run(2*defaultclock.dt)
    >>> signal.value[:]
    array([2., 3.])
    """

    #: Variables whose length comes with the run.
    any_length = ("samples",)

    def __init__(
        self,
        samples: Any,
        *,
        periodic: bool = False,
        first_step: int | Quantity = 0,
        every: int | Quantity = 1,
        clock: Any = None,
        when: str = "start",
        order: int = -1,
        name: str = "signal*",
    ) -> None:
        values, dim = numbers_with_unit("Signal.samples", samples, _SAMPLES)
        values = check_series("Signal.samples", values)
        periodic = check_flag("Signal.periodic", periodic)
        counts = {
            "first_step": StepCount("Signal.first_step", first_step),
            "every": StepCount("Signal.every", every, 1),
        }
        super().__init__("tsim_signal", clock=clock, when=when, order=order, name=name)
        channels = values.shape[1]
        dtype = default_float()
        self.variables.add_constant("N", channels)
        self.variables.add_arange("i", size=channels)
        self.variables.add_array("value", size=channels, dimensions=dim, dtype=dtype)
        self.variables.add_dynamic_array("samples", size=0, dimensions=dim, dtype=dtype, needs_reference_update=True)
        self._declare_steps(**counts)
        self.variables.add_array("periodic", size=1, scalar=True, dtype=np.int32, values=int(periodic))
        self._enable_group_attributes()
        self._fill(values)
        take_any_length(self)

    @property
    def writes(self) -> tuple[Any, int, int]:
        """The variable that is set at each step, from which element on, and before which one."""
        return self.variables["value"], 0, len(self)

    def before_run(self, run_namespace: Any) -> None:
        check_readers_keep_up(self)
        super().before_run(run_namespace)

    def set_samples(self, samples: Any) -> None:
        """Play other samples, of any length, from the next run on.

        Parameters
        ----------
        samples : array-like, shape (timesteps, channels) or (timesteps,)
            Same unit and number of channels as before.
        """
        dim = self.variables["value"].dim
        values, given = numbers_with_unit("Signal.samples", samples, _SAMPLES)
        if given is not dim:
            raise UnitsError(message("Signal.samples", f"samples in {unit_name(dim)}", unit_name(given)))
        values = check_series("Signal.samples", values)
        if values.shape[1] != len(self):
            raise InvalidValueError(
                message("Signal.samples", f"{len(self)} channels (axis 1)", values.shape, "keep the channels.")
            )
        self._fill(values)

    def _fill(self, values: np.ndarray) -> None:
        self.variables["samples"].resize(values.size)
        self._set("samples", values.ravel())
