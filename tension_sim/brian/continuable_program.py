"""A program of Brian2's C++ device that runs again and again, each time from a state in a folder."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from brian2.core.variables import DynamicArrayVariable

from ..errors import OutputError, RunFailedError
from ..system.children import run_program
from ..system.interrupts import Interrupts
from ..system.make import compile_sources
from ..system.scratch import Scratch, remove
from .continuable import TIME, generate_continuable, state_files
from .makefile import speed_up_makefile
from .program_files import owner_name
from .values_since import write_values

__all__ = ["PROGRAMS", "REPORT", "ContinuableProgram", "state_folder"]

#: Exit status of a program that could not write a file (tsim_files.h).
_UNWRITABLE = 74

#: Tells how far a run is, in millionths, as `run.children` expects it.
REPORT = 'std::printf("step %lld\\n", (long long)(completed*1e6)); std::fflush(stdout);'


#: The last program of each device.
PROGRAMS: weakref.WeakKeyDictionary[Any, ContinuableProgram] = weakref.WeakKeyDictionary()


class ContinuableProgram:
    """Compile a network that Brian2's device has generated so that it can go on.

    Parameters
    ----------
    device : CPPStandaloneDevice
        After ``network.run``, with ``build_on_run=False``, or after its build.
    network : Network
        Whose run was the last one.
    where : str
        For messages.

    Attributes
    ----------
    folder : Path
        Where the program lies.
    where : str
        Who runs it.
    """

    def __init__(self, device: Any, network: Any, where: str) -> None:
        self.device: Any = device
        self.network: Any = network
        self.where: str = where
        #: Holds what the device shows, for as long as there is the device.
        self.shown: Any = None
        self._queue = device.main_queue
        fresh = device.project_dir is None
        if fresh:
            options = {"directory": "output", "with_output": False} | dict(device.build_options)
            device.build(**(options | {"compile": False, "run": False, "direct_call": False}))
        self.folder: Path = Path(device.project_dir).absolute()
        generate_continuable(device, network, self.folder)
        if fresh:
            speed_up_makefile(self.folder)
        for header in self.folder.glob("*.gch"):  # of the headers before
            remove(header)
        with Interrupts(at_once=True):
            compile_sources(self.folder, "C++")
        self._generated = len(self._queue)
        self.files: list[str] = state_files(device)
        PROGRAMS[device] = self

    @property
    def is_current(self) -> bool:
        """Whether the device still has the network of this program."""
        return self.device.main_queue is self._queue

    def run(
        self,
        results: Path,
        *,
        state: Path | None = None,
        t: float | None = None,
        duration: float | None = None,
        values: Mapping[str, Any] | None = None,
        progress: Callable[[float], None] | None = None,
        pause_after: float | None = None,
    ) -> bool:
        """Run, and let the device read its values from the results.

        Parameters
        ----------
        results : Path
            Where the state at the end is written: a folder that is there.
        state : Path, optional
            Where to go on from; by default the program starts anew.
        t, duration : float, optional
            Seconds; by default those of the state, and of Brian2's run.
        values : mapping of str to number or array, optional
            By names such as ``"signal.samples"``.
        progress : callable, optional
            Called with the part that is done.
        pause_after : float, optional
            Seconds from now after which it ends early, at a time step.

        Returns
        -------
        bool
            Whether an interrupt ended it early.
        """
        deadline = None if pause_after is None else time.monotonic() + pause_after
        if state is not None:
            self.take_values(state)
        command = [str(self.folder / "main"), "--results_dir", f"{results}/"]
        if state is not None:
            command.append(f"state={state}/")
        for name, number in (("network.t", t), ("network.duration", duration)):
            if number is not None:
                command.append(f"{name}={number!r}")
        command += self._arguments(values or {}, results)
        report = (lambda done: None) if progress is None else lambda done: progress(done / 1e6)
        environment = {**os.environ, **self._environment()}
        with Interrupts(at_once=True) as interrupts:
            told = run_program(command, self.folder, environment, interrupts, report, deadline)
        self._check_end(told)
        missing = [name for name in self.files if not (results / name).is_file()]
        if missing:
            raise RunFailedError(f"The program did not write {missing[0]} into {results}.\nFix: run again.")
        self.show(results)
        return bool(interrupts.seen)

    def _environment(self) -> dict[str, str]:
        return {key: str(value) for key, value in self.device.run_environment_variables.items()}

    def take_values(self, state: Path) -> None:
        """Write values that were set since the program was built, or since the last call, into a state.

        Raises
        ------
        UnsupportedError
            If something else has changed; nothing is written then.
        """
        queue = self.device.main_queue
        since = queue[self._generated :]
        try:
            write_values(self.where, self.device, since, state)
        finally:  # what was refused, too: the objects can be used on
            if all(what != "run_network" for what, _ in since):
                del queue[self._generated :]

    def _arguments(self, values: Mapping[str, Any], results: Path) -> list[str]:
        variables = {f"{owner_name(one)}.{one.name}": one for one in self.device.arrays}
        arguments = []
        for name, value in values.items():
            if np.ndim(value) == 0:
                arguments.append(f"{name}={np.asarray(value).item()!r}")
                continue
            array = np.ascontiguousarray(value, variables[name].dtype)
            path = results / f"{name}.in"
            try:
                path.write_bytes(array.data if array.size else b"")
            except OSError as error:
                raise OutputError(f"The samples of a run could not be written: {error}.\nFix: make room.") from error
            arguments += [f"{name}={path}", f"{name}.bytes={array.nbytes}"]
        return arguments

    @staticmethod
    def _check_end(told: Any) -> None:
        if told.code == 0:
            return
        how = told.fault or (f"ended with signal {-told.code}" if told.code < 0 else f"ended with code {told.code}")
        kind = OutputError if told.code == _UNWRITABLE else RunFailedError
        log = "".join(told.log)[-500:].strip() or "empty"
        raise kind(
            f"The compiled program {how} before its run was complete. Its log: {log}.\n"
            "Fix: earlier results are untouched; run again (a killed program often ran out of memory or disk)."
        )

    def show(self, results: Path) -> None:
        """Let Brian2's objects read their values from a folder of results."""
        device = self.device
        device.results_dir = os.path.join(results, "")
        device.has_been_run = True
        for variable in device.arrays:
            device.array_cache[variable] = None
        for variable in device.dynamic_arrays_2d:  # so that Brian2 finds the number of rows anew
            variable.size = (0, variable.size[1])
        self.network.t_ = float(np.fromfile(results / TIME)[0])

    def sizes(self) -> dict[str, int | None]:
        """Return the bytes of each file of a state, None where they depend on the run."""
        sizes: dict[str, int | None] = dict.fromkeys(self.files)
        for variable in self.device.arrays:
            if not isinstance(variable, DynamicArrayVariable):
                file = self.device.get_array_filename(variable)
                sizes[file] = int(variable.size) * np.dtype(variable.dtype).itemsize
        return sizes


def state_folder() -> Scratch:
    """Return a folder for a state, which is removed with the last reference to it."""
    folder = Scratch()
    weakref.finalize(folder, _discard, folder.path, folder.lock, os.getpid())
    return folder


def _discard(path: Path, lock: int | None, owner: int) -> None:
    if os.getpid() != owner:  # forked: it belongs to the other process
        return
    if path.exists():
        remove(path)
        if lock is not None:
            os.close(lock)
