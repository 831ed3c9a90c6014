"""Results of the runs of a fit, a prediction or an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...declare.described import Described
from ...errors import InvalidValueError, message
from ...results.neo_objects import common_end, spike_trains
from ...results.phases import LEARNING
from ..monitors import quantities_unit
from .records import Records

if TYPE_CHECKING:
    import neo

__all__ = ["Run", "TrainerResults"]


@dataclass(frozen=True, eq=False)
class Run:
    """One run: an epoch, or a trial of it.

    Attributes
    ----------
    name : str
        Such as ``"epoch 1"`` or ``"epoch 1, trial 2"``.
    first_step, steps : int
        Where it starts, and how many time steps it has.
    output, target : array, shape (steps, channels)
        In SI units; `target` is None where none was given.
    records : dict
        By monitor and variable, what was recorded, in SI units.
    phase : str
        ``"learning"`` or ``"test"``: a run without learning is a test.
    epoch : int or None
        The epoch that was complete with it, counted from 0.
    """

    name: str
    first_step: int
    steps: int
    output: np.ndarray
    target: np.ndarray | None
    records: Records
    phase: str = LEARNING
    epoch: int | None = None


@dataclass(eq=False, repr=False)
class TrainerResults(Described):
    """Results of the last ``fit``, ``predict`` or ``evaluate``.

    Attributes
    ----------
    runs : list of Run
        In their order.
    dt : float
        Time step in seconds.
    weights : dict of str to array, shape (epochs, weights)
        By the name of the map that learns, its weights after each epoch.
    populations : dict of str to (str, int)
        By the name of a spike monitor, the group that it sees, and its neurons.
    """

    dt: float
    runs: list[Run] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    populations: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    units: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> np.ndarray:
        """The output of all runs, shape (timesteps, outputs)."""
        return np.concatenate([run.output for run in self.runs]) if self.runs else np.empty((0, 0))

    @property
    def target(self) -> np.ndarray | None:
        """The target of all runs, shape (timesteps, channels); None where there was none."""
        targets = [run.target for run in self.runs if run.target is not None]
        return np.concatenate(targets) if targets and len(targets) == len(self.runs) else None

    @property
    def t(self) -> np.ndarray:
        """The time of each row of `output` in seconds."""
        return self.dt * np.concatenate([run.first_step + np.arange(len(run.output)) for run in self.runs])

    @property
    def spikes(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By the name of a spike monitor, times in seconds and neurons of all runs."""
        return {name: (self._all(name, "t"), self._all(name, "i")) for name in self.populations}

    def recorded(self, monitor: str, variable: str) -> np.ndarray:
        """Return the rows of all runs that a monitor recorded, in SI units."""
        known = self.runs[0].records if self.runs else {}
        if variable not in known.get(monitor, {}):
            names = sorted(f"{one}, {name}" for one, held in known.items() for name in held)
            raise InvalidValueError(
                message("TrainerResults.recorded", f"one of {names}", (monitor, variable), "add a monitor.")
            )
        return self._all(monitor, variable)

    def _all(self, monitor: str, variable: str) -> np.ndarray:
        return np.concatenate([run.records[monitor][variable] for run in self.runs])

    def to_neo(self) -> neo.Block:
        """Return a `neo.Block` with a Segment for each run: output, target, and trains of all monitored neurons.

        One Group per population holds its trains of all Segments. An Epoch ``phases`` says of each
        Segment whether it is learning or a test. The weights after an epoch
        are a signal ``weights of <map>`` with one sample, at the end of the Segment with which
        the epoch was complete.
        """
        import neo

        block = neo.Block(name="Trainer", description="Runs of a Brian2 network")
        groups: dict[str, neo.Group] = {}
        for run in self.runs:
            segment = neo.Segment(name=run.name)
            block.segments.append(segment)
            self._fill(segment, run, groups)
            self._add_phase(segment, run)
        block.groups.extend(groups.values())
        block.check_relationships()
        return block

    def _fill(self, segment: neo.Segment, run: Run, groups: dict[str, neo.Group]) -> None:
        import neo
        import quantities as pq

        start, stop = run.first_step * self.dt, (run.first_step + run.steps) * self.dt
        for name, values in (("output", run.output), ("target", run.target)):
            if values is not None and len(values):
                unit = quantities_unit(self.units[name])
                segment.analogsignals.append(
                    neo.AnalogSignal(values * unit, t_start=start * pq.s, sampling_rate=1 / self.dt * pq.Hz, name=name)
                )
        stop = common_end(segment.analogsignals, stop, self.dt)
        for monitor, (population, size) in self.populations.items():
            held = run.records[monitor]
            trains = spike_trains(held["t"], held["i"], size, (start, stop), population)
            segment.spiketrains.extend(trains)
            groups.setdefault(population, neo.Group(name=population, allowed_types=None))
            groups[population].add(*trains)

    def _add_phase(self, segment: neo.Segment, run: Run) -> None:
        import neo
        import quantities as pq

        start, stop = run.first_step * self.dt, (run.first_step + run.steps) * self.dt
        segment.annotate(phase=run.phase)
        span = {"times": [start] * pq.s, "durations": [stop - start] * pq.s, "labels": np.array([run.phase])}
        segment.epochs.append(neo.Epoch(**span, name="phases"))
        if run.epoch is None:
            return
        segment.annotate(epoch=run.epoch)
        complete = sum(one.epoch is not None and one.first_step < run.first_step for one in self.runs)
        for name, weights in self.weights.items():
            if complete < len(weights):
                signal = neo.IrregularlySampledSignal(
                    [stop] * pq.s,
                    weights[complete][None] * quantities_unit(self.units[name]),
                    name=f"weights of {name}",
                )
                segment.irregularlysampledsignals.append(signal)

    def _describe(self) -> dict[str, object]:
        steps = sum(run.steps for run in self.runs)
        shown: dict[str, object] = {"runs": len(self.runs), "steps": steps, "dt": self.dt}
        return shown | ({"populations": ", ".join(self.populations)} if self.populations else {})

    def __repr__(self) -> str:
        steps = sum(run.steps for run in self.runs)
        return f"<TrainerResults: {len(self.runs)} run(s), {steps} steps of {self.dt:g} s>"
