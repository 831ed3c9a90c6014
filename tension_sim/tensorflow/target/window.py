"""Many time steps of a circuit in one compiled loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ...circuit.names import entry
from ...circuit.parts import SpikeRecord, Variable, VariableRecord
from ...results.results import first_multiple
from .moment import Action, Moment

__all__ = ["Found", "Window"]


class Found(NamedTuple):
    """State and recordings after a window of time steps.

    Attributes
    ----------
    state : dict of str to tensor
        Changing values after the last step.
    steps : int
        How many steps were run; fewer than asked for where learning diverged.
    recorded : dict of str to array, shape (recorded steps, elements)
        Of the variables.
    spikes : dict of str to (array, array)
        Steps, counted from the first of the window, and neurons.
    """

    state: dict[str, Any]
    steps: int
    recorded: dict[str, np.ndarray]
    spikes: dict[str, tuple[np.ndarray, np.ndarray]]


class Window:
    """A loop over at most `width` time steps; a run of any length goes through it without another compilation.

    Parameters
    ----------
    actions : sequence of Action
        What happens in a step.
    units : sequence of UnitsSteps
        Whose constants are prepared before the loop, and whose subexpressions can be read.
    records : mapping of str to VariableRecord or SpikeRecord
    dt : float
        Time step in seconds.
    dtype : str
        Of numbers.
    width : int
        Steps in a window.
    """

    def __init__(
        self, actions: Sequence[Action], units: Sequence[Any], records: Mapping[str, Any],
        dt: float, dtype: str, width: int,
    ) -> None:  # fmt: skip
        self.actions: list[Action] = sorted(actions, key=lambda action: action.key)
        self.units: Sequence[Any] = units
        self.records: Mapping[str, Any] = records
        self.formulas: dict[Any, Any] = {name: do for each in units for name, do in each.formulas().items()}
        self.dt: float = dt
        self.dtype: Any = tf.as_dtype(dtype)
        self.width: int = width
        self._function = tf.function(self._loop, jit_compile=True, autograph=False)
        self._jit = True

    def run(
        self, fixed: Mapping[str, Any], state: Mapping[str, Any], rows: Mapping[str, np.ndarray],
        due: Mapping[str, np.ndarray], start: int, count: int,
    ) -> Found:  # fmt: skip
        """Run `count` steps from `start` on; `rows` and `due` hold what belongs to these steps."""
        filled = ({key: self._filled(array) for key, array in given.items()} for given in (rows, due))
        arguments = (fixed, state, *filled, tf.constant(start, tf.int64), tf.constant(count))
        after, ran, written = self._call(arguments)
        ran = int(ran)
        recorded: dict[str, np.ndarray] = {}
        spikes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name, record in self.records.items():
            values = np.asarray(written[name])
            if isinstance(record, SpikeRecord):
                steps, neurons = np.nonzero(values[:ran])
                spikes[name] = steps, neurons
            else:
                every = int(fixed[entry(name, "every")])
                recorded[name] = values[: len(range(first_multiple(start, every), start + ran, every))]
        return Found(after, ran, recorded, spikes)

    def _filled(self, array: np.ndarray) -> tf.Tensor:
        """Return rows for every step of the window; those after the run's end may hold anything."""
        array = np.asarray(array, bool if array.dtype == bool else self.dtype.as_numpy_dtype)
        return tf.constant(np.concatenate([array, np.zeros((self.width - len(array), *array.shape[1:]), array.dtype)]))

    def _call(self, arguments: tuple[Any, ...]) -> Any:
        try:
            return self._function(*arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            if not self._jit:
                raise
            # XLA cannot compile it, so that nothing has run yet
            self._function, self._jit = tf.function(self._loop, autograph=False), False
            return self._function(*arguments)

    def _loop(self, fixed: Any, state: Any, rows: Any, due: Any, start: Any, count: Any) -> Any:
        for each in self.units:
            each.prepare(fixed)
        diverged = [name for name in state if name.endswith(".diverged")]

        def goes_on(k: Any, state: Mapping[str, Any], places: Any) -> Any:
            return tf.reduce_all([k < count, *(state[name] < 0 for name in diverged)])

        def turn(k: Any, state: Mapping[str, Any], places: Any) -> tuple[Any, ...]:
            step = start + tf.cast(k, tf.int64)
            t = tf.cast(tf.cast(step, tf.float64) * self.dt, self.dtype)
            time = {"t": t, "dt": self.dt, "t_in_timesteps": step}
            moment = Moment(step, k, time, fixed, dict(state), rows, due, self.formulas)
            for action in self.actions:
                action.do(moment)
            places = {name: self._write(name, place, moment, start) for name, place in places.items()}
            return k + 1, {name: moment.state[name] for name in state}, places

        places = {name: self._place(record, state, fixed) for name, record in self.records.items()}
        ran, state, places = tf.while_loop(goes_on, turn, (tf.constant(0), state, places), parallel_iterations=1)
        return state, ran, {name: place.stack() for name, place in places.items()}

    def _place(self, record: Any, state: Any, fixed: Any) -> tf.TensorArray:
        """Return room for what is recorded, and a last row for what is not."""
        if isinstance(record, SpikeRecord):
            dtype, size = tf.bool, record.stop
        else:
            dtype, size = tf.as_dtype(record.dtype or self.dtype), self._length(record, state, fixed)
        return tf.TensorArray(dtype, self.width + 1, element_shape=(size,), clear_after_read=False)

    def _length(self, record: VariableRecord, state: Any, fixed: Any) -> int:
        if record.indices is not None:
            return len(record.indices)
        name = entry(record.source.part, record.source.name)
        known = {**fixed, **state}
        units = {each.name: each.part.n for each in self.units}
        return units.get(record.source.part) or int(known[name].shape[0])

    def _write(self, name: str, place: tf.TensorArray, moment: Moment, start: Any) -> tf.TensorArray:
        record = self.records[name]
        if isinstance(record, SpikeRecord):
            return place.write(moment.place, moment.spikes[record.source][: record.stop])
        every = moment.fixed[entry(name, "every")]
        row = moment.step // every - (start + every - 1) // every
        at = tf.where(moment.step % every == 0, tf.cast(row, tf.int32), self.width)
        values = tf.cast(moment.read(Variable(*record.source)), place.dtype)
        length = self._length(record, moment.state, moment.fixed)
        values = tf.broadcast_to(values, (length,)) if record.indices is None else tf.gather(values, record.indices)
        return place.write(at, values)
