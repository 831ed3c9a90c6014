"""Check what Keras passes to the steps of a model and to its layers."""

from __future__ import annotations

from typing import Any

import keras

from ..errors import InvalidValueError, UnsupportedError, message

__all__ = ["check_call", "check_file", "check_precision", "input_of", "pair_of"]


def input_of(data: Any) -> Any:
    """Return the input of a step: of (x,), of (x, y), or `data` itself if it is x."""
    return keras.utils.unpack_x_y_sample_weight(data)[0]


def pair_of(where: str, data: Any) -> tuple[Any, Any]:
    """Return input and target of a step.

    Raises
    ------
    InvalidValueError
        If there is no target.
    """
    x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
    if y is None:
        raise InvalidValueError(message(f"{where}.data", "a pair (x, y)", type(data).__name__, "pass the target too."))
    return x, y


def check_call(where: str, x: Any) -> None:
    """Refuse an input of a model's call that is not (1, timesteps, inputs)."""
    shape = getattr(x, "shape", None)
    if shape is None or len(shape) != 3 or shape[0] not in (1, None):
        received = type(x).__name__ if shape is None else tuple(shape)
        raise InvalidValueError(
            message(f"{where}.x", "an array of shape (1, timesteps, inputs)", received, "pass x[None], or use predict.")
        )


def check_precision(where: str, policy: Any) -> None:
    """Refuse a dtype policy that is not one of float32 and float64."""
    if policy.name not in ("float32", "float64"):
        raise InvalidValueError(
            message(
                f"{where}.dtype",
                "'float32' or 'float64'",
                policy.name,
                "pass dtype='float32': recursive least squares needs more than half precision.",
            )
        )


def check_file(where: str, path: Any) -> None:
    """Refuse a file of whole models in HDF5, which Keras writes for models of its own layers only."""
    if str(path).endswith((".h5", ".hdf5")):
        raise UnsupportedError(
            message(
                f"{where}.filepath",
                "a file that ends with .keras",
                str(path),
                "HDF5 takes only weights: save_weights('run.weights.h5').",
            )
        )
