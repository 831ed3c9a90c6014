"""A sum of harmonics of one frequency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .registry import Grid, supervisor


@supervisor(frequency="hertz", amplitudes="1, many", scale="1")
def harmonics(grid: Grid, frequency: float, amplitudes: Sequence[float], scale: float = 1.0) -> np.ndarray:
    """Sines of a frequency f and its multiples, scale sum_k a_k sin(2 pi k f t), k from 1."""
    grid.check_frequency("frequency", frequency)
    if amplitudes:
        grid.check_frequency("frequency", frequency * len(amplitudes))
    multiples = np.arange(1, len(amplitudes) + 1)
    sines = np.sin(2 * np.pi * frequency * np.outer(grid.times, multiples))
    return scale * sines @ np.asarray(amplitudes)[:, None]
