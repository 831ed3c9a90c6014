"""``compile`` of the Keras-style models: its arguments are checked before anything is built."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..declare.validation import check_text
from ..errors import InvalidTypeError, InvalidValueError, UnsupportedError, message, problem, unknown_name
from ..tensorflow.bases import ModelPart
from ..tensorflow.variables import hook
from .checks import check_count
from .on_brian.choice import chosen_engine
from .optimizer import PseudogradientDescent

__all__ = ["Compiling"]

_BACKENDS = ("tensorflow", "brian2")
#: Arguments of ``compile`` that Keras lets users set as attributes later.
_OF_COMPILE = ("jit_compile", "run_eagerly", "steps_per_execution")
_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")


def _check_metrics(where: str, metrics: Any) -> list[Any]:
    if metrics is None:
        return []
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if not isinstance(metrics, list | tuple):
        raise InvalidTypeError(message(where, "a list of metrics", metrics, 'for example metrics=["mae"].'))
    for metric in metrics:
        if isinstance(metric, str) and metric not in _BY_SHAPE:
            try:
                found = keras.metrics.get(metric)
            except (ValueError, TypeError):
                found = None
            if found is None:
                raise unknown_name(where, "Keras metric", metric, ("mae", "mse", "mape", "msle", "cosine_similarity"))
        elif not (isinstance(metric, str) or callable(metric)):
            raise InvalidTypeError(
                message(where, "names, functions or objects of Keras metrics", metric, 'for example "mae".')
            )
    return list(metrics)


def _refuse_another_rule(where: str, given: dict[str, Any]) -> None:
    """Remove Keras' arguments of gradient descent, and refuse one that is set."""
    for name in ("optimizer", "loss", "loss_weights", "weighted_metrics"):
        if given.pop(name, None) is not None:
            raise InvalidTypeError(
                problem(
                    f"{where}.{name}",
                    f"recursive least squares has no {name}",
                    name,
                    f"leave {name} out.",
                )
            )
    given.pop("auto_scale_loss", None)


def _refuse_unknown(where: str, given: Mapping[str, Any]) -> None:
    for name in sorted(given):
        raise InvalidTypeError(
            message(f"{where}.{name}", "an argument that exists", name, "remove it or correct its spelling.")
        )


def _check_execution(where: str, backend: Any, target: Any, jit_compile: Any, steps: Any) -> int | None:
    """Refuse what cannot say how a model runs; return how many time steps are asked for."""
    if backend is not None and check_text(f"{where}.backend", backend) not in _BACKENDS:
        raise unknown_name(f"{where}.backend", "backend", backend, _BACKENDS)
    if target is not None:
        check_text(f"{where}.target", target)
    if not isinstance(jit_compile, bool | np.bool_ | str) or jit_compile not in (True, False, "auto"):
        raise InvalidValueError(message(f"{where}.jit_compile", "True, False or 'auto'", jit_compile))
    if steps is None:
        return None
    return check_count(f"{where}.steps_per_execution", steps, what="a whole number of time steps")


class CompiledMetrics:
    """Receives ``self.compiled_metrics.update_state(y, z)`` of a user's train_step."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one time step in the metrics passed to ``compile``."""
        self._model.count_metrics(y_true, y_pred)


class Compiling(ModelPart):
    """``compile``, the metrics and their names; part of FORCEModel."""

    def compile(
        self,
        metrics: Any = None,
        backend: str | None = None,
        target: str | None = None,
        jit_compile: bool | str = "auto",
        steps_per_execution: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Set how the model is run and what is measured.

        Parameters
        ----------
        metrics : list of str or keras metrics, optional
            As in Keras.
        backend : {"tensorflow", "brian2"}, optional
            Engine. By default the layer's ``preferred_backend``, the faster one; TensorFlow
            also for a subclass that overrides methods of a time step, and where there is no
            C++ compiler or `jit_compile` is given.
        target : {"numpy", "cython", "cpp_standalone", "cuda_standalone"}, optional
            Target of Brian2, C++ by default; TensorFlow has none.
        jit_compile : bool or "auto", optional
            Let XLA compile TensorFlow's loop. "auto" does so where XLA can.
        steps_per_execution : int, optional
            Time steps in one call of compiled code. By default callbacks of a time step
            are served from recorded states; 1 runs step by step, for callbacks that write
            states or want the weights of that very step.
        **kwargs
            ``run_eagerly=True`` runs each step as Python, on TensorFlow: print, pdb and
            ``.numpy()`` work in methods of a subclass.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            For an optimizer or loss (the rule is recursive least squares), an unknown
            metric, backend or target.
        UnsupportedError, CompilerNotFoundError
            If Brian2 was asked for and cannot run this model, or not on that target.
        """
        where = f"{type(self).__name__}.compile"
        run_eagerly = bool(kwargs.pop("run_eagerly", False))
        _refuse_another_rule(where, kwargs)
        if run_eagerly and (backend == "brian2" or target is not None):
            raise InvalidValueError(
                message(f"{where}.run_eagerly", "False: Brian2 compiles by itself", True, "use backend='tensorflow'.")
            )
        _refuse_unknown(where, kwargs)
        metrics = _check_metrics(f"{where}.metrics", metrics)
        steps_per_execution = _check_execution(where, backend, target, jit_compile, steps_per_execution)
        engine = self._chosen_engine(backend, target, False if run_eagerly else jit_compile)
        arguments = {
            "metrics": metrics,
            "backend": backend,
            "target": target,
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            "run_eagerly": run_eagerly,
        }
        self._compile_in_keras(arguments)
        self._engine, self._target = engine, target
        self._jit = False if run_eagerly else jit_compile
        self._steps_per_execution = steps_per_execution
        if self.built:
            self.read_trainable()

    def quantize(self, mode: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse to quantize: recursive least squares needs the precision that it has."""
        what = "no quantize: recursive least squares needs float32 at least"
        raise UnsupportedError(message(f"{type(self).__name__}.quantize", what, mode, "leave it out."))

    def _chosen_engine(self, backend: str | None, target: str | None, jit_compile: bool | str) -> str:
        """Return the engine that runs the model, for what `compile` was asked."""
        return chosen_engine(self, backend, target, jit_compile)

    def _compile_in_keras(self, arguments: dict[str, Any]) -> None:
        """Let Keras compile, and keep the arguments: past Keras' tracking, which would count the metrics twice."""
        kept, keep = self.__dict__.get("_compile_arguments", {}), object.__setattr__
        keep(self, "_compile_arguments", {})
        try:
            super().compile(
                optimizer=PseudogradientDescent(),
                loss="mae",
                metrics=arguments["metrics"],
                jit_compile=False,
                run_eagerly=arguments["run_eagerly"],
            )
            kept = arguments
        finally:
            keep(self, "_compile_arguments", kept)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; to set what is an argument of ``compile`` compiles the model again."""
        arguments = self.__dict__.get("_compile_arguments") if name in _OF_COMPILE else None
        if arguments:
            self.compile(**{**arguments, name: value})
        else:
            super().__setattr__(name, value)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of ``compile`` in the form Keras writes to a file."""
        if not self.compiled:
            return None
        return {
            name: keras.saving.serialize_keras_object(value) for name, value in dict(self._compile_arguments).items()
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with what ``get_compile_config`` returned."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    @property
    def compiled_metrics(self) -> CompiledMetrics:
        """The metrics passed to ``compile``, for ``train_step`` of a subclass."""
        return CompiledMetrics(self)

    @hook
    def count_metrics(self, y_true: Any, y_pred: Any) -> None:
        """Count one time step in the metrics passed to ``compile``."""
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y_true, y_pred)

    @property
    def metrics(self) -> list[Any]:
        """All metrics; while training without the loss, which learning does not use."""
        found = list(self._metrics)
        if self._shows_compiled_metrics:
            return [self._compile_metrics, *found] if self._compile_metrics is not None else found
        if not self.compiled:
            return found
        if self._compile_metrics is not None:
            found = [*self._compile_metrics.metrics, *found]
        if self._phase != "train" and self._loss_tracker is not None:
            found.insert(0, self._loss_tracker)
        return found

    def get_metrics_result(self) -> dict[str, Any]:
        """Return what the metrics measured so far, by name; of equal names the later ones get a number, as in Keras."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            for name, value in (result if isinstance(result, Mapping) else {metric.name: result}).items():
                names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
                found[next(each for each in names if each not in found)] = value
        return found

    def _flatten_metrics_in_order(self, logs: Mapping[str, Any]) -> Any:
        """Return logs without their names: one value, or a list of those of the metrics and then the others."""
        names = [name for name in self.get_metrics_result() if name in logs]
        found = [logs[name] for name in (*names, *sorted(logs.keys() - set(names)))]
        return found[0] if len(found) == 1 else found

    @hook
    def measure_step(self, data: Any) -> dict[str, Any]:
        """Count one time step that Brian2 ran; `data` is (output, target), each (1, 1, outputs)."""
        z, y = (each[:, 0, :] for each in data)
        if self._phase == "test":
            self._loss_tracker.update_state(tf.reduce_mean(tf.abs(z - y)))
        self.count_metrics(y, z)
        return self.get_metrics_result()

    def _build_metrics(self, width: int) -> None:
        """Create the metrics' variables, which must not happen in a compiled loop."""
        compiled = self._compile_metrics
        if compiled is not None and not compiled.built:
            zeros = keras.ops.zeros((1, width))
            compiled.build(zeros, zeros)
