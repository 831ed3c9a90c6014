"""Compile the C++ program of a circuit, and write a manifest of the arrays that it reads and leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject, openmp_pragma
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.units.allunits import second

from ..circuit.parts import STEPS, Circuit, Units
from ..circuit.watched import watched
from ..system.make import compile_sources
from ._base import make_templates_known
from .assemble import assemble, blaming_the_files
from .compilers import compilers_end_with_this_process
from .conductor import Conductor
from .isolation import isolated, users_preferences
from .makefile import compile_in_units
from .program_files import BEGIN, loading_code, set_by_arguments_alone, use_own_files
from .runtime import files_of

__all__ = ["build_cpp", "generate_on", "written_arrays"]

# gcc vectorises a neuron's loop only if it may check more pairs of its many arrays for
# overlap, and cos or exp in it only where this macro names their vector versions.
_GCC_FLAGS = ["--param=vect-max-version-for-alias-checks=100", "-D__FAST_MATH__"]

#: Elements that a thread works on before the next one does; from how many on a group's loops are shared: smaller ones
#: end before threads have started, and have the same bits as without threads.
_CHUNK = 256
_SHARED_FROM = 20_000

#: Time steps: more than any run has; the conductor ends it.
_ENDLESS = 2.0**40

# Take out our own argument before Brian2 reads the others.
_TIME = 'brian::tsim_network.t = std::atof(tsim::take(args, "network.t=").c_str());'

# After Brian2 has set the number of threads, which is that of the run and not of the program.
_ARGUMENT = 'std::atoll(tsim::take(args, "{}=").c_str())'
_TEAM = f"tsim::begin_team({_ARGUMENT.format('threads')}, {_ARGUMENT.format('period')});"

# Brian2 sets a clock's time at its first tick; a run that starts later needs it earlier.
_START = "brian::{t}[0] = brian::tsim_network.t;"


class _Device(CPPStandaloneDevice):
    """Brian2's device without its warning about OpenMP: our tests cover threads."""

    def check_openmp_compatible(self, nb_threads: int) -> None:
        """Skip Brian2's warning."""


def build_cpp(circuit: Circuit, folder: Path) -> None:
    """Generate and compile the program of a circuit into `folder`.

    Raises
    ------
    RunFailedError
        If the compiler fails; its output is on stderr.
    """
    flags = users_preferences()["codegen.cpp.extra_compile_args_gcc"]
    preferences = {
        "core.default_float_dtype": np.dtype(circuit.dtype).type,
        "devices.cpp_standalone.openmp_threads": int(circuit.threaded),  # how many is said to each run
        "core.stop_on_keyboard_interrupt": False,  # tsim_process.h does, at any moment
        "logging.std_redirection_to_file": False,  # a killed build would leave the file
        "codegen.cpp.extra_compile_args_gcc": [*flags, *_GCC_FLAGS],
    }
    guard = compilers_end_with_this_process()
    loops = _loops_shared(max((part.n for part in circuit.of(Units).values()), default=0) >= _SHARED_FROM)
    with isolated(_Device(), preferences, build_on_run=False) as device, loops, guard:
        generate_on(device, circuit, folder)
    set_by_arguments_alone(folder)
    compile_in_units(folder)
    compile_sources(folder, "C++")


@contextmanager
def _loops_shared(shared: bool) -> Iterator[None]:
    """Split Brian2's loops among threads in chunks of whole vectors, or leave them to one.

    Otherwise the number of threads decides which elements vector code leaves over, and these may
    differ from the others in the last bit.
    """

    def pragma(kind: str) -> Any:
        found = openmp_pragma(kind)
        if kind != "parallel-static":
            return found
        return found.replace("schedule(static)", f"schedule(static, {_CHUNK})") if shared else ""

    before = CPPStandaloneCodeObject.templater
    make_templates_known()
    CPPStandaloneCodeObject.templater = CPPStandaloneCodeObject.templater.derive(
        (), env_globals={"openmp_pragma": pragma}, templates_dir=()
    )
    try:
        yield
    finally:
        CPPStandaloneCodeObject.templater = before


def generate_on(
    device: Any,
    circuit: Circuit,
    folder: Path,
    *,
    copy_array: str = "",
    copy_vector: str = "",
    skip: Callable[[Any], bool] = lambda variable: False,
    watches: bool = True,
) -> None:
    """Generate the sources of a program and its manifest on an active standalone device; the defaults are for C++.

    Parameters
    ----------
    device : Device
        Brian2's device, as `isolated` activates it.
    circuit, folder
        What is built, and where.
    copy_array, copy_vector : str
        What is done with a value that was set, see `loading_code`.
    skip : callable
        Says whether the program neither sets nor writes a variable.
    watches : bool
        Whether the program can show its arrays while it runs.
    """
    objects = assemble(circuit)
    network = objects["network"]
    clock = next(iter(network.objects)).clock
    network.add(Conductor(clock, watched(circuit), objects) if watches else Conductor(clock))
    device.insert_code("before_start", BEGIN)
    device.insert_code("main", _TIME)
    device.insert_code("main", _TEAM)
    device.insert_code("before_network_run", _START.format(t=device.get_array_name(clock.variables["t"])))
    device.insert_code("main", loading_code(device, skip, copy_array, copy_vector))
    with blaming_the_files(files_of(circuit)):
        network.run(_ENDLESS * circuit.dt * second, namespace={})
    device.build(directory=str(folder), compile=False, run=False, with_output=False)
    arrays = written_arrays(device, skip)
    use_own_files(folder, {arrays[name]["file"] for name in (*circuit.results, STEPS) if name in arrays})
    (folder / "manifest.json").write_text(json.dumps({"arrays": arrays}))


def written_arrays(device: Any, skip: Callable[[Any], bool]) -> dict[str, dict[str, Any]]:
    """Say which file holds which array after a run."""
    return {
        name: {
            "file": device.get_array_filename(variable),
            "dtype": np.dtype(variable.dtype).name,
            "size": None if isinstance(variable, DynamicArrayVariable) else int(variable.size),
        }
        for name, variable in _named(device)
        if not skip(variable)
    }


def _named(device: Any) -> Iterator[tuple[str, Any]]:
    """Return the arrays of a device with their names."""
    for variable in device.arrays:
        if isinstance(variable, ArrayVariable) and hasattr(variable.owner, "name"):
            yield f"{variable.owner.name}.{variable.name}", variable
