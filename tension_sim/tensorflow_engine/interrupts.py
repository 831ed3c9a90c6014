"""Ctrl-C during compiled code waits for the end of its window, so that no state is half advanced."""

from __future__ import annotations

import signal
import threading
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """Note a Ctrl-C instead of raising it; a second one is raised at once.

    Parameters
    ----------
    active : bool
        False leaves everything as it is.

    Attributes
    ----------
    seen : bool
        Whether Ctrl-C was pressed.

    Examples
    --------
    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupts.seen
    True
    """

    def __init__(self, active: bool = True) -> None:
        # only the main thread can replace a handler
        self.active = active and threading.current_thread() is threading.main_thread()
        self.seen = False

    def _note(self, number: int, frame: Any) -> None:
        if self.seen:
            signal.default_int_handler(number, frame)
        self.seen = True

    def __enter__(self) -> Interrupts:
        """Take the handler away: Python's, or Brian2's."""
        if self.active:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Put it back."""
        if self.active:
            signal.signal(signal.SIGINT, self._before)
