"""FORCE with P stored in half width: what is left of the learned output after 100,000 updates.

    python benchmarks/half_width.py [--n 300] [--sines 1] [--alpha 1 0.01] [--storage float16 ...] [--seeds 0 1 2]

Network, schedule and supervisor are those of sussillo_abbott_2009/four_sines, with the first of its sines or all four.
Everything is computed in float32. As in the C++ kernel up to eight terms wait until they are applied together; only
then are the numbers of P rounded. P is stored divided by alpha_P, within the range of float16. A storage is float32,
float16 or bfloat16, rounded to nearest; with `+chance`, up or down by chance, without bias; with `+diagonal`, the
diagonal alone keeps float32.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

STORAGES = ["float32", "float16", "bfloat16", "float16+chance", "bfloat16+chance", "float16+diagonal"]
DROPPED = {"float32": 0, "float16": 13, "bfloat16": 16}  # of the 23 bits of a fraction
WAITING, EVERY, DT_OVER_TAU = 8, 2, np.float32(0.1)


class Found(NamedTuple):
    """Mean absolute errors of the output while learning and with frozen weights, and the least k'r since the last."""

    updates: int
    learning: float
    frozen: float
    least_kr: float


def rounding(storage: str, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that rounds a symmetric matrix as a storage does."""
    kind, *options = storage.split("+")
    bits = DROPPED[kind]
    if bits == 0:
        return lambda P: P

    def rounded(P: np.ndarray) -> np.ndarray:
        number = np.ascontiguousarray((P + P.T) / 2, np.float32).view(np.uint32)
        if "chance" in options:
            add = np.tril(rng.integers(0, 1 << bits, P.shape, np.uint32))
            add += np.tril(add, -1).T
        else:
            add = (number >> np.uint32(bits) & np.uint32(1)) + np.uint32((1 << bits - 1) - 1)
        found = (number + add & ~np.uint32((1 << bits) - 1)).view(np.float32)
        if "diagonal" in options:
            np.fill_diagonal(found, P.diagonal())
        return found

    return rounded


class Network:
    """Rate units with a readout that is fed back."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        std = 1.5 / np.sqrt(0.1 * n)
        self.J = (std * rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.1)).astype(np.float32)
        self.feedback = (2 * rng.random(n) - 1).astype(np.float32)
        self.a = (0.5 * rng.standard_normal(n)).astype(np.float32)
        self.w, self.z = np.zeros(n, np.float32), np.float32(0.5 * rng.standard_normal())

    def step(self) -> np.ndarray:
        """Advance by a step; return the rates."""
        self.a = self.a + DT_OVER_TAU * (self.J @ np.tanh(self.a) + self.feedback * self.z - self.a)
        r = np.tanh(self.a)
        self.z = self.w @ r
        return r

    def frozen_error(self, y: np.ndarray) -> float:
        """Return the error of the output over some steps without learning, after which all is as before."""
        a, z, error = self.a, self.z, 0.0
        for target in y:
            self.step()
            error += abs(float(self.z - target))
        self.a, self.z = a, z
        return error / len(y)


def learn(n: int, sines: int, alpha: float, storage: str, updates: int, seed: int) -> Iterator[Found]:
    """Let a network learn, and yield what is found after a tenth of the updates, three tenths, and all.

    It ends with errors that are no numbers where 1 + k'r is not positive any more.
    """
    net, rounded = Network(n, np.random.default_rng(seed)), rounding(storage, np.random.default_rng([seed, 1]))
    t = 1e-3 / 1.2 * np.arange(EVERY * updates + 2400)
    y = sum(a * np.sin(2 * np.pi * (k + 1) * t) for k, a in enumerate([1, 1 / 2, 1 / 6, 1 / 3][:sines]))
    y = (1.3 / 1.5 * y).astype(np.float32)
    P, K, c, waiting = np.eye(n, dtype=np.float32), np.zeros((WAITING, n), np.float32), np.zeros(WAITING, np.float32), 0
    error, steps, least = 0.0, 0, np.inf
    for step in range(EVERY * updates):
        r = net.step()
        error, steps = error + abs(float(net.z - y[step])), steps + 1
        if step % EVERY:
            continue
        if waiting == WAITING:
            P, waiting = rounded(P - (K.T * (c / np.float32(alpha))) @ K), 0
        k = np.float32(alpha) * (P @ r) - K[:waiting].T @ (c[:waiting] * (K[:waiting] @ r))
        kr = k @ r
        least, done = min(least, float(kr)), step // EVERY + 1
        if not 1 + kr > 0:
            yield Found(done, np.nan, np.nan, least)
            return
        K[waiting], c[waiting] = k, 1 / (1 + kr)
        net.w = net.w - c[waiting] * (net.z - y[step]) * k
        waiting += 1
        if done in (updates // 10, 3 * updates // 10, updates):
            yield Found(done, error / steps, net.frozen_error(y[step + 1 : step + 2401]), least)
            error, steps, least = 0.0, 0, np.inf


def main() -> None:
    """Run, and print a line for each time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--sines", type=int, default=1, choices=[1, 2, 3, 4])
    parser.add_argument("--alpha", type=float, nargs="+", default=[1.0, 0.01])
    parser.add_argument("--storage", nargs="+", default=STORAGES)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    a = parser.parse_args()
    print(f"{'seed':>4} {'alpha_P':>8} {'storage':17} {'updates':>8} {'learning':>9} {'frozen':>9} {'least kr':>9}")
    for seed in a.seeds:
        for alpha in a.alpha:
            for storage in a.storage:
                for found in learn(a.n, a.sines, alpha, storage, a.updates, seed):
                    numbers = f"{found.learning:9.2e} {found.frozen:9.2e} {found.least_kr:9.1e}"
                    print(f"{seed:4d} {alpha:8g} {storage:17} {found.updates:8d} {numbers}", flush=True)


if __name__ == "__main__":
    main()
