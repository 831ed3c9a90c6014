"""Values that are set once a program is built: they go into the state that its next run starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from brian2.core.variables import DynamicArrayVariable

from ..errors import UnsupportedError, message
from .program_files import CLOCK, owner_name

__all__ = ["write_values"]

#: What was queued: its kind, and its arguments.
Entry = tuple[str, Any]
_SET_BY_STRING = ("group_variable_set", "group_variable_set_conditional")


def write_values(where: str, device: Any, entries: Sequence[Entry], folder: Path) -> None:
    """Write what was set by numbers into the files of a state, all or nothing.

    Parameters
    ----------
    where : str
        For messages.
    device : CPPStandaloneDevice
    entries : sequence of (str, tuple)
        What it has queued since the program was built.
    folder : Path
        Holds the state.

    Raises
    ------
    UnsupportedError
        If an entry needs code of its own: a string, ``connect``, another ``run``, another dt.
    """
    names = device.arrays | device.dynamic_arrays_2d
    variables = {name: variable for variable, name in (*names.items(), *device.dynamic_arrays.items())}
    written: dict[Any, np.ndarray] = {}
    for entry in entries:
        what, arguments = entry
        change = _CHANGES.get(what)
        variable = variables.get(arguments[0]) if change is not None else None
        if (
            change is None
            or variable is None
            or (owner_name(variable) is not None and isinstance(variable.owner, CLOCK))
        ):
            raise _refused(where, entry, variable)
        if variable not in written:
            path = folder / device.get_array_filename(variable)
            written[variable] = np.fromfile(path, variable.dtype)
        written[variable] = change(device, written[variable], *arguments[1:])
    for variable, values in written.items():
        (folder / device.get_array_filename(variable)).write_bytes(values.tobytes())
        device.array_cache[variable] = None
        if isinstance(variable, DynamicArrayVariable):
            variable.size = len(values)


def _constant(device: Any, old: np.ndarray, value: Any, dynamic: bool) -> np.ndarray:
    return np.full_like(old, value)


def _element(device: Any, old: np.ndarray, item: Any, value: Any) -> np.ndarray:
    if isinstance(value, str):  # as C++ writes it
        plain = {"true": "1", "false": "0"}.get(value, value.replace(" ", ""))
        value = int(plain) if plain.lstrip("-").isdigit() else float(plain)
    new = old.copy()
    new[int(item)] = value
    return new


def _array(device: Any, old: np.ndarray, values: str, dynamic: bool) -> np.ndarray:
    new, given = old.copy(), np.ravel(device.static_arrays[values])
    new[: len(given)] = given
    return new


def _elements(device: Any, old: np.ndarray, items: str, values: str) -> np.ndarray:
    new = old.copy()
    new[device.static_arrays[items]] = device.static_arrays[values]
    return new


def _resized(device: Any, old: np.ndarray, size: int) -> np.ndarray:
    new = np.zeros(size, old.dtype)
    new[: len(old)] = old[:size]
    return new


#: What each kind of entry makes of an array.
_CHANGES: dict[str, Callable[..., np.ndarray]] = {
    "set_by_constant": _constant,
    "set_by_single_value": _element,
    "set_by_array": _array,
    "set_array_by_array": _elements,
    "resize_array": _resized,
}


def _refused(where: str, entry: Entry, variable: Any) -> UnsupportedError:
    what, arguments = entry
    fix = "set it before the first run: on a standalone device it is part of the program."
    if variable is not None:
        found = f"{variable.name} of {owner_name(variable)}"
    elif what == "run_code_object":
        code = arguments[0]
        found, fix = code.name, "do it before the first run: on a standalone device it is part of the program."
        if code.template_name in _SET_BY_STRING:
            found = f"{getattr(code.owner, 'name', code.name)}, set by a string"
            fix = "set numbers or an array; a string is code, which would have to be compiled."
    else:
        found, fix = {"run_network": "another run()"}.get(what, what), "do it before the first run."
    expected = "a network that stays as it was when its program was built, but for numbers that are set"
    return UnsupportedError(message(where, expected, found, fix))
