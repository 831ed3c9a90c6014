"""Recursive least squares on sparse spiking recurrence: memory of P, time of a step, updates beside their floor.

    python benchmarks/sparse.py [--n 10000] [--k 512] [--plastic 90] [--threads 2] [--json FILE]

A balanced network as in TrainSpikingNet.jl (Arthur et al. 2023), with 2 K static targets of each neuron, and
as many plastic inputs of each. The time of a step is that of a long run less that of a short one; the time of
an update that of runs with learning less that of those without; both as elapsed time, and as time of all cores,
which other programs on the machine hardly change. The floor is one read and one write of the packed blocks by a
plain C++ loop (benchmarks/rls_floor.cpp), on one thread, in its own time too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rls import build, environment, flags

from tension_sim import FittedNetwork, Learning, Record, Simulation, SparseKernel
from tension_sim.protocols._balanced import draw_plastic, draw_static

PUBLISHED_STEP_MS = 0.195  # N = 10,000, K = 512, L = 45 + 45, eight threads


def network(n: int, k: int, plastic: int, dtype: str, every: int) -> FittedNetwork:
    """Draw the network, all of whose neurons learn."""
    rng = np.random.default_rng(1)
    size = {"n": n, "K": k}
    size |= {"excitatory_to_excitatory": 3, "excitatory_to_inhibitory": 20}
    size |= {"inhibitory_to_excitatory": -15, "inhibitory_to_inhibitory": -20}
    each = plastic // 2
    weight = 10 / np.sqrt(each)
    inputs = {"excitatory": each, "inhibitory": each, "feedforward": 0}
    inputs |= {"weight_excitatory": weight, "weight_inhibitory": -weight}
    bias = np.sqrt(k) * np.where(np.arange(n) < n // 2, 0.12, 0.08)
    return FittedNetwork(
        "lif_normalized",
        "euler_exponential",
        "euler_exponential",
        n,
        "0.1*ms",
        draw_static(size, rng),
        draw_plastic(size, inputs, n, rng),
        Learning(alpha_P=1.25, update_every=every, start=1),
        input_kernel=SparseKernel(1, np.zeros(n, int), np.arange(n), bias, n),
        error="synaptic_input",
        groups=np.repeat([0, 1], [n // 2, n - n // 2]),
        row_sum=[0.01, 0.01],
        parameters={"tau_ref": "0.1*ms", "tau_decay_plastic": "150*ms"},
        dtype=dtype,
        seed=1,
    )


def floor_ms(blocks: int, n: int, dtype: str, seconds: float) -> dict[str, float]:
    """Time the floor, and the bare update of the same blocks, in one process; time of one core, not elapsed."""
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), [*flags(), "-DRLS_FLOOR_CPU_TIME"])
        command = [str(program), "d" if dtype == "float64" else "f", str(seconds), "1", f"{blocks}x{n}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(1))
        return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--k", type=int, default=512)
    parser.add_argument("--plastic", type=int, default=90, help="plastic inputs of each neuron")
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float32")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int, default=4000, help="of the long run")
    parser.add_argument("--every", type=int, default=100, help="steps between updates")
    parser.add_argument("--seconds", type=float, default=3.0, help="to time the floor")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    a = parser.parse_args()
    began = time.perf_counter()
    net = network(a.n, a.k, a.plastic, a.dtype, a.every)
    found = {"n": a.n, "K": a.k, "plastic": a.plastic, "dtype": a.dtype, "threads": a.threads}
    found["seconds_to_draw"] = time.perf_counter() - began
    simulation = Simulation(net, target="cpp_standalone", record=Record(every=a.steps), threads=a.threads)
    began = time.perf_counter()
    simulation.build()
    found["seconds_to_build"] = time.perf_counter() - began
    rows = a.steps // a.every

    def run(steps: int, learning: bool) -> np.ndarray:
        """Return elapsed seconds, and seconds of all cores."""
        y = np.zeros((rows, a.n), np.float32) if learning else None
        x = np.ones((rows, 1))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        results = simulation.run(y, x, steps=steps, every={"y": a.every, "x": a.every}, learning=learning)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found["P_bytes"] = results.state["rls.P_packed"].nbytes
        if not learning and steps == a.steps:
            found["rate_hz"] = len(results.spike_step) / a.n / (steps * net.dt)
        cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return np.array([results.timings["run"], cores])

    run(a.every, False)  # the first one finds nothing in the machine's caches
    short, long = run(a.every, False), run(a.steps, False)
    # the first update makes P(0) as well, and is left out
    few = run(2 * a.every, True) - run(2 * a.every, False)
    many = run(a.steps, True) - long
    found["seconds_of_a_run_besides"] = float(short[1])
    for k, suffix in enumerate(("", "_of_all_cores")):
        found[f"step_ms{suffix}"] = 1e3 * float(long[k] - short[k]) / (a.steps - a.every)
        found[f"update_ms{suffix}"] = 1e3 * float(many[k] - few[k]) / (rows - 2)
    # of this process or the program, whichever is larger; files of P lie in the folder for temporary ones
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found["largest_memory_gb"] = max(peaks) / 1e6
    size = np.dtype(a.dtype).itemsize
    found["P_bytes_over_triangles"] = found["P_bytes"] / (a.n * a.plastic * (a.plastic + 1) // 2 * size)
    found |= {f"bare_{key}": value for key, value in floor_ms(a.n, a.plastic, a.dtype, a.seconds).items()}
    found["update_over_floor"] = found["update_ms_of_all_cores"] / found["bare_floor_ms"]
    found["published_step_ms"] = PUBLISHED_STEP_MS
    for key, value in found.items():
        print(f"{key:34s} {value:.4g}" if isinstance(value, float) else f"{key:34s} {value}")
    if a.json:
        a.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
