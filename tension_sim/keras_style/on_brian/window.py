"""A window of time steps as one run of a Simulation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ...declare.record import Record
from ...declare.validation import all_finite
from ...errors import DivergenceError
from ...results.results import Results
from ...run.simulation import Simulation, target_named
from ...tensorflow.loop import WindowResult
from .declaration import Binding, Declaration, StateSeries

__all__ = ["BrianWindow"]

_log = logging.getLogger("tension_sim")
_RECORDED = 128_000_000  # bytes that a window may record
_FIRST = 16  # time steps that show which states callbacks read


class BrianWindow:
    """Runs windows of one sequence; nothing but a very large P is rounded to the type of the variables.

    Parameters
    ----------
    model : FORCEModel
        Its ``declaration()`` is what runs; afterwards its variables hold what was reached.
    kind : str
        "train", "test" or "predict".
    all_steps : bool
        Record the states of each step.
    target : str or None
        Target of the `Simulation`.
    measure : Measure
        Counts outputs in the metrics, step by step.
    asked : int, optional
        Time steps in a run; by default as many as there are.
    """

    def __init__(
        self, model: Any, kind: str, all_steps: bool, target: str | None, measure: Any, asked: int | None = None
    ) -> None:
        self.model = model
        self.kind = kind
        self.all_steps = all_steps
        self.target = target
        self.measure = measure
        self.asked = asked
        self.engine: dict[str, Any] = {"engine": "brian2"}
        # for each kind of run, which variables callbacks read in the last sequence and in this one
        known = model.__dict__.get("_read_by_callbacks") or {}
        object.__setattr__(model, "_read_by_callbacks", known)  # past Keras' tracking
        self._known: set[str] | None = known.get(kind)
        self._read: set[str] = set()
        if all_steps:
            known[kind] = self._read

    def next_width(self, left: int) -> int:
        """Return how many of the `left` time steps run next: all, if what is recorded is not too large."""
        width = left if self.asked is None else min(left, self.asked)
        if self.kind == "train":
            width = min(width, self.model.steps_to_update() or width)
        if not self.all_steps:
            return width
        if self._known is None:
            return min(width, _FIRST)
        states = 1 + len(self._known | self._read)
        size = np.dtype(self.model.compute_dtype).itemsize
        return min(width, max(1, _RECORDED // (states * self.model.units * size)))

    def run(self, x: np.ndarray, y: np.ndarray | None) -> WindowResult:
        """Run the steps of `x` and `y`."""
        declared = self.model.declaration()
        learning = self.kind == "train" and declared.learns
        state: dict[str, Any] = {"step": declared.step}
        bindings = [binding for binding in declared.bindings if learning or not binding.learned]
        for binding in bindings:
            state |= self.model.exact_state.entries(binding)
        batches = self.model.steps_to_update() is not None
        between = self.kind == "train" and batches
        # callbacks see the type of the variables; what batches learn from is not rounded
        kept = None if batches else self.model.compute_dtype

        def run(wanted: Collection[str], steps: int) -> tuple[Results, int | None]:
            record = declared.recording(wanted, self.target not in ("numpy", "cython"), kept)
            simulation = self._simulation(declared, record)
            self.engine |= {"target": simulation.target, "dtype": declared.network.dtype}
            try:
                data = declared.samples(x, y if learning else None)
                return simulation.run(**data, steps=steps, learning=learning, state=state), None
            except DivergenceError as error:
                if error.results is None:
                    raise
                step = error.results.n_steps - 1 if error.step is None else error.step - declared.step
                return error.results, step

        everything = {each.needs for each in declared.states}
        wanted = {"r"} if between else set()
        if self.all_steps:
            wanted |= everything if self._known is None else self._known | self._read
        if self._known is None:
            self._known = self._read
        results, diverged = run(wanted, len(x))
        if results.n_steps == 0:
            raise KeyboardInterrupt
        self._store(bindings, results, diverged is not None)
        if between and diverged is None and y is not None:
            self.model.learn_between(results.recorded["r"].values, y[: results.n_steps])
        states = _StatesOfRun(
            declared.states, results, diverged, self.model.compute_dtype, self._read,
            lambda: run(everything, results.n_steps)[0],
        )  # fmt: skip
        return self._result(states, results, y, diverged, len(x))

    def _simulation(self, declared: Declaration, record: Record) -> Simulation:
        target = target_named("compile.target", self.target)
        return Simulation(declared.network, target=target, record=record, name=self.model.name)

    def _store(self, bindings: list[Binding], results: Results, diverged: bool) -> None:
        state = {**results.state, "output": results.output[-1]}
        if diverged and not all(all_finite(np.asanyarray(values)) for values in state.values()):
            return  # the variables keep what they held before the window
        for binding in bindings:
            binding.from_state(state)
            self.model.exact_state.keep(binding, state)
        if self.kind == "train":
            self.model._steps_learned.assign_add(results.n_steps)
        if self.model.force_layer.spikes is not None:
            last = results.spike_step == results.stop_step - 1
            spiked = np.zeros((1, results.n_neurons), bool)
            spiked[0, results.spike_neuron[last]] = True
            self.model.force_layer.spikes.assign(spiked)

    def _result(
        self, of_steps: Sequence[np.ndarray], results: Results, y: np.ndarray | None, diverged: int | None, steps: int
    ) -> WindowResult:
        dtype = self.model.compute_dtype
        output = results.output.astype(dtype)
        if diverged is not None:  # what follows is not a number, as on TensorFlow
            output = np.concatenate([output[:diverged], np.full((steps - diverged, output.shape[1]), np.nan, dtype)])
        states = of_steps if self.all_steps else [output[:, None, :]]
        if self.kind == "predict" or y is None:
            sequences = self.model.force_layer.return_sequences
            returned = output[:, None, None, :] if sequences else output[:, None, :]
        else:
            returned = self.measure.count(output, y[: len(output)])
        spikes = None
        if results.n_recorded_neurons:
            spikes = (results.spike_step - results.first_step, results.spike_neuron)
        interrupted = bool(results.provenance.get("interrupted", False))
        return WindowResult(returned, states, spikes, interrupted, diverged)


class _StatesOfRun(Sequence[np.ndarray]):
    """States after each step of a run, (steps, 1, size).

    A state that was not recorded is read by running the same steps again.

    Parameters
    ----------
    series : sequence of StateSeries
    results : Results
    diverged : int or None
        Number of steps that have states, if learning diverged.
    dtype : str
    read : set of str
        Gets the names of the variables that are read.
    again : callable
        Returns the results of the same run with all variables.
    """

    def __init__(
        self, series: Sequence[StateSeries], results: Results, diverged: int | None, dtype: str, read: set[str],
        again: Callable[[], Results],
    ) -> None:  # fmt: skip
        self._series, self._results, self._stop = series, results, diverged
        self._dtype, self._read, self._again = dtype, read, again
        self._found: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._series)

    def __getitem__(self, i: Any) -> Any:
        if i in self._found:  # the usual case, at each time step
            return self._found[i]
        i = range(len(self))[i]
        if i not in self._found:
            one = self._series[i]
            if one.needs and one.needs not in self._results.recorded:
                self._results = self._again()
            if one.needs:
                self._read.add(one.needs)
            self._found[i] = np.asarray(one.values(self._results), self._dtype)[: self._stop, None, :]
        return self._found[i]
