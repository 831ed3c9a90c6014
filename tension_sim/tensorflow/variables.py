"""Small adapters between TensorFlow, Keras 3 and scripts written for Keras 2."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from ..declare import noise
from ..errors import InvalidTypeError, UnsupportedError, message

__all__ = [
    "RecordedState",
    "SeedGenerator",
    "accept_read_value",
    "hook",
    "hooks_of",
    "is_ours",
    "standard_normal",
    "standard_uniform",
    "traced",
    "when",
]

Method = TypeVar("Method", bound=Callable[..., Any])

_PACKAGE = __name__.split(".")[0] + "."


def accept_read_value(variable: Any) -> Any:
    """Let a Keras variable accept TensorFlow's ``assign(value, read_value=False)``.

    Parameters
    ----------
    variable : keras.Variable
        Changed in place.

    Returns
    -------
    keras.Variable
        The same variable.
    """

    def adapted(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda value, use_locking=None, name=None, read_value=True: method(value)

    for name in ("assign", "assign_add", "assign_sub"):
        setattr(variable, name, adapted(getattr(variable, name)))
    return variable


class SeedGenerator:
    """Random numbers of a layer, in the way the published package draws its seeds.

    Parameters
    ----------
    seed : int or None
        With an integer, every draw is reproducible. Without one, after ``keras.utils.set_random_seed``,
        for the seed then comes from Python's random numbers, as that of Keras' own layers.

    Examples
    --------
    >>> draw = lambda: SeedGenerator(1).uniform([1], minval=None)
    >>> draw() == draw()
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed: int = random.getrandbits(63) if seed is None else seed
        self._integers = np.random.default_rng(self._seed)
        self._floats: Any = None

    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = tf.float32,
        name: str | None = None,
    ) -> Any:
        """Draw as ``tf.random.Generator.uniform``; with ``minval=None``, Python integers.

        Keras takes only Python integers as seeds of its initializers.
        """
        if minval is None:
            count = int(np.prod(shape, dtype=int))
            return [int(i) for i in self._integers.integers(0, 2**31 - 1, count)]
        return self._generator().uniform(shape, minval, maxval, dtype, name)

    def _generator(self) -> Any:
        if self._floats is None:
            self._floats = tf.random.Generator.from_seed(self._seed)
        return self._floats

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._generator(), name)


class RecordedState(np.ndarray):
    """A state as it was at one time step; it can be read, not written."""

    def numpy(self) -> np.ndarray:
        """Return the values as a plain array."""
        return np.asarray(self)

    def value(self) -> RecordedState:
        """Return the state itself, as variables do."""
        return self

    read_value = value

    def assign(self, *_: Any, **__: Any) -> None:
        """Refuse: the step that this state belongs to is over."""
        raise UnsupportedError(
            message(
                "force_layer.states",
                "states to be read, not written, in a callback of a time step",
                "assign",
                "compile the model with steps_per_execution=1, which runs step by step.",
            )
        )

    assign_add = assign
    assign_sub = assign


def standard_uniform(index: Any, seed: int | tf.Tensor, step: Any, dtype: Any) -> tf.Tensor:
    """Return the numbers of :func:`tension_sim.declare.noise.uniform`, with XLA and without it.

    Parameters
    ----------
    index : tensor or array of whole numbers
        Any shape; the result has the same.
    seed : int or tensor of int64, shape ()
    step : int or tensor of int64, shape ()
    dtype : floating type
    """
    return tf.cast(_uniform(_noise_key(seed, step), tf.cast(index, tf.uint64)), dtype)


def standard_normal(index: Any, seed: int | tf.Tensor, step: Any, dtype: Any) -> tf.Tensor:
    """Return the numbers of :func:`tension_sim.declare.noise.normal`; see :func:`standard_uniform`."""
    key = _noise_key(seed, step)
    doubled = tf.cast(index, tf.uint64) * tf.constant(2, tf.uint64)
    u, v = (_uniform(key, doubled + tf.constant(k, tf.uint64)) for k in (0, 1))
    return tf.cast(tf.sqrt(-2.0 * tf.math.log1p(-u)) * tf.cos(2.0 * np.pi * v), dtype)


def _shifted(z: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(z, tf.constant(bits, tf.uint64))


def _mixed(z: tf.Tensor) -> tf.Tensor:
    for bits, factor in noise.MIX:
        z = tf.bitwise.bitwise_xor(z, _shifted(z, bits)) * tf.constant(factor, tf.uint64)
    return tf.bitwise.bitwise_xor(z, _shifted(z, 31))


def _noise_key(seed: Any, step: Any) -> tf.Tensor:
    first = tf.cast(seed, tf.uint64) * tf.constant(noise.SEED_FACTOR, tf.uint64)
    return _mixed(first + tf.cast(step + 1, tf.uint64) * tf.constant(noise.INCREMENT, tf.uint64))


def _uniform(key: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    counted = (index + tf.constant(1, tf.uint64)) * tf.constant(noise.INCREMENT, tf.uint64)
    return tf.cast(_shifted(_mixed(key + counted), 11), tf.float64) * 2.0**-53


def is_ours(function: Any) -> bool:
    """Return whether a method is this package's own, not a user's override; or a class its own, not a subclass."""
    function = getattr(function, "__func__", function)
    return str(getattr(function, "__module__", "")).startswith(_PACKAGE)


def hook(method: Method) -> Method:
    """Mark a published method of a time step that a subclass may override: TensorFlow then runs the model.

    Examples
    --------
    >>> hook(lambda self: None).is_hook
    True
    """
    method.is_hook = True  # type: ignore[attr-defined]
    return method


def hooks_of(owner: Any) -> list[str]:
    """Return the names of the methods of an object that are marked by `hook`, in its class or above it."""
    classes = type(owner).__mro__
    return sorted({name for cls in classes for name, it in vars(cls).items() if getattr(it, "is_hook", None) is True})


def traced(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method so that ``if`` on tensors works in it, below Keras' ``__call__``.

    Keras 3 switches the conversion of Python control flow off for what it calls.
    """
    if is_ours(method) or hasattr(method, "get_concrete_function"):
        return method
    return tf.function(method)


def when(condition: Any, action: Callable[[], Any]) -> None:
    """Run `action` if `condition` holds, in the least costly way.

    A loop of 0 or 1 turns, because ``tf.cond`` copies what it may change, at each step,
    when XLA compiles it.

    Parameters
    ----------
    condition : bool or tf.Tensor
        A single truth value.
    action : callable
        Changes variables; what it returns is not used.
    """
    if condition is None:
        raise InvalidTypeError(message("update_kernel_condition", "to return True, False, or a tensor of one", None))
    known = tf.get_static_value(condition) if tf.is_tensor(condition) else condition
    if known is not None:
        if bool(np.all(known)):
            action()
        return
    turns = tf.cast(tf.reshape(condition, []), tf.int32)

    def turn(i: tf.Tensor) -> tuple[tf.Tensor]:
        action()
        return (i + 1,)

    tf.while_loop(lambda i: i < turns, turn, (tf.constant(0),), parallel_iterations=1)
