"""Ctrl-C, SIGTERM and SIGHUP on every target: noted while a run can still be ended well, else raised."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Interrupts", "exit_status", "handlers_stay", "interrupts_wait"]

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_last = signal.SIGINT


class Interrupts:
    """Note an interrupt instead of raising it; a second Ctrl-C is raised at once.

    SIGTERM and SIGHUP count as Ctrl-C, unless the process ignores them (as under ``nohup``) or
    has a handler of its own for them. Repeated ones raise nothing: batch systems and ``timeout``
    send them twice. Only the main thread can handle signals; in another thread nothing changes.

    Parameters
    ----------
    active : bool, optional
        False leaves everything as it is.
    at_once : bool, optional
        Raise `KeyboardInterrupt` for the first interrupt also, until `defer` is called; at the end, if the
        block went on because Python passed over it.
    patient : bool, optional
        Do not raise for a second one either.

    Attributes
    ----------
    seen : bool
        Whether there was an interrupt.

    Examples
    --------
    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGTERM)
    >>> interrupts.seen
    True
    """

    def __init__(self, active: bool = True, *, at_once: bool = False, patient: bool = False) -> None:
        self.active: bool = active and threading.current_thread() is threading.main_thread()
        self.seen: bool = False
        self._at_once = at_once
        self._patient = patient
        self._then: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def defer(self, then: Callable[[], None] | None = None) -> None:
        """Note interrupts from now on, and call `then` at the first one, or now if there was one already."""
        self._at_once = False
        self._then = then
        if self.seen and then is not None:
            then()

    def _note(self, number: int, frame: Any) -> None:
        global _last
        first = not self.seen
        self.seen = True
        if first:
            _last = signal.Signals(number)
        raises = self._at_once if first else number == signal.SIGINT and not self._patient
        if raises:
            raise KeyboardInterrupt
        if first and self._then is not None:
            self._then()

    def __enter__(self) -> Interrupts:
        """Replace the handlers: Python's, Brian2's, or those of an enclosing `Interrupts`."""
        for number in _SIGNALS if self.active else []:
            before = signal.getsignal(number)
            replaceable = number == signal.SIGINT or before == signal.SIG_DFL or _is_ours(before)
            if replaceable and before not in (None, signal.SIG_IGN):
                self._before[number] = before
                signal.signal(number, self._note)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Put them back; raise what Python passed over, as it does in destructors and the like."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()
        if self._at_once and self.seen and kind is None:
            raise KeyboardInterrupt


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Deliver interrupts after the block, as one, to the handler that would have received it.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with interrupts_wait():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("written")
    ... except KeyboardInterrupt:
    ...     done.append("interrupted")
    >>> done
    ['written', 'interrupted']
    """
    interrupts = Interrupts(patient=True)
    try:
        with interrupts:
            yield
    finally:
        if interrupts.seen:
            signal.raise_signal(_last)


@contextmanager
def handlers_stay() -> Iterator[None]:
    """Let this thread's calls of `signal.signal` change nothing, as where a package is imported that makes them.

    Those of other threads work as ever.

    Examples
    --------
    >>> before = signal.getsignal(signal.SIGINT)
    >>> with handlers_stay():
    ...     _ = signal.signal(signal.SIGINT, signal.SIG_IGN)
    >>> signal.getsignal(signal.SIGINT) is before
    True
    """
    set_handler, here = signal.signal, threading.get_ident()

    def set_unless_here(number: Any, handler: Any) -> Any:
        return signal.getsignal(number) if threading.get_ident() == here else set_handler(number, handler)

    signal.signal = set_unless_here  # type: ignore[assignment] # the callers get the same
    try:
        yield
    finally:
        signal.signal = set_handler


def _is_ours(handler: Any) -> bool:
    return isinstance(getattr(handler, "__self__", None), Interrupts)


def exit_status() -> int:
    """Return the exit status of a command that an interrupt ended: 128 and the signal's number.

    Examples
    --------
    >>> exit_status() >= 128
    True
    """
    return 128 + _last
