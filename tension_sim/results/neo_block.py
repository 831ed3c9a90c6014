"""A run as a `neo.Block`.

There is one Segment for each phase (before, learning, test), with the SpikeTrains of all
recorded neurons, silent ones included, on one shared `t_start` and `t_stop`, and with the
output, the target and the recorded variables as AnalogSignals. Names and annotations follow
PyNN: `source_population`, `source_index`, `channel_id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .measures import jsonable
from .neo_objects import common_end, spike_trains
from .phases import Phase
from .run_data import RunData, first_multiple, rows_between, spiking

if TYPE_CHECKING:
    import neo

__all__ = ["POPULATION", "to_neo"]

#: Label of the one population of a run, in annotations and in names.
POPULATION = "neurons"

# neo would take these for attributes of the Block when it reads the file back
_RESERVED = {"name", "description", "file_origin", "file_datetime", "rec_datetime", "index", "nix_name"}


def to_neo(results: RunData) -> neo.Block:
    """Return a run as a `neo.Block`; needs nothing but neo to be analysed, by elephant for example.

    Parameters
    ----------
    results : Results
        The run.

    Returns
    -------
    neo.Block
        One Segment per phase that is not empty. SpikeTrain i belongs to neuron i: times in
        seconds, ``source_population``, ``source_index`` and ``channel_id`` as annotations,
        ``neuron_id`` of every spike as array annotation. AnalogSignals ``output`` and ``target``
        (dimensionless) and one for each recorded variable, with ``neuron_id`` and ``channel_id``
        of every channel as array annotations. Of a `Network`, trains and recordings name their
        population and count its neurons from 0, and there is a Group for each population. The
        provenance is in the Block's annotations, keys of nested tables joined by dots.

    Examples
    --------
    >>> from tension_sim.results.results import Results
    >>> run = Results(
    ...     "demo", 1e-3, 0, 4, 3, [0, 2], [1, 1], 2, 1, np.zeros((4, 1)), None, (Phase("all", 0, 4),)
    ... )
    >>> segment = to_neo(run).segments[0]
    >>> [len(train) for train in segment.spiketrains], segment.analogsignals[0].name
    ([0, 2], 'output')
    """
    import neo

    block = neo.Block(name=results.name, description="One run of tension-sim")
    block.annotate(**_annotations(results))
    phases = results.phases or (Phase("run", results.first_step, results.stop_step),)
    for phase in phases:
        if phase.stop == phase.start:
            continue
        segment = neo.Segment(name=phase.name, first_step=phase.start, stop_step=phase.stop)
        segment.analogsignals.extend(_signals(results, phase))
        end = common_end(segment.analogsignals, results.dt * phase.stop, results.dt)
        segment.spiketrains.extend(_trains(results, phase, end))
        block.segments.append(segment)
    block.groups.extend(_groups(results, block))
    block.check_relationships()
    return block


def _trains(results: RunData, phase: Phase, t_stop: float) -> list[neo.SpikeTrain]:
    span, recorded = (results.dt * phase.start, t_stop), results.n_recorded_neurons
    if not results.populations:
        return spike_trains(*results.spikes(phase), recorded, span, POPULATION)
    trains, spikes = [], spiking(results)
    for name in results.populations:
        numbers = results.neurons_of(name)
        shown = int(np.count_nonzero(spikes[numbers.start : numbers.stop]))
        trains += spike_trains(*results.spikes(phase, name), shown, span, name)
    return trains


def _groups(results: RunData, block: neo.Block) -> list[neo.Group]:
    """Return a Group for each population, with its objects of all Segments."""
    import neo

    groups = []
    for name in results.populations:
        of_it = [
            each
            for segment in block.segments
            for each in (*segment.spiketrains, *segment.analogsignals)
            if each.annotations.get("source_population") == name
        ]
        groups.append(neo.Group(objects=of_it, name=name, source_population=name))
    return groups


def _signals(results: RunData, phase: Phase) -> list[neo.AnalogSignal]:
    channels = np.arange(results.n_outputs)
    signals = []
    for name in ("output", "target"):
        values = getattr(results, name)
        if values is not None:
            ids = {"channel_id": channels}
            signals.append(_signal(results, phase, name, values, "1", results.record_every, ids, {}))
    for name, recording in results.recorded.items():
        neurons = np.asarray(recording.indices, dtype=np.int64)
        ids = {"neuron_id": neurons, "channel_id": neurons}
        of_one = name.partition(".")[0] if results.populations else POPULATION
        population = {"source_population": of_one}
        signals.append(
            _signal(results, phase, name, recording.values, recording.unit, recording.every, ids, population)
        )
    return [signal for signal in signals if signal is not None]


def _signal(
    results: RunData,
    phase: Phase,
    name: str,
    values: np.ndarray,
    unit: str,
    every: int,
    ids: dict[str, np.ndarray],
    annotations: dict[str, Any],
) -> neo.AnalogSignal | None:
    import neo
    import quantities as pq

    first = first_multiple(results.first_step, every)
    rows = rows_between(phase.start, phase.stop, first, every, len(values))
    if rows.start == rows.stop or not values.shape[1]:
        return None
    return neo.AnalogSignal(
        np.asarray(values[rows]),
        units="dimensionless" if unit == "1" else unit,
        t_start=results.dt * (first + rows.start * every) * pq.s,
        sampling_rate=1.0 / (results.dt * every) * pq.Hz,
        name=name,
        array_annotations={key: np.array(value) for key, value in ids.items()},
        **annotations,
    )


def _annotations(results: RunData) -> dict[str, Any]:
    flat: dict[str, Any] = {}

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                add(f"{prefix}.{key}" if prefix else str(key), item)
            return
        key = prefix.replace("/", ".")
        flat[f"{key}_" if key in _RESERVED else key] = _nixable(value)

    add("", results.provenance)
    own = {"dt": results.dt, "n_neurons": results.n_neurons, "n_outputs": results.n_outputs}
    return {**flat, **own, "first_step": results.first_step, "n_steps": results.n_steps}


def _nixable(value: Any) -> Any:
    """Return a value as one of the types that NIX keeps: bool, int, float or str."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, (bool, int, float, str)):
        return value
    return "" if value is None else json.dumps(jsonable(value))
