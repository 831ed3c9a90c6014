"""The `Network` that a `FittedNetwork` is a short form of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .converted import Converted, File
from .declaration import Declaration
from .equations import SynapticFilter
from .kernels import SparseKernel
from .poisson import POISSON
from .populations.network import Network
from .populations.population import Population
from .populations.projection import Projection
from .populations.short_form import ShortForm, with_texts

__all__ = ["ERRORS", "FEEDFORWARD", "INPUT", "NEURONS", "PLASTIC", "STATIC", "TARGETS", "ShortFitted"]

#: From the name of a target to the error of each neuron's plastic weights: ``z`` is W r,
#: ``static_input`` and ``external_input`` the other currents, ``y`` the target in their unit.
ERRORS = {"total_input": "z + static_input + external_input - unit*y", "synaptic_input": "z + static_input - unit*y"}

#: Names of its populations, external input, projections and targets.
NEURONS, FEEDFORWARD, CUES, TARGETS = "neurons", "feedforward", "x", "y"
INPUT, STATIC, PLASTIC = "input", "static", "plastic"


class ShortFitted(Declaration):
    """Base class of `FittedNetwork`: the network that it is a short form of."""

    if TYPE_CHECKING:
        # what the class declares itself
        synapse: Converted[SynapticFilter, File]
        recurrent: SparseKernel | None
        plastic: SparseKernel
        input_kernel: Converted[SparseKernel | None, ArrayLike]
        n_feedforward: int
        error: str
        alpha_P: Converted[np.ndarray | None, ArrayLike]
        row_sum: Converted[np.ndarray | None, ArrayLike]
        groups: Converted[np.ndarray | None, ArrayLike]
        signs: Converted[np.ndarray | None, ArrayLike]

        @cached_property
        def plastic_filter(self) -> SynapticFilter: ...
        @property
        def n_inputs(self) -> int: ...
        @cached_property
        def initial_values(self) -> dict[str, np.ndarray]: ...

    @cached_property
    def network(self) -> Network:
        """The `Network` that it stands for: populations and projections."""
        populations = {NEURONS: self._neurons}
        if self.n_feedforward:
            filters = with_texts(self.plastic_filter, self.parameter_values)
            populations[FEEDFORWARD] = Population(POISSON, self.n_feedforward, filters=filters)
        return ShortForm(
            populations=populations,
            projections=tuple(self._projections()),
            dt=self.dt,
            dtype=self.dtype,
            seed=self.seed,
            external_inputs={CUES: self.n_inputs} if self.n_inputs else {},
            targets={TARGETS: NEURONS},
            filter_names={STATIC: ("I_static", "static"), PLASTIC: ("I_plastic", "plastic")},
        )

    @property
    def _neurons(self) -> Population:
        parameters = {name: self.parameter_values[name] for name in self.neuron.parameters}
        filters = with_texts(self.plastic_filter, self.parameter_values)
        return Population(self.neuron, self.n, parameters, self.initial_values, filters=filters)

    def _projections(self) -> Iterator[Projection]:
        if self.input_kernel is not None:
            yield Projection(CUES, NEURONS, weights=self.input_kernel, into=self.neuron.inputs["external"], name=INPUT)
        recurrent = self.recurrent
        if recurrent is None:
            recurrent = SparseKernel(self.n, [], [], [])  # the filter is there all the same
        yield Projection(NEURONS, NEURONS, weights=recurrent, name=STATIC, **self._synapse(self.synapse))
        learned: dict[str, Any] = {}
        if self.learning is not None:
            currents = {"static_input": "I_static", "external_input": self.neuron.inputs["external"]}
            learned = {
                "learning": self.learning,
                "error": ERRORS.get(self.error, self.error),
                "variables": {name: f"{NEURONS}.{variable}" for name, variable in currents.items()},
                "when": "start",
                "signs": self.signs,
                "alpha_P": self.alpha_P,
                "groups": self.groups,
                "row_sum": self.row_sum,
            }
        sources = [NEURONS, FEEDFORWARD] if self.n_feedforward else [NEURONS]
        yield Projection(
            sources, NEURONS, weights=self.plastic, name=PLASTIC, at_spikes=True, **learned,
            **self._synapse(self.plastic_filter),
        )  # fmt: skip

    def _synapse(self, synapse: SynapticFilter) -> dict[str, Any]:
        return {"synapse": synapse, "parameters": {name: self.parameter_values[name] for name in synapse.parameters}}
