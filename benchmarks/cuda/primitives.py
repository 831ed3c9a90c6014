"""A user's own network with every primitive in it, tests/brian/everything.py, as programs and their numbers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brian2
import numpy as np

_TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.append(str(_TESTS))

from brian import everything  # noqa: E402
from brian_target import activated  # noqa: E402

from tension_sim.brian import RLS, LinearMap, Recorder, Signal  # noqa: E402
from tension_sim.brian.build import written_arrays  # noqa: E402
from tension_sim.brian.build_cuda import compile_cuda, cuda_device, is_eventspace  # noqa: E402
from tension_sim.circuit.triangles import pack  # noqa: E402

__all__ = ["DT", "STEPS", "build", "outcomes"]

DT = float(everything.DT)

#: Time steps by type; rounding to float32 moves no spike in its steps.
STEPS = {"float64": everything.STEPS, "float32": 120}

#: Runs, by what other values they have: numbers, for brian2cuda cannot read files of another size.
RUNS: dict[str, dict[str, float]] = {
    "agreement": {},
    "other_values": {"shared.update_every": 3, "shared.stop_step": 200, "undivided.probability": 0.9},
}

_COMPARED: Mapping[type, tuple[str, ...]] = {
    LinearMap: ("w", "z"),
    RLS: ("P_packed", "n_updates", "diverged_step"),
    Recorder: ("values",),
    Signal: ("value",),
    brian2.NeuronGroup: ("v", "r", "I_fb", "I_in", "fired", "x", "h", "y"),
    brian2.Synapses: ("w",),
    brian2.PopulationRateMonitor: ("rate",),
}


def build(folder: Path, dtype: str, steps: int, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Compile the CUDA program into a folder, and return which file holds which array."""
    with cuda_device(dtype, changed) as device:
        net = everything.build()
        net.network.run(steps * everything.DT, namespace={})
        device.build(directory=str(folder), compile=False, run=False, with_output=False)
        arrays = written_arrays(device, is_eventspace)
    compile_cuda(folder)
    return arrays


def outcomes(folder: Path, dtype: str, steps: int) -> dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """Return numbers and spikes that C++ gives, by the names of the runs."""
    found = {}
    with activated("cpp_standalone", folder, dtype) as target:
        net = everything.build()
        target.run(net.network, steps * everything.DT)
        for name, values in RUNS.items():
            if values:
                arguments = {getattr(net.objects[key.split(".")[0]], key.split(".")[1]): v for key, v in values.items()}
                brian2.device.run(run_args=arguments)
            found[name] = _numbers(net), {"spikes": (np.array(net.spikes.t), np.array(net.spikes.i))}
    return found


def _numbers(net: everything.Everything) -> dict[str, np.ndarray]:
    found = {}
    for item in net.objects.values():
        for name in next((names for kind, names in _COMPARED.items() if isinstance(item, kind)), ()):
            variable = item.variables.get(name)
            # a map that writes into a group has no z of its own, and one that shares its weights no w
            if variable is not None and getattr(variable.owner, "name", None) == item.name:
                found[f"{item.name}.{name}"] = np.array(variable.get_value()).ravel()
        if isinstance(item, RLS):
            matrices = item.P if isinstance(item.P, list) else [item.P]
            dtype = item.variables["P_packed"].dtype
            found[f"{item.name}.P_packed"] = np.concatenate([pack(matrix) for matrix in matrices]).astype(dtype)
    return found


def rules() -> tuple[str, ...]:
    """Name the rules of the network."""
    return everything.RULES
