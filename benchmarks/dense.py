"""One time step of dense rate networks with FORCE, beside the same step in a jitted JAX scan and its floors.

    python benchmarks/dense.py [400 1000 2000] [--full 400] [--rounds 5] [--threads 2] [--json FILE]

Everything is float32 and runs in turns in one process. JAX (pip install jax; optional) takes all cores, and so do we
unless --threads says otherwise. A step is: r = tanh(a) after one Euler step, z = w r, and recursive least squares on w.
JAX holds P in full, as a scan written by hand does. Times are differences between two lengths of run, the best of some
rounds: a neighbour on the machine slows single rounds. sgemv is numpy's product J r, of OpenBLAS on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from tension_sim import ForceNetwork, Learning, Plastic, Record, Simulation, SparseKernel, TargetNetwork
from tension_sim.system.cores import free_cores

DT, TAU = 1e-3, 1e-2


def weights(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the recurrent weights, from row to column, and those of the feedback."""
    rng = np.random.default_rng(1)
    return 1.5 / np.sqrt(n) * rng.standard_normal((n, n)), rng.uniform(-1, 1, (1, n))


def force(n: int, learning: bool) -> ForceNetwork:
    """Return a network whose readout learns, or does not."""
    J, feedback = weights(n)
    return ForceNetwork(
        "echo_state", None, n, f"{DT}*second", SparseKernel.from_dense(J), feedback, np.zeros((n, 1)),
        dtype="float32", learning=Learning(alpha_P=1.0) if learning else None,
    )  # fmt: skip


def full_force(n: int) -> ForceNetwork:
    """Return a full-FORCE network: all recurrent weights and the readout learn, with one P."""
    J, feedback = weights(n)
    learning = Learning(alpha_P=1.0)
    return ForceNetwork(
        "echo_state", None, n, f"{DT}*second", None, None, np.zeros((n, 1)), dtype="float32", learning=learning,
        plastic=Plastic(np.zeros((n, n)), learning, error="target_network"),
        target_network=TargetNetwork("echo_state", J, feedback),
    )  # fmt: skip


def jax_force(n: int, learning: bool) -> Callable[[np.ndarray], None]:
    """Return a function that runs the same network as a jitted scan in JAX."""
    import jax
    import jax.numpy as jnp

    J, feedback = (jnp.asarray(each.T, jnp.float32) for each in weights(n))

    def step(carry: Any, y: Any) -> Any:
        a, r, w, P, z = carry
        a = a + DT / TAU * (J @ r + feedback[:, 0] * z - a)
        r = jnp.tanh(a)
        z = w @ r
        if learning:
            k = P @ r
            c = 1 / (1 + r @ k)
            P = P - c * jnp.outer(k, k)
            w = w - c * (z - y) * k
        return (a, r, w, P, z), z

    scan = jax.jit(lambda carry, y: jax.lax.scan(step, carry, y))
    a = jnp.asarray(0.25 * np.random.default_rng(2).standard_normal(n), jnp.float32)
    start = (a, jnp.tanh(a), jnp.zeros(n, jnp.float32), jnp.eye(n, dtype=jnp.float32), jnp.float32(0))
    return lambda y: jax.block_until_ready(scan(start, jnp.asarray(y, jnp.float32)))


def compiled(net: ForceNetwork, threads: int | None) -> Callable[[np.ndarray], None]:
    """Return a function that runs a network in C++."""
    simulation = Simulation(net, target="cpp_standalone", record=Record(every=1000), threads=threads)
    simulation.build()
    return lambda y: simulation.run(y)


def sgemv(n: int) -> Callable[[np.ndarray], None]:
    """Return a function that multiplies once a step."""
    J, x, y = weights(n)[0].astype(np.float32), np.ones(n, np.float32), np.empty(n, np.float32)

    def run(rows: np.ndarray) -> None:
        for _ in rows:
            np.dot(J, x, out=y)

    return run


def measured(runs: dict[str, Callable[[np.ndarray], None]], n: int, rounds: int) -> dict[str, float]:
    """Return milliseconds of a step of each, in turns."""
    many = int(np.clip(6e8 / n**2, 200, 6000))
    few = many // 5
    y = np.sin(np.arange(many) / 30)
    best: dict[str, list[float]] = {}
    for each in runs.values():
        each(y[:few])
        each(y)
    for _ in range(rounds):
        for name, each in runs.items():
            times = []
            for steps in (few, many):
                begin = time.perf_counter()
                each(y[:steps])
                times.append(time.perf_counter() - begin)
            least = best.setdefault(name, [np.inf, np.inf])
            best[name] = [min(pair) for pair in zip(least, times, strict=True)]
    return {name: (long - short) / (many - few) * 1e3 for name, (short, long) in best.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[400, 1000, 2000])
    parser.add_argument("--full", type=int, nargs="*", default=[400], help="sizes of full-FORCE, without a competitor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="by default as many as a run chooses")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    a = parser.parse_args()
    try:
        import jax

        print(f"JAX {jax.__version__}, {free_cores()} cores, float32; ms a step")
    except ImportError:
        jax_force_of = None
        print("without JAX: pip install jax")
    else:
        jax_force_of = jax_force
    found = []
    for n in a.sizes:
        runs = {}
        for what, learning in (("FORCE", True), ("without learning", False)):
            runs[what] = compiled(force(n, learning), a.threads)
            runs[f"{what}, one thread"] = compiled(force(n, learning), 1)
            if jax_force_of is not None:
                runs[f"{what}, JAX"] = jax_force_of(n, learning)
        runs["sgemv"] = sgemv(n)
        found.append({"n": n, **measured(runs, n, a.rounds)})
        line = ", ".join(f"{name} {value:.4f}" for name, value in list(found[-1].items())[1:])
        faster = found[-1].get("FORCE, JAX", np.nan) / found[-1]["FORCE"]
        print(f"N = {n}: {line}; {faster:.2f}x JAX", flush=True)
    for n in a.full:
        runs = {"full-FORCE": compiled(full_force(n), a.threads), "one thread": compiled(full_force(n), 1)}
        found.append({"n": n, **measured(runs, n, a.rounds)})
        print(f"N = {n}: " + ", ".join(f"{name} {value:.4f}" for name, value in list(found[-1].items())[1:]))
    if a.json:
        a.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
