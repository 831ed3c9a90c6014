"""Activate a Brian2 target as a user's script would, and say how closely its numbers must agree. No pytest is needed:
the CUDA kit (benchmarks/cuda) reads the same."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

TARGETS = ("numpy", "cython", "cpp_standalone", "cuda_standalone")
RUNTIME_TARGETS = ("numpy", "cython")
STANDALONE_TARGETS = ("cpp_standalone", "cuda_standalone")

#: How far a number may be from the truth, relative to the largest of its array. Targets sum in
#: different orders; hundreds of updates cost float32 three of its seven digits.
TOLERANCE = {"float64": 1e-12, "float32": 2e-4}


def missing(target: str) -> str | None:
    """Say why a target cannot run here, or None if it can."""
    if target == "tensorflow":
        return None if find_spec("tensorflow") else "TensorFlow is not installed"
    if target != "numpy" and shutil.which("g++") is None:
        return "no C++ compiler"
    if target == "cuda_standalone":
        if find_spec("brian2cuda") is None:
            return "brian2cuda is not installed"
        if shutil.which("nvidia-smi") is None or subprocess.run(["nvidia-smi", "-L"]).returncode:
            return "no CUDA GPU"
    return None


@dataclass(frozen=True)
class Target:
    """An active target. On the standalone ones `run` builds and runs, so it is called once."""

    name: str
    folder: Path

    @property
    def standalone(self) -> bool:
        return self.name.endswith("standalone")

    def run(self, network: Any, *durations: Any) -> None:
        """Run a Network, for one duration after the other; afterwards all values can be read."""
        import brian2

        for duration in durations:
            network.run(duration, namespace={})
        if self.standalone:
            brian2.device.build(directory=str(self.folder), compile=True, run=True, with_output=False)
        else:
            assert code_classes(network) == {f"{self.name.capitalize()}CodeObject"}


def code_classes(network: Any) -> set[str]:
    """Return which kinds of code a Network has run: Brian2 falls back to numpy without a word."""
    return {
        code.__class__.__name__ for member in network.sorted_objects for code in getattr(member, "code_objects", ())
    }


def hasten_builds() -> None:
    """Let the active device compile as quickly as the package does, the common header once for all programs."""
    import brian2

    from tension_sim.brian.makefile import HEADER, speed_up_makefile

    device = brian2.get_device()
    compile_source = device.compile_source

    def quickly(directory: str, *arguments: Any) -> None:
        folder = Path(directory)
        speed_up_makefile(folder)
        compiled, kept = folder / f"{HEADER}.gch", _kept_header(folder / "makefile")
        if kept.exists() and not compiled.exists():
            _lend(kept, compiled)
            compiled.touch()  # else make would take it for older than its header
        compile_source(directory, *arguments)
        if compiled.exists() and not kept.exists():
            _lend(compiled, kept)

    device.compile_source = quickly


@cache
def _headers_of_this_process() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="tension_sim_headers_")


def _kept_header(makefile: Path) -> Path:
    """Return where the compiled header of all programs with the flags of a makefile is kept."""
    flags = re.findall(r"^(?:CXX|CXXFLAGS|OPTIMISATIONS)\b.*$", makefile.read_text(), re.MULTILINE)
    digest = hashlib.sha256(repr((flags, os.environ.get("CXX"))).encode()).hexdigest()
    return Path(_headers_of_this_process().name, digest)


def _lend(file: Path, to: Path) -> None:
    """Let a file have a second place."""
    try:
        os.link(file, to)
    except OSError:  # on another disk
        shutil.copyfile(file, to)


@contextmanager
def activated(name: str, folder: Path, dtype: str = "float64") -> Iterator[Target]:
    """Activate a Brian2 target, as a user's script would, and put everything back at the end."""
    import brian2
    from brian2.devices.device import reset_device

    if name == "cuda_standalone":
        import brian2cuda  # noqa: F401
    prefs = brian2.prefs
    names = ("codegen.target", "core.default_float_dtype", "devices.cpp_standalone.extra_make_args_unix")
    before, dt = {key: prefs[key] for key in names}, brian2.defaultclock.dt
    target = Target(name, folder)
    if target.standalone:
        brian2.set_device(name, directory=str(folder), build_on_run=False)
    else:
        brian2.set_device("runtime")
        prefs["codegen.target"] = name
    if name == "cpp_standalone":
        hasten_builds()
    prefs["core.default_float_dtype"] = np.dtype(dtype).type
    prefs["devices.cpp_standalone.extra_make_args_unix"] = ["-j2"]
    try:
        yield target
    finally:
        if name == "cpp_standalone":
            del brian2.get_device().compile_source
        if target.standalone:
            brian2.get_device().reinit()
        reset_device()
        for key, value in before.items():
            prefs[key] = value
        brian2.defaultclock.dt = dt
