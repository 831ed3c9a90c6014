"""The "optimizer" of FORCE learning, which subtracts pseudogradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from ..tensorflow.bases import KerasOptimizer

__all__ = ["PseudogradientDescent"]


@keras.saving.register_keras_serializable(package="tension_sim")
class PseudogradientDescent(KerasOptimizer):
    """Subtract each pseudogradient from its variable, for any variable.

    ``self.optimizer.apply_gradients(zip([dP], [P]))`` in a user's subclass comes here.
    """

    def __init__(self, name: str = "pseudogradient_descent", **kwargs: Any) -> None:
        kwargs.pop("learning_rate", None)
        super().__init__(learning_rate=1.0, name=name, **kwargs)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]], **_: Any) -> None:
        """Subtract the first of each pair from the second."""
        for change, variable in grads_and_vars:
            variable.assign_sub(change)
