"""The states of a declared network between its runs, as ``force_layer`` of a `DeclaredModel`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...circuit.names import NEURONS, STEP, entry, part_of, split
from ...declare.network import ForceNetwork
from ...declare.populations.network import Network
from ...results.results import Results
from ...tensorflow.variables import RecordedState
from .declaration import StateSeries

__all__ = ["NetworkStates"]


class _Snapshot(list[np.ndarray]):
    """The states of a moment, with the whole state behind them."""

    def __init__(self, states: Sequence[np.ndarray], state: dict[str, Any], output: np.ndarray) -> None:
        super().__init__(states)
        self.state, self.output = state, output


class NetworkStates:
    """What a network is between two runs: neurons, filters, delays, P and time step, in SI units.

    Parameters
    ----------
    network : ForceNetwork or Network
    size : int
        Number of outputs.
    rules : collection of str
        Parts of the circuit that learn.

    Attributes
    ----------
    names : tuple of str
        Of `states`, in their order: ``"step"``, the membrane of each population, the other
        state variables, ``"output"``.
    state : dict
        As ``Results.state``, without learned weights; empty before the first run.
    output : array, shape (outputs,)
        Of the last step.

    Examples
    --------
    >>> NetworkStates(ForceNetwork.random("izhikevich", n=5, seed=1), 1).names
    ('step', 'v', 'u', 'r', 'h_r', 'I_rec', 'h_rec', 'output')
    """

    #: as of a `Recurrence`
    return_sequences: bool = True
    spikes: None = None

    def __init__(self, network: ForceNetwork | Network, size: int, rules: Collection[str] = ()) -> None:
        self.network = network
        self._rules = frozenset(rules)
        self.cell: SimpleNamespace = SimpleNamespace(output_size=size)
        membranes = _membranes(network)
        others = [name for name in network.state_variables if name not in membranes]
        self.variables: tuple[str, ...] = (*membranes, *others)
        self.names: tuple[str, ...] = (STEP, *self.variables, "output")
        self.state: dict[str, Any] = {}
        self.output: np.ndarray = np.zeros(size)
        self._shown: Sequence[Any] | None = None

    @property
    def states(self) -> Sequence[Any]:
        """The current states, (1, size) each, in the order of `names`; variables in the units of a recording.

        While recorded steps are replayed, those of that step.
        """
        return list(self.snapshot()) if self._shown is None else self._shown

    def show(self, states: Sequence[Any] | None) -> None:
        """Show recorded states in place of the current ones; None ends it."""
        self._shown = states

    def snapshot(self) -> list[np.ndarray]:
        """Return the current states."""
        step = np.array([int(np.ravel(self.state.get(STEP, 0))[0])])
        found = [step, *(self._value(name) for name in self.variables), self.output]
        return _Snapshot([np.asarray(each)[None].view(RecordedState) for each in found], self.state, self.output)

    def restore(self, states: Any) -> None:
        """Set what `snapshot` returned."""
        self.state, self.output = states.state, states.output

    def keep(self, state: Mapping[str, Any], learned: Sequence[str]) -> None:
        """Keep what a run left: its state without the learned weights, and its last output."""
        self.state = {name: value for name, value in state.items() if name not in (*learned, "output")}
        self.output = np.array(state["output"])

    def reset_states(self) -> None:
        """Set neurons, filters, delays and outputs to where a first run starts; P and the time step stay."""
        self.state = {name: value for name, value in self.state.items() if self._stays(name)}
        self.output = np.zeros_like(self.output)

    reset_state = reset_states

    @property
    def started(self) -> bool:
        """Whether there is a state of neurons that a run left."""
        return not all(self._stays(name) for name in self.state)

    def _stays(self, name: str) -> bool:
        part, variable = split(name)
        return name == STEP or part in self._rules or variable == "w"

    def series(self) -> tuple[StateSeries, ...]:
        """Return each of `states` after the steps of a run."""
        steps = StateSeries(lambda results: (results.first_step + 1 + np.arange(results.n_steps))[:, None])
        recorded = (StateSeries(_values_of(name), name) for name in self.variables)
        return (steps, *recorded, StateSeries(lambda results: results.output))

    def _value(self, name: str) -> np.ndarray:
        """Return a state variable as it is now, in the unit of a recording."""
        population, _, variable = name.rpartition(".")
        network, part = self.network, part_of(NEURONS, population) if population else NEURONS
        if isinstance(network, Network):
            first, n = network.initial_values[population], network.populations[population].n
        else:
            first, n = network.initial_values, network.n
        value = self.state.get(entry(part, variable), first.get(variable, 0.0))
        return np.broadcast_to(value, (n,)) / network.display_unit(name)[1]


def _values_of(name: str) -> Any:
    def values(results: Results) -> np.ndarray:
        return results.recorded[name].values

    return values


def _membranes(network: ForceNetwork | Network) -> list[str]:
    if isinstance(network, Network):
        membranes = ((name, each.neuron.membrane) for name, each in network.populations.items())
        return [f"{name}.{membrane}" for name, membrane in membranes if membrane]  # Poisson units have none
    return [network.neuron.membrane]
