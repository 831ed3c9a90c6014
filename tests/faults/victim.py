"""A server of processes to be killed: each is forked from this one, which has imported all that takes time.

Run by test_kills.py. A line on stdin, ``<what> <seed>``, starts one; its number, and later what it says, goes to
stdout. ``build`` and ``runs`` end only by a signal; ``once`` is one run, and ``prime`` one with a program of the
cache that all tests share. ``long`` is a run of some seconds, ``resumed`` the same with checkpoints, from the last one
on; ``fit`` and ``resumed_fit`` train a Brian2 network so; ``loop-NAME`` and ``resumed-NAME`` run a protocol whose loops
make many runs, on numpy.
"""

from __future__ import annotations

import faulthandler
import inspect
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import neo
import nixio

import tension_sim.brian
import tension_sim.recipes.run
import tension_sim.results.export

# ruff: noqa: F401  (loaded here, used by what is forked)
import tension_sim.results.measures
import tension_sim.results.plots
from tension_sim.cli import commands as cli
from tension_sim.cli import main as command
from tension_sim.run.program import Program
from tension_sim.system import scratch

#: So small that runs and writing take about as long as each other.
SETTINGS = ["n=40", "duration=200*ms", "start=50*ms", "stop=150*ms"]


#: Some seconds, in which a checkpoint is written each quarter of one.
LONG = ["duration=40*second", "start=1*second", "stop=39*second", "record.variables=v"]
RESUMED = ["--checkpoint", "0.25", "--resume"]

#: Protocols whose loops make many runs: those of a `FittedNetwork`, then others. Some seconds each.
LOOPS = {
    "fitted": ("kim_2023/licking", [
        "n=80", "K=36", "dt=0.5*ms", "excitatory=6", "inhibitory=6", "duration=150*ms", "cells=12", "feedforward=5",
        "stimulus_start=20*ms", "stimulus_stop=50*ms", "update_every=10*ms", "loops=2", "test_every=1", "window=20*ms",
    ]),
    "fitted_currents": ("kim_chow_2018/sines", [
        "stimulus_start=10*ms", "stimulus_stop=20*ms", "trial.duration=50*ms", "n=20", "loops=3", "tests=1",
    ]),
    "bioforce": ("calcium", ["cells=10", "samples=60", "epochs=6"]),
    "curbd": ("three_regions", [
        "region_n=11", "duration=3.01*second", "lead=0.1*second", "dt_factor=1", "runs=6",
    ]),
}  # fmt: skip


def run(folder: Path, seed: int, *settings: str, recipe: str = "lif_sine", words: Sequence[str] = ()) -> None:
    """Do what ``tension-sim run`` does."""
    arguments = ["run", recipe, "--seed", str(seed), "--out", str(folder / "results"), *words]
    if "overwrite" in inspect.signature(cli.run).parameters:
        arguments.append("--overwrite")
    for setting in (*(SETTINGS if recipe == "lif_sine" else ()), *settings):
        arguments += ["--set", setting]
    sys.argv = ["tension-sim", *arguments]
    try:
        command()
    except SystemExit as end:
        if end.code:
            raise


def tell_program(folder: Path) -> None:
    """Write down which program runs."""
    run = Program.run

    def telling(self: Program, *arguments: Any, **options: Any) -> Any:
        (folder / "program").write_text(str(self.folder))
        return run(self, *arguments, **options)

    Program.run = telling  # type: ignore[method-assign]


def victim(folder: Path, what: str, seed: int) -> None:
    if what == "prime":
        os.environ["TENSION_SIM_CACHE"] = sys.argv[2]
        tell_program(folder)
    if what in ("once", "prime"):
        run(folder, seed)
    elif what in ("long", "resumed"):
        run(folder, seed, *LONG, words=RESUMED if what == "resumed" else ())
    elif what in ("fit", "resumed_fit"):
        from fitted_by_trainer import fit

        fit(folder, seed, checkpoint=what == "resumed_fit")
    elif what.partition("-")[2] in LOOPS:
        how, _, name = what.partition("-")
        recipe, settings = LOOPS[name]
        words = [*(RESUMED if how == "resumed" else ()), "--target", "numpy"]
        run(folder, seed, *settings, recipe=recipe, words=words)
    elif what == "build":
        run(folder, 1, f"n={41 + seed}")  # a program that is not there
    else:
        for i in itertools.count(seed):
            run(folder, i)


def main(folder: Path) -> None:
    scratch._IN_MEMORY = str(folder / "memory")
    tempfile.tempdir = str(folder / "temporary")
    for line in sys.stdin:
        what, seed = line.split()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
            os.dup2(1, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (signal.SIGTERM, signal.SIGHUP):  # under nohup one is ignored
                signal.signal(number, signal.SIG_DFL)
            faulthandler.enable()  # for one that does not end
            victim(folder, what, int(seed))
            return
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
