"""Networks of populations as a plain loop of numpy, which knows nothing of the package."""

from __future__ import annotations

import numpy as np


class Lif:
    """The neuron of lif.toml, Euler's method."""

    def __init__(self, v: np.ndarray, dt: float) -> None:
        self.v, self.last, self.dt, self.rate_time = v.copy(), np.full(len(v), -dt), dt, 1.0

    def advance(self, t: float, current: np.ndarray) -> None:
        free = t > self.last + 2e-3
        self.v = self.v + self.dt * free * (-40e-3 + current - self.v) / 10e-3

    def fire(self, t: float) -> np.ndarray:
        spikes = self.v >= -40e-3
        self.last[spikes], self.v[spikes] = t, -65e-3
        return spikes


class Izhikevich:
    """The neuron of izhikevich.toml, Euler's method."""

    def __init__(self, v: np.ndarray, dt: float) -> None:
        self.v, self.u, self.dt, self.rate_time = v.copy(), np.zeros(len(v)), dt, 1e-3

    def advance(self, t: float, current: np.ndarray) -> None:
        v, u, b, k = self.v, self.u, -2e-9, 2.5e-6
        v_r, v_t = -60e-3, -60e-3 + 40e-3 - b / k
        self.v = v + self.dt * (k * (v - v_r) * (v - v_t) - u + 1000e-12 + current) / 250e-12
        self.u = u + self.dt * 10.0 * (b * (v - v_r) - u)

    def fire(self, t: float) -> np.ndarray:
        spikes = self.v >= 30e-3
        self.u[spikes] += 200e-12
        self.v[spikes] = -65e-3
        return spikes


class DoubleExponential:
    """A filter of spikes that rises in 2 ms and decays in `tau`."""

    def __init__(self, n: int, dt: float, tau: float = 20e-3) -> None:
        self.x, self.h, self.dt, self.tau = np.zeros(n), np.zeros(n), dt, tau

    def advance(self) -> None:
        self.x = self.x * np.exp(-self.dt / 2e-3) + self.dt * self.h
        self.h = self.h * np.exp(-self.dt / self.tau)

    def add(self, amount: np.ndarray) -> None:
        self.h = self.h + amount / (2e-3 * self.tau)


class LeastSquares:
    """FORCE on outputs z = W r."""

    def __init__(self, n: int, n_outputs: int, alpha: float) -> None:
        self.P, self.W = alpha * np.eye(n), np.zeros((n_outputs, n))

    def learn(self, r: np.ndarray, error: np.ndarray) -> None:
        k = self.P @ r
        c = 1 / (1 + r @ k)
        self.P -= c * np.outer(k, k)
        self.W -= c * np.outer(error, k)


def two_populations(v, weights, feedback, y, dt, every, alpha):
    """Run an Izhikevich and a LIF population with FORCE on both; feedback goes to the first.

    Parameters
    ----------
    v : dict of str to array
        First voltages of exc and inh.
    weights : dict of (pre, post) to array, shape (n_pre, n_post)
        In amperes into exc, in volts into inh.

    Returns
    -------
    spikes : array of (step, neuron), inh counted after exc
    z : array, shape (steps, outputs)
    """
    cells = {"exc": Izhikevich(v["exc"], dt), "inh": Lif(v["inh"], dt)}
    sizes = {name: len(voltage) for name, voltage in v.items()}
    received = {name: DoubleExponential(n, dt) for name, n in sizes.items()}
    traces = {name: DoubleExponential(n, dt) for name, n in sizes.items()}
    rls = LeastSquares(sum(sizes.values()), y.shape[1], alpha)
    fed_back, spikes, outputs = np.zeros(sizes["exc"]), [], []
    for step in range(len(y)):
        t = step * dt
        for name, cell in cells.items():
            cell.advance(t, received[name].x + (fed_back if name == "exc" else 0.0))
        for each in (*received.values(), *traces.values()):
            each.advance()
        fired = {name: cell.fire(t) for name, cell in cells.items()}
        for (pre, post), w in weights.items():
            received[post].add(fired[pre] @ w * cells[pre].rate_time)
        for name, cell in cells.items():
            traces[name].add(fired[name] * cell.rate_time)
        spikes += [(step, i) for i in np.flatnonzero(np.concatenate([fired["exc"], fired["inh"]]))]
        r = np.concatenate([traces["exc"].x, traces["inh"].x])
        z = rls.W @ r
        if step % every == 0:
            rls.learn(r, z - y[step])
        outputs.append(z)
        fed_back = feedback.T @ z
    return np.array(spikes), np.array(outputs)
