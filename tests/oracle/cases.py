"""The published programs as declarations, and their stored traces.

The traces were made by the programs of Nicola & Clopath (2017, ModelDB 190565) themselves.
Step k of ours is step k + 1 of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from traces import load_trace, trace_names

from tension_sim.declare.network import ForceNetwork, Learning, SparseKernel

NAMES = trace_names("nicola_clopath")
#: What they may differ by: spikes not at all, the output absolutely, weights relative to the largest.
MAX_OUTPUT, MAX_WEIGHTS = 1e-10, 1e-8
_PER_MS = {"tau_rise": "tr", "tau_decay": "td"}


@dataclass(frozen=True, eq=False)
class Case:
    """One stored run: its network, supervisor, trace, and states to start from."""

    name: str
    net: ForceNetwork
    y: np.ndarray
    trace: dict[str, np.ndarray]
    marks: dict[str, int]

    @property
    def n_steps(self) -> int:
        return len(self.y)

    def state(self, at: str) -> dict[str, Any]:
        """Return the state that the program had at ``imin``, ``mid`` or ``icrit``, in SI units."""
        stored = {key.removeprefix(f"ck_{at}_"): v for key, v in self.trace.items() if key.startswith(f"ck_{at}_")}
        izhikevich = self.net.neuron.name == "izhikevich"
        voltage = 1.0 if self.net.neuron.name == "theta" else 1e-3
        current = self.net.current_scale
        per_time = 1e3 if izhikevich else 1.0  # h counts per unit of time
        state = {
            "step": self.marks[at],
            "neurons.v": stored["v"] * voltage,
            "neurons.I_rec": stored["IPSC"] * current,
            "neurons.r": stored["r"],
            "readout.z": stored.get("z", np.zeros(self.net.n_outputs)),
            "readout.w": stored["BPhi"].T.ravel() if "BPhi" in stored else np.zeros(self.net.output_kernel.size),
        }
        if "h" in stored:
            state["neurons.h_rec"] = stored["h"] * current * per_time
            state["neurons.h_r"] = stored["hr"] * per_time
        if "u" in stored:
            state["neurons.u"] = stored["u"] * current
        if "tlast" in stored:  # their clock reads dt at the first step, ours 0
            state["neurons.last"] = stored["tlast"] - self.net.dt
        if "Pinv_triu" in stored:
            n = self.net.n
            full = np.zeros((n, n))
            full[np.triu_indices(n)] = stored["Pinv_triu"]
            state |= {
                "rls.P_packed": full.T[np.tril_indices(n)],
                "rls.P_scale": np.ones(1),
                "rls.fresh": np.zeros(1),
            }
        return state


@cache
def load(name: str) -> Case:
    """Load a stored run."""
    trace = load_trace("nicola_clopath", name)
    doc = trace.pop("doc")
    p = doc["parameters"]
    neuron = doc["neuron"].lower()
    second = 1e-3 if neuron == "izhikevich" else 1.0
    filters = {key: f"{p[name] * second!r}*second" for key, name in _PER_MS.items() if p[name] > 0}
    voltage = 1.0 if neuron == "theta" else 1e-3
    net = ForceNetwork(
        neuron,
        "double_exponential" if p["tr"] > 0 else "single_exponential",
        p["N"],
        p["dt"] * second,
        SparseKernel.from_dense(trace["in_OMEGA"].T),
        trace["in_E"].T,
        np.zeros((p["N"], doc["outputs"])),
        parameters=filters | _parameters(neuron, p),
        initial={"v": trace["in_v"] * voltage},
        learning=Learning(
            alpha_P=float(doc["Pinv0"].split()[0]),
            gain="undivided",
            update_every=p["step"],
            start=p["imin"],
            stop=p["icrit"] - 1,
        ),
    )
    steps = np.arange(1, p["nt"] + 1)
    if "song_J" in trace:
        y = _song(trace, p)[(steps - 1) % (16 * _note(p))]
    else:
        y = np.sin(2 * np.pi * 5 * p["dt"] * second * steps)[:, None]
    marks = {"imin": p["imin"], "mid": doc["mid"], "icrit": p["icrit"]}
    return Case(name, net, y, trace, marks)


def _parameters(neuron: str, p: dict[str, Any]) -> dict[str, str]:
    if neuron == "lif":
        return {
            "tau_mem": f"{p['tm']!r}*second",
            "tau_ref": f"{p['tref']!r}*second",
            "v_reset": f"{p['vreset']!r}*mV",
            "v_peak": f"{p['vpeak']!r}*mV",
            "bias": f"{p['BIAS']!r}*mV",
        }
    if neuron == "izhikevich":
        return {
            "C": f"{p['C']!r}*pF",
            "k": f"{p['ff']!r}*nS/mV",
            "v_r": f"{p['vr']!r}*mV",
            "v_t": f"{p['vt']!r}*mV",
            "v_peak": f"{p['vpeak']!r}*mV",
            "v_reset": f"{p['vreset']!r}*mV",
            "a": f"{p['a']!r}/ms",
            "b": f"{p['b']!r}*nS",
            "d": f"{p['d']!r}*pA",
            "bias": f"{p['BIAS']!r}*pA",
        }
    return {}


def _note(p: dict[str, Any]) -> int:
    return round(1000 / (p["freq"] * p["dt"]))


def _song(trace: dict[str, np.ndarray], p: dict[str, Any]) -> np.ndarray:
    """Return one round of the song as the program makes it, quirks included."""
    note = _note(p)
    i = np.arange(1, 16 * note + 1)
    chords = trace["song_J"].astype(float)
    song = np.abs(np.sin(np.pi * i * p["dt"] * 16 / p["ds"]))[:, None] * np.ones((1, chords.shape[1]))
    inside = i // note < 16
    song[inside] *= chords[i[inside] // note]
    half = np.sin(np.pi * np.arange(1, 2 * note + 2) / (2 * note + 1))
    for m in np.flatnonzero(trace["song_HN"]):
        first = m * note - 1  # row of their step m*note
        chord = np.flatnonzero(chords[m])[0]
        song[max(first, 0) : first + 2 * note + 1, chord] = half[max(-first, 0) :]
    return song
