"""40 points on one worker and on two, and what a point costs beside its run: ``python benchmarks/sweep_workers.py``.

Each sweep runs in this order: two workers, one, two; their start is not counted. Worker processes import this file.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import Any

from tension_sim import sweep

SMALL = {"n": "300", "duration": "5*second", "learning.start": "0.2*second", "learning.stop": "2*second"}
SHORT = SMALL | {"duration": "0.2*second", "learning.start": "0.02*second", "learning.stop": "0.15*second"}
GRID = {"G": "0.02:0.1:5", "Q": [1, 3, 10, 30]}


def timed(workers: int, settings: dict[str, str], seeds: int = 2) -> tuple[float, Any]:
    """Return the seconds from the first handing out of points to the last row, and the table."""
    moments: list[float] = []

    def progress(done: int, total: int, row: Any) -> None:
        if not moments or row is not None:
            moments.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {"out": f"{folder}/out", "client": workers, "settings": settings, "progress": progress}
        frame = sweep("lif_sine", GRID, seeds, **how).table()
    assert (frame["status"] == "done").all()
    return moments[-1] - moments[0], frame


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    timed(2, SMALL, 1)  # compiles, if need be
    if "warm" in sys.argv:
        return
    times = {2: [], 1: []}
    for workers in (2, 1, 2):
        seconds, _ = timed(workers, SMALL)
        times[workers].append(seconds)
    ratio = times[1][0] / (sum(times[2]) / 2)
    print(
        f"40 points: one worker {times[1][0]:.2f} s, two {times[2][0]:.2f} and {times[2][1]:.2f} s, ratio {ratio:.2f}"
    )
    seconds, frame = timed(1, SHORT)
    inside = float((frame["seconds"] - frame["run"]).median())
    print(
        f"points of 0.2 s: {seconds / len(frame):.3f} s each, of which {frame['run'].median():.3f} s run and ", end=""
    )
    print(f"{inside:.3f} s are spent beside it in the worker")


if __name__ == "__main__":
    main()
