"""A recording becomes a network: time and correlation with the true weights, beside goal, published figure and floor.

    python benchmarks/recording.py [pass 1a 1b 1c large] [--seeds 5] [--json FILE]

`pass` is one pass of teacher-forced recursive least squares over 200 units and 3000 samples. The others are the
convex fit of CORNN's cases (Dinc et al. 2023, doi:10.48550/arXiv.2311.10200), simulated from their description: the
published correlation is that of one network, ours are the median and the least of several. `large` (5000 units) is
simulated as 30 trials of 1000 samples, since one trial of 30,000 takes minutes to simulate, and fitted with two
iterations.

The floor is the time of the matrix products alone that the same fit makes: X'X once, and two of the size of the
recording for each iteration, in the same run. Times are the shortest of three fits of each of the networks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tension_sim.regression.cross_entropy import ConvexOptions
from tension_sim.regression.dynamics import Dynamics
from tension_sim.regression.one_step import OneStep
from tension_sim.regression.weights import Fitting, fit_weights
from tension_sim.tasks.rate_network import rate_network

LOW = {"input_noise": 0.01, "rate_noise": 1e-4}
HIGH = {"input_noise": 0.1, "rate_noise": 1e-5}
#: Units, samples of a trial, trials, noise, goal for r, goal in seconds, published (r and seconds).
CASES: dict[str, tuple[int, int, int, dict[str, float], float | None, float, str]] = {
    "pass": (200, 3000, 1, LOW, None, 0.03, "FORCE .890 in 4.6 s"),
    "1a": (200, 3000, 1, LOW, 0.9876, 0.3, ".9876 in 1.06 s"),
    "1b": (200, 3000, 1, HIGH, 0.975, 0.3, ".975 in .60 s"),
    "1c": (500, 10000, 1, HIGH, 0.9898, 2.0, ".9898 in 1.1 s"),
    "large": (5000, 1000, 30, HIGH, None, 90.0, ""),
}


def seconds(function: Callable[[], Any]) -> float:
    """Return the time of a call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def floor(pairs: OneStep, iterations: int) -> float:
    """Return the time of the matrix products alone; recursive least squares makes one more with X' in double."""
    x, targets = pairs.x, pairs.response
    if iterations == 0:
        return min(seconds(lambda: (x.T @ x, x.T @ targets)) for _ in range(5))
    x32, targets32 = x.astype(np.float32), targets.astype(np.float32)
    weights = np.ones((x.shape[1], targets.shape[1]), np.float32)
    few = 3 if len(x) * x.shape[1] < 10**7 else 1
    both = min(seconds(lambda: (x32 @ weights, x32.T @ targets32)) for _ in range(few))
    return min(seconds(lambda: x.T @ x) for _ in range(few)) + iterations * both


def measure(name: str, seeds: int) -> dict[str, Any]:
    """Fit some networks of a case; return its row."""
    n, samples, trials, noise, goal, limit, published = CASES[name]
    large = name == "large"
    options = ConvexOptions(iterations=2) if large else ConvexOptions()
    fitting = Fitting("teacher_forced" if name == "pass" else "convex", convex=options)
    everything, off = np.ones((n, n), bool), ~np.eye(n, dtype=bool)
    dynamics, begins = Dynamics.of("rate", 0.1, 1), tuple(samples * k for k in range(trials))
    times, found, iterations = [], [], 0
    for seed in range(1 if large else seeds):
        rates, J = rate_network(np.random.default_rng(seed), n, samples, trials=trials, **noise)
        for _ in range(1 if large else 3):
            begin = time.perf_counter()
            pairs = OneStep.of(rates, dynamics, begins)
            fit = fit_weights(pairs, np.zeros((n, n)), everything, fitting)
            times.append(time.perf_counter() - begin)
        found.append(float(np.corrcoef(fit.weights[off], J[off])[0, 1]))
        iterations = max(iterations, fit.iterations)
    least = floor(pairs, 0 if name == "pass" else iterations)
    row: dict[str, Any] = {"case": name, "n": n, "samples": samples * trials, "seconds": min(times)}
    row |= {"goal_seconds": limit, "floor_seconds": least, "iterations": iterations, "published": published}
    row |= {"r": statistics.median(found), "least_r": min(found), "goal_r": goal}
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=["pass", "1a", "1b", "1c"], metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=5, help="networks of each case (default 5; large: 1)")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    arguments = parser.parse_args()
    print(f"{'case':6s} {'N':>5s} {'T':>6s} {'s':>8s} {'goal':>6s} {'floor':>7s} {'iter':>4s} {'r':>7s} {'least':>7s} "
          f"{'goal':>6s}  published")  # fmt: skip
    rows = []
    for name in arguments.cases:
        row = measure(name, arguments.seeds)
        goal = "" if row["goal_r"] is None else f"{row['goal_r']:.4f}"
        print(f"{name:6s} {row['n']:5d} {row['samples']:6d} {row['seconds']:8.4f} {row['goal_seconds']:6.2f} "
              f"{row['floor_seconds']:7.4f} {row['iterations']:4d} {row['r']:7.4f} {row['least_r']:7.4f} {goal:>6s}  "
              f"{row['published']}", flush=True)  # fmt: skip
        rows.append(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
