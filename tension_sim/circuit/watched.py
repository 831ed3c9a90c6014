"""What can be watched of a circuit while it runs: outputs beside their targets, spikes, learned weights and P."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from .names import DELAYED, FEEDFORWARD, OUTPUT, TARGET
from .parts import Circuit, Map, Rule, Samples, SpikeInput, Units, Variable, VariableRecord

__all__ = ["MOST_SHOWN", "Frame", "Listener", "Watched", "watched"]

#: Outputs that a frame shows; errors count all.
MOST_SHOWN = 8


@dataclass(frozen=True)
class Watched:
    """The arrays that are watched.

    Attributes
    ----------
    outputs : tuple of Variable
        Recorded outputs, in the order of their columns.
    targets : tuple of Variable or None
        Beside each of them what it is compared with.
    spiking : tuple of str
        Groups that spike.
    n_spiking : int
        Number of their neurons.
    weights : tuple of Variable
        Learned weights.
    n_weights : tuple of int
        How many each of them has.
    rules : tuple of str
        Rules, each of which has a P.
    """

    outputs: tuple[Variable, ...]
    targets: tuple[Variable | None, ...]
    spiking: tuple[str, ...]
    n_spiking: int
    weights: tuple[Variable, ...]
    n_weights: tuple[int, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """What a run shows at the end of a time step.

    Attributes
    ----------
    step : int
        Number of the next step.
    steps : int
        Steps over which `error` and `spikes` are sums.
    error : float
        Of the squares of output minus target, over all outputs.
    spikes : int
        Of all neurons.
    weights, P : float
        Euclidean norm of the learned weights, and trace of P.
    sampled : array of int, shape (samples,)
        Steps at which outputs were sampled.
    output : array, shape (samples, outputs)
        The first `MOST_SHOWN` outputs at these.
    """

    step: int
    steps: int
    error: float
    spikes: int
    weights: float
    P: float
    sampled: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    output: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))


class Listener(Protocol):
    """What a running circuit tells, and whom it asks.

    Attributes
    ----------
    block : int
        Steps of a block, at whose end the run asks whether to go on; 0: never.
    sample : int
        Outputs are sampled every so many steps for frames; 0: no frames are wanted.
    sums : mapping of str to number
        ``error`` and ``spikes`` of the part of a block that was run before.
    """

    block: int
    sample: int

    @property
    def sums(self) -> Mapping[str, float]:
        """See above."""
        ...

    def pause_wanted(self) -> bool:
        """Say whether the run is to pause after its time step."""
        ...

    def goes_on(self, block: Frame) -> bool:
        """Hear of a block that ended, and say whether the run goes on."""
        ...

    def show(self, frame: Frame) -> None:
        """Hear of the steps since the last frame."""
        ...

    def left(self, error: float, spikes: int) -> None:
        """Hear of the sums of a block that is not complete when the run pauses."""
        ...


def watched(circuit: Circuit) -> Watched:
    """Return what can be watched of a circuit."""
    records = {
        name: part for name, part in circuit.of(VariableRecord).items() if name == OUTPUT or _of(name, OUTPUT)
    }  # fmt: skip
    # Poisson units are an input, and a delayed trace spikes for its neuron
    others = {name for name in circuit.of(Units) if name == FEEDFORWARD or _of(name, DELAYED)}
    spiking = {name: part.n for name, part in circuit.of(Units).items() if part.threshold and name not in others}
    maps = {name: part.n_weights for name, part in circuit.of(Map).items() if part.learned}
    maps |= {name: part.count or 0 for name, part in circuit.of(SpikeInput).items() if part.trace}
    return Watched(
        outputs=tuple(part.source for part in records.values()),
        targets=tuple(_target(circuit, name) for name in records),
        spiking=tuple(spiking),
        n_spiking=sum(spiking.values()),
        weights=tuple(Variable(name, "w") for name in maps),
        n_weights=tuple(maps.values()),
        rules=tuple(circuit.of(Rule)),
    )


def _of(name: str, kind: str) -> str:
    """Return whose part of a kind a name is; empty if it is none."""
    return name.removeprefix(f"{kind}_") if name.startswith(f"{kind}_") else ""


def _target(circuit: Circuit, output: str) -> Variable | None:
    """Return what an output is compared with: the target, or those channels of it that are its own."""
    own = f"{TARGET}_{_of(output, OUTPUT)}"
    if own in circuit.of(Map):
        return Variable(own, "z")
    return Variable(TARGET, "value") if TARGET in circuit.of(Samples) else None
