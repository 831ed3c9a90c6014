"""The data of a run, whatever engine and target ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..declare.arrays_in import numbers, whole_numbers
from ..declare.described import Described
from ..declare.fitted import FittedNetwork
from ..declare.network import ForceNetwork
from ..declare.populations.network import Network
from ..declare.validation import check_positive, check_steps, check_text, check_whole
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .phases import TEST, Phase

__all__ = ["Recording", "RunData", "added", "check_results", "first_multiple", "rows_between", "spiking"]


@dataclass(frozen=True, eq=False)
class Recording:
    """One variable of some neurons over time.

    Parameters
    ----------
    values : ndarray, shape (time, k)
        Values in `unit`, of the steps that are multiples of `every`.
    unit : str
        ``"mV"``, ``"pA"``, ... or ``"1"`` for a plain number.
    indices : ndarray of int, shape (k,)
        The neurons, in the order of the columns.
    every : int
        Steps from one row to the next.
    """

    values: np.ndarray
    unit: str
    indices: np.ndarray
    every: int

    def __post_init__(self) -> None:
        check_steps("Recording.every", self.every, 1)
        check_text("Recording.unit", self.unit)
        indices = whole_numbers("Recording.indices", self.indices, "a list of neurons")
        values = _plain_array("Recording.values", self.values)
        object.__setattr__(self, "indices", indices)
        object.__setattr__(self, "values", values)
        if np.ndim(self.values) != 2 or np.shape(self.values)[1] != len(self.indices):
            raise InvalidValueError(
                message("Recording.values", f"shape (time, {len(self.indices)} neurons)", np.shape(self.values))
            )


Steps = TypeVar("Steps", int, np.ndarray)

#: What may be None, where scripts need not ask: who asked for samples to follow has a target.
MaybeNone: TypeAlias = Any


@dataclass(frozen=True, eq=False, repr=False)
class RunData(Described):
    """The fields of `tension_sim.Results`, checked; what is computed from them, without files and Neo."""

    name: str
    dt: float
    first_step: int
    n_steps: int
    n_neurons: int
    spike_step: np.ndarray
    spike_neuron: np.ndarray
    n_recorded_neurons: int
    record_every: int
    output: np.ndarray
    target: np.ndarray | MaybeNone
    phases: tuple[Phase, ...]
    recorded: dict[str, Recording] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    learning_curve: dict[str, Any] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    net: ForceNetwork | FittedNetwork | Network | None = None
    populations: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def set_(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        check_text("Results.name", self.name)
        for name, dtype in (("spike_step", np.int64), ("spike_neuron", np.int32)):
            set_(name, _plain_array(f"Results.{name}", getattr(self, name), dtype))
        if not isinstance(self.phases, tuple | list) or not all(isinstance(one, Phase) for one in self.phases):
            raise InvalidTypeError(message("Results.phases", "a tuple of Phase", self.phases))
        set_("phases", tuple(self.phases))
        for name in ("recorded", "weights", "learning_curve", "state", "provenance", "timings"):
            if not isinstance(getattr(self, name), Mapping):
                raise InvalidTypeError(message(f"Results.{name}", "a dictionary", getattr(self, name)))
        if self.net is not None and not isinstance(self.net, ForceNetwork | FittedNetwork | Network):
            raise InvalidTypeError(
                message("Results.net", "a ForceNetwork, a FittedNetwork, a Network or None", self.net)
            )
        check_whole("Results.n_neurons", self.n_neurons, 0)
        set_("populations", _sizes(self.populations, self.n_neurons))
        for name in ("output", "target"):
            value = getattr(self, name)
            if value is not None or name == "output":
                value = _plain_array(f"Results.{name}", value)
                set_(name, value[:, None] if value.ndim == 1 else value)
        self._check()

    def _check(self) -> None:
        check_positive("Results.dt", self.dt)
        for name, least in (("record_every", 1), ("first_step", 0), ("n_steps", 0), ("n_recorded_neurons", 0)):
            check_steps(f"Results.{name}", getattr(self, name), least)
        for name in ("spike_step", "spike_neuron"):
            if getattr(self, name).ndim != 1:
                raise InvalidValueError(message(f"Results.{name}", "shape (spikes,)", getattr(self, name).shape))
        if self.spike_step.shape != self.spike_neuron.shape:
            raise InvalidValueError(
                message(
                    "Results.spike_neuron",
                    f"one neuron per spike ({len(self.spike_step)})",
                    len(self.spike_neuron),
                )
            )
        if (self.spike_step[1:] < self.spike_step[:-1]).any():  # phases are found by halving
            fix = "order = np.argsort(steps, kind='stable') sorts both arrays."
            raise InvalidValueError(message("Results.spike_step", "steps in ascending order", self.spike_step, fix))
        rows = len(range(self.first_row_step, self.stop_step, self.record_every))
        for name in ("output", "target"):
            value = getattr(self, name)
            if value is not None and (value.ndim != 2 or len(value) != rows):
                raise InvalidValueError(
                    message(f"Results.{name}", f"shape ({rows} recorded steps, outputs)", value.shape)
                )
        if self.target is not None and self.target.shape != self.output.shape:
            raise InvalidValueError(
                message("Results.target", f"the output's shape {self.output.shape}", self.target.shape)
            )
        if len({phase.name for phase in self.phases}) != len(self.phases):
            raise InvalidValueError(
                message("Results.phases", "names that differ", [phase.name for phase in self.phases])
            )

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"name": self.name, "neurons": self.n_neurons}
        shown |= {"seconds": round(self.n_steps * self.dt, 9), "dt": self.dt, "outputs": self.n_outputs}
        if self.n_recorded_neurons:
            shown["spikes"] = len(self.spike_step)
        shown["phases"] = ", ".join(phase.name for phase in self.phases)
        if self.recorded:
            shown["recorded"] = ", ".join(self.recorded)
        return shown

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C, or the interrupt of a notebook's kernel, ended the run early: it holds what was reached."""
        return bool(self.provenance.get("interrupted", False))

    @property
    def stop_step(self) -> int:
        """The step after the last one."""
        return self.first_step + self.n_steps

    @property
    def first_row_step(self) -> int:
        """Step of row 0 of output and target."""
        return first_multiple(self.first_step, self.record_every)

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.output.shape[1]

    @property
    def times(self) -> np.ndarray:
        """Times of the rows of output and target in seconds, shape (rows,)."""
        return self.dt * (np.arange(len(self.output)) * self.record_every + self.first_row_step)

    @property
    def t_start(self) -> float:
        """Time at which the first step begins, in seconds."""
        return self.dt * self.first_step

    @property
    def t_stop(self) -> float:
        """Time at which the last step ends, in seconds."""
        return self.dt * self.stop_step

    @property
    def rates(self) -> dict[str, np.ndarray]:
        """Mean firing rate of every recorded neuron in Hz, per phase, each of shape (n_recorded_neurons,).

        NaN of rate units, which have no spikes; those after the last neuron that spikes are not among these.
        """
        rates, silent = {}, ~spiking(self)
        for phase in self.phases:
            _, neurons = self.spikes(phase)
            counts = np.bincount(neurons, minlength=self.n_recorded_neurons)
            duration = (phase.stop - phase.start) * self.dt
            rates[phase.name] = counts / duration if duration else np.full(len(counts), np.nan)
            rates[phase.name][silent] = np.nan
        return rates

    def rates_of(self, population: str) -> dict[str, np.ndarray]:
        """Return the mean firing rate of each recorded neuron of a population in Hz, per phase."""
        numbers = self.neurons_of(population)
        return {phase: rates[numbers.start : numbers.stop] for phase, rates in self.rates.items()}

    def neurons_of(self, population: str) -> range:
        """Return the numbers that the neurons of a population have among all.

        Raises
        ------
        UnknownNameError
            If the network has no such population.
        """
        if population not in self.populations:
            raise unknown_name("Results.populations", "population", population, self.populations)
        names = list(self.populations)
        first = sum(self.populations[name] for name in names[: names.index(population)])
        return range(first, first + self.populations[population])

    def phase(self, name: str) -> Phase:
        """Return the phase of that name; ``"after"`` is the earlier name of ``"test"``.

        Raises
        ------
        UnknownNameError
            If the run has no such phase.
        """
        for phase in self.phases:
            if phase.name == name:
                return phase
        if name == "after":
            return self.phase(TEST)
        raise unknown_name("Results.phase", "phase", name, [phase.name for phase in self.phases])

    def spikes(self, phase: Phase | str | None = None, population: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the times in seconds and the neurons of the spikes of a phase, or of the run.

        A spike of step k has the time ``k * dt``: half-open bins count it in its own step. Neurons are
        numbered through all populations; those of one population, if it is named, from 0.

        Returns
        -------
        times : ndarray of float, shape (spikes,)
        neurons : ndarray of int32, shape (spikes,)
        """
        part = slice(None)
        if phase is not None:
            phase = self.phase(phase) if isinstance(phase, str) else phase
            part = slice(*np.searchsorted(self.spike_step, (phase.start, phase.stop)))
        steps, neurons = self.spike_step[part], self.spike_neuron[part]
        if population is not None:
            numbers = self.neurons_of(population)
            chosen = (neurons >= numbers.start) & (neurons < numbers.stop)
            steps, neurons = steps[chosen], neurons[chosen] - np.int32(numbers.start)
        return self.dt * steps, neurons

    def rows(self, phase: Phase | str) -> slice:
        """Return the rows of output and target that fall into a phase."""
        phase = self.phase(phase) if isinstance(phase, str) else phase
        return rows_between(phase.start, phase.stop, self.first_row_step, self.record_every, len(self.output))


def check_results(where: str, value: Any) -> RunData:
    """Return the results of a run; refuse what is none, such as the path of its file."""
    if not isinstance(value, RunData):
        fix = 'Simulation.run returns them, Results.load("results.h5") reads them.'
        raise InvalidTypeError(message(where, "Results", value, fix))
    return value


def _sizes(populations: Any, n_neurons: int) -> dict[str, int]:
    """Return the sizes of the populations, which hold all neurons if there are any."""
    where = "Results.populations"
    if not isinstance(populations, Mapping):
        raise InvalidTypeError(message(where, "a dictionary of names and sizes", populations))
    sizes = {check_text(where, name): check_whole(where, n, 1) for name, n in populations.items()}
    if sizes and sum(sizes.values()) != n_neurons:
        raise InvalidValueError(message(where, f"{n_neurons} neurons in all", sizes))
    return sizes


def _plain_array(where: str, value: Any, dtype: Any = None) -> np.ndarray:
    """Return a plain array as it is, without a copy."""
    if type(value) not in (np.ndarray, np.memmap):
        value = numbers(where, value, "an array of numbers")
    if value.dtype.kind not in "iufb":
        raise InvalidTypeError(message(where, "an array of numbers", value))
    return value if dtype is None else value.astype(dtype, copy=False)


def added(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return the timings of two runs together.

    Examples
    --------
    >>> added({"run": 1.0}, {"build": 2.0, "run": 3.0})
    {'run': 4.0, 'build': 2.0}
    """
    return {name: first.get(name, 0.0) + second.get(name, 0.0) for name in {**first, **second}}


def first_multiple(step: Steps, every: int) -> Steps:
    """Return the first multiple of `every` that is not below `step`.

    Examples
    --------
    >>> first_multiple(20, 10), first_multiple(21, 10)
    (20, 30)
    """
    found: Steps = -(-step // every) * every
    return found


def spiking(results: RunData) -> np.ndarray:
    """Say of each recorded neuron whether it spikes; rate units of a `Network` have numbers among the neurons, too."""
    found, net = np.ones(results.n_recorded_neurons, bool), results.net
    if isinstance(net, Network):
        for name in results.populations:
            numbers = results.neurons_of(name)
            found[numbers.start : numbers.stop] = net.is_spiking(name)
    return found


def target_of(results: RunData) -> np.ndarray:
    """Return the target of a run, shape of its output.

    Raises
    ------
    InvalidValueError
        If the run has none.
    """
    if results.target is None:
        raise InvalidValueError(message("Results.target", "a target that the output is compared with", None))
    return results.target


def rows_between(start: int, stop: int, first: int, every: int, n_rows: int) -> slice:
    """Return the rows of a recording whose steps lie in [start, stop); row j is step ``first + j * every``.

    Examples
    --------
    >>> rows_between(5, 20, first=0, every=5, n_rows=10)
    slice(1, 4, None)
    """
    low, high = (min(max(-(-(step - first) // every), 0), n_rows) for step in (start, stop))
    return slice(low, high)
