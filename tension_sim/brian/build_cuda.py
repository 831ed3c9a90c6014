"""Compile the CUDA program of a circuit; it has the arguments and files of the C++ program.

A build needs nvcc and no GPU. What a build cannot show, because nothing ran: that the values which
the inserted code copies to the device arrive there before the first step, that the kernels'
launches are accepted by a GPU, and the agreement of the numbers with the other targets.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import brian2cuda  # noqa: F401  (registers device and preferences)
import numpy as np
from brian2cuda.device import CUDAStandaloneDevice
from brian2cuda.utils import gputools

from ..circuit.parts import Circuit
from ..system.cuda import build_preferences
from ..system.make import compile_sources
from .build import generate_on
from .isolation import isolated
from .unity import join_sources

__all__ = ["build_cuda", "compile_cuda", "cuda_device", "is_eventspace"]

# Values go to host and device here, not by Brian2's own function, which on CUDA makes the
# paths of files lower case.
_COPY = {
    "copy_array": "CUDA_SAFE_CALL(cudaMemcpy(brian::dev{array}, brian::{array}, {size}*sizeof(*brian::{array}),"
    " cudaMemcpyHostToDevice));",
    "copy_vector": "brian::dev{array} = brian::{array};",
}


def build_cuda(circuit: Circuit, folder: Path, changed: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Generate and compile the CUDA program of a circuit into `folder`.

    Parameters
    ----------
    circuit, folder
        What is built, and where.
    changed : mapping, optional
        Brian2 preferences in place of those of `build_preferences`, such as for a GPU that is not here.

    Raises
    ------
    CompilerNotFoundError
        If nvcc, brian2cuda or cuRAND is missing; nothing is written then.
    RunFailedError
        If the compiler fails.
    """
    with cuda_device(circuit.dtype, changed) as device:
        # brian2cuda's synapses read the default clock, which need not be the network's
        device.clocks.add(device.defaultclock)
        generate_on(
            device,
            circuit,
            folder,
            skip=is_eventspace,
            watches=False,
            **_COPY,
        )
    compile_cuda(folder)


def compile_cuda(folder: Path) -> None:
    """Compile all generated sources as one file, which is five times as fast."""
    join_sources(folder)
    compile_sources(folder, "CUDA")


@contextmanager
def cuda_device(dtype: str, changed: Mapping[str, Any] = MappingProxyType({})) -> Iterator[CUDAStandaloneDevice]:
    """Activate brian2cuda's device for one program, and put the user's Brian2 back at the end."""
    preferences = build_preferences() | {
        "core.default_float_dtype": np.dtype(dtype).type,
        "core.stop_on_keyboard_interrupt": False,  # tsim_process.h does
        "logging.std_redirection_to_file": False,  # a killed build would leave the file
        # sums over synapses in a fixed order: with SpikeOrder, equal runs give equal bits
        "devices.cuda_standalone.use_atomics": False,
    }
    # brian2cuda takes flags out of the lists it is given
    ours = copy.deepcopy(preferences | dict(changed))
    with isolated(CUDAStandaloneDevice(), ours, build_on_run=False) as device, _own_gpu_selection():
        yield device


@contextmanager
def _own_gpu_selection() -> Iterator[None]:
    """Let brian2cuda look for compiler and GPU anew; what it found for the user is put back."""
    gpu, cuda = dict(gputools._gpu_selection), dict(gputools._cuda_installation)
    gputools.reset_gpu_selection()
    gputools.reset_cuda_installation()
    try:
        yield
    finally:
        gputools.restore_gpu_selection(gpu)
        gputools.restore_cuda_installation(cuda)


def is_eventspace(variable: Any) -> bool:
    """Say whether a variable holds spikes, which brian2cuda neither sets nor writes."""
    return variable.name.endswith("space")
