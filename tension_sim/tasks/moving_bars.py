"""A supervisor that is a movie: bright bars that move over a dark square, one direction after the other."""

from __future__ import annotations

import numpy as np

from ..declare.validation import check_positive, check_whole
from .registry import Grid, supervisor

__all__ = ["moving_bars"]

_OUTSIDE = 4  # widths beyond the square, where a bar begins and ends: dark to 3e-4


def _period(grid: Grid, size: int, length: float, directions: int, width: float) -> int:
    check_whole("Task.size", size, 1, what="a whole number of pixels")
    period = grid.steps_in_parts(length, directions, "directions")
    check_positive("Task.width", width)
    return period


@supervisor(
    outputs=lambda size, **settings: size * size,
    period=_period,
    size="whole",
    length="second",
    directions="whole",
    width="1",
)
def moving_bars(grid: Grid, size: int, length: float, directions: int = 8, width: float = 0.15) -> np.ndarray:
    """A movie of size x size pixels: a bar crosses the square in each of several directions, once in length.

    Outputs are pixels, row by row from the top. The square reaches from -1 to 1 along both axes. Bar k moves at a
    steady speed along the angle 2 pi k/directions (0: to the right; then counter-clockwise) and has the brightness
    exp(-d^2/(2 width^2)) at a distance d from its middle line. It begins and ends outside.
    """
    period = _period(grid, size, length, directions, width)
    step = np.arange(1, min(period, grid.n_steps) + 1)
    which = (step * directions - 1) // period  # the sample at the end of a slot belongs to it
    at = step * directions / period - which
    x = (2 * np.arange(size) + 1) / size - 1
    movie = np.empty((len(step), size * size))
    for k in range(directions):
        rows = slice(*np.searchsorted(which, [k, k + 1]))
        along = np.cos(2 * np.pi * k / directions), np.sin(2 * np.pi * k / directions)
        place = (along[0] * x + along[1] * x[::-1, None]).ravel()
        reach = np.abs(along).sum() + _OUTSIDE * width
        distance = movie[rows]
        np.subtract(((2 * at[rows] - 1) * reach)[:, None], place, out=distance)
        distance /= width
        np.square(distance, out=distance)
        distance *= -0.5
        np.exp(distance, out=distance)
    return movie
