"""Callbacks of a training, as Keras has them, without Keras."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...errors import InvalidTypeError, InvalidValueError, message
from ...system.progress import is_verbosity

__all__ = ["Callbacks", "History", "ProgressBar"]

_HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_test_begin",
    "on_test_end",
    "on_predict_begin",
    "on_predict_end",
)


class History:
    """Numbers of each epoch.

    Attributes
    ----------
    epoch : list of int
        The epochs that are done.
    history : dict of str to list of float
        ``loss``, the metrics, and those of validation as ``val_...``; one number per epoch.
    params : dict
        ``epochs``, ``steps`` (time steps of an epoch) and ``verbose``.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.params: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Keep the numbers of an epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items() if values)
        return f"<History of {len(self.epoch)} epochs{': ' + last if last else ''}>"


class ProgressBar:
    """Show progress: a moving bar (1), or one line per epoch (2)."""

    def __init__(self, verbose: Any) -> None:
        where = "Trainer.fit.verbose"
        if not is_verbosity(verbose):
            raise InvalidValueError(message(where, '"auto", 0, 1 or 2', verbose, "0 is silent."))
        self.verbose: int = (1 if sys.stdout.isatty() else 2) if verbose == "auto" else int(verbose)
        self.first: int = 0
        self.epochs: int = 1
        self.epoch: int = 0
        self.steps: int = 1
        #: Called as ``report(steps_done, steps)``, over all epochs.
        self.report: Callable[[int, int], None] | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note which epoch it is."""
        self.epoch = epoch

    def show(self, done: float) -> None:
        """Move the bar to a part of the epoch, between 0 and 1."""
        if self.report is not None:
            before, epochs = self.epoch - self.first, max(self.epochs - self.first, 1)
            self.report(round((before + done) * self.steps), epochs * self.steps)
        if self.verbose == 1:
            full = int(30 * min(max(done, 0.0), 1.0))
            bar = "=" * full + "." * (30 - full)
            print(f"\rEpoch {self.epoch + 1}/{self.epochs} [{bar}]", end="", flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Print the numbers of an epoch."""
        if self.verbose or self.report is not None:
            self.show(1.0)
        if self.verbose:
            numbers = " - ".join(f"{name}: {value:.4g}" for name, value in logs.items())
            print(f" {numbers}" if self.verbose == 1 else f"Epoch {epoch + 1}/{self.epochs} - {numbers}", flush=True)


class Callbacks:
    """Call objects with hooks, such as those of Keras, and plain functions of ``(epoch, logs)``.

    Parameters
    ----------
    callbacks : callable, object with hooks, or list of these
    model : Trainer
        What their ``model`` is.
    params : dict
        What their ``params`` are.
    """

    def __init__(self, where: str, callbacks: Any, model: Any, params: dict[str, Any]) -> None:
        listed = [] if callbacks is None else callbacks
        listed = list(listed) if isinstance(listed, Iterable) and not isinstance(listed, str | np.ndarray) else [listed]
        for one in listed:
            if isinstance(one, type) or not (callable(one) or any(hasattr(one, hook) for hook in _HOOKS)):
                raise InvalidTypeError(
                    message(
                        where,
                        "functions of (epoch, logs), or objects with on_epoch_end(epoch, logs)",
                        one,
                        "pass an instance, such as keras.callbacks.EarlyStopping().",
                    )
                )
            for setter, value in (("set_params", params), ("set_model", model)):
                if hasattr(one, setter):
                    getattr(one, setter)(value)
        self._listed: list[Any] = listed

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all that have it; plain functions at the end of epochs."""
        for one in self._listed:
            method = getattr(one, hook, None)
            if method is not None:
                method(*args)
            elif hook == "on_epoch_end" and not any(hasattr(one, name) for name in _HOOKS):
                one(*args)
