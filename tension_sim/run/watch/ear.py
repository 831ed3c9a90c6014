"""What hears of a run while it goes on: it decides at the end of each block, and passes frames on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...circuit.watched import Frame
from ...declare.stopping import WINDOW, StopWhen
from .measured import Measures

__all__ = ["Ear"]

#: Seconds of network time between two samples of the output.
_SAMPLING = 1e-3
#: Seconds of network time over which a frame's error and rate are measured at least.
_LEAST = 0.02

_NOTHING = Frame(0, 0, 0.0, 0, 0.0, 0.0)


class Ear:
    """The `Listener` of a steered run.

    Parameters
    ----------
    stop_when : StopWhen or None
        When the run ends.
    measures : Measures
        How sums become quantities.
    live : object or None
        The `Watch` that gets frames, and says when to pause.
    start : int
        First step of the run.
    targets : callable
        Returns the targets of some steps, None without any.

    Attributes
    ----------
    held : int
        Blocks for which the condition held, one after the other.
    stopped : bool
        Whether it held long enough.
    """

    def __init__(
        self,
        stop_when: StopWhen | None,
        measures: Measures,
        live: Any,
        start: int,
        targets: Callable[[np.ndarray], np.ndarray | None],
    ) -> None:
        self.block: int = 0 if stop_when is None else max(1, round(WINDOW / measures.dt))
        self.sample: int = 0 if live is None else max(1, round(_SAMPLING / measures.dt))
        self.held: int = 0
        self.stopped: bool = False
        self._stop_when, self._measures, self._live, self._start = stop_when, measures, live, start
        self._targets = targets
        self._since, self._shown = _NOTHING, {"rmse": math.nan, "rate": math.nan}
        duration = 0.0 if stop_when is None else stop_when.duration
        self._enough = max(1, math.ceil(duration / WINDOW - 1e-9))
        self._sums: dict[str, float] = {"error": 0.0, "spikes": 0}

    @property
    def sums(self) -> Mapping[str, float]:
        """Sums of the block under way."""
        return self._sums

    def left(self, error: float, spikes: int) -> None:
        """Keep the sums of the block under way."""
        self._sums = {"error": error, "spikes": spikes}

    def pause_wanted(self) -> bool:
        """Say whether an order waits."""
        return self._live is not None and self._live.order_waits()

    def goes_on(self, block: Frame) -> bool:
        """Say whether the condition has not yet held for long enough."""
        steps = min(block.steps, block.step - self._start)  # the first block may begin within one
        values = self._measures.of(
            Frame(block.step, steps, block.error, block.spikes, block.weights, block.P)
        )  # fmt: skip
        if self._stop_when is None:
            return True
        self.held = self.held + 1 if self._stop_when.holds(values) else 0
        self.stopped = self.held >= self._enough
        return not self.stopped

    def show(self, frame: Frame) -> None:
        """Pass a frame on; error and rate are those of the last steps that are enough to tell them."""
        if self._live is None or not frame.steps:
            return
        before = self._since
        since = replace(
            frame,
            steps=before.steps + frame.steps,
            error=before.error + frame.error,
            spikes=before.spikes + frame.spikes,
        )
        if since.steps * self._measures.dt >= _LEAST:
            found = self._measures.of(since)
            self._shown = {name: found[name] for name in self._shown}
            since = _NOTHING
        self._since = since
        self._live.show(frame, self._measures.of(frame) | self._shown, self._targets(frame.sampled))
