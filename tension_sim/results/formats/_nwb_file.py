"""The parts of an NWB file, made from whole arrays: pynwb's ``add_unit`` takes a millisecond for each neuron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ..._version import __version__
from ..hdf5 import in_memory
from ..table import COLUMNS

if TYPE_CHECKING:
    import pynwb

__all__ = ["image_of", "new_file", "scratch_array", "scratch_table", "si_unit", "units_table"]

#: No animal: the taxon of what is made, "synthetic construct".
_SPECIES = "http://purl.obolibrary.org/obo/NCBITaxon_32630"
_NO_SUBJECT = "A network simulated by tension-sim, no animal: species, sex and age are formal."

_COLUMN_TEXTS = {"setting": "Name, after those of its tables", "value": "As text", "kind": "Of the value"}

_PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_BASE = {"V": "volt", "A": "ampere", "S": "siemens", "F": "farad", "Hz": "hertz", "s": "second", "ohm": "ohm"}


def new_file(name: str, about: Mapping[str, Any]) -> pynwb.NWBFile:
    """Return an NWB file of a simulation, without its data.

    Parameters
    ----------
    name : str
        Of the network or recipe.
    about : mapping
        Provenance, of which ``machine``, ``summary``, ``publication``, ``script``, ``versions`` and
        ``run`` are used where they are there.
    """
    import pynwb

    machine = _table(about.get("machine"))
    date = _date(machine.get("date"))
    versions = {"tension-sim": __version__, **_table(about.get("versions"))}
    publication = str(about.get("publication") or about.get("source") or "")
    return pynwb.NWBFile(
        identifier=str(about.get("run") or uuid4().hex),
        session_description=f"Simulation of {name} by tension-sim",
        session_start_time=date,
        experiment_description=str(about.get("summary") or f"Simulated network {name}"),
        # a dataset of keywords is what neo's NWBIO cannot read
        notes="Keywords: simulation, spiking neural network, FORCE learning, tension-sim",
        related_publications=[publication] if publication else None,
        source_script=str(machine.get("command") or "Results.save of tension-sim"),
        source_script_file_name=str(about.get("script") or "tension-sim"),
        was_generated_by=[[str(key), str(value)] for key, value in versions.items()],
        subject=pynwb.file.Subject(
            subject_id="simulation", description=_NO_SUBJECT, species=_SPECIES, sex="U", age="P0D"
        ),
    )


def _date(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except ValueError:
        return datetime.now().astimezone()


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def units_table(
    times: np.ndarray,
    units: np.ndarray,
    ids: np.ndarray,
    observed: Sequence[tuple[float, float]],
    resolution: float,
    columns: Mapping[str, tuple[str, Sequence[Any]]] | None = None,
) -> pynwb.misc.Units:
    """Return the table of units, silent ones included, from whole arrays.

    Parameters
    ----------
    times : ndarray, shape (spikes,)
        In seconds, ascending for each unit.
    units : ndarray of int, shape (spikes,)
        The row of each, ascending.
    ids : ndarray of int, shape (rows,)
        Of the units.
    observed : sequence of (start, stop)
        When all units were recorded, in seconds.
    resolution : float
        Smallest difference of two times, in seconds.
    columns : mapping of str to (description, values), optional
        More columns.
    """
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    n_units = len(ids)
    ends = np.searchsorted(units, np.arange(n_units), side="right")
    spike_times = VectorData(name="spike_times", description="Times of the spikes in seconds", data=times)
    intervals = VectorData(
        name="obs_intervals", description="When the unit was recorded", data=np.tile(np.asarray(observed), (n_units, 1))
    )
    index = np.arange(1, n_units + 1) * len(observed)
    more = columns or {}
    return Units(
        name="units",
        description="Simulated neurons, one row each, silent ones included",
        id=ids,
        colnames=["spike_times", "obs_intervals", *more],
        columns=[
            spike_times,
            VectorIndex(name="spike_times_index", target=spike_times, data=ends),
            intervals,
            VectorIndex(name="obs_intervals_index", target=intervals, data=index),
            *(VectorData(name=name, description=text, data=list(data)) for name, (text, data) in more.items()),
        ],
        resolution=resolution,
    )


def si_unit(text: str) -> tuple[str, float]:
    """Return the unit's name in NWB, and what one of it is: conversion to the SI unit.

    Examples
    --------
    >>> si_unit("mV"), si_unit("1"), si_unit("mV/ms")
    (('volt', 0.001), ('n.a.', 1.0), ('mV/ms', 1.0))
    """
    if text in ("1", "dimensionless", ""):
        return "n.a.", 1.0
    for base, name in _BASE.items():
        prefix = text.removesuffix(base)
        if text.endswith(base) and prefix in _PREFIXES:
            return name, _PREFIXES[prefix]
    return text, 1.0


def scratch_array(name: str, description: str, values: np.ndarray) -> pynwb.core.ScratchData:
    """Return an array of our own for the part of the file that is the program's."""
    from pynwb.core import ScratchData

    return ScratchData(name=name, description=description, data=np.atleast_1d(values))


def scratch_table(name: str, description: str, rows: Sequence[Sequence[str]]) -> Any:
    """Return a table of text of our own, with the columns of `tension_sim.results.table`."""
    from hdmf.common import DynamicTable, VectorData

    columns = [
        VectorData(name=column, description=_COLUMN_TEXTS[column], data=[row[k] for row in rows])
        for k, column in enumerate(COLUMNS)
    ]
    return DynamicTable(name=name, description=description, columns=columns)


def image_of(file: pynwb.NWBFile) -> bytes:
    """Return the content of an NWB file, with the schema it follows."""
    import pynwb

    with in_memory() as store:
        with pynwb.NWBHDF5IO(path=None, file=store, mode="w") as io:
            io.write(file)
            store.flush()
            return store.id.get_file_image()
