"""The blocks of P of a recurrent kernel, padded to one size for tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..circuit.blocks import Blocks
from .forgetting import Forgetting
from .rank_one import rank_one

__all__ = ["PartnerBlocks", "updated_P"]

_LARGE = 64_000_000  # numbers in P


class PartnerBlocks:
    """The `Blocks` of a recurrent kernel, as tensors of one shape.

    Blocks are padded to the largest one, with 0, so that the padding stays what it is, whatever P
    forgets. Blocks are sorted by their masks, because saved models keep P in this
    order; the neurons that learn nothing have a block of their own.

    Parameters
    ----------
    frozen : array of bool, shape (units, units), or None
        True where the weight from row to column does not learn. None: all learn.
    units : int
        Number of neurons.

    Attributes
    ----------
    n_blocks, width : int
        Number of distinct masks, and partners in the largest.
    members : list of arrays of int
        The partners of each block.

    Examples
    --------
    >>> frozen = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 1]], bool)
    >>> blocks = PartnerBlocks(frozen, 3)
    >>> blocks.n_blocks, blocks.width, blocks.block_of.tolist()
    (2, 3, [1, 1, 0])
    >>> [partners.tolist() for partners in blocks.members]
    [[1], [0, 1, 2]]
    >>> blocks.shape
    (2, 3, 3)
    """

    def __init__(self, frozen: np.ndarray | None, units: int) -> None:
        self.units = units
        self.full: bool = frozen is None or not np.any(frozen)
        self.members: list[np.ndarray]
        self.block_of: np.ndarray
        if self.full:
            self.members, self.block_of = [np.arange(units)], np.zeros(units, np.int32)
        else:
            self.members, self.block_of = _sorted_by_mask(~np.asarray(frozen, bool))
        self.n_blocks: int = len(self.members)
        counts = np.array([len(partners) for partners in self.members])
        self.width: int = max(int(counts.max()), 1)
        self.partners: np.ndarray = np.zeros((self.n_blocks, self.width), np.int32)
        self.valid: np.ndarray = np.arange(self.width) < counts[:, None]
        self.position: np.ndarray = np.full((self.n_blocks, units), self.width, np.int32)
        for b, partners in enumerate(self.members):
            self.partners[b, : len(partners)] = partners
            self.position[b, partners] = np.arange(len(partners))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of P: (blocks, width, width)."""
        return (self.n_blocks, self.width, self.width)

    @property
    def large(self) -> bool:
        """Whether P is so large that no copy of it may be made."""
        return int(np.prod(self.shape)) > _LARGE

    def initializer(self, alpha: float) -> Any:
        """Return a Keras initializer of P: ``alpha`` times the identity in each block, 0 in the padding."""
        return lambda shape, dtype: tf.linalg.diag(tf.constant(alpha, dtype) * tf.cast(self.valid, dtype))

    def update(self, P: Any, r: tf.Tensor, forgets: Forgetting) -> tuple[tf.Tensor, tf.Tensor]:
        """Update P by the rates of each block's partners.

        Parameters
        ----------
        P : variable, shape (blocks, width, width)
            Changed in place.
        r : tensor, shape (blocks, width)
        forgets : Forgetting

        Returns
        -------
        k : tensor, shape (blocks, width)
            Old P times r.
        rPr : tensor, shape (blocks, 1)
        """
        if self.large:
            return self._update_in_parts(P, r, forgets)
        new, k, rPr = updated_P(tf.convert_to_tensor(P), r, forgets)
        P.assign(new)
        return k, rPr

    def _update_in_parts(self, P: Any, r: tf.Tensor, forgets: Forgetting) -> tuple[tf.Tensor, tf.Tensor]:
        handle = P.value.handle
        size = max(1, _LARGE // 16 // self.width**2)
        parts = -(-self.n_blocks // size)
        gains = tf.TensorArray(r.dtype, parts, element_shape=(None, self.width), infer_shape=False)
        quadratic = tf.TensorArray(r.dtype, parts, element_shape=(None, 1), infer_shape=False)

        def turn(i: tf.Tensor, gains: tf.TensorArray, quadratic: tf.TensorArray) -> tuple[Any, ...]:
            which = tf.range(i * size, tf.minimum((i + 1) * size, self.n_blocks))
            old = tf.raw_ops.ResourceGather(resource=handle, indices=which, dtype=r.dtype)
            new, k, rPr = updated_P(old, tf.gather(r, which), forgets)
            tf.raw_ops.ResourceScatterUpdate(resource=handle, indices=which, updates=new)
            return i + 1, gains.write(i, k), quadratic.write(i, rPr)

        _, gains, quadratic = tf.while_loop(
            lambda i, *_: i < parts, turn, (tf.constant(0), gains, quadratic), parallel_iterations=1
        )
        k = tf.ensure_shape(gains.concat(), (self.n_blocks, self.width))
        return k, tf.ensure_shape(quadratic.concat(), (self.n_blocks, 1))

    def gather(self, h: tf.Tensor) -> tf.Tensor:
        """Return the rates of each block's partners, (blocks, width), from (1, units)."""
        if self.full:
            return h
        return tf.gather(h[0], self.partners) * tf.cast(self.valid, h.dtype)

    def scatter(self, k: tf.Tensor) -> tf.Tensor:
        """Return (blocks, width) as (blocks, units), 0 where there is no partner."""
        if self.full:
            return k
        padded = tf.pad(k, ((0, 0), (0, 1)))
        return tf.gather(padded, self.position, batch_dims=1)

    def per_neuron(self, values: tf.Tensor) -> tf.Tensor:
        """Return a value per block as one per neuron, along the first axis."""
        if self.full:
            return tf.broadcast_to(values, (self.units, *values.shape[1:]))
        return tf.gather(values, self.block_of)

    def expand(self, P: np.ndarray) -> np.ndarray:
        """Return P in the published form: one (units, units) matrix per neuron, 0 where frozen."""
        P = np.asarray(P)
        padded = np.pad(P, ((0, 0), (0, 1), (0, 1)))
        padded[:, -1, :] = padded[:, :, -1] = 0
        blocks = np.stack([padded[b][np.ix_(p, p)] for b, p in enumerate(self.position)])
        return blocks[self.block_of]


def _sorted_by_mask(learns: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the partners of each block, sorted by their masks, and the block of each neuron."""
    blocks = Blocks.of([[np.flatnonzero(column) for column in learns.T]])
    members, block_of = blocks.members, blocks.block_of[0]
    if np.any(block_of < 0):  # a block for the neurons that learn nothing
        block_of = np.where(block_of < 0, len(members), block_of)
        members = [*members, np.empty(0, np.int32)]
    first = np.unique(block_of, return_index=True)[1]  # a neuron of each block
    order = np.array(sorted(range(len(members)), key=lambda b: learns[:, first[b]].tobytes()))
    return [members[b] for b in order], np.argsort(order)[block_of].astype(np.int32)


def updated_P(old: tf.Tensor, r: tf.Tensor, forgets: Forgetting) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return P of each block after an update, with old P times r, and r times that.

    Parameters
    ----------
    old : tensor, shape (blocks, width, width)
    r : tensor, shape (blocks, width)
        Rates of each block's partners.
    forgets : Forgetting

    Returns
    -------
    new : tensor, shape (blocks, width, width)
        As symmetric as `old`, to the last bit.
    k : tensor, shape (blocks, width)
    rPr : tensor, shape (blocks, 1)
    """
    # the product of matrices is three times as fast under XLA as its other forms
    k = tf.matmul(r[:, None, :], old)[:, 0, :]
    rPr = tf.reduce_sum(r * k, axis=1, keepdims=True)
    return forgets.of(old - rank_one(k, forgets.forgetting + rPr)), k, rPr
