"""The neurons that spiked in a step, in ascending order; for CUDA, where they come in any."""

from __future__ import annotations

from typing import Any

from ._base import GeneratedObject

__all__ = ["SpikeOrder"]


class SpikeOrder(GeneratedObject):
    """Sort a group's spikes of the step, just after its threshold.

    On cuda_standalone all neurons look at their threshold at once, and what spikes is listed
    as it comes: the order, and with it the last bits of sums over synapses, would change from
    run to run. Exists for that target only.
    """

    def __init__(self, group: Any, name: str = "spike_order") -> None:
        super().__init__("tsim_spike_order", clock=group.clock, when="thresholds", order=1, name=name)
        self.add_dependency(group)
        self.variables.add_constant("N", len(group))
        self.variables.add_reference("_spikespace", group)
        self._enable_group_attributes()
