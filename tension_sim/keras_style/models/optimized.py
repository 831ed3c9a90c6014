"""A model that shows one P for all neurons."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from .force_model import FORCEModel

__all__ = ["OptimizedFORCEModel"]


class OptimizedFORCEModel(FORCEModel):
    """FORCE learning with one P of shape (units, units) where no recurrent weight is masked.

    Takes what :class:`tension_sim.base.FORCEModel` takes. The base class stores P as
    sparingly; here ``P_GG`` has two dimensions also when it is read.
    """

    def _shows_one_P(self) -> bool:
        return self._blocks is not None and self._blocks.full

    def pseudogradient_P_Gx(self, P_Gx: Any, h: Any) -> Any:
        """See the base class; a P of two dimensions is shared by all neurons."""
        if len(P_Gx.shape) == 2:
            return self.pseudogradient_P(P_Gx, h)
        return super().pseudogradient_P_Gx(P_Gx, h)

    def pseudogradient_wR(self, P_Gx: Any, h: Any, z: Any, y: Any, Ph: Any, hPh: Any) -> Any:
        """See the base class; a P of two dimensions is shared by all neurons."""
        if len(P_Gx.shape) == 2:
            return tf.broadcast_to(self._gain_of_new(P_Gx, h, Ph) * (z - y), P_Gx.shape)
        return super().pseudogradient_wR(P_Gx, h, z, y, Ph, hPh)
