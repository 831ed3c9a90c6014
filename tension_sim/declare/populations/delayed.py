"""Delays of a projection in time steps, and the traces that weights which learn then see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeGuard

import numpy as np

from ...errors import InvalidValueError, message, unknown_name
from ..delays import MOST_STEPS, delays_by_source, seconds_of, steps_of
from ..kernels import SparseKernel

__all__ = ["DelayedTraces", "Delays", "delay_steps", "delays_of_traces", "is_of_each", "read_delays"]

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


def is_of_each(delays: Delays | None) -> TypeGuard[np.ndarray]:
    """Say whether delays are in the order of synapses, one for each; in each step they may be those of neurons."""
    return isinstance(delays, np.ndarray) and delays.ndim == 1


@dataclass(frozen=True, eq=False)
class DelayedTraces:
    """Presynaptic traces at which spikes arrive later: one for each neuron, or for each of its delays.

    A synapse sees the spikes of its neuron as late as they arrive, and its weight learns from what it sees.
    Synapses of one neuron and one delay see the same, so that they share a trace.

    Attributes
    ----------
    neuron : array of int, shape (traces,)
        The presynaptic neuron of each trace, ascending.
    steps : array of int, shape () or (traces,)
        Delay of all, or of each, in time steps.
    of_synapse : array of int32, shape (synapses,), or None
        The trace that each synapse of the kernel sees; None: that of its neuron, of which there is one.
    """

    neuron: np.ndarray
    steps: np.ndarray
    of_synapse: np.ndarray | None = None

    @classmethod
    def of(cls, kernel: SparseKernel, steps: np.ndarray) -> Self:
        """Return the traces for a delay of all synapses, or of each.

        Examples
        --------
        >>> kernel = SparseKernel(2, [0, 0, 1], [0, 1, 0], [1.0, 1.0, 1.0])
        >>> found = DelayedTraces.of(kernel, np.array([5, 2, 3]))
        >>> found.neuron, found.steps, found.of_synapse
        (array([0, 0, 1]), array([2, 5, 3]), array([1, 0, 2], dtype=int32))
        """
        if not steps.ndim:
            return cls(np.arange(kernel.n), steps)
        of_neuron = np.zeros(kernel.n, np.int32)
        of_neuron[kernel.pre] = steps
        if np.all(of_neuron[kernel.pre] == steps):
            return cls(np.arange(kernel.n), of_neuron)
        delays = MOST_STEPS + 1
        pairs, of_synapse = np.unique(kernel.pre.astype(np.int64) * delays + steps, return_inverse=True)
        return cls(pairs // delays, pairs % delays, of_synapse.astype(np.int32))

    @property
    def delays(self) -> np.ndarray:
        """Delays in time steps: of all synapses, of each neuron, or of each synapse."""
        return self.steps if self.of_synapse is None else self.steps[self.of_synapse]

    def of_synapses(self, kernel: SparseKernel) -> np.ndarray:
        """Return the delay of all synapses in time steps, shape (), or of each."""
        of_neurons = self.of_synapse is None and self.steps.ndim
        return self.delays[kernel.pre] if of_neurons else self.delays

    def seen_by(self, kernel: SparseKernel) -> SparseKernel:
        """Return the weights from these traces, in the order of the kernel."""
        return kernel if self.of_synapse is None else replace(kernel, n=len(self.neuron), pre=self.of_synapse)


def delay_steps(where: str, delays: Delays, kernel: SparseKernel, sizes: Mapping[str, int], dt: float) -> np.ndarray:
    """Return delays as whole numbers of time steps: of all synapses, or of each.

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

    Returns
    -------
    array of int, shape () or (synapses,)

    Raises
    ------
    InvalidValueError, UnknownNameError
        If shapes or names do not fit, times are no multiples of the time step, or too long, or two synapses
        with delays of their own join one pair of neurons.
    """
    if isinstance(delays, Mapping):
        return _of_synapses(where, kernel, steps_of(where, _of_sources(where, delays, sizes), dt)[kernel.pre])
    times = delays[kernel.pre, kernel.post] if delays.shape == (kernel.n, kernel.n_post) else delays
    if times.ndim and times.shape != kernel.weight.shape:
        what = f"one time, one for each of {len(kernel)} synapses, or shape ({kernel.n}, {kernel.n_post})"
        raise InvalidValueError(message(where, what, times.shape))
    return _of_synapses(where, kernel, steps_of(where, times, dt))


def delays_of_traces(
    where: str, delays: Delays, kernel: SparseKernel, sizes: Mapping[str, int], dt: float
) -> DelayedTraces:
    """Return the traces that weights act on in each step; as `delay_steps`, and delays may be those of neurons."""
    if isinstance(delays, Mapping):
        return DelayedTraces(np.arange(kernel.n), steps_of(where, _of_sources(where, delays, sizes), dt))
    if delays.shape == (kernel.n,):
        if len(kernel) == kernel.n and not np.array_equal(delays[kernel.pre], delays):
            what = "delays that are those of neurons or of synapses, of which there are as many here"
            fix = f"for synapses an array of shape ({kernel.n}, {kernel.n_post}), for neurons as in {{name: delays}}."
            raise InvalidValueError(message(where, what, delays.shape, fix))
        return DelayedTraces(np.arange(kernel.n), steps_of(where, delays, dt))
    return DelayedTraces.of(kernel, delay_steps(where, delays, kernel, sizes, dt))


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
