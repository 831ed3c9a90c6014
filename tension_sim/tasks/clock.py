"""The high-dimensional temporal signal (HDTS): a clock whose pulses follow each other, one per channel."""

from __future__ import annotations

import numpy as np

from .registry import Grid, supervisor

__all__ = ["clock_period", "clock_signal"]


def clock_period(grid: Grid, slots: int, length: float, prefix: str = "") -> int:
    """Return after how many steps the HDTS repeats; refuse slots and lengths that cannot work.

    `prefix` is what the names of the two settings begin with in errors.
    """
    return grid.steps_in_parts(length, slots, "slots", prefix)


def clock_signal(grid: Grid, slots: int, length: float) -> np.ndarray:
    """Return one period of the HDTS, shape ``(rows, slots)``, no more rows than the grid has.

    Channel k is ``|sin(slots pi t/length)|`` while t lies in slot k, and 0 otherwise.
    """
    period = clock_period(grid, slots, length)
    step = np.arange(1, min(period, grid.n_steps) + 1)
    # a pulse is 0 on the border of two slots, so that either slot may own that step
    slot = np.minimum(step * slots // period, slots - 1)
    signal = np.zeros((len(step), slots))
    signal[np.arange(len(step)), slot] = np.abs(np.sin(slots * np.pi * step / period))
    signal[step * slots % period == 0] = 0.0
    return signal


@supervisor(outputs=lambda slots, length: slots, period=clock_period, slots="whole", length="second")
def hdts(grid: Grid, slots: int, length: float) -> np.ndarray:
    """The high-dimensional temporal signal, abs(sin(m pi t/D)) in slot k of m over D."""
    return clock_signal(grid, slots, length)
