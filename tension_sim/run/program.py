"""A compiled program and its runs: values in through files and arguments, arrays out."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..circuit.parts import STEPS
from ..circuit.runnable import Runnable
from ..circuit.watched import Listener
from ..errors import OutputError, RunFailedError
from ..system.children import Told, run_program
from ..system.interrupts import Interrupts
from ..system.scratch import LOG, Scratch, fast_folder, sweep_all
from .arrays import file_of, from_file, room_for, write_numbers
from .dialogue import dialogue_with, settings_of
from .threads import period_of

__all__ = ["Program"]

#: Large arrays lie in large pages, of which there are few.
_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
#: Threads that wait spin for about a millisecond before they sleep: longer than a time step has no work for them, and
#: short enough that a run which goes on alone soon leaves the cores to others (GNU's and LLVM's library).
_SPINNING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "30000", "KMP_BLOCKTIME": "1"}

#: Exit status of a program that could not write a file (tsim_files.h).
_UNWRITABLE = 74


@dataclass(frozen=True)
class Program(Runnable):
    """One compiled network.

    Attributes
    ----------
    folder : Path
        Where its binary, sources and manifest lie.
    manifest : dict
        Which file holds which array.
    built : bool
        Whether it was compiled just now.
    threads : int
        How many threads share the work of a run.
    """

    folder: Path
    manifest: dict[str, Any]
    built: bool
    threads: int = 1

    @property
    def name(self) -> str:
        """Its name, as lists of the cache show it."""
        return self.folder.name

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
        """Run some steps, and return the wanted arrays: see `Runnable.run`.

        The files of the run lie in memory if there is room; the rest goes to the disk, because nobody
        knows beforehand how often neurons will spike.

        Raises
        ------
        RunFailedError
            If the binary is killed or fails; the message names its log, which is kept for a week.
        OutputError
            If there is no room for the files of the run.
        """
        names = [*wanted, STEPS]
        deadline = None if pause_after is None else time.monotonic() + pause_after
        least = recorded + sum(self._nbytes(name) for name in names)
        memory = fast_folder(values, least + spikes)
        with Interrupts(at_once=True) as interrupts, ExitStack() as folders:
            used, arguments = self._prepare(values, memory, least, folders)
            results = ["--results_dir", f"{used[0].path}/results/", *(f"spare_folder={f.path}/" for f in used[1:])]
            times = [f"network.t={start * dt!r}", f"conductor.stop_step={start + steps}"]
            threads = [f"threads={self.threads}", f"period={period_of(values)}"]
            dialogue = None if listener is None else dialogue_with(listener)
            shown = [] if listener is None else settings_of(listener)
            command = [str(self.folder / "main"), *results, *times, *threads, *shown, *arguments]
            environment = {**_ENVIRONMENT, **(_SPINNING if self.threads > 1 else {}), **os.environ}
            report = (lambda step: None) if progress is None else lambda step: progress(step - start)
            rooms = self._rooms(names, used[0])
            told = run_program(command, self.folder, environment, interrupts, report, deadline, dialogue)
            _check_end(told)
            arrays = self._read(told, names, used, rooms)
            arrays["steps"] = int(arrays.pop(STEPS)[0]) - start
        # read when none can come any more: an interrupt after the last step counts too
        arrays["paused"] = told.paused and not interrupts.seen and arrays["steps"] < steps
        arrays["interrupted"] = interrupts.seen or (told.stopped and not told.paused)
        return arrays

    def _prepare(
        self, values: Mapping[str, Any], memory: str | None, least: int, folders: ExitStack
    ) -> tuple[list[Scratch], list[str]]:
        """Return the folders of a run, of which the second takes what the first cannot, and the program's arguments."""
        sweep_all()
        try:
            if memory is not None:
                with suppress(OSError):  # others filled it meanwhile
                    used = [folders.enter_context(Scratch(memory))]
                    with suppress(OSError):  # a full disk does not matter as long as memory has room
                        used.append(folders.enter_context(Scratch()))
                    return used, self._arguments(values, used[0])
            work = folders.enter_context(Scratch())
            _check_room(work, least)
            return [work], self._arguments(values, work)
        except OSError as error:
            raise OutputError(
                f"The files of the run could not be written: {error}.\n"
                "Fix: make room there, or set TMPDIR to a folder on another disk."
            ) from error

    def _nbytes(self, name: str) -> int:
        entry = self.manifest["arrays"][name]
        return (entry["size"] or 0) * np.dtype(entry["dtype"]).itemsize

    def _arguments(self, values: Mapping[str, Any], work: Scratch) -> list[str]:
        """Return the program's arguments; arrays go into files."""
        (work.path / "results").mkdir()
        arguments = []
        for name, value in values.items():
            if np.ndim(value) == 0:
                arguments.append(f"{name}={np.asarray(value).item()!r}")
                continue
            entry = self.manifest["arrays"].get(name, {"dtype": "int32", "size": 0})
            path = file_of(value, entry["dtype"], work.path.parent)
            if path is None:
                path = work.path / f"{name}.in"
                write_numbers(path, value, entry["dtype"])
            arguments.append(f"{name}={path}")
            if entry["size"] is None:
                arguments.append(f"{name}.bytes={np.size(value) * np.dtype(entry['dtype']).itemsize}")
        return arguments

    def _rooms(self, names: Sequence[str], work: Scratch) -> dict[Path, mmap.mmap]:
        """Put spare files where large arrays will be written; return their maps."""
        paths = {name: work.path / "results" / self.manifest["arrays"][name]["file"] for name in names}
        found = {path: room_for(path, self._nbytes(name)) for name, path in paths.items()}
        return {path: room for path, room in found.items() if room is not None}

    def _read(
        self, told: Told, names: Sequence[str], folders: Sequence[Scratch], rooms: Mapping[Path, mmap.mmap]
    ) -> dict[str, Any]:
        """Read arrays; each has as many bytes as the program says that it wrote, and as the network wants."""
        arrays = {}
        for name in names:
            entry = self.manifest["arrays"][name]
            path, written = told.written.get(entry["file"], (self.folder / "missing", -1))
            size = path.stat().st_size if path.is_file() else None
            if size != written or (entry["size"] is not None and written != self._nbytes(name)):
                raise RunFailedError(
                    f"The compiled program could not write {name!r} whole into {folders[-1].path.parent}.\n"
                    "Fix: make room there."
                )
            scratch = next(folder for folder in folders if path.is_relative_to(folder.path))
            arrays[name] = from_file(path, np.dtype(entry["dtype"]), scratch, rooms.get(path))
            if arrays[name].nbytes != written:
                raise RunFailedError(f"{name!r} could not be read whole from {path}.\nFix: run again.")
        return arrays


def _check_room(folder: Scratch, needed: int) -> None:
    """Refuse a run whose results cannot fit, before it starts."""
    free = shutil.disk_usage(folder.path).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"its results need at least {needed} bytes, and {free} are free", str(folder.path))


def _check_end(told: Told) -> None:
    """Raise the error of a program that did not end well."""
    if told.code == _UNWRITABLE:
        raise OutputError(
            f"The compiled program {told.fault}.\n"
            "Fix: make room there, or set TMPDIR to a folder on another disk; recording less needs less room."
        )
    if told.code == 0:
        return
    how = f"signal {-told.code}" if told.code < 0 else f"code {told.code}"
    what = f"{told.fault or 'ended with ' + how} before its run was complete"
    text = "".join(told.log)
    raise RunFailedError(
        f"The compiled program {what}.\n{_kept_log(text)}: {text[-500:].strip() or 'empty'}.\n"
        "Fix: earlier results are untouched; run again (a killed program often ran out of memory)."
    )


def _kept_log(text: str) -> str:
    """Write the log of a failed run where it stays for a week, and say where."""
    try:
        scratch = Scratch()
        log = scratch.path / LOG
        log.write_text(text, encoding="utf-8")
        scratch.release()
    except OSError as error:
        return f"Its log could not be written ({error.strerror})"
    return f"Its log is {log}"
