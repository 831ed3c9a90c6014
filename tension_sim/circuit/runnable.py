"""Interface of the programs that engines make of a circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .watched import Listener

__all__ = ["Runnable"]


class Runnable(Protocol):
    """A circuit that can run: compiled to a C++ or CUDA program, or traced by TensorFlow."""

    def run(
        self,
        values: Mapping[str, Any],
        start: int,
        steps: int,
        dt: float,
        wanted: Sequence[str],
        progress: Callable[[int], None] | None = None,
        recorded: int = 0,
        spikes: int = 0,
        pause_after: float | None = None,
        listener: Listener | None = None,
    ) -> dict[str, Any]:
        """Run some steps, and return the wanted arrays.

        Parameters
        ----------
        values : mapping of str to number or array
            What the run starts from, by names such as ``"neurons.v"``.
        start, steps : int
            First time step, and how many.
        dt : float
            Time step in seconds.
        wanted : sequence of str
            Names of the arrays to return.
        progress : callable, optional
            Called now and then with the number of steps done.
        recorded, spikes : int, optional
            How many bytes the run will record at least, and how many bytes of spikes it may add.
        pause_after : float, optional
            Seconds from now after which it ends early, at a time step.
        listener : Listener, optional
            Whom it tells what it does; programs of CUDA and TensorFlow tell nothing.

        Returns
        -------
        dict
            Arrays by name; ``"steps"`` is how many steps were run, ``"paused"`` whether it ended early by
            `pause_after` or the listener, ``"interrupted"`` whether an interrupt ended it.
        """
        ...
