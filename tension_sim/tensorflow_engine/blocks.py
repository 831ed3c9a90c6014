"""One P per distinct mask of a recurrent kernel, sized by its partners."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

__all__ = ["PartnerBlocks"]


class PartnerBlocks:
    """Which presynaptic neurons each neuron learns from, grouped by equal sets.

    A neuron's P holds only the rows and columns of its partners; neurons with the same
    partners share one. Blocks are padded to the largest one; the padding stays at its
    start, because the rates gathered there are 0.

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

    Examples
    --------
    >>> frozen = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 1]], bool)
    >>> blocks = PartnerBlocks(frozen, 3)
    >>> blocks.n_blocks, blocks.width, blocks.block_of.tolist()
    (2, 3, [1, 1, 0])
    >>> blocks.initial(2.0).shape
    (2, 3, 3)
    """

    def __init__(self, frozen: np.ndarray | None, units: int) -> None:
        self.units = units
        self.full = frozen is None or not np.any(frozen)
        if self.full:
            learns = np.ones((1, units), bool)
            self.block_of = np.zeros(units, np.int32)
        else:
            learns, block_of = np.unique(~np.asarray(frozen, bool).T, axis=0, return_inverse=True)
            self.block_of = block_of.reshape(-1).astype(np.int32)
        self.n_blocks = len(learns)
        counts = learns.sum(1)
        self.width = max(int(counts.max()), 1)
        self.partners = np.zeros((self.n_blocks, self.width), np.int32)
        self.valid = np.arange(self.width) < counts[:, None]
        self.position = np.full((self.n_blocks, units), self.width, np.int32)
        for b, row in enumerate(learns):
            which = np.flatnonzero(row)
            self.partners[b, : len(which)] = which
            self.position[b, which] = np.arange(len(which))

    def initial(self, alpha: float) -> np.ndarray:
        """Return P at the start, ``alpha`` times the identity, of shape (blocks, width, width)."""
        return np.broadcast_to(alpha * np.eye(self.width), (self.n_blocks, self.width, self.width))

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
