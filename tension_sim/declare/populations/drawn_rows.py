"""Synapses drawn neuron by neuron, in the memory that they take in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..kernels import SparseKernel, joined_rows
from ..row_starts import PART, RowStarts
from ..synapse_order import grouped

__all__ = ["DrawnRows"]


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """Synapses of a rule, drawn for one postsynaptic neuron after the other.

    Attributes
    ----------
    n_pre : int
        Number of presynaptic neurons.
    counts : array of int, shape (n_post,)
        How many synapses each postsynaptic neuron has.
    partners : callable
        Draws the presynaptic neurons of each postsynaptic one in turn, from a random number generator; in any order.
    weights : callable
        Returns the weights of the synapses of some postsynaptic neurons: given are their partners, where those of
        each neuron begin, and the number of the first neuron. Called for all neurons in turn, once all partners are
        drawn.
    """

    n_pre: int
    counts: np.ndarray
    partners: Callable[[np.random.Generator], Iterator[np.ndarray]]
    weights: Callable[[np.ndarray, RowStarts, int], np.ndarray]

    def by_post(self, rng: np.random.Generator) -> SparseKernel:
        """Return the synapses in the order in which they are drawn."""
        rows = RowStarts.of_counts(self.counts)
        pre, weight = joined_rows(map(np.sort, self.partners(rng)), len(rows)), np.empty(len(rows))
        for first, some in self._parts():
            begin, end = rows.start[first], rows.start[first] + len(some)
            weight[begin:end] = self.weights(pre[begin:end], some, first)
        return SparseKernel.made(self.n_pre, pre, rows, weight, len(self.counts))

    def by_pre(self, rng: np.random.Generator) -> SparseKernel:
        """Return the same synapses by presynaptic, then by postsynaptic neuron.

        Partners are drawn twice, so that they need not be kept in two orders.
        """
        again, outgoing = deepcopy(rng), np.zeros(self.n_pre, np.int64)
        for row in self.partners(rng):
            outgoing[row] += 1

        def parts() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            drawn = map(np.sort, self.partners(again))
            for first, some in self._parts():
                pre = joined_rows(islice(drawn, len(some.start) - 1), len(some))
                yield pre, some.part(0, len(some)) + np.int32(first), self.weights(pre, some, first)

        start, post, weight = grouped(outgoing, parts())
        return SparseKernel.made(self.n_pre, RowStarts(start), post, weight, len(self.counts))

    def _parts(self) -> Iterator[tuple[int, RowStarts]]:
        """Yield the first postsynaptic neuron of each part, and where the synapses of its neurons begin."""
        start, first = RowStarts.of_counts(self.counts).start, 0
        while first < len(self.counts):
            stop = max(int(np.searchsorted(start, start[first] + PART, "right")) - 1, first + 1)
            yield first, RowStarts(start[first : stop + 1] - start[first])
            first = stop
