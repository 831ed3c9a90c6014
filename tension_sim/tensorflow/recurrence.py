"""``model.force_layer``: a FORCE layer with the states that it keeps from step to step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InvalidTypeError, InvalidValueError, message
from .bases import KerasLayer
from .variables import accept_read_value, traced

__all__ = ["Recurrence"]


class Recurrence(KerasLayer):
    """Run a FORCE layer over time and keep its states, as a stateful Keras RNN does.

    Parameters
    ----------
    cell : FORCELayer
        The layer whose ``call(inputs, states)`` is one time step.
    return_sequences : bool
        Return the output of each time step, not of the last only.

    Examples
    --------
    >>> from tension_sim.models import EchoStateNetwork
    >>> layer = EchoStateNetwork(dtdivtau=0.1, units=5, output_size=2, activation="tanh", seed=1)
    >>> output, a, h, z = Recurrence(layer)(np.zeros((1, 3, 1), "float32"))
    >>> tuple(output.shape), tuple(h.shape)
    ((1, 3, 2), (1, 5))
    """

    def __init__(self, cell: Any, return_sequences: bool = True, **kwargs: Any) -> None:
        super().__init__(dtype=cell.dtype_policy, **kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = True
        self.stateful = True
        self._kept: list[Any] = []
        self._shown: Sequence[Any] | None = None
        self.spikes: Any = None

    @property
    def states(self) -> Any:
        """The current states, a list; while recorded steps are replayed, those of that step, a sequence."""
        if self._shown is not None:
            return self._shown
        return list(self._kept) if self._kept else [None] * len(self.cell.state_size)

    def show(self, states: Sequence[Any] | None) -> None:
        """Show recorded states in place of the current ones; None ends it."""
        object.__setattr__(self, "_shown", states)  # past Keras' tracking

    def build(self, input_shape: Any) -> None:
        """Build the layer, unless it has its weights, and set its initial states."""
        if not self.cell.built:
            self.cell.build((1, input_shape[-1]))
        self.cell.create_hidden(self.add_weight)
        initial = self.initial_states()
        for i, value in enumerate(initial):
            state = self.add_weight(
                name=f"state_{i}",
                shape=tuple(value.shape),
                dtype=value.dtype.name,
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
            state.assign(value)
            self._kept.append(accept_read_value(state))
        if self.cell.spiking:
            self.spikes = self.add_weight(
                name="spikes",
                shape=(1, self.cell.units),
                dtype="bool",
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
        self.built = True

    def initial_states(self) -> list[tf.Tensor]:
        """Return what ``get_initial_state`` of the layer gives, as tensors."""
        values = self.cell.get_initial_state(inputs=None, batch_size=1, dtype=self.compute_dtype)
        tensors = []
        for value in values:
            tensor = tf.convert_to_tensor(value)
            tensors.append(tf.cast(tensor, self.compute_dtype) if tensor.dtype.is_floating else tensor)
        return tensors

    def reset_states(self, states: Any = None) -> None:
        """Set the states to zeros, or to those given.

        Parameters
        ----------
        states : sequence of arrays, optional
            As many as the layer has, each of its shape. ``initial_states()`` are those the
            network started from, drawn anew where they are random.

        Raises
        ------
        InvalidValueError
            For another number of states, or another shape.
        """
        if not self._kept:
            return  # the first run sets them
        values = [np.zeros(state.shape) for state in self._kept] if states is None else list(states)
        expected = [tuple(state.shape) for state in self._kept]
        received = [tuple(np.shape(value)) for value in values]
        if received != expected:
            raise InvalidValueError(
                message("force_layer.reset_states.states", f"states of shapes {expected}", received, "")
            )
        self.cell.reset_hidden()
        for state, value in zip(self._kept, values, strict=True):
            state.assign(tf.cast(tf.convert_to_tensor(value), state.dtype))

    reset_state = reset_states

    def snapshot(self) -> list[np.ndarray]:
        """Return a copy of the current states, and of the state of random numbers."""
        return [np.asarray(state).copy() for state in self._all()]

    def restore(self, states: Sequence[Any]) -> None:
        """Set the current states, or all that :meth:`snapshot` returned."""
        for state, value in zip(self._all(), states, strict=False):
            state.assign(value)

    def _all(self) -> list[Any]:
        return [*self._kept, *self.cell.hidden_variables()]

    @contextmanager
    def _spikes_seen(self) -> Iterator[None]:
        """Let the layer write its spikes into a variable of this network: other networks may share the layer."""
        object.__setattr__(self.cell, "spikes_of_step", self.spikes)  # past the tracking of a built layer
        try:
            yield
        finally:
            object.__setattr__(self.cell, "spikes_of_step", None)

    def call(self, x: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, ...]:
        """Advance by the time steps of `x`, of shape (1, timesteps, inputs)."""
        with self._spikes_seen():
            return self._advance(x)

    def _step(self) -> Callable[..., tuple[tf.Tensor, list[tf.Tensor]]]:
        """Return the layer's time step, which a subclass may have written, with a check of what it gives."""
        call, expected = traced(self.cell.call), [tuple(state.shape) for state in self._kept]

        def step(inputs: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            given = call(inputs, states)
            where = f"{type(self.cell).__name__}.call"
            if not (isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[1], tuple | list)):
                raise InvalidTypeError(
                    message(where, "to return the output and a list of states", type(given).__name__)
                )
            # parts of a shape may be unknown until the step runs
            shapes: list[Any] = [tf.TensorShape(np.shape(state)) for state in given[1]]
            fits = (shape.is_compatible_with(wanted) for shape, wanted in zip(shapes, expected, strict=False))
            if len(shapes) != len(expected) or not all(fits):
                fix = "return each state of get_initial_state, in its order and shape."
                received = [tuple(shape) for shape in shapes]
                raise InvalidValueError(message(where, f"to return states of shapes {expected}", received, fix))
            return given[0], list(given[1])

        return step

    def _advance(self, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        step = self._step()
        steps = x.shape[1]
        states = [tf.convert_to_tensor(state) for state in self._kept]
        outputs = []
        if steps is None:
            return self._call_unknown_length(x, step, states)
        for t in range(steps):
            output, states = step(x[:, t, :], states)
            outputs.append(output)
        for state, value in zip(self._kept, states, strict=True):
            state.assign(value)
        output = tf.stack(outputs, axis=1) if self.return_sequences else outputs[-1]
        return (output, *states)

    def _call_unknown_length(self, x: tf.Tensor, step: Any, states: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        length = tf.shape(x)[1]
        outputs = tf.TensorArray(self.compute_dtype, size=length, element_shape=(1, self.cell.output_size))

        def turn(t: tf.Tensor, outputs: tf.TensorArray, *states: tf.Tensor) -> tuple[Any, ...]:
            output, states = step(tf.gather(x, t, axis=1), list(states))
            return (t + 1, outputs.write(t, output), *states)

        _, outputs, *states = tf.while_loop(
            lambda t, *_: t < length, turn, (tf.constant(0), outputs, *states), parallel_iterations=1
        )
        for state, value in zip(self._kept, states, strict=True):
            state.assign(value)
        output = tf.transpose(outputs.stack(), (1, 0, 2))
        return (output if self.return_sequences else output[:, -1], *states)
