"""A run in pieces: each goes on, bit for bit, where the one before paused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..circuit.declared import Wiring
from ..circuit.names import entry
from ..circuit.parts import Rule, VariableRecord
from ..circuit.runnable import Runnable
from ..circuit.watched import Listener
from .reached import Piece
from .recordings import TargetAt, recordings_of, rows_between_steps

__all__ = ["Pieces"]

#: Mean rate in Hz that counts where a run's files are to lie, above that of any published network; bytes of a spike.
_ASSUMED_RATE = 100
_SPIKE = 8 + 4
#: Bytes of recordings for which a piece makes room beforehand: it ends long before the run does.
_ROOM = 2**26


@dataclass(frozen=True)
class Pieces:
    """The steps of a run on its target; called for some of them.

    Attributes
    ----------
    wiring : Wiring
        Of the network.
    target : str
        Where it runs.
    program : Runnable or None
        What runs; None on numpy and cython.
    values : dict of str to number or array
        What the run starts from.
    start, steps : int
        First time step, and how many.
    target_at : callable or None
        Returns the targets of some steps.
    report : callable
        Called with the number of steps done.
    row_bytes : int
        Bytes of a recorded step.
    listener : Listener or None
        Whom the target tells what it does.
    """

    wiring: Wiring[Any]
    target: str
    program: Runnable | None
    values: dict[str, Any]
    start: int
    steps: int
    target_at: TargetAt | None
    report: Callable[[int], None]
    row_bytes: int
    listener: Listener | None = None

    def __call__(self, state: Mapping[str, np.ndarray], done: int, seconds: float | None) -> Piece:
        """Go on from a state, and pause after some seconds; None: run to the end."""
        if done == self.steps:  # it was interrupted just before it could say so
            return Piece(0, dict(state), {})
        circuit, start, steps = self.wiring.circuit, self.start + done, self.steps - done
        values = self.values | {name: state[name] for name in circuit.state_sizes if name in state}
        rows = len(rows_between_steps(start, start + steps, self.wiring.record.every))
        if seconds is not None:
            rows = min(rows, _ROOM // max(self.row_bytes, 1))
        values |= {entry(name, "expected"): rows + 1 for name in circuit.of(VariableRecord)}
        arrays = self._run(values, start, steps, rows * self.row_bytes, lambda more: self.report(done + more), seconds)
        told = [entry(name, "diverged_step") for name in circuit.of(Rule)]
        kept = (*circuit.state_sizes, *told)
        diverged = any(arrays[name][0] >= 0 for name in told)  # there is nothing to go on with
        return Piece(
            int(arrays["steps"]),
            {name: arrays[name] for name in kept},
            recordings_of(self.wiring, arrays, start, self.target_at),
            bool(arrays["paused"]) and not diverged,
            bool(arrays["interrupted"]),
        )

    def _run(
        self,
        values: dict[str, Any],
        start: int,
        steps: int,
        recorded: int,
        report: Callable[[int], None],
        seconds: float | None,
    ) -> dict[str, Any]:
        wiring, dt = self.wiring, self.wiring.circuit.dt
        if self.program is None:
            from ..brian import runtime

            return runtime.run(wiring.circuit, self.target, values, start, steps, report, seconds, self.listener)
        spikes = int(wiring.spikes_of * steps * dt * _ASSUMED_RATE * _SPIKE)
        if seconds is not None:
            spikes = min(spikes, _ROOM)
        wanted = wiring.circuit.results
        arrays: dict[str, Any] = self.program.run(
            values, start, steps, dt, wanted, report, recorded, spikes, pause_after=seconds, listener=self.listener
        )
        return arrays
