"""A window of time steps as one run of a Simulation."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DivergenceError
from ..results import Results
from ..simulation import Simulation
from ..tensorflow_engine.loop import WindowResult
from .declaration import Link

__all__ = ["BrianWindow"]

_log = logging.getLogger("tension_sim")
_RECORDED = 8_000_000  # numbers that a window may record


class BrianWindow:
    """Runs windows of one sequence; between them nothing is rounded to the type of the variables.

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
    """

    def __init__(self, model: Any, kind: str, all_steps: bool, target: str | None, measure: Any) -> None:
        self.model = model
        self.kind = kind
        self.all_steps = all_steps
        self.target = target
        self.measure = measure
        self.engine: dict[str, Any] = {"engine": "brian2"}
        # by variables: what was written into them, and the entries of the state that this came from
        self._left = 0
        self._exact: dict[tuple[int, ...], tuple[list[np.ndarray], dict[str, Any]]] = {}

    def width(self, steps: int) -> int:
        """Return how many of `steps` time steps go into one run: all, if what is recorded is not too large.

        It begins a sequence of so many steps.
        """
        self._left = steps
        if not self.all_steps:
            return steps
        size = sum(int(np.prod(state.shape)) for state in self.model.force_layer.states)
        return min(steps, max(1, _RECORDED // size))

    def run(self, x: np.ndarray, y: np.ndarray | None) -> WindowResult:
        """Run the steps of `x` and `y`."""
        declared = self.model.declaration()
        learning = self.kind == "train" and declared.learns
        state: dict[str, Any] = {"step": declared.step}
        links = [link for link in declared.links if learning or not link.learned]
        for link in links:
            state |= self._entries(link)
        simulation = Simulation(
            declared.network, target=self.target, record=declared.recording(self.all_steps), name=self.model.name
        )
        self.engine |= {"target": simulation.target, "dtype": declared.network.dtype}
        diverged = None
        try:
            results = simulation.run(
                **declared.samples(x, y if learning else None), steps=len(x), learning=learning, state=state
            )
        except DivergenceError as error:
            if error.results is None:
                raise
            results = error.results
            diverged = results.n_steps - 1 if error.step is None else error.step - declared.step
        if results.n_steps == 0:
            raise KeyboardInterrupt
        self._left -= results.n_steps
        self._store(links, results, diverged is not None)
        return self._result(declared, results, y, diverged, len(x))

    def _entries(self, link: Link) -> dict[str, Any]:
        values = [np.asarray(variable) for variable in link.variables]
        known = self._exact.get(_key(link))
        if known is not None and all(map(np.array_equal, known[0], values)):
            return known[1]
        return dict(link.to_state(*values))

    def _store(self, links: list[Link], results: Results, diverged: bool) -> None:
        state = {**results.state, "output": results.output[-1]}
        if diverged and not all(np.all(np.isfinite(values)) for values in state.values()):
            return  # the variables keep what they held before the window
        for link in links:
            for variable, value in zip(link.variables, link.from_state(state), strict=True):
                variable.assign(np.asarray(value))
            if self._left <= 0:
                continue
            values = [np.asarray(variable).copy() for variable in link.variables]
            names = (*link.entries, *_belonging(link.entries, state))
            exact = {name: state[name] for name in names}
            self._exact[_key(link)] = (values, exact)
        if self.kind == "train":
            self.model._steps_learned.assign_add(results.n_steps)
        if self.model.force_layer.spikes is not None:
            last = results.spike_step == results.stop_step - 1
            spiked = np.zeros((1, results.n_neurons), bool)
            spiked[0, results.spike_neuron[last]] = True
            self.model.force_layer.spikes.assign(spiked)

    def _result(
        self, declared: Any, results: Results, y: np.ndarray | None, diverged: int | None, steps: int
    ) -> WindowResult:
        dtype = self.model.compute_dtype
        output = results.output.astype(dtype)
        if diverged is not None:  # what follows is not a number, as on TensorFlow
            output = np.concatenate([output[:diverged], np.full((steps - diverged, output.shape[1]), np.nan, dtype)])
        states = [output[:, None, :]]
        if self.all_steps:
            reached = [np.asarray(show(results), dtype)[:, None, :] for show in declared.shown]
            states = [state[:diverged] for state in reached] if diverged is not None else reached
        if self.kind == "predict":
            sequences = self.model.force_layer.return_sequences
            returned = output[:, None, None, :] if sequences else output[:, None, :]
        else:
            returned = self.measure.count(output, y[: len(output)])
        spikes = None
        if results.n_recorded_neurons:
            spikes = (results.spike_step - results.first_step, results.spike_neuron)
        interrupted = bool(results.provenance.get("interrupted", False))
        return WindowResult(returned, states, spikes, interrupted, diverged)


def _key(link: Link) -> tuple[int, ...]:
    return tuple(map(id, link.variables))


def _belonging(names: tuple[str, ...], state: Mapping[str, Any]) -> list[str]:
    """Return the other entries of the rules that `names` belong to: terms that wait, and scales."""
    parts = {name.partition(".")[0] for name in names if name.endswith(".P_packed")}
    return [name for name in state if name.partition(".")[0] in parts]
