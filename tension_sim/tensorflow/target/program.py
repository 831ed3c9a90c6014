"""A circuit on TensorFlow: prepared once, run many times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...circuit.names import entry
from ...circuit.parts import Circuit, Map, Rule, Samples, SpikeInput, SpikeRecord, Units, VariableRecord
from ...circuit.runnable import Runnable
from ...circuit.watched import Listener
from ...system.interrupts import Interrupts
from .maps import MapSteps, SampleSteps, SpikeInputSteps
from .rule import RuleSteps
from .rule_arrays import Layout, due_steps
from .units import UnitsSteps, code_of
from .window import Found, Window

__all__ = ["CircuitProgram", "program_of_circuit"]

#: Steps that are compiled as one loop, at most; numbers that it records, at most.
_STEPS, _NUMBERS = 1024, 4_000_000
#: Seconds between two reports of progress; an interrupt waits as long.
_PERIOD = 0.3
#: How many programs are kept, and how many loops each of them.
_KEPT = 8


class CircuitProgram(Runnable):
    """One network; weights, P, states, data and schedule come with each run.

    Parameters
    ----------
    circuit : Circuit

    Raises
    ------
    InvalidValueError
        If its equations need what TensorFlow does not have; nothing has run then.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._lock = threading.RLock()
        self._windows: dict[Any, Window] = {}
        dt, dtype = circuit.dt, circuit.dtype
        units, spiking = circuit.of(Units), circuit.of(SpikeInput)
        codes = {name: code_of(name, part, dt, dtype) for name, part in units.items()}
        self.units: dict[str, UnitsSteps] = {
            name: UnitsSteps(name, part, codes[name], dt, dtype) for name, part in units.items()
        }
        self.samples: dict[str, SampleSteps] = {
            name: SampleSteps(name, part) for name, part in circuit.of(Samples).items()
        }
        self.maps: dict[str, Any] = {name: MapSteps(name, part, dtype) for name, part in circuit.of(Map).items()}
        for name, part in spiking.items():
            guard = codes[part.target.part].guards.get(part.target.name)
            self.maps[name] = SpikeInputSteps(name, part, guard and entry(part.target.part, guard), dtype)
        self.rules: dict[str, RuleSteps] = {
            name: RuleSteps(name, part, [self.maps[each] for each in part.maps], dtype)
            for name, part in circuit.of(Rule).items()
        }
        self.learned: set[str] = {each for part in circuit.of(Rule).values() for each in part.maps}
        for steps in self.units.values():
            steps.check()
        for rule in self.rules.values():
            rule.check()

    def run(
        self,
        values: Mapping[str, Any],
        start: int,
        steps: int,
        dt: float,
        wanted: Sequence[str],
        progress: Callable[[int], None] | None = None,
        recorded: int = 0,
        spikes: int = 0,
        pause_after: float | None = None,
        listener: Listener | None = None,
    ) -> dict[str, Any]:
        """Run some steps, and return the wanted arrays: see `Runnable.run`; a listener hears nothing."""
        with self._lock, Interrupts(at_once=True) as interrupts:
            deadline = float("inf") if pause_after is None else time.monotonic() + pause_after
            layouts = {name: rule.layout(values) for name, rule in self.rules.items()}
            parts, done, paused = [], 0, False
            for found in self._run_windows(values, layouts, start, steps):
                state = found.state
                parts.append(found._replace(state={}))  # or each P of the run would stay in memory
                done += found.steps
                interrupts.defer()  # from now on there is something to keep
                if progress is not None:
                    progress(done)
                if interrupts.seen:
                    break
                if done < steps and time.monotonic() > deadline and not _diverged(state, self.rules):
                    paused = True
                    break
            arrays = self._results(values, layouts, start, state, parts)
        ended = {"steps": done, "paused": paused and not interrupts.seen, "interrupted": interrupts.seen}
        return {name: arrays[name] for name in wanted} | ended

    def _run_windows(
        self, values: Mapping[str, Any], layouts: Mapping[str, Layout], start: int, steps: int
    ) -> Iterator[Found]:
        """Run the steps in windows that each take a short time."""
        fixed, state = self._first(values, layouts)
        window = self._window(layouts)
        done, count = 0, 1
        while done < steps:
            count = min(count, window.width, steps - done)
            at, begin = np.arange(start + done, start + done + count), time.perf_counter()
            rows = {name: each.rows(values, at) for name, each in self.samples.items()}
            due = {name: due_steps(name, values, at) for name in self.rules}
            found = window.run(fixed, state, rows, due, start + done, count)
            took = (time.perf_counter() - begin) / count
            yield found
            state, done = found.state, done + found.steps
            if found.steps < count or _diverged(state, self.rules):
                return
            count = max(1, min(8 * count, int(_PERIOD / took)))

    def _window(self, layouts: Mapping[str, Layout]) -> Window:
        """Return the compiled loop for the layouts of the rules."""
        key = tuple(sorted(layouts.items()))
        if key not in self._windows:
            if len(self._windows) >= _KEPT:
                self._windows.clear()
            circuit = self.circuit
            actions = [action for each in (*self.units.values(), *self.samples.values(), *self.maps.values())
                       for action in each.actions()]  # fmt: skip
            actions += [action for name, rule in self.rules.items() for action in rule.actions(layouts[name])]
            largest = max((part.n for part in circuit.of(Units).values()), default=1)
            values, spikes = circuit.of(VariableRecord), circuit.of(SpikeRecord)
            records: dict[str, VariableRecord | SpikeRecord] = {**values, **spikes}
            row = sum(each.stop or largest for each in spikes.values())
            row += sum(len(each.indices or range(largest)) for each in values.values())
            row += sum(part.channels for part in circuit.of(Samples).values())
            width = max(1, min(_STEPS, _NUMBERS // max(row, 1)))
            self._windows[key] = Window(actions, [*self.units.values()], records, circuit.dt, circuit.dtype, width)
        return self._windows[key]

    def _first(self, values: Mapping[str, Any], layouts: Mapping[str, Layout]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arrays that stay during a run, and the state that it starts from."""
        fixed: dict[str, Any] = {}
        state: dict[str, Any] = {}
        found = [each.arrays(values) for each in self.units.values()]
        found += [each.arrays(values, name in self.learned) for name, each in self.maps.items()]
        found += [rule.arrays(values, layouts[name]) for name, rule in self.rules.items()]
        for stays, changes in found:
            fixed |= stays
            state |= changes
        fixed |= {
            entry(name, "every"): np.int64(values[entry(name, "every")]) for name in self.circuit.of(VariableRecord)
        }
        return {k: tf.constant(v) for k, v in fixed.items()}, {k: tf.constant(v) for k, v in state.items()}

    def _results(
        self,
        values: Mapping[str, Any],
        layouts: Mapping[str, Layout],
        start: int,
        state: Mapping[str, Any],
        parts: Sequence[Found],
    ) -> dict[str, np.ndarray]:
        """Return the arrays of a run by their names."""
        arrays: dict[str, np.ndarray] = {name: np.array(array) for name, array in state.items()}
        for name, each in self.maps.items():
            arrays |= each.left(state, values, name in self.learned)
        for name, rule in self.rules.items():
            arrays |= rule.left(state, values, layouts[name])
        for name in self.circuit.of(VariableRecord):
            arrays[entry(name, "values")] = np.concatenate([part.recorded[name].ravel() for part in parts])
        firsts = start + np.cumsum([0, *(part.steps for part in parts[:-1])])
        for name in self.circuit.of(SpikeRecord):
            steps = [part.spikes[name][0] + first for part, first in zip(parts, firsts, strict=True)]
            neurons = [part.spikes[name][1] for part in parts]
            arrays[entry(name, "t")] = np.concatenate(steps) * self.circuit.dt
            arrays[entry(name, "i")] = np.concatenate(neurons).astype(np.int32)
        return arrays


def _diverged(state: Mapping[str, Any], rules: Iterable[str]) -> bool:
    return any(int(state[entry(name, "diverged")]) >= 0 for name in rules)


_programs: dict[str, CircuitProgram] = {}
_programs_lock = threading.Lock()


def program_of_circuit(circuit: Circuit) -> CircuitProgram:
    """Return the program of a circuit; those used last are kept, so that other values trace and compile nothing.

    Raises
    ------
    InvalidValueError
        If its equations need what TensorFlow does not have.
    """
    with _programs_lock:
        program = _programs.pop(circuit.digest, None) or CircuitProgram(circuit)
        _programs[circuit.digest] = program
        if len(_programs) > _KEPT:
            del _programs[next(iter(_programs))]
        return program
