"""What the wirings of all declarations begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..declare.record import Record
from .parts import Circuit

__all__ = ["Wiring"]


class Wiring:
    """A declaration as a circuit, with the values and states of its runs.

    Parameters
    ----------
    net : ForceNetwork or FittedNetwork
        The declaration.
    record : Record
        What is recorded.
    threads : int
        OpenMP threads; 0: none.

    Attributes
    ----------
    circuit : Circuit
        What is compiled in.
    spikes_of : int
        Number of neurons, from the first, whose spikes are recorded.
    """

    def __init__(self, net: Any, record: Record, threads: int = 0) -> None:
        self.net, self.record = net, record
        record.check(net.state_variables, net.n)
        self.spikes_of = 0
        if net.neuron.spiking:
            self.spikes_of = net.n if record.spikes_of is None else min(record.spikes_of, net.n)
        self.circuit = Circuit(net.dt, dict(self._parts()), net.dtype, threads)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        raise NotImplementedError
