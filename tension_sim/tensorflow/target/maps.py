"""Signals and weights of a circuit as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ...circuit.names import entry
from ...circuit.parts import Map, Samples, SpikeInput
from ...declare.sample_file import SampleFile
from ...errors import UnsupportedError, message
from .moment import Action, Moment

__all__ = ["MapSteps", "SampleSteps", "SpikeInputSteps", "padded"]


def padded(flat: np.ndarray, start: np.ndarray, fill: float = 0) -> np.ndarray:
    """Return a row for each stretch of an array, filled up to the longest.

    Examples
    --------
    >>> padded(np.array([1, 2, 3]), np.array([0, 2, 2, 3]))
    array([[1, 2],
           [0, 0],
           [3, 0]])
    """
    filled = _filled(start)
    rows = np.full(filled.shape, fill, flat.dtype)
    rows[filled] = flat
    return rows


def _filled(start: np.ndarray) -> np.ndarray:
    lengths = np.diff(start)
    return np.arange(max(lengths.max(initial=0), 1)) < lengths[:, None]


class SampleSteps:
    """Play the rows of a signal."""

    def __init__(self, name: str, part: Samples) -> None:
        self.name: str = name
        self.part: Samples = part

    def actions(self) -> list[Action]:
        """Return the actions of a time step."""
        return [Action("start", -1, self.name, self._play)]

    def _play(self, moment: Moment) -> None:
        moment.state[entry(self.name, "value")] = moment.rows[self.name][moment.place]

    def rows(self, values: Mapping[str, Any], steps: np.ndarray) -> np.ndarray:
        """Return the samples of some steps."""
        in_memory = np.asarray(values[entry(self.name, "samples")]).reshape(-1, self.part.channels)
        samples = SampleFile.from_described(values[entry(self.name, "samples_file")]) or in_memory
        row = (steps - int(values[entry(self.name, "first_step")])) // int(values[entry(self.name, "every")])
        if values[entry(self.name, "periodic")]:
            row %= len(samples)
        return samples.take(np.clip(row, 0, len(samples) - 1), axis=0)


class MapSteps:
    """y = W x. Masked weights lie in rows that are filled up with zeros."""

    def __init__(self, name: str, part: Map, dtype: str) -> None:
        self.name: str = name
        self.part: Map = part
        self.dtype: str = dtype
        self.owner: str = part.weights_of or name
        self.output: str = entry(name, "z") if part.target is None else entry(part.target.part, part.target.name)

    def actions(self) -> list[Action]:
        """Return the actions of a time step."""
        return [Action(self.part.when, self.part.order, self.name, self._write)]

    def arrays(self, values: Mapping[str, Any], learned: bool) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the arrays that stay during a run, and the state that it starts from."""
        name = self.name
        fixed: dict[str, np.ndarray] = {}
        state: dict[str, np.ndarray] = {}
        if self.part.weights_of is None:
            weights = np.asarray(values[entry(name, "w")], self.dtype)
            (state if learned else fixed)[entry(name, "w")] = self.stored_weights(weights, values)
            if self.part.count is not None:
                partner, start = (np.asarray(values[entry(name, key)]) for key in ("partner", "row_start"))
                fixed[entry(name, "partner")] = padded(partner.astype(np.int32), start)
        if self.part.target is None:
            before = np.ravel(values.get(entry(name, "z"), 0.0))
            state[entry(name, "z")] = np.array(np.broadcast_to(before, (self.part.n_targets,)), self.dtype)
        return fixed, state

    def left(self, state: Mapping[str, Any], values: Mapping[str, Any], learned: bool) -> dict[str, np.ndarray]:
        """Return the weights after a run."""
        if not self.part.learned:
            return {}
        return {entry(self.name, "w"): _weights_after(self, state, values, learned)}

    def stored_weights(self, flat: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        """Return the weights as they are stored here."""
        if self.part.count is None:
            return flat.reshape(self.part.n_targets, self.part.n_sources)
        return padded(flat, np.asarray(values[entry(self.name, "row_start")]))

    def flat_weights(self, stored: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        """Return the weights row by row."""
        if self.part.count is None:
            return stored.ravel()
        return stored[_filled(np.asarray(values[entry(self.name, "row_start")]))]

    def _write(self, moment: Moment) -> None:
        x, w = self.source(moment), moment[entry(self.owner, "w")]
        if self.part.count is None:
            y = tf.linalg.matvec(w, x)
        else:
            y = tf.reduce_sum(w * tf.gather(x, moment[entry(self.owner, "partner")]), axis=1)
        moment.state[self.output] = y

    def source(self, moment: Moment) -> Any:
        """Return x, which a rule reads as well."""
        read = [moment.read(source) for source in self.part.sources]
        return read[0] if len(read) == 1 else tf.concat(read, axis=0)


class SpikeInputSteps:
    """Weights that each spike adds to a variable, spike by spike in the order of the sources."""

    def __init__(self, name: str, part: SpikeInput, guard: str | None, dtype: str) -> None:
        self.name: str = name
        self.part: SpikeInput = part
        self.guard: str | None = guard
        self.dtype: str = dtype
        self.output: str = entry(part.target.part, part.target.name)
        if part.longest_delay is not None:
            what = "synapses without delays on the target 'tensorflow'"
            fix = "choose numpy, cython, cpp_standalone or cuda_standalone."
            raise UnsupportedError(message("Simulation.target", what, f"{name}, with delays", fix))

    def actions(self) -> list[Action]:
        """Return the actions of a time step."""
        return [Action("synapses", 0, self.name, self._add)]

    def arrays(self, values: Mapping[str, Any], learned: bool) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the arrays that stay during a run, and the state that it starts from.

        Each source has a row of its targets, filled up by one that is no target.
        """
        name, start = self.name, np.asarray(values[entry(self.name, "out_start")])
        post, weights = (
            np.asarray(values[entry(name, "post")], np.int32),
            np.asarray(values[entry(name, "w")], self.dtype),
        )
        fixed = {entry(name, "post"): padded(post, start, self.part.n_targets)}
        fixed[entry(name, "scale")] = np.asarray(values[entry(name, "scale")], self.dtype)
        if not self.part.trace:
            return fixed | {entry(name, "w"): padded(weights, start)}, {}
        filled = _filled(np.asarray(values[entry(name, "row_start")]))
        places = np.flatnonzero(filled.ravel()).astype(np.int32)  # of the weights in rows that are filled up
        fixed[entry(name, "slot")] = padded(places[np.asarray(values[entry(name, "slot")], np.int64)], start)
        stored = {entry(name, "w"): self.stored_weights(weights, values)}
        return (fixed, stored) if learned else (fixed | stored, {})

    def left(self, state: Mapping[str, Any], values: Mapping[str, Any], learned: bool) -> dict[str, np.ndarray]:
        """Return the weights after a run."""
        if not self.part.trace:
            return {}
        return {entry(self.name, "w"): _weights_after(self, state, values, learned)}

    def stored_weights(self, flat: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        """Return learned weights as they are stored here, one row per target."""
        return padded(flat, np.asarray(values[entry(self.name, "row_start")]))

    def flat_weights(self, stored: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        """Return learned weights row by row."""
        return stored[_filled(np.asarray(values[entry(self.name, "row_start")]))]

    def source(self, moment: Moment) -> Any:
        """Return the traces of all sources, which a rule reads."""
        return tf.concat([moment[entry(*place)] for place in self.part.traces], axis=0)

    def _add(self, moment: Moment) -> None:
        name, n = self.name, self.part.n_sources
        spikes = tf.concat([moment.spikes[source] for source in self.part.sources], axis=0)
        y, w, scale = moment[self.output], moment[entry(name, "w")], moment[entry(name, "scale")]
        post = moment[entry(name, "post")]
        allowed = None if self.guard is None else tf.concat([moment[self.guard], [False]], axis=0)
        number = tf.range(n)

        def next_after(source: Any) -> Any:
            return tf.reduce_min(tf.where(spikes & (number > source), number, n))

        def turn(source: Any, y: Any) -> tuple[Any, Any]:
            at = post[source]
            weights = (
                tf.gather(tf.reshape(w, [-1]), moment[entry(name, "slot")][source]) if self.part.trace else w[source]
            )
            weights = weights * scale
            if allowed is not None:
                weights = tf.where(tf.gather(allowed, at), weights, tf.zeros_like(weights))
            return next_after(source), tf.tensor_scatter_nd_add(y, at[:, None], weights)

        y = tf.concat([y, tf.zeros([1], y.dtype)], axis=0)
        _, y = tf.while_loop(lambda source, _: source < n, turn, (next_after(-1), y), parallel_iterations=1)
        moment.state[self.output] = y[:-1]


def _weights_after(
    steps: MapSteps | SpikeInputSteps, state: Mapping[str, Any], values: Mapping[str, Any], learned: bool
) -> np.ndarray:
    if not learned:
        return np.array(values[entry(steps.name, "w")], steps.dtype).ravel()
    return np.array(steps.flat_weights(np.asarray(state[entry(steps.name, "w")]), values))
