"""What a model writes to a file beside its kernels: P, the position in learning, a user's counters."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InvalidValueError, message
from .config import pack_mask, unpack_mask

__all__ = ["Saving"]


class Saving:
    """What FORCEModel writes to a file, and how it is built again from it."""

    def _own_variables(self) -> dict[str, Any]:
        keras_variables = [*self._trainable_variables, *self._non_trainable_variables]  # type: ignore[attr-defined]
        named = {f"{i:03d}_{v.name}": v for i, v in enumerate(keras_variables)}
        # tf.Variables that a subclass made, such as its own step counter: Keras would forget them
        users = {f"own_{name}": v for name, v in vars(self).items() if isinstance(v, tf.Variable)}
        return {**named, **users}

    def save_own_variables(self, store: Any) -> None:
        """Write P, the position in learning and a subclass' own variables."""
        for name, variable in self._own_variables().items():
            store[name] = np.asarray(variable)

    def load_own_variables(self, store: Any) -> None:
        """Read what :meth:`save_own_variables` wrote."""
        for name, variable in self._own_variables().items():
            where = f"{type(self).__name__}.load_weights"
            if name not in store:
                raise InvalidValueError(
                    message(where, f"a file with {name}", sorted(store.keys()), "build the same model first.")
                )
            value = np.asarray(store[name])
            if value.shape != tuple(variable.shape):
                raise InvalidValueError(
                    message(
                        where,
                        f"{name} of shape {tuple(variable.shape)}",
                        value.shape,
                        "use the same sizes and mask, or keras.models.load_model, which brings its own.",
                    )
                )
            variable.assign(value)

    def get_build_config(self) -> dict[str, Any] | None:
        """Return what ``build`` needs to make variables of the same shapes."""
        if not self.built:
            return None
        mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
        return {"input_shape": list(self._input_shape_built), "frozen": pack_mask(mask)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with what ``get_build_config`` returned."""
        mask = unpack_mask(config.get("frozen"))
        mask = None if mask is None else tf.convert_to_tensor(mask)
        object.__setattr__(self, "_frozen_to_restore", {"mask": mask})
        self.build(tuple(config["input_shape"]))
