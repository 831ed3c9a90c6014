"""The blocks of P of a user's Synapses: found when a run starts, for `connect` may be evaluated then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...circuit.blocks import Blocks
from .._base import default_float

__all__ = ["BLOCK_ARRAYS", "Wiring", "declare_blocks", "find_wiring"]

#: Arrays of a rule whose length the partners decide: those of the blocks, and those of P.
BLOCK_ARRAYS = {
    "partner": np.int32,
    "block_start": np.int64,
    "P_start": np.int64,
    "pending_start": np.int64,
    "term_start": np.int64,
    "max_pending": np.int32,
    "rows_0": np.int32,
    "block_rows_0": np.int64,
    "P_packed": None,
    "pending_k": None,
    "pending_c": None,
    "P_scale": None,
    "pending": np.int32,
}


def declare_blocks(variables: Any) -> None:
    """Declare blocks whose number is not known yet."""
    variables.add_array("N", size=1, scalar=True, dtype=np.int64)
    for name, dtype in BLOCK_ARRAYS.items():
        variables.add_dynamic_array(name, size=0, dtype=default_float() if dtype is None else dtype)


@dataclass(frozen=True)
class Wiring:
    """Which synapses learn, and how they share P.

    Attributes
    ----------
    slots : list of arrays of int32, one per Synapses
        The place of each synapse among those that learn, ordered by targets and then by sources;
        -1 for one that does not.
    row_start : array of int64, shape (targets + 1,)
        Where each target's begin.
    blocks : Blocks
        The rows that share P.
    """

    slots: list[np.ndarray]
    row_start: np.ndarray
    blocks: Blocks

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the values of what `declare_blocks` declares, P without numbers."""
        sizes = self.blocks.totals
        empty = {"P_packed": sizes.P, "pending_k": sizes.pending_k, "pending_c": sizes.pending_c}
        empty |= {"P_scale": sizes.blocks, "pending": sizes.blocks}
        return self.blocks.arrays() | {name: np.zeros(size) for name, size in empty.items()}


def find_wiring(
    pre: Sequence[np.ndarray], post: Sequence[np.ndarray], trainable: Sequence[Any], n_targets: int, by_synapse: bool
) -> Wiring:
    """Group the postsynaptic neurons by their partners.

    Parameters
    ----------
    pre, post : sequence of arrays of int
        Source and target of each synapse, for each Synapses; sources are numbered over all.
    trainable : sequence of arrays of bool, or None
        Which synapses learn; None: all.
    n_targets : int
        Postsynaptic neurons.
    by_synapse : bool
        Whether each synapse has a trace of its own, so that no two neurons share their P.

    Examples
    --------
    >>> wiring = find_wiring([np.array([0, 1, 0])], [np.array([1, 1, 0])], [None], 2, False)
    >>> wiring.slots, wiring.blocks.sizes
    ([array([1, 2, 0], dtype=int32)], [1, 2])
    """
    masks = [
        np.ones(len(one), bool) if mask is None else np.asarray(mask, bool)
        for one, mask in zip(pre, trainable, strict=True)
    ]
    source = np.concatenate([one[mask] for one, mask in zip(pre, masks, strict=True)])
    target = np.concatenate([one[mask] for one, mask in zip(post, masks, strict=True)])
    order = np.lexsort((source, target))
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    slots = [np.full(len(mask), -1, np.int32) for mask in masks]
    ends = np.cumsum([mask.sum() for mask in masks])[:-1]
    for slot, mask, places in zip(slots, masks, np.split(place, ends), strict=True):
        slot[mask] = places
    row_start = np.append(0, np.cumsum(np.bincount(target, minlength=n_targets))).astype(np.int64)
    partner = source[order].astype(np.int32)
    lists = np.arange(len(partner)) if by_synapse else partner
    blocks = Blocks.of([np.split(lists, row_start[1:-1])])
    return Wiring(slots, row_start, replace(blocks, partner=partner) if by_synapse else blocks)
