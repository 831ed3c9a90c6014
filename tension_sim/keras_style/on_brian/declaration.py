"""A model as a declared network, so that it can run on Brian2, and where its variables lie in a run's state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...circuit.blocks import Blocks
from ...circuit.names import entry
from ...circuit.triangles import pack, unpack
from ...declare.record import Record
from ...results.results import Results
from ...system.memory_maps import drop_pages
from .matrices import Matrices

__all__ = ["Declaration", "Binding", "StateSeries", "constant", "kernel", "recorded", "rule", "scaled", "result_only"]

#: Matrices of P that are read from their file before its cached pages are dropped.
_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Binding:
    """Variables of the model, bound to entries in the state of a run.

    Attributes
    ----------
    variables : tuple of keras.Variable
        What a run starts from and leaves behind; nearly always one.
    entries : tuple of str
        Names in the state.
    to_state : callable
        Returns these entries, from the values of the variables.
    from_state : callable
        Sets the variables from a state, with the last ``output``.
    learned : bool
        Wanted by runs that learn, and changed by no other.
    shift : float
        What the clock of this run adds to the entries.
    """

    variables: tuple[Any, ...]
    entries: tuple[str, ...]
    to_state: Callable[[], Mapping[str, Any]]
    from_state: Callable[[Mapping[str, Any]], Any]
    learned: bool = False
    shift: float = 0.0


@dataclass(frozen=True, eq=False)
class StateSeries:
    """One of ``force_layer.states``, after each step of a run.

    Attributes
    ----------
    values : callable
        From the results to an array of shape (steps, size).
    needs : str
        State variable that has to be recorded for it; empty: none.
    """

    values: Callable[[Results], np.ndarray]
    needs: str = ""


@dataclass(frozen=True, eq=False)
class Declaration:
    """A model as a network that `Simulation` runs.

    A layer returns it from ``declaration(model)``; nothing else is specific to a layer.

    Attributes
    ----------
    network : ForceNetwork
        With the kernels as they are now.
    bindings : tuple of Binding
        All variables that a run changes.
    states : tuple of StateSeries
        Each of ``force_layer.states``.
    step : int
        Time step at which the run begins.
    samples : callable, optional
        From x and y, (timesteps, dimensions), to the arguments of ``Simulation.run``; y is
        None where nothing is learned.
    """

    network: Any
    bindings: tuple[Binding, ...]
    states: tuple[StateSeries, ...]
    step: int
    samples: Callable[[np.ndarray, np.ndarray | None], Mapping[str, Any]] = lambda x, y: {"x": x, "y": y}

    @property
    def learns(self) -> bool:
        """Whether the network has weights that learn."""
        return self.network.learning is not None or self.network.plastic is not None

    def recording(self, wanted: Collection[str], switched: bool, dtype: str | None = None) -> Record:
        """Return what a run records: the wanted state variables.

        Parameters
        ----------
        wanted : collection of str
        switched : bool
            Let one program serve all choices of `wanted`.
        dtype : str, optional
            Type in which they are kept; by default that of the network.
        """
        known = [each.needs for each in self.states if each.needs]
        everyone = np.arange(self.network.n)  # quicker to check than a tuple
        off = tuple(name for name in known if switched and name not in wanted)
        variables = {name: everyone for name in known if switched or name in wanted}
        return Record(variables=variables, off=off, dtype=dtype)


def scaled(variable: Any, name: str, scale: float = 1.0, shift: float = 0.0, learned: bool = False) -> Binding:
    """Return the binding of a variable that is an entry of the state, divided by `scale`."""
    shape = tuple(variable.shape)
    return Binding(
        (variable,),
        (name,),
        lambda: {name: np.ravel(variable).astype(np.float64) * scale + shift},
        lambda state: variable.assign(((np.asarray(state[name]) - shift) / scale).reshape(shape)),
        learned,
        shift,
    )


def result_only(variable: Any, value: Callable[[Mapping[str, Any]], Any], learned: bool = False) -> Binding:
    """Return the binding of a variable that a run sets and does not read."""
    return Binding((variable,), (), dict, lambda state: variable.assign(np.asarray(value(state))), learned)


def kernel(variable: Any, name: str, learns: np.ndarray | None = None) -> Binding:
    """Return the binding of a learned kernel, (sources, targets), which a run keeps target by target.

    Parameters
    ----------
    learns : array of bool, shape (sources, targets), optional
        The weights that are in the state; all by default.
    """
    learns = np.ones(variable.shape, bool) if learns is None else learns

    def from_state(state: Mapping[str, Any]) -> None:
        value = np.asarray(variable).astype(np.float64)
        value.T[learns.T] = state[name]
        variable.assign(value)

    return Binding((variable,), (name,), lambda: {name: np.asarray(variable).T[learns.T]}, from_state, learned=True)


def rule(part: str, maps: Sequence[Sequence[np.ndarray]], *stored: tuple[Any, Sequence[np.ndarray]]) -> Binding:
    """Return the binding of the P of a rule.

    Parameters
    ----------
    part : str
        Name of the rule in the state.
    maps : sequence, one per map that it learns, of sequences, one per row, of arrays of int
        The partners of each row.
    *stored : pairs of a variable and a sequence of arrays of int
        A P, (units, units), or several, (blocks, width, width), each in the upper left corner
        of its matrix; with the partners of each matrix. Variables that hold the same P follow
        one another.
    """
    blocks = Blocks.of(maps)
    number = {partners.tobytes(): b for b, partners in enumerate(blocks.members)}
    variables = tuple(variable for variable, _ in stored)
    matrices = [Matrices(variable) for variable in variables]
    # where each matrix of each variable lies: (variable, matrix, block)
    places = [
        (v, m, number[np.asarray(partners, np.int32).tobytes()])
        for v, (_, members_of) in enumerate(stored)
        for m, partners in enumerate(members_of)
        if len(partners)
    ]

    def to_state() -> dict[str, np.ndarray]:
        packed = np.empty(blocks.P_start[-1], variables[0].dtype)
        for v, m, b in reversed(places):
            n = blocks.sizes[b]
            packed[blocks.P_start[b] : blocks.P_start[b + 1]] = pack(matrices[v][m][:n, :n])
        return {entry(part, "P_packed"): packed}

    def from_state(state: Mapping[str, Any]) -> None:
        get = {name: np.asarray(state[entry(part, name)]) for name in ("P_packed", "pending_k", "pending_c", "P_scale")}
        for v, m, b in places:
            n, first = blocks.sizes[b], blocks.pending_start[b]
            # terms that wait for the next pass over P belong to it
            count = int(np.ravel(state[entry(part, "pending")])[b])
            k = get["pending_k"][first : first + count * n].reshape(count, n)
            c = get["pending_c"][blocks.term_start[b] :][:count]
            packed = get["P_packed"][blocks.P_start[b] : blocks.P_start[b + 1]]
            P = unpack(packed, n, k, c, get["P_scale"][b], out=matrices[v].room(n))
            if n < variables[v].shape[-1]:
                corner, P = P, matrices[v][m].copy()
                P[:n, :n] = corner
            matrices[v][m] = P
            if m % _AT_ONCE == 0:
                drop_pages(state[entry(part, "P_packed")])

    return Binding(variables, (entry(part, "P_packed"),), to_state, from_state, learned=True)


def recorded(name: str, factor: float = 1.0, shift: float = 0.0) -> StateSeries:
    """Return a state that is a recorded variable, times `factor`, plus `shift`."""

    def values(results: Results) -> np.ndarray:
        found = results.recorded[name].values
        return found if factor == 1 and not shift else found * factor + shift

    return StateSeries(values, name)


def constant(value: np.ndarray) -> StateSeries:
    """Return a state that no run changes."""
    return StateSeries(lambda results: np.broadcast_to(np.ravel(value), (results.n_steps, np.size(value))))
