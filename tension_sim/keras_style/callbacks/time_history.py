"""How long each epoch takes."""

from __future__ import annotations

import time
from typing import Any

from ...tensorflow.bases import KerasCallback

__all__ = ["TimeHistory"]


class TimeHistory(KerasCallback):
    """Measure how long each epoch takes.

    Attributes
    ----------
    times : list of float
        Seconds, one number per epoch.
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
