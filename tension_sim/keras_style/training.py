"""fit, evaluate and predict: Keras' surface over compiled windows of time steps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..circuit.unwatched import check_unwatched
from ..errors import EngineNotFoundError, InvalidTypeError, InvalidValueError, message
from ..system.interrupts import Interrupts
from ..system.progress import is_verbosity
from ..tensorflow.bases import ModelPart
from ..tensorflow.eager import EagerWindow
from ..tensorflow.loop import Measure, Window
from .checks import check_count
from .data import check_frequency, check_width, refuse_arguments, without_weights
from .divergence import Guard, diverged_at
from .on_brian.exact import ExactState
from .replay import Dispatcher, each_step, last_step
from .report import Run
from .sources import Reader, is_source

__all__ = ["Training"]

_log = logging.getLogger("tension_sim")

_WEIGHTS = "call fit first, or build, which draws them; load_weights comes after it."
_WINDOW = 512  # long enough to hide the cost of a call, short enough for progress and Ctrl-C


class Training(ModelPart):
    """The loops of FORCEModel; everything about what is learned is in FORCEModel itself."""

    _phase = "idle"
    _shows_compiled_metrics = False
    exact_state: ExactState

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_data: Any = None,
        initial_epoch: int = 0,
        validation_freq: Any = 1,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train on a sequence, one time step after the other.

        Parameters
        ----------
        x : array, tensor, tf.data.Dataset, keras.utils.PyDataset or generator
            Input, (timesteps, input dimensions); a 3D array of trials is stacked along time.
            A dataset or generator gives pairs of input and target, and is read once per epoch.
        y : array or tensor
            Target, (timesteps, output dimensions), likewise; None if `x` gives pairs.
        epochs, verbose, callbacks, validation_data, initial_epoch, validation_freq
            As in Keras. States run on from epoch to epoch; validation leaves them as they were.
        steps_per_epoch, validation_steps : int, optional
            Elements of a dataset or generator in one epoch, and in one validation. Needed
            where it does not end.

        Returns
        -------
        keras.callbacks.History
            With the metrics passed to ``compile``.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            For data that do not fit the network, and for arguments of Keras that have no
            meaning when time steps are learned in order.
        """
        where = f"{type(self).__name__}.fit"
        self._require_compiled(where)
        refuse_arguments(where, kwargs)
        epochs = check_count(f"{where}.epochs", epochs)
        initial_epoch = check_count(f"{where}.initial_epoch", initial_epoch, 0)
        validation_freq = check_frequency(f"{where}.validation_freq", validation_freq)
        reader = self._reader(where, x, y, steps_per_epoch)
        validation = self._validation_reader(f"{where}.validation_data", validation_data, validation_steps)
        xs, ys = self._coerced(reader, "fit")
        validated = None if validation is None else self._coerced(validation, "validation")
        self._build_for("fit", xs, ys)
        self._check_data(where, "fit", xs, ys)
        if validation is not None and validated is not None:
            self._check_data(validation.where, "validation", *validated)

        listed = self._callback_list(callbacks, verbose, epochs, len(xs), history=True)
        self.stop_training = False
        self._build_metrics(ys.shape[-1])
        self._set_directions(listed)
        logs: dict[str, Any] = {}
        listed.on_train_begin()
        first_epoch = getattr(self, "_initial_epoch", None) or initial_epoch  # set by BackupAndRestore
        try:
            for epoch in range(first_epoch, epochs):
                if epoch > first_epoch and not reader.same_each_epoch:
                    xs, ys = self._next(reader, "fit")
                    listed.set_params({**listed.params, "steps": len(xs)})
                listed.on_epoch_begin(epoch)
                _, logs = self._sequence("train", xs, ys, listed)
                if validation is not None and self._should_eval(epoch, validation_freq):
                    measured = self._tested(*(validated or self._next(validation, "validation")), listed)
                    validated = validated if validation.same_each_epoch else None
                    logs.update({f"val_{name}": value for name, value in measured.items()})
                logs = dict(logs)
                listed.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
        finally:
            self._phase = "idle"
        listed.on_train_end(logs)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        verbose: Any = "auto",
        callbacks: Any = None,
        return_dict: bool = False,
        steps: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Measure on a sequence without learning; the states are left as they were.

        Parameters
        ----------
        x, y : array, tensor, tf.data.Dataset, keras.utils.PyDataset or generator
            As for ``fit``.
        return_dict : bool, optional
            Return a dict instead of a list.
        steps : int, optional
            Elements of a dataset or generator that are used.

        Returns
        -------
        float, list of float or dict
            The loss (mean absolute error) and the metrics.
        """
        where = f"{type(self).__name__}.evaluate"
        self._require_compiled(where)
        self._require_built(where)
        refuse_arguments(where, kwargs)
        xs, ys = self._next(self._reader(where, x, y, steps, "steps"), "evaluate")
        listed = self._callback_list(callbacks, verbose, 1, len(xs))
        logs = self._tested(xs, ys, listed)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def predict(
        self, x: Any, verbose: Any = "auto", callbacks: Any = None, steps: int | None = None, **kwargs: Any
    ) -> Any:
        """Return the output at each time step; the states are left as they were.

        Parameters
        ----------
        x : array, tensor, tf.data.Dataset, keras.utils.PyDataset or generator
            Input, (timesteps, input dimensions) or (trials, timesteps, input dimensions).
        steps : int, optional
            Elements of a dataset or generator that are used.

        Returns
        -------
        array, shape (timesteps, output dimensions) or (trials, timesteps, output dimensions)
            In the form of the input.
        """
        where = f"{type(self).__name__}.predict"
        self._require_built(where)
        refuse_arguments(where, kwargs)
        samples = self._reader(where, x, None, steps, "steps", targets=False).epoch()
        xs, _ = self.coerce_input_data(x=self._stacked(samples.x), y=None, method="predict")
        xs = np.asarray(xs)
        self._check_data(where, "predict", xs, None)
        listed = self._callback_list(callbacks, verbose, 1, len(xs))
        listed.on_predict_begin()
        with self._states_put_back():
            run, _ = self._sequence("predict", xs, None, listed)
        listed.on_predict_end()  # the outputs are not a number for the progress bar
        joined = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *run.returned)
        # a user's coerce_input_data may have changed the number of steps
        form = samples.form if np.prod(samples.form) == len(xs) else (len(xs),)
        return keras.tree.map_structure(lambda a: a.reshape(*form, a[0].size), joined)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: None = None,
        class_weight: None = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Learn from the time steps of `x` and `y`, as ``fit`` without callbacks; weights are refused."""
        where = f"{type(self).__name__}.train_on_batch"
        self._require_compiled(where)
        refuse_arguments(where, {"sample_weight": sample_weight, "class_weight": class_weight} | kwargs)
        xs, ys = self._next(self._reader(where, x, y), "fit")
        _, logs = self._sequence("train", xs, ys, self._callback_list(None, 0, 1, len(xs)))
        self._phase = "idle"
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: None = None, return_dict: bool = False, **kwargs: Any
    ) -> Any:
        """Measure on the time steps of `x` and `y`, as ``evaluate``; weights are refused."""
        refuse_arguments(f"{type(self).__name__}.test_on_batch", {"sample_weight": sample_weight})
        return self.evaluate(x, y, verbose=0, return_dict=return_dict, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the output at each time step of `x`, as ``predict``."""
        return self.predict(x, verbose=0)

    def _tested(self, xs: np.ndarray, ys: np.ndarray, listed: Any) -> dict[str, Any]:
        listed.on_test_begin()
        with self._states_put_back():
            _, logs = self._sequence("test", xs, ys, listed)
        listed.on_test_end(logs)
        return logs

    @contextmanager
    def _states_put_back(self) -> Iterator[None]:
        kept, exact, phase = self.force_layer.snapshot(), self.exact_state.copy(), self._phase
        try:
            yield
        finally:
            self.force_layer.restore(kept)
            self.exact_state = exact
            self._phase = phase  # a callback may evaluate while the model trains

    def _sequence(self, kind: str, xs: np.ndarray, ys: np.ndarray | None, listed: Any) -> tuple[Run, dict[str, Any]]:
        """Run one sequence window by window; return it, and the logs after its last step."""
        self._phase = kind
        if ys is not None:
            self._build_metrics(ys.shape[-1])
            self.reset_metrics()
        dispatcher = Dispatcher(listed, kind, self)
        asked = self._steps_per_execution if self.compiled else None
        asked = 1 if asked is None and self._runs_eagerly() else asked
        exact = asked == 1
        most = 1 << (len(xs) - 1).bit_length()  # a window has room for its steps: as many as like sequences fill
        window = self._window(kind, asked and min(asked, most), dispatcher.listens and not exact)
        inputs = xs[:, 0, :]
        targets = None if ys is None else ys[:, 0, :]
        logs: dict[str, Any] = {}
        run = Run(kind, targets, int(self._steps_learned.numpy()) if kind == "train" else 0)
        if kind != "test":
            object.__setattr__(self, "_last_run", run)  # past Keras' tracking
        guarded = kind == "train" and not _tolerates_nan(listed)
        guard = None
        if guarded and targets is not None and isinstance(window, Window):
            guard = Guard(self, window, inputs, targets)
        first = stop = 0
        while stop < len(inputs):
            left = dispatcher.steps_to_save(len(inputs) - stop)
            first, stop = stop, stop + window.next_width(left)
            part = slice(first, stop)
            before = self.force_layer.snapshot() if dispatcher.begin and not exact else []
            if exact:
                dispatcher.call([*dispatcher.begin, *dispatcher.own], "begin", first)
            if guard is not None:
                guard.before(first)
            with Interrupts(isinstance(window, Window)) as interrupts:
                result = window.run(inputs[part], None if targets is None else targets[part])
            if guard is not None:
                guard.after(first, result.states[-1])
            logs = last_step(result.returned, kind)
            run.add(first, result)
            if not isinstance(window, Window):
                run.engine = window.engine
                if guarded and result.diverged is not None:
                    raise diverged_at(self, first + result.diverged)
            if exact:
                dispatcher.call([*dispatcher.end, *dispatcher.own], "end", first, logs)
            else:
                steps = each_step(result.returned, kind) if dispatcher.listens else iter(())
                dispatcher.window(first, steps, logs, result.states, before)
            if interrupts.seen or result.interrupted:
                raise KeyboardInterrupt  # the model, and its results, are what was reached
            if kind == "train" and self.stop_training:
                break
        return run, logs

    def _window(self, kind: str, asked: int | None, all_steps: bool) -> Any:
        """Return what runs a window."""
        if self._runs_eagerly() or not self.compiled or self._engine == "tensorflow":
            check_unwatched(f"{type(self).__name__}: {kind}")
        if self._runs_eagerly():
            return EagerWindow(self, kind, asked or 1, all_steps, jit=False)
        if not self.compiled or self._engine == "tensorflow":
            return self._compiled_window(Window, kind, asked or _WINDOW, all_steps)
        from .on_brian.window import BrianWindow

        measure = None if kind == "predict" else self._compiled_window(Measure, kind, _WINDOW, all_steps)
        return BrianWindow(self, kind, all_steps, self._target, measure, asked)

    def _runs_eagerly(self) -> bool:
        if self.compiled and self._engine != "tensorflow":
            return False
        return bool(self.run_eagerly) or tf.config.functions_run_eagerly()

    def _compiled_window(self, cls: type[Window], kind: str, width: int, all_steps: bool) -> Any:
        windows = self.__dict__.setdefault("_compiled_windows", {})
        if self.compiled and windows.get("of") is not self.optimizer:
            windows.clear()  # compile was called again
            windows["of"] = self.optimizer
        key = (cls, kind, width, all_steps)
        if key not in windows:
            jit = self._jit if self.compiled else "auto"
            windows[key] = cls(self, kind, width, all_steps, jit)
        return windows[key]

    def _callback_list(
        self, callbacks: Any, verbose: Any, epochs: int, steps: int, history: bool = False
    ) -> keras.callbacks.CallbackList:
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return self._checked_list(callbacks, history)
        if not is_verbosity(verbose):
            raise InvalidValueError(message(f"{type(self).__name__}.verbose", "0, 1, 2 or 'auto'", verbose))
        given = [] if callbacks is None else callbacks
        for callback in given if isinstance(given, Sequence) else [given]:
            if not isinstance(callback, keras.callbacks.Callback):
                raise InvalidTypeError(
                    message(
                        f"{type(self).__name__}.callbacks",
                        "a list of keras.callbacks.Callback",
                        callback,
                        "derive the class from keras.callbacks.Callback.",
                    )
                )
            self._say_what_has_no_effect(callback)
        verbose = 1 if verbose == "auto" else verbose
        return keras.callbacks.CallbackList(
            callbacks,
            add_history=history,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )

    def _checked_list(self, listed: keras.callbacks.CallbackList, history: bool) -> keras.callbacks.CallbackList:
        """Return a user's own list, to which ``fit`` adds the history that it returns."""
        for callback in listed.callbacks:
            self._say_what_has_no_effect(callback)
        if history:
            found = next((each for each in listed.callbacks if isinstance(each, keras.callbacks.History)), None)
            if found is None:
                found = keras.callbacks.History()
                found.set_model(self)
                listed.callbacks.append(found)
            self.history = found
        return listed

    def _say_what_has_no_effect(self, callback: Any) -> None:
        if isinstance(callback, keras.callbacks.TensorBoard) and find_spec("tensorboard") is None:
            raise EngineNotFoundError(
                message(
                    f"{type(self).__name__}.callbacks",
                    "TensorBoard to be installed",
                    callback,
                    "pip install tensorboard, or log with CSVLogger.",
                ),
                name="tensorboard",
            )
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.callbacks",
                    "no SwapEMAWeights: recursive least squares keeps no moving average of weights",
                    "SwapEMAWeights",
                    "leave it out.",
                )
            )
        rates = keras.callbacks.LearningRateScheduler | keras.callbacks.ReduceLROnPlateau
        if isinstance(callback, rates) and not self.__dict__.get("_told_of_learning_rates"):
            name = type(callback).__name__
            _log.warning("%s has no effect: recursive least squares has no learning rate, see alpha_P", name)
            object.__setattr__(self, "_told_of_learning_rates", True)  # past Keras' tracking

    def _set_directions(self, listed: keras.callbacks.CallbackList) -> None:
        """Tell Keras' own callbacks whether a metric should fall or rise, in the way they look for it."""
        for callback in listed.callbacks:
            if getattr(callback, "monitor_op", callback) is None:
                object.__setattr__(self, "_shows_compiled_metrics", True)
                try:
                    callback._set_monitor_op()
                except ValueError:
                    continue  # the callback reports it itself if it has to know
                finally:
                    object.__setattr__(self, "_shows_compiled_metrics", False)

    def _stacked(self, array: np.ndarray) -> np.ndarray:
        return array.astype(self.compute_dtype)[:, None, :]

    def _reader(self, where: str, x: Any, y: Any, *arguments: Any, **options: Any) -> Reader:
        """Return what provides the data of each epoch; the arguments are those of `Reader`."""
        return Reader(where, x, y, *arguments, **options)

    def _validation_reader(self, where: str, data: Any, steps: Any) -> Reader | None:
        if data is None:
            return None
        if is_source(data):
            data = (data, None)
        data = without_weights(where, data)
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise InvalidTypeError(message(where, "a pair (x, y)", type(data).__name__))
        x, y = data
        return self._reader(where, x, y, steps, "validation_steps")

    def _coerced(self, reader: Reader, method: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the data of the next epoch as they go into the network."""
        samples = reader.epoch()
        if samples.y is None:
            raise InvalidValueError(message(f"{reader.where}.y", "a target", None, "give y."))
        xs, ys = self.coerce_input_data(x=self._stacked(samples.x), y=self._stacked(samples.y), method=method)
        return np.asarray(xs), np.asarray(ys)

    def _next(self, reader: Reader, method: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the data of the next epoch, checked; the first ones of ``fit`` build the network."""
        xs, ys = self._coerced(reader, method)
        if method == "fit":
            self._build_for("fit", xs, ys)
        self._check_data(reader.where, method, xs, ys)
        return xs, ys

    def _build_for(self, method: str, xs: np.ndarray, ys: np.ndarray) -> None:
        self._check_target_width(ys)
        if not self.built:
            self.build(self._input_shape(xs, ys))

    def _check_data(self, where: str, method: str, xs: np.ndarray, ys: np.ndarray | None) -> None:
        width = self._input_width(method)
        if width is not None:
            check_width(f"{where}.x", xs, width, self._width_of(method))
        if ys is not None:
            check_width(f"{where}.y", ys, self.force_layer.cell.output_size, "output_size")

    def _width_of(self, method: str) -> str:
        """Return, in words, what the width of the input of a method is that of."""
        return "rows of input_kernel" if method != "fit" else "input"

    def _require_compiled(self, where: str) -> None:
        if not self.compiled:
            raise InvalidValueError(
                message(where, "a compiled model", "not compiled", 'call compile(metrics=["mae"]) first.')
            )

    def _require_built(self, where: str) -> None:
        if not self.built:
            raise InvalidValueError(message(where, "a model that has its weights", "not built", _WEIGHTS))


def _tolerates_nan(listed: Any) -> bool:
    return any(isinstance(callback, keras.callbacks.TerminateOnNaN) for callback in listed.callbacks)
