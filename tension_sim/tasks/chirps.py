"""A supervisor like the spectrogram of a bird's song: syllables that are chirps, one after the other."""

from __future__ import annotations

import math

import numpy as np

from ..declare.validation import check_positive, check_whole
from ..errors import InvalidValueError, message
from .registry import Grid, supervisor

__all__ = ["chirps"]

_SOUNDING = 0.8  # part of its slot in which a syllable sounds


def _syllables(count: int, low: float, high: float, seed: int) -> np.ndarray:
    """Draw the frequencies at which each chirp begins and ends, shape (count, 2)."""
    return np.random.default_rng(seed).uniform(low, high, (count, 2))


def _period(
    grid: Grid, bands: int, length: float, syllables: int, low: float, high: float, window: float, seed: int
) -> int:
    check_whole("Task.bands", bands, 1, what="a whole number of bands")
    check_whole("Task.seed", seed, 0)
    period = grid.steps_in_parts(length, syllables, "syllables")
    check_positive("Task.low", low)
    check_positive("Task.window", window)
    if not high > low:
        raise InvalidValueError(message("Task.high", f"a frequency above low ({low:g} Hz)", f"{high:g} Hz"))
    return period


@supervisor(
    outputs=lambda bands, **settings: bands,
    period=_period,
    bands="whole",
    length="second",
    syllables="whole",
    low="hertz",
    high="hertz",
    window="second",
    seed="whole",
)
def chirps(
    grid: Grid,
    bands: int,
    length: float,
    syllables: int = 25,
    low: float = 500.0,
    high: float = 8000.0,
    window: float = 5e-4,
    seed: int = 0,
) -> np.ndarray:
    """A spectrogram of chirps, a made-up birdsong: power in bands from low to high, through a Gaussian window.

    The song takes `length` and repeats. Each of its syllables sounds for .8 of an equal part of it, with the amplitude
    of half a sine, and sweeps linearly between two frequencies drawn from `seed`. The power that a window of standard
    deviation `window` (of its square) finds at f, while a chirp passes f0 at the rate b, has a closed form:
    exp(-(f - f0)^2/(2 s^2)) with s^2 = 1/(4 pi window)^2 + (b window)^2; the top of each syllable is 1.
    """
    period = _period(grid, bands, length, syllables, low, high, window, seed)
    step = np.arange(1, min(period, grid.n_steps) + 1)
    which = (step * syllables - 1) // period  # the sample at the end of a slot belongs to it
    phase = (step * syllables / period - which) / _SOUNDING
    begin, end = _syllables(syllables, low, high, seed)[which].T
    duration = _SOUNDING * length / syllables
    spread = np.hypot(1 / (4 * math.pi * window), (end - begin) / duration * window)
    loudness = np.where(phase < 1, np.sin(np.pi * phase), 0.0) ** 2
    distance = (begin + (end - begin) * phase)[:, None] - np.linspace(low, high, bands)
    distance /= spread[:, None]
    distance *= distance
    distance *= -0.5
    power = np.exp(distance, out=distance)
    power *= loudness[:, None]
    return power
