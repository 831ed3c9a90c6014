"""What watching costs a run: ``python benchmarks/watching.py [N] [SECONDS]``.

Runs of half a second or more, plain and watched in turn, each pair in the other order than the one before, for as long
as told (80 s). Watched is as by ``--watch``: a page that another process reads as a browser does, and the plot of the
terminal. The ratio of wall-clock times is told as the median over pairs with its quartiles; beside it stands the
processor time of program and Python together. Others that use the machine meanwhile are seen in the quartiles.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from rich.console import Console

from tension_sim import Watch, load_recipe
from tension_sim.cli.text_plot import View
from tension_sim.system.progress import terminal_bar

#: Seconds of network for such a run, by number of neurons.
DURATIONS = {500: 16.0, 1000: 8.0, 2000: 4.0}


def read(addresses: Any, told: Any) -> None:
    """Count the frames of pages, each until its stream ends."""
    while True:
        with urlopen(addresses.get() + "events") as stream:
            stream.readline()
            told.put(0)
            told.put(sum(b'"kind":"frame"' in line for line in stream))


def processor_time() -> float:
    """Return the seconds that this process and those that it started have worked."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def timed(simulation: Any, task: Any, view: View | None) -> np.ndarray:
    """Return wall-clock and processor seconds of a run under a bar, which a watched one has below a plot."""
    with (
        Path(os.devnull).open("w") as nowhere,
        terminal_bar(view and view.text, console=Console(file=nowhere, force_terminal=True, width=100)) as bar,
    ):
        shown = bar.add_task("run", total=None)
        begin = np.array([time.perf_counter(), processor_time()])
        simulation.run(task, progress=lambda done, total: bar.update(shown, completed=done, total=total))
        return np.array([time.perf_counter(), processor_time()]) - begin


def main(n: int = 500, seconds: float = 80.0) -> None:
    duration = DURATIONS.get(n, 1.0)
    times = {"duration": f"{duration}*second", "learning.start": "0.1*second", "learning.stop": f"{duration}*second"}
    recipe: Any = load_recipe("lif_sine", {"n": str(n)} | times)
    simulation, task = recipe.simulation("cpp_standalone"), recipe.task()
    context = get_context("spawn")
    addresses, told = context.SimpleQueue(), context.SimpleQueue()
    reader = context.Process(target=read, args=(addresses, told), daemon=True)
    reader.start()

    def watched() -> np.ndarray:
        view = View("utf-8")
        with Watch(on_frame=view.add) as watch:
            addresses.put(watch.address)
            told.get()  # it is connected
            found = timed(simulation, task, view)
        return np.append(found, told.get())

    def plain() -> np.ndarray:
        return timed(simulation, task, None)

    plain(), watched()  # compiles, if need be
    end, pairs = time.monotonic() + seconds, []
    while time.monotonic() < end:
        first, second = (plain, watched) if len(pairs) % 2 else (watched, plain)
        found = {run: run() for run in (first, second)}
        pairs.append((found[plain], found[watched]))
    wall, worked = np.array([watched[:2] / plain for plain, watched in pairs]).T
    rates = [watched[2] / watched[0] for _, watched in pairs]
    low, middle, high = np.percentile(wall, (25, 50, 75))
    error = 1.25 * np.std(wall) / np.sqrt(len(wall))
    print(f"N = {n}, {len(pairs)} pairs of runs of {np.median([plain[0] for plain, _ in pairs]):.2f} s, ", end="")
    print(f"{np.median(rates):.1f} frames a second on the page")
    print(
        f"wall-clock time, watched over plain: median {middle:.3f} +- {error:.3f}, quartiles {low:.3f} and {high:.3f}"
    )
    print(f"processor time: {np.median(worked):.3f}")


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, float), sys.argv[1:], strict=False)))
