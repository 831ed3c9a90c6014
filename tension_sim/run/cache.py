"""Compiled programs: found in the cache or built once, then run many times.

A program lies in a folder ``KEY.COMPILER``: the key names what decides its code and where it runs, the compiler what
was made of that. Where there is no compiler to ask, a program of any compiler serves.

Nothing here imports Brian2, so that a program that exists starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._version import __version__
from ..circuit.parts import Circuit
from ..errors import OutputError, RunFailedError
from ..system import cuda
from ..system.locks import SUFFIX, is_free, locked
from ..system.places import Place, cache_folder, place_to_build, places
from ..system.scratch import remove, remove_aside
from ..system.toolchain import describe_compiler, machine, require_compiler
from .preferences import changed_preferences
from .program import Program
from .seal import MANIFEST, load, seal
from .stages import BUILDING, tell

__all__ = ["DRAFT", "PROGRAM", "cache_folder", "find", "find_or_build", "program_key", "sweep_drafts"]

#: Names of programs, of today and of earlier versions; whatever else lies in a cache folder is left alone.
PROGRAM = re.compile(r"[0-9a-f]{24}(?:\.[0-9a-f]{8})?")

#: Suffix of the folders in which programs are being built.
DRAFT = ".draft"


@cache
def _sources() -> str:
    """Digest all that the generated code comes from."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    files = [
        *sorted((package / "brian").rglob("*")),
        *sorted((package / "circuit").glob("*.py")),
        package / "declare/noise.py",
    ]
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
    """Return the key of a circuit's program: equal for equal code on an equal machine, whatever compiled it."""
    described = {
        "circuit": circuit.digest,
        "target": target,
        "sources": _sources(),
        "preferences": changed_preferences(target),
        "machine": machine() | (cuda.describe_gpu() if target == "cuda_standalone" else {}),
    }
    return _digest(described, 24)


def _digest(value: Any, length: int) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:length]


def _compilers(target: str) -> list[str] | None:
    """Describe the compilers of a target; None where one is missing."""
    host = describe_compiler()
    device = cuda.describe_compiler() if target == "cuda_standalone" else []
    return None if host is None or device is None else [*host, *device]


def find_or_build(circuit: Circuit, target: str = "cpp_standalone", made_for: str = "network") -> Program:
    """Return the program of a circuit, from the cache if it is there and whole.

    Parameters
    ----------
    circuit : Circuit
        The network.
    target : str, optional
        ``"cpp_standalone"`` or ``"cuda_standalone"``.
    made_for : str, optional
        Name of the network, which lists of the cache show.

    Raises
    ------
    CompilerNotFoundError, RunFailedError, OutputError
        If it has to be built and cannot be.
    """
    key, compilers = program_key(circuit, target), _compilers(target)
    name = None if compilers is None else _name(key, compilers)
    program = _find(key, name)
    if program is not None:
        return program
    build = _builder(target)
    if name is None or compilers is None:
        raise RunFailedError(f"The compiler of {target} does not tell its version.\nFix: look at its installation.")
    place = place_to_build()
    folder = place.path / name
    with locked(folder, may_wait=not _in_brian2()) as alone:
        program = load(folder, shared=place.shared)  # another process may have been first
        if program is not None:
            return program
        if alone:
            sweep_drafts(place.path, held=folder)
        tell(BUILDING)
        about = {"for": made_for, "target": target, "compilers": compilers, "version": __version__, "time": time.time()}
        _build(lambda draft: build(circuit, draft), place, folder, about)
    program = load(folder, shared=place.shared)
    if program is None:
        raise RunFailedError(f"The compiled program in {folder} is not whole.\nFix: make room there, and try again.")
    return Program(program.folder, program.manifest, built=True)


def find(circuit: Circuit, target: str) -> Program | None:
    """Return the program of a circuit if it was built before."""
    key, compilers = program_key(circuit, target), _compilers(target)
    return _find(key, None if compilers is None else _name(key, compilers))


def _name(key: str, compilers: list[str]) -> str:
    return f"{key}.{_digest(compilers, 8)}"


def _find(key: str, name: str | None) -> Program | None:
    """Return a program by its name, or the newest of its key where no compiler decides."""
    for place in places():
        for folder in [place.path / name] if name is not None else _newest(place.path, key):
            program = load(folder, shared=place.shared)
            if program is not None:
                with suppress(OSError):
                    os.utime(folder)  # when it was last used
                return program
    return None


def _newest(place: Path, key: str) -> list[Path]:
    found = []
    for path in place.glob(f"{key}.*"):
        with suppress(OSError):  # another process removes it
            if path.suffix not in (DRAFT, SUFFIX):
                found.append((path.lstat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def _builder(target: str) -> Callable[[Circuit, Path], None]:
    if target == "cuda_standalone":
        cuda.require_cuda()
        from ..brian.build_cuda import build_cuda

        return build_cuda
    require_compiler()
    from ..brian.build import build_cpp

    return build_cpp


def _in_brian2() -> bool:
    """Say whether this thread runs a network in Brian2, so that other threads wait for it."""
    isolation = sys.modules.get("tension_sim.brian.isolation")
    return isolation is not None and isolation.has_turn()


def _build(build: Callable[[Path], None], place: Place, folder: Path, about: dict[str, Any]) -> None:
    """Build beside the folder of a program, and exchange the two at the end."""
    draft = None
    try:
        remove_aside(folder, DRAFT)  # a program that is not whole
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.{os.getpid()}.", suffix=DRAFT, dir=place.path))
        build(draft)
        manifest = json.loads((draft / MANIFEST).read_text())
        (draft / MANIFEST).write_text(json.dumps(manifest | {"made": about}))
        seal(draft, shared=place.shared)
        try:
            draft.rename(folder)
        except OSError:
            if load(folder, shared=place.shared) is None:  # no lock held another process back
                raise
    except OSError as error:
        raise OutputError(
            f"The compiled program could not be written into {place.path}: {error}.\n"
            "Fix: make room there, or set TENSION_SIM_CACHE to another folder."
        ) from error
    finally:
        remove(draft)


def sweep_drafts(place: Path, held: Path | None = None) -> list[Path]:
    """Remove what killed builds left: drafts, and locks that nobody holds.

    Parameters
    ----------
    place : Path
        A folder of programs.
    held : Path, optional
        The program whose lock the caller holds.

    Returns
    -------
    list of Path
        What was removed.
    """
    removed = []
    for draft in place.glob(f"*{DRAFT}"):
        program = place / ".".join(draft.name.split(".")[:2])
        if draft.is_symlink() or not PROGRAM.fullmatch(program.name):
            continue
        if program == held or is_free(program):
            shutil.rmtree(draft, ignore_errors=True)
            removed.append(draft)
    for lock in place.glob(f"*{SUFFIX}"):
        program = lock.with_suffix("")
        if program != held and PROGRAM.fullmatch(program.name):
            is_free(program)  # which removes it
    return removed
