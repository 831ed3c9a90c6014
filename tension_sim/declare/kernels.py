"""Sparse weights: one entry per synapse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidTypeError, InvalidValueError, message
from ..system.memory import check_memory
from .arrays_in import numbers, whole_numbers
from .converted import Converted, Declared, declared
from .row_starts import PART, Indices, RowStarts, part_of
from .synapse_order import ascends, order_by, ordered
from .validation import check_finite, check_flag, check_fraction, check_matrix, check_table, check_whole

__all__ = ["DRAWING", "SparseKernel", "joined_rows"]

#: Synapses whose places int32 can hold.
_MOST_SLOTS = 2**31 - 1

#: Bytes of a synapse while it is drawn and ordered, and indices that do not ascend.
DRAWING = 16


class _Joined(Declared):
    """What the synapses of a kernel join."""

    pre: Converted[np.ndarray, ArrayLike] = Indices()
    post: Converted[np.ndarray, ArrayLike] = Indices()


@declared()
class SparseKernel(_Joined):
    """Weights of a sparse connection: one entry for each synapse.

    Attributes
    ----------
    n : int
        Number of presynaptic neurons.
    pre, post : array of int32, shape (synapses,)
        Presynaptic and postsynaptic neuron. Where one of them ascends it is kept as the start of each row, and made
        anew, read-only, each time it is read: a synapse then costs 12 bytes, else 16.
    weight : array of float64, shape (synapses,)
        Weights; as static recurrence in the unit of the neuron file's currents (mV, pA or 1).
    n_post : int, optional
        Number of postsynaptic neurons; `n` by default.

    Examples
    --------
    >>> kernel = SparseKernel.from_dense(np.array([[0.0, 2.0], [0.0, 0.0]]))
    >>> kernel.pre, kernel.post, kernel.weight
    (array([0], dtype=int32), array([1], dtype=int32), array([2.]))
    """

    n: int
    pre: Converted[np.ndarray, ArrayLike]
    post: Converted[np.ndarray, ArrayLike]
    weight: Converted[np.ndarray, ArrayLike]
    n_post: Converted[int, None] = Converted(None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", check_whole("SparseKernel.n", self.n, 1))
        n_post = self.n if self.n_post is None else check_whole("SparseKernel.n_post", self.n_post, 1)
        object.__setattr__(self, "n_post", n_post)
        for name, n in (("pre", self.n), ("post", n_post)):
            array = whole_numbers(f"SparseKernel.{name}", getattr(self, name), "whole numbers", below=n, what="indices")
            object.__setattr__(self, name, array.astype(np.int32))
        shape = self.pre.shape
        weight = numbers("SparseKernel.weight", self.weight, f"an array of shape {shape}")
        for name, array in (("post", self.post), ("weight", weight)):
            if array.shape != shape:
                fix = "one entry per synapse."
                raise InvalidValueError(message(f"SparseKernel.{name}", "three arrays of one length", array.shape, fix))
        check_finite("SparseKernel.weight", weight)
        object.__setattr__(self, "weight", weight)
        for name, n in (("pre", self.n), ("post", n_post)):
            indices: np.ndarray = getattr(self, name)
            if 2 * (n + 1) < len(indices) and ascends(indices):
                rows = RowStarts.of_counts(np.bincount(indices, minlength=n))
                object.__setattr__(self, name, rows)
                break

    @classmethod
    def made(
        cls,
        n: int,
        pre: np.ndarray | RowStarts,
        post: np.ndarray | RowStarts,
        weight: np.ndarray,
        n_post: int | None = None,
    ) -> Self:
        """Return a kernel that holds these very arrays, as they are documented above; nothing is checked or copied."""
        kernel = object.__new__(cls)
        held = {"n": n, "pre": pre, "post": post, "weight": weight, "n_post": n if n_post is None else n_post}
        for name, value in held.items():
            object.__setattr__(kernel, name, value)
        return kernel

    def __len__(self) -> int:
        return len(self.weight)

    def with_weights(self, weight: ArrayLike) -> SparseKernel:
        """Return the same synapses with other weights; an array of float64 is not copied.

        Examples
        --------
        >>> SparseKernel(2, [0, 1], [1, 0], [1.0, 2.0]).with_weights(np.array([3.0, 4.0])).to_dense()
        array([[0., 3.],
               [4., 0.]])
        """
        weight = check_matrix("SparseKernel.weight", weight, self.weight.shape, "synapses")
        held = vars(self)
        return SparseKernel.made(self.n, held["pre"], held["post"], weight, self.n_post)

    @classmethod
    def from_dense(cls, matrix: Any, *, every_entry: bool = False) -> SparseKernel:
        """Make a kernel of the non-zero entries of ``matrix[pre, post]``, or of all."""
        matrix = check_table("SparseKernel.from_dense", matrix, ("pre", "post"))
        check_flag("SparseKernel.every_entry", every_entry)
        if every_entry:
            pre, post = (index.ravel() for index in np.indices(matrix.shape, np.int32))
            return cls(len(matrix), pre, post, matrix.ravel(), matrix.shape[1])
        pre, post = np.nonzero(matrix)
        return cls(len(matrix), pre, post, matrix[pre, post], matrix.shape[1])

    def to_dense(self) -> np.ndarray:
        """Return ``matrix[pre, post]``."""
        matrix = np.zeros((self.n, self.n_post))
        np.add.at(matrix, (self.pre, self.post), self.weight)
        return matrix

    def outgoing(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the synapses by presynaptic neuron; two between one pair of neurons are added.

        Returns
        -------
        start : array of int64, shape (n + 1,)
            Where the list of each presynaptic neuron begins.
        post : array of int32, shape (pairs,)
            Postsynaptic neurons, ascending within each list.
        weight : array of float64, shape (pairs,)

        Examples
        --------
        >>> SparseKernel(2, [1, 0, 1], [1, 0, 0], [3.0, 1.0, 2.0]).outgoing()
        (array([0, 1, 3]), array([0, 0, 1], dtype=int32), array([1., 2., 3.]))
        """
        return self._lists("pre", "post", self.n)

    def incoming(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the synapses by postsynaptic neuron: start, pre, weight, as `outgoing` does."""
        return self._lists("post", "pre", self.n_post)

    def _lists(self, by: str, other: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        owner, partner = vars(self)[by], vars(self)[other]
        if isinstance(owner, RowStarts):
            if isinstance(partner, np.ndarray) and owner.rising(partner):
                return owner.start, partner, self.weight
            owner = owner.part(0, len(owner))
        return ordered(owner, partner, self.weight, n)

    def slots(self) -> np.ndarray:
        """Return where each synapse of `outgoing` lies in `incoming`, int32.

        Raises
        ------
        InvalidValueError
            If there are more synapses than int32 can count.

        Examples
        --------
        >>> SparseKernel(2, [0, 0, 1], [0, 1, 0], [1.0, 2.0, 3.0]).slots()
        array([0, 2, 1], dtype=int32)
        """
        if len(self) > _MOST_SLOTS:
            expected, fix = f"at most {_MOST_SLOTS} synapses that learn", "share them out among several projections."
            raise InvalidValueError(message("SparseKernel", expected, len(self), fix))
        _, post, _ = self.outgoing()
        slots = np.empty(len(post), dtype=np.int32)
        slots[order_by(post)] = np.arange(len(post))
        return slots

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the synapses as `incoming` does; but two between one pair of neurons stay two.

        Examples
        --------
        >>> SparseKernel(2, [1, 0, 1], [1, 1, 1], [3.0, 1.0, 2.0]).rows()
        (array([0, 0, 3]), array([0, 1, 1], dtype=int32), array([1., 3., 2.]))
        """
        post, pre = vars(self)["post"], vars(self)["pre"]
        if isinstance(post, RowStarts) and isinstance(pre, np.ndarray) and post.rising(pre):
            return post.start, pre, self.weight
        order, counts = self.row_order(), np.bincount(self.post, minlength=self.n_post)
        return RowStarts.of_counts(counts).start, self.pre[order], self.weight[order]

    def row_order(self) -> np.ndarray:
        """Return the places of the synapses by postsynaptic, then presynaptic neuron."""
        if len(self) == self.n * self.n_post:
            shape = self.n, self.n_post
            pre, post = self.pre.reshape(shape), self.post.reshape(shape)
            if (pre == np.arange(self.n)[:, None]).all() and (post == np.arange(self.n_post)).all():
                return np.arange(len(self)).reshape(shape).T.ravel()  # a matrix turned is found without sorting
        return np.lexsort((self.pre, self.post))

    def sorted(self) -> SparseKernel:
        """Return the kernel in the order of `outgoing`; itself, if it has that order."""
        start, post, weight = self.outgoing()
        if weight is self.weight:
            return self
        return SparseKernel.made(self.n, RowStarts(start), post, weight, self.n_post)

    @classmethod
    def random(
        cls, n: int, p: float, std: float, rng: np.random.Generator, *, row_balanced: bool = False
    ) -> SparseKernel:
        """Draw each synapse with probability `p` and a normal weight of deviation `std`.

        Drawn one presynaptic neuron at a time, so that memory grows with the synapses only.

        Parameters
        ----------
        n : int
            Number of neurons.
        p : float
            Connection probability, in (0, 1].
        std : float
            Standard deviation of the weights.
        rng : numpy.random.Generator
            Source of randomness.
        row_balanced : bool, optional
            Subtract from each neuron's incoming weights their mean.
        """
        n = check_whole("SparseKernel.n", n, 1)
        check_fraction("SparseKernel.p", p)
        check_matrix("SparseKernel.std", std, (), "one number")
        check_flag("SparseKernel.row_balanced", row_balanced)
        _check_rng("SparseKernel.rng", rng)
        check_memory("SparseKernel.n", DRAWING * p * n * n, "fewer neurons, or a smaller p")
        counts = rng.binomial(n, p, size=n)
        post = joined_rows(
            (np.sort(rng.choice(n, size=k, replace=False, shuffle=False)) for k in counts), int(counts.sum())
        )
        weight = rng.standard_normal(len(post))
        weight *= std
        if row_balanced:
            _subtract_means(post, weight, n)
        return cls.made(n, RowStarts.of_counts(counts), post, weight)

    @classmethod
    def fixed_outdegree(
        cls, pre: np.ndarray, n: int, k: int, rng: np.random.Generator, *, themselves: bool = False
    ) -> SparseKernel:
        """Connect each of some neurons to `k` different ones of `n`, with weights of 1.

        Parameters
        ----------
        pre : array of int
            The presynaptic neurons.
        n, k : int
            Number of neurons, and of targets of each.
        rng : numpy.random.Generator
            Source of randomness.
        themselves : bool, optional
            Whether a neuron may be its own target.
        """
        n, k = check_whole("SparseKernel.n", n, 1), check_whole("SparseKernel.k", k, 1)
        pre = whole_numbers("SparseKernel.pre", pre, "a list of neurons", below=n)
        _check_rng("SparseKernel.rng", rng)
        check_memory("SparseKernel.k", DRAWING * len(pre) * k, "fewer targets")
        if k > n - (not themselves):
            raise InvalidValueError(message("SparseKernel.k", f"at most {n - (not themselves)} targets", k))
        chosen = (rng.choice(n - (not themselves), size=k, replace=False, shuffle=False) for _ in pre)
        rows = (np.sort(one if themselves else one + (one >= neuron)) for neuron, one in zip(pre, chosen, strict=True))
        post, of_all = joined_rows(rows, len(pre) * k), pre.astype(np.int32)
        in_rows = RowStarts.of_counts(k * np.bincount(of_all, minlength=n)) if ascends(of_all) else np.repeat(of_all, k)
        return cls.made(n, in_rows, post, np.ones(len(pre) * k))

    def row_balanced(self) -> SparseKernel:
        """Subtract from each neuron's incoming weights their mean, so that they sum to zero."""
        weight = self.weight.copy()
        _subtract_means(vars(self)["post"], weight, self.n_post)
        return self.with_weights(weight)


def joined_rows(rows: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Return the neurons of rows that are drawn one after the other, `count` in all, as int32."""
    joined, begin = np.empty(count, np.int32), 0
    for row in rows:
        joined[begin : begin + len(row)] = row
        begin += len(row)
    return joined


def _check_rng(where: str, rng: Any) -> None:
    if not isinstance(rng, np.random.Generator):
        raise InvalidTypeError(message(where, "a random number generator", rng, "np.random.default_rng(0)."))


def _subtract_means(post: np.ndarray | RowStarts, weight: np.ndarray, n_post: int) -> None:
    """Subtract from each neuron's incoming weights their mean, in their own memory."""
    total, number = np.zeros(n_post), np.zeros(n_post, np.int64)
    parts = [(begin, begin + PART) for begin in range(0, len(weight), PART)]
    for begin, stop in parts:
        owners = part_of(post, begin, stop)
        np.add.at(total, owners, weight[begin:stop])
        number += np.bincount(owners, minlength=n_post)
    mean = total / np.maximum(number, 1)
    for begin, stop in parts:
        weight[begin:stop] -= mean[part_of(post, begin, stop)]
