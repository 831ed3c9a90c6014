"""A run as a `neo.Block`, and on disk as a NIX file that opens in neo alone.

There is one Segment for each phase (before, learning, test), with the SpikeTrains of all
recorded neurons, silent ones included, on one shared `t_start` and `t_stop`, and with the
output, the target and the recorded variables as AnalogSignals. Names and annotations follow
PyNN: `source_population`, `source_index`, `channel_id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_flag
from ..errors import InvalidValueError, TensionError, message
from ..system.files import check_free, checked_path, open_regular, write_whole
from ..system.memory import check_memory
from .measures import jsonable
from .neo_objects import common_end, spike_trains
from .results import Phase, Recording, Results, first_multiple, rows_between

if TYPE_CHECKING:
    import neo

__all__ = ["POPULATION", "load_results", "read_nix", "to_neo", "write_nix"]

#: Label of the one population of a run, in annotations and in names.
POPULATION = "neurons"

# neo would take these for attributes of the Block when it reads the file back
_RESERVED = {"name", "description", "file_origin", "file_datetime", "rec_datetime", "index", "nix_name"}


def to_neo(results: Results) -> neo.Block:
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
        of every channel as array annotations. The provenance is in the Block's annotations,
        keys of nested tables joined by dots.

    Examples
    --------
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
    block.check_relationships()
    return block


def _trains(results: Results, phase: Phase, t_stop: float) -> list[neo.SpikeTrain]:
    times, neurons = results.spikes(phase)
    return spike_trains(times, neurons, results.n_recorded_neurons, (results.dt * phase.start, t_stop), POPULATION)


def _signals(results: Results, phase: Phase) -> list[neo.AnalogSignal]:
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
        population = {"source_population": POPULATION}
        signals.append(
            _signal(results, phase, name, recording.values, recording.unit, recording.every, ids, population)
        )
    return [signal for signal in signals if signal is not None]


def _signal(
    results: Results,
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


def _annotations(results: Results) -> dict[str, Any]:
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


def write_nix(results: Results, path: str | Path, *, overwrite: bool = True, state: bool = True) -> Path:
    """Write a run to a NIX file that holds the Block of `to_neo` and everything `load_results` needs.

    The file appears whole or not at all, and an earlier one stays until then.

    Parameters
    ----------
    results : Results
        The run.
    path : str or Path
        File to write, usually ``results.nix``.
    overwrite : bool
        Whether an existing file is replaced.
    state : bool
        Whether the state is kept that a further run needs; P of a large network is large.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, the disk is full, or the folder is missing
        or read-only.
    """
    from .nixfile import nix_image

    path, state = checked_path("write_nix.path", path), check_flag("write_nix.state", state)
    check_flag("write_nix.overwrite", overwrite)
    check_free("write_nix.path", path, overwrite)
    arrays, header = _pack(results, state)
    return write_whole("write_nix.path", path, nix_image(to_neo(results), arrays, header), overwrite=overwrite)


def read_nix(path: str | Path) -> neo.Block:
    """Read the Block of a NIX file with neo's own reader.

    neo takes about 6 ms for each spike train. ``Results.load(path).to_neo()`` gives the same Block in
    a fraction of that.

    Raises
    ------
    InvalidValueError
        If there is no such file, or it is not a NIX file.
    """
    from neo.io import NixIO

    path = _existing("read_nix.path", path)
    try:
        with NixIO(str(path), "ro") as file:
            return file.read_block()
    except OSError as error:
        raise _unreadable("read_nix.path", path) from error


#: What reading a damaged file, or one made by somebody else, can raise.
_DAMAGED = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, StopIteration, MemoryError)

_GROUPS = ("weights", "learning_curve", "state")


def _pack(results: Results, state: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Split a run into arrays and a header of plain values."""
    arrays = {
        "spike_step": results.spike_step,
        "spike_neuron": results.spike_neuron,
        "output": results.output,
    }
    if results.target is not None:
        arrays["target"] = results.target
    header: dict[str, Any] = {
        key: getattr(results, key)
        for key in ("name", "dt", "first_step", "n_steps", "n_neurons", "n_recorded_neurons", "record_every")
    }
    header["phases"] = [(phase.name, phase.start, phase.stop) for phase in results.phases]
    header["provenance"], header["timings"] = results.provenance, results.timings
    for group in _GROUPS if state else _GROUPS[:-1]:
        for key, value in getattr(results, group).items():
            arrays[f"{group}.{key}"] = np.asarray(value)
    header["recorded"] = {}
    for key, recording in results.recorded.items():
        header["recorded"][key] = {"unit": recording.unit, "every": recording.every}
        arrays[f"recorded.{key}"] = recording.values
        arrays[f"indices.{key}"] = np.asarray(recording.indices)
    header["arrays"] = list(arrays)
    return arrays, jsonable(header)


def load_results(path: str | Path) -> Results:
    """Read a run from a NIX file written by `write_nix`.

    Raises
    ------
    InvalidValueError
        If there is no such file, or it was not written by this package.
    """
    import h5py

    path = _existing("load_results.path", path)
    try:
        with h5py.File(path, "r") as file:
            header = json.loads(file["metadata/tension_sim/properties/header"][0])
            block = next(iter(file["data"].values()))
            names = header.pop("arrays")
            kept = [block[f"data_arrays/tension_sim.{key}/data"] for key in names]
            # a file from elsewhere may unpack to anything, and may point into other files
            if any(data.is_virtual or data.external or data.file != file for data in kept):
                raise _unreadable("load_results.path", path)
            check_memory("load_results.path", sum(data.nbytes for data in kept), "a shorter run")
            return _unpack(header, {name: data[()] for name, data in zip(names, kept, strict=True)})
    except TensionError:
        raise
    except _DAMAGED as error:
        raise _unreadable("load_results.path", path) from error


def _unpack(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Results:
    """Put together what `_pack` split."""
    groups: dict[str, dict[str, Any]] = {group: {} for group in (*_GROUPS, "indices", "recorded")}
    values: dict[str, Any] = {**header, "target": None}
    for key, array in arrays.items():
        group, dot, name = key.partition(".")
        (groups[group] if dot else values)[name or group] = array
    indices = groups.pop("indices")
    groups["recorded"] = {
        key: Recording(groups["recorded"][key], about["unit"], indices[key], about["every"])
        for key, about in values.pop("recorded").items()
    }
    values["phases"] = tuple(Phase(*phase) for phase in values["phases"])
    return Results(**(values | groups))


def _existing(where: str, path: str | Path) -> Path:
    path = checked_path(where, path)
    with open_regular(where, path, "a file that exists"):
        return path


def _unreadable(where: str, path: Path) -> InvalidValueError:
    return InvalidValueError(
        message(where, "a whole NIX file written by tension-sim", str(path), "run again, or choose another file.")
    )
