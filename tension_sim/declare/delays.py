"""Delays of synapses: times that become whole numbers of time steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message
from .arrays_in import numbers_and_dimension
from .kernels import SparseKernel
from .units import DIMENSIONLESS, Dimension, dimension_of, evaluate

__all__ = ["MOST_STEPS", "delays_by_source", "seconds_of", "steps_of"]

#: Longest delay in time steps: a ring of so many rows is kept for each target.
MOST_STEPS = 100_000

_SECOND = dimension_of("second", "")


def seconds_of(where: str, delay: Any) -> np.ndarray:
    """Return delays in seconds: one, or an array of them; plain numbers count in seconds.

    Examples
    --------
    >>> seconds_of("demo.delay", "1.5*ms")
    array(0.0015)
    """
    fix = 'as in "1.5*ms", or an array of times.'
    dimension: Dimension | None
    if isinstance(delay, bool | np.bool_):
        raise InvalidTypeError(message(where, "a time, or an array of times", delay, fix))
    if isinstance(delay, str):
        quantity = evaluate(delay, where)
        times, dimension = np.asarray(quantity.value, float), quantity.dimension
    else:
        times, dimension = numbers_and_dimension(where, delay, "a time, or an array of times")
    if dimension not in (None, DIMENSIONLESS, _SECOND):
        raise UnitsError(message(where, "times", delay, fix))
    wrong = times[~(np.isfinite(times) & (times >= 0))]
    if wrong.size:
        raise InvalidValueError(message(where, "times of at least 0", float(wrong.flat[0]), fix))
    return times


def steps_of(where: str, times: np.ndarray, dt: float) -> np.ndarray:
    """Return times as whole numbers of time steps.

    Raises
    ------
    InvalidValueError
        If one is no multiple of the time step, or too long.

    Examples
    --------
    >>> steps_of("demo.delay", np.array([0.0, 1e-3]), 1e-4)
    array([ 0, 10], dtype=int32)
    """
    steps = np.asarray(times) / dt
    off = np.abs(steps - np.rint(steps)) > 1e-6 * np.maximum(1.0, steps)
    if np.any(off):
        time = float(np.asarray(times)[off].flat[0])
        fix = f"round it, to {round(time / dt) * dt:g} s for example."
        raise InvalidValueError(message(where, f"multiples of the time step {dt:g} s", f"{time:g} s", fix))
    longest = float(steps.max(initial=0))
    if longest > MOST_STEPS:
        what = f"at most {MOST_STEPS} time steps ({MOST_STEPS * dt:g} s)"
        raise InvalidValueError(message(where, what, f"{longest * dt:g} s", "choose a longer time step."))
    return np.rint(steps).astype(np.int32)


def delays_by_source(where: str, kernel: SparseKernel, delays: np.ndarray) -> np.ndarray:
    """Return the delay of each synapse in the order of ``kernel.outgoing()``, from that of the kernel.

    Raises
    ------
    InvalidValueError
        If there is not one for each synapse, or two synapses join one pair of neurons.
    """
    if delays.shape != kernel.weight.shape:
        what = f"one delay for each of {len(kernel)} synapses"
        raise InvalidValueError(message(where, what, f"shape {delays.shape}", "in the order of the kernel."))
    if len(kernel.outgoing()[2]) != len(kernel):
        fix = "put them into two maps."
        raise InvalidValueError(message(where, "one synapse from a neuron to another", "several with delays", fix))
    by_source: np.ndarray = delays[np.lexsort((kernel.post, kernel.pre))]
    return by_source
