"""Save what a model needs beside its kernels: P, the position in learning, and a user's counters."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InvalidValueError, message
from ..tensorflow.bases import ModelPart
from .arguments import check_file
from .config import pack_mask, unpack_mask
from .on_brian.exact import ExactState

__all__ = ["Saving", "stored"]


def stored(where: str, store: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of a file of weights.

    Raises
    ------
    InvalidValueError
        If it is not there, or has another shape.
    """
    if name not in store:
        raise InvalidValueError(
            message(where, f"a file with {name}", sorted(store.keys()), "build the same model first.")
        )
    value = np.asarray(store[name])
    if value.shape != shape:
        fix = "use the same sizes and mask, or keras.models.load_model, which brings its own."
        raise InvalidValueError(message(where, f"{name} of shape {shape}", value.shape, fix))
    return value


class Saving(ModelPart):
    """Mixin of FORCEModel: write the model to a file, and rebuild it."""

    exact_state: ExactState

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Write the model to a ``.keras`` file, as Keras does."""
        check_file(f"{type(self).__name__}.save", filepath)
        super().save(filepath, *args, **kwargs)

    def _own_variables(self) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for variable in [*self._trainable_variables, *self._non_trainable_variables]:
            count = sum(name.partition(":")[0] == variable.name for name in named)
            named[f"{variable.name}:{count}" if count else variable.name] = variable
        # tf.Variables that a subclass made, such as its own step counter: Keras would forget them
        users = {f"own_{name}": v for name, v in vars(self).items() if isinstance(v, tf.Variable)}
        return {**named, **users}

    def save_own_variables(self, store: Any) -> None:
        """Write P, the position in learning and a subclass' own variables."""
        for name, variable in self._own_variables().items():
            store[name] = np.asarray(variable)
        for name, values in self.exact_state.to_arrays().items():
            store[name] = values

    def load_own_variables(self, store: Any) -> None:
        """Read what :meth:`save_own_variables` wrote."""
        for name, variable in self._own_variables().items():
            where = f"{type(self).__name__}.load_weights"
            if name not in store:  # earlier files counted the variables
                name = next((key for key in store.keys() if key[:3].isdigit() and key[4:] == name), name)
            value = stored(where, store, name, tuple(variable.shape))
            variable.assign(value)
        self.exact_state = ExactState.from_arrays(
            {name: store[name] for name in store.keys() if name.startswith("exact|")}
        )

    def get_build_config(self) -> dict[str, Any] | None:
        """Return what ``build`` needs to make variables of the same shapes."""
        if not self.built:
            return None
        mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
        shape = list(self._input_shape_built)
        return {"input_shape": shape, "frozen": pack_mask(mask), "learns": self.trainable_config()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with what ``get_build_config`` returned."""
        mask = unpack_mask(config.get("frozen"))
        mask = None if mask is None else tf.convert_to_tensor(mask)
        object.__setattr__(self, "_frozen_to_restore", {"mask": mask})
        self.build(tuple(config["input_shape"]))
        if "learns" in config:
            self.restore_trainable(config["learns"])
