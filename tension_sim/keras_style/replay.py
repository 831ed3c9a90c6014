"""Per-time-step callbacks, served from recorded windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ..tensorflow.variables import RecordedState

__all__ = ["Dispatcher", "each_step", "last_step"]


def _overrides(callback: Any, hook: str) -> bool:
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)


def _floats(logs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(value) if np.size(value) == 1 else value for name, value in logs.items()}


class StatesOfStep(Sequence[RecordedState]):
    """The states after one recorded time step; each is looked up when it is read."""

    def __init__(self, states: Sequence[np.ndarray], t: int) -> None:
        self._states, self._t = states, t

    def __len__(self) -> int:
        return len(self._states)

    def __iter__(self) -> Iterator[RecordedState]:
        return iter([self._states[i][self._t].view(RecordedState) for i in range(len(self))])

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        return self._states[i][self._t].view(RecordedState)


#: Callbacks of Keras that save after each so many batches, by their `save_freq`.
_SAVING = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)


class Dispatcher:
    """Call the batch hooks of callbacks: a user's at each time step, Keras' own once per window.

    A window ends where one of Keras' callbacks saves, so that it saves what was learned up to that step.

    Parameters
    ----------
    callbacks : keras.callbacks.CallbackList
        All callbacks of the run.
    kind : str
        "train", "test" or "predict".
    model : FORCEModel
        Its ``force_layer.states`` show the step that a hook is called for.
    """

    def __init__(self, callbacks: keras.callbacks.CallbackList, kind: str, model: Any) -> None:
        self.kind = kind
        self.model = model
        extra = ("on_batch_{}",) if kind == "train" else ()
        hooks = (f"on_{kind}_batch_{{}}", *extra)
        self.begin: list[Any] = []
        self.end: list[Any] = []
        self.own: list[Any] = []
        self.saving: list[Any] = [
            each for each in callbacks.callbacks if kind == "train" and _saves_within_epochs(each)
        ]
        for callback in callbacks.callbacks:
            heard = {when: any(_overrides(callback, hook.format(when)) for hook in hooks) for when in ("begin", "end")}
            built_in = type(callback).__module__.startswith("keras.")
            if built_in and not isinstance(callback, keras.callbacks.LambdaCallback):
                self.own.append(callback)
                continue
            if heard["begin"]:
                self.begin.append(callback)
            if heard["end"]:
                self.end.append(callback)

    @property
    def listens(self) -> bool:
        """Whether some callback wants each time step."""
        return bool(self.begin or self.end)

    def steps_to_save(self, left: int) -> int:
        """Return how many of the `left` time steps may run until a callback saves the model."""
        return min([left, *(max(1, each.save_freq - each._batches_seen_since_last_saving) for each in self.saving)])

    def call(self, which: list[Any], when: str, step: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call one hook of the given callbacks."""
        for callback in which:
            getattr(callback, f"on_{self.kind}_batch_{when}")(step, logs)

    def window(
        self, first: int, logs: Any, last: Mapping[str, Any], states: Sequence[np.ndarray], before: list[Any]
    ) -> None:
        """Replay a window: its steps start at `first`; `before` are the states before them.

        Parameters
        ----------
        logs : iterator of dict
            Logs of each step.
        last : dict
            Logs after the window, for Keras' own callbacks.
        states : sequence of arrays
            States after each step, steps along the first axis.
        """
        steps = len(states[-1])
        if self.listens:
            previous: Any = [np.asarray(state).view(RecordedState) for state in before]
            try:
                for t, step_logs in zip(range(steps), logs, strict=False):
                    if self.begin:
                        self.model.force_layer.show(previous)
                        self.call(self.begin, "begin", first + t)
                    previous = StatesOfStep(states, t)
                    self.model.force_layer.show(previous)
                    self.call(self.end, "end", first + t, step_logs)
            finally:
                self.model.force_layer.show(None)
        for callback in self.own:
            if callback in self.saving:  # it counts
                for t in range(steps - 1):
                    callback.on_train_batch_end(first + t)
        self.call(self.own, "begin", first + steps - 1)
        self.call(self.own, "end", first + steps - 1, last)


def _saves_within_epochs(callback: Any) -> bool:
    frequency = getattr(callback, "save_freq", None)
    return isinstance(callback, _SAVING) and isinstance(frequency, int) and frequency is not False


def each_step(returned: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the logs of each step from the stacked values that the steps returned."""
    if kind == "predict":
        for t in range(len(keras.tree.flatten(returned)[0])):
            yield {"outputs": keras.tree.map_structure(lambda a, t=t: a[t], returned)}
        return
    columns = {name: values.tolist() for name, values in returned.items()}
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def last_step(returned: Any, kind: str) -> dict[str, Any]:
    """Return the logs of the last step."""
    if kind == "predict":
        return {"outputs": keras.tree.map_structure(lambda a: a[-1], returned)}
    return _floats({name: values[-1] for name, values in returned.items()})
