"""The monitors of a Brian2 network as Neo objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.core.network import Network
from brian2.core.variables import Variables
from brian2.groups.subgroup import Subgroup
from brian2.monitors.ratemonitor import PopulationRateMonitor
from brian2.monitors.spikemonitor import EventMonitor, SpikeMonitor
from brian2.monitors.statemonitor import StateMonitor
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, get_unit

from ..declare.values import seconds
from ..errors import InvalidTypeError, InvalidValueError, message
from ..results.neo_objects import common_end, spike_trains
from .recorder import Recorder

if TYPE_CHECKING:
    import neo

__all__ = ["block_of", "quantities_unit"]

_WHERE = "to_neo"

#: Tolerance of times on the grid, as a part of a time step.
_TOLERANCE = 1e-3

#: Base units in the order of Brian2's dimensions, as quantities names them.
_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")


@dataclass(frozen=True)
class _Span:
    """A Segment's borders in seconds."""

    start: float
    stop: float

    def holds(self, times: np.ndarray, dt: float) -> np.ndarray:
        """Return which times lie in [start, stop)."""
        return (times >= self.start - _TOLERANCE * dt) & (times < self.stop - _TOLERANCE * dt)


def block_of(
    source: Any, runs: Mapping[str, tuple[Any, Any]] | None, t_start: Any, t_stop: Any, name: str | None
) -> neo.Block:
    """Return the Block of `tension_sim.neo.to_neo`."""
    import neo

    monitors = _monitors(source)
    spans = _spans(source, monitors, runs, t_start, t_stop)
    own_name = name if name is not None else getattr(source, "name", "network")
    block = neo.Block(name=own_name, description="Monitors of a Brian2 network")
    groups: dict[str, neo.Group] = {}
    for label, span in spans.items():
        segment = neo.Segment(name=label)
        block.segments.append(segment)
        _fill(segment, monitors, span, groups)
    block.groups.extend(groups.values())
    block.check_relationships()
    return block


def _fill(segment: neo.Segment, monitors: list[Any], span: _Span, groups: dict[str, neo.Group]) -> None:
    """Add what the monitors hold to a Segment and to the Groups of their populations."""
    import neo

    found: list[tuple[str, Any]] = []
    trains = []
    for monitor in monitors:
        if isinstance(monitor, SpikeMonitor):
            trains.append(monitor)
        else:
            found += [(_population(monitor.source), item) for item in _signals(monitor, span)]
    regular = [item for _, item in found if isinstance(item, neo.AnalogSignal)]
    for monitor in trains:
        stop = common_end(regular, span.stop, float(monitor.clock.dt_))
        found += [(_population(monitor.source), item) for item in _trains(monitor, span, stop)]
    places = {
        neo.SpikeTrain: segment.spiketrains,
        neo.AnalogSignal: segment.analogsignals,
        neo.IrregularlySampledSignal: segment.irregularlysampledsignals,
        neo.Event: segment.events,
    }
    for population, item in found:
        places[type(item)].append(item)
        if population not in groups:
            groups[population] = neo.Group(name=population, allowed_types=None)
        groups[population].add(item)


# ---- what is exported, and from when to when ----


def _monitors(source: Any) -> list[Any]:
    """Return the monitors of a Network, or those that are passed."""
    kinds = (EventMonitor, StateMonitor, PopulationRateMonitor, Recorder)
    if isinstance(source, Network):
        given = [item for item in source.sorted_objects if isinstance(item, kinds)]
    else:
        given = [source] if isinstance(source, kinds) else source
        if isinstance(given, str | bytes | np.ndarray) or not isinstance(given, Iterable):
            raise InvalidTypeError(
                message(_WHERE, "Results, a Network, a monitor, or a list of monitors", source, "to_neo(network).")
            )
        given = list(given)
        for item in given:
            if not isinstance(item, kinds):
                raise InvalidTypeError(message(_WHERE, "monitors", item, "pass SpikeMonitor, StateMonitor, ..."))
    stored = [item for item in given if not (isinstance(item, EventMonitor) and not item.record)]
    if not stored:
        received = [item.name for item in given]
        raise InvalidValueError(
            message(_WHERE, "at least one monitor that stores what it sees", received, "add a SpikeMonitor, and run.")
        )
    return sorted(stored, key=lambda monitor: monitor.name)


def _spans(
    source: Any, monitors: list[Any], runs: Mapping[str, tuple[Any, Any]] | None, t_start: Any, t_stop: Any
) -> dict[str, _Span]:
    """Return the borders of each Segment."""
    if runs is not None:
        if t_start is not None or t_stop is not None:
            raise InvalidValueError(
                message(f"{_WHERE}.runs", "either runs, or t_start and t_stop", "both", "leave one of them out.")
            )
        if not isinstance(runs, Mapping) or not runs:
            raise InvalidTypeError(
                message(f"{_WHERE}.runs", "a mapping of names to (start, stop)", runs, 'runs={"test": (0, 1)}.')
            )
        spans = {}
        for name, borders in runs.items():
            where = f"{_WHERE}.runs[{name!r}]"
            if not isinstance(borders, list | tuple) or len(borders) != 2:
                raise InvalidTypeError(message(where, "a pair (start, stop) of times", borders))
            spans[str(name)] = _span(where, *borders)
        return spans
    start = 0.0 if t_start is None else t_start
    stop = _end(source, monitors) if t_stop is None else t_stop
    return {"run": _span(f"{_WHERE}.t_stop", start, stop)}


def _span(where: str, start: Any, stop: Any) -> _Span:
    low, high = (_seconds(where, time) for time in (start, stop))
    if not low < high:
        raise InvalidValueError(
            message(where, "an end after the start", f"{low:g} s to {high:g} s", "run the network first.")
        )
    return _Span(low, high)


def _seconds(where: str, time: Any) -> float:
    number = seconds(where, time)
    if not np.isfinite(number):
        raise InvalidValueError(message(where, "a finite time in seconds", time, "such as 1.5, or 1500*ms."))
    return number


def _end(source: Any, monitors: list[Any]) -> float:
    """Return the time that the simulation has reached."""
    if isinstance(source, Network):
        return float(source.t_)
    return max(float(monitor.clock.variables["t"].get_value().item()) for monitor in monitors)


# ---- populations and units ----


def _population(group: Any) -> str:
    return group.name


def _subgroup(group: Any) -> dict[str, Any]:
    """Return annotations that tell where a subgroup lies in its group."""
    if not isinstance(group, Subgroup):
        return {}
    return {"parent_population": group.source.name, "parent_start": int(group.start)}


def quantities_unit(dim: Dimension) -> Any:
    """Return the `quantities` unit of dimensions: a named SI unit where there is one."""
    import quantities as pq

    if dim is DIMENSIONLESS:
        return pq.dimensionless
    exponents = [float(power) for power in dim._dims]
    plain = pq.dimensionless
    for symbol, power in zip(_BASE, exponents, strict=True):
        if power:
            plain = plain * pq.Quantity(1, symbol) ** power
    name = repr(get_unit(dim))
    try:
        named = pq.Quantity(1, name if name != "amp" else "ampere")
        if named.simplified.dimensionality == plain.simplified.dimensionality and named.simplified.magnitude == 1:
            return named.units
    except (LookupError, ValueError, SyntaxError, TypeError):
        pass  # a product such as volt*second: in base units
    return plain.units


# ---- one monitor in one Segment ----


def _trains(monitor: SpikeMonitor, span: _Span, stop: float) -> list[neo.SpikeTrain]:
    """Return a train for each neuron that the monitor sees."""
    times, indices, inside = _events(monitor, span)
    return spike_trains(
        times,
        indices,
        len(monitor.source),
        (span.start, stop),
        _population(monitor.source),
        _at_events(monitor, inside),
        **_subgroup(monitor.source),
    )


def _events(monitor: EventMonitor, span: _Span) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times = np.asarray(monitor.t_[:])
    inside = span.holds(times, float(monitor.clock.dt_))
    return times[inside], np.asarray(monitor.i[:])[inside], inside


def _at_events(monitor: EventMonitor, inside: np.ndarray) -> dict[str, Any]:
    """Return the variables recorded at each event, with their units."""
    found = {}
    for name in sorted(monitor.record_variables - {"i", "t"}):
        variable = monitor.variables[name]
        found[name] = np.asarray(variable.get_value())[inside] * quantities_unit(variable.dim)
    return found


@singledispatch
def _signals(monitor: Any, span: _Span) -> list[Any]:
    """Return what a monitor recorded within a Segment."""
    raise NotImplementedError(type(monitor).__name__)


@_signals.register
def _custom_events(monitor: EventMonitor, span: _Span) -> list[Any]:
    import neo
    import quantities as pq

    times, indices, inside = _events(monitor, span)
    population = _population(monitor.source)
    return [
        neo.Event(
            times * pq.s,
            labels=np.array([f"{population}_{i}" for i in indices], dtype="U"),
            name=f"{population}.{monitor.event}",
            array_annotations={"neuron_id": indices.astype(np.int64), **_at_events(monitor, inside)},
            source_population=population,
            **_subgroup(monitor.source),
        )
    ]


@_signals.register
def _states(monitor: StateMonitor, span: _Span) -> list[Any]:
    times = np.asarray(monitor.t_[:])
    found = []
    for name in monitor.record_variables:
        values = np.asarray(monitor.variables[name].get_value())
        unit = quantities_unit(monitor.variables[name].dim)
        found += _signal(monitor, name, times, values * unit, np.asarray(monitor.record), span)
    return found


@_signals.register
def _rate(monitor: PopulationRateMonitor, span: _Span) -> list[Any]:
    import quantities as pq

    rate = np.asarray(monitor.rate_[:])[:, None] * pq.Hz
    return _signal(monitor, "rate", np.asarray(monitor.t_[:]), rate, None, span)


@_signals.register
def _recorder(monitor: Recorder, span: _Span) -> list[Any]:
    variable = monitor.variables["values"]
    values = np.asarray(variable.get_value()).reshape(-1, len(monitor)) * quantities_unit(variable.dim)
    every = int(monitor.variables["every"].get_value().item())
    dt = float(monitor.clock.dt_)
    done = int(round(float(monitor.clock.variables["t"].get_value().item()) / dt))
    last = (done - 1) // every * every  # its rows end with the simulation
    steps = last - every * np.arange(len(values))[::-1]
    chosen = monitor.variables["indices"].get_value() - int(getattr(monitor.source, "start", 0))
    return _signal(monitor, monitor.variables["x"].name, dt * steps, values, chosen, span, every)


def _signal(
    monitor: Any, name: str, times: np.ndarray, values: Any, indices: np.ndarray | None, span: _Span, every: int = 1
) -> list[Any]:
    """Return the samples in a Segment as one signal, or nothing where there are none."""
    import neo
    import quantities as pq

    dt = every * float(monitor.clock.dt_)
    inside = span.holds(times, dt / every)
    times, values = times[inside], values[inside]
    if not times.size or not values.shape[1]:
        return []
    population = _population(monitor.source)
    about: dict[str, Any] = {"name": f"{population}.{name}", "source_population": population}
    about |= _subgroup(monitor.source)
    if indices is not None:
        about["array_annotations"] = _channels(monitor.source, indices)
    if np.any(np.abs(np.diff(times) - dt) > _TOLERANCE * dt):
        return [neo.IrregularlySampledSignal(times * pq.s, values, **about)]
    # the first sample of a segment that begins with it has the very time of its border
    first = span.start if abs(times[0] - span.start) < _TOLERANCE * dt else times[0]
    return [neo.AnalogSignal(values, t_start=first * pq.s, sampling_rate=1 / dt * pq.Hz, **about)]


def _channels(group: Any, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Return for each channel its index in the population, and of synapses their two neurons."""
    indices = np.asarray(indices, dtype=np.int64)
    channels = {"neuron_id": indices, "channel_id": indices.copy()}
    variables: Any = getattr(group, "variables", None)
    if isinstance(variables, Variables) and "_synaptic_pre" in variables:
        channels = {"channel_id": indices}
        for key, variable in (("source_id", "_synaptic_pre"), ("target_id", "_synaptic_post")):
            channels[key] = np.asarray(variables[variable].get_value())[indices].astype(np.int64)
    return channels
