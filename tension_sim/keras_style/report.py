"""The last run of a model as `Results`, whatever engine ran it."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from ..errors import InvalidValueError, message
from ..results.phases import Phase, phases_of
from ..results.results import Results

__all__ = ["Run", "results_of"]


@dataclass
class Run:
    """Collects windows while a sequence runs.

    Attributes
    ----------
    kind : str
        "train", "test" or "predict".
    target : array, shape (timesteps, outputs), or None
    first_step : int
        Time steps that were trained before.
    outputs, spike_step, spike_neuron : list of arrays
        One per window.
    returned : list
        What ``predict_step`` returned, one per window.
    engine : dict
        What ran it, for the provenance.
    """

    kind: str
    target: np.ndarray | None
    first_step: int = 0
    outputs: list[np.ndarray] = field(default_factory=list)
    spike_step: list[np.ndarray] = field(default_factory=list)
    spike_neuron: list[np.ndarray] = field(default_factory=list)
    returned: list[Any] = field(default_factory=list)
    engine: dict[str, Any] = field(default_factory=lambda: {"engine": "tensorflow"})

    def add(self, first: int, result: Any) -> None:
        """Keep a window that began at step `first` of the sequence."""
        self.outputs.append(result.states[-1][:, 0, :])
        if self.kind == "predict":
            self.returned.append(result.returned)
        if result.spikes is not None:
            step, neuron = result.spikes
            self.spike_step.append(step + first)
            self.spike_neuron.append(neuron)


def results_of(model: Any) -> Results:
    """Return the last run of a FORCEModel.

    Raises
    ------
    InvalidValueError
        If nothing has run yet.
    """
    run: Run | None = getattr(model, "_last_run", None)
    if run is None or not run.outputs:
        raise InvalidValueError(
            message(
                f"{type(model).__name__}.results",
                "a model that has run",
                "no run",
                "call fit or predict first.",
            )
        )
    layer = model.original_force_layer
    output = np.concatenate(run.outputs)
    steps, start = len(output), run.first_step
    kernels = ("input_kernel", "recurrent_kernel", "feedback_kernel", "output_kernel")
    versions = {"python": platform.python_version()}
    for name in ("tension-sim", "brian2", "tensorflow", "tensorflow-cpu", "keras", "numpy"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    empty = [np.empty(0, int)]
    return Results(
        name=model.name,
        dt=_time_step(layer),
        first_step=start,
        n_steps=steps,
        n_neurons=layer.units,
        spike_step=start + np.concatenate(run.spike_step or empty),
        spike_neuron=np.concatenate(run.spike_neuron or empty),
        n_recorded_neurons=layer.units if layer.spiking else 0,
        record_every=1,
        output=output,
        target=None if run.target is None else run.target[:steps],
        phases=_phases(model, run.kind, start, start + steps),
        weights={name: np.asarray(getattr(layer, name)).copy() for name in kernels if hasattr(layer, name)},
        state={f"state_{i}": value for i, value in enumerate(model.force_layer.snapshot())},
        provenance={
            **run.engine,
            "call": "fit" if run.kind == "train" else "predict",
            "model": type(model).__name__,
            "layer": type(layer).__name__,
            "seed": layer._seed,
            "alpha_P": model.alpha_P,
            "versions": versions,
        },
    )


def _phases(model: Any, kind: str, start: int, end: int) -> tuple[Phase, ...]:
    return phases_of((model._learn_start, model._learn_stop) if kind == "train" else None, start, end)


def _time_step(layer: Any) -> float:
    """Return the time step in seconds; a layer of no equation file may count it as a part of a time constant."""
    for name in ("dt_seconds", "dt" if layer.spiking else "dtdivtau"):
        if hasattr(layer, name):
            return float(getattr(layer, name))
    return 1.0
