"""Time steps one by one in Python, for print, pdb and ``.numpy()`` in the methods of a subclass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from .loop import Window, WindowResult

__all__ = ["EagerWindow"]


@contextmanager
def _eagerly() -> Iterator[None]:
    """Run what is inside as Python, functions that TensorFlow would trace too."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


class EagerWindow(Window):
    """A window whose steps nothing traces or compiles; see :class:`Window`."""

    def run(self, x: np.ndarray, y: np.ndarray | None) -> WindowResult:
        """Run the steps of `x` and `y`."""
        step, dtype = self._method(), self.model.compute_dtype
        arrays = [array for array in (x, y) if array is not None]
        returned, states = [], []
        with _eagerly():
            for t in range(len(x)):
                data = tuple(tf.constant(array[t][None, None, :], dtype) for array in arrays)
                returned.append(tf.nest.map_structure(np.asarray, step(data)))
                self._count_step()
                states.append([np.array(state) for state in self._watched()])
        if not self.all_steps and self.kind != "predict":
            returned = returned[-1:]
        columns = [np.stack(column) for column in zip(*states, strict=True)]
        spikes = np.nonzero(columns.pop()[:, 0]) if self.model.force_layer.spikes is not None else None
        return WindowResult(tf.nest.map_structure(lambda *values: np.stack(values), *returned), columns, spikes)
