"""Run generated CUDA code where there is no GPU: sources made C++, beside cuda/fake_cuda.h."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import tension_sim.brian

HERE = Path(__file__).parent / "cuda"
TEMPLATES = Path(tension_sim.brian.__file__).parent / "templates"
FLAGS = ["-std=c++17", "-O1", "-w", f"-I{HERE}", *os.environ.get("FAKE_CUDA_FLAGS", "").split()]

_LAUNCH = re.compile(r"(\([^()\n]*\)|[\w:]+)<<<\s*([^,<>]+?)\s*,\s*([^,<>]+?)\s*(?:,\s*[^<>]+?)?>>>\s*\(")
_INCLUDE = re.compile(r'^#include\s*[<"](?:thrust/\w+|curand\w*|cuda_profiler_api)(?:\.h)?[>"]', re.MULTILINE)


def to_cpp(folder: Path) -> None:
    """Make the CUDA sources in a folder C++, in place."""
    for path in [*folder.rglob("*.cu"), *folder.rglob("*.h")]:
        source = path.read_text()
        changed = _INCLUDE.sub("", _LAUNCH.sub(r"FAKE_LAUNCH(\2, \3, \1)(", source))
        if changed != source:
            path.write_text(changed)


def compile_project(folder: Path) -> None:
    """Compile a generated project for the CPU, in place of nvcc."""
    to_cpp(folder)
    objects = [str(path.relative_to(folder).with_suffix(".o")) for path in folder.rglob("*.cu")]
    compiler = " ".join(["g++", *FLAGS])
    (folder / "makefile").write_text(
        f"main: {' '.join(objects)}\n\t{compiler} $^ {HERE}/fake_cuda.cpp -o $@\n"
        f"%.o: %.cu\n\t{compiler} -I. -include {HERE}/fake_cuda.h -x c++ -c $< -o $@\n"
    )
    made = subprocess.run(["make", "-j2"], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]


def compile_kernels(library: Path, threads: int) -> None:
    """Compile the kernels alone into a shared library."""
    sources = [HERE / "kernels.cpp", HERE / "fake_cuda.cpp"]
    command = ["g++", *FLAGS, "-fPIC", "-shared", f"-DTSIM_THREADS={threads}", f"-I{TEMPLATES}", *sources]
    made = subprocess.run([*command, "-o", library], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]


def preferences() -> dict[str, Any]:
    """Return what `tension_sim.cuda.build_preferences` would, for a toolkit that is not there."""
    backend = "devices.cuda_standalone.cuda_backend"
    return {
        f"{backend}.detect_gpus": False,
        f"{backend}.detect_cuda": False,
        f"{backend}.cuda_path": os.devnull,
        f"{backend}.gpu_id": 0,
        f"{backend}.compute_capability": 9.0,
        f"{backend}.cuda_runtime_version": 13.0,
    }
