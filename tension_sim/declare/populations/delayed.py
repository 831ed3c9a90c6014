"""Delays of a projection in time steps: of all its synapses, of each, or of each presynaptic neuron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InvalidValueError, message, unknown_name
from ..delays import delays_by_source, seconds_of, steps_of
from ..kernels import SparseKernel

__all__ = ["Delays", "delay_steps", "read_delays"]

#: Seconds: of all synapses, an array, or by sources.
Delays = np.ndarray | Mapping[str, np.ndarray]


def read_delays(where: str, given: Any) -> Delays:
    """Return delays in seconds, by sources where they are given by names.

    Examples
    --------
    >>> read_delays("Projection.delay", {"exc": "1*ms"})
    {'exc': array(0.001)}
    """
    if isinstance(given, Mapping):
        return {name: seconds_of(f"{where}[{name!r}]", each) for name, each in given.items()}
    return seconds_of(where, given)


def delay_steps(
    where: str, delays: Delays, kernel: SparseKernel, sizes: Mapping[str, int], dt: float, *, by_neuron: bool
) -> np.ndarray:
    """Return delays as whole numbers of time steps: one for all, or an array.

    Parameters
    ----------
    where : str
        Begins the messages.
    delays : array or mapping of str to array
        As `read_delays` gives them.
    kernel : SparseKernel
        The synapses.
    sizes : mapping of str to int
        Neurons of each source, in their order.
    dt : float
        Time step in seconds.
    by_neuron : bool
        Whether the weights act on a trace of each presynaptic neuron, whose synapses then share a delay.

    Returns
    -------
    array of int, shape (), (synapses,), or with `by_neuron` (n_pre,)

    Raises
    ------
    InvalidValueError, UnknownNameError
        If shapes or names do not fit, or times are no multiples of the time step, or too long.
    """
    if isinstance(delays, Mapping):
        of_neuron = steps_of(where, _of_sources(where, delays, sizes), dt)
        return of_neuron if by_neuron else _of_synapses(where, kernel, of_neuron[kernel.pre])
    if by_neuron and delays.shape == (kernel.n,):
        return steps_of(where, delays, dt)
    times = delays[kernel.pre, kernel.post] if delays.shape == (kernel.n, kernel.n_post) else delays
    if times.ndim and times.shape != kernel.weight.shape:
        what = f"one time, one for each of {len(kernel)} synapses, or shape ({kernel.n}, {kernel.n_post})"
        raise InvalidValueError(message(where, what, times.shape))
    steps = steps_of(where, times, dt)
    if not by_neuron or not steps.ndim:
        return _of_synapses(where, kernel, steps)
    found = np.zeros(kernel.n, np.int32)
    found[kernel.pre] = steps
    if np.any(found[kernel.pre] != steps):
        fix = "make a projection for each delay."
        what = "one time for each presynaptic neuron, where the weights learn"
        raise InvalidValueError(message(where, what, "an array with several", fix))
    return found


def _of_synapses(where: str, kernel: SparseKernel, steps: np.ndarray) -> np.ndarray:
    if steps.ndim:
        delays_by_source(where, kernel, steps)
    return steps


def _of_sources(where: str, delays: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> np.ndarray:
    """Return the delay of each presynaptic neuron in seconds; 0 of sources that are not named."""
    for name in delays:
        if name not in sizes:
            raise unknown_name(where, "source of the projection", name, sizes)
    found = []
    for name, n in sizes.items():
        times = delays.get(name, np.zeros(()))
        if times.ndim and times.shape != (n,):
            what = f"one time, or one for each of {n} neurons"
            raise InvalidValueError(message(f"{where}[{name!r}]", what, times.shape))
        found.append(np.broadcast_to(times, (n,)))
    return np.concatenate(found)
