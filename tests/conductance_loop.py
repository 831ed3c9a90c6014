"""Excitatory AdEx and inhibitory LIF neurons with conductances as a plain loop of numpy, of the published equations."""

from __future__ import annotations

import numpy as np


class Adex:
    """Brette & Gerstner (2005), table 1; Euler's method."""

    def __init__(self, v: np.ndarray, dt: float, bias: float) -> None:
        self.v, self.w, self.dt, self.bias = v.copy(), np.zeros(len(v)), dt, bias

    def advance(self, step: int, g_exc: np.ndarray, g_inh: np.ndarray) -> None:
        v, w = self.v, self.w
        leak = 30e-9 * (-70.6e-3 - v)
        upstroke = 30e-9 * 2e-3 * np.exp((v - -50.4e-3) / 2e-3)
        synaptic = g_exc * (0.0 - v) + g_inh * (-75e-3 - v)
        self.v = v + self.dt * (leak + upstroke - w + synaptic + self.bias) / 281e-12
        self.w = w + self.dt * (4e-9 * (v - -70.6e-3) - w) / 144e-3

    def fire(self, step: int) -> np.ndarray:
        spikes = self.v > 20e-3
        self.v[spikes] = -70.6e-3
        self.w[spikes] += 80.5e-12
        return spikes


class LifConductance:
    """Benchmark 1 of Brette et al. (2007): exact for conductances that are constant within a step; 5 ms of rest."""

    def __init__(self, v: np.ndarray, dt: float, bias: float) -> None:
        self.v, self.dt, self.bias = v.copy(), dt, bias
        self.last = np.full(len(v), -(10**6))
        self.free = np.ones(len(v), bool)

    def advance(self, step: int, g_exc: np.ndarray, g_inh: np.ndarray) -> None:
        self.free = step - self.last >= round(5e-3 / self.dt)
        g = 10e-9 + g_exc + g_inh
        v_inf = (10e-9 * -60e-3 + g_exc * 0.0 + g_inh * -80e-3 + self.bias) / g
        self.v = np.where(self.free, v_inf + (self.v - v_inf) * np.exp(-self.dt * g / 200e-12), self.v)

    def fire(self, step: int) -> np.ndarray:
        spikes = (self.v > -50e-3) & self.free
        self.last[spikes], self.v[spikes] = step, -60e-3
        return spikes


def conductance_network(v, weights, delays, dt, steps, bias):
    """Run exc (AdEx) and inh (LIF); AMPA decays in 5 ms, GABA-A in 10 ms.

    Parameters
    ----------
    v, bias : dict of str to array and float
        First voltages, and constant currents.
    weights : dict of (pre, post) to array, shape (n_pre, n_post)
        In siemens.
    delays : dict of (pre, post) to int, or to array of int, shape (n_pre, n_post)
        In steps; those that are not named are 0.

    Returns
    -------
    spikes : array of (step, neuron), inh counted after exc
    traces : array, shape (steps, 2)
        Voltage of the first exc neuron, and excitatory conductance of the first inh neuron, at the end of each step.
    """
    cells = {"exc": Adex(v["exc"], dt, bias["exc"]), "inh": LifConductance(v["inh"], dt, bias["inh"])}
    tau = {"exc": 5e-3, "inh": 10e-3}
    g = {(kind, name): np.zeros(len(v[name])) for kind in tau for name in v}
    to_come = {name: {kind: np.zeros((steps + 200, len(v[name]))) for kind in tau} for name in v}
    spikes, traces = [], np.empty((steps, 2))
    for step in range(steps):
        for name, cell in cells.items():
            cell.advance(step, g["exc", name], g["inh", name])
        for (kind, _), conductance in g.items():
            conductance *= np.exp(-dt / tau[kind])
        fired = {name: cell.fire(step) for name, cell in cells.items()}
        for (pre, post), w in weights.items():
            delay = np.broadcast_to(delays.get((pre, post), 0), w.shape)
            for i in np.flatnonzero(fired[pre]):
                np.add.at(to_come[post][pre], (step + delay[i], np.arange(w.shape[1])), w[i])
        for name in v:
            for kind in tau:
                g[kind, name] += to_come[name][kind][step]
        spikes += [(step, i) for i in np.flatnonzero(np.concatenate([fired["exc"], fired["inh"]]))]
        traces[step] = cells["exc"].v[0], g["exc", "inh"][0]
    return np.array(spikes), traces
