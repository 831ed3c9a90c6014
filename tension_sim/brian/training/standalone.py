"""Runs of a compiled program, built once, which go on from state to state."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2.units.allunits import second

from ...errors import InvalidValueError, UnsupportedError, message, problem
from ...system.scratch import Scratch
from ..callers import users_names
from ..continuable import GENERATORS, TIME, check_device
from ..continuable_program import REPORT, ContinuableProgram, state_folder
from ..program_files import owner_name
from .engine import Engine
from .fresh import TIMES
from .records import Records, joined, monitors_of, rows_of, variables_of

__all__ = ["StandaloneEngine"]


class StandaloneEngine(Engine):
    """Run on cpp_standalone; a state is a folder.

    Parameters
    ----------
    network : Network
    dt : float
        Time step of the samples, in seconds.
    """

    kind = "cpp_standalone"

    def __init__(self, network: Any, dt: float) -> None:
        self.device: Any = brian2.get_device()
        check_device("Trainer", self.device)
        if self.device.has_been_run or any(what == "run_network" for what, _ in self.device.main_queue):
            raise UnsupportedError(
                problem("Trainer", "the network was run before", "run()", "let the Trainer do all runs.")
            )
        super().__init__(network, dt)
        self.step: int = 0
        self._made: ContinuableProgram | None = None
        self._reached: Scratch | None = None
        self._seen: dict[str, list[dict[str, np.ndarray]]] = {}

    @property
    def _program(self) -> ContinuableProgram:
        """The program, once `build` has made it."""
        if self._made is None:
            raise RuntimeError("the program is not built")
        return self._made

    @property
    def _folder(self) -> Scratch:
        """The folder of the present state, once the program has run."""
        if self._reached is None:
            raise RuntimeError("the program has not run")
        return self._reached

    def build(self) -> None:
        """Generate and compile the program, or take over the values that were set since."""
        if self._made is not None:
            if self._reached is not None:
                self._made.take_values(self._reached.path)
            return
        at_once, self.device.build_on_run = self.device.build_on_run, False
        try:
            self.network.run(1 * self.dt * second, report=REPORT, report_period=0.2 * second, namespace=users_names())
        finally:
            self.device.build_on_run = at_once
        self._made = ContinuableProgram(self.device, self.network, "Trainer")
        self._run({}, 0, lambda done: None)

    def run(
        self,
        values: Mapping[str, Any],
        steps: int,
        progress: Callable[[float], None],
        pause_after: float | None = None,
    ) -> tuple[Records, bool]:
        """Run some steps; return what was recorded, and whether an interrupt ended it."""
        self.build()
        interrupted = self._run(values, steps, progress, pause_after)
        records = {}
        for monitor in monitors_of(self.network):
            records[monitor.name] = rows_of(monitor)
            self._seen.setdefault(monitor.name, []).append(records[monitor.name])
            self.clear(monitor)
        return records, interrupted

    def _run(
        self,
        values: Mapping[str, Any],
        steps: int,
        progress: Callable[[float], None],
        pause_after: float | None = None,
    ) -> bool:
        after, before = state_folder(), self._reached
        start = self.step
        try:
            interrupted = self._program.run(
                after.path,
                state=None if before is None else before.path,
                t=start * self.dt,
                duration=steps * self.dt,
                values=values,
                progress=progress,
                pause_after=pause_after,
            )
        except BaseException:
            after.close()
            raise
        self._reached = self._program.shown = after  # the one before goes with the last state that needs it
        self.step = round(float(self.network.t_) / self.dt)
        return interrupted

    def clear(self, monitor: Any) -> None:
        """Drop what a monitor holds, so that each run reads and writes its own part alone."""
        for variable in variables_of(monitor).values():
            self._write(variable, np.empty(0, variable.dtype))
        if "N" in monitor.variables and not monitor.variables["N"].constant:
            count = monitor.variables["N"]
            self._write(count, np.zeros(1, count.dtype))

    def _write(self, variable: Any, value: np.ndarray) -> None:
        (self._folder.path / self.device.get_array_filename(variable)).write_bytes(value.tobytes())
        self.device.array_cache[variable] = None

    def finish(self) -> None:
        """Let the monitors show all runs that led to the present state."""
        for monitor in monitors_of(self.network):
            seen = self._seen.get(monitor.name, [])
            rows = 0
            for name, variable in variables_of(monitor).items():
                parts = [part[name] for part in seen]
                whole = np.concatenate(parts) if parts else np.empty(0, variable.dtype)
                rows = len(whole)
                self.device.array_cache[variable] = whole
                variable.size = whole.shape if whole.ndim > 1 else len(whole)
            if "N" in monitor.variables and not monitor.variables["N"].constant:
                self.device.array_cache[monitor.variables["N"]] = np.array([rows])

    def set(self, name: str, value: Any) -> None:
        """Set a variable such as ``"readout.w"`` in the present state."""
        self.build()
        variable = self.variable(name)
        self._write(variable, np.asarray(value, variable.dtype).ravel())

    def get(self, name: str) -> np.ndarray:
        """Return a copy of a variable."""
        self.build()
        return np.array(self.variable(name).get_value())

    def state(self) -> dict[str, Any]:
        """Return the present state; it stays readable as long as it is kept."""
        self.build()
        seen = {name: list(parts) for name, parts in self._seen.items()}
        return {"folder": self._folder, "step": self.step, "seen": seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state, or to one that a file holds."""
        self.build()
        if "files" in state:
            folder = state_folder()
            for name, held in state["files"].items():
                (folder.path / name).write_bytes(np.asarray(held, np.uint8).tobytes())
            self._reached = folder
        else:
            self._reached = state["folder"]
        self.step = int(state["step"])
        self._seen = {name: [dict(part) for part in parts] for name, parts in state["seen"].items()}
        self._program.shown = self._folder
        self._program.show(self._folder.path)

    def reset(self, start: dict[str, Any], is_state: Callable[[str, str], bool]) -> None:
        self.build()
        variables = {self.device.get_array_filename(one): one for one in self.device.arrays}
        folder = state_folder()
        for file in self._program.files:
            variable = variables.get(file)
            if variable is None:
                begins_anew = file not in (GENERATORS, TIME)  # the spikes that are under way
            else:
                begins_anew = is_state(owner_name(variable) or "", variable.name)
            source = start["folder"] if begins_anew else self._folder
            shutil.copyfile(source.path / file, folder.path / file)
            if begins_anew and variable is not None and variable.name in TIMES:
                elapsed = (self.step - start["step"]) * self.dt
                (np.fromfile(folder.path / file, variable.dtype) + elapsed).tofile(folder.path / file)
        self._reached = self._program.shown = folder
        self._program.show(folder.path)

    def packed(self, state: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the present state, or another one, as arrays."""
        state = self.state() if state is None else dict(state)
        folder: Path = state.pop("folder").path
        seen = {
            name: [joined([{name: part} for part in parts])[name]] for name, parts in state["seen"].items() if parts
        }
        files = {name: np.fromfile(folder / name, np.uint8) for name in self._program.files}
        return state | {"files": files, "seen": seen}

    def check(self, where: str, state: Any) -> None:
        """Refuse the state of another network."""
        self.build()
        files = state.get("files", {}) if isinstance(state, dict) else {}
        for name, size in self._program.sizes().items():
            if name not in files or (size is not None and np.size(files[name]) != size):
                found = "nothing" if name not in files else f"{np.size(files[name])} bytes"
                raise InvalidValueError(
                    message(where, f"the state of this network, {name} of {size} bytes", found, "load its own file.")
                )
