"""Circuit -> CUDA program and its manifest; the same arguments and files as the C++ program.

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
from brian2.core.clocks import BaseClock
from brian2.core.variables import DynamicArrayVariable
from brian2cuda.device import CUDAStandaloneDevice
from brian2cuda.utils import gputools

from ..circuit import Circuit, Units
from ..cuda import build_preferences
from .build import build_on
from .isolation import isolated
from .spike_order import SpikeOrder
from .unity import join_sources

__all__ = ["build_cuda", "cuda_device", "is_eventspace"]

# Values go to host and device here, not by Brian2's own function, which on CUDA makes the
# paths of files lower case, and goes on with the old values where a file has another size.
_LOADERS = """
auto _is_number = [](const std::string& _value) {
    return _value[0] == '-' || (_value[0] >= '0' && _value[0] <= '9');
};
auto _unfit = [](const std::string& _name, const std::string& _value, size_t _size) {
    std::cerr << _name << _value << " does not hold " << _size << " values." << std::endl;
    std::exit(1);
};
auto _load = [&](const std::string& _name, auto* _host, auto* _device, size_t _size) {
    typedef std::remove_pointer_t<decltype(_host)> _type;
    const std::string _value = _take(_name);
    if (_value.empty())
        return;
    if (_is_number(_value)) {
        const char* _text = _value.c_str();
        const bool _whole = std::is_integral<_type>::value;
        std::fill(_host, _host + _size, _whole ? (_type)std::atoll(_text) : (_type)std::atof(_text));
    } else {
        std::ifstream _file(_value, std::ios::binary);
        if (!_file.read(reinterpret_cast<char*>(_host), _size*sizeof(_type)) || _file.peek() != EOF)
            _unfit(_name, _value, _size);
    }
    CUDA_SAFE_CALL(cudaMemcpy(_device, _host, _size*sizeof(_type), cudaMemcpyHostToDevice));
};
auto _load_vector = [&](const std::string& _name, auto& _host, auto& _device, bool _of_any_length) {
    const std::string _value = _take(_name);
    if (_value.empty())
        return;
    if (_is_number(_value)) {
        std::fill(_host.begin(), _host.end(), std::atof(_value.c_str()));
    } else {
        std::ifstream _file(_value, std::ios::binary | std::ios::ate);
        const size_t _bytes = _file ? (size_t)_file.tellg() : 0;
        if (!_file || (!_of_any_length && _bytes != _host.size()*sizeof(_host[0])))
            _unfit(_name, _value, _host.size());
        _host.resize(_bytes/sizeof(_host[0]));
        _file.seekg(0);
        _file.read(reinterpret_cast<char*>(_host.data()), _bytes);
    }
    _device = _host;
};
"""


class _Device(CUDAStandaloneDevice):
    """brian2cuda's device, which compiles in a fifth of the time."""

    def compile_source(self, directory: str, *arguments: Any) -> None:
        join_sources(Path(directory))
        super().compile_source(directory, *arguments)


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
        build_on(
            device,
            circuit,
            folder,
            language="CUDA",
            more_objects=lambda objects: [
                SpikeOrder(objects[name], name=f"{name}_spike_order")
                for name, part in circuit.of(Units).items()
                if part.threshold
            ],
            load=_load_values,
            skip=is_eventspace,
        )


@contextmanager
def cuda_device(dtype: str, changed: Mapping[str, Any] = MappingProxyType({})) -> Iterator[CUDAStandaloneDevice]:
    """Activate brian2cuda's device for one program, and put the user's Brian2 back at the end."""
    preferences = build_preferences() | {
        "core.default_float_dtype": np.dtype(dtype).type,
        "core.stop_on_keyboard_interrupt": True,
        # sums over synapses in a fixed order: with SpikeOrder, equal runs give equal bits
        "devices.cuda_standalone.use_atomics": False,
    }
    # brian2cuda takes flags out of the lists it is given
    preferences = copy.deepcopy(preferences | dict(changed))
    with _own_gpu_selection(), isolated(_Device(), preferences, build_on_run=False) as device:
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


def _load_values(device: Any) -> str:
    """Return the code that takes the values of a run from its arguments."""
    lines = [_LOADERS]
    for variable, array in device.arrays.items():
        owner = getattr(variable.owner, "name", None)
        if variable.read_only or owner is None or isinstance(variable.owner, BaseClock) or is_eventspace(variable):
            continue
        argument = f'"{owner}.{variable.name}="'
        if isinstance(variable, DynamicArrayVariable):
            vector = device.get_array_name(variable, access_data=False)
            free = "true" if variable.name in getattr(variable.owner, "any_length", ()) else "false"
            lines.append(f"_load_vector({argument}, brian::{vector}, brian::dev{vector}, {free});")
        else:
            lines.append(f"_load({argument}, brian::{array}, brian::dev{array}, {int(variable.size)});")
    return "\n".join(lines)
