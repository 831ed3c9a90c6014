"""Callbacks under their published names."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .tensorflow import __doc__ as _engine  # noqa: F401  says what is missing before keras does

# isort: split
import keras

from .errors import InvalidValueError, message
from .keras_style.checks import check_count

__all__ = ["EarlyStoppingByLossVal", "OutputTracking", "TimeHistory", "VoltageTracking"]


class TimeHistory(keras.callbacks.Callback):
    """Measure how long each epoch takes.

    Attributes
    ----------
    times : list of float
        Seconds, one number an epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget the epochs of another run."""
        self.times = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop the clock."""
        self.times.append(time.perf_counter() - self._started)


class _StateTracking(keras.callbacks.Callback):
    def __init__(self, timesteps: int, size: int, index: int, size_name: str) -> None:
        super().__init__()
        name = type(self).__name__
        shape = (check_count(f"{name}.timesteps", timesteps), check_count(f"{name}.{size_name}", size))
        self.tracking_arr = np.zeros(shape)
        self._index = index

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the state of this time step."""
        self._keep(batch)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the state of this time step."""
        self._keep(batch)

    def _keep(self, batch: int) -> None:
        if batch >= len(self.tracking_arr):
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.timesteps",
                    "at least as many time steps as the data have",
                    len(self.tracking_arr),
                    "pass timesteps=len(x).",
                )
            )
        state = np.asarray(self.model.force_layer.states[self._index])[0]
        self.tracking_arr[batch] = state[: self.tracking_arr.shape[1]]


class OutputTracking(_StateTracking):
    """Keep the output at each time step, in training and prediction.

    Parameters
    ----------
    timesteps : int
        Time steps of the data.
    output_size : int
        Number of outputs.
    output_state_idx : int, optional
        Which of ``force_layer.states`` is kept.

    Attributes
    ----------
    tracking_arr : array, shape (timesteps, output_size)
        From the last epoch.
    """

    def __init__(self, timesteps: int, output_size: int, output_state_idx: int = -1) -> None:
        super().__init__(timesteps, output_size, output_state_idx, "output_size")
        self.output_state_idx = output_state_idx


class VoltageTracking(_StateTracking):
    """Keep the voltages of a spiking layer at each time step, in training and prediction.

    Parameters
    ----------
    timesteps : int
        Time steps of the data.
    num_neurons : int
        Number of neurons that are kept, from the first one on.
    voltage_state_idx : int, optional
        Which of ``force_layer.states`` is kept.

    Attributes
    ----------
    tracking_arr : array, shape (timesteps, num_neurons)
        From the last epoch; voltages after the reset.
    """

    def __init__(self, timesteps: int, num_neurons: int, voltage_state_idx: int = 1) -> None:
        super().__init__(timesteps, num_neurons, voltage_state_idx, "num_neurons")
        self.voltage_state_idx = voltage_state_idx
        self.num_neurons = num_neurons


class EarlyStoppingByLossVal(keras.callbacks.Callback):
    """Stop when a monitored value falls below a bound.

    Parameters
    ----------
    monitor : str, optional
        Name in the logs of an epoch.
    value : float, optional
        The bound.
    verbose : int, optional
        1 prints the epoch at which training stopped.

    Raises
    ------
    InvalidValueError
        At the end of an epoch, if no such value is measured.
    """

    def __init__(self, monitor: str = "val_loss", value: float = 1e-5, verbose: int = 0) -> None:
        super().__init__()
        self.monitor = monitor
        self.value = value
        self.verbose = verbose

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, and stop."""
        if self.monitor not in (logs or {}):
            raise InvalidValueError(
                message(
                    "EarlyStoppingByLossVal.monitor",
                    f"one of the values of an epoch ({', '.join(sorted(logs or {}))})",
                    self.monitor,
                    "val_loss needs validation_data in fit.",
                )
            )
        if logs[self.monitor] < self.value:
            if self.verbose:
                print(f"Epoch {epoch + 1}: {self.monitor} is below {self.value}, training stops.")
            self.model.stop_training = True
