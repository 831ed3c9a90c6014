"""Convert results to named arrays and a header of plain values, which our formats store, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .declaration import declaration_of, described
from .measures import jsonable
from .phases import Phase
from .run_data import Recording, RunData

__all__ = ["pack", "unpack"]

_PLAIN = ("name", "dt", "first_step", "n_steps", "n_neurons", "n_recorded_neurons", "record_every")
_SERIES = ("spike_step", "spike_neuron", "output", "target")
_GROUPS = ("weights", "learning_curve", "state")


def pack(results: RunData, state: bool = True) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Split a run into arrays and a header.

    Parameters
    ----------
    results : RunData
        The run.
    state : bool
        Whether ``results.state`` is kept.

    Returns
    -------
    arrays : dict of (str to ndarray)
        ``"output"``, ``"spike_step"``, ..., and those of the groups by dotted names:
        ``"weights.output_kernel"``, ``"state.rls.P_packed"``, ``"recorded.v"``, ``"indices.v"``,
        ``"net.recurrent.weight"``.
    header : dict
        All else; JSON can hold it.
    """
    arrays = {name: getattr(results, name) for name in _SERIES if getattr(results, name) is not None}
    header: dict[str, Any] = {key: getattr(results, key) for key in _PLAIN}
    header["phases"] = [(phase.name, phase.start, phase.stop) for phase in results.phases]
    header["populations"] = list(results.populations.items())  # in their order
    header["provenance"], header["timings"] = results.provenance, results.timings
    for group in _GROUPS if state else _GROUPS[:-1]:
        for key, value in getattr(results, group).items():
            arrays[f"{group}.{key}"] = np.asarray(value)
    header["recorded"] = {}
    for key, recording in results.recorded.items():
        header["recorded"][key] = {"unit": recording.unit, "every": recording.every}
        arrays[f"recorded.{key}"] = recording.values
        arrays[f"indices.{key}"] = np.asarray(recording.indices)
    header["net"], of_net = described(results.net)
    arrays |= {f"net.{key}": array for key, array in of_net.items()}
    return arrays, jsonable(header)


def unpack(arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Results` from what `pack` split."""
    groups: dict[str, dict[str, Any]] = {group: {} for group in (*_GROUPS, "indices", "recorded", "net")}
    values: dict[str, Any] = {"target": None, **{key: header[key] for key in _PLAIN}}
    for key, array in arrays.items():
        group, dot, name = key.partition(".")
        (groups[group] if dot else values)[name or group] = array
    indices, of_net = groups.pop("indices"), groups.pop("net")
    groups["recorded"] = {
        key: Recording(groups["recorded"][key], about["unit"], indices[key], about["every"])
        for key, about in header["recorded"].items()
    }
    values["phases"] = tuple(Phase(*phase) for phase in header["phases"])
    values |= {"provenance": dict(header["provenance"]), "timings": dict(header["timings"])}
    values["populations"] = dict(header.get("populations", ()))  # files of earlier versions have none
    return {**values, **groups, "net": declaration_of(header.get("net"), of_net)}
