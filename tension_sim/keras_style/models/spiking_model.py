"""FORCE learning of the readout of a spiking layer."""

from __future__ import annotations

from typing import Any

from .force_model import FORCEModel

__all__ = ["SpikingNNModel"]


class SpikingNNModel(FORCEModel):
    """FORCE learning of the readout of a spiking layer (Nicola & Clopath 2017).

    Takes what :class:`tension_sim.base.FORCEModel` takes; ``gain="undivided"`` is the
    rule of the published MATLAB program.
    """

    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        """Call the layer; return output, time step, filtered rates and output."""
        output, steps, _, _, h, _, _, _, z = self.force_layer(x, **kwargs)
        return output, steps, h, z
