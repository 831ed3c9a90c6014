"""Ctrl-C and requests to end wait while something must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["signals_wait"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def signals_wait() -> Iterator[None]:
    """Deliver SIGINT, SIGTERM and SIGHUP after the block, to whoever would have got them.

    Python lets only the main thread take signals; elsewhere nothing changes.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with signals_wait():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("written")
    ... except KeyboardInterrupt:
    ...     done.append("interrupted")
    >>> done
    ['written', 'interrupted']
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def note(number: int, frame: Any) -> None:
        seen.append(number)

    before = {}
    for number in _SIGNALS:
        handler = signal.getsignal(number)
        if handler not in (None, signal.SIG_IGN):  # None: not Python's, and cannot be put back
            before[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(seen):
            signal.raise_signal(number)
