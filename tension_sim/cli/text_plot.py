"""A watched run in a terminal: its output beside the target, drawn in dots, and its quantities as numbers."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

__all__ = ["View", "drawn"]

_WIDTH, _HEIGHT = 64, 8
_SPARKS = "▁▂▃▄▅▆▇█"
#: Bits of the eight dots of a character, by column and row.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_SHOWN = {"rmse": ("error", ""), "rate": ("rate", " Hz"), "weight_norm": ("weights", ""), "P_trace": ("trace of P", "")}


def drawn(points: Sequence[float], low: float, high: float, width: int = _WIDTH, height: int = _HEIGHT) -> list[str]:
    """Return lines of text that draw a curve in dots, from left to right; numbers that are none are left out.

    Examples
    --------
    >>> drawn([0.0, 1.0, 2.0, 3.0], 0.0, 3.0, width=2, height=1)
    ['⡠⠊']
    """
    cells = [[0] * width for _ in range(height)]
    before: int | None = None
    for k in range(2 * width):
        at = k * (len(points) - 1) / max(2 * width - 1, 1)
        value = points[round(at)] if points else math.nan
        if math.isfinite(value) and high > low:
            row = min(max(round((high - value) / (high - low) * (4 * height - 1)), 0), 4 * height - 1)
            step = 1 if before is None or row >= before else -1
            for at_row in range(row if before in (None, row) else before + step, row + step, step):
                cells[at_row // 4][k // 2] |= _DOTS[k % 2][at_row % 4]
            before = row
        else:
            before = None
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in line) for line in cells]


class View:
    """The last half second of the output, and a line of its error over the run.

    Parameters
    ----------
    encoding : str
        Of the terminal: without dots it gets numbers alone.
    """

    def __init__(self, encoding: str) -> None:
        self._dots = "utf" in encoding.lower()
        self._output: deque[float] = deque(maxlen=500)
        self._target: deque[float] = deque(maxlen=500)
        self._errors: list[float] = []
        self._now: dict[str, float] = {}

    def add(self, frame: dict[str, Any]) -> None:
        """Take a frame of a `Watch`."""
        self._now = {name: frame[name] for name in (*_SHOWN, "t")}
        if frame["output"].size:
            self._output.extend(frame["output"][:, 0].tolist())
            if frame["target"] is not None:
                self._target.extend(frame["target"][:, 0].tolist())
        if math.isfinite(frame["rmse"]):
            self._errors.append(frame["rmse"])
            if len(self._errors) >= 2 * _WIDTH:
                self._errors = self._errors[::2]

    def text(self) -> str:
        """Return the lines to show; empty before the first frame."""
        if not self._now:
            return ""
        known = {name: value for name, value in self._now.items() if name != "t" and math.isfinite(value)}
        numbers = "  ".join(f"{_SHOWN[name][0]} {value:.4g}{_SHOWN[name][1]}" for name, value in known.items())
        line = f"{self._now['t']:.3f} s  {numbers}"
        if not self._dots:
            return line
        return "\n".join([*self._drawn(), self._sparks(), line])

    def _drawn(self) -> list[str]:
        """Return the output as dots; at the left its range."""
        both = [value for value in (*self._output, *self._target) if math.isfinite(value)]
        if not both:
            return []
        low, high = min(both), max(both)
        lines = drawn(list(self._output), low, high)
        marks = [f"{high:9.3g} ", *[" " * 10] * (_HEIGHT - 2), f"{low:9.3g} "]
        return [mark + line for mark, line in zip(marks, lines, strict=True)]

    def _sparks(self) -> str:
        if not self._errors:
            return ""
        shown = self._errors[-_WIDTH:]
        top = max(shown) or 1.0
        return "    error " + "".join(_SPARKS[min(int(value / top * 7.999), 7)] for value in shown)
