"""What a browser that comes late, or a terminal, shows of the frames before: all of the run, thinned out."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["SHOWN", "History", "packed", "rounded"]

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
    samples, targets : array, shape (samples, 1 + outputs)
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
        self.samples: np.ndarray = np.zeros((0, 1))
        self.targets: np.ndarray = np.zeros((0, 1))
        self._stride, self._taken = 1, 0

    def add(self, values: Mapping[str, float]) -> None:
        """Add the quantities of a frame."""
        if self._taken % self._stride == 0:
            self.rows.append([rounded(values["t"]), *(rounded(values[name]) for name in SHOWN)])
            if len(self.rows) >= _ROWS:
                self.rows, self._stride = self.rows[::2], 2 * self._stride
        self._taken += 1

    def add_samples(self, samples: np.ndarray, targets: np.ndarray) -> None:
        """Add samples of the output, and of the target beside them."""
        self.samples, self.targets = _followed(self.samples, samples), _followed(self.targets, targets)


def rounded(number: float) -> float | None:
    """Return a number with six digits, None for what is none: JSON has no NaN."""
    return None if not math.isfinite(number) else float(f"{number:.6g}")


def _followed(before: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.concatenate((before, rows))[-_SAMPLES:] if before.shape[1] == rows.shape[1] else rows


def packed(rows: np.ndarray) -> dict[str, Any]:
    """Return rows of numbers for a message: JSON would take longer to write them than all else of a frame.

    Examples
    --------
    >>> packed(np.array([[0.001, np.nan]]))
    {'columns': 2, 'numbers': '/Knx0k1iUD8AAAAAAAD4fw=='}
    """
    return {"columns": rows.shape[1], "numbers": b64encode(np.ascontiguousarray(rows, "<f8").data).decode()}
