"""NWB, Neurodata Without Borders: what pynwb, neo, MatNWB and the DANDI archive open.

One unit for each recorded neuron, silent ones included; phases as epochs; output and recorded
variables as acquisition, the target as stimulus. Weights, state, settings and provenance lie in
``scratch``, so that `Results.load` gives back all of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..format import Format
from ..hdf5 import plain_dataset, read_all
from ..packing import pack, unpack
from ..run_data import RunData, first_multiple, spiking
from ..table import COLUMNS, joined_name, nested, rows
from ._nwb_block import block_image
from ._nwb_file import image_of, new_file, scratch_array, scratch_table, si_unit, units_table

if TYPE_CHECKING:
    import pynwb

__all__ = ["FORMAT"]

_ABOUT = "tension_sim"
_WHAT = "Settings and provenance of the run; names of nested tables are joined by a slash"


def _write(results: RunData, state: bool) -> bytes:
    arrays, header = pack(results, state)
    file = new_file(results.name, results.provenance)
    for phase in results.phases:
        if phase.stop > phase.start:
            file.add_epoch(results.dt * phase.start, results.dt * phase.stop, [phase.name])
    if spiking(results).any():
        file.units = _units(results)
        del arrays["spike_step"], arrays["spike_neuron"]
    for name, series, add in _series(results, file):
        add(series)
        del arrays[name]
    for name, array in arrays.items():
        file.add_scratch(scratch_array(joined_name(name), f"{name} of the run, for Results.load", array))
    header["arrays"] = {name: list(array.shape) for name, array in arrays.items()}
    file.add_scratch(scratch_table(_ABOUT, _WHAT, list(rows(header))))
    return image_of(file)


def _units(results: RunData) -> pynwb.misc.Units:
    order = np.lexsort((results.spike_step, results.spike_neuron))
    neurons = np.flatnonzero(spiking(results))
    times, units = results.dt * results.spike_step[order], np.searchsorted(neurons, results.spike_neuron[order])
    observed = [(results.t_start, results.t_stop)]
    return units_table(times, units, neurons, observed, results.dt, _of_populations(results, neurons))


def _of_populations(results: RunData, neurons: np.ndarray) -> dict[str, tuple[str, list[Any]]]:
    """Return the columns that say of each unit where it belongs, if there are populations."""
    if not results.populations:
        return {}
    names = [name for name, n in results.populations.items() for _ in range(n)]
    indices = [k for n in results.populations.values() for k in range(n)]
    return {
        "source_population": ("Population of the neuron", [names[k] for k in neurons]),
        "source_index": ("Number of the neuron in its population", [indices[k] for k in neurons]),
    }


def _series(results: RunData, file: pynwb.NWBFile) -> list[tuple[str, pynwb.TimeSeries, Any]]:
    """Return the series that have data: the name of the array, the series, and what adds it to the file."""
    found = [("output", "output", results.output, "1", results.record_every, "Readout z", file.add_acquisition)]
    if results.target is not None:
        text = "What the output is to be"
        found.append(("target", "target", results.target, "1", results.record_every, text, file.add_stimulus))
    for name, recording in results.recorded.items():
        text = f"{name} of the neurons {', '.join(map(str, recording.indices))}"
        row = (f"recorded.{name}", name, recording.values, recording.unit, recording.every, text, file.add_acquisition)
        found.append(row)
    taken: set[str] = set()
    series = []
    for array, name, values, unit, every, text, add in found:
        name = joined_name(name)
        if values.size and name not in taken:
            taken.add(name)
            series.append((array, _time_series(results, name, values, unit, every, text), add))
    return series


def _time_series(results: RunData, name: str, values: np.ndarray, unit: str, every: int, text: str) -> pynwb.TimeSeries:
    import pynwb

    unit, conversion = si_unit(unit)
    return pynwb.TimeSeries(
        name=name,
        description=text,
        data=values,
        unit=unit,
        conversion=conversion,
        starting_time=results.dt * first_multiple(results.first_step, every),
        rate=1.0 / (results.dt * every),
    )


def _read(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path, "r") as file:
        table = [plain_dataset(file, f"scratch/{_ABOUT}/{column}").asstr()[()] for column in COLUMNS]
        header = nested(zip(*table, strict=True))
        shapes = header["arrays"]
        sources = {name: plain_dataset(file, f"scratch/{joined_name(name)}") for name in shapes}
        for name, place in _places(header, file).items():
            if name not in sources:
                sources[name] = plain_dataset(file, f"{place}/data")
        spikes = {name: plain_dataset(file, f"units/{name}") for name in ("spike_times", "spike_times_index", "id")
                  if "units" in file}  # fmt: skip
        arrays = read_all(sources | spikes)
    arrays = {name: array.reshape(shapes[name]) if name in shapes else array for name, array in arrays.items()}
    if spikes:
        arrays |= _spikes(arrays.pop("spike_times"), arrays.pop("spike_times_index"), arrays.pop("id"), header["dt"])
    return unpack(arrays, header)


def _places(header: Mapping[str, Any], file: Any) -> dict[str, str]:
    """Return where the series of a file lie, by the names of their arrays."""
    places = {"output": "acquisition/output", "target": "stimulus/presentation/target"}
    places |= {f"recorded.{name}": f"acquisition/{joined_name(name)}" for name in header["recorded"]}
    return {name: place for name, place in places.items() if place in file}


def _spikes(times: np.ndarray, ends: np.ndarray, ids: np.ndarray, dt: float) -> dict[str, np.ndarray]:
    """Return steps and neurons of the spikes, in the order of time."""
    neurons = np.repeat(ids.astype(np.int32), np.diff(ends, prepend=0))
    steps = np.rint(times / dt).astype(np.int64)
    order = np.lexsort((neurons, steps))
    return {"spike_step": steps[order], "spike_neuron": neurons[order]}


FORMAT = Format(write=_write, read=_read, write_block=block_image, module="pynwb", extra="tension-sim[nwb]")
