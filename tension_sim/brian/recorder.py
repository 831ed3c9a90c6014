"""Record a variable every so many time steps, aligned to the step, on every target."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..declare.arrays_in import whole_numbers
from ..errors import InvalidTypeError, InvalidValueError, message
from ._base import GeneratedObject, default_float, resolve_source
from .times import StepCount, StepsOrTime

__all__ = ["Recorder"]


class Recorder(GeneratedObject):
    """Keep a variable's values at the end of every `every`-th time step.

    A ``StateMonitor`` with a slower clock would do the same, but in generated C++ clocks
    are compared with an absolute tolerance, so that long runs slip by a step.

    Parameters
    ----------
    source : Group
        The group that holds the variable.
    variable : str
        Its name.
    every : int or Quantity, optional
        Steps, or time, between records, counted from time 0.
    indices : array-like of int, optional
        The elements recorded; all by default.
    dtype : dtype, optional
        Type of what is kept; by default that of the variable.
    when, order, name
        As for every Brian2 object; by default after everything else.

    Attributes
    ----------
    source : Group
        The group that is recorded.
    recorded : array, shape (recorded steps, elements)
        What was recorded, with unit.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, defaultclock, ms
    >>> from tension_sim.brian import Recorder
    >>> group = NeuronGroup(1, "dv/dt = 1/second : 1", method="euler")
    >>> recorder = Recorder(group, "v", every=5)
    >>> Network(group, recorder).run(10*defaultclock.dt)
    >>> recorder.recorded.shape
    (2, 1)
    """

    def __init__(
        self,
        source: Any,
        variable: str,
        *,
        every: StepsOrTime = 1,
        indices: Any = None,
        dtype: Any = None,
        clock: Any = None,
        when: str = "end",
        order: int = 100,
        name: str = "recorder*",
    ) -> None:
        count = StepCount("Recorder.every", every, 1)
        x, start, size = resolve_source("Recorder.source", source, variable)
        listed = [indices] if isinstance(indices, int | np.integer) else indices
        expected = "a list of whole numbers, not empty"
        chosen = np.arange(size)
        if indices is not None:
            chosen = whole_numbers("Recorder.indices", listed, expected, below=size, what="indices")
        if not chosen.size:
            raise InvalidValueError(message("Recorder.indices", expected, indices))
        dtype = _check_dtype(dtype)
        super().__init__(
            "tsim_recorder",
            clock=clock if clock is not None else source.clock,
            when=when,
            order=order,
            name=name,
        )
        self.add_dependency(source)
        self.source = source
        variables = self.variables
        variables.add_constant("N", len(chosen))
        variables.add_reference("x", source, variable)
        variables.add_array(
            "indices", size=len(chosen), dtype=np.int32, constant=True, read_only=True, values=chosen + start
        )
        if dtype is None:
            dtype = x.dtype if x.dtype != bool else default_float()
        variables.add_dynamic_array(
            "values", size=0, dimensions=x.dim, dtype=np.dtype(dtype).type, needs_reference_update=True, read_only=True
        )
        self._declare_steps(every=count)
        # rows for which a compiled program makes room at once
        variables.add_array("expected", size=1, scalar=True, dtype=np.int64, values=0)
        self.written_readonly_vars: set[Any] = {variables["values"]}
        self._enable_group_attributes()

    @property
    def recorded(self) -> Any:
        return self._with_unit(self._get("values").reshape(-1, len(self)).copy(), "values")

    def append(self, row: np.ndarray) -> None:
        """Add one row; called from the generated code of the runtime targets."""
        values = self.variables["values"]
        size = values.get_len()
        values.resize(size + len(row))
        values.get_value()[size:] = row


def _check_dtype(dtype: Any) -> Any:
    """Return a type of numbers, None where there is none."""
    try:
        numbers = dtype is None or np.dtype(dtype).kind in "biuf"
    except (TypeError, ValueError, SyntaxError):  # numpy reads texts as Python
        numbers = False
    if not numbers:
        raise InvalidTypeError(message("Recorder.dtype", "a numpy dtype of numbers", dtype, "such as 'float32'."))
    return dtype
