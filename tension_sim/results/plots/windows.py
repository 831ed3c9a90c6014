"""Choose the windows of a run that a figure shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..measures import peak_frequency
from ..phases import BEFORE, LEARNING, TEST
from ..run_data import RunData

__all__ = ["Window", "learning_curve_of", "period_of", "whole_run", "windows_of"]


@dataclass(frozen=True)
class Window:
    """A stretch of time in seconds, shown in one column."""

    title: str
    start: float
    stop: float


def whole_run(results: RunData) -> Window:
    """Return the window of a whole run."""
    return Window("", results.t_start, results.t_stop + results.dt)  # with a spike at the very end


def period_of(results: RunData) -> float:
    """Period of the slowest target in seconds, 0 where there is none."""
    if results.target is None or len(results.target) < 4:
        return 0.0
    frequencies = np.atleast_1d(peak_frequency(results.target, results.dt * results.record_every))
    found = frequencies[np.isfinite(frequencies) & (frequencies > 0)]
    return 1.0 / found.min() if len(found) else 0.0


def windows_of(results: RunData) -> list[Window]:
    """Return the end of each phase that comes before the test, and the start of the test: 1 s, or two periods."""
    length = min(max(1.0, 2.0 * period_of(results)), 10.0)
    learned = any(phase.name == LEARNING for phase in results.phases)
    test = "test, after learning" if learned else "test, without learning"
    titles = {BEFORE: "before learning", LEARNING: "end of learning", TEST: test}
    windows = []
    for phase in results.phases:
        start, stop = results.dt * phase.start, results.dt * phase.stop
        if stop <= start:
            continue
        title = titles.get(phase.name, phase.name)
        if phase.name == TEST:
            stop = min(stop, start + length)
        else:
            start = max(start, stop - length)
        windows.append(Window(title, start, stop))
    return windows[:4] or [Window("run", max(results.t_start, results.t_stop - length), results.t_stop)]


def learning_curve_of(results: RunData) -> tuple[str, np.ndarray, np.ndarray] | None:
    """Return name, times and values of the first learning curve that has more than one point."""
    curve = dict(results.learning_curve)
    time = curve.pop("time", None)
    for name, values in curve.items():
        if time is not None and len(values) == len(time) > 1:
            return name, np.asarray(time, dtype=float), np.asarray(values, dtype=float)
    return None
