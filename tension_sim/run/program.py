"""A compiled program and its runs: values in through files and arguments, arrays out."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..circuit import STEPS
from ..errors import OutputError, RunFailedError
from ..mapped import in_parts
from .arrays import file_of, from_file
from .scratch import fast_folder, remove

__all__ = ["Program"]

#: Threads that wait for work leave the cores to others; large arrays lie in large pages, of which there are few.
_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

_LOG = "log.txt"


@dataclass(frozen=True)
class Program:
    """One compiled network.

    Attributes
    ----------
    folder : Path
        Where its binary, sources and manifest lie.
    manifest : dict
        Which file holds which array.
    built : bool
        Whether it was compiled just now.
    """

    folder: Path
    manifest: dict[str, Any]
    built: bool

    def run(
        self,
        values: Mapping[str, Any],
        start: int,
        steps: int,
        dt: float,
        wanted: Sequence[str],
        progress: Callable[[int], None] | None = None,
        recorded: int = 0,
    ) -> dict[str, Any]:
        """Run some steps, and return the wanted arrays; `tension_sim.brian.runtime.run` does the same in Python.

        `recorded` is how many bytes the run will record, about.

        Raises
        ------
        RunFailedError
            If the binary is killed or fails; the message names its log, which is kept.
        OutputError
            If there is no room for the files of the run.
        """
        work = None
        try:
            work = Path(tempfile.mkdtemp(prefix="tension_sim_", dir=fast_folder(values, recorded)))
            (work / "results").mkdir()
            arguments = [
                f"network.t={start * dt!r}",
                f"conductor.stop_step={start + steps}",
                *self._write(values, work),
            ]
        except OSError as error:
            remove(work)
            raise OutputError(f"The files of the run could not be written: {error}.\nFix: make room there.") from error
        try:
            interrupted = self._execute(work, arguments, start, progress)
            results = self._read(work, [*wanted, STEPS])
        except RunFailedError:
            for left in work.rglob("*"):  # its log, which tells why, stays
                if left.is_file() and left.name != _LOG:
                    left.unlink()
            raise
        except BaseException:
            remove(work)
            raise
        remove(work)
        results["steps"] = int(results.pop(STEPS)[0]) - start
        results["interrupted"] = interrupted
        return results

    def _write(self, values: Mapping[str, Any], work: Path) -> list[str]:
        arguments = []
        for name, value in values.items():
            if np.ndim(value) == 0:
                arguments.append(f"{name}={np.asarray(value).item()!r}")
                continue
            dtype = self.manifest["arrays"][name]["dtype"] if name in self.manifest["arrays"] else "int32"
            path = file_of(value, dtype)
            if path is None:
                path = work / f"{name}.in"
                with path.open("wb") as file:  # by parts: no copy in another type
                    for part in in_parts(np.asanyarray(value)):
                        part.astype(dtype, copy=False).tofile(file)
            arguments.append(f"{name}={path}")
        return arguments

    def _execute(self, work: Path, arguments: list[str], start: int, progress: Callable[[int], None] | None) -> bool:
        log = work / _LOG
        interrupted = False
        command = [str(self.folder / "main"), "--results_dir", f"{work}/results/", *arguments]
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env={**_ENVIRONMENT, **os.environ},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # a Ctrl-C in the terminal reaches it once, through us
            ) as process,
        ):
            while True:
                try:
                    for line in process.stdout:
                        word, _, number = line.partition(" ")
                        if word == "step" and progress is not None:
                            progress(int(number) - start)
                        elif word != "step":
                            errors.write(line)
                    process.wait()
                    break
                except KeyboardInterrupt:
                    if interrupted:
                        process.kill()
                        raise
                    interrupted = True
                    process.send_signal(signal.SIGINT)
                except BaseException:
                    process.kill()
                    raise
        if process.returncode:
            how = f"signal {-process.returncode}" if process.returncode < 0 else f"code {process.returncode}"
            raise RunFailedError(
                f"The compiled program ended with {how} before its run was complete.\n"
                f"Its log is {log}: {log.read_text()[-500:].strip() or 'empty'}.\n"
                "Fix: earlier results are untouched; run again (a killed program often ran out of memory)."
            )
        return interrupted

    def _read(self, work: Path, names: list[str]) -> dict[str, Any]:
        arrays = {}
        for name in names:
            entry = self.manifest["arrays"][name]
            path = work / "results" / entry["file"]
            array = np.empty(0, entry["dtype"])
            if path.exists():
                array = from_file(path, array.dtype)
            if entry["size"] is not None and len(array) != entry["size"]:
                raise RunFailedError(
                    f"The compiled program could not write {name!r} whole into {work}.\nFix: make room there."
                )
            arrays[name] = array
        return arrays
