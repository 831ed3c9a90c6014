"""Structure -> C++ program and its manifest: what it reads, what it leaves behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.units.allunits import second

from ..errors import RunFailedError
from ..structure import Structure
from .assemble import assemble, blaming_the_file
from .conductor import Conductor
from .isolation import isolated

__all__ = ["build_cpp", "build_on"]

# gcc vectorises a neuron's loop only if it may check more pairs of its many arrays for
# overlap, and cos or exp in it only where this macro names their vector versions.
_GCC_FLAGS = ["--param=vect-max-version-for-alias-checks=100", "-D__FAST_MATH__"]

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

# The number of synapses is not compiled in: their arrays take the length of the files.
_SYNAPSES = """
auto _read = [&_take](const std::string& _name, {vector}<int32_t>& _to) {{
    std::ifstream _file(_take(_name), std::ios::binary | std::ios::ate);
    _to.resize((size_t)_file.tellg()/sizeof(int32_t));
    _file.seekg(0);
    _file.read(reinterpret_cast<char*>(_to.data()), _to.size()*sizeof(int32_t));
}};
_read("recurrent.pre=", brian::{pre});
_read("recurrent.post=", brian::{post});
const size_t _n_synapses = brian::{pre}.size();
brian::{number}[0] = _n_synapses;
brian::{outgoing}.assign({n}, 0);
brian::{incoming}.assign({n}, 0);
for (size_t _i = 0; _i < _n_synapses; _i++) {{
    brian::{outgoing}[brian::{pre}[_i]]++;
    brian::{incoming}[brian::{post}[_i]]++;
}}
{resize}
"""


def build_cpp(structure: Structure, folder: Path) -> None:
    """Generate and compile the program of a structure into `folder`.

    Raises
    ------
    RunFailedError
        If the compiler fails; the message holds the end of its output.
    """
    preferences = {
        "core.default_float_dtype": np.dtype(structure.dtype).type,
        "devices.cpp_standalone.openmp_threads": structure.threads if structure.threads > 1 else 0,
        "core.stop_on_keyboard_interrupt": True,
        "devices.cpp_standalone.extra_make_args_unix": [f"-j{os.cpu_count() or 1}"],
        "codegen.cpp.extra_compile_args_gcc": [*brian2.prefs["codegen.cpp.extra_compile_args_gcc"], *_GCC_FLAGS],
    }
    with isolated(CPPStandaloneDevice(), preferences, build_on_run=False) as device:
        build_on(device, structure, folder)


def build_on(
    device: Any,
    structure: Structure,
    folder: Path,
    *,
    language: str = "C++",
    vector: str = "std::vector",
    resize: str = "brian::{0}.resize(_n_synapses);",
    more_synapses: str = "",
    more_objects: Callable[[dict[str, Any]], list[Any]] = lambda objects: [],
    load: Callable[[Any], str] = lambda device: "",
    skip: Callable[[Any], bool] = lambda variable: False,
) -> None:
    """Generate and compile a program on an active standalone device; the defaults are those of C++.

    Parameters
    ----------
    device : Device
        Brian2's device, as `isolated` activates it.
    structure, folder
        What is built, and where.
    language : str
        For messages.
    vector, resize, more_synapses : str
        The type of dynamic arrays; code that gives one the length of the synapses; code after that.
    more_objects : callable
        From the assembled objects to more members of the network.
    load : callable
        From the device to code that reads arguments before Brian2 does.
    skip : callable
        Says of a variable that the program does not write it.
    """
    objects = assemble(structure)
    clock, network = objects["neurons"].clock, objects["network"]
    network.add(Conductor(clock), *more_objects(objects))
    device.insert_code("main", _ARGUMENTS)
    device.insert_code("before_network_run", _START.format(t=device.get_array_name(clock.variables["t"])))
    if structure.recurrent:
        texts = {"vector": vector, "resize": resize, "more": more_synapses}
        device.insert_code("main", _read_synapses(structure, objects["recurrent"], device, texts))
    device.insert_code("main", load(device))
    with blaming_the_file(structure):
        network.run(_ENDLESS * structure.dt * second, namespace={})
    try:
        device.build(directory=str(folder), compile=True, run=False, with_output=False)
    except RuntimeError as error:
        raise RunFailedError(
            f"The generated {language} code did not compile ({error}).\n"
            "Fix: the compiler's output is above; an old compiler or a full disk are usual reasons."
        ) from error
    manifest = {
        "arrays": _arrays(device, skip),
        "settable": [f"{v.owner.name}.{v.name}" for v in device.arrays if not v.read_only and hasattr(v.owner, "name")],
    }
    for compiled in folder.rglob("*.o"):
        compiled.unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _read_synapses(structure: Structure, synapses: Any, device: Any, texts: dict[str, str]) -> str:
    def name(variable: str) -> str:
        return device.get_array_name(synapses.variables[variable], access_data=False)

    synapses._connect_called = True
    resized = [device.get_array_name(v, access_data=False) for v in synapses._registered_variables]
    return (_SYNAPSES + texts["more"]).format(
        vector=texts["vector"],
        synapses=synapses.name,
        pre=name("_synaptic_pre"),
        post=name("_synaptic_post"),
        number=name("N"),
        outgoing=name("N_outgoing"),
        incoming=name("N_incoming"),
        n=structure.n,
        resize="\n".join(texts["resize"].format(array) for array in sorted(resized)),
    )


def _arrays(device: Any, skip: Callable[[Any], bool]) -> dict[str, dict[str, Any]]:
    """Say which file holds which array after a run."""
    arrays = {}
    for variable in device.arrays:
        if not isinstance(variable, ArrayVariable) or not hasattr(variable.owner, "name"):
            continue
        if skip(variable):
            continue
        arrays[f"{variable.owner.name}.{variable.name}"] = {
            "file": device.get_array_filename(variable),
            "dtype": np.dtype(variable.dtype).name,
            "size": None if isinstance(variable, DynamicArrayVariable) else int(variable.size),
        }
    return arrays
