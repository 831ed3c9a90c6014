"""What a browser that comes late, or a terminal, shows of the frames before: all of the run, thinned out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np

__all__ = ["SHOWN", "History", "rounded"]

#: The quantities of a frame in their order; beside them stands the time.
SHOWN = ("rmse", "rate", "weight_norm", "P_trace")

#: Rows of a history, and samples of the output; more are thinned out, or forgotten.
_ROWS, _SAMPLES = 1200, 2000


class History:
    """Quantities over a run, and the last part of its output.

    Attributes
    ----------
    rows : list of list
        Time and the quantities `SHOWN`; None for what the run does not have.
    samples, targets : deque of list
        Time, then outputs, and targets at these times.

    Examples
    --------
    >>> history = History()
    >>> history.add({"t": 0.1, "rmse": 0.5, "rate": math.nan, "weight_norm": 1.0, "P_trace": 2.0})
    >>> history.rows
    [[0.1, 0.5, None, 1.0, 2.0]]
    """

    def __init__(self) -> None:
        self.rows: list[list[float | None]] = []
        self.samples: deque[list[float | None]] = deque(maxlen=_SAMPLES)
        self.targets: deque[list[float | None]] = deque(maxlen=_SAMPLES)
        self._stride, self._taken = 1, 0

    def add(self, values: Mapping[str, float]) -> None:
        """Add the quantities of a frame."""
        if self._taken % self._stride == 0:
            self.rows.append([rounded(values["t"]), *(rounded(values[name]) for name in SHOWN)])
            if len(self.rows) >= _ROWS:
                self.rows, self._stride = self.rows[::2], 2 * self._stride
        self._taken += 1

    def add_samples(self, samples: list[list[float | None]], targets: list[list[float | None]]) -> None:
        """Add samples of the output, and of the target beside them."""
        self.samples.extend(samples)
        self.targets.extend(targets)


def rounded(number: float) -> float | None:
    """Return a number with six digits, None for what is none: JSON has no NaN."""
    return None if not math.isfinite(number) else float(f"{number:.6g}")


def rows_of(times: np.ndarray, values: np.ndarray) -> list[list[float | None]]:
    """Return samples as rows of time and values, with five digits of the largest of them.

    Examples
    --------
    >>> rows_of(np.array([0.001, 0.002]), np.array([[0.123456789], [np.inf]]))
    [[0.001, 0.12346], [0.002, None]]
    """
    finite = np.isfinite(values)
    largest = float(np.abs(values[finite]).max()) if finite.any() else 0.0
    digits = 4 - math.floor(math.log10(largest)) if largest else 0
    rows = np.column_stack([np.round(times, 6), np.round(values, min(max(digits, -300), 300))]).tolist()
    if not finite.all():  # JSON has no NaN
        return [[number if math.isfinite(number) else None for number in row] for row in rows]
    found: list[list[float | None]] = rows
    return found
