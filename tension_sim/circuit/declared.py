"""What the wirings of all declarations begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from ..declare.declaration import Declaration
from ..declare.learning import Learning
from ..declare.record import Record
from .blocks import Blocks
from .parts import Circuit, Part, Rule

__all__ = ["Wiring"]

Net = TypeVar("Net", bound=Declaration)


class Wiring(Generic[Net]):
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

    def __init__(self, net: Net, record: Record, threads: int = 0) -> None:
        self.net: Net = net
        self.record: Record = record
        record.check(net.state_variables, net.n)
        self.spikes_of: int = 0
        if net.neuron.spiking:
            self.spikes_of = net.n if record.spikes_of is None else min(record.spikes_of, net.n)
        self.circuit: Circuit = Circuit(net.dt, dict(self._parts()), net.dtype, threads)

    def _parts(self) -> Iterator[tuple[str, Part]]:
        raise NotImplementedError

    @property
    def sample_units(self) -> Mapping[str, str]:
        """Units in which plain samples of a run count, where they have one."""
        return {}

    @property
    def rules(self) -> dict[str, tuple[Rule, Blocks, Learning]]:
        """The rules by name, with their blocks and schedules."""
        raise NotImplementedError

    def values(self) -> dict[str, Any]:
        """Return parameters, fixed weights, masks and schedule of the declaration, in SI units."""
        raise NotImplementedError

    def noise(self, trial: int) -> dict[str, Any]:
        """Return the seeds of all that is random within a run."""
        raise NotImplementedError

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's."""
        raise NotImplementedError

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the learned weights after a run, by name."""
        raise NotImplementedError
