"""Recursive least squares of a circuit, on tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ...circuit.blocks import first_P, pack, unpack
from ...circuit.parts import Rule, Variable
from ...declare.noise import key as noise_key
from ..blocks import updated_P
from ..expressions import evaluate_text
from .maps import MapSteps, SpikeInputSteps
from .moment import Action, Moment

__all__ = ["Layout", "RuleSteps", "due_steps"]

#: Blocks lie side by side where the smaller one has at least this part of the partners of the larger.
_ALIKE = 0.75


class Layout(NamedTuple):
    """What the code of a rule depends on, beside the shapes of its arrays.

    Attributes
    ----------
    forgetting : float
    divided : bool
    groups : tuple of tuple of int
        The blocks of each group whose P lie side by side.
    used : tuple of tuple of int
        For each map, the groups that its rows belong to.
    """

    forgetting: float
    divided: bool
    groups: tuple[tuple[int, ...], ...]
    used: tuple[tuple[int, ...], ...]


def due_steps(name: str, values: Mapping[str, Any], steps: np.ndarray) -> np.ndarray:
    """Say for each step whether a rule learns in it."""
    of = {key: values[f"{name}.{key}"] for key in ("learning", "start_step", "stop_step", "update_every")}
    due = (of["start_step"] <= steps) & (steps < of["stop_step"]) & (steps % of["update_every"] == 0)
    due &= bool(of["learning"])
    if values[f"{name}.probability"] < 1:
        chances = [(noise_key(values[f"{name}.seed"], step) >> 11) * 2.0**-53 for step in steps[due].tolist()]
        due[due] = np.array(chances) < values[f"{name}.probability"]
    return due


class RuleSteps:
    """What a rule does in a time step.

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
        self.name, self.part, self.maps, self.dtype = name, part, maps, dtype

    # ---- before and after a run ----

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
        forgetting, divided = float(values[f"{self.name}.forgetting"]), bool(values[f"{self.name}.divided"])
        return Layout(forgetting, divided, tuple(map(tuple, groups)), tuple(used))

    def arrays(
        self, values: Mapping[str, Any], layout: Layout
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return what stays during a run, and what it starts from."""
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
        return {f"{self.name}.{key}": array for key, array in found.items()}

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
        found: dict[str, np.ndarray] = {"n_updates": np.int64(np.ravel(values.get(f"{self.name}.n_updates", 0))[0])}
        for g, blocks in enumerate(layout.groups):
            width = max(int(start[b + 1] - start[b]) for b in blocks)
            found[f"P_{g}"] = np.zeros((len(blocks), width, width), self.dtype)
            for place, b in enumerate(blocks):
                n = int(start[b + 1] - start[b])
                found[f"P_{g}"][place, :n, :n] = self._P_of(b, values)
        found["diverged"] = np.int64(-1)
        return {f"{self.name}.{key}": array for key, array in found.items()}

    def _P_of(self, b: int, values: Mapping[str, Any]) -> np.ndarray:
        def part(name: str, start: str) -> np.ndarray:
            begin, end = self._of(values, start)[b : b + 2]
            return self._of(values, name)[begin:end]

        partner = part("partner", "block_start")
        n = len(partner)
        if np.ravel(values.get(f"{self.name}.fresh", 1))[0]:
            alpha = np.broadcast_to(values[f"{self.name}.alpha_P"], (max(self.part.n_sources, partner.max() + 1),))
            grouped = [self._of(values, key)[partner] for key in ("group_of", "row_sum") if self.part.grouped]
            return first_P(alpha[partner], *grouped)
        P = unpack(part("P_packed", "P_start"), n)
        count = int(self._of(values, "pending")[b]) if f"{self.name}.pending" in values else 0
        if count:  # terms of a compiled program that wait to be applied
            k = part("pending_k", "pending_start")[: count * n].reshape(count, n)
            P = P - (k.T * part("pending_c", "term_start")[:count]) @ k
        scale = values.get(f"{self.name}.P_scale")
        return P if scale is None else np.ravel(scale)[b] * P

    def left(
        self, state: Mapping[str, Any], values: Mapping[str, Any], layout: Layout
    ) -> dict[str, np.ndarray]:
        """Return the arrays that a run leaves behind."""
        sizes = self.part.state_sizes
        kinds = {"pending": np.int32, "fresh": np.int32, "n_updates": np.int64}
        before = {
            key: np.array(np.broadcast_to(values.get(f"{self.name}.{key}", key == "fresh"), (n,)), kinds.get(key, self.dtype))
            for key, n in sizes.items()
        }
        updates = np.asarray(state[f"{self.name}.n_updates"])
        if updates != before["n_updates"] or np.asarray(state[f"{self.name}.diverged"]) >= 0:
            P_start, start = self._of(values, "P_start"), self._of(values, "block_start")
            for g, blocks in enumerate(layout.groups):
                P = np.asarray(state[f"{self.name}.P_{g}"])
                for place, b in enumerate(blocks):
                    n = int(start[b + 1] - start[b])
                    before["P_packed"][P_start[b] : P_start[b + 1]] = pack(P[place, :n, :n])
            before["P_scale"][:], before["pending"][:], before["fresh"][:] = 1, 0, 0
            before["n_updates"][:] = updates
        diverged = np.atleast_1d(np.asarray(state[f"{self.name}.diverged"]))
        return {f"{self.name}.{key}": array for key, array in (before | {"diverged_step": diverged}).items()}

    def _of(self, values: Mapping[str, Any], key: str) -> np.ndarray:
        return np.asarray(values[f"{self.name}.{key}"])

    # ---- in a step ----

    def check(self) -> None:
        """Refuse an error that TensorFlow cannot compute.

        Raises
        ------
        InvalidValueError
        """
        names = ("z", "y", *(name for name, _ in self.part.variables), "t", "dt", "t_in_timesteps", "N", "i")
        with tf.Graph().as_default():
            for text in self.part.errors:
                evaluate_text(text, {name: tf.zeros(1, self.dtype) for name in names}, f"{self.name}: error")

    def actions(self, layout: Layout) -> list[Action]:
        """Return what happens when."""

        def do(moment: Moment) -> None:
            self._learn_if_due(moment, layout)

        return [Action(self.part.when, self.part.order, self.name, do)]

    def _learn_if_due(self, moment: Moment, layout: Layout) -> None:
        # a loop of 0 or 1 turns: a condition copies what it may change, in each step, when XLA compiles it
        keys = [f"{self.name}.{key}" for key in (*(f"P_{g}" for g in range(len(layout.groups))), "n_updates", "diverged")]
        keys += [f"{each.name}.w" for each in self.maps]
        turns = tf.cast(moment.due[self.name][moment.place], tf.int32)

        def turn(i: Any, kept: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            inside = Moment(**{**vars(moment), "state": moment.state | kept})
            self._learn(inside, layout)
            return i + 1, {key: inside.state[key] for key in keys}

        _, kept = tf.while_loop(
            lambda i, _: i < turns, turn, (tf.constant(0), {key: moment.state[key] for key in keys}),
            parallel_iterations=1,
        )  # fmt: skip
        moment.state |= kept

    def _learn(self, moment: Moment, layout: Layout) -> None:
        x, found = self.maps[0].source(moment), []
        for g in range(len(layout.groups)):
            r = tf.gather(x, self._here(moment, f"partner_{g}"))
            r = r * tf.cast(self._here(moment, f"exists_{g}"), x.dtype)
            P, k, rPr = updated_P(moment[f"{self.name}.P_{g}"], r, layout.forgetting)
            found.append((r, P, k, 1.0 / (layout.forgetting + rPr[:, 0])))
        errors = [self._error(m, moment, self._for_rows(m, moment, layout, [r for r, *_ in found]))
                  for m in range(len(self.maps))]  # fmt: skip
        first_bad = self._first_bad(moment, layout, found, errors)
        n_blocks = self.part.blocks.blocks
        gains = self._gains(moment, layout, found)
        if self.part.divide_by_source:
            first_bad = tf.where(first_bad < n_blocks, 0, first_bad)
        for g, (_, P, _, _) in enumerate(found):
            good = self._here(moment, f"number_{g}") < first_bad
            moment.state[f"{self.name}.P_{g}"] = tf.where(good[:, None, None], P, moment[f"{self.name}.P_{g}"])
        for m in range(len(self.maps)):
            self._change(m, moment, layout, gains, errors[m], first_bad)
        finite = first_bad >= n_blocks
        updates, diverged = (moment[f"{self.name}.{key}"] for key in ("n_updates", "diverged"))
        moment.state[f"{self.name}.n_updates"] = updates + tf.cast(finite, tf.int64)
        moment.state[f"{self.name}.diverged"] = tf.where(finite, diverged, moment.step)

    def _here(self, moment: Moment, key: str) -> Any:
        return moment[f"{self.name}.{key}"]

    def _for_rows(self, m: int, moment: Moment, layout: Layout, of_groups: Sequence[Any]) -> Any:
        """Return what belongs to the block of each row of a map, as long as its rows of weights."""
        width = moment[f"{self.maps[m].name}.w"].shape[1]
        parts = [of_groups[g][:, :width] for g in layout.used[m]]
        parts = [tf.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in parts]
        if len(parts) == 1 and parts[0].shape[0] == 1:
            return parts[0]
        return tf.gather(tf.concat(parts, axis=0), tf.maximum(self._here(moment, f"place_{m}"), 0))

    def _error(self, m: int, moment: Moment, r: Any) -> Any:
        """Return the error of each row; 0 for those that learn nothing."""
        learned = self.maps[m]
        linked = dict(self.part.variables) | ({} if self.part.target is None else {"y": self.part.target})
        names = moment.time | {"N": learned.part.n_targets, "i": tf.range(learned.part.n_targets, dtype=tf.int64)}
        names |= {key: moment.read(variable) for key, variable in linked.items()}
        if isinstance(learned, SpikeInputSteps):
            names["z"] = tf.reduce_sum(moment[f"{learned.name}.w"] * r, axis=1)
        else:
            names["z"] = moment.read(Variable(*learned.output.split(".")))
        error = evaluate_text(self.part.errors[m], names, f"{self.name}: error")
        error = tf.broadcast_to(tf.cast(error, r.dtype), (learned.part.n_targets,))
        return tf.where(self._here(moment, f"block_{m}") >= 0, error, tf.zeros_like(error))

    def _first_bad(self, moment: Moment, layout: Layout, found: Sequence[Any], errors: Sequence[Any]) -> Any:
        """Return the number of the first block whose update is not finite; as many as there are if all are."""
        n_blocks = self.part.blocks.blocks
        largest = tf.zeros(n_blocks, errors[0].dtype)
        for m, error in enumerate(errors):
            rows = self._here(moment, f"block_{m}")
            size = tf.where(tf.math.is_finite(error), tf.abs(error), error.dtype.max)  # a maximum may pass over NaN
            largest = tf.maximum(largest, tf.math.unsorted_segment_max(size, rows, n_blocks))
        first = tf.constant(n_blocks, tf.int32)
        for g, (_, _, k, c) in enumerate(found):
            numbers = self._here(moment, f"number_{g}")
            size = tf.gather(largest, numbers)
            product = tf.reduce_max(tf.abs(k), axis=1) * (c if layout.divided else 1.0) * size
            good = (c > 0) & tf.math.is_finite(c) & tf.reduce_all(tf.math.is_finite(k), axis=1)
            good &= tf.math.is_finite(product) & (size < size.dtype.max)
            first = tf.minimum(first, tf.reduce_min(tf.where(good, n_blocks, numbers)))
        return first

    def _gains(self, moment: Moment, layout: Layout, found: Sequence[Any]) -> list[Any]:
        """Return what each error is multiplied by, for each group."""
        gains = [k * c[:, None] if layout.divided else k for _, _, k, c in found]
        if not self.part.divide_by_source:
            return gains
        order = np.argsort([b for blocks in layout.groups for b in blocks])
        all_c = tf.gather(tf.concat([c for *_, c in found], axis=0), order)
        all_c = tf.concat([all_c, tf.ones([1], all_c.dtype)], axis=0)  # of sources that learn nothing
        block_of = self._here(moment, "block_of")
        of_source = tf.gather(all_c, tf.where(block_of < 0, self.part.blocks.blocks, block_of))
        return [
            gain * tf.gather(of_source, self._here(moment, f"partner_{g}")) for g, gain in enumerate(gains)
        ]  # fmt: skip

    def _change(
        self, m: int, moment: Moment, layout: Layout, gains: Sequence[Any], error: Any, first_bad: Any
    ) -> None:
        """Move the weights of a map."""
        name = f"{self.maps[m].name}.w"
        change = error[:, None] * self._for_rows(m, moment, layout, gains)
        if any(self.part.factors) and self.part.factors[m]:
            change = change * self._here(moment, f"factor_{m}")
        new = moment[name] - change
        if self.part.signs:
            sign = self._here(moment, "sign")
            signs = [tf.gather(sign, self._here(moment, f"partner_{g}")) for g in range(len(layout.groups))]
            new = tf.where(new * self._for_rows(m, moment, layout, signs) < 0, tf.zeros_like(new), new)
        block = self._here(moment, f"block_{m}")
        learns = (block >= 0) & (block < first_bad)
        moment.state[name] = tf.where(learns[:, None], new, moment[name])
