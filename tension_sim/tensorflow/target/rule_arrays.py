"""The arrays of a rule, as the circuit has them and as they are stored here: blocks of similar size side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...circuit.blocks import first_P
from ...circuit.names import entries, entry
from ...circuit.parts import Rule
from ...circuit.triangles import pack, unpack
from ...declare.noise import chance
from .maps import MapSteps, SpikeInputSteps

__all__ = ["Layout", "RuleArrays", "due_steps"]

#: Blocks lie side by side where the smaller one has at least this part of the partners of the larger.
_ALIKE = 0.75


class Layout(NamedTuple):
    """Values that the code of a rule depends on, beside the shapes of its arrays.

    Attributes
    ----------
    forgetting, relaxation : float
    divided : bool
    groups : tuple of tuple of int
        The blocks of each group whose P lie side by side.
    used : tuple of tuple of int
        For each map, the groups that its rows belong to.
    """

    forgetting: float
    relaxation: float
    divided: bool
    groups: tuple[tuple[int, ...], ...]
    used: tuple[tuple[int, ...], ...]


def due_steps(name: str, values: Mapping[str, Any], steps: np.ndarray) -> np.ndarray:
    """Say for each step whether a rule learns in it."""
    of = {key: values[entry(name, key)] for key in ("learning", "start_step", "stop_step", "update_every")}
    due = (of["start_step"] <= steps) & (steps < of["stop_step"]) & (steps % of["update_every"] == 0)
    due &= bool(of["learning"])
    if values[entry(name, "probability")] < 1:
        seed = values[entry(name, "seed")]
        due[due] = np.array([chance(seed, step) for step in steps[due].tolist()]) < values[entry(name, "probability")]
    return due


class RuleArrays:
    """The arrays that a rule starts from and leaves behind.

    Parameters
    ----------
    name : str
        Of the part.
    part : Rule
    maps : sequence of MapSteps or SpikeInputSteps
        What it learns.
    dtype : str
        Of its numbers.
    """

    def __init__(self, name: str, part: Rule, maps: Sequence[MapSteps | SpikeInputSteps], dtype: str) -> None:
        self.name: str = name
        self.part: Rule = part
        self.maps: Sequence[MapSteps | SpikeInputSteps] = maps
        self.dtype: str = dtype

    def layout(self, values: Mapping[str, Any]) -> Layout:
        """Return what the code of a run depends on."""
        sizes = np.diff(self._of(values, "block_start"))
        groups: list[list[int]] = []
        for b in np.argsort(-sizes, kind="stable").tolist():
            if not groups or sizes[b] < _ALIKE * sizes[groups[-1][0]]:
                groups.append([])
            groups[-1].append(b)
        used = []
        for m in range(len(self.maps)):
            counts = np.diff(self._of(values, f"block_rows_{m}"))
            used.append(tuple(g for g, blocks in enumerate(groups) if counts[blocks].any()))
        forgetting, relaxation = (float(values[entry(self.name, key)]) for key in ("forgetting", "relaxation"))
        divided = bool(values[entry(self.name, "divided")])
        return Layout(forgetting, relaxation, divided, tuple(map(tuple, groups)), tuple(used))

    def arrays(self, values: Mapping[str, Any], layout: Layout) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the arrays that stay during a run, and the state that it starts from."""
        return self._fixed(values, layout), self._first_state(values, layout)

    def _fixed(self, values: Mapping[str, Any], layout: Layout) -> dict[str, np.ndarray]:
        """Return the arrays that stay: of each group the partners of its blocks, of each map the block of each row."""
        start, partner = self._of(values, "block_start"), self._of(values, "partner").astype(np.int32)
        found: dict[str, np.ndarray] = {}
        for g, blocks in enumerate(layout.groups):
            rows = [partner[start[b] : start[b + 1]] for b in blocks]
            width = max(map(len, rows))
            found[f"partner_{g}"] = np.stack([np.pad(row, (0, width - len(row))) for row in rows])
            found[f"exists_{g}"] = np.stack([np.arange(width) < len(row) for row in rows])
            found[f"number_{g}"] = np.array(blocks, np.int32)
            if layout.relaxation:
                found[f"first_{g}"] = self._first(values, found[f"partner_{g}"], found[f"exists_{g}"])
        for m, used in enumerate(layout.used):
            found |= self._rows_of(m, values, [b for g in used for b in layout.groups[g]])
            if any(self.part.factors) and self.part.factors[m]:
                found[f"factor_{m}"] = self.maps[m].stored_weights(
                    self._of(values, f"factor_{m}").astype(self.dtype), values
                )
        if self.part.signs:
            found["sign"] = self._of(values, "sign").astype(self.dtype)
        if self.part.divide_by_source:
            found["block_of"] = self._of(values, "block_of").astype(np.int32)
        return entries(self.name, found)

    def _first(self, values: Mapping[str, Any], partners: np.ndarray, exists: np.ndarray) -> np.ndarray:
        """Return P(0) of blocks: its diagonal, or where sources have groups all of it."""
        if not self.part.grouped:
            return np.where(exists, self._alpha(values)[partners], 0).astype(self.dtype)
        found = np.zeros((*partners.shape, partners.shape[1]), self.dtype)
        for P, row, there in zip(found, partners, exists, strict=True):
            P[np.ix_(there, there)] = self._first_P_of(row[there], values)
        return found

    def _first_P_of(self, partner: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        grouped = [self._of(values, key)[partner] for key in ("group_of", "row_sum") if self.part.grouped]
        return first_P(self._alpha(values)[partner], *grouped)

    def _rows_of(self, m: int, values: Mapping[str, Any], blocks: Sequence[int]) -> dict[str, np.ndarray]:
        """Return the block of each row of a map: its number, and its place among the blocks used; -1 for none."""
        ends, rows = self._of(values, f"block_rows_{m}"), self._of(values, f"rows_{m}")
        block_of, place_of = (np.full(self.maps[m].part.n_targets, -1, np.int32) for _ in range(2))
        for place, b in enumerate(blocks):
            block_of[rows[ends[b] : ends[b + 1]]] = b
            place_of[rows[ends[b] : ends[b + 1]]] = place
        return {f"block_{m}": block_of, f"place_{m}": place_of}

    def _first_state(self, values: Mapping[str, Any], layout: Layout) -> dict[str, np.ndarray]:
        """Return P of each group, and how many updates there were."""
        start = self._of(values, "block_start")
        found: dict[str, np.ndarray] = {"diverged": np.array(-1, np.int64)}
        found["n_updates"] = np.array(np.ravel(values.get(entry(self.name, "n_updates"), 0))[0], np.int64)
        for g, blocks in enumerate(layout.groups):
            width = max(int(start[b + 1] - start[b]) for b in blocks)
            found[f"P_{g}"] = np.zeros((len(blocks), width, width), self.dtype)
            for place, b in enumerate(blocks):
                n = int(start[b + 1] - start[b])
                found[f"P_{g}"][place, :n, :n] = self._P_of(b, values)
        return entries(self.name, found)

    def _alpha(self, values: Mapping[str, Any]) -> np.ndarray:
        """Return alpha_P of each source."""
        n_sources = max(self.part.n_sources, int(self._of(values, "partner").max(initial=-1)) + 1)
        return np.broadcast_to(values[entry(self.name, "alpha_P")], (n_sources,))

    def _P_of(self, b: int, values: Mapping[str, Any]) -> np.ndarray:
        def part(name: str, start: str) -> np.ndarray:
            begin, end = self._of(values, start)[b : b + 2]
            return self._of(values, name)[begin:end]

        partner = part("partner", "block_start")
        n = len(partner)
        if np.ravel(values.get(entry(self.name, "fresh"), 1))[0]:
            return self._first_P_of(partner, values)
        # terms of a compiled program, which wait to be applied
        count = int(self._of(values, "pending")[b]) if entry(self.name, "pending") in values else 0
        k, c = np.zeros((0, n)), np.zeros(0)
        if count:
            k = part("pending_k", "pending_start")[: count * n].reshape(count, n)
            c = part("pending_c", "term_start")[:count]
        scale = values.get(entry(self.name, "P_scale"))
        return unpack(part("P_packed", "P_start"), n, k, c, 1.0 if scale is None else np.ravel(scale)[b])

    def left(self, state: Mapping[str, Any], values: Mapping[str, Any], layout: Layout) -> dict[str, np.ndarray]:
        """Return the arrays that a run leaves behind."""
        kinds = {"pending": np.int32, "fresh": np.int32, "n_updates": np.int64}
        before = {
            key: np.full(n, np.ravel(values.get(entry(self.name, key), key == "fresh")), kinds.get(key, self.dtype))
            for key, n in self.part.state_sizes.items()
        }
        updates = np.asarray(state[entry(self.name, "n_updates")])
        if updates != before["n_updates"] or np.asarray(state[entry(self.name, "diverged")]) >= 0:
            P_start, start = self._of(values, "P_start"), self._of(values, "block_start")
            for g, blocks in enumerate(layout.groups):
                P = np.asarray(state[entry(self.name, f"P_{g}")])
                for place, b in enumerate(blocks):
                    n = int(start[b + 1] - start[b])
                    before["P_packed"][P_start[b] : P_start[b + 1]] = pack(P[place, :n, :n])
            before["P_scale"][:], before["pending"][:], before["fresh"][:] = 1, 0, 0
            before["n_updates"][:] = updates
        diverged = np.atleast_1d(np.asarray(state[entry(self.name, "diverged")]))
        return entries(self.name, before | {"diverged_step": diverged})

    def _of(self, values: Mapping[str, Any], key: str) -> np.ndarray:
        return np.asarray(values[entry(self.name, key)])
