"""Change a program that Brian2 generated so that a second run continues where the first ended, bit for bit.

After a run the program writes its arrays, the spikes that are still under way, its random number generators and its
time into a folder. Started with that folder, it skips its initialisation and reads them. Brian2 writes the first of
these alone (before 2.10), or reads none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brian2.core.variables import DynamicArrayVariable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from ..errors import UnsupportedError, message
from .program_files import TEMPLATES, loading_code, use_own_files

__all__ = ["BEGIN", "GENERATORS", "TIME", "check_device", "generate_continuable", "state_files"]

#: The first statement of the program.
BEGIN = "tsim::begin_continuable(args);"

#: Files of a state that belong to no variable.
TIME, GENERATORS = "tsim_time", "tsim_generators"

_HEADER = "tsim_state.h"

#: Ends the initialisation in main.cpp.
_MARK = "// tsim: initialised"

_START = re.compile(r"^([ \t]*using namespace brian;\s*\n(?:[ \t]*omp_\w+\(.*\);[ \t]*\n)*)", re.MULTILINE)
_PRIVATE = "private:\n        std::mt19937 gen;"


def check_device(where: str, device: Any) -> None:
    """Refuse a device whose programs cannot go on.

    Raises
    ------
    UnsupportedError
        Before anything is generated.
    """
    if type(device) is not CPPStandaloneDevice:
        raise UnsupportedError(
            message(
                where,
                "a runtime target or cpp_standalone, whose queues and random numbers can go on",
                type(device).__name__,
                'set_device("cpp_standalone"), or a runtime target.',
            )
        )


def generate_continuable(device: Any, network: Any, folder: Path) -> None:
    """Generate the sources again, of a network that Brian2's device has run and built, and change them.

    Parameters
    ----------
    device : Device
        Its ``main_queue`` ends with a run of the network.
    network : Network
    folder : Path
        Where Brian2 wrote the sources.

    Raises
    ------
    UnsupportedError
        If this version of Brian2 generates something that is not known here.
    """
    header = folder / "objects.h"
    text = header.read_text()
    if _PRIVATE not in text and _PRIVATE.replace("private", "public") not in text:
        raise _unknown(device, "its random number generators")
    header.write_text(text.replace(_PRIVATE, _PRIVATE.replace("private", "public")))
    before = device.main_queue, device.code_lines["before_start"]
    device.main_queue = _continued_queue(device, network)
    device.code_lines["before_start"] = [BEGIN, *before[1]]
    try:
        device.generate_main_source(device.writer)
    finally:
        device.main_queue, device.code_lines["before_start"] = before
    device.generate_objects_source(
        device.writer, device.arange_arrays, device.synapses, device.static_array_specs, device.networks,
        device.timed_arrays,
    )  # fmt: skip
    header.write_text(header.read_text().replace(_PRIVATE, _PRIVATE.replace("private", "public")))
    use_own_files(folder, {file for file, _, _ in _arrays(device)})
    (folder / _HEADER).write_text((TEMPLATES / _HEADER).read_text())
    main = folder / "main.cpp"
    text = main.read_text()
    wrapped, starts = _START.subn(r"\1if (!tsim::goes_on()) {\n", text, count=1)
    if not starts or wrapped.count(_MARK) != 1:
        raise _unknown(device, "main.cpp")
    main.write_text(f'#include "network.h"\n#include "{_HEADER}"\n{wrapped.replace(_MARK, "}")}')


def _continued_queue(device: Any, network: Any) -> list[tuple[str, Any]]:
    """Return what the program does, with the end of its initialisation marked and its state read and written."""
    queue = list(device.main_queue)
    runs = [place for place, (what, _) in enumerate(queue) if what == "run_network"]
    if not runs:
        raise _unknown(device, "a program without a run")
    last = first = runs[-1]
    while first and queue[first - 1][0] == "before_run_code_object":
        first -= 1
    _, (net, lines) = queue[last]
    run = re.compile(rf"^{re.escape(net.name)}\.run\(([^,]+), (.*)\);$")
    changed = []
    for line in lines:
        found = run.match(line)
        if found is None:
            if line != "set_from_command_line(args);":  # Brian2's reading comes after ours, which knows any length
                changed.append(line)
            continue
        changed += [
            *_restore(device, arrays=True, rest=True, network=net.name),
            loading_code(device, lambda variable: False),
            "set_from_command_line(args);",  # values of a TimedArray
            f"if (tsim::continued().t >= 0) {net.name}.t = tsim::continued().t;",
            f"{net.name}.run(tsim::continued().duration >= 0 ? tsim::continued().duration : {found[1]}, {found[2]});",
            *_write(device, net.name),
        ]
    if changed == lines:
        raise _unknown(device, "the run of a network")
    mark = ("insert_code", _MARK)
    early = ("insert_code", "\n".join(_restore(device, arrays=True, rest=False, network=net.name)))
    return [*queue[:first], mark, early, *queue[first:last], ("run_network", (net, changed)), *queue[last + 1 :]]


def _arrays(device: Any) -> Iterator[tuple[str, str, Any]]:
    """Return file, name in the program and variable of all arrays."""
    names = device.arrays | device.dynamic_arrays | device.dynamic_arrays_2d
    for variable, array in names.items():
        yield device.get_array_filename(variable), array, variable


def _pathways(device: Any) -> Iterator[Any]:
    for synapses in sorted(device.synapses, key=lambda one: one.name):
        yield from synapses._pathways


def _restore(device: Any, *, arrays: bool, rest: bool, network: str) -> list[str]:
    """Return the code that reads a state: its arrays before queues are prepared, and all once they are."""
    lines = []
    for file, array, variable in _arrays(device) if arrays else ():
        if not isinstance(variable, DynamicArrayVariable):
            lines.append(f'tsim::restore_array("{file}", {array}, {int(variable.size)});')
        elif variable.ndim == 1:
            lines.append(f'tsim::restore_vector("{file}", {array});')
        else:
            lines.append(f'tsim::restore_rows("{file}", {array}, {int(variable.size[1])});')
    if rest:
        lines += [f'tsim::restore_queue("{path.name}.queue", {path.name});' for path in _pathways(device)]
        lines.append(f'tsim::restore_generators("{GENERATORS}", brian::_random_generators);')
        lines.append(f'tsim::restore_array("{TIME}", &{network}.t, 1);')
    return ["if (tsim::goes_on()) {", *lines, "}"]


def _write(device: Any, network: str) -> list[str]:
    """Return the code that writes what belongs to no variable."""
    folder = "brian::results_dir"
    lines = [f'tsim::write_queue({folder}, "{path.name}.queue", {path.name});' for path in _pathways(device)]
    return [
        *lines,
        f'tsim::write_generators({folder}, "{GENERATORS}", brian::_random_generators);',
        f'tsim::write_array({folder}, "{TIME}", &{network}.t, 1);',
    ]


def state_files(device: Any) -> list[str]:
    """Return the names of all files of a state."""
    files = [file for file, _, _ in _arrays(device)]
    return [*files, *(f"{path.name}.queue" for path in _pathways(device)), GENERATORS, TIME]


def _unknown(device: Any, what: str) -> UnsupportedError:
    return UnsupportedError(
        message(
            type(device).__name__,
            "a program that is known here, so that it can go on",
            f"{what}, as Brian2 {version('brian2')} generates it",
            "install another version of brian2; pyproject.toml of tension-sim names those that are known.",
        )
    )
