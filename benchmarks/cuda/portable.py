"""Compile CUDA programs here that run on another machine: any card since Ampere, any x86 CPU, no cuRAND."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path
from typing import Any

from tension_sim.system import cuda

__all__ = ["STUBS", "architectures_of", "cuda_version", "libraries_of", "preferences", "strip"]

#: Linked in place of cuRAND.
STUBS = Path(__file__).with_name("stubs.cpp")

#: One pass of the compiler for all: machine code for A100 and H100, and PTX that newer cards compile themselves.
ARCHITECTURES = "-gencode=arch=compute_80,code=[sm_80,sm_90,compute_80]"

# not for this machine's CPU; the host's code launches kernels, and gains nothing from more
_FLAGS = ["-w", "-O1", "-std=c++17"]
_FAT_BINARY = struct.pack("<I", 0xBA55ED50)

_LINKED = [f"-Xcompiler {flag}" for flag in ("-static-libstdc++", "-static-libgcc")]

#: What a program may ask the other machine for; the driver is found at run time.
_EVERYWHERE = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}


def preferences(folder: Path) -> dict[str, Any]:
    """Return Brian2 preferences for such programs; what they link in place of cuRAND is made in `folder`."""
    found = cuda.build_preferences()
    compiled = folder / "stubs.o"
    subprocess.run(["g++", "-O1", "-c", str(STUBS), "-o", str(compiled)], check=True)
    subprocess.run(["ar", "rcs", str(folder / "libcurand.a"), str(compiled)], check=True)
    backend = "devices.cuda_standalone.cuda_backend"
    return found | {
        f"{backend}.compute_capability": 8.0,
        f"{backend}.extra_compile_args_nvcc": [*found[f"{backend}.extra_compile_args_nvcc"], ARCHITECTURES],
        "codegen.cpp.extra_compile_args_gcc": _FLAGS,
        "codegen.cpp.extra_link_args": [f"-L{folder}", *_LINKED],
    }


def cuda_version() -> float:
    """Return the version of the compiler, for which the other machine's driver must do."""
    return cuda.build_preferences()["devices.cuda_standalone.cuda_backend.cuda_runtime_version"]


def strip(program: Path) -> None:
    """Leave out what only a debugger reads."""
    subprocess.run(["strip", str(program)], check=True)


def architectures_of(program: Path) -> set[str]:
    """Return what a program has code for, such as "sm_90" and "compute_80", as its fat binaries list it.

    Raises
    ------
    RuntimeError
        If one of those that it was compiled for is missing.
    """
    content, found, at = program.read_bytes(), set(), -1
    while (at := content.find(_FAT_BINARY, at + 1)) >= 0:
        version, header, size = struct.unpack_from("<HHQ", content, at + 4)
        entry, end = at + header, at + header + size
        while version == 1 and entry < end:
            kind, _, header, size = struct.unpack_from("<HHIQ", content, entry)
            (number,) = struct.unpack_from("<I", content, entry + 28)
            found.add(f"{'compute' if kind == 1 else 'sm'}_{number}")
            entry += header + size
    missing = {"sm_80", "sm_90", "compute_80"} - found
    if missing:
        raise RuntimeError(f"{program} has no code for {', '.join(sorted(missing))}.")
    return found


def libraries_of(program: Path) -> dict[str, Any]:
    """Return the newest glibc that a program needs.

    Raises
    ------
    RuntimeError
        If it needs a library that a bare machine may not have.
    """
    needed = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    names = {Path(line.split()[0]).name for line in needed.splitlines()} - {"linux-vdso.so.1"}
    if names - _EVERYWHERE:
        raise RuntimeError(f"{program} needs {', '.join(sorted(names - _EVERYWHERE))}, which may not be there.")
    symbols = subprocess.run(["objdump", "-T", str(program)], check=True, capture_output=True, text=True).stdout
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", symbols)}
    return {"libraries": sorted(names), "glibc": ".".join(map(str, max(versions)))}
