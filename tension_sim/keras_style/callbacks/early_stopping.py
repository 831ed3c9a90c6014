"""Stop when a monitored value falls below a bound."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidValueError, message
from ...tensorflow.bases import KerasCallback

__all__ = ["EarlyStoppingByLossVal"]


class EarlyStoppingByLossVal(KerasCallback):
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
