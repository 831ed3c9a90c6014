"""Delta synapses: each spike adds its weight to a variable of the postsynaptic neurons."""

from __future__ import annotations

from typing import Any

from .equations import synapse_of
from .neuron import SynapticFilter

__all__ = ["DELTA", "delta_or_file", "is_delta"]

#: No equation file can say it: there is nothing to integrate. The neuron has the variable.
DELTA = SynapticFilter(
    name="delta",
    summary="Delta synapse: each spike adds its weight to a variable of the neurons",
    source="",
    equations="x : unit",
    output="x",
    spike={"x": "1"},
    parameters={},
    kind="synapse",
)


def is_delta(synapse: SynapticFilter) -> bool:
    """Say whether spikes add to a variable of the neurons, without one of the synapse."""
    return synapse.name == DELTA.name and synapse.equations == DELTA.equations


def delta_or_file(given: Any, where: str) -> SynapticFilter:
    """Return delta synapses by their name, or the synapse of an equation file."""
    return DELTA if isinstance(given, str) and given == DELTA.name else synapse_of(given, where, DELTA.name)
