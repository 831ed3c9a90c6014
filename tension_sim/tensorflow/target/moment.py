"""The state that the parts of a circuit read and write in one time step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...circuit.names import entry
from ...circuit.parts import Variable

__all__ = ["SLOTS", "Action", "Moment"]

#: The places of a time step, in their order.
SLOTS = ("before_start", "start", "groups", "thresholds", "synapses", "resets", "end")


@dataclass
class Moment:
    """One time step while it is carried out.

    Attributes
    ----------
    step : tensor of int64
        Which time step it is.
    place : tensor of int32
        Which step of the window that is compiled.
    time : mapping of str to number or tensor
        ``t``, ``dt`` and ``t_in_timesteps``, as equations call them.
    fixed : mapping of str to tensor
        What stays all through a run, by names such as ``"neurons.tau"``.
    state : dict of str to tensor
        What changes; the actions of a step write here.
    rows : mapping of str to tensor, shape (steps of the window, channels)
        The samples of the signals.
    due : mapping of str to tensor of bool, shape (steps of the window,)
        When the rules learn.
    spikes : dict of str to tensor of bool
        Which neurons spike in this step.
    formulas : mapping of str to callable
        Functions for the variables that are computed, not stored.
    """

    step: Any
    place: Any
    time: Mapping[str, Any]
    fixed: Mapping[str, Any]
    state: dict[str, Any]
    rows: Mapping[str, Any]
    due: Mapping[str, Any]
    formulas: Mapping[str, Callable[[Moment], Any]]
    spikes: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.state[name] if name in self.state else self.fixed[name]

    def read(self, variable: Variable) -> Any:
        """Return the value of a variable of a part."""
        name = entry(variable.part, variable.name)
        if name in self.formulas:
            return self.formulas[name](self)
        return self[name]


class Action(NamedTuple):
    """An action of a part in a time step; actions of one place and order run by their names, as in Brian2."""

    when: str
    order: int
    name: str
    do: Callable[[Moment], None]

    @property
    def key(self) -> tuple[int, int, str]:
        """Key by which the actions of a step are sorted."""
        return SLOTS.index(self.when), self.order, self.name
