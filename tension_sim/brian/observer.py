"""Tell a `Listener` of a network that runs in this process: what tsim_watch.h does in a compiled program."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from brian2.core.operations import NetworkOperation

from ..circuit.watched import MOST_SHOWN, Frame, Listener, Watched
from ._base import resolve_source

__all__ = ["Observer"]

#: Seconds from one frame to the next, and how often the time that a frame takes passes between two of them.
_EVERY, _RARE = 0.034, 100
_LONGEST = 2.0
#: Samples of a frame; where there are more, the density of all is halved.
_SAMPLES = 256


class Observer:
    """Sums of a block and of a frame, added up at the end of each time step.

    Parameters
    ----------
    what : Watched
        What is watched.
    objects : mapping of str to BrianObject
        The parts of the network by their names.
    listener : Listener
        Who is told.
    stop : callable
        Ends the run after the time step.
    last : int
        The last step of the run.

    Attributes
    ----------
    paused, stopped : bool
        Whether the listener wanted a pause, or an end.
    """

    def __init__(
        self, what: Watched, objects: Mapping[str, Any], listener: Listener, stop: Callable[[], None], last: int
    ) -> None:
        self.paused: bool = False
        self.stopped: bool = False
        self._listener, self._stop, self._last = listener, stop, last
        self._pairs = [
            (_part(objects, z.part, z.name), None if y is None else _part(objects, y.part, y.name))
            for z, y in zip(what.outputs, what.targets, strict=True)
        ]
        self._spikes = [objects[group].variables["_spikespace"] for group in what.spiking]
        self._weights = [objects[one.part].variables[one.name] for one in what.weights]
        self._rules = [objects[rule] for rule in what.rules]
        self._block = [float(listener.sums["error"]), int(listener.sums["spikes"])]
        self._frame, self._steps = [0.0, 0], 0
        self._rows: list[tuple[int, np.ndarray]] = []
        self._stride, self._taken, self._due = 1, 0, time.monotonic() + _EVERY

    def operation(self, clock: Any) -> NetworkOperation:
        """Return what is added to the network."""
        return NetworkOperation(lambda: self._step(int(clock.timestep[:])), clock=clock, when="end", order=1000)

    def _step(self, step: int) -> None:
        listener, last = self._listener, step == self._last
        if listener.pause_wanted():
            self.paused = last = True
            self._stop()
        error = float(sum(_squares(z() - y()) for z, y in self._pairs if y is not None))
        spikes = sum(int(space.get_value()[-1]) for space in self._spikes)
        for sums in (self._block, self._frame):
            sums[0] += error
            sums[1] += spikes
        self._steps += 1
        if listener.sample:
            if self._pairs and step % listener.sample == 0:
                self._sample(step)
            if last or time.monotonic() >= self._due:
                self._show(step + 1)
        if listener.block and (step + 1) % listener.block == 0:
            if not listener.goes_on(Frame(step + 1, listener.block, *self._summed(self._block), *self._norms())):
                self.stopped = last = True
                self._stop()
            self._block = [0.0, 0]
        if last:
            listener.left(*self._summed(self._block))

    @staticmethod
    def _summed(sums: list[float]) -> tuple[float, int]:
        return float(sums[0]), int(sums[1])

    def _sample(self, step: int) -> None:
        if self._taken % self._stride == 0:
            self._rows.append((step, np.concatenate([z() for z, _ in self._pairs])[:MOST_SHOWN]))
            if len(self._rows) >= _SAMPLES:
                self._rows, self._stride = self._rows[::2], 2 * self._stride
        self._taken += 1

    def _show(self, step: int) -> None:
        begin = time.monotonic()
        sampled = np.array([at for at, _ in self._rows], np.int64)
        output = np.array([row for _, row in self._rows]) if self._rows else np.empty((0, 0))
        self._listener.show(
            Frame(step, self._steps, *self._summed(self._frame), *self._norms(), sampled, output)
        )  # fmt: skip
        self._frame, self._steps, self._rows, self._stride, self._taken = [0.0, 0], 0, [], 1, 0
        self._due = begin + max(_EVERY, min(_LONGEST, _RARE * (time.monotonic() - begin)))

    def _norms(self) -> tuple[float, float]:
        weights = float(np.sqrt(sum(_squares(one.get_value()) for one in self._weights)))
        return weights, float(sum(rule.trace_of_P() for rule in self._rules))


def _part(objects: Mapping[str, Any], part: str, name: str) -> Callable[[], np.ndarray]:
    variable, start, size = resolve_source("watch", objects[part], name)
    return lambda: np.asarray(variable.get_value()[start : start + size], float)


def _squares(numbers: np.ndarray) -> float:
    flat = np.ravel(numbers).astype(float, copy=False)
    return float(flat @ flat)
