"""Spike trains and segment borders in the form that elephant requires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import neo

__all__ = ["common_end", "spike_trains"]


def spike_trains(
    times: np.ndarray,
    neurons: np.ndarray,
    n_neurons: int,
    span: tuple[float, float],
    population: str,
    more: Mapping[str, Any] | None = None,
    **annotations: Any,
) -> list[neo.SpikeTrain]:
    """Return one SpikeTrain per neuron, silent ones included, all with the same `t_start` and `t_stop`.

    Parameters
    ----------
    times : ndarray, shape (spikes,)
        Times in seconds.
    neurons : ndarray of int, shape (spikes,)
        Neuron of each spike.
    n_neurons : int
        Number of trains.
    span : tuple of float
        `t_start` and `t_stop` in seconds.
    population : str
        Begins the names of the trains, and is their ``source_population``.
    more : mapping of str to array, optional
        More values for each spike, as array annotations.
    **annotations
        More annotations of every train.

    Examples
    --------
    >>> [train.magnitude.tolist() for train in spike_trains([0.1, 0.2], [1, 1], 2, (0.0, 1.0), "demo")]
    [[], [0.1, 0.2]]
    """
    import neo
    import quantities as pq

    t_start, t_stop = span
    times, neurons = np.asarray(times, dtype=float), np.asarray(neurons, dtype=np.int64)
    order = np.lexsort((times, neurons))
    # a border that was computed another way may differ from a spike's time in the last bit
    times, neurons = np.clip(times[order], t_start, t_stop), neurons[order]
    ends = np.searchsorted(neurons, np.arange(n_neurons + 1))
    sorted_more = {name: values[order] for name, values in (more or {}).items()}
    trains = []
    for neuron, (low, high) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
        own = {name: values[low:high] for name, values in sorted_more.items()}
        trains.append(
            neo.SpikeTrain(
                times[low:high],
                units=pq.s,
                t_start=t_start * pq.s,
                t_stop=t_stop * pq.s,
                name=f"{population}_{neuron}",
                array_annotations={"neuron_id": np.full(high - low, neuron), **own},
                # a dict of its own for each object: NixIO loses objects that share one
                source_population=population,
                source_index=neuron,
                channel_id=neuron,
                **annotations,
            )
        )
    return trains


def common_end(signals: Iterable[neo.AnalogSignal], t_stop: float, dt: float) -> float:
    """Return the end of a segment in seconds such that no train ends a last bit after its signals.

    neo computes the end of a signal from its sampling rate, and elephant compares ends exactly.

    Examples
    --------
    >>> common_end([], 0.3, 0.1)
    0.3
    """
    ends = [float(signal.t_stop.rescale("s").magnitude) for signal in signals]
    return min([t_stop, *(end for end in ends if abs(end - t_stop) < 0.5 * dt)])
