"""Which stage a run is in, told to whoever wants to show it: building happens only where no program is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from ..system.progress import Bar

__all__ = ["BUILDING", "tell", "told", "told_by"]

#: A program is compiled.
BUILDING = "building"

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def tell(stage: str) -> None:
    """Tell the listener, if there is one, what begins now."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(stage)


@contextmanager
def told(listener: Callable[[str], None]) -> Iterator[None]:
    """Call a function with each stage that begins within the block.

    Examples
    --------
    >>> with told(print):
    ...     tell(BUILDING)
    building
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def told_by(report: Any) -> AbstractContextManager[None]:
    """Let a `Bar` show the stages that begin within the block; a function of a user's is not told."""
    return told(report.stage) if isinstance(report, Bar) else nullcontext()
