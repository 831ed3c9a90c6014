"""The neurons that spiked in a step, in ascending order; for CUDA, where they come in any."""

from __future__ import annotations

from typing import Any

from brian2.core.variables import Variables

from ..errors import InvalidTypeError, InvalidValueError, message
from ._base import GeneratedObject
from .standalone import is_cuda

__all__ = ["SpikeOrder", "keep_spikes_in_order"]


class SpikeOrder(GeneratedObject):
    """Sort a group's spikes of the step, just after its threshold, so that equal runs give equal bits on CUDA.

    On cuda_standalone all neurons look at their threshold at once, and what spikes is listed
    as it comes: the order, and with it the last bits of sums over synapses, would change from
    run to run. Other targets list spikes in order, and there it does nothing. The sources of a
    `SpikeMap` are sorted without it; beside Brian2's own ``Synapses`` also set
    ``prefs.devices.cuda_standalone.use_atomics = False``.

    Parameters
    ----------
    group : Group
        A group that spikes; of a subgroup, the whole group is sorted.
    name : str, optional
        Name of the Brian2 object.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no group, or has no spikes.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, SpikeMonitor, ms
    >>> neurons = NeuronGroup(4, "v : 1", threshold="i > 1", reset="")
    >>> spikes = SpikeMonitor(neurons)
    >>> Network(neurons, SpikeOrder(neurons), spikes).run(0.1 * ms)
    >>> spikes.i[:]
    array([2, 3], dtype=int32)
    """

    def __init__(self, group: Any, name: str = "spike_order*") -> None:
        if not isinstance(getattr(group, "variables", None), Variables):
            raise InvalidTypeError(message("SpikeOrder.group", "a Brian2 group that spikes", group))
        if "_spikespace" not in group.variables:
            raise InvalidValueError(
                message("SpikeOrder.group", "a group that spikes", group.name, "give the group a threshold.")
            )
        group = getattr(group, "source", group)
        super().__init__("tsim_spike_order", clock=group.clock, when="thresholds", order=1, name=name)
        self.add_dependency(group)
        self.variables.add_constant("N", len(group))
        self.variables.add_reference("_spikespace", group)
        self._enable_group_attributes()

    def before_run(self, run_namespace: Any) -> None:
        if is_cuda():
            super().before_run(run_namespace)


def keep_spikes_in_order(group: Any) -> None:
    """Let a group sort its spikes wherever it runs, if this is on CUDA and it does not yet."""
    group = getattr(group, "source", group)
    if is_cuda() and not any(isinstance(part, SpikeOrder) for part in group.contained_objects):
        order = SpikeOrder(group, name=f"{group.name}_spike_order")
        order.is_part = True
        group.contained_objects.append(order)
