"""A sweep that takes no time: a few neurons on numpy, in this process."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

SMALL = {
    "network.n": "20",
    "run.duration": "10*ms",
    "learning.start": "2*ms",
    "learning.stop": "6*ms",
    "learning.update_every": "2",
}


def how(out: Any, **changed: Any) -> dict[str, Any]:
    """Return the arguments of a small sweep."""
    return {"out": out, "client": 0, "target": "numpy", "settings": SMALL} | changed


def numbers(found: Any) -> dict[tuple[Any, ...], dict[str, float]]:
    """Return the numbers of each point by its settings."""
    return {tuple(row.values.values()): dict(row.numbers) for row in found.rows}


def pretended(work: Any) -> dict[str, Any]:
    """Take the place of a run: numbers that differ between points, and nothing else."""
    rng = np.random.default_rng([crc32(repr(value).encode()) for value in work.values.values()])
    return {"numbers": {"aligned_rmse": rng.random(), "firing_rate": 50 * rng.random()}, "run": 0.0}
