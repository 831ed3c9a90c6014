"""Which variables are reset at each trial of a stateless training, and which continue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from brian2.input.spikegeneratorgroup import SpikeGeneratorGroup
from brian2.monitors.ratemonitor import PopulationRateMonitor
from brian2.monitors.spikemonitor import EventMonitor
from brian2.monitors.statemonitor import StateMonitor

from .._base import GeneratedObject
from ..rls import RLS

__all__ = ["TIMES", "state_variables"]

#: Variables that hold a time, which goes on: what begins anew is how long ago it was.
TIMES = ("lastspike", "lastupdate")

#: They follow the time, or keep what was seen.
_GO_ON = (EventMonitor, StateMonitor, PopulationRateMonitor, SpikeGeneratorGroup)


def state_variables(network: Any, rules: Iterable[RLS]) -> Callable[[str, str], bool]:
    """Return a function that says of an owner and a variable, by their names, whether each trial sets it back.

    All that groups and synapses hold is, but for the weights that the rules learn. Of our objects a map's output
    is: all else is weights, P, samples, or follows from others.
    """
    objects = {one.name: one for one in network.sorted_objects}
    learned = {
        (part.synapses.name, part.weight) for rule in rules for each in rule.maps for part in getattr(each, "parts", ())
    }

    def is_state(owner: str, name: str) -> bool:
        found = objects.get(owner)
        if found is None or isinstance(found, _GO_ON) or (owner, name) in learned:
            return False
        return name == "z" if isinstance(found, GeneratedObject) else True

    return is_state
