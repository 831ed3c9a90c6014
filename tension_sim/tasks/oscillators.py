"""Supervisors that are formulas of sines."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidValueError, message
from .registry import Grid, supervisor


def _sine(grid: Grid, frequency: float, name: str = "frequency") -> np.ndarray:
    grid.check_frequency(name, frequency)
    return np.sin(2 * np.pi * grid.times * frequency)


@supervisor(frequency="hertz")
def sine(grid: Grid, frequency: float) -> np.ndarray:
    """A sine, sin(2 pi f t)."""
    return _sine(grid, frequency)[:, None]


@supervisor(frequency="hertz")
def sawtooth(grid: Grid, frequency: float) -> np.ndarray:
    """A triangular wave between -pi/2 and pi/2, asin(sin(2 pi f t)), published as "sawtooth"."""
    return np.arcsin(_sine(grid, frequency))[:, None]


@supervisor(frequencies="hertz, many")
def product(grid: Grid, frequencies: tuple[float, ...]) -> np.ndarray:
    """A product of sines of several frequencies."""
    if len(frequencies) < 2:
        raise InvalidValueError(
            message("Task.frequencies", "two or more frequencies", frequencies, "use the supervisor 'sine'.")
        )
    target = _sine(grid, frequencies[0], "frequencies")
    for frequency in frequencies[1:]:
        target *= _sine(grid, frequency, "frequencies")
    return target[:, None]
