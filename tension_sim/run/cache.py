"""Compiled programs: found in the cache or built once, then run many times.

Nothing here imports Brian2, so that a program that exists starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import cuda
from ..circuit import Circuit
from ..errors import OutputError, RunFailedError
from .program import Program
from .scratch import remove
from .toolchain import machine, require_compiler

__all__ = ["cache_folder", "find", "find_or_build", "program_key"]


def cache_folder() -> Path:
    """Return where compiled programs are kept: ``$TENSION_SIM_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("TENSION_SIM_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tension_sim"


@cache
def _sources() -> str:
    """Digest all that the generated code comes from."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
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
        "machine": machine() | (cuda.describe() if target == "cuda_standalone" else {}),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]


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
        from ..brian.build_cuda import build_cuda as build
    else:
        require_compiler()
        from ..brian.build import build_cpp as build

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
                remove(folder)
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


def find(circuit: Circuit, target: str) -> Program | None:
    """Return the program of a circuit if it was built before."""
    return _load(cache_folder() / program_key(circuit, target))


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
