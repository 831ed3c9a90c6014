"""Recordings of a network's monitors in one run."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.monitors.ratemonitor import PopulationRateMonitor
from brian2.monitors.spikemonitor import EventMonitor
from brian2.monitors.statemonitor import StateMonitor

from ..recorder import Recorder

__all__ = ["Records", "joined", "monitors_of", "output_recorder", "rows_of", "variables_of"]

#: By monitor and variable, its rows in time.
Records = dict[str, dict[str, np.ndarray]]


def monitors_of(network: Any) -> list[Any]:
    """Return the monitors of a network that keep rows in time."""
    kinds = (EventMonitor, StateMonitor, PopulationRateMonitor, Recorder)
    found = [one for one in network.sorted_objects if isinstance(one, kinds)]
    return [one for one in found if not (isinstance(one, EventMonitor) and not one.record)]


def variables_of(monitor: Any) -> dict[str, Any]:
    """Return the variables of a monitor that get a row, or an element, at a time."""
    if isinstance(monitor, EventMonitor):
        names = {"i", "t", *monitor.record_variables}
    elif isinstance(monitor, StateMonitor):
        names = {"t", *monitor.record_variables}
    else:
        names = {"values"} if isinstance(monitor, Recorder) else {"t", "rate"}
    return {name: monitor.variables[name] for name in sorted(names)}


def rows_of(monitor: Any, begin: dict[str, int] | None = None) -> dict[str, np.ndarray]:
    """Return copies of what a monitor holds, from the given rows on."""
    return {
        name: np.array(np.asarray(variable.get_value())[(begin or {}).get(name, 0) :])
        for name, variable in variables_of(monitor).items()
    }


def joined(parts: list[Records]) -> Records:
    """Return what was recorded in runs that follow each other."""
    if len(parts) == 1:
        return parts[0]
    return {
        monitor: {name: np.concatenate([part[monitor][name] for part in parts]) for name in held}
        for monitor, held in parts[0].items()
    }


def output_recorder(network: Any, group: Any, variable: str, clock: Any) -> Any:
    """Return what records the output, of a name that is the same in each process."""
    name = f"{group.name}_{variable}_output"
    found = next((one for one in network.objects if one.name == name and isinstance(one, Recorder)), None)
    if found is None:
        found = Recorder(group, variable, clock=clock, name=name)
        network.add(found)
    return found
