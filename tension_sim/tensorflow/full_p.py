"""P of a recurrent kernel as the published package stores it, over the blocks that are stored here."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InvalidValueError, message
from .partner_blocks import PartnerBlocks

__all__ = ["FullP"]

_OPERATORS = (
    "__abs__", "__add__", "__eq__", "__ge__", "__getitem__", "__gt__", "__le__", "__lt__", "__matmul__", "__mul__",
    "__ne__", "__neg__", "__pow__", "__radd__", "__rmatmul__", "__rmul__", "__rsub__", "__rtruediv__", "__sub__",
    "__truediv__",
)  # fmt: skip


class FullP:
    """One matrix per neuron, (units, units, units), or the one that all share; it behaves like a variable.

    Parameters
    ----------
    variable : keras.Variable, shape (blocks, width, width)
        What is stored.
    blocks : PartnerBlocks
    shared : bool, optional
        Show the single matrix of an unmasked kernel, (units, units).

    Examples
    --------
    >>> blocks = PartnerBlocks(np.array([[0, 1], [0, 0]], bool), 2)
    >>> stored = tf.Variable(tf.eye(2, batch_shape=[2]))
    >>> P = FullP(stored, blocks)
    >>> _ = P.assign(3 * P)
    >>> P.numpy().sum(), stored.numpy().sum()
    (np.float32(9.0), np.float32(10.0))
    """

    def __init__(self, variable: Any, blocks: PartnerBlocks, shared: bool = False) -> None:
        self._variable, self._blocks, self._shared = variable, blocks, shared

    @property
    def shape(self) -> tf.TensorShape:
        """Shape in full."""
        n = self._blocks.units
        return tf.TensorShape([n, n] if self._shared else [n, n, n])

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""
        return tf.as_dtype(self._variable.dtype)

    @property
    def name(self) -> str:
        """Name of the variable."""
        return self._variable.name

    @property
    def trainable(self) -> bool:
        """Whether learning changes it."""
        return self._variable.trainable

    def value(self) -> tf.Tensor:
        """Return P in full."""
        stored = tf.convert_to_tensor(self._variable)
        if self._shared:
            return stored[0]
        padded = tf.pad(stored, ((0, 0), (0, 1), (0, 1)))  # neurons that are no partners read the padding
        rows = tf.gather(padded, self._blocks.position, axis=1, batch_dims=1)
        whole = tf.gather(rows, self._blocks.position, axis=2, batch_dims=1)
        return tf.gather(whole, self._blocks.block_of)

    read_value = value

    def numpy(self) -> np.ndarray:
        """Return P in full as an array."""
        return self.value().numpy()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Return P in full as an array."""
        return np.asarray(self.numpy(), dtype)

    def __len__(self) -> int:
        return self._blocks.units

    def __repr__(self) -> str:
        return f"<FullP {self.name} of shape {tuple(self.shape)}, stored as {tuple(self._variable.shape)}>"

    def __hash__(self) -> int:
        return object.__hash__(self)

    def assign(self, value: Any, use_locking: Any = None, name: Any = None, read_value: bool = True) -> FullP:
        """Set P from its full form.

        Raises
        ------
        InvalidValueError
            For another shape, numbers between neurons that are not connected, or another P
            for neurons that share one, because they have the same partners.
        """
        value = tf.cast(tf.convert_to_tensor(value), self.dtype)
        if value.shape != self.shape:
            raise InvalidValueError(message("P_GG.assign", f"shape {tuple(self.shape)}", tuple(value.shape)))
        self._variable.assign(value[None] if self._shared else self._stored(value))
        return self

    def assign_add(self, value: Any, *args: Any, **kwargs: Any) -> FullP:
        """Add to P."""
        return self.assign(self.value() + tf.cast(value, self.dtype), *args, **kwargs)

    def assign_sub(self, value: Any, *args: Any, **kwargs: Any) -> FullP:
        """Subtract from P."""
        return self.assign(self.value() - tf.cast(value, self.dtype), *args, **kwargs)

    def _stored(self, value: tf.Tensor) -> tf.Tensor:
        blocks = self._blocks
        first = np.unique(blocks.block_of, return_index=True)[1]  # a neuron of each block
        rows = tf.gather(tf.gather(value, first), blocks.partners, axis=1, batch_dims=1)
        stored = tf.gather(rows, blocks.partners, axis=2, batch_dims=1)
        valid = tf.constant(np.arange(blocks.width) < blocks.valid.sum(1)[:, None]) if not blocks.full else None
        if valid is not None:
            inside = valid[:, :, None] & valid[:, None, :]
            stored = tf.where(inside, stored, tf.convert_to_tensor(self._variable))
        if tf.executing_eagerly():
            again = FullP(tf.Variable(stored), blocks).value()
            if not np.array_equal(again, value):
                raise InvalidValueError(
                    message(
                        "P_GG.assign",
                        "one P for all neurons that have the same partners, and 0 where a weight is frozen",
                        "another P",
                        "a model that overrides pseudogradient_wR, if only to call super(), stores one P per neuron.",
                    )
                )
        return stored


def _operator(name: str) -> Any:
    return lambda self, *args: getattr(tf.convert_to_tensor(self), name)(*args)


for _name in _OPERATORS:
    setattr(FullP, _name, _operator(_name))

tf.register_tensor_conversion_function(
    FullP, lambda value, dtype=None, name=None, as_ref=False: tf.cast(value.value(), dtype or value.dtype)
)
