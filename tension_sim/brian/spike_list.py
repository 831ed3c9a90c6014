"""The spikes of a group as Brian2's monitor holds them; on CUDA, without a wait for the device at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.monitors.spikemonitor import SpikeMonitor

from .standalone import is_cuda

__all__ = ["list_spikes"]


class _SpikeList(SpikeMonitor):
    """A monitor whose numbers of spikes stay on the device until the run is over; its source has a `SpikeOrder`."""

    def __init__(self, source: Any, name: str) -> None:
        super().__init__(source, when="thresholds", order=2, name=name)  # after their order is made
        self.template = "tsim_spike_list"
        self.variables.add_array("listed", size=2, dtype=np.int64)
        self.variables.add_reference("t_in_timesteps", source)


def list_spikes(source: Any, name: str) -> SpikeMonitor:
    """Make the monitor of a group or subgroup, as it is best on this target."""
    return _SpikeList(source, name) if is_cuda() else SpikeMonitor(source, name=name)
