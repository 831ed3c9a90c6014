"""What a program recorded in some steps, as results show it: rows of output, target and variables, and spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..circuit.declared import Wiring
from ..circuit.names import entry
from ..circuit.names import recorded as recorded_part
from ..errors import RunFailedError
from ..results.results import first_multiple

__all__ = ["TargetAt", "recordings_of", "rows_between_steps"]

TargetAt = Callable[[np.ndarray], np.ndarray]


def rows_between_steps(start: int, stop: int, every: int) -> range:
    """Return the steps from start on, up to but not with stop, that are recorded."""
    return range(first_multiple(start, every), stop, every)


def recordings_of(
    wiring: Wiring[Any], arrays: Mapping[str, Any], start: int, target_at: TargetAt | None
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
    found = {"output": _output(wiring, arrays, len(rows))}
    if target_at is not None and wiring.output_parts:
        found["target"] = target_at(rows)[:, : net.n_outputs]  # then come targets of what is no output
    found["spike_step"], found["spike_neuron"] = _spikes(wiring, arrays)
    for name, indices in record.variables.items():
        if name in record.off:
            continue
        values = arrays[entry(recorded_part(name), "values")]
        if len(values) != len(rows) * len(indices):
            raise _incomplete(f"{len(values)} of {len(rows) * len(indices)} values of {name}")
        _, scale = net.display_unit(name)
        found[entry("recorded", name)] = values.reshape(-1, len(indices)) / scale
    return found


def _output(wiring: Wiring[Any], arrays: Mapping[str, Any], rows: int) -> np.ndarray:
    """Return the outputs of a run, those of one part beside those of another."""
    parts = [np.array(arrays[entry(name, "values")]) for name in wiring.output_parts]
    columns = wiring.net.n_outputs if parts else 0
    if not rows or not columns:
        return np.empty((rows, columns), wiring.net.dtype)
    found = sum(len(part) for part in parts)
    if found != rows * columns:
        raise _incomplete(f"{found // columns} of {rows} rows of its output")
    return np.concatenate([part.reshape(rows, -1) for part in parts], axis=1)


def _spikes(wiring: Wiring[Any], arrays: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and neurons of the spikes of all parts, in the order of time and then of neurons."""
    steps, neurons = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for name, first in wiring.spike_parts.items():
        t, i = arrays[entry(name, "t")], arrays[entry(name, "i")]
        if len(t) != len(i):
            raise _incomplete(f"{len(t)} times and {len(i)} neurons of spikes")
        steps.append(np.rint(t / wiring.net.dt).astype(np.int64))
        neurons.append(i if not first else i + np.int32(first))
    if len(steps) <= 2:
        return steps[-1], neurons[-1]
    step, neuron = np.concatenate(steps), np.concatenate(neurons)
    order = np.argsort(step, kind="stable")
    return step[order], neuron[order]


def _incomplete(what: str) -> RunFailedError:
    return RunFailedError(f"The compiled program wrote {what}.\nFix: make room on the disk.")
