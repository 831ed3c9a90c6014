"""Join several runs to one, which is stored and drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .results import Recording, Results
from .run_data import added

__all__ = ["joined"]


def joined(first: Results, second: Results) -> Results:
    """Return two runs as one, of which the second begins at the step where the first ends
    (`Simulation.run` takes ``state={"step": first.stop_step}``, alone or with a state).

    Weights are those of the second run, or of the first where it has none of that name. State and network
    are those at the end of the second. Times to build and run are added.
    """

    def together(name: str) -> np.ndarray:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    recorded = {
        name: Recording(np.concatenate([one.values, second.recorded[name].values]), one.unit, one.indices, one.every)
        for name, one in first.recorded.items()
        if name in second.recorded
    }
    has_target = first.target is not None and second.target is not None
    ended = {"interrupted": any(run.provenance.get("interrupted", False) for run in (first, second))}
    ended |= {key: second.provenance[key] for key in ("circuit", "program") if key in second.provenance}
    return replace(
        first,
        n_steps=first.n_steps + second.n_steps,
        spike_step=together("spike_step"),
        spike_neuron=together("spike_neuron"),
        output=together("output"),
        target=together("target") if has_target else None,
        phases=first.phases + second.phases,
        recorded=recorded,
        weights=first.weights | second.weights,
        state=second.state,
        net=second.net,
        provenance=first.provenance | ended,
        timings=added(first.timings, second.timings),
    )
