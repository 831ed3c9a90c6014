"""Protocol of a learning rule, for the parts that RLS owns: they cannot import it."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["SCHEDULE", "Rule"]

#: Variables of a rule that decide when an update is due.
SCHEDULE = ("learning", "start_step", "stop_step", "update_every", "probability", "seed")


class Rule(Protocol):
    """A learning rule, as the objects that prepare and finish its updates see it."""

    name: Any
    variables: Any
    maps: Any
    by_synapse: bool

    def __len__(self) -> int:
        """Return the number of blocks of P."""
        ...

    def due(self, step: int) -> bool:
        """Say whether an update falls on this time step."""
        ...

    @property
    def schedule_is_its_own(self) -> bool:
        """Whether no user code that runs with this object can change when updates fall."""
        ...
