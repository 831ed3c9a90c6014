"""What C++ makes of the runs that are compared, written as the manifest names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cuda.calls import Call
from benchmarks.cuda.cases import Planned
from tension_sim.circuit.parts import Rule, SpikeRecord
from tension_sim.circuit.triangles import pack
from tension_sim.errors import diverged
from tension_sim.run.cache import find_or_build

__all__ = ["reference", "write_wanted"]

#: Of larger arrays, so many numbers are carried, at even distances.
_SAMPLED = 20_000

#: How far updates wait to be applied to P is each target's own affair.
_WAITING = ("pending", "pending_k", "pending_c", "P_scale")


def reference(planned: Planned) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Run C++, and return its numbers and spikes by their names.

    Raises
    ------
    DivergenceError
        If learning diverged: nothing can be compared then.
    """
    call = planned.calls["agreement"]
    found = find_or_build(planned.circuit).run(call.values, call.start, call.steps, call.dt, call.wanted)
    spikes = {name: (found[f"{name}.t"], found[f"{name}.i"]) for name in planned.circuit.of(SpikeRecord)}
    off = {*planned.left_out, *(f"{name}.{key}" for name in spikes for key in "ti")}
    for rule in planned.circuit.of(Rule):
        step = int(found[f"{rule}.diverged_step"][0])
        if step >= 0:
            raise diverged(step, step * call.dt)
        off |= {f"{rule}.{name}" for name in _WAITING}
        if f"{rule}.P_packed" not in off:
            found[f"{rule}.P_packed"] = _settled(rule, call, found)
    return {name: found[name] for name in call.wanted if name not in off}, spikes


def _settled(rule: str, call: Call, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return packed P with all terms that wait applied, as CUDA leaves it."""
    of = {name.removeprefix(f"{rule}."): value for name, value in (call.values | found).items()}
    P = np.array(of["P_packed"])
    for b, count in enumerate(of["pending"]):
        n = of["block_start"][b + 1] - of["block_start"][b]
        k = of["pending_k"][of["pending_start"][b] :][: count * n].reshape(count, n)
        c = of["pending_c"][of["term_start"][b] :][:count]
        part = slice(of["P_start"][b], of["P_start"][b + 1])
        P[part] = of["P_scale"][b] * (P[part] - pack((k.T * c) @ k))
    return P


def write_wanted(
    kit: Path, folder: str, numbers: Mapping[str, np.ndarray], spikes: Mapping[str, Iterable[np.ndarray]], dt: float
) -> dict[str, Any]:
    """Write what is wanted into a folder of the kit, and return how the manifest describes it."""
    (kit / folder).mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Any] = {"numbers": {}, "spikes": {}}
    for name, values in numbers.items():
        every = max(1, -(-len(values) // _SAMPLED))
        file = f"{folder}/{name}.out"
        np.ascontiguousarray(values[::every]).tofile(kit / file)
        wanted["numbers"][name] = {"file": file, "dtype": values.dtype.name, "every": every}
    for name, (t, i) in spikes.items():
        file = f"{folder}/{name}.spikes"
        np.stack([np.rint(np.asarray(t) / dt).astype(np.int64), np.asarray(i, np.int64)], axis=1).tofile(kit / file)
        wanted["spikes"][name] = {"file": file, "dt": dt}
    return wanted
