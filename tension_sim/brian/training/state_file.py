"""Nested states of Brian2 in one file of plain arrays, without pickle: a file may come from a stranger."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

from ...errors import InvalidValueError, message
from ...system.files import checked_path, write_whole
from ...system.interrupts import interrupts_wait

__all__ = ["read_state", "write_state"]

#: Of the file; a change of its form counts one more.
_FORMAT = "tension-sim Trainer 1"
_META = "meta"


def write_state(where: str, path: Any, state: Any, about: dict[str, Any]) -> None:
    """Write a state, whole or not at all.

    Parameters
    ----------
    where : str
        For messages.
    path : str or Path
    state : nested dict, list and tuple of arrays, numbers and strings
    about : dict
        What JSON can hold.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    target = checked_path(where, path)
    arrays: list[np.ndarray] = []
    meta = json.dumps({"format": _FORMAT, "about": about, "state": _encoded(state, arrays)})
    content = io.BytesIO()
    named: dict[str, Any] = {_META: np.array(meta)} | {f"a{n}": array for n, array in enumerate(arrays)}
    np.savez(content, **named)
    with interrupts_wait():
        write_whole(where, target, content.getbuffer())


def read_state(where: str, path: Any) -> tuple[Any, dict[str, Any]]:
    """Return a state and what is told about it.

    Raises
    ------
    InvalidValueError
        If it is no file of `write_state`.
    """
    source = checked_path(where, path)
    expected = "a file that Trainer.save wrote"
    try:
        with np.load(source, allow_pickle=False) as file:
            meta = json.loads(str(file[_META]))
            if meta["format"] != _FORMAT:
                raise InvalidValueError(message(where, f"{expected} ({_FORMAT})", meta["format"]))
            return _decoded(meta["state"], file), meta["about"]
    except FileNotFoundError:
        raise InvalidValueError(message(where, expected, str(source), "there is no such file.")) from None
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InvalidValueError):
            raise
        raise InvalidValueError(message(where, expected, str(source), f"it cannot be read ({error}).")) from None


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return what JSON can hold; arrays go into the list."""
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    if isinstance(value, dict):
        return {"dict": {key: _encoded(item, arrays) for key, item in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_encoded(item, arrays) for item in value]}
    if isinstance(value, list) and not all(isinstance(item, int) for item in value):
        return {"items": [_encoded(item, arrays) for item in value]}
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise TypeError(f"no array of numbers: {value!r}")
    arrays.append(array)
    return {"ints" if isinstance(value, list) else "array": len(arrays) - 1}


def _decoded(value: dict[str, Any], file: Any) -> Any:
    ((kind, held),) = value.items()
    if kind == "value":
        return held
    if kind == "dict":
        return {key: _decoded(item, file) for key, item in held.items()}
    if kind in ("tuple", "items"):
        items = [_decoded(item, file) for item in held]
        return tuple(items) if kind == "tuple" else items
    array = file[f"a{int(held)}"]
    return array.astype(np.int64).tolist() if kind == "ints" else array
