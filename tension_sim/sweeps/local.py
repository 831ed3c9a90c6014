"""Worker processes of this machine, kept at their number, which nothing outside it can reach."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

from .extra import load

__all__ = ["LocalWorkers", "local_workers", "security"]

#: Seconds between two looks at the processes.
_LOOK = 2.0


class LocalWorkers:
    """Some worker processes of this machine.

    Parameters
    ----------
    cluster : distributed.LocalCluster
        Their scheduler.
    number : int
        How many.
    """

    def __init__(self, cluster: Any, number: int) -> None:
        self.cluster: Any = cluster
        self._number = number
        self._looked, self._dead = time.monotonic(), frozenset[Any]()

    def mend(self) -> None:
        """Replace processes that ended and were not started again: dask does not where one dies as it starts."""
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        known = {worker.name for worker in list(self.cluster.scheduler.workers.values())}
        nannies = dict(self.cluster.workers)
        dead = frozenset(name for name, nanny in nannies.items() if name not in known and not nanny.is_alive())
        for name in dead & self._dead:
            self.cluster.worker_spec.pop(name, None)
        if len(self.cluster.worker_spec) < self._number:
            with suppress(OSError, TimeoutError):
                self.cluster.scale(self._number)
        self._dead = dead


@contextmanager
def local_workers(number: int) -> Iterator[tuple[Any, LocalWorkers]]:
    """Start worker processes, of one thread each; yield their client, and what keeps them at their number."""
    distributed = load("distributed", "sweep")
    # without an address they would listen on all
    loopback = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    options = {"n_workers": number, "threads_per_worker": 1, "processes": True, "silence_logs": 50}
    keys = security()
    with _without_the_terminals_signals():
        started = distributed.LocalCluster(**options, **loopback, security=keys)
    with (
        started as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client, LocalWorkers(cluster, number)


@contextmanager
def _without_the_terminals_signals() -> Iterator[None]:
    """Let threads that start within the block, and their processes, get neither Ctrl-C nor SIGHUP: this one ends them.

    A terminal sends Ctrl-C to all of them, and SIGHUP when it is closed. One that comes within the block is delivered
    after it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        resource_tracker.ensure_running()  # its start lets Ctrl-C through again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def security() -> Any:
    """Return keys for this sweep alone: without them, any user of the machine could send code to the workers."""
    distributed = load("distributed", "sweep")
    load("cryptography", "sweep")
    return distributed.Security.temporary()
