"""What decides a fit, by name: a checkpoint of another network or of other data is refused by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from brian2.units.fundamentalunits import Quantity

from ..._version import __version__
from ...declare.sample_file import SampleFile
from ..callers import users_names
from .data import Trial

__all__ = ["Plan", "identity_of_fit"]


@dataclass(frozen=True)
class Plan:
    """What a fit is to do.

    Attributes
    ----------
    trials, validation : list of Trial
        What each epoch learns, and what it is measured by, if anything.
    frequency : int
        Epochs from one validation to the next.
    first, epochs : int
        The first epoch, and the one after the last.
    """

    trials: list[Trial]
    validation: list[Trial] | None
    frequency: int
    first: int
    epochs: int


def identity_of_fit(target: str, network: Any, plan: Plan, stateful: bool) -> dict[str, str]:
    """Return what decides a fit: target, plan, data, and the network with its constants."""
    found = {"target": target, "epochs": f"{plan.first} to {plan.epochs}", "stateful": str(stateful)}
    found |= _identity_of_trials("fit", plan.trials)
    if plan.validation is not None:
        found |= _identity_of_trials("validation", plan.validation) | {"validation_freq": str(plan.frequency)}
    return found | _identity_of_network(network)


def _identity_of_network(network: Any) -> dict[str, str]:
    """Return digests of the equations, events and sizes of each object, and of the constants that they name."""
    found = {"tension-sim": __version__} | {name: version(name) for name in ("brian2", "numpy")}
    known, constants = users_names(), dict[str, Any]()
    for one in sorted(network.sorted_objects, key=lambda one: one.name):
        told: list[Any] = [type(one).__name__, getattr(one, "N", ""), getattr(one, "method_choice", "")]
        for part in ("equations", "events", "event_codes", "code"):
            told.append(str(getattr(one, part, "")))
        told += [str(getattr(path, "code", "")) for path in getattr(one, "_pathways", ())]
        found[one.name] = _digest(str(told).encode())
        names = set(getattr(getattr(one, "equations", None), "identifiers", ()))
        given = known | (getattr(one, "namespace", None) or {})
        constants |= {name: given[name] for name in names & given.keys()}
    for name, value in sorted(constants.items()):
        if isinstance(value, int | float | Quantity | np.number):
            found[name] = str(value)
    return found


def _identity_of_trials(name: str, trials: Iterable[Trial]) -> dict[str, str]:
    """Return digests of the samples of all trials, by the signals that play them."""
    digests: dict[str, Any] = {}
    steps = []
    for trial in trials:
        steps.append(trial.steps)
        for signal, samples in trial.samples.items():
            digest = digests.setdefault(signal, hashlib.sha256())
            for part in _parts(samples):
                digest.update(np.ascontiguousarray(part).view(np.uint8).data)
    found = {f"{name}, samples of {signal}": f"sha256 {digest.hexdigest()[:32]}" for signal, digest in digests.items()}
    return found | {f"{name}, steps": str(steps)}


def _parts(samples: np.ndarray | SampleFile) -> Iterable[np.ndarray]:
    if isinstance(samples, np.ndarray):
        return [samples]
    firsts = range(0, samples.rows, samples.window)
    return (samples.read(first, min(samples.window, samples.rows - first)) for first in firsts)


def _digest(content: bytes) -> str:
    return f"sha256 {hashlib.sha256(content).hexdigest()[:32]}"
