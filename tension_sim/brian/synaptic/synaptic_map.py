"""The weights of a user's Synapses as a rule wants them: row by row, beside what their sources do."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import brian2
import numpy as np

from ...errors import InvalidValueError, message
from .._base import GeneratedObject, default_float
from ..rule import SCHEDULE, Rule
from ..standalone import is_standalone
from .arguments import Learned, LearnedSynapses
from .blocks import BLOCK_ARRAYS, Wiring, find_wiring
from .spike_trace import SpikeTrace

__all__ = ["Scatter", "SynapticMap"]

#: Value of `rewired` if a program has found blocks of other sizes than the given P; otherwise 0 or 1.
_OTHER_BLOCKS = 2


class SynapticMap(GeneratedObject):
    """Copy, before each update, the weights that learn and the rates of their sources.

    A row is a postsynaptic neuron; in it, sources have the order of their numbers. The rows, and
    the blocks of P that they share, are found when a run starts, as long as nothing was learned.

    Parameters
    ----------
    synapses : LearnedSynapses
        What learns.
    when, order, name
        Place within the time step, and name.
    """

    is_part = True

    def __init__(self, synapses: LearnedSynapses, *, when: str, order: int, name: str) -> None:
        made = _made_traces(synapses.parts)
        self.parts: list[Learned] = [
            one if one.tau is None else replace(one, trace_group=made[_key(one)].group) for one in synapses.parts
        ]
        self.shape: tuple[int, int] = synapses.shape
        self._target_start = synapses.target_start
        self.by_synapse: bool = synapses.by_synapse
        self.has_factor: bool = synapses.has_factor
        self._rule: Any = None
        self._connections: list[int] | None = None
        super().__init__(
            "tsim_synaptic_map",
            clock=synapses.clock,
            when=when,
            order=order,
            name=name,
            needed_variables=self._needed(),
            template_kwds={
                "by_synapse": self.by_synapse,
                "has_factor": self.has_factor,
                "parts": [
                    {
                        "trainable": bool(one.trainable),
                        "factor": bool(one.factor),
                        "by_synapse": one.by_synapse,
                        "trace_start": one.trace_start,
                        "first_source": one.first_source,
                        "n_sources": one.n_sources,
                        "shift": one.first_source - one.source_start,
                        "source_start": one.source_start,
                        "target_start": self._target_start,
                    }
                    for one in self.parts
                ],
            },
        )
        variables, (weight, trace) = self.variables, self.parts[0].dims
        variables.add_constant("N", self.shape[0])
        variables.add_dynamic_array("w", size=0, dimensions=weight, dtype=default_float())
        variables.add_array("row_start", size=self.shape[0] + 1, dtype=np.int64)
        add_x = variables.add_dynamic_array if self.by_synapse else variables.add_array
        add_x("x", size=0 if self.by_synapse else self.shape[1], dimensions=trace, dtype=default_float())
        variables.add_array("rewired", size=1, scalar=True, dtype=np.int32)
        if self.has_factor:
            variables.add_dynamic_array("factor", size=0, dtype=default_float())
        for s, one in enumerate(self.parts):
            self._refer(s, one)
        for trace_made in made.values():
            self._contained_objects.extend(trace_made.objects)

    def _needed(self) -> list[str]:
        names = ["weight", "trace", "slot", "pre", "post", "n_synapses"]
        needed = [f"{name}_{s}" for s in range(len(self.parts)) for name in names]
        for s, one in enumerate(self.parts):
            needed += [f"{name}_{s}" for name in ("trainable", "factor") if getattr(one, name)]
        return [*needed, *["factor"] * self.has_factor]

    def _refer(self, s: int, one: Any) -> None:
        variables, synapses = self.variables, one.synapses
        self.add_dependency(synapses)
        self.add_dependency(one.trace_group)
        variables.add_dynamic_array(f"slot_{s}", size=0, dtype=np.int32)
        variables.add_reference(f"trace_{s}", one.trace_group, one.trace)
        named = {"weight": one.weight, "pre": "_synaptic_pre", "post": "_synaptic_post", "n_synapses": "N"}
        named |= {"trainable": one.trainable, "factor": one.factor}
        for name, variable in named.items():
            if variable is not None:
                variables.add_reference(f"{name}_{s}", synapses, variable)

    def follow(self, rule: Rule) -> None:
        """Work at the steps of a rule, whose variables are declared."""
        self._rule = weakref.proxy(rule)
        for name in (*SCHEDULE, *BLOCK_ARRAYS, "fresh"):
            self.variables.add_reference(name, rule, name)
        self.variables.add_reference("n_blocks", rule, "N")
        self._enable_group_attributes()

    def due(self, step: int) -> bool:
        """Say whether an update falls on this time step."""
        return self._rule.due(step)

    @property
    def schedule_is_its_own(self) -> bool:
        """See the rule."""
        return self._rule.schedule_is_its_own

    def before_run(self, run_namespace: Any) -> None:
        if is_standalone():
            self._check_connections()
        else:
            self.find()
            if not len(self._rule):
                raise nothing_learns(self)
        super().before_run(run_namespace)

    def _check_connections(self) -> None:
        """Refuse Synapses that are connected anew in a program, after the first run in which they learn."""
        objects = list(brian2.get_device().code_objects.values())
        now = [
            sum(code.owner.name == one.synapses.name and "synapses_create" in code.name for code in objects)
            for one in self.parts
        ]
        if self._connections not in (None, now):
            raise self._rewired()
        self._connections = now

    def find(self) -> None:
        """Find rows and blocks anew, as long as nothing was learned; afterwards they must be the same."""
        wiring = self._read_wiring()
        slots = {f"slot_{s}": slot for s, slot in enumerate(wiring.slots)}
        if all(np.array_equal(self._get(name), slot) for name, slot in slots.items()):
            return
        if not self._get("fresh")[0]:
            raise self._rewired()
        values = slots | wiring.arrays()
        count = int(wiring.row_start[-1])
        sizes = {name: len(array) for name, array in values.items()}
        sizes |= (
            {"w": count} | ({"x": count} if self.by_synapse else {}) | ({"factor": count} if self.has_factor else {})
        )
        for name, size in sizes.items():
            self.variables[name].resize(size)
        for name, array in values.items():
            self._set(name, array)
        self._set("row_start", wiring.row_start)
        self._set("n_blocks", len(wiring.blocks))

    def _read_wiring(self) -> Wiring:
        pre, post, trainable = [], [], []
        for s, one in enumerate(self.parts):
            pre.append(self._get(f"pre_{s}") + (one.first_source - one.source_start))
            post.append(self._get(f"post_{s}") - self._target_start)
            trainable.append(self._get(f"trainable_{s}") if one.trainable else None)
        return find_wiring(pre, post, trainable, self.shape[0], self.by_synapse)

    def check(self) -> None:
        """Raise the error that a generated program found: nothing learns, or the partners changed."""
        found = int(self._get("rewired")[0])
        if found == _OTHER_BLOCKS:
            sizes = np.diff(self._rule._get("block_start")).tolist()
            raise InvalidValueError(
                message("RLS.P", f"matrices of {sizes} partners, as {self._rule.name} has found", "other sizes")
            )
        if found:
            raise self._rewired()
        if not len(self._rule):
            raise nothing_learns(self)

    def _rewired(self) -> InvalidValueError:
        names = ", ".join(one.synapses.name for one in self.parts)
        return InvalidValueError(
            message(
                "RLS.maps",
                f"the synapses that {self._rule.name} began to learn",
                f"other partners in {names}",
                "connect and choose what learns before the first run; for other synapses make another RLS.",
            )
        )


def _key(one: Learned) -> tuple[str, float]:
    return one.synapses.source.name, float(one.tau)


def _made_traces(parts: list[Learned]) -> dict[tuple[str, float], SpikeTrace]:
    """Make the traces that are given by time constants, one for each group and constant."""
    wanted = {_key(one): one for one in parts if one.tau is not None}
    return {key: SpikeTrace(one.synapses.source, one.tau) for key, one in wanted.items()}


def nothing_learns(learned: SynapticMap) -> InvalidValueError:
    """Build the error for Synapses of which none learns."""
    names = ", ".join(one.synapses.name for one in learned.parts)
    masks = {one.trainable for one in learned.parts if one.trainable}
    fix = f"set {', '.join(sorted(masks))} where weights shall learn." if masks else "call connect() before the run."
    return InvalidValueError(message("RLS.maps", "at least one synapse that learns", names, fix))


class Scatter(GeneratedObject):
    """Copy, after each update, what was learned back into the Synapses."""

    is_part = True

    def __init__(self, learned: SynapticMap, **kwargs: Any) -> None:
        self._map = learned
        parts = range(len(learned.parts))
        super().__init__(
            "tsim_synaptic_scatter",
            needed_variables=[f"{name}_{s}" for s in parts for name in ("weight", "slot", "n_synapses")],
            template_kwds={"parts": len(parts)},
            **kwargs,
        )
        self.variables.add_constant("N", len(learned))
        for s, one in enumerate(learned.parts):
            self.variables.add_reference(f"weight_{s}", one.synapses, one.weight)
            self.variables.add_reference(f"n_synapses_{s}", one.synapses, "N")
            self.variables.add_reference(f"slot_{s}", learned, f"slot_{s}")
        for name in ("w", *SCHEDULE):
            self.variables.add_reference(name, learned, name)
        self.add_dependency(learned)
        self._enable_group_attributes()

    def due(self, step: int) -> bool:
        """Say whether an update falls on this time step."""
        return self._map.due(step)

    @property
    def schedule_is_its_own(self) -> bool:
        """See the rule."""
        return self._map.schedule_is_its_own
