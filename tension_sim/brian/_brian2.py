"""Import Brian2 from any thread; this package imports it before any other of its modules can.

Brian2 sets a handler for Ctrl-C when it is imported, which Python refuses outside of the main thread. There, and for
that thread alone, the handler that is set stays.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def _handlers_stay() -> Iterator[None]:
    """Let this thread's calls of `signal.signal` change nothing; those of other threads work as ever."""
    set_handler, worker = signal.signal, threading.get_ident()

    def set_unless_here(number: Any, handler: Any) -> Any:
        return signal.getsignal(number) if threading.get_ident() == worker else set_handler(number, handler)

    signal.signal = set_unless_here
    try:
        yield
    finally:
        signal.signal = set_handler


if threading.current_thread() is threading.main_thread():
    import brian2  # noqa: F401
else:
    with _handlers_stay():
        import brian2  # noqa: F401
