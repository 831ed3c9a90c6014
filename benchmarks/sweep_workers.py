"""40 points on one worker and on two, and what a point costs beside its run: ``python benchmarks/sweep_workers.py``.

Each sweep runs in this order: two workers, one, two, for a minute on two free cores; ``warm`` compiles beforehand. The
start of the processes is not counted, nor are their first points, in which they import what they need: rates are those
of the points that follow. What two processes can be worth on a machine is measured beside it: the same runs without a
sweep, in one plain process and in two (cores that are threads of one core, or a host that others use, give less than
2). Worker processes import this file.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from multiprocessing import get_context
from typing import Any

from tension_sim import load_recipe, run_outcome, sweep

SMALL = {"n": "300", "duration": "3*second", "learning.start": "0.2*second", "learning.stop": "2*second"}
SHORT = SMALL | {"duration": "0.2*second", "learning.start": "0.02*second", "learning.stop": "0.15*second"}
GRID = {"G": "0.02:0.1:5", "Q": [1, 3, 10, 30]}


def timed(workers: int, settings: dict[str, str], seeds: int = 2) -> tuple[float, float, Any]:
    """Return the seconds from the first handing out of points to the last row, those of a point, and the table."""
    moments: list[float] = []

    def progress(done: int, total: int, row: Any) -> None:
        if not moments or row is not None:
            moments.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {"out": f"{folder}/out", "client": workers, "settings": settings, "progress": progress}
        frame = sweep("lif_sine", GRID, seeds, **how).table()
    assert (frame["status"] == "done").all()
    return moments[-1] - moments[0], (moments[-1] - moments[workers]) / (len(moments) - 1 - workers), frame


def plain(told: Any, runs: int = 10) -> None:
    """Run points without a sweep, and tell the seconds of one."""
    run_outcome(load_recipe("lif_sine", SMALL))  # imports
    begin = time.perf_counter()
    for k in range(runs):
        run_outcome(load_recipe("lif_sine", SMALL | {"Q": str(k + 1)}))
    told.put((time.perf_counter() - begin) / runs)


def plain_ratio() -> float:
    """Return how many times as many runs two plain processes make in a time as one does."""
    context, seconds = get_context("spawn"), []
    for number in (1, 2):
        told = context.Queue()
        processes = [context.Process(target=plain, args=(told,)) for _ in range(number)]
        for process in processes:
            process.start()
        seconds.append(sum(told.get() for _ in processes) / number)
        for process in processes:
            process.join()
    return 2 * seconds[0] / seconds[1]


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "warm" in sys.argv:
        timed(2, SHORT, 1)  # compiles, if need be
        return
    found = {2: [], 1: []}
    for workers in (2, 1, 2):
        found[workers].append(timed(workers, SMALL))
    (one,), two = found[1], found[2]
    for name, part in (("a point", 1), ("all 40, first imports included", 0)):
        both = [each[part] for each in two]
        ratio = one[part] / (sum(both) / 2)
        print(f"{name}: one worker {one[part]:.3f} s, two {both[0]:.3f} and {both[1]:.3f} s, ratio {ratio:.2f}")
    print(f"two plain processes against one, without a sweep: {plain_ratio():.2f}")
    for name, each in (("one worker", one), ("two", two[0])):
        frame = each[2]
        print(
            f"{name}: a point runs {frame['run'].median():.3f} s, and its worker spends {beside(frame):.3f} s beside it"
        )
    _, seconds, frame = timed(1, SHORT, 1)
    print(f"a point of 0.2 s: {seconds:.3f} s, of which it runs {frame['run'].median():.3f} s; ", end="")
    print(f"its worker spends {beside(frame):.3f} s beside it")


def beside(frame: Any) -> float:
    """Return the seconds of a point in its worker in which its program does not run."""
    return float((frame["seconds"] - frame["run"]).median())


if __name__ == "__main__":
    main()
