"""Base class of the wirings of all declarations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from ..declare.declaration import Declaration
from ..declare.equations import SEED
from ..declare.learning import FOREVER, Learning
from ..declare.noise import key as noise_key
from ..declare.populations.network import Network
from ..declare.record import Record
from .blocks import Blocks
from .names import OUTPUT, SPIKES, entry, recorded
from .parts import Circuit, Part, Rule, Units, VariableRecord

__all__ = ["Wiring", "noise_seed"]

Net = TypeVar("Net", bound=Declaration | Network)


#: Tells the noise of parts apart from that of trials, whose numbers are smaller.
_PARTS = 2**40


def noise_seed(seed: int, trial: int, part: int = 0) -> int:
    """Return the seed of the noise of a trial, as equations take it.

    That of trial 0 and the first noisy part is the network's own. No other part has that of a network with another
    seed, so that runs of neighbouring seeds share no noise.
    """
    seed = noise_key(seed, _PARTS + part) if part else seed
    return (noise_key(seed, trial) if trial else seed) & 0x7FFFFFFF


class Wiring(Generic[Net]):
    """A declaration as a circuit, with the values and states of its runs.

    Parameters
    ----------
    net : Network, ForceNetwork or FittedNetwork
        The declaration.
    record : Record
        What is recorded.
    threaded : bool
        Whether threads share the work of the C++ program.

    Attributes
    ----------
    circuit : Circuit
        What is compiled in.
    spikes_of : int
        Number of neurons, from the first, whose spikes are recorded.
    """

    def __init__(self, net: Net, record: Record, threaded: bool = False) -> None:
        self.net: Net = net
        self.record: Record = record
        self._check_record()
        self.spikes_of: int = self._count_recorded()
        self.circuit: Circuit = Circuit(net.dt, dict(self._parts()), net.dtype, threaded)

    def _check_record(self) -> None:
        self.record.check(self.net.state_variables, self.net.n)

    @property
    def _n_spiking(self) -> int:
        """Number of neurons that have spikes."""
        raise NotImplementedError

    def _count_recorded(self) -> int:
        n, first = self._n_spiking, self.record.spikes_of
        return n if first is None else min(first, n)

    def _parts(self) -> Iterator[tuple[str, Part]]:
        raise NotImplementedError

    @property
    def sample_units(self) -> Mapping[str, str]:
        """Units in which plain samples of a run count, where they have one."""
        return {}

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, Blocks, Learning]]:
        """The rules by name, with their blocks and schedules."""
        raise NotImplementedError

    def values(self) -> dict[str, Any]:
        """Return parameters, fixed weights, masks and schedule of the declaration, in SI units."""
        raise NotImplementedError

    def noise(self, trial: int) -> dict[str, Any]:
        """Return the seeds of all that is random within a run: network and trial decide them."""
        noisy = [name for name, part in self.circuit.of(Units).items() if SEED in part.equations]
        return {entry(name, SEED): noise_seed(self.net.seed, trial, k) for k, name in enumerate(noisy)}

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's."""
        raise NotImplementedError

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the learned weights after a run, by name."""
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
