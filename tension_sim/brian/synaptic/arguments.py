"""Check what a rule is told of Synapses, and bring it into the form that generated code has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2.core.variables import DynamicArrayVariable, Subexpression
from brian2.equations.equations import DIFFERENTIAL_EQUATION
from brian2.groups.subgroup import Subgroup
from brian2.synapses.synapses import Synapses
from brian2.units.fundamentalunits import DIMENSIONLESS

from ...errors import InvalidTypeError, InvalidValueError, UnitsError, message, unknown_name
from .._base import resolve_source
from ..dimensions import unit_name
from .spike_trace import check_spikes, is_time_constant

__all__ = ["Learned", "LearnedSynapses", "described", "given_synapses"]


_BRIANS_OWN = {"i", "j", "N_incoming", "N_outgoing", "lastupdate", "delay"}


@dataclass(frozen=True)
class Learned:
    """One Synapses whose weights learn.

    Attributes
    ----------
    synapses : Synapses
        The user's object.
    weight : str
        The synaptic variable that learns.
    trace_group : Group or None
        What holds the presynaptic rate: the sources or the Synapses; None where it is to be made.
    trace : str
        The rate's name in it.
    trace_start : int
        Where its first element lies in its array.
    tau : Quantity or None
        Time constant of a rate that is to be made.
    trainable, factor : str or None
        Synaptic variables: which synapses learn, and how fast.
    first_source : int
        The number of the first source, counted over all Synapses of the rule.
    """

    synapses: Synapses
    weight: str
    trace_group: Any
    trace: str
    trace_start: int
    tau: Any
    trainable: str | None
    factor: str | None
    first_source: int

    @property
    def n_sources(self) -> int:
        """Number of neurons that it may come from."""
        return len(self.synapses.source)

    @property
    def source_start(self) -> int:
        """Number of the first of them in the whole group."""
        return _place(self.synapses.source)[1]

    @property
    def by_synapse(self) -> bool:
        """Whether each synapse has a rate of its own."""
        return self.trace_group is self.synapses

    @property
    def dims(self) -> tuple[Any, Any]:
        """Units of weight and trace."""
        trace = DIMENSIONLESS if self.trace_group is None else self.trace_group.variables[self.trace].dim
        return self.synapses.variables[self.weight].dim, trace


@dataclass(frozen=True)
class LearnedSynapses:
    """All learning Synapses into one group, as one map; nothing is declared yet.

    Attributes
    ----------
    parts : list of Learned
        The Synapses.
    """

    parts: list[Learned]

    #: It comes after all that neurons and synapses do in a time step.
    when: str | None = None
    order: int = 0

    def __len__(self) -> int:
        return len(self.target)

    @property
    def target(self) -> Any:
        """The postsynaptic neurons."""
        return self.parts[0].synapses.target

    @property
    def target_start(self) -> int:
        """Number of the first of them in the whole group."""
        return _place(self.target)[1]

    @property
    def clock(self) -> Any:
        """The clock of the Synapses."""
        return self.parts[0].synapses.clock

    @property
    def shape(self) -> tuple[int, int]:
        """Targets and sources."""
        return len(self), sum(one.n_sources for one in self.parts)

    @property
    def dim(self) -> Any:
        """Unit of z."""
        weight, trace = self.parts[0].dims
        return weight * trace

    @property
    def by_synapse(self) -> bool:
        """Whether each synapse has a rate of its own."""
        return any(one.by_synapse for one in self.parts)

    @property
    def has_factor(self) -> bool:
        """Whether some learn faster than others."""
        return any(one.factor for one in self.parts)


def given_synapses(maps: Any) -> list[Synapses] | None:
    """Return the Synapses among what a rule is given, None where there are none."""
    many = list(maps) if isinstance(maps, Sequence) else [maps]
    chosen = [one for one in many if isinstance(one, Synapses)]
    if chosen and len(chosen) < len(many):
        other = next(one for one in many if not isinstance(one, Synapses))
        raise InvalidTypeError(message("RLS.maps", "Synapses alone, or maps alone", other, "use one RLS for each."))
    return chosen or None


def described(synapses: list[Synapses], weight: Any, trace: Any, trainable: Any, factor: Any) -> LearnedSynapses:
    """Check the arguments about some Synapses.

    Parameters
    ----------
    synapses : list of Synapses
        All into one group.
    weight, trace, trainable, factor
        As of `RLS`: one for all, or one for each.
    """
    _check_together(synapses)
    n = len(synapses)
    given = {
        "weight": _for_each("RLS.weight", weight, n),
        "trace": _for_each("RLS.trace", trace, n),
        "trainable": _for_each("RLS.trainable", trainable, n),
        "factor": _for_each("RLS.factor", factor, n),
    }
    first, learned = 0, []
    for one, w, r, mask, f in zip(synapses, *given.values(), strict=True):
        _check_variable("RLS.weight", one, w, 'such as weight="w"')
        if mask is not None:
            _check_variable("RLS.trainable", one, mask, 'such as "plastic" of "plastic : boolean"', "b")
        if f is not None:
            _check_variable("RLS.factor", one, f, 'such as "speed" of "speed : 1"')
            _check_unitless("RLS.factor", one, f)
        learned.append(Learned(one, w, *_trace_of(one, r), mask, f, first))
        first += learned[-1].n_sources
    for one in learned[1:]:
        for where, mine, wanted in zip(("weight", "trace"), one.dims, learned[0].dims, strict=True):
            if mine != wanted:
                raise UnitsError(
                    message(
                        f"RLS.{where}",
                        f"a {where} in {unit_name(wanted)}, as in {learned[0].synapses.name}",
                        f"that of {one.synapses.name} in {unit_name(mine)}",
                        "use one RLS for each unit.",
                    )
                )
    return LearnedSynapses(learned)


def _check_together(synapses: list[Synapses]) -> None:
    names = [one.name for one in synapses]
    if len(set(names)) < len(names):
        raise InvalidValueError(message("RLS.maps", "each Synapses once", names, "name it once."))
    first = synapses[0]
    for one in synapses:
        for end, group in (("source", one.source), ("target", one.target)):
            if isinstance(group, Synapses):
                raise InvalidTypeError(
                    message("RLS.maps", "Synapses between neurons", f"{one.name}, whose {end} is {group.name}")
                )
        if one.clock.name != first.clock.name:
            raise InvalidValueError(
                message("RLS.maps", "Synapses of one clock", one.name, "use one RLS for each clock.")
            )
        if _place(one.target) != _place(first.target):
            raise InvalidValueError(
                message(
                    "RLS.maps",
                    f"Synapses to one group, that of {first.name}",
                    f"{one.name} to {one.target.name}",
                    "the error is one of each postsynaptic neuron: use one RLS for each target.",
                )
            )


def _place(group: Any) -> tuple[str, int, int]:
    """Say which neurons a group or subgroup means."""
    if isinstance(group, Subgroup):
        return group.source.name, group.start, len(group)
    return group.name, 0, len(group)


def _for_each(where: str, given: Any, n: int) -> list[Any]:
    if not isinstance(given, list | tuple):
        return [given] * n
    if len(given) != n:
        raise InvalidValueError(message(where, f"one for all Synapses, or one for each of {n}", given))
    return list(given)


def _event_driven(synapses: Synapses) -> set[str]:
    equations = synapses.event_driven
    return set() if equations is None else {e.varname for e in equations.values() if e.type == DIFFERENTIAL_EQUATION}


def _synaptic_variables(synapses: Synapses) -> set[str]:
    """Name the variables with one value per synapse, without Brian2's own."""
    return {
        name
        for name, variable in synapses.variables.items()
        if isinstance(variable, DynamicArrayVariable) and variable.owner.name == synapses.name and name[0] != "_"
    } - _BRIANS_OWN


def _check_variable(where: str, synapses: Synapses, name: Any, example: str, kind: str = "f") -> None:
    """Refuse what is no variable with one value per synapse, as an array that can be written."""
    if not isinstance(name, str):
        raise InvalidTypeError(message(where, f"the name of a variable of {synapses.name}", name, f"{example}."))
    variable: Any = None if name == "delay" else synapses.variables.get(name)  # a variable in Brian2 2.11
    if variable is None or name not in _synaptic_variables(synapses):
        if variable is not None and isinstance(variable, Subexpression) and variable.owner.name == synapses.name:
            found, fix = "a subexpression", f"declare {name!r} as a parameter."
        elif variable is not None and variable.owner.name == synapses.name and variable.scalar:
            found, fix = "a shared variable", f"declare {name!r} without (shared)."
        elif variable is not None:
            found, fix = "a variable of the neurons or of a pathway", f"name one of the synapses, {example}."
        else:
            raise unknown_name(where, f"variable of {synapses.name}", name, _synaptic_variables(synapses))
        raise InvalidValueError(
            message(where, f"a variable of {synapses.name} with one value per synapse", f"{name!r}, {found}", fix)
        )
    if np.dtype(variable.dtype).kind != kind:
        wanted = {"f": "floating-point numbers", "b": "a boolean variable"}[kind]
        raise InvalidTypeError(message(where, wanted, f"{name!r} of type {np.dtype(variable.dtype)}", f"{example}."))
    if where == "RLS.weight" and (variable.constant or variable.read_only):
        raise InvalidValueError(
            message(where, "a variable that can change", f"{name!r}, (constant)", "declare it without (constant).")
        )
    if name in _event_driven(synapses):
        raise InvalidValueError(
            message(
                where,
                "a variable that is up to date at every time step",
                f"{name!r}, (event-driven)",
                "declare it (clock-driven): between spikes Brian2 leaves an event-driven variable as it was.",
            )
        )


def _check_unitless(where: str, synapses: Synapses, name: str) -> None:
    dim = synapses.variables[name].dim
    if dim is not DIMENSIONLESS:
        raise UnitsError(message(where, "a variable without unit", f"{name!r} in {unit_name(dim)}"))


def _trace_of(synapses: Synapses, trace: Any) -> tuple[Any, str, int, Any]:
    """Return what holds the presynaptic rate, its name, where the first source lies, and its time constant."""
    source = synapses.source
    if is_time_constant("RLS.trace", trace):
        check_spikes("RLS.trace", source)
        return None, "r", 0, trace
    if not isinstance(trace, str):
        raise InvalidTypeError(
            message(
                "RLS.trace",
                "the presynaptic rate of each synapse: the name of a variable, or a time constant",
                trace,
                f'such as trace="r_pre" for r of {source.name}, or trace=20*ms, which filters the spikes.',
            )
        )
    name = trace.removesuffix("_pre")
    if trace in synapses.variables and name == trace and synapses.variables[trace].owner.name == synapses.name:
        _check_variable("RLS.trace", synapses, trace, 'such as trace="x"')
        return synapses, trace, 0, None
    if name not in source.variables:
        known = {f"{key}_pre" for key in source.variables if not key.startswith("_")} | _synaptic_variables(synapses)
        error = unknown_name("RLS.trace", f"variable of {source.name} or of {synapses.name}", trace, known)
        if trace.endswith("_post"):
            raise InvalidValueError(
                message("RLS.trace", "a variable of the sources or of the synapses", trace, 'such as "r_pre".')
            )
        raise type(error)(f"{error} A group without a trace gets one by a time constant, trace=20*ms.")
    variable, start, _ = resolve_source("RLS.trace", source, name)
    if np.dtype(variable.dtype).kind == "b":
        raise InvalidTypeError(message("RLS.trace", "numbers", f"{trace!r}, a boolean variable"))
    return source, name, start, None
