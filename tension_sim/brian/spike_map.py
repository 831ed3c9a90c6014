"""Sparse weights that each spike adds to a variable, at once or after a delay: fast and learnable recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from brian2.core.variables import Variables
from brian2.input.poissongroup import PoissonGroup
from brian2.input.spikegeneratorgroup import SpikeGeneratorGroup

from ..declare.kernels import SparseKernel
from ..declare.validation import check_matrix
from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message
from ._base import check_clock, default_float, resolve_source
from .delay import Delay
from .dimensions import check_plain, unit_name
from .linear_map import Blank
from .spike_order import keep_spikes_in_order
from .standalone import is_standalone, take_any_length
from .weights import Weighted

__all__ = ["SpikeMap"]


class SpikeMap(Weighted):
    """Add ``scale*w`` to a variable of all targets of each neuron that spiked in this time step.

    Like ``Synapses`` with ``on_pre="variable_post += w"``; as there, a variable ``(unless
    refractory)`` stays as it is while its neuron is refractory. Sums run in a fixed order, of
    sources and then of targets, whatever the number of threads. With delays, a spike sends its
    weights off when it occurs, on a ring of time steps: weights that learn meanwhile do not change
    what is under way.

    Parameters
    ----------
    sources : Group or sequence of Group
        Groups that spike; their neurons are numbered one after the other.
    weights : SparseKernel or Blank
        Weights from the sources to the target, in SI units of the target variable; two
        between one pair of neurons become one.
    target : Group
        The group written to.
    target_variable : str
        Name of the variable added to.
    trace : str, or sequence of str or of (Group, str), optional
        Variable of the sources that holds each neuron's filtered spikes, one name for all
        groups or one for each: what a learning rule takes as presynaptic rate. Or groups that have
        one element for each source, and their variables: traces at which spikes arrive as late as at
        the targets. Weights that can learn are stored by targets, for the rule to walk through.
    delay : time, or array of times, optional
        When what a spike sends arrives, in multiples of the time step: the same for all weights, or one
        for each in the order of the kernel. By default, and with a delay of 0, in its own step.
    scale : float, optional
        Multiplies all weights, such as the 1/(rise time x decay time) of a filter.
    clock : Clock, optional
        The clock; that of the sources, who must share it.
    when, order : str, int, optional
        Place within the time step: that of Brian2's synapses, after all thresholds.
    name : str, optional
        Name of the Brian2 object.

    Attributes
    ----------
    weights : SparseKernel
        The weights, without unit; can be set, also to another number of them.
    W : array, shape (targets, sources)
        The weights, with unit; zero where there is none. A dense array, made when asked for;
        an element that is set, as in ``W[1, 2] = 3``, is set in the map.
    w : VariableView, shape (weights,)
        Weights in the order of sources and then of targets, indexed as those of Brian2's
        Synapses: ``w[3]``, ``w[source, target]``, ``w["i == 2"]``, ``w = "rand()"``.
    post, out_start : VariableView
        The target of each weight, and where each source's begin. On a standalone device, run
        arguments can set them and `w`; files for `w` and `post` may have any one length.
    slot, row_start : VariableView
        With a `trace`, `w` has the order of targets and then of sources: where each target's
        weights begin, and the place of each weight in the order of `post`.
    scale : VariableView
        The multiplier.
    delay_steps : VariableView
        With delays, in time steps: one, or that of each weight in the order of `post`.
    ring : VariableView, shape (delay_max + 1 steps, targets)
        With delays, what is under way, by the step of its arrival modulo the number of rows.

    Raises
    ------
    InvalidValueError, InvalidTypeError, UnitsError
        If an argument cannot work.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, defaultclock
    >>> from tension_sim import SparseKernel
    >>> from tension_sim.brian.spike_map import SpikeMap
    >>> neurons = NeuronGroup(2, "h : 1", threshold="i == 0")
    >>> recurrent = SpikeMap(neurons, weights=SparseKernel(2, [0], [1], [3.0]), target=neurons, target_variable="h")
    >>> Network(neurons, recurrent).run(2*defaultclock.dt)
    >>> neurons.h[:]
    array([0., 6.])
    """

    def __init__(
        self,
        sources: Any,
        *,
        weights: SparseKernel | Blank,
        target: Any,
        target_variable: str,
        trace: str | Sequence[str] | Sequence[tuple[Any, str]] | None = None,
        delay: Any = None,
        scale: float = 1.0,
        clock: Any = None,
        when: str = "synapses",
        order: int = 0,
        name: str = "spikemap*",
    ) -> None:
        groups = _check_sources(sources)
        y, y_start, n_targets = resolve_source("SpikeMap.target", target, target_variable)
        if y.read_only or y.constant or np.dtype(y.dtype).kind != "f":
            raise InvalidValueError(
                message("SpikeMap.target_variable", "a floating-point variable that can be written", target_variable)
            )
        clock = _clock_of(groups, clock)
        self.shape: tuple[int, int] = (n_targets, sum(len(group) for group in groups))
        _check_weights(weights, self.shape)
        traces = [] if trace is None else _check_trace(trace, groups, weights)
        guard = _guard_of(target, y)
        delay = delay if delay is None or isinstance(delay, Delay) else Delay(delay)
        check_plain("SpikeMap.scale", scale)
        scale = float(check_matrix("SpikeMap.scale", scale, (), "one number"))
        super().__init__(
            "tsim_spike_map",
            clock=clock,
            when=when,
            order=order,
            name=name,
            **_code(groups, bool(traces), guard is not None, delay),
        )
        #: When what a spike sends arrives.
        self._delay = delay
        #: Group and variable name of each trace.
        self.trace: list[tuple[Any, str]] = traces
        #: What a rule reads as the output of this map: group and variable name.
        self.output: tuple[Any, str] = (target, target_variable)
        #: Variables whose length comes with the run.
        each = delay is not None and delay.each
        self.any_length: tuple[str, ...] = ("post", "w", *["slot"] * bool(traces), *["delay_steps"] * each)
        self._stored: dict[str, np.ndarray] = dict.fromkeys(self.any_length, np.zeros(0))
        self._stored["out_start"] = np.zeros(self.shape[1] + 1, np.int64)
        self._declare_sources(groups)
        self._declare_target(y_start, guard)
        self._declare_weights(y.dim, scale)
        if delay is not None:
            self._declare_ring(delay, y.dim)
        self._enable_group_attributes()
        if isinstance(weights, SparseKernel):
            self._put(weights)
        else:
            self._resize(weights.count or 0)
            take_any_length(self)

    def _declare_sources(self, groups: list[Any]) -> None:
        self.variables.add_constant("N", self.shape[0])
        self.variables.add_constant("n_sources", self.shape[1])
        self.variables.add_arange("i", size=self.shape[0])
        for g, group in enumerate(groups):
            self.add_dependency(group)
            # brian2cuda knows arrays of spikes by the end of their names
            self.variables.add_reference(f"source_{g}_spikespace", group, "_spikespace")
            keep_spikes_in_order(group)
        for g, (group, variable) in enumerate(self.trace):
            self.add_dependency(group)
            self.variables.add_reference(f"x_{g}", group, variable)
            self.variables.add_constant(f"x_start_{g}", _start(group))

    def _declare_target(self, start: int, guard: str | None) -> None:
        target, variable = self.output
        self.add_dependency(target)
        self.variables.add_reference("y", target, variable)
        self.variables.add_constant("y_start", start)
        if guard is not None:
            self.variables.add_reference("allowed", target, guard)

    def _declare_weights(self, unit: Any, scale: float) -> None:
        variables, (n_targets, n_sources) = self.variables, self.shape
        variables.add_array("out_start", size=n_sources + 1, dtype=np.int64)
        variables.add_dynamic_array("post", size=0, dtype=np.int32)
        variables.add_dynamic_array("w", size=0, dimensions=unit, dtype=default_float())
        if self.trace:
            variables.add_dynamic_array("slot", size=0, dtype=np.int32)
            variables.add_array("row_start", size=n_targets + 1, dtype=np.int64)
        variables.add_array("scale", size=1, scalar=True, dtype=np.float64, values=scale)

    def _declare_ring(self, delay: Delay, unit: Any) -> None:
        """Declare the delays and what is under way; the ring has a row for each step up to the longest delay.

        brian2cuda frees every array of the name delay before a run.
        """
        variables, rows = self.variables, delay.longest(self._clock.dt_) + 1
        variables.add_constant("n_rows", rows)
        variables.add_array("ring", size=rows * self.shape[0], dimensions=unit, dtype=default_float())
        if delay.each:
            variables.add_dynamic_array("delay_steps", size=0, dtype=np.int32)
        else:
            variables.add_array("delay_steps", size=1, scalar=True, dtype=np.int32, values=rows - 1)

    def before_run(self, run_namespace: Any) -> None:
        if self._delay is not None and self._delay.is_time:
            rows = self._delay.longest(self._clock.dt_) + 1
            if rows != self.variables["n_rows"].get_value():
                what = f"the time step that the clock had when the delays were given ({rows} steps now)"
                fix = "set dt before the SpikeMap is made."
                raise InvalidValueError(message("SpikeMap.delay", what, self._clock.dt, fix))
        super().before_run(run_namespace)

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        source = np.repeat(np.arange(self.shape[1], dtype=np.int32), np.diff(self._read("out_start")))
        target = self._read("post")[: len(source)]
        if self.trace:
            of_slot = np.argsort(self._read("slot")[: len(source)], kind="stable")
            source, target = source[of_slot], target[of_slot]
        return source, target

    def _resize(self, count: int) -> None:
        for name in self.any_length:
            self.variables[name].resize(count)

    def _put(self, kernel: SparseKernel) -> None:
        names = ("out_start", "post", "w")
        values: dict[str, np.ndarray] = dict(zip(names, kernel.outgoing(), strict=True))
        if self.trace:
            row_start, _, w = kernel.incoming()
            values |= {"w": w, "row_start": row_start, "slot": kernel.slots()}
        if "delay_steps" in self.any_length:
            values["delay_steps"] = self._delay.of(kernel, self._clock.dt_)
        self._resize(len(values["w"]))
        for name, array in values.items():
            self._set(name, array)
        if is_standalone():
            self._stored = values
        take_any_length(self)

    def _read(self, name: str) -> np.ndarray:
        try:
            return self._get(name)
        except NotImplementedError:  # a standalone device before its first run
            return self._stored[name]

    @property
    def weights(self) -> SparseKernel:
        """The weights, in SI units."""
        n_targets, n_sources = self.shape
        pre = np.repeat(np.arange(n_sources, dtype=np.int32), np.diff(self._read("out_start")))
        at = self._read("slot")[: len(pre)] if self.trace else slice(len(pre))
        return SparseKernel(n_sources, pre, self._read("post")[: len(pre)], self._read("w")[at], n_targets)

    @weights.setter
    def weights(self, kernel: SparseKernel) -> None:
        _check_weights(kernel, self.shape)
        if isinstance(kernel, Blank):
            raise InvalidTypeError(message("SpikeMap.weights", "a SparseKernel", kernel))
        self._put(kernel)

    def _stored_weights(self) -> np.ndarray:
        return self._read("w")

    @property
    def partners(self) -> list[np.ndarray]:
        """Indices of the sources of each row."""
        start, partner, _ = self.weights.incoming()
        return np.split(partner, start[1:-1])


def _code(groups: list[Any], learned: bool, guarded: bool, delay: Delay | None) -> dict[str, Any]:
    """Return what decides the code of a map, and the variables that it needs."""
    needed = [f"source_{g}_spikespace" for g in range(len(groups))] + ["slot"] * learned + ["allowed"] * guarded
    needed += ["delay_steps", "ring", "n_rows", "t_in_timesteps"] * (delay is not None)
    delayed = "" if delay is None else "each" if delay.each else "one"
    options = {"learned": learned, "guarded": guarded, "groups": _places(groups), "delayed": delayed}
    return {"template_kwds": options, "needed_variables": needed}


def _check_sources(sources: Any) -> list[Any]:
    groups = list(sources) if isinstance(sources, (list, tuple)) else [sources]
    if not groups:
        raise InvalidValueError(message("SpikeMap.sources", "at least one group", sources))
    for group in groups:
        if not isinstance(getattr(group, "variables", None), Variables):
            raise InvalidTypeError(message("SpikeMap.sources", "a Brian2 group, or several", group))
        if "_spikespace" not in group.variables:
            raise InvalidValueError(
                message("SpikeMap.sources", "groups that spike", group.name, "give the group a threshold.")
            )
    return groups


def _clock_of(groups: list[Any], clock: Any) -> Any:
    """Return the clock of all groups; refuse another one."""
    check_clock("SpikeMap", clock)
    clock = groups[0].clock if clock is None else clock
    for group in groups:
        if group.clock.name != clock.name:  # not "is": the default clock may be a proxy
            raise InvalidValueError(
                message("SpikeMap.sources", "groups of one clock", group.name, "use one SpikeMap for each clock.")
            )
    return clock


def _start(group: Any) -> int:
    """Return the first element of a subgroup in its group's arrays."""
    return int(getattr(group, "start", 0))


def _places(groups: list[Any]) -> list[dict[str, int]]:
    """Return where each group's spikes lie: its neurons in their array, and the shift to their numbers here."""
    places, first = [], 0
    for group in groups:
        start, size = _start(group), len(group)
        places.append({"start": start, "stop": start + size, "shift": first - start})
        first += size
    return places


def _guard_of(target: Any, y: Any) -> str | None:
    """Return the name of the target's variable that says where y may be written, None if y may be everywhere."""
    guard = y.conditional_write
    if guard is None:
        return None
    if target.variables.get(guard.name) is not guard:
        raise InvalidValueError(
            message("SpikeMap.target", f"the group that owns {y.name!r}, which is (unless refractory)", target.name)
        )
    return guard.name


def _check_weights(weights: Any, shape: tuple[int, int]) -> None:
    if not isinstance(weights, (SparseKernel, Blank)):
        raise InvalidTypeError(
            message("SpikeMap.weights", "a SparseKernel or a Blank", weights, "SparseKernel.from_dense(W.T).")
        )
    given = weights.shape if isinstance(weights, Blank) else (weights.n_post, weights.n)
    if given != shape:
        raise InvalidValueError(
            message("SpikeMap.weights", f"weights of shape {shape} (targets, sources)", given, "check the groups.")
        )


def _places_of_traces(trace: Any, groups: list[Any]) -> list[tuple[Any, str]]:
    """Return group and variable name of each trace; names alone are those of variables of the sources."""
    given: list[Any] = (
        [trace] * len(groups) if isinstance(trace, str) else list(trace) if isinstance(trace, Sequence) else []
    )
    if given and all(isinstance(each, tuple) and len(each) == 2 for each in given):
        return given
    if len(given) != len(groups) or not all(isinstance(name, str) for name in given):
        what = f"one variable name, or one for each of {len(groups)} group(s)"
        fix = 'traces of other groups are pairs, as in [(late, "r")].'
        raise InvalidValueError(message("SpikeMap.trace", what, trace, fix))
    return list(zip(groups, given, strict=True))


def _check_trace(trace: Any, groups: list[Any], weights: SparseKernel | Blank) -> list[tuple[Any, str]]:
    """Check traces; a circuit, whose weights come with each run, may have several of one source."""
    places = _places_of_traces(trace, groups)
    for group, name in places:
        if isinstance(group, (PoissonGroup, SpikeGeneratorGroup)) and name not in group.variables:
            raise InvalidValueError(
                message(
                    "SpikeMap.trace",
                    "groups that hold a trace of their spikes",
                    f"{name} of {group.name}, a {type(group).__name__}",
                    "use a NeuronGroup with a trace, such as threshold='rand() < rate*dt' and reset='r += 1'.",
                )
            )
    found = [resolve_source("SpikeMap.trace", group, name)[0] for group, name in places]
    for variable in found[1:]:
        if variable.dim != found[0].dim:
            raise UnitsError(
                message("SpikeMap.trace", f"traces of one unit, {unit_name(found[0].dim)}", unit_name(variable.dim))
            )
    n_traces = sum(len(group) for group, _ in places)
    if isinstance(weights, SparseKernel) and n_traces != weights.n:
        raise InvalidValueError(message("SpikeMap.trace", f"a trace for each of {weights.n} sources", n_traces))
    return places
