"""A window of time steps as one run of a declared network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...circuit.parts import Rule
from ...declare.populations.network import Network
from ...declare.record import Record
from ...results.results import Results
from ...run.simulation import Simulation, target_named
from .declaration import Binding, Declaration
from .window import BrianWindow

__all__ = ["NetworkDeclaration", "NetworkWindow"]


@dataclass(frozen=True, eq=False)
class NetworkDeclaration(Declaration):
    """A network of a user as what a window runs; it learns by the rules that it declares."""

    trainable: bool = True
    rules: Mapping[str, Rule] = field(default_factory=dict)

    @property
    def learns(self) -> bool:
        """Whether the network has weights that learn, and the model lets them."""
        return bool(self.rules) and self.trainable

    def recording(self, wanted: Collection[str], switched: bool, dtype: str | None = None) -> Record:
        """Return what a run records: the wanted variables, of all neurons of their population."""
        record = super().recording(wanted, switched, dtype)
        if not isinstance(self.network, Network):
            return record
        sizes = self.network.sizes
        variables = {name: tuple(range(sizes[name.partition(".")[0]])) for name in record.variables}
        return replace(record, variables=variables)


class NetworkWindow(BrianWindow):
    """Runs windows of a `DeclaredModel`, and keeps their results."""

    def _simulation(self, declared: Declaration, record: Record) -> Simulation:
        """Return the simulation that records this; the network is wired once."""
        key = (self.target, tuple(sorted(record.variables)), record.off, record.dtype)
        known: dict[Any, Simulation] = self.model.simulations
        if key not in known:
            known[key] = Simulation(
                declared.network,
                target=target_named("compile.target", self.target),
                record=record,
                name=self.model.name,
            )
        return known[key]

    def _store(self, bindings: list[Binding], results: Results, diverged: bool) -> None:
        super()._store(bindings, results, diverged)
        if self.kind != "test":
            runs = self.model.runs
            runs[-1:] = [replace(run, state={}) for run in runs[-1:]]  # only the last state counts
            runs.append(results)
