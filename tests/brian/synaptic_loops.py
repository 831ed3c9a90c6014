"""Plain numpy loops of networks with Synapses that learn: no line of the package, and none of Brian2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Rls:
    """Recursive least squares of rows of synapses: those with the same sources share one P.

    `P0` gives the first P of some sources; with `own`, no two rows share theirs.
    """

    def __init__(
        self, pre: Any, post: Any, n_post: int, P0: Callable[[np.ndarray], np.ndarray], learns: Any = True,
        own: bool = False,
    ) -> None:  # fmt: skip
        order = np.lexsort((pre, post))
        learns = np.broadcast_to(learns, len(pre))
        self.rows = [order[(post[order] == row) & learns[order]] for row in range(n_post)]
        self.pre = pre
        self.key = [(i if own else None, *pre[row].tolist()) for i, row in enumerate(self.rows)]
        self.P = {}
        for key, row in zip(self.key, self.rows, strict=True):
            if len(row):
                self.P.setdefault(key, P0(pre[row]))

    def z(self, w: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return the output of each row, from the rate of each synapse."""
        return np.array([w[row] @ rate[row] for row in self.rows])

    def update(self, w: np.ndarray, rate: np.ndarray, error: np.ndarray, sign: Any = None, factor: Any = 1.0) -> None:
        """Change w and P; weights of the wrong sign, one a synapse, become 0."""
        gains = {}
        for key, row in zip(self.key, self.rows, strict=True):
            if len(row) and key not in gains:
                P, x = self.P[key], rate[row]
                k = P @ x
                gains[key] = k / (1 + x @ k)
                P -= np.outer(gains[key], k)
        speed = np.broadcast_to(factor, len(w))
        for key, row, e in zip(self.key, self.rows, error, strict=True):
            if len(row):
                w[row] -= e * gains[key] * speed[row]
                if sign is not None:
                    w[row] = np.where(w[row] * sign[row] < 0, 0, w[row])


class Arrivals:
    """Synapses that spikes reach, each after a delay of its own in steps."""

    def __init__(self, steps: int, pre: np.ndarray, delay: Any) -> None:
        self.pre, self.delay = pre, np.broadcast_to(delay, len(pre))
        self.waiting: list[list[int]] = [[] for _ in range(steps + int(self.delay.max()) + 1)]

    def of(self, step: int, spikes: np.ndarray) -> list[int]:
        """Take the spikes of a step; return the synapses that something arrives at in it."""
        for synapse in np.flatnonzero(np.isin(self.pre, spikes)):
            self.waiting[step + self.delay[synapse]].append(int(synapse))
        return self.waiting[step]


class Drive:
    """Neurons that spike at rates of their own, with a trace that decays by Euler steps."""

    def __init__(self, rates: np.ndarray, dt: float, tau: float) -> None:
        self.step_of_v, self.v, self.r, self.decay = dt * rates, np.linspace(0, 0.9, len(rates)), 0 * rates, dt / tau

    def spikes(self) -> np.ndarray:
        """Advance, and return who spikes."""
        self.v, self.r = self.v + self.step_of_v, self.r - self.r * self.decay
        return np.flatnonzero(self.v > 1)

    def reset(self, spikes: np.ndarray) -> None:
        """Set v back, and count the spikes."""
        self.v[spikes] = 0
        self.r[spikes] += 1
