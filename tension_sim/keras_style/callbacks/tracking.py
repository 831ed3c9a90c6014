"""Callbacks that keep outputs and voltages at each time step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InvalidValueError, message
from ...system.memory import check_memory
from ...tensorflow.bases import KerasCallback
from ..checks import check_count

__all__ = ["OutputTracking", "VoltageTracking"]


class _StateTracking(KerasCallback):
    def __init__(self, timesteps: int, size: int, index: int, size_name: str) -> None:
        super().__init__()
        name = type(self).__name__
        shape = (check_count(f"{name}.timesteps", timesteps), check_count(f"{name}.{size_name}", size))
        check_memory(f"{name}.timesteps", 8 * shape[0] * shape[1], "fewer time steps")
        self.tracking_arr: np.ndarray = np.zeros(shape)
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
