"""Runs and fits that write checkpoints, killed at random moments: what goes on has the bits of one that never was.

``TENSION_SIM_KILLS=100 pytest -m slow tests/faults/test_resumed_kills.py`` kills a hundred times; a few by default.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_kills import Server, built, server  # noqa: F401 - fixtures

KILLS = int(os.environ.get("TENSION_SIM_KILLS", "4"))


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of a file, but the text about the run."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            return dict(file)
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    del found["about"]
    return found


def assert_equal_bits(one: Path, other: Path) -> None:
    mine, theirs = arrays_of(one), arrays_of(other)
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert mine[name].dtype == theirs[name].dtype and mine[name].tobytes() == theirs[name].tobytes(), name


def killed(server: Server, what: str, seed: int, longest: float, rng: random.Random) -> int:  # noqa: F811
    """Run to the end, killed again and again at random moments; return how often."""
    for kills in range(1000):
        number = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        code = server.run(what, seed, number, rng.uniform(0, longest))
        assert code in (0, -number, 128 + number), (code, server.output())
        assert "Traceback" not in server.output()
        if code == 0:
            return kills
    raise AssertionError("it does not come to its end")


@pytest.mark.slow
def test_killed_runs_go_on_bit_for_bit(built):  # noqa: F811
    folder, rng, kills, seed = built.folder, random.Random(KILLS), 0, 0
    assert built.run("once", 1) == 0, built.output()
    while kills < KILLS:
        seed += 1
        shutil.rmtree(folder / "results")
        begin = time.monotonic()
        assert built.run("long", seed) == 0, built.output()
        took = time.monotonic() - begin
        (folder / "results" / "results.h5").replace(folder / "whole.h5")
        shutil.rmtree(folder / "results")
        kills += killed(built, "resumed", seed, took, rng)
        assert_equal_bits(folder / "results" / "results.h5", folder / "whole.h5")
        assert not (folder / "results" / "checkpoint").exists()
    built.check_after_a_run()
    print(f"{kills} kills of {seed} runs")


@pytest.mark.slow
def test_killed_fits_go_on_bit_for_bit(server):  # noqa: F811
    folder, rng, kills, seed = server.folder, random.Random(KILLS), 0, 0
    while kills < KILLS:
        seed += 1
        begin = time.monotonic()
        assert server.run("fit", seed) == 0, server.output()
        kills += killed(server, "resumed_fit", seed, time.monotonic() - begin, rng)
        assert_equal_bits(folder / "fit_resumed.npz", folder / "fit.npz")
        shutil.rmtree(folder / "fit")
    print(f"{kills} kills of {seed} fits")
