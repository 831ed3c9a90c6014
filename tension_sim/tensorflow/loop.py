"""Many time steps in one compiled loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from .variables import traced

__all__ = ["Measure", "Window", "WindowResult"]

_RANDOM = {"RandomStandardNormal", "RandomUniform", "TruncatedNormal", "RandomUniformInt", "RandomShuffle"}


@dataclass(frozen=True)
class WindowResult:
    """Results of a window of time steps: arrays with the steps along the first axis.

    Attributes
    ----------
    returned : nested structure of arrays
        What the step returned: logs of ``train_step``, predictions of ``predict_step``.
        For logs, with only the last step unless all were asked for.
    states : sequence of arrays
        States after each step; only the last one (the output) unless all were asked for.
    spikes : (array, array) or None
        Step, counted from the window's first, and neuron of each spike.
    interrupted : bool
        Whether Ctrl-C ended it early.
    diverged : int or None
        Step of the window at which learning diverged, where the engine says so.
    """

    returned: Any
    states: Sequence[np.ndarray]
    spikes: tuple[np.ndarray, ...] | None
    interrupted: bool = False
    diverged: int | None = None


class Window:
    """A loop over the time steps of a window of fixed length, compiled once.

    A sequence of any length runs through it without another compilation: the last
    window is padded and stopped early.

    Parameters
    ----------
    model : FORCEModel
        Its ``train_step``, ``test_step`` or ``predict_step`` is the body of the loop, as
        the user wrote it; all variables live in the loop.
    kind : str
        "train", "test" or "predict".
    width : int
        Time steps in a window.
    all_steps : bool
        Record states and returned values of each step.
    jit : bool or "auto"
        Compile by XLA; "auto" falls back to a TensorFlow graph where XLA cannot.
    """

    def __init__(self, model: Any, kind: str, width: int, all_steps: bool, jit: bool | str) -> None:
        self.model = model
        self.kind = kind
        self.width = width
        self.all_steps = all_steps
        self.jit = jit
        self._function: Any = None
        self._started = False

    def next_width(self, left: int) -> int:
        """Return how many of the `left` time steps of a sequence run next."""
        return min(left, self.width)

    def run(self, x: np.ndarray, y: np.ndarray | None) -> WindowResult:
        """Run the steps of `x` and `y`, at most `width` of them."""
        count = len(x)
        data = [self._padded(array) for array in (x, y) if array is not None]
        arguments = (*data, tf.constant(count, tf.int32))
        if self._function is None:
            self._function = self._compile(arguments).get_concrete_function(*arguments)
        returned, states = self._call(arguments)
        keep = count if self.all_steps or self.kind == "predict" else 1
        returned = tf.nest.map_structure(lambda a: np.asarray(a)[:keep], returned)
        states = [np.asarray(state)[:count] for state in states]
        spikes = np.nonzero(states.pop()[:, 0]) if states and self.model.force_layer.spikes is not None else None
        return WindowResult(returned, states, spikes)

    def _padded(self, array: np.ndarray) -> tf.Tensor:
        array = np.asarray(array, self.model.compute_dtype)
        missing = self.width - len(array)
        if missing:
            array = np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
        return tf.constant(array)

    def _call(self, arguments: tuple[tf.Tensor, ...]) -> Any:
        try:
            result = self._function(*arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            # only a failed compilation: nothing has run yet
            if self._started or self.jit != "auto":
                raise
            self._function = self._graph(jit=False).get_concrete_function(*arguments)
            result = self._function(*arguments)
        self._started = True
        return result

    def _compile(self, arguments: tuple[tf.Tensor, ...]) -> Any:
        if self.jit != "auto":
            return self._graph(jit=bool(self.jit))
        if self.model.prefers_graph():
            return self._graph(jit=False)
        function = self._graph(jit=True)
        # XLA ignores the seeds of TensorFlow's stateful random numbers
        if _has_random(function.get_concrete_function(*arguments)):
            return self._graph(jit=False)
        return function

    def _graph(self, jit: bool) -> Any:
        kind, width = self.kind, self.width
        step: Any = traced(self._method())
        if not hasattr(step, "get_concrete_function"):
            step = tf.function(step, autograph=False)

        def rows(data: tuple[tf.Tensor, ...], t: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return tuple(tf.gather(array, t)[None, None, :] for array in data)

        def window(*arguments: tf.Tensor) -> Any:
            *data, count = arguments
            specs = tuple(tf.TensorSpec((1, 1, array.shape[-1]), array.dtype) for array in data)
            outputs = step.get_concrete_function(specs).structured_outputs
            # without all steps, a single place is overwritten by each step
            size = width if self.all_steps or kind == "predict" else 1

            def array_of(length: int) -> Any:
                return lambda v: tf.TensorArray(v.dtype, length, element_shape=v.shape, clear_after_read=False)

            places = tf.nest.map_structure(array_of(size), outputs)
            records = [array_of(width)(state) for state in self._watched()]
            flat = tf.nest.flatten(places)

            def turn(t: tf.Tensor, flat: list[Any], records: list[Any]) -> tuple[Any, ...]:
                values = tf.nest.flatten(step(rows(tuple(data), t)))
                self._count_step()
                at = t if size > 1 else tf.constant(0)
                flat = [place.write(at, value) for place, value in zip(flat, values, strict=True)]
                records = [record.write(t, state) for record, state in zip(records, self._watched(), strict=True)]
                return t + 1, flat, records

            _, flat, records = tf.while_loop(
                lambda t, *_: t < count, turn, (tf.constant(0), flat, records), parallel_iterations=1
            )
            stacked = [place.stack() for place in flat]
            return tf.nest.pack_sequence_as(outputs, stacked), [record.stack() for record in records]

        return tf.function(window, jit_compile=jit, autograph=False)

    def _method(self) -> Any:
        return getattr(self.model, f"{self.kind}_step")

    def _count_step(self) -> None:
        self.model.count_step(self.kind)

    def _watched(self) -> list[tf.Tensor]:
        layer = self.model.force_layer
        states = layer.states if self.all_steps else layer.states[-1:]
        states = [*states, layer.spikes] if layer.spikes is not None else states
        return [tf.convert_to_tensor(state) for state in states]


class Measure(Window):
    """Update the metrics with the outputs of another engine, step by step, as training does."""

    def count(self, output: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
        """Return the logs after each step, or after the last only.

        Parameters
        ----------
        output, target : arrays, shape (steps, outputs)
        """
        logs: list[dict[str, np.ndarray]] = []
        for first in range(0, len(output), self.width):
            part = slice(first, first + self.width)
            logs.append(self.run(output[part], target[part]).returned)
        if not self.all_steps:
            return logs[-1]
        return {name: np.concatenate([each[name] for each in logs]) for name in logs[-1]}

    def _method(self) -> Any:
        return self.model.measure_step

    def _count_step(self) -> None:
        pass

    def _watched(self) -> list[tf.Tensor]:
        return []


def _has_random(function: Any) -> bool:
    definition = function.graph.as_graph_def()
    nodes = [definition.node, *(f.node_def for f in definition.library.function)]
    return any(node.op in _RANDOM for group in nodes for node in group)
