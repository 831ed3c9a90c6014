"""A trace of the spikes of a group that holds none, such as a PoissonGroup or a SpikeGeneratorGroup."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.groups.neurongroup import NeuronGroup
from brian2.units.allunits import second
from brian2.units.fundamentalunits import Quantity

from ...declare.kernels import SparseKernel
from ...errors import InvalidValueError, UnitsError, message
from ..spike_map import SpikeMap

__all__ = ["SpikeTrace", "check_spikes", "is_time_constant"]


def is_time_constant(where: str, value: Any) -> bool:
    """Say whether a trace is given by its time constant; one that cannot be is refused."""
    if not isinstance(value, Quantity) or value.ndim:
        return False
    if value.dim is not second.dim:
        raise UnitsError(message(where, "a time constant in seconds, or a name", f"{value!r}", "trace=20*ms."))
    if not 0 < float(value) < float("inf"):
        raise InvalidValueError(message(where, "a time constant above 0", f"{value!r}", "trace=20*ms."))
    return True


def check_spikes(where: str, source: Any) -> None:
    """Refuse a group without spikes."""
    if "_spikespace" not in source.variables:
        raise InvalidValueError(message(where, "a group that spikes", source.name, "give the group a threshold."))


class SpikeTrace:
    """Each spike adds 1 to r of its neuron, which decays with one time constant.

    Parameters
    ----------
    source : Group
        What spikes, a subgroup as well.
    tau : Quantity
        The time constant.

    Attributes
    ----------
    group : NeuronGroup
        Holds ``r``, one value per source.
    objects : list
        What must run: it, and what brings the spikes to it.

    Examples
    --------
    >>> from brian2 import Network, SpikeGeneratorGroup, defaultclock, ms
    >>> source = SpikeGeneratorGroup(2, [1], [0]*ms)
    >>> trace = SpikeTrace(source, 10*ms)
    >>> Network(source, *trace.objects).run(defaultclock.dt)
    >>> trace.group.r[:]
    array([0., 1.])
    """

    def __init__(self, source: Any, tau: Quantity) -> None:
        self.group: Any = NeuronGroup(
            len(source),
            "dr/dt = -r/tau : 1",
            method="exact",
            namespace={"tau": tau},
            clock=source.clock,
            name=f"{source.name}_trace*",
        )
        each = np.arange(len(source))
        # no Synapses: C++ standalone declares only those that a Network names itself
        arrive = SpikeMap(
            source,
            weights=SparseKernel(len(source), each, each, np.ones(len(source))),
            target=self.group,
            target_variable="r",
            name=f"{self.group.name}_spikes",
        )
        arrive.is_part = True
        self.objects: list[Any] = [self.group, arrive]
