"""What a compiled program and a `Listener` say to each other: the lines of tsim_watch.h."""

from __future__ import annotations

import numpy as np

from ..circuit.watched import Frame, Listener
from ..system.children import Dialogue

__all__ = ["dialogue_with", "settings_of"]

_GO, _STOP = "g", "s"


def settings_of(listener: Listener) -> list[str]:
    """Return the arguments by which a program knows what it is to tell."""
    sums = listener.sums
    return [
        f"conductor.watch_block={listener.block}",
        f"conductor.watch_sample={listener.sample}",
        f"conductor.watch_error={float(sums['error'])!r}",
        f"conductor.watch_spikes={int(sums['spikes'])}",
    ]


def dialogue_with(listener: Listener) -> Dialogue:
    """Return what a listener says to a program."""

    def hear(word: str, rest: str) -> str | None:
        if word == "frame":
            listener.show(_frame(rest))
            return None
        if word == "block":
            return _GO if listener.goes_on(_frame(rest)) else _STOP
        error, spikes = rest.split()
        listener.left(float(error), int(spikes))
        return None

    return Dialogue(hear, frozenset(("frame", "block", "left")), listener.pause_wanted)


def _frame(text: str) -> Frame:
    """Read a frame, or the numbers of a block."""
    step, steps, error, spikes, weights, P, *more = text.split(maxsplit=7)
    summed = int(step), int(steps), float(error), int(spikes), float(weights), float(P)
    if len(more) < 2:
        return Frame(*summed)
    rows = np.array(more[1].split(), float).reshape(-1, int(more[0]))
    return Frame(*summed, rows[:, 0].astype(np.int64), rows[:, 1:])
