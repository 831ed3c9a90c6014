"""Run generated CUDA code where there is no GPU: sources made C++, beside cuda/fake_cuda.h; and what to run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

import tension_sim.brian
from tension_sim import ForceNetwork, Learning
from tension_sim.system import cuda

HERE = Path(__file__).parent / "cuda"
TEMPLATES = Path(tension_sim.brian.__file__).parent / "templates"
FLAGS = ["-std=c++17", "-O1", "-w", f"-I{HERE}", *os.environ.get("FAKE_CUDA_FLAGS", "").split()]

#: Networks that spike and learn within 100 ms: alpha_P, and what `ForceNetwork.random` takes.
NETWORKS: dict[str, tuple[float, dict[str, Any]]] = {
    "lif": (5e-5, {"n_inputs": 1, "E2": 2.0}),
    "izhikevich": (2.0, {"dt": "0.04*ms", "G": 5e3, "Q": 5e3, "row_balanced": False}),
    "theta": (1e-4, {"dt": "0.1*ms", "G": 10.0, "Q": 1e3}),
    "refractory": (5e-5, {"n_inputs": 1, "E2": 2.0}),
}
#: Those whose equations are not files of the package.
FILES = {"refractory": HERE.parent / "neurons" / "refractory.toml"}

_LAUNCH = re.compile(r"(\([^()\n]*\)|[\w:]+)<<<\s*([^,<>]+?)\s*,\s*([^,<>]+?)\s*(?:,\s*[^<>]+?)?>>>\s*\(")
_INCLUDE = re.compile(r'^#include\s*[<"](?:thrust/\w+|curand\w*|cuda|cuda_profiler_api)(?:\.h)?[>"]', re.MULTILINE)

#: Where brian2cuda counts on the threads of a warp to read, in step, what the first then writes.
_LOCKSTEP = ("        if (tid == 0)", "        __syncthreads();\n        if (tid == 0)")


def small_network(neuron: str = "lif", **learning: Any) -> ForceNetwork:
    """Return one of the networks; an update falls on every fifth step from 20 on."""
    alpha_P, options = NETWORKS[neuron]
    rule = Learning(alpha_P=alpha_P, update_every=5, start=20, **learning)
    return ForceNetwork.random(FILES.get(neuron, neuron), n=60, n_outputs=2, seed=1, learning=rule, **options)


def samples_for(net: ForceNetwork, steps: int) -> dict[str, np.ndarray]:
    """Return a supervisor, and an input where the network has one, as `Simulation.run` takes them."""
    t = np.arange(1, steps + 1)[:, None] * 5e-5
    y = np.sin(2 * np.pi * 5 * t) * [1, -0.5]
    return {"y": y, "x": np.cos(2 * np.pi * 9 * t)} if net.n_inputs else {"y": y}


def part(samples: dict[str, np.ndarray], chosen: slice) -> dict[str, np.ndarray]:
    """Return some steps of samples."""
    return {name: values[chosen] for name, values in samples.items()}


def to_cpp(folder: Path) -> None:
    """Make the CUDA sources in a folder C++, in place."""
    for path in [*folder.rglob("*.cu"), *folder.rglob("*.h")]:
        source = path.read_text()
        changed = _INCLUDE.sub("", _LAUNCH.sub(r"FAKE_LAUNCH(\2, \3, \1)(", source))
        if path.name == "spikequeue.h":
            changed = changed.replace(*_LOCKSTEP, 1)
        if changed != source:
            path.write_text(changed)


def compile_project(folder: Path) -> None:
    """Compile a generated project for the CPU, in place of nvcc."""
    to_cpp(folder)
    sources = re.search(r"^SRCS = (.*)$", (folder / "makefile").read_text(), re.MULTILINE)[1].split()
    objects = [str(Path(name).with_suffix(".o")) for name in sources]
    compiler = " ".join(["g++", *FLAGS])
    (folder / "makefile").write_text(
        f"main: {' '.join(objects)}\n\t{compiler} $^ {HERE}/fake_cuda.cpp -o $@\n"
        f"%.o: %.cu\n\t{compiler} -I. -include {HERE}/fake_cuda.h -x c++ -c $< -o $@\n"
    )
    made = subprocess.run(["make", "-j2"], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]


def compile_kernels(library: Path, threads: int, small: int) -> None:
    """Compile the kernels alone into a shared library; a block of P is small up to some bytes."""
    sources = [HERE / "kernels.cpp", HERE / "fake_cuda.cpp"]
    # shared memory of one library is not that of another
    command = [
        "g++",
        *FLAGS,
        "-fno-gnu-unique",
        "-fPIC",
        "-shared",
        f"-DTSIM_THREADS={threads}",
        f"-DTSIM_WHOLE={small}",
        f"-I{TEMPLATES}",
        *sources,
    ]
    made = subprocess.run([*command, "-o", library], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]


def preferences() -> dict[str, Any]:
    """Return what `tension_sim.system.cuda.build_preferences` would, for a toolkit that is not there."""
    backend = "devices.cuda_standalone.cuda_backend"
    return cuda.GENERATION | {
        f"{backend}.detect_gpus": False,
        f"{backend}.detect_cuda": False,
        f"{backend}.cuda_path": os.devnull,
        f"{backend}.gpu_id": 0,
        f"{backend}.compute_capability": 9.0,
        f"{backend}.cuda_runtime_version": 13.0,
    }
