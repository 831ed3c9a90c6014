"""What a program recorded in some steps, as results show it: rows of output, target and variables, and spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..circuit.declared import Wiring
from ..circuit.names import OUTPUT, SPIKES, entry
from ..circuit.names import recorded as recorded_part
from ..errors import RunFailedError
from ..results.results import first_multiple

__all__ = ["TargetAt", "recordings_of", "rows_between_steps"]

TargetAt = Callable[[np.ndarray], np.ndarray]


def rows_between_steps(start: int, stop: int, every: int) -> range:
    """Return the steps from start on, up to but not with stop, that are recorded."""
    return range(first_multiple(start, every), stop, every)


def recordings_of(
    wiring: Wiring, arrays: Mapping[str, Any], start: int, target_at: TargetAt | None
) -> dict[str, np.ndarray]:
    """Return what was recorded from a step on, by the names of the fields of `Results`.

    Raises
    ------
    RunFailedError
        If the program wrote less than it ran.
    """
    net, record = wiring.net, wiring.record
    steps = rows_between_steps(start, start + int(arrays["steps"]), record.every)
    rows = np.arange(steps.start, steps.stop, record.every)
    found = {}
    if entry(OUTPUT, "values") in arrays:
        found["output"] = np.array(arrays[entry(OUTPUT, "values")]).reshape(-1, net.n_outputs)
        if target_at is not None:
            found["target"] = target_at(rows)
    else:
        found["output"] = np.empty((len(rows), 0))
    if len(found["output"]) != len(rows):
        raise _incomplete(f"{len(found['output'])} of {len(rows)} rows of its output")
    found["spike_step"], found["spike_neuron"] = np.empty(0, np.int64), np.empty(0, np.int32)
    if wiring.spikes_of:
        t, i = (arrays[entry(SPIKES, key)] for key in "ti")
        if len(t) != len(i):
            raise _incomplete(f"{len(t)} times and {len(i)} neurons of spikes")
        found["spike_step"], found["spike_neuron"] = np.rint(t / net.dt).astype(np.int64), i
    for name, indices in record.variables.items():
        if name in record.off:
            continue
        values = arrays[entry(recorded_part(name), "values")]
        if len(values) != len(rows) * len(indices):
            raise _incomplete(f"{len(values)} of {len(rows) * len(indices)} values of {name}")
        _, scale = net.display_unit(name)
        found[entry("recorded", name)] = values.reshape(-1, len(indices)) / scale
    return found


def _incomplete(what: str) -> RunFailedError:
    return RunFailedError(f"The compiled program wrote {what}.\nFix: make room on the disk.")
