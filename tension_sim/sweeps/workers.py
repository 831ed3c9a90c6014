"""Who runs the points: this process, or the workers of a dask scheduler."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from ..errors import RunFailedError
from .extra import load
from .work import Row, Work, lost, run_point

__all__ = ["OnDask", "ThisProcess", "Workers"]

#: Points handed out for each worker thread, so that none waits for the next; and at least so many.
_AHEAD, _LEAST = 2, 100

#: How often a point is run again whose result did not arrive.
_MOST_TRIES = 10

#: Seconds to wait for a row that a worker has.
_FETCH = 3.0

#: Seconds between two looks at the scheduler, and how long a lost one is waited for.
_LOOK = 0.2
_PATIENCE = 300.0


class Workers(Protocol):
    """Whoever runs points."""

    def rows(self, works: Iterator[Work], tick: Callable[[], None], ahead: bool = True) -> Iterator[Row]:
        """Yield the row of each point as it ends; call `tick` now and then while none does.

        Without `ahead`, a point is taken from `works` only when a worker is free for it.
        """
        ...


class ThisProcess:
    """Runs one point after the other here; needs no scheduler, and a debugger sees all."""

    def rows(self, works: Iterator[Work], tick: Callable[[], None], ahead: bool = True) -> Iterator[Row]:
        """Yield the row of each point as it ends."""
        for work in works:
            tick()
            yield run_point(work)


class OnDask:
    """Runs points on the workers of a scheduler.

    A worker that is killed loses the point it ran, which another one then runs. If the scheduler is lost, points
    that were under way are handed out again as soon as it is back.

    Parameters
    ----------
    client : distributed.Client
        Of the scheduler.
    patience : float, optional
        Seconds to wait for a lost scheduler.
    mend : callable, optional
        Called now and then to see to the workers.
    """

    def __init__(self, client: Any, patience: float = _PATIENCE, mend: Callable[[], None] = lambda: None) -> None:
        self.client: Any = client
        self._mend = mend
        self._patience, self._address = patience, client.scheduler.address
        self._made = False
        self._known: list[int] = []
        self._asked = -math.inf
        self._tries: dict[str, int] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._running: dict[str, tuple[Work, Any]] = {}

    def rows(self, works: Iterator[Work], tick: Callable[[], None], ahead: bool = True) -> Iterator[Row]:
        """Yield the row of each point as it ends."""
        try:
            self._hand_out(works, ahead)
            while self._running:
                tick()
                self._mend()
                with suppress(queue.Empty):
                    row = self._row(self._ended.get(timeout=_LOOK))
                    if row is not None:
                        yield row  # what follows may depend on it
                        self._hand_out(works, ahead)
                if self.client.status == "closed":
                    self._reconnect(tick)
        finally:
            self._cancel()
            if self._made:
                self.client.close()

    def _hand_out(self, works: Iterator[Work], ahead: bool) -> None:
        threads = sum(self._threads())
        most = max(_LEAST, _AHEAD * threads) if ahead else max(1, threads)
        while len(self._running) < most:
            work = next(works, None)
            if work is None:
                return
            self._submit(work)

    def _threads(self) -> list[int]:
        if time.monotonic() >= self._asked + 1:
            with suppress(OSError, TimeoutError):  # the scheduler is being looked for
                self._known, self._asked = list(self.client.nthreads().values()), time.monotonic()
        return self._known

    def _submit(self, work: Work) -> None:
        future = self.client.submit(run_point, work, key=f"tension-sim-{work.key}", pure=False)
        self._running[future.key] = (work, future)
        future.add_done_callback(self._ended.put)

    def _row(self, future: Any) -> Row | None:
        """Return the row of a point that ended; None if it has to run again, or was counted before."""
        if future.key not in self._running or self._running[future.key][1] is not future:
            return None
        work, _ = self._running[future.key]
        distributed = load("distributed", "sweep")
        try:
            row: Row = future.result(timeout=_FETCH)
        except TimeoutError:  # the worker that held it died: others need not wait until it is run again
            self._ended.put(future)
            return None
        except distributed.KilledWorker as error:
            times = error.allowed_failures + 1
            reason = f"Its worker died {times} times: it may have run out of memory, or out of its job's time."
            row = lost(work, reason)
        except _lost_errors(distributed) as error:
            self._tries[work.key] = self._tries.get(work.key, 0) + 1
            if self._tries[work.key] <= _MOST_TRIES:
                self._submit_again(work)
                return None
            row = lost(work, f"Its result was lost {_MOST_TRIES} times on the way: {error}.")
        except Exception as error:  # of the worker's Python: it would meet every point
            raise RunFailedError(
                f"A worker could not run a point: {type(error).__name__}: {error}.\n"
                "Fix: install the same tension-sim in the workers' Python as here."
            ) from error
        del self._running[future.key]
        return row

    def _submit_again(self, work: Work) -> None:
        if self.client.status == "closed":
            self._running[f"tension-sim-{work.key}"] = (work, None)  # `_reconnect` submits it
        else:
            self._submit(work)

    def _reconnect(self, tick: Callable[[], None]) -> None:
        """Find the scheduler again, and hand out what was under way."""
        distributed = load("distributed", "sweep")
        address = self._address
        begin = time.monotonic()
        while True:
            tick()
            try:
                client = distributed.Client(address, security=self.client.security, timeout=5, set_as_default=False)
                break
            except (OSError, TimeoutError) as error:
                if time.monotonic() - begin > self._patience:
                    raise RunFailedError(
                        f"The scheduler at {address} has not come back for {self._patience:.0f} s.\n"
                        "Fix: start it again; the same command goes on with the points that are left."
                    ) from error
                time.sleep(_LOOK)
        self.client = client
        self._made = True
        works = [work for work, _ in self._running.values()]
        self._running.clear()
        for work in works:
            self._submit(work)

    def _cancel(self) -> None:
        futures = [future for _, future in self._running.values() if future is not None]
        self._running.clear()
        if futures and self.client.status == "running":
            with suppress(Exception):  # the scheduler goes
                self.client.cancel(futures, force=True)


def _lost_errors(distributed: Any) -> tuple[type[BaseException], ...]:
    """Return the errors of a future whose scheduler or result was lost."""
    from asyncio import CancelledError as OfAsyncio
    from concurrent.futures import CancelledError

    return (distributed.CancelledError, OfAsyncio, CancelledError, OSError)
