"""Layers and models that record their arguments, so that Keras can save them."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .._keras_names import published_module
from ..declare.validation import check_choice
from ..errors import InvalidValueError, message
from ..tensorflow.variables import SeedGenerator
from .checks import check_count

__all__ = ["Configured", "pack_mask", "pass_on", "unpack_mask"]


class _Arguments:
    """A plain holder, so that Keras does not track what it holds."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values


def _bound(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    if not args:
        return dict(kwargs)
    names = list(inspect.signature(cls.__init__).parameters)[1:]  # type: ignore[misc] # it is the class's own
    return {**dict(zip(names, args, strict=False)), **kwargs}


class Configured:
    """Record the arguments of the constructor; ``get_config`` gives them back.

    A user's subclass with arguments of its own is saved without a line of code.
    """

    _constructed: _Arguments

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the class, a user's too, known to ``keras.models.load_model``; ours under its published module."""
        super().__init_subclass__(**kwargs)
        cls.__module__ = published_module(cls.__module__, cls.__name__)
        keras.saving.register_keras_serializable(package=cls.__module__)(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Create the object and keep its arguments."""
        instance = super().__new__(cls, *args, **kwargs)
        object.__setattr__(instance, "_constructed", _Arguments(_bound(cls, args, kwargs)))
        return instance

    def get_config(self) -> dict[str, Any]:
        """Return the arguments in the form Keras writes to a file."""
        config = {}
        for name, value in self._constructed.values.items():
            if isinstance(value, np.generic):
                value = value.item()
            config[name] = keras.saving.serialize_keras_object(value)
        config["name"] = self.name  # type: ignore[attr-defined]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Create a layer or model from what ``get_config`` returned."""
        values = {
            name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
            for name, value in config.items()
        }
        parameters = inspect.signature(cls.__init__).parameters
        if "name" not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            values.pop("name", None)
        return cls(**values)


def pack_mask(mask: Any) -> dict[str, Any] | None:
    """Return a boolean matrix as text; None stays None."""
    if mask is None:
        return None
    mask = np.asarray(tf.convert_to_tensor(mask), bool)
    return {"shape": list(mask.shape), "bits": np.packbits(mask).tobytes().hex()}


def unpack_mask(packed: dict[str, Any] | None) -> np.ndarray | None:
    """Return the matrix of :func:`pack_mask`.

    Examples
    --------
    >>> unpack_mask(pack_mask(np.eye(3, dtype=bool))).sum()
    np.int64(3)
    """
    if packed is None:
        return None
    shape = tuple(packed["shape"])
    bits = np.frombuffer(bytes.fromhex(packed["bits"]), np.uint8)
    return np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)


def pass_on(where: str, layer: Any, dtype: Any, seed: int | None) -> None:
    """Give `dtype` and `seed` of a model to its layer, as if the layer had been made with them."""
    known = layer._constructed.values
    if dtype is not None:
        dtype = getattr(dtype, "name", dtype)
        check_choice(f"{where}.dtype", dtype, ("float32", "float64"))
        if layer.built and layer.dtype_policy.name != dtype:
            fix = "give dtype to from_weights."
            raise InvalidValueError(message(f"{where}.dtype", layer.dtype_policy.name, dtype, fix))
        layer.dtype_policy = known["dtype"] = dtype
    if seed is not None:
        check_count(f"{where}.seed", seed, 0)
        if layer._seed not in (None, seed):
            had = f"the layer's seed, {layer._seed}"
            raise InvalidValueError(message(f"{where}.seed", had, seed, "give it once."))
        if layer._seed is None:
            layer._seed = known["seed"] = seed
            layer.seed_gen = SeedGenerator(seed)
