"""BioFORCE: the recurrent kernel learns one target per neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from .force_model import FORCEModel

if TYPE_CHECKING:
    from ...tensorflow.partner_blocks import PartnerBlocks

__all__ = ["BioFORCEModel"]


class BioFORCEModel(FORCEModel):
    """Train the recurrent kernel on one target per neuron (Hadjiabadi et al. 2021).

    The target is (timesteps, units). Takes what :class:`tension_sim.base.FORCEModel` takes.

    Notes
    -----
    The published program divides a second time, by ``1 + h P_j h'`` of the presynaptic
    neuron j; so does this one, with forgetting by ``forgetting + h P_j h'``. Where no input of
    neuron j learns, there is no P_j, and nothing to divide by.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ConstrainedNoFeedbackESN(
    ...     structural_connectivity=np.ones((10, 10)), noise_param=(0, 0.01),
    ...     units=10, dtdivtau=0.1, activation="tanh", seed=1)
    >>> model = BioFORCEModel(force_layer=layer)
    >>> model.compile(metrics=["mae"], target="numpy")
    >>> model.fit(x=np.zeros((30, 1)), y=np.zeros((30, 10)), verbose=0).history["mae"][0] < 1
    True
    """

    recurrent_error = "input"
    divide_by_source = True

    def _one_error(self) -> bool:
        return False

    def pseudogradient_wR(self, P_Gx: Any, h: Any, z: Any, y: Any, Ph: Any, hPh: Any) -> Any:
        """Return what is subtracted from the recurrent kernel; `P_Gx` is the new one, `Ph` and `hPh` of the old."""
        return self._change(self._gains_of_neurons(P_Gx, h, Ph), hPh[:, :, 0], z, y)

    def _recurrent_change(self, blocks: PartnerBlocks, rows: Any, rPr: Any, z: Any, y: Any) -> Any:
        return self._change(blocks.per_neuron(rows), blocks.per_neuron(rPr), z, y)

    def _change(self, gains: Any, hPh: Any, z: Any, y: Any) -> Any:
        connectivity = tf.cast(tf.convert_to_tensor(self.original_force_layer.structural_connectivity), gains.dtype)
        divisor = self._forgets.forgetting + hPh
        mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
        if mask is not None:
            has_P = tf.reduce_any(tf.logical_not(mask), axis=0)
            divisor = tf.where(has_P[:, None], divisor, tf.ones_like(divisor))
        return connectivity * tf.transpose(gains) / divisor * (z - y)
