"""What an update of P forgets, on tensors: P is divided, or goes back towards its start."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

__all__ = ["Forgetting"]


class Forgetting(NamedTuple):
    """What `tension_sim.Learning` calls forgetting and relaxation.

    Attributes
    ----------
    forgetting : float
    relaxation : float
    first : float, or tensor of shape (..., partners) or (..., partners, partners)
        P(0), or its diagonal where it has no more.

    Examples
    --------
    >>> rule = Forgetting(relaxation=0.25, first=2.0)
    >>> rule.of(tf.constant([[1.0, 0.5], [0.5, 1.0]])).numpy()
    array([[1.25 , 0.375],
           [0.375, 1.25 ]], dtype=float32)
    """

    forgetting: float = 1.0
    relaxation: float = 0.0
    first: Any = 0.0

    @property
    def anything(self) -> bool:
        """Whether anything is forgotten."""
        return self.forgetting != 1.0 or self.relaxation != 0.0

    def of(self, P: tf.Tensor) -> tf.Tensor:
        """Return P, (..., partners, partners), after it has forgotten; 0 stays where there is no partner."""
        if self.forgetting != 1.0:
            P = P / self.forgetting
        if not self.relaxation:
            return P
        keep, diagonal = self._keep(P), tf.linalg.diag_part(P)
        if len(getattr(self.first, "shape", ())) == len(P.shape):
            return keep * P + (1.0 - keep) * self.first
        pull = tf.where(diagonal == 0, tf.zeros_like(diagonal), (1.0 - keep) * self.first)
        return tf.linalg.set_diag(keep * P, keep * diagonal + pull)

    def gain(self, Pr: tf.Tensor, r: tf.Tensor) -> tf.Tensor:
        """Return c k, from the new P times r: k/(forgetting + r'k) of the old P."""
        if not self.relaxation:
            return Pr
        keep = self._keep(Pr)
        return (Pr - (1.0 - keep) * self.first * r) / keep

    def _keep(self, like: tf.Tensor) -> tf.Tensor:
        return 1.0 - tf.constant(self.relaxation, like.dtype)
