"""One network with everything in it, and a plain numpy replay of what its rules must have learned.

Spiking neurons with synapses and monitors of the user's own, a rate network, and between them
every kind of map and rule: dense and masked, of subgroups, with units, back into groups, several
rules in one network, several maps that share P, every option of the schedule, own errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import brian2 as b2
import numpy as np
from brian_target import Target

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.declare.noise import chance

STEPS = 400
DT = 0.1 * b2.ms
N_NEURONS, N_RATES = 40, 12


@dataclass
class Everything:
    """The objects, and the numbers they started from."""

    network: b2.Network
    objects: dict[str, Any]
    start: dict[str, np.ndarray] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return self.objects[name]


def sines(steps: int, channels: int) -> np.ndarray:
    """Return sines of different frequencies, shape (steps, channels)."""
    t = np.arange(steps)[:, None]
    return np.sin(2 * np.pi * t / (50 + 23 * np.arange(channels))) + 0.1 * np.arange(channels)


def masks() -> dict[str, np.ndarray]:
    """Return masks in which some rows share their partners, one is full and one is empty."""
    rng = np.random.default_rng(5)
    partial = rng.random((5, 20)) < 0.5
    partial[3], partial[4] = partial[1], False
    recurrent = rng.random((N_RATES, N_RATES)) < 0.6
    recurrent[2], recurrent[7] = recurrent[1], True
    return {"partial": partial, "recurrent": recurrent}


def build() -> Everything:
    """Build the network on the active device."""
    rng = np.random.default_rng(1)
    b2.defaultclock.dt = DT
    mask = masks()
    neurons = b2.NeuronGroup(
        N_NEURONS,
        """dv/dt = (I_fb + I_in + bias - v)/tau : volt
           dr/dt = -r/(20*ms) : 1
           I_fb : volt
           I_in : volt
           bias : volt (constant)
           fired : integer
           tau : second (constant, shared)""",
        threshold="v > 20*mV",
        reset="v = 0*mV; r += 0.2; fired += 1",
        method="euler",
        name="neurons",
    )
    neurons.tau = 10 * b2.ms
    neurons.v = rng.random(N_NEURONS) * 19 * b2.mV
    neurons.bias = (23 + 4 * rng.random(N_NEURONS)) * b2.mV
    neurons.r = rng.random(N_NEURONS)
    synapses = b2.Synapses(neurons, neurons, "w : volt", on_pre="v_post += w", delay=0.3 * b2.ms, name="synapses")
    pre, post = np.nonzero(rng.random((N_NEURONS, N_NEURONS)) < 0.1)
    synapses.connect(i=pre, j=post)
    synapses.w = 0.3 * rng.standard_normal(len(pre)) * b2.mV
    rates = b2.NeuronGroup(N_RATES, "dx/dt = (-x + tanh(h))/(5*ms) : 1\nh : 1", method="euler", name="rates")
    rates.x = rng.standard_normal(N_RATES)

    goal = Signal(sines(100, 2), periodic=True, name="goal")
    drive = Signal(sines(60, 1) * 2 * b2.mV, first_step=50, name="drive")
    rhythm = Signal(sines(37, 1), periodic=True, name="rhythm")

    weights = {
        "input": rng.random((N_NEURONS, 1)),
        "readout": 0.1 * rng.standard_normal((2, N_NEURONS)),
        "second": 0.1 * rng.standard_normal((3, N_NEURONS)),
        "partial": 0.1 * rng.standard_normal((5, 20)) * mask["partial"],
        "recurrent": 0.5 * rng.standard_normal((N_RATES, N_RATES)) * mask["recurrent"],
        "rate_readout": 0.1 * rng.standard_normal((1, N_RATES)),
        "onward": rng.standard_normal((4, 6)),
    }
    feedback = rng.standard_normal((N_NEURONS, 2)) * b2.mV
    maps = {
        "input": LinearMap(
            drive,
            "value",
            weights=weights["input"],
            target=neurons,
            target_variable="I_in",
            when="start",
            name="input",
        ),
        "readout": LinearMap(neurons, "r", weights=weights["readout"], name="readout"),
        "second": LinearMap(neurons, "r", weights=weights["second"], name="second"),
        "partial": LinearMap(neurons[10:30], "r", weights=weights["partial"], mask=mask["partial"], name="partial"),
        "recurrent": LinearMap(
            rates,
            "x",
            weights=weights["recurrent"],
            mask=mask["recurrent"],
            target=rates,
            target_variable="h",
            name="recurrent",
        ),
        "count": LinearMap(neurons, "fired", weights=np.ones((1, N_NEURONS)), name="count"),
        "nothing": LinearMap(
            neurons, "r", weights=np.ones((2, N_NEURONS)), mask=np.zeros((2, N_NEURONS)), name="nothing"
        ),
        "rate_readout": LinearMap(rates, "x", weights=weights["rate_readout"], name="rate_readout"),
    }
    maps["twin"] = LinearMap(neurons, "r", weights=maps["second"], when="start", name="twin")
    readout = maps["readout"]
    maps["feedback"] = LinearMap(
        readout, "z", weights=feedback, target=neurons, target_variable="I_fb", order=3, name="feedback"
    )
    followers = b2.NeuronGroup(6, "dx/dt = (z - x)/(3*ms) : 1\nz : 1 (linked)", method="exact", name="followers")
    followers.z = b2.linked_var(readout, "z", index=np.arange(6) % 2)
    sinks = b2.NeuronGroup(6, "y : 1", name="sinks")
    maps["onward"] = LinearMap(
        rates[3:9], "x", weights=weights["onward"], target=sinks[1:5], target_variable="y", name="onward"
    )

    rules = {
        "shared": RLS(
            [readout, maps["second"]],
            goal,
            alpha_P=0.5,
            error=["z - y", "0.5*(z - first)"],
            variables={"first": (rhythm, "value")},
            forgetting=0.99,
            update_every=2,
            start=20,
            stop=350,
            name="shared",
        ),
        "undivided": RLS(
            maps["partial"],
            (sinks[0:5], "y"),
            alpha_P=0.02,
            gain="undivided",
            probability=0.4,
            seed=3,
            name="undivided",
        ),
        "kernel": RLS(
            [maps["rate_readout"], maps["recurrent"]],
            rhythm,
            alpha_P=0.3,
            error=["z - y", "z_out - y + 0*z"],
            variables={"z_out": (maps["rate_readout"], "z")},
            update_every=0.5 * b2.ms,
            start=10 * b2.ms,
            name="kernel",
        ),
    }
    monitors = {
        "spikes": b2.SpikeMonitor(neurons, name="spikes"),
        "rate": b2.PopulationRateMonitor(neurons, name="rate"),
        "voltage": b2.StateMonitor(neurons, "v", record=[0, 7], dt=0.5 * b2.ms, name="voltage"),
        "r": Recorder(neurons, "r", name="rec_r"),
        "x": Recorder(rates, "x", name="rec_x"),
        "z": Recorder(readout, "z", name="rec_z"),
        "z_second": Recorder(maps["second"], "z", name="rec_z_second"),
        "z_partial": Recorder(maps["partial"], "z", name="rec_z_partial"),
        "y": Recorder(sinks, "y", name="rec_y"),
        "v": Recorder(neurons[5:25], "v", every=7, indices=[3, 0, 19], name="rec_v"),
    }
    groups = {
        "neurons": neurons,
        "synapses": synapses,
        "rates": rates,
        "followers": followers,
        "sinks": sinks,
    }
    signals = {"goal": goal, "drive": drive, "rhythm": rhythm}
    objects = {**groups, **signals, **maps, **rules, **monitors}
    return Everything(b2.Network(*objects.values()), objects, weights | {"feedback": np.asarray(feedback)})


RULES = ("shared", "undivided", "kernel")
MAPS = ("input", "readout", "second", "partial", "recurrent", "rate_readout", "feedback", "onward")


def gather(net: Everything) -> dict[str, np.ndarray]:
    """Read everything that a run leaves behind, as plain arrays in SI units."""
    found = {
        "spikes.t": net.spikes.t,
        "spikes.i": net.spikes.i,
        "rate.rate": net.rate.rate,
        "voltage.v": net.voltage.v,
        "synapses.w": net.synapses.w,
        "count.z": net.count.z,
        "twin.z": net.twin.z,
        "nothing.z": net.nothing.z,
        "followers.z": net.followers.z,
    }
    for group, variables in {
        "neurons": "v r I_fb I_in",
        "rates": "x h",
        "followers": "x",
        "sinks": "y",
    }.items():
        found |= {f"{group}.{name}": getattr(net.objects[group], name) for name in variables.split()}
    for name, item in net.objects.items():
        if isinstance(item, Recorder):
            found[f"recorded.{name}"] = item.recorded
    found |= {f"{name}.W": net.objects[name].W for name in MAPS}
    for name in RULES:
        matrices = net.objects[name].P
        for b, matrix in enumerate(matrices if isinstance(matrices, list) else [matrices]):
            found[f"{name}.P[{b}]"] = matrix
        found[f"{name}.n_updates"] = net.objects[name].n_updates
    return {name: np.array(value) for name, value in found.items()}


def run(target: Target, steps: int = STEPS) -> tuple[Everything, dict[str, np.ndarray]]:
    """Build and run the network on an active target."""
    net = build()
    target.run(net.network, steps * DT)
    return net, gather(net)


def updates(steps: int, every: int = 1, start: int = 0, stop: int | None = None) -> list[int]:
    """List the steps on which an update falls."""
    return [k for k in range(start, steps if stop is None else min(stop, steps)) if k % every == 0]


def chosen(steps: list[int], seed: int, probability: float) -> list[int]:
    """Keep those steps that chance selects."""
    return [k for k in steps if chance(seed, k) < probability]


def replay(
    x: np.ndarray,
    weights: list[np.ndarray],
    masks: list[np.ndarray],
    error: Callable[[int, list[np.ndarray]], list[np.ndarray]],
    steps: list[int],
    alpha_P: float,
    divided: bool = True,
    forgetting: float = 1.0,
    relaxation: float = 0.0,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Learn again from a recorded x, with dense matrices and one rank-one update after the other.

    Returns
    -------
    z, W, P : list of arrays
        Outputs (steps, rows) and final weights of each map, and P of each set of partners.
    """
    weights = [w.copy() for w in weights]
    rows_of: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for m, mask in enumerate(masks):
        for row, partners in enumerate(mask):
            if partners.any():
                rows_of.setdefault(tuple(np.flatnonzero(partners)), []).append((m, row))
    P = {partners: alpha_P * np.eye(len(partners)) for partners in rows_of}
    outputs: list[list[np.ndarray]] = [[] for _ in weights]
    for k in range(len(x)):
        z = [w @ x[k] for w in weights]
        for output, value in zip(outputs, z, strict=True):
            output.append(value)
        if k not in steps:
            continue
        e = error(k, z)
        for partners, rows in rows_of.items():
            index = list(partners)
            r = x[k][index]
            gain = P[partners] @ r
            c = 1 / (forgetting + r @ gain)
            P[partners] = (P[partners] - c * np.outer(gain, gain)) / forgetting
            P[partners] = (1 - relaxation) * P[partners] + relaxation * alpha_P * np.eye(len(r))
            for m, row in rows:
                weights[m][row, index] -= (c if divided else 1) * e[m][row] * gain
    return [np.array(o) for o in outputs], weights, list(P.values())
