"""What the wirings of all declarations begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..declare.learning import FOREVER
from ..declare.record import Record
from .names import OUTPUT, SPIKES, entry, recorded
from .parts import Circuit, VariableRecord

__all__ = ["Wiring"]


class Wiring:
    """A declaration as a circuit, with the values and states of its runs.

    Parameters
    ----------
    net : ForceNetwork, FittedNetwork or Network
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
        self._check_record()
        self.spikes_of = self._count_recorded()
        self.circuit = Circuit(net.dt, dict(self._parts()), net.dtype, threads)

    def _check_record(self) -> None:
        self.record.check(self.net.state_variables, self.net.n)

    def _count_recorded(self) -> int:
        net, first = self.net, self.record.spikes_of
        return 0 if not net.neuron.spiking else net.n if first is None else min(first, net.n)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        raise NotImplementedError

    @property
    def output_parts(self) -> tuple[str, ...]:
        """The parts that record the outputs, in the order of their columns."""
        return (OUTPUT,) if OUTPUT in self.circuit.parts else ()

    @property
    def spike_parts(self) -> dict[str, int]:
        """The parts that record spikes, each with the number of its first neuron among all."""
        return {SPIKES: 0} if self.spikes_of else {}

    def recording_values(self) -> dict[str, Any]:
        """Return how often each part records; never what `Record.off` names."""
        off = {recorded(name) for name in self.record.off}
        records = self.circuit.of(VariableRecord)
        return {entry(name, "every"): FOREVER if name in off else self.record.every for name in records}
