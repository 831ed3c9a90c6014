"""Poisson units: a neuron type without a membrane, whose rates are given to each run."""

from __future__ import annotations

from typing import Any

from .equations import Neuron, neuron_of
from .language import SEED
from .neuron import Input

__all__ = ["POISSON", "RATE", "is_poisson", "poisson_or_file"]

#: The input that takes the rates.
RATE = "rate"

#: No equation file can say it: there is nothing to integrate, and no variable to record.
POISSON = Neuron(
    name="poisson",
    summary="Poisson units, which spike at the rates that are given to a run",
    source="",
    equations="",
    threshold=f"standard_uniform({SEED}, t_in_timesteps, i) < {RATE}*dt",
    reset="",
    method="euler",
    membrane="",
    inputs={},
    current_unit="1",
    rate_unit="1/second",
    parameters={},
    more_inputs={RATE: Input("hertz", "the rate")},
)


def is_poisson(neuron: Neuron) -> bool:
    """Say whether a neuron type is that of Poisson units, whatever unit its rate counts in."""
    return neuron.name == POISSON.name and neuron.threshold == POISSON.threshold


def poisson_or_file(given: Any, where: str) -> Neuron:
    """Return Poisson units by their name, or the neuron type of an equation file."""
    return POISSON if isinstance(given, str) and given == POISSON.name else neuron_of(given, where)
