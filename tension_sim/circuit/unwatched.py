"""Runs that tell nothing of themselves while they go on refuse to be watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..errors import UnsupportedError, problem

__all__ = ["check_unwatched", "watching"]

_BY: ContextVar[str] = ContextVar("watched by", default="")


@contextmanager
def watching(by: str) -> Iterator[None]:
    """Say that runs within the block are to be watched or steered; `by` says by what, nothing that they are not."""
    token = _BY.set(by)
    try:
        yield
    finally:
        _BY.reset(token)


def check_unwatched(where: str) -> None:
    """Refuse a run that cannot be watched, where it should be.

    Raises
    ------
    UnsupportedError

    Examples
    --------
    >>> check_unwatched("demo.fit")
    >>> with watching("a Watch"):
    ...     check_unwatched("demo.fit")
    Traceback (most recent call last):
        ...
    tension_sim.errors.UnsupportedError: demo.fit: it tells nothing of itself while it runs.
    Received: 'a Watch around it'
    Fix: call it outside; a callback sees each epoch, and ends the fit by stop_training = True.
    """
    if _BY.get():
        fix = "call it outside; a callback sees each epoch, and ends the fit by stop_training = True."
        raise UnsupportedError(
            problem(where, "it tells nothing of itself while it runs", f"{_BY.get()} around it", fix)
        )
