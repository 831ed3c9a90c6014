"""Base class of the engines that run the network of a Trainer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .records import Records

__all__ = ["Engine"]


class Engine(ABC):
    """A network that runs again and again, each time from the state at the end of the run before.

    Parameters
    ----------
    network : Network
    dt : float
        Time step of the samples, in seconds.

    Attributes
    ----------
    kind : str
        What a saved state is for.
    step : int
        The time step at which the next run starts.
    """

    kind: str
    step: int

    def __init__(self, network: Any, dt: float) -> None:
        self.network: Any = network
        self.dt: float = dt

    def variable(self, name: str) -> Any:
        """Return the variable of a name such as ``"signal.samples"``."""
        owner, _, key = name.rpartition(".")
        return next(one for one in self.network.sorted_objects if one.name == owner).variables[key]

    @abstractmethod
    def build(self) -> None:
        """Generate and compile, unless this was done."""

    @abstractmethod
    def run(
        self,
        values: Mapping[str, Any],
        steps: int,
        progress: Callable[[float], None],
        pause_after: float | None = None,
    ) -> tuple[Records, bool]:
        """Run some steps from values by name; return what was recorded, and whether an interrupt ended it.

        It ends before its last step also where it pauses, some seconds from now.
        """

    @abstractmethod
    def set(self, name: str, value: Any) -> None:
        """Set a variable such as ``"readout.w"``."""

    @abstractmethod
    def get(self, name: str) -> np.ndarray:
        """Return a copy of a variable."""

    @abstractmethod
    def clear(self, monitor: Any) -> None:
        """Drop what one of our recorders holds."""

    @abstractmethod
    def finish(self) -> None:
        """Let the monitors show all runs that led to the present state."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return the whole state: variables, queues, clocks, time and random numbers."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""

    @abstractmethod
    def reset(self, start: dict[str, Any], is_state: Callable[[str, str], bool]) -> None:
        """Set the variables for which `is_state(owner, name)` is true, and all queues, to their values in `start`."""

    @abstractmethod
    def packed(self, state: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the present state, or another one, as arrays, numbers and strings."""

    @abstractmethod
    def check(self, where: str, state: Any) -> None:
        """Refuse the state of another network."""
