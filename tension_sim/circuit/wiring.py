"""ForceNetwork -> circuit: the wiring of the `Network` that it is a short form of, with the names that it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..declare import force_as_network as force
from ..declare.network import ForceNetwork
from . import names
from .short_wiring import ShortWiring

__all__ = ["ForceWiring"]

#: Names of parts by kind, and by population, projection or readout: those under which states are saved.
_PUBLISHED = {
    (names.NEURONS, force.NEURONS): names.NEURONS,
    (names.RECURRENT, force.INPUT): names.INPUT,
    (names.RECURRENT, force.STATIC): names.RECURRENT,
    (names.RECURRENT, force.PLASTIC): names.PLASTIC,
    (names.NOW, force.PLASTIC): names.PLASTIC_NOW,
    (names.TRACES, force.OUTPUT): names.TRACES,
    (names.TRACE_SPIKES, force.OUTPUT): names.TRACE_SPIKES,
    (names.READOUT, force.OUTPUT): names.READOUT,
    (names.FEEDBACK, force.OUTPUT): names.FEEDBACK,
    (names.RULE, force.OUTPUT): names.RULE,
    (names.RULE, force.PLASTIC): names.PLASTIC_RULE,
    (names.SPIKES, force.NEURONS): names.SPIKES,
    (names.OUTPUT, force.OUTPUT): names.OUTPUT,
    # the target-generating network
    (names.NEURONS, force.TARGET): names.TARGET_NEURONS,
    (names.RECURRENT, force.TARGET_RECURRENT): names.TARGET_RECURRENT,
    (names.NOW, force.TARGET_RECURRENT): names.TARGET_RECURRENT_NOW,
    (names.RECURRENT, force.DRIVEN): names.TARGET_FEEDBACK,
    (names.RECURRENT, force.HINT): names.TARGET_HINT,
    (names.RECURRENT, force.TARGET_INPUT): names.TARGET_INPUT,
    (names.READOUT, force.TARGET_OUTPUT): names.TARGET_READOUT,
    (names.RULE, force.TARGET_OUTPUT): names.TARGET_RULE,
}


class ForceWiring(ShortWiring[ForceNetwork]):
    """A `ForceNetwork` as a circuit, with the values and states of its runs."""

    neurons = force.NEURONS

    def part(self, kind: str, *of: str) -> str:
        """Return the published name of a part."""
        published = _PUBLISHED[kind, of[0]]
        return names.numbered(published, of[1]) if kind == names.RECURRENT and len(of) > 1 else published

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the learned kernels after a run, each from row to column, as they were declared."""
        learned, found = super().weights(arrays), {}
        if self.net.output_kernel is not None:
            found["output_kernel"] = learned[force.OUTPUT]
        if self.net.plastic is not None:
            kernel = self.net.plastic.kernel
            found["recurrent_kernel"] = dense = np.zeros((self.net.n, self.net.n))
            dense[kernel.pre, kernel.post] = learned[force.PLASTIC]
        return found
