"""Compiled programs: found in the cache or built once, then run many times.

Nothing here imports Brian2, so that a program that exists starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from . import cuda
from .circuit import STEPS, Circuit
from .errors import CompilerNotFoundError, OutputError, RunFailedError, message
from .mapped import in_parts

__all__ = ["Program", "cache_folder", "find_or_build", "program_key"]


#: Bytes of an array from which on it stays in its file.
_LARGE = 2**23

#: Threads that wait for work leave the cores to others; large arrays lie in large pages, of which there are few.
_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

_LOG = "log.txt"

#: Where files never reach a disk, and how many bytes of a run's arrays may lie there.
_IN_MEMORY = "/dev/shm"
_MOST_IN_MEMORY = 2**28


def cache_folder() -> Path:
    """Return where compiled programs are kept: ``$TENSION_SIM_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("TENSION_SIM_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tension_sim"


def compiler() -> str | None:
    """Return the C++ compiler that Brian2's makefile will call, if there is one."""
    return shutil.which(os.environ.get("CXX", "g++")) if shutil.which("make") else None


def require_compiler(target: str = "cpp_standalone") -> str:
    """Return the C++ compiler that a target needs; cython does without make.

    Raises
    ------
    CompilerNotFoundError
        If compiler or make are missing.
    """
    found = shutil.which(os.environ.get("CXX", "g++")) if target == "cython" else compiler()
    if found is None:
        raise CompilerNotFoundError(
            message(
                "Simulation.target",
                f"a C++ compiler (g++) {'' if target == 'cython' else 'and make '}on the PATH for {target}",
                os.environ.get("CXX", "g++"),
                'install them (Debian: apt install build-essential), or choose target="numpy".',
            )
        )
    return found


@cache
def _machine() -> dict[str, str]:
    """Describe what a binary depends on besides its source."""
    try:
        cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        cpu = platform.processor()
    path = compiler()
    text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout if path else "none"
    return {"cpu": cpu, "machine": platform.machine(), "compiler": text.partition("\n")[0]}


@cache
def _sources() -> str:
    """Digest all that the generated code comes from."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent
    files = [*sorted((package / "brian").rglob("*")), package / "circuit.py", package / "noise.py"]
    for path in files:
        if path.is_file() and path.suffix in (".py", ".cpp", ".h", ".cu"):
            digest.update(path.name.encode() + path.read_bytes())
    for distribution in ("brian2", "brian2cuda"):
        try:
            digest.update(f"{distribution} {version(distribution)}".encode())
        except PackageNotFoundError:
            continue
    return digest.hexdigest()


def program_key(circuit: Circuit, target: str) -> str:
    """Return the name of a circuit's program: equal for equal code on an equal machine."""
    described = {
        "circuit": circuit.digest,
        "target": target,
        "sources": _sources(),
        "machine": _machine() | (cuda.describe() if target == "cuda_standalone" else {}),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]


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
            work = Path(tempfile.mkdtemp(prefix="tension_sim_", dir=_fast_folder(values, recorded)))
            (work / "results").mkdir()
            arguments = [
                f"network.t={start * dt!r}",
                f"conductor.stop_step={start + steps}",
                *self._write(values, work),
            ]
        except OSError as error:
            _remove(work)
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
            _remove(work)
            raise
        _remove(work)
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
            path = _file_of(value, dtype)
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
                array = _from_file(path, array.dtype)
            if entry["size"] is not None and len(array) != entry["size"]:
                raise RunFailedError(
                    f"The compiled program could not write {name!r} whole into {work}.\nFix: make room there."
                )
            arrays[name] = array
        return arrays


def _fast_folder(values: Mapping[str, Any], recorded: int) -> str | None:
    """Return a folder in memory with ample room for the files of a run; None where the user names another."""
    if any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")) or not os.access(_IN_MEMORY, os.W_OK):
        return None
    size = recorded + 2 * sum(np.asarray(value).nbytes for value in values.values())
    return _IN_MEMORY if size < min(_MOST_IN_MEMORY, shutil.disk_usage(_IN_MEMORY).free // 4) else None


def _from_file(path: Path, dtype: np.dtype) -> np.ndarray:
    """Read an array; a large one, such as P, stays in its file, which goes with it and which a further run reads."""
    if path.stat().st_size < _LARGE:
        return np.fromfile(path, dtype=dtype)
    handle, kept = tempfile.mkstemp(prefix="tension_sim_", suffix=".array", dir=path.parents[2])
    os.close(handle)
    os.replace(path, kept)
    array = np.memmap(kept, dtype=dtype, mode="r")
    weakref.finalize(array, _remove, Path(kept))
    return array


def _file_of(value: Any, dtype: str) -> Path | None:
    """Return the file that holds an array, if it is a whole one that stayed there."""
    whole = value
    while isinstance(getattr(whole, "base", None), np.ndarray):
        whole = whole.base
    if not isinstance(whole, np.memmap) or whole.filename is None:
        return None
    same = whole.nbytes == value.nbytes and whole.dtype == value.dtype == dtype and value.flags.c_contiguous
    return Path(whole.filename) if same else None


def _remove(folder: Path | None) -> None:
    if folder is not None and folder.is_file():
        folder.unlink()
    elif folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def find_or_build(circuit: Circuit, target: str = "cpp_standalone") -> Program:
    """Return the program of a circuit, from the cache if it is there and whole.

    Raises
    ------
    CompilerNotFoundError, RunFailedError, OutputError
        If it has to be built and cannot be.
    """
    key = program_key(circuit, target)
    folder = cache_folder() / key
    program = _load(folder)
    if program is not None:
        return program
    if target == "cuda_standalone":
        cuda.require_cuda()
        from .brian.build_cuda import build_cuda as build
    else:
        require_compiler()
        from .brian.build import build_cpp as build

    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=cache_folder()))
    except OSError as error:
        raise OutputError(
            f"The cache of compiled programs {cache_folder()} cannot be written: {error}.\n"
            "Fix: set TENSION_SIM_CACHE to a folder that can."
        ) from error
    try:
        build(circuit, draft)
        (draft / "complete").write_text(_digest(draft))
        try:
            if _load(folder) is None:  # another process may have been first
                _remove(folder)
                draft.rename(folder)
        except OSError:
            if _load(folder) is None:
                raise
    except OSError as error:
        raise OutputError(
            f"The compiled program could not be written into {cache_folder()}: {error}.\n"
            "Fix: make room there, or set TENSION_SIM_CACHE to another folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    program = _load(folder)
    if program is None:
        raise RunFailedError(f"The compiled program in {folder} is not whole.\nFix: make room there, and try again.")
    return Program(program.folder, program.manifest, built=True)


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / "main").read_bytes() + (folder / "manifest.json").read_bytes()).hexdigest()


def _load(folder: Path) -> Program | None:
    """Return the program in a folder, or None if it is absent or damaged."""
    try:
        files = [(folder / name).stat() for name in ("main", "manifest.json", "complete")]
        return _checked(folder, tuple((file.st_ino, file.st_size, file.st_mtime_ns) for file in files))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=64)
def _checked(folder: Path, files: Any) -> Program | None:
    """Return the program if it is whole; unchanged `files` are read once."""
    if (folder / "complete").read_text() != _digest(folder):
        return None
    return Program(folder, json.loads((folder / "manifest.json").read_text()), built=False)
