"""Samples on the simulation clock: inputs, targets and hints."""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np
from brian2.units.fundamentalunits import DIMENSIONLESS

from ..declare.sample_file import SampleFile
from ..declare.validation import check_flag, check_matrix, check_series
from ..errors import InvalidValueError, UnitsError, message, problem
from ._base import GeneratedObject, default_float
from .dimensions import numbers_with_unit, unit_name
from .neighbours import check_readers_keep_up
from .standalone import is_standalone, take_any_length
from .times import StepCount, StepsOrTime

__all__ = ["Signal"]

_SAMPLES = "an array of shape (timesteps, channels)"

# An array among the arguments of a run takes the place of a file, and a number is one row.
_ARRAY_COMES = """
for (const auto& _arg : args) {{
    if (_arg.compare(0, sizeof("{name}.samples=") - 1, "{name}.samples=") != 0) continue;
    brian::{file}.clear();
    if (brian::{samples}.size() == 1) brian::{samples}.resize({channels});
}}
"""


class Signal(GeneratedObject):
    """Play samples, one row per time step.

    Parameters
    ----------
    samples : array-like, shape (timesteps, channels) or (timesteps,), or path
        One row for each time step, with or without units. After the last row the
        value stays, unless `periodic` is set. Those of a ``.npy`` file, given by its path, or
        of a `numpy.memmap` stay in the file, which is read in pieces during the run.
    unit : Unit, optional
        The unit of samples that have none, such as those of a file.
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
        If the samples are empty, not finite, or have more than two axes; if a file cannot be
        read whole.
    RunFailedError
        During a run, if the file was changed or cut short after it was given. A generated
        program checks its size and its changes during the run, says so, and ends.

    Notes
    -----
    A file is read once when it is given, to see that all samples are finite. A generated program
    keeps its path, and reads it in pieces too.

    The length of an array is known at run time only. On a standalone device, other samples of
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

    A target that is longer than memory, in mV:

    >>> import tempfile
    >>> from brian2 import mV
    >>> path = tempfile.mkdtemp() + "/target.npy"
    >>> np.save(path, np.arange(6.0).reshape(3, 2))
    >>> signal = Signal(path, unit=mV)
    >>> Network(signal).run(2*defaultclock.dt)
    >>> signal.value[:]
    array([2., 3.]) * mvolt
    """

    #: Variables whose length comes with the run.
    any_length: tuple[str, ...] = ("samples", "samples_file")

    def __init__(
        self,
        samples: Any,
        *,
        unit: Any = None,
        periodic: bool = False,
        first_step: StepsOrTime = 0,
        every: StepsOrTime = 1,
        clock: Any = None,
        when: str = "start",
        order: int = -1,
        name: str = "signal*",
    ) -> None:
        given, dim = _check_samples(samples, unit)
        periodic = check_flag("Signal.periodic", periodic)
        counts = {
            "first_step": StepCount("Signal.first_step", first_step),
            "every": StepCount("Signal.every", every, 1),
        }
        super().__init__("tsim_signal", clock=clock, when=when, order=order, name=name)
        channels = given.channels if isinstance(given, SampleFile) else given.shape[1]
        dtype = default_float()
        self.variables.add_constant("N", channels)
        self.variables.add_arange("i", size=channels)
        self.variables.add_array("value", size=channels, dimensions=dim, dtype=dtype)
        self.variables.add_dynamic_array("samples", size=0, dimensions=dim, dtype=dtype, needs_reference_update=True)
        self._declare_steps(**counts)
        self.variables.add_array("periodic", size=1, scalar=True, dtype=np.int32, values=int(periodic))
        # which file holds the samples, as `SampleFile.described`; empty where they are in memory
        self.variables.add_dynamic_array("samples_file", size=0, dtype=np.int32)
        # for the targets that run here: rows of the file (0: none), and which of them comes first in `samples`
        for name in ("file_rows", "first_row"):
            self.variables.add_array(name, size=1, scalar=True, dtype=np.int64, read_only=True)
        self._file: SampleFile | None = None
        self._enable_group_attributes()
        self._fill(given)

    @property
    def writes(self) -> tuple[Any, int, int]:
        """The variable that is set at each step, with its first element and the one after its last."""
        return self.variables["value"], 0, len(self)

    def before_run(self, run_namespace: Any) -> None:
        check_readers_keep_up(self)
        if not is_standalone():
            self._open_file()
        elif self._file is not None:
            self._file.check_unchanged()
        super().before_run(run_namespace)

    def set_samples(self, samples: Any, *, unit: Any = None) -> None:
        """Play other samples, of any length, from the next run on.

        Parameters
        ----------
        samples : array-like, shape (timesteps, channels) or (timesteps,), or path
            Same unit and number of channels as before.
        unit : Unit, optional
            The unit of samples that have none.
        """
        wanted = self.variables["value"].dim
        given, dim = _check_samples(samples, unit)
        if dim is not wanted:
            raise UnitsError(message("Signal.samples", f"samples in {unit_name(wanted)}", unit_name(dim)))
        shape = (given.rows, given.channels) if isinstance(given, SampleFile) else given.shape
        if shape[1] != len(self):
            raise InvalidValueError(
                message("Signal.samples", f"{len(self)} channels (axis 1)", shape, "keep the channels.")
            )
        self._fill(given)

    def _fill(self, given: np.ndarray | SampleFile) -> None:
        self._file = None
        if isinstance(given, SampleFile):
            self._file, samples, described = given, np.empty(0), given.described
        else:
            samples, described = given.ravel(), np.empty(0, np.int32)
        for name, values in (("samples", samples), ("samples_file", described)):
            self.variables[name].resize(values.size)
            self._set(name, values)
        take_any_length(self)
        if is_standalone():
            device = brian2.get_device()
            samples, file = (
                device.get_array_name(self.variables[name], access_data=False) for name in ("samples", "samples_file")
            )
            code = _ARRAY_COMES.format(name=self.name, samples=samples, file=file, channels=len(self))
            device.insert_code("main", code)

    def _open_file(self) -> None:
        """Prepare a run in this process; which file it reads may have come with the values of the run."""
        self._file = file = SampleFile.from_described(self._get("samples_file"))
        rows, first = (0, 0) if file is None else (file.rows, -file.window)  # none is in memory yet
        self._set("file_rows", rows)
        self._set("first_row", first)
        if file is not None:
            file.check_unchanged()
            self.variables["samples"].resize(file.window * file.channels)

    def load(self, row: int) -> None:
        """Read a row and those after it from the file; the code of the targets that run here calls it."""
        file = self._file
        if file is None:
            return
        first = min(row, file.rows - file.window)
        self._set("samples", file.read(first, file.window).ravel())
        self._set("first_row", first)


def _check_samples(samples: Any, unit: Any) -> tuple[np.ndarray | SampleFile, Any]:
    """Return samples in SI units, or the file that holds them, and their dimensions."""
    where, scale, dim = "Signal.samples", 1.0, DIMENSIONLESS
    if unit is not None:
        size, dim = numbers_with_unit("Signal.unit", unit, "a unit, such as mV")
        scale = float(check_matrix("Signal.unit", size, (), "one unit"))
    file = SampleFile.of(where, samples, scale)
    if file is not None:
        file.check_finite(where)
        return file, dim
    values, given = numbers_with_unit(where, samples, _SAMPLES)
    if unit is not None and given is not DIMENSIONLESS:
        raise UnitsError(
            problem(where, "the samples have a unit, and unit= gives another", unit_name(given), "leave out unit=.")
        )
    return check_series(where, values * scale), given if unit is None else dim
