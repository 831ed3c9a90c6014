"""Recursive least squares of a circuit, on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...circuit.names import entry, split
from ...circuit.parts import Variable
from ..expressions import evaluate_text, in_type
from ..forgetting import Forgetting
from ..partner_blocks import updated_P
from .maps import SpikeInputSteps
from .moment import Action, Moment
from .rule_arrays import Layout, RuleArrays

__all__ = ["RuleSteps"]


class RuleSteps(RuleArrays):
    """The actions of a rule in a time step."""

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
        """Return the actions of a time step."""

        def do(moment: Moment) -> None:
            self._learn_if_due(moment, layout)

        return [Action(self.part.when, self.part.order, self.name, do)]

    def _learn_if_due(self, moment: Moment, layout: Layout) -> None:
        # a loop of 0 or 1 turns: a condition copies what it may change, in each step, when XLA compiles it
        keys = [entry(self.name, f"P_{g}") for g in range(len(layout.groups))] + [
            entry(each.name, "w") for each in self.maps
        ]
        keys += [entry(self.name, "n_updates"), entry(self.name, "diverged")]
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
            first = self._here(moment, f"first_{g}") if layout.relaxation else 0.0
            forgets = Forgetting(layout.forgetting, layout.relaxation, first)
            P, k, rPr = updated_P(moment[entry(self.name, f"P_{g}")], r, forgets)
            found.append((r, P, k, 1.0 / (layout.forgetting + rPr[:, 0])))
        rates = [r for r, *_ in found]
        errors = [self._error(m, moment, self._for_rows(m, moment, layout, rates)) for m in range(len(self.maps))]
        first_bad = self._first_bad(moment, layout, found, errors)
        n_blocks = self.part.blocks.blocks
        gains = self._gains(moment, layout, found)
        if self.part.divide_by_source:
            first_bad = tf.where(first_bad < n_blocks, 0, first_bad)
        for g, (_, P, _, _) in enumerate(found):
            good = self._here(moment, f"number_{g}") < first_bad
            moment.state[entry(self.name, f"P_{g}")] = tf.where(
                good[:, None, None], P, moment[entry(self.name, f"P_{g}")]
            )
        for m in range(len(self.maps)):
            self._change(m, moment, layout, gains, errors[m], first_bad)
        finite = first_bad >= n_blocks
        updates, diverged = (moment[entry(self.name, key)] for key in ("n_updates", "diverged"))
        moment.state[entry(self.name, "n_updates")] = updates + tf.cast(finite, tf.int64)
        moment.state[entry(self.name, "diverged")] = tf.where(finite, diverged, moment.step)

    def _here(self, moment: Moment, key: str) -> Any:
        return moment[entry(self.name, key)]

    def _for_rows(self, m: int, moment: Moment, layout: Layout, of_groups: Sequence[Any]) -> Any:
        """Return what belongs to the block of each row of a map, as long as its rows of weights."""
        width = moment[entry(self.maps[m].name, "w")].shape[1]
        parts = [of_groups[g][:, :width] for g in layout.used[m]]
        parts = [tf.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in parts]
        if not parts:  # no row learns
            return tf.zeros([1, width], moment[entry(self.maps[m].name, "w")].dtype)
        if len(parts) == 1 and parts[0].shape[0] == 1:
            return parts[0]
        return tf.gather(tf.concat(parts, axis=0), tf.maximum(self._here(moment, f"place_{m}"), 0))

    def _error(self, m: int, moment: Moment, r: Any) -> Any:
        """Return the error of each row; 0 for those that learn nothing."""
        learned = self.maps[m]
        linked = dict(self.part.variables) | ({} if self.part.target is None else {"y": self.part.target})
        names = {**moment.time, "N": learned.part.n_targets, "i": tf.range(learned.part.n_targets, dtype=tf.int64)}
        names |= {key: moment.read(variable) for key, variable in linked.items()}
        if isinstance(learned, SpikeInputSteps):
            names["z"] = tf.reduce_sum(moment[entry(learned.name, "w")] * r, axis=1)
        else:
            names["z"] = moment.read(Variable(*split(learned.output)))
        error = evaluate_text(self.part.errors[m], names, f"{self.name}: error")
        error = tf.broadcast_to(in_type(error, r.dtype), (learned.part.n_targets,))
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
        return [gain * tf.gather(of_source, self._here(moment, f"partner_{g}")) for g, gain in enumerate(gains)]

    def _change(self, m: int, moment: Moment, layout: Layout, gains: Sequence[Any], error: Any, first_bad: Any) -> None:
        """Move the weights of a map."""
        name = entry(self.maps[m].name, "w")
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
