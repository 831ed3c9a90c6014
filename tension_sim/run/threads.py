"""Threads of a C++ program: whether it is compiled for them, and how many share the work of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..circuit.parts import Circuit
from ..circuit.shared_work import useful_threads
from ..declare.validation import check_whole
from ..errors import CompilerNotFoundError, InvalidValueError, message
from ..system.cores import free_cores, most_threads
from ..system.toolchain import has_openmp

__all__ = ["as_it_compiles", "check_threads", "for_threads", "period_of", "threads_of_run"]

#: Whether threads pay off at all: as few as are more than one.
_SOME = 2


def check_threads(where: str, threads: Any) -> int | None:
    """Return a number of threads, or None.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no whole number from 1 to the number of free cores.
    """
    if threads is None:
        return None
    threads, cores = check_whole(where, threads, 1), free_cores()
    if threads > cores:
        expected = f"at most {cores}, the cores that this process may use"
        raise InvalidValueError(message(where, expected, threads, "leave it out: a run takes as many as pay off."))
    return threads


def for_threads(circuit: Circuit, threads: int | None) -> Circuit:
    """Return the circuit for a C++ program with threads, where they are wanted, or pay off.

    Sizes alone decide, not the number of cores, so that a network has the same bits whatever that is. Where nobody
    asked for threads they come on Linux alone: other compilers often lack OpenMP.
    """
    pays_off = threads is None and sys.platform == "linux" and useful_threads(circuit, _SOME) > 1
    return replace(circuit, threaded=threads is not None or pays_off)


def as_it_compiles(circuit: Circuit, threads: int | None) -> Circuit:
    """Return the circuit as this machine's compiler can build it, where it is not built yet.

    Raises
    ------
    CompilerNotFoundError
        If threads are wanted and the compiler has no OpenMP.
    """
    if not circuit.threaded or has_openmp():
        return circuit
    if threads is None:
        return replace(circuit, threaded=False)
    fix = "leave threads out, or install a compiler with OpenMP and name it by CXX."
    raise CompilerNotFoundError(message("Simulation.threads", "a C++ compiler with OpenMP", threads, fix))


def threads_of_run(circuit: Circuit, threads: int | None) -> int:
    """Return how many threads a run takes now: those asked for, or those that pay off; never more than free cores."""
    if not circuit.threaded:
        return 1
    return min(threads, free_cores()) if threads is not None else useful_threads(circuit, most_threads())


def period_of(values: Mapping[str, Any]) -> int:
    """Return after how many time steps a run's updates repeat: what it measures takes whole periods."""
    return max((int(value) for name, value in values.items() if name.endswith(".update_every")), default=1)
