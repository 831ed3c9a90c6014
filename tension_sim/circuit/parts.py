"""The parts of a network that are compiled in: their variables, connections and sizes.

A circuit holds no values. Weights, masks, parameters, states, data, the schedule and the
duration are given to each run, by names such as ``"neurons.v"``: variable ``v`` of the part
``neurons``. Every declaration of a network becomes a circuit, and every engine starts from one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeVar

from ..declare.language.code import check_code, check_error_code
from ..declare.units import Dimension
from .blocks import BlockSizes
from .names import entry

__all__ = [
    "STEPS",
    "Circuit",
    "Map",
    "Rule",
    "Samples",
    "SpikeInput",
    "SpikeRecord",
    "Units",
    "Variable",
    "VariableRecord",
]


#: How far a run came, beside the arrays of the parts.
STEPS = "network_clock.timestep"


class Variable(NamedTuple):
    """A variable of a part."""

    part: str
    name: str


@dataclass(frozen=True)
class Units:
    """A group of neurons or rate units; its code is checked, and written anew from what was understood.

    Attributes
    ----------
    n : int
        How many.
    equations : str
        Brian2 equations, without the parameters.
    parameters : tuple of (name, dimension)
        Shared values that come with the run.
    states : tuple of str
        Variables that hold a state, each with one value per unit.
    method : str
        Integration method.
    filters : tuple of str
        Variables that decay exactly, whatever the method.
    stepwise : tuple of str
        Variables that follow Euler's rule, whatever the method.
    threshold, reset : str
        Empty for rate units.
    refractory : str
        A time or a condition, as Brian2's clause; empty: none.
    rate : str
        Statement that follows the integration, such as ``"r = tanh(a)"``.
    files : tuple of str
        Equation files these come from, for messages.
    """

    n: int
    equations: str
    parameters: tuple[tuple[str, Dimension], ...]
    states: tuple[str, ...]
    method: str = "euler"
    filters: tuple[str, ...] = ()
    stepwise: tuple[str, ...] = ()
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
    rate: str = ""
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keys = ("equations", "method", "filters", "stepwise", "threshold", "reset", "refractory", "rate")
        for key, text in _check_code(self.files, self.parameters, **{key: getattr(self, key) for key in keys}):
            object.__setattr__(self, key, text)

    @property
    def state_sizes(self) -> dict[str, int]:
        """Sizes of the arrays that a run starts from and leaves behind."""
        return dict.fromkeys(self.states, self.n)


@dataclass(frozen=True)
class Samples:
    """A signal: data of any length, on the steps of the run."""

    channels: int
    state_sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Map:
    """Weights from one variable to another: dense, or `count` of them.

    Attributes
    ----------
    source : Variable
        What is read.
    n_sources, n_targets : int
        Shape of the weights.
    target : Variable or None
        What is written; None: the part's own ``z``.
    more : tuple of Variable
        What is read beside, one variable after the other.
    count : int or None
        Number of weights where they are masked.
    weights_of : str or None
        Another map whose weights are used.
    kept : bool
        Whether that map, which stands at the start of the time step, may take over in the next step what this one
        found: a C++ program does not multiply twice.
    learned : bool
        Whether a rule changes the weights, so that they belong to the state.
    when, order : str, int
        Place in the time step.
    """

    source: Variable
    n_sources: int
    n_targets: int
    target: Variable | None = None
    count: int | None = None
    weights_of: str | None = None
    kept: bool = False
    learned: bool = False
    when: str = "end"
    order: int = 0
    more: tuple[Variable, ...] = ()

    @property
    def sources(self) -> tuple[Variable, ...]:
        """All that is read, in the order of the weights of a row."""
        return (self.source, *self.more)

    @property
    def n_weights(self) -> int:
        """How many weights there are."""
        return self.n_sources * self.n_targets if self.count is None else self.count

    @property
    def state_sizes(self) -> dict[str, int]:
        """Sizes of the arrays that a run starts from and leaves behind."""
        sizes = {"w": self.n_weights} if self.learned else {}
        return sizes | ({"z": self.n_targets} if self.target is None else {})


@dataclass(frozen=True)
class SpikeInput:
    """Weights that each spike adds to a variable of the target; any number of them.

    Attributes
    ----------
    sources : tuple of str
        Groups whose neurons spike, numbered one after the other.
    n_sources, n_targets : int
        Shape of the weights.
    target : Variable
        What is added to.
    trace : str or tuple of str or Variable
        Variable of the sources that a rule reads as their rate, or of other parts, where spikes arrive later;
        empty: not learned.
    count : int or None
        Number of weights, where they are learned.
    longest_delay : int or None
        In time steps; None: spikes arrive in their own step.
    own_delays : bool
        Whether each weight has a delay of its own.
    """

    sources: tuple[str, ...]
    n_sources: int
    n_targets: int
    target: Variable
    trace: str | tuple[str | Variable, ...] = ""
    count: int | None = None
    longest_delay: int | None = None
    own_delays: bool = False

    @property
    def traces(self) -> tuple[Variable, ...]:
        """What a rule reads of all sources, one after the other."""
        if not isinstance(self.trace, str):
            named = zip(self.sources, self.trace, strict=False)
            return tuple(each if isinstance(each, Variable) else Variable(source, each) for source, each in named)
        return tuple(Variable(source, self.trace) for source in self.sources) if self.trace else ()

    @property
    def state_sizes(self) -> dict[str, int]:
        """Sizes of the arrays that a run starts from and leaves behind."""
        under_way = {} if self.longest_delay is None else {"ring": (self.longest_delay + 1) * self.n_targets}
        return ({"w": self.count or 0} if self.trace else {}) | under_way


@dataclass(frozen=True)
class Rule:
    """Recursive least squares on some maps.

    Attributes
    ----------
    maps : tuple of str
        Names of the maps, all of one source.
    errors : tuple of str
        The error of each row, one expression per map.
    variables : tuple of (name, Variable)
        Names in the errors.
    target : Variable or None
        What is called y there.
    blocks : BlockSizes
        Sizes of P and of all that belongs to it.
    factors : tuple of bool
        Whether the weights of a map learn at different rates.
    divide_by_source, signs, grouped : bool
        Options of the rule, see `tension_sim.brian.RLS`; grouped: each source has its own
        alpha_P, and groups of sources a penalty on the sum of their weights.
    n_sources : int
        Length of what is given for each source.
    when, order : str, int
        Place in the time step.
    """

    maps: tuple[str, ...]
    errors: tuple[str, ...]
    variables: tuple[tuple[str, Variable], ...]
    blocks: BlockSizes
    target: Variable | None = None
    factors: tuple[bool, ...] = ()
    divide_by_source: bool = False
    signs: bool = False
    grouped: bool = False
    n_sources: int = 0
    when: str = "end"
    order: int = 2

    def __post_init__(self) -> None:
        names = ["z", *(name for name, _ in self.variables), *(["y"] if self.target is not None else [])]
        errors = tuple(check_error_code("rule: error", text, names) for text in self.errors)
        object.__setattr__(self, "errors", errors)

    @property
    def state_sizes(self) -> dict[str, int]:
        """Sizes of the arrays that a run starts from and leaves behind."""
        n, one = self.blocks, dict.fromkeys(("fresh", "n_updates"), 1)
        waiting = {"pending_k": n.pending_k, "pending_c": n.pending_c, "pending": n.blocks, "P_scale": n.blocks}
        return {"P_packed": n.P, **waiting, **one}


@dataclass(frozen=True)
class VariableRecord:
    """A variable recorded every so many steps, in a type; of some elements, or of all (None)."""

    source: Variable
    indices: tuple[int, ...] | None = None
    dtype: str | None = None
    state_sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SpikeRecord:
    """The spikes of the first `stop` neurons of a group."""

    source: str
    stop: int
    state_sizes: Mapping[str, int] = field(default_factory=dict)


Part = Units | Samples | Map | SpikeInput | Rule | VariableRecord | SpikeRecord
OneKind = TypeVar("OneKind", Units, Samples, Map, SpikeInput, Rule, VariableRecord, SpikeRecord)


@dataclass(frozen=True)
class Circuit:
    """Parts by their names, in an order in which each comes after what it reads.

    Attributes
    ----------
    dt : float
        Time step in seconds.
    parts : dict of str to part
        The network.
    dtype : str
        ``"float64"`` or ``"float32"``.
    threaded : bool
        Whether threads share the work of the C++ program; how many is said to each run.
    """

    dt: float
    parts: Mapping[str, Part]
    dtype: str = "float64"
    threaded: bool = False

    def of(self, kind: type[OneKind]) -> dict[str, OneKind]:
        """Return the parts of one kind."""
        return {name: part for name, part in self.parts.items() if isinstance(part, kind)}

    def describe(self) -> dict[str, Any]:
        """Return plain values, and parts with their kinds: the same for the same code."""
        parts = {name: {"kind": type(part).__name__} | _fields(part) for name, part in self.parts.items()}
        for part in parts.values():
            part.pop("files", None)
        return _fields(self) | {"parts": parts}

    @cached_property
    def digest(self) -> str:
        """Digest of the code: equal for equal code."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True, default=_fields).encode()).hexdigest()

    @property
    def state_sizes(self) -> dict[str, int]:
        """Sizes of the arrays that a run starts from and leaves behind."""
        return {entry(name, key): n for name, part in self.parts.items() for key, n in part.state_sizes.items()}

    @property
    def results(self) -> list[str]:
        """Names of the arrays that a run gives back: the state, and what was recorded."""
        names = list(self.state_sizes)
        names += [entry(name, "values") for name in self.of(VariableRecord)]
        names += [entry(name, key) for name in self.of(SpikeRecord) for key in "it"]
        return names + [entry(name, "diverged_step") for name in self.of(Rule)]


@lru_cache(maxsize=128)
def _check_code(
    files: tuple[str, ...], parameters: tuple[tuple[str, Dimension], ...], **code: Any
) -> tuple[tuple[str, str], ...]:
    """Return the code of units, written anew; a training makes the same units for every run."""
    return tuple(check_code(files, parameters=dict(parameters), **code).items())


def _fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass without copying them, as ``asdict`` would."""
    return {each.name: getattr(value, each.name) for each in fields(value)}
