"""Recordings of a network's monitors in one run."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.monitors.ratemonitor import PopulationRateMonitor
from brian2.monitors.spikemonitor import EventMonitor
from brian2.monitors.statemonitor import StateMonitor

from ..recorder import Recorder

__all__ = ["Records", "monitors_of", "rows_of", "variables_of"]

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
