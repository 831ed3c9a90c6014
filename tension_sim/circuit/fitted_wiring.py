"""FittedNetwork -> circuit: the wiring of the `Network` that it is short for, with the names that it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..declare import fitted_as_network as fitted
from ..declare.equations import SEED
from ..declare.fitted import FittedNetwork
from . import names
from .declared import noise_seed
from .parts import Units
from .short_wiring import ShortWiring

__all__ = ["FittedWiring"]

#: Names of parts by kind, and by population or projection: those under which states are saved.
_PUBLISHED = {
    (names.NEURONS, fitted.NEURONS): names.NEURONS,
    (names.NEURONS, fitted.FEEDFORWARD): names.FEEDFORWARD,
    (names.RATES, fitted.FEEDFORWARD): names.FEEDFORWARD_RATE,
    (names.RECURRENT, fitted.INPUT): names.INPUT,
    (names.RECURRENT, fitted.STATIC): names.RECURRENT,
    (names.RECURRENT, fitted.PLASTIC): names.PLASTIC,
    (names.RULE, fitted.PLASTIC): names.RULE,
    (names.SPIKES, fitted.NEURONS): names.SPIKES,
}


class FittedWiring(ShortWiring[FittedNetwork]):
    """A `FittedNetwork` as a circuit, with the values and states of its runs."""

    neurons = fitted.NEURONS

    def part(self, kind: str, *of: str) -> str:
        """Return the published name of a part."""
        return _PUBLISHED[kind, of[0]]

    @property
    def _n_spiking(self) -> int:
        return self.net.n

    @property
    def sample_units(self) -> dict[str, str]:
        """Units in which plain samples of a run count: targets are currents."""
        return {"y": self.net.neuron.current_unit, "rates": "hertz"}

    @property
    def slots(self) -> np.ndarray:
        """Where each weight of ``net.plastic`` lies in the state, which holds them by neurons and then by sources."""
        return self.rows[self.network.projection_names.index(fitted.PLASTIC)].slots

    def count(self, k: int) -> int:
        """Return the number of weights that act in each step: none are taken for dense."""
        return len(self.network.kernels[k])

    def noise(self, trial: int) -> dict[str, Any]:
        """Return the seeds of all that is random within a run."""
        units = self.circuit.of(Units)
        return {
            names.entry(name, SEED): noise_seed(self.net.seed, trial, k)
            for k, name in enumerate((names.FEEDFORWARD, names.NEURONS))
            if name in units and SEED in units[name].equations
        }

    def _initial_values(self, trial: int) -> Mapping[str, Mapping[str, np.ndarray]]:
        initial = self.net.initial_values if trial == 0 else self.net.draw_initial(trial)
        return {fitted.NEURONS: initial}
