"""Poisson units: a neuron type without a membrane, whose rates are given to each run."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidValueError, message
from .equations import Neuron, neuron_of
from .language import SEED
from .neuron import Input
from .sample_file import SampleFile

__all__ = ["POISSON", "RATE", "check_rates", "is_poisson", "poisson_or_file"]

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
    return POISSON if isinstance(given, str) and given == POISSON.name else neuron_of(given, where, POISSON.name)


def check_rates(where: str, rates: np.ndarray | SampleFile, dt: float) -> None:
    """Refuse rates that Poisson units cannot have: they spike at most once in a time step.

    Parameters
    ----------
    where : str
        Begins the messages.
    rates : array of shape (samples, units), or SampleFile
        In Hz. A file is read a window at a time.
    dt : float
        Time step in seconds.
    """
    most, rows = 1 / dt, len(rates)
    window = rates.window if isinstance(rates, SampleFile) else max(rows, 1)
    for first in range(0, rows, window):
        part = rates.read(first, min(window, rows - first)) if isinstance(rates, SampleFile) else rates
        bad = np.argwhere((part < 0) | (part > most * (1 + 1e-9)))
        if len(bad):
            row, unit = map(int, bad[0])
            what = f"rates from 0 to {most:g} Hz, a spike in each time step"
            fix = f"correct the value at index {(first + row, unit)}."
            raise InvalidValueError(message(where, what, float(part[row, unit]), fix))
