"""A million updates with each way to forget: what becomes of P and of the error, and what an update takes.

    python benchmarks/forgetting.py [--updates 1000000] [--n 100] [--dtype float32] [--json FILE]
    python benchmarks/forgetting.py --time 100 400 1000 [--rounds 5]

Rate units learn a sine of 20 steps per radian, whose frequency stays, or drifts by a fifth within 100,000 steps. The
error is the root mean square over the last fifth. A run that ends in a divergence says after how many updates. The
table in docs/theory/force.md is the first one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from tension_sim import ForceNetwork, Learning, Record, Simulation, SparseKernel
from tension_sim.circuit.triangles import unpack
from tension_sim.errors import DivergenceError

SETTINGS: list[dict[str, float]] = [
    {},
    *({"forgetting": value} for value in (0.9999, 0.999, 0.99)),
    *({"relaxation": value} for value in (1e-6, 1e-5, 1e-4)),
]
ALPHA = 1.0


def network(n: int, dtype: str, options: dict[str, float]) -> ForceNetwork:
    """Return rate units with feedback of a readout that learns."""
    rng = np.random.default_rng(1)
    J = SparseKernel.from_dense(1.5 / np.sqrt(n) * rng.standard_normal((n, n)))
    learning = Learning(alpha_P=ALPHA, **options)  # type: ignore[arg-type]
    feedback, output = rng.uniform(-1, 1, (1, n)), np.zeros((n, 1))
    return ForceNetwork("echo_state", None, n, 1e-3, J, feedback, output, dtype=dtype, learning=learning)


def target(updates: int, drifts: bool) -> np.ndarray:
    """Return a sine whose frequency stays or drifts."""
    steps = np.arange(updates)
    frequency = 1 + 0.2 * drifts * np.sin(2 * np.pi * steps / 1e5)
    return np.sin(np.cumsum(frequency) / 20)


def eigenvalues(state: dict[str, Any], n: int) -> np.ndarray:
    """Return those of P, with the terms that wait."""
    P = unpack(np.asarray(state["rls.P_packed"], np.float64), n)
    count = int(np.ravel(state["rls.pending"])[0])
    k = np.asarray(state["rls.pending_k"], np.float64).reshape(-1, n)[:count]
    P = P - (k.T * np.asarray(state["rls.pending_c"], np.float64)[:count]) @ k
    return np.linalg.eigvalsh(float(np.ravel(state["rls.P_scale"])[0]) * P)


def lasting(n: int, updates: int, dtypes: list[str]) -> list[dict[str, Any]]:
    """Run each setting in both types with both targets."""
    rows = []
    for dtype in dtypes:
        for options in SETTINGS:
            row: dict[str, Any] = {"setting": options, "dtype": dtype}
            for name, drifts in (("steady", False), ("drifting", True)):
                y = target(updates, drifts)
                try:
                    results = Simulation(network(n, dtype, options)).run(y)
                except DivergenceError as stopped:
                    row[name] = f"diverges after {stopped.results.n_steps:,}"  # type: ignore[union-attr]
                    continue
                late = slice(updates * 4 // 5, None)
                row[name] = float(np.sqrt(np.mean((results.output[late, 0] - y[late]) ** 2)))
                values = eigenvalues(results.state, n)
                row[f"{name}_eigenvalues"] = [float(values[0]), float(values[-1])]
            rows.append(row)
            print(line(row), flush=True)
    return rows


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    setting = ", ".join(f"{key} = {value:g}" for key, value in row["setting"].items()) or "forgetting = 1"
    errors = [row[name] if isinstance(row[name], str) else f"{row[name]:.2g}" for name in ("steady", "drifting")]
    smallest, largest = row.get("steady_eigenvalues", [np.nan, np.nan])
    return f"| {setting} | {row['dtype']} | {errors[0]} | {errors[1]} | {smallest:.2g} | {largest / ALPHA:.6g} |"


def timed(sizes: list[int], rounds: int) -> list[dict[str, Any]]:
    """Return microseconds of a step with each way to forget, in turns, the least of some rounds."""
    rows = []
    for n in sizes:
        steps = int(np.clip(4e9 / n**2 / 10, 500, 100_000))
        y = target(2 * steps, False)
        runs = {}
        for key, options in {"plain": SETTINGS[0], "forgetting": SETTINGS[1], "relaxation": SETTINGS[-1]}.items():
            runs[key] = Simulation(network(n, "float32", options), record=Record(every=1000))
            runs[key].run(y[:100])
        best = {key: [np.inf, np.inf] for key in runs}
        for _ in range(rounds):
            for key, simulation in runs.items():
                for place, count in enumerate((steps // 5, steps)):
                    begin = time.perf_counter()
                    simulation.run(y[:count])
                    best[key][place] = min(best[key][place], time.perf_counter() - begin)
        row = {key: (long - short) / (steps - steps // 5) * 1e6 for key, (short, long) in best.items()}
        rows.append({"n": n} | row)
        ratios = ", ".join(f"{key} {value:.2f} us ({value / row['plain']:.2f})" for key, value in row.items())
        print(f"N = {n}: {ratios}", flush=True)
    return rows


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--dtype", choices=["float64", "float32"], help="of one type only")
    parser.add_argument("--time", type=int, nargs="+", metavar="N", help="time a step with N units instead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    arguments = parser.parse_args()
    if arguments.time:
        rows = timed(arguments.time, arguments.rounds)
    else:
        print("| setting | type | error | error, drifting | smallest eigenvalue of P | largest, over alpha_P |")
        print("|---|---|---|---|---|---|")
        dtypes = [arguments.dtype] if arguments.dtype else ["float64", "float32"]
        rows = lasting(arguments.n, arguments.updates, dtypes)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
