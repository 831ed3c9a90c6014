"""What `Simulation.run` would give a program: values, first step, number of steps; and their files. No engine."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tension_sim import Simulation

__all__ = ["Call", "arguments_of", "call_of"]


@dataclass(frozen=True)
class Call:
    """One run of a program, as `tension_sim.run.program.Program.run` takes it."""

    values: Mapping[str, Any]
    start: int
    steps: int
    dt: float
    wanted: list[str]


class _Given(Exception):
    """Ends a run before it begins."""


class _Recorder:
    """Stands in for a program."""

    call: Call

    def run(self, values: Any, start: int, steps: int, dt: float, wanted: Any, *rest: Any, **more: Any) -> None:
        self.call = Call(values, start, steps, dt, list(wanted))
        raise _Given


def call_of(simulation: Simulation, *samples: Any, **options: Any) -> Call:
    """Return what `Simulation.run` with the same arguments would give its program; nothing is built or run."""
    recorder, asked = _Recorder(), copy.copy(simulation)
    asked.build = lambda: recorder  # type: ignore[method-assign]
    try:
        asked.run(*samples, **options)
    except _Given:
        pass
    return recorder.call


def arguments_of(call: Call, arrays: Mapping[str, Any], folder: Path, shown: str) -> list[str]:
    """Write the arrays of a run into a folder, which the arguments name as `shown`; equal ones are one file."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [f"network.t={call.start * call.dt!r}", f"conductor.stop_step={call.start + call.steps}"]
    for name, value in call.values.items():
        if np.ndim(value) == 0:
            arguments.append(f"{name}={np.asarray(value).item()!r}")
            continue
        content = np.ascontiguousarray(value, arrays[name]["dtype"] if name in arrays else "int32")
        file = f"{hashlib.sha256(content.tobytes()).hexdigest()[:16]}.in"
        if not (folder / file).exists():
            content.tofile(folder / file)
        arguments.append(f"{name}={shown}/{file}")
    return arguments
