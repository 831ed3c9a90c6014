"""Find what the target cuda_standalone needs (nvcc, brian2cuda, cuRAND), without importing Brian2."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import CompilerNotFoundError, OutputError, message

__all__ = [
    "GENERATION",
    "build_preferences",
    "compute_capability",
    "describe_compiler",
    "describe_gpu",
    "nvcc",
    "require_cuda",
]

#: Compiled for where there is no GPU to ask: the program can be built here, and run elsewhere.
_CAPABILITY = 9.0

#: Where toolkits lie that are not on the PATH; brian2cuda looks there too.
_TOOLKITS = ("/usr/local/cuda", "/opt/cuda")

_SIMULATION = "Simulation.target"
_BACKEND = "devices.cuda_standalone.cuda_backend"


def nvcc() -> str | None:
    """Return the CUDA compiler that brian2cuda will call, if there is one."""
    for folder in filter(None, [os.environ.get("CUDA_PATH")]):
        if os.path.exists(folder):
            compiler = Path(folder) / "bin" / "nvcc"
            return str(compiler) if compiler.exists() else None
    found = shutil.which("nvcc")
    # brian2cuda calls bin/nvcc of the folder that the one on the PATH lies in
    for candidate in [found] if found else [f"{folder}/bin/nvcc" for folder in _TOOLKITS]:
        if Path(candidate).exists():
            return candidate
    return None


def require_cuda(where: str = _SIMULATION) -> str:
    """Return the CUDA compiler, after a look at all else that a build needs.

    No GPU is needed for a build, only for a run.

    Parameters
    ----------
    where : str, optional
        Who asks, for messages.

    Raises
    ------
    CompilerNotFoundError
        If nvcc, brian2cuda, the C++ compiler or make is missing.

    Examples
    --------
    >>> require_cuda()  # doctest: +SKIP
    '/usr/local/cuda/bin/nvcc'
    """
    instead = 'or choose target="cpp_standalone".' if where == _SIMULATION else 'or set_device("cpp_standalone").'
    if find_spec("brian2cuda") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        raise CompilerNotFoundError(
            message(
                where,
                "the package brian2cuda for cuda_standalone",
                f"no brian2cuda in Python {version}",
                "on Python 3.12 or newer, pip install 'tension-sim[cuda]', which replaces a Brian2 that is newer than "
                f"brian2cuda takes (2.10.1), {instead}",
            )
        )
    compiler = nvcc()
    if compiler is None:
        raise CompilerNotFoundError(
            message(
                where,
                "the CUDA compiler nvcc on the PATH, or CUDA_PATH, for cuda_standalone",
                "no nvcc",
                f"install the CUDA toolkit, {instead}",
            )
        )
    from .toolchain import require_compiler

    require_compiler("cuda_standalone")
    return compiler


@cache
def _version(compiler: str) -> str:
    """Return what the compiler says of itself, or "" if it cannot be run."""
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return ""


def _runtime_version(compiler: str, where: str = _SIMULATION) -> float:
    found = re.search(r"release (\d+\.\d+)", _version(compiler))
    if found is None:
        raise CompilerNotFoundError(
            message(
                where,
                "a CUDA compiler that tells its version",
                _version(compiler)[:80],
                f"look at the output of {compiler} --version.",
            )
        )
    return float(found[1])


@cache
def compute_capability() -> float:
    """Return the compute capability of the first GPU as nvidia-smi tells it; 9.0 where there is none."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"], capture_output=True, text=True
        )
        return float(answer.stdout.split()[0]) if answer.returncode == 0 else _CAPABILITY
    except (OSError, ValueError, IndexError):
        return _CAPABILITY


def describe_gpu() -> dict[str, Any]:
    """Describe what decides where a CUDA binary runs, besides the CPU."""
    return {"compute_capability": compute_capability()}


def describe_compiler() -> list[str] | None:
    """Return what nvcc says of its version, or None where there is none."""
    compiler = nvcc()
    return None if compiler is None else _version(compiler).strip().splitlines()[-1:]


@cache
def _knows_curand(compiler: str) -> bool:
    """Say whether the toolkit has the headers of cuRAND, which every brian2cuda program includes."""
    command = [compiler, "-E", "-x", "cu", "-"]
    return subprocess.run(command, input="#include <curand.h>\n", capture_output=True, text=True).returncode == 0


def _wheel_name(toolkit: float) -> str:
    """Name PyPI's package of cuRAND for a toolkit; the one for CUDA 13 comes with ``tension-sim[cuda]``."""
    return "nvidia-curand" if toolkit >= 13 else f"nvidia-curand-cu{int(toolkit)}"


def _curand_wheel() -> tuple[Path, Path] | None:
    """Return headers and library of PyPI's cuRAND, if it is installed."""
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for header in sorted(Path(folder).glob("*/include/curand.h")):
            for library in sorted((header.parents[1] / "lib").glob("libcurand.so*")):
                return header.parent, library
    return None


def _curand_flags(compiler: str, where: str) -> tuple[list[str], list[str]]:
    """Return flags for compiler and linker that find cuRAND; none where the toolkit has it."""
    if _knows_curand(compiler):
        return [], []
    wheel = _curand_wheel()
    if wheel is None:
        raise CompilerNotFoundError(
            message(
                where,
                "the library cuRAND for cuda_standalone",
                "no curand.h in the CUDA toolkit",
                f"install the toolkit's cuRAND, or pip install {_wheel_name(_runtime_version(compiler, where))}.",
            )
        )
    headers, library = wheel
    links = _links_to(library)
    rpath = ["-Xlinker", shlex.quote(f"-rpath={library.parent}")]
    return [shlex.quote(f"-I{headers}")], [shlex.quote(f"-L{links}"), *rpath]


def _links_to(library: Path) -> Path:
    """Return a folder of the user's own with a link libcurand.so: the wheel has only libcurand.so.10."""
    from .places import place_to_build

    place = place_to_build().path
    links = place / f"curand.{os.geteuid()}.{hashlib.sha256(str(library).encode()).hexdigest()[:12]}"
    link, draft = links / "libcurand.so", links / f"libcurand.so.{os.getpid()}.{threading.get_ident()}"
    try:
        links.mkdir(mode=0o700, exist_ok=True)
        if links.lstat().st_uid != os.geteuid() or links.is_symlink():
            raise PermissionError(f"{links} is not the user's own folder")
        if not link.is_symlink() or link.readlink() != library:
            draft.symlink_to(library)
            draft.replace(link)
    except OSError as error:
        raise OutputError(
            f"The cache of compiled programs {place} cannot be written: {error}.\n"
            "Fix: set TENSION_SIM_CACHE to a folder that can."
        ) from error
    return links


#: How code for CUDA is generated: brian2cuda declares a value twice that both a constant taken out of the loop over
#: neurons and what stays in it read. Each thread is one turn of that loop, so that nothing is lost.
GENERATION: dict[str, Any] = {"codegen.loop_invariant_optimisations": False}


def build_preferences(where: str = _SIMULATION) -> dict[str, Any]:
    """Return Brian2 preferences under which brian2cuda's programs compile with a current toolkit.

    `Simulation` sets them itself, and `tension_sim.brian.set_cuda_device` for a Network of your own:
    C++17 (CUDA 13 refuses brian2cuda's C++11), the GPU's compute capability as nvidia-smi
    tells it (9.0 where there is no GPU: the program then is built only), and where cuRAND is.

    Parameters
    ----------
    where : str, optional
        Who asks, for messages.

    Returns
    -------
    dict of str to object
        By the full names of the preferences.

    Raises
    ------
    CompilerNotFoundError
        If nvcc, brian2cuda or cuRAND is missing.

    Examples
    --------
    >>> import brian2, brian2cuda  # doctest: +SKIP
    >>> for name, value in build_preferences().items():  # doctest: +SKIP
    ...     brian2.prefs[name] = value
    >>> brian2.set_device("cuda_standalone")  # doctest: +SKIP
    """
    compiler = require_cuda(where)
    headers, libraries = _curand_flags(compiler, where)
    return GENERATION | {
        f"{_BACKEND}.detect_gpus": False,
        f"{_BACKEND}.gpu_id": 0,
        f"{_BACKEND}.compute_capability": compute_capability(),
        f"{_BACKEND}.cuda_runtime_version": _runtime_version(compiler, where),
        f"{_BACKEND}.extra_compile_args_nvcc": ["-w", "-std=c++17", *headers],
        "codegen.cpp.extra_compile_args_gcc": ["-w", "-O3", "-march=native", "-std=c++17"],
        "codegen.cpp.extra_link_args": libraries,
        "devices.cpp_standalone.extra_make_args_unix": [f"-j{os.cpu_count() or 1}"],
    }
