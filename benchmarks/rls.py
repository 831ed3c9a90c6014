"""One RLS update of the C++ kernel beside its floor and beside numpy.

    python benchmarks/rls.py [400 1000 2000 4000 5000x90 400x340] [--threads 1] [--seconds 2] [--json FILE] [--limit 2]

A case is N, one block of N partners, or BLOCKSxN, of which each learns one row of weights. The floor is a plain C++
loop that reads and writes the packed triangles of P once; it has the same threads, pages and compiler flags (those of
Brian2's C++ targets), and is timed in turns with the update in one process. The update is the call of generated code;
`sums` are those of the rows of weights, which an update of a network with sparse blocks needs besides. numpy updates
the full matrix of one block: k = P r, P -= c outer(k, k).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# numpy on one thread too
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

import tension_sim
from tension_sim.run.program import _ENVIRONMENT, _SPINNING

CASES = ["400", "1000", "2000", "4000", "5000x90", "400x340"]


def flags() -> list[str]:
    """Return the options Brian2 gives the compiler of its C++ standalone programs."""
    from brian2.codegen.cpp_prefs import get_compiler_and_args

    return list(get_compiler_and_args()[1])


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a run of this package: large pages, and threads that wait spin."""
    return {**_ENVIRONMENT, **(_SPINNING if threads > 1 else {}), **os.environ}


def build(folder: Path, options: list[str]) -> Path:
    """Compile rls_floor.cpp into `folder`."""
    compiler = os.environ.get("CXX") or shutil.which("g++")
    if compiler is None:
        sys.exit("rls.py needs a C++ compiler: install g++ or set CXX.")
    program = folder / "rls_floor"
    header = Path(tension_sim.__file__).parent / "brian" / "templates"
    source = Path(__file__).with_name("rls_floor.cpp")
    subprocess.run([compiler, *options, f"-I{header}", str(source), "-o", str(program)], check=True)
    return program


def numpy_update_ms(n: int) -> float:
    """Return the milliseconds of one update in numpy, the median over half a second or five updates."""
    rng = np.random.default_rng(0)
    P, times, end = np.eye(n), [], time.perf_counter() + 0.5
    while len(times) < 5 or time.perf_counter() < end:
        r = rng.random(n) - 0.5
        start = time.perf_counter()
        k = P @ r
        P -= np.outer(k, k) * (1 / (1 + r @ k))
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def main() -> None:
    """Measure, print the table, and fail when a ratio of a single block is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE", help="N or BLOCKSxN")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each case and dtype (default 2)")
    parser.add_argument("--dtype", choices=["float64", "float32", "both"], default="both")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    parser.add_argument("--limit", type=float, help="exit with 1 if a block alone takes more times the floor")
    arguments = parser.parse_args()
    cases = [case if "x" in case else f"1x{case}" for case in arguments.cases]
    dtypes = ["float64", "float32"] if arguments.dtype == "both" else [arguments.dtype]
    options, results = [*flags(), *(["-fopenmp"] if arguments.threads > 1 else [])], []
    print(f"g++ {' '.join(options)}")
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), options)
        print(f"{'dtype':8s} {'blocks':>7s} {'n':>5s} {'floor ms':>10s} {'update ms':>10s} {'ratio':>6s} "
              f"{'of best':>7s} {'sums ms':>8s} {'ratio':>6s} {'numpy ms':>9s} {'speedup':>8s}")  # fmt: skip
        for dtype in dtypes:
            for case in cases:
                letter, threads = "d" if dtype == "float64" else "f", arguments.threads
                command = [str(program), letter, str(arguments.seconds), str(threads), case]
                there = environment(threads)
                done = subprocess.run(command, check=True, capture_output=True, text=True, env=there)
                result = json.loads(done.stdout)
                line = "{dtype:8s} {blocks:7d} {n:5d} {floor_ms:10.4f} {update_ms:10.4f} {ratio:6.2f}"
                line = line.format(**result) + f" {result['best_update_ms'] / result['best_floor_ms']:7.2f}"
                line += f" {result['sums_ms']:8.4f} {result['ratio_with_sums']:6.2f}"
                if result["blocks"] == 1 and dtype == "float64":
                    result["numpy_ms"] = numpy_update_ms(result["n"])
                    line += f" {result['numpy_ms']:9.3f} {result['numpy_ms'] / result['update_ms']:7.1f}x"
                print(line, flush=True)
                results.append(result)
    if arguments.json:
        arguments.json.write_text(json.dumps({"flags": options, "results": results}, indent=1))
    slow = [r for r in results if r["blocks"] == 1 and arguments.limit and r["ratio"] > arguments.limit]
    if slow:
        sys.exit(f"{len(slow)} of the blocks take more than {arguments.limit:g} times the floor.")


if __name__ == "__main__":
    main()
