"""Let a generated program read and write its files whole or not at all, by our own code (tsim_files.h).

Brian2's own code prints a complaint and continues, with zeros or with part of the results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brian2.core import clocks
from brian2.core.variables import DynamicArrayVariable

from ..errors import RunFailedError

__all__ = ["BEGIN", "CLOCK", "TEMPLATES", "loading_code", "set_by_arguments_alone", "use_own_files"]

#: Where headers and templates lie.
TEMPLATES = Path(__file__).parent / "templates"
_HEADERS = ("tsim_files.h", "tsim_process.h", "tsim_team.h", "tsim_aligned.h")

#: Brian2 2.10 made it the base of another kind of clock.
CLOCK = getattr(clocks, "BaseClock", clocks.Clock)

#: Holds how many seconds the time steps took, which a program of ours says on stdout ("loop <seconds>").
_LOOP = "last_run_info.txt"

#: The first statement of a program.
BEGIN = "tsim::begin(args);"

# Brian2's code for one file: a stream, its use, and the complaint if it cannot be opened.
_STREAM = re.compile(r"^ *[io]fstream (\w+);\n.*?^ *\} else\s*\{.*?^ *\}\n", re.DOTALL | re.MULTILINE)
_WRITTEN = re.compile(r'\.open\(results_dir \+ "([^"]+)"')
_READ = re.compile(r"\.read\(reinterpret_cast<char\*>\((.+?)\), (\d+)\*sizeof\(")

# Brian2 counts the numbers of an array in int, which ends at 2^31 - 1: a large P has more.
_SIZE = re.compile(r"\bconst int (?=(?:brian::)?_num)")
_FILLING = re.compile(r"\bfor\(int i=0; (?=i<\d+; i\+\+\))")

# Brian2's function that sets a variable by its name, as an argument of the program says.
_BY_NAME = re.compile(
    r"^(void set_variable_by_name\(std::string name, std::string s_value\)) \{\n.*?^\}\n", re.DOTALL | re.MULTILINE
)


def use_own_files(folder: Path, wanted: Collection[str]) -> None:
    """Change the sources that were generated in a folder so that the program uses our code for its files.

    Of all arrays it writes only those into the files that are `wanted`.

    Raises
    ------
    RunFailedError
        If Brian2 generates something that is not known here.
    """
    for name in _HEADERS:
        (folder / name).write_text((TEMPLATES / name).read_text())
    objects, main = (next(folder.glob(f"{stem}.c[pu]*")) for stem in ("objects", "main"))
    objects.write_text(f'#include "tsim_files.h"\n#include "tsim_aligned.h"\n{own_files(objects.read_text(), wanted)}')
    main.write_text(f'#include "tsim_process.h"\n{main.read_text()}')
    for path in (objects, *folder.glob("objects.h"), *folder.glob("code_objects/*.cu")):
        path.write_text(with_long_counts(path.read_text()))


def with_long_counts(source: str) -> str:
    """Let generated code count the numbers of an array in 64 bits."""
    return _FILLING.sub("for(int64_t i=0; ", _SIZE.sub("const int64_t ", source))


def set_by_arguments_alone(folder: Path) -> None:
    """Leave out Brian2's own reading of arguments where `loading_code` has taken all of them: half of objects.cpp."""
    path = folder / "objects.cpp"
    path.write_text(_BY_NAME.sub(r"\1 {}\n", path.read_text()))


def own_files(source: str, wanted: Collection[str]) -> str:
    """Change the generated objects.cpp or objects.cu so that it reads and writes whole files, the wanted ones.

    Raises
    ------
    RunFailedError
        If Brian2 generates something that is not known here.
    """
    written: list[str] = []

    def write(block: re.Match[str]) -> str:
        file = _WRITTEN.search(block[0])
        if file is not None and file[1] == _LOOP:
            return '    std::printf("loop %.9g\\n", Network::_last_run_time);\n'
        if file is None or file[1] not in wanted:
            return ""
        written.append(file[1])
        array = block[1].removeprefix("outfile_")
        if f"n<{array}.n;" in block[0]:
            return f'    tsim::write_rows(results_dir, "{file[1]}", {array});\n'
        if f"{array}.size()" in block[0]:
            return f'    tsim::write_vector(results_dir, "{file[1]}", {array});\n'
        return f'    tsim::write_array(results_dir, "{file[1]}", {array}, _num_{array});\n'

    def read(block: re.Match[str]) -> str:
        found = _READ.search(block[0])
        if found is None:
            return block[0]
        name = block[1].removeprefix("f")
        return f'    tsim::read_array("{name}", "static_arrays/{name}", {found[1]}, {found[2]});\n'

    source = _in_function(source, "_write_arrays", write)
    source = _in_function(source, "_load_arrays", read)
    if sorted(written) != sorted(wanted):
        raise _unknown("_write_arrays")
    return source


def _in_function(source: str, name: str, replace: Callable[[re.Match[str]], str]) -> str:
    """Replace the streams in a function; none may be left in it."""
    body = re.compile(rf"^void {name}\(\)\n\{{\n.*?^\}}\n", re.DOTALL | re.MULTILINE)
    found = body.findall(source)
    if len(found) != 1:
        raise _unknown(name)
    changed = _STREAM.sub(replace, found[0])
    if re.search(r"\b[io]?fstream\b", changed):
        raise _unknown(name)
    return source.replace(found[0], changed)


def _unknown(function: str) -> RunFailedError:
    return RunFailedError(
        f"The code that Brian2 {version('brian2')} generates for {function} is not known, so that it could lose data.\n"
        "Fix: install another version of brian2; pyproject.toml of tension-sim names those that are."
    )


def owner_name(variable: Any) -> str | None:
    """Return the name of the object that a variable belongs to; None where that is gone, as a passing subgroup."""
    try:
        return getattr(variable.owner, "name", None)
    except ReferenceError:
        return None


def loading_code(device: Any, skip: Callable[[Any], bool], copy_array: str = "", copy_vector: str = "") -> str:
    """Return the code that takes the values of a run from its arguments.

    Parameters
    ----------
    device : Device
    skip : callable
        Says whether a variable cannot be set.
    copy_array, copy_vector : str
        Format strings with ``array`` (and ``size``): what is done after either was set.
    """
    lines = []
    for variable, array in device.arrays.items():
        owner = owner_name(variable)
        if variable.read_only or owner is None or isinstance(variable.owner, CLOCK) or skip(variable):
            continue
        name = f'"{owner}.{variable.name}"'
        if isinstance(variable, DynamicArrayVariable):
            vector = device.get_array_name(variable, access_data=False)
            free = "true" if variable.name in getattr(variable.owner, "any_length", ()) else "false"
            load, then = f"tsim::load_vector(args, {name}, brian::{vector}, {free})", copy_vector.format(array=vector)
        else:
            size = int(variable.size)
            load = f"tsim::load_array(args, {name}, brian::{array}, {size})"
            then = copy_array.format(array=array, size=size)
        lines.append(f"if ({load}) {{ {then} }}")
    return "\n".join(lines)
