"""Circuit -> C++ program and its manifest: what it reads, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject, openmp_pragma
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.units.allunits import second

from ..circuit import STEPS, Circuit
from ..errors import RunFailedError
from ._base import make_templates_known
from .assemble import assemble, blaming_the_files
from .conductor import Conductor
from .isolation import isolated
from .runtime import files_of

__all__ = ["build_cpp", "build_on", "written_arrays"]

# gcc vectorises a neuron's loop only if it may check more pairs of its many arrays for
# overlap, and cos or exp in it only where this macro names their vector versions.
_GCC_FLAGS = ["--param=vect-max-version-for-alias-checks=100", "-D__FAST_MATH__"]

#: Elements that a thread works on before the next one does.
_CHUNK = 256

#: Time steps: more than any run has; the conductor ends it.
_ENDLESS = 2.0**40

# Arguments of ours, taken out before Brian2 reads the others.
_ARGUMENTS = """
auto _take = [&args](const std::string& _name) {
    for (auto _arg = args.begin(); _arg != args.end(); ++_arg)
        if (_arg->compare(0, _name.size(), _name) == 0) {
            const std::string _value = _arg->substr(_name.size());
            args.erase(_arg);
            return _value;
        }
    return std::string();
};
brian::tsim_network.t = std::atof(_take("network.t=").c_str());
"""

# Brian2 gives a clock its time with the first tick only; a run that starts later needs it before.
_START = "brian::{t}[0] = brian::tsim_network.t;"


# What every source includes is compiled once, what runs once is hardly optimised, and nobody
# asks again what depends on what.
_HEADER = "tsim_common.h"
_HEADER_TEXT = """#include <climits>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>
#include "objects.h"
#include "brianlib/common_math.h"
"""
_RULES = f"""
$(OBJS): private CXXFLAGS += -include {_HEADER}
$(OBJS): {_HEADER}.gch
main.o objects.o run.o: private CXXFLAGS += -O1
{_HEADER}.gch: {_HEADER}
	$(CXX) $(filter-out -c,$(CXXFLAGS)) -x c++-header {_HEADER} -o {_HEADER}.gch
"""

# What Brian2 generates to write one array, or the complaint that it cannot.
_FILE = re.compile(r'    ofstream outfile_.*?results_dir \+ "([^"]+)".*?\n    } else\n    {.*?\n    }\n', re.DOTALL)


class _Device(CPPStandaloneDevice):
    """Brian2's device, which compiles in half the time, and trusts its threads, which are tested here.

    Of all arrays the program writes only the `wanted` ones, named by owner and variable.
    """

    wanted: Collection[str] = ()

    def check_openmp_compatible(self, nb_threads: int) -> None:
        """Say nothing."""

    def compile_source(self, directory: str, compiler: str, debug: bool, clean: bool) -> None:
        hasten(Path(directory))
        files = {self.get_array_filename(variable) for name, variable in _named(self) if name in self.wanted}
        _write_only(files, Path(directory) / "objects.cpp")
        super().compile_source(directory, compiler, debug, clean)


def hasten(folder: Path) -> None:
    """Change a generated makefile so that it takes half the time."""
    if sys.platform != "linux":  # make or compiler may be others
        return
    (folder / _HEADER).write_text(_HEADER_TEXT)
    with (folder / "makefile").open("a") as makefile:
        makefile.write(_RULES)
    (folder / "make.deps").write_text("")


def _write_only(files: Collection[str], objects: Path) -> None:
    """Let a program leave out what nobody reads, all static weights among it."""
    objects.write_text(_FILE.sub(lambda block: block[0] if block[1] in files else "", objects.read_text()))


def build_cpp(circuit: Circuit, folder: Path) -> None:
    """Generate and compile the program of a circuit into `folder`.

    Raises
    ------
    RunFailedError
        If the compiler fails; the message holds the end of its output.
    """
    preferences = {
        "core.default_float_dtype": np.dtype(circuit.dtype).type,
        "devices.cpp_standalone.openmp_threads": circuit.threads,
        "core.stop_on_keyboard_interrupt": True,
        "devices.cpp_standalone.extra_make_args_unix": [f"-j{os.cpu_count() or 1}"],
        "codegen.cpp.extra_compile_args_gcc": [*brian2.prefs["codegen.cpp.extra_compile_args_gcc"], *_GCC_FLAGS],
    }
    with _whole_vectors(), isolated(_Device(), preferences, build_on_run=False) as device:
        device.wanted = {*circuit.results, STEPS}
        build_on(device, circuit, folder)


@contextmanager
def _whole_vectors() -> Iterator[None]:
    """Let threads share Brian2's loops in chunks of whole vectors.

    Else the number of threads decides which elements are left over from vectors, and these may
    differ from the others in the last bit.
    """

    def pragma(kind: str) -> Any:
        found = openmp_pragma(kind)
        return found.replace("schedule(static)", f"schedule(static, {_CHUNK})") if kind == "parallel-static" else found

    before = CPPStandaloneCodeObject.templater
    make_templates_known()
    CPPStandaloneCodeObject.templater = CPPStandaloneCodeObject.templater.derive(
        (), env_globals={"openmp_pragma": pragma}, templates_dir=()
    )
    try:
        yield
    finally:
        CPPStandaloneCodeObject.templater = before


def build_on(
    device: Any,
    circuit: Circuit,
    folder: Path,
    *,
    language: str = "C++",
    more_objects: Callable[[dict[str, Any]], list[Any]] = lambda objects: [],
    load: Callable[[Any], str] = lambda device: "",
    skip: Callable[[Any], bool] = lambda variable: False,
) -> None:
    """Generate and compile a program on an active standalone device; the defaults are those of C++.

    Parameters
    ----------
    device : Device
        Brian2's device, as `isolated` activates it.
    circuit, folder
        What is built, and where.
    language : str
        For messages.
    more_objects : callable
        From the assembled objects to more members of the network.
    load : callable
        From the device to code that reads arguments before Brian2 does.
    skip : callable
        Says of a variable that the program does not write it.
    """
    objects = assemble(circuit)
    network = objects["network"]
    clock = next(iter(network.objects)).clock
    network.add(Conductor(clock), *more_objects(objects))
    device.insert_code("main", _ARGUMENTS)
    device.insert_code("before_network_run", _START.format(t=device.get_array_name(clock.variables["t"])))
    device.insert_code("main", load(device))
    with blaming_the_files(files_of(circuit)):
        network.run(_ENDLESS * circuit.dt * second, namespace={})
    try:
        device.build(directory=str(folder), compile=True, run=False, with_output=False)
    except RuntimeError as error:
        raise RunFailedError(
            f"The generated {language} code did not compile ({error}).\n"
            "Fix: the compiler's output is above; an old compiler or a full disk are usual reasons."
        ) from error
    manifest = {
        "arrays": written_arrays(device, skip),
        "settable": [f"{v.owner.name}.{v.name}" for v in device.arrays if not v.read_only and hasattr(v.owner, "name")],
    }
    for compiled in [*folder.rglob("*.o"), *folder.rglob("*.gch")]:
        compiled.unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))


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
