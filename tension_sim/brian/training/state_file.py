"""Nested states of Brian2 in one file of plain arrays, without pickle: a file may come from a stranger."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

from ...errors import InvalidValueError, message
from ...system.files import check_path, write_whole
from ...system.interrupts import interrupts_wait
from ...system.nested import decoded, encoded

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
    target = check_path(where, path)
    arrays: list[np.ndarray] = []
    meta = json.dumps({"format": _FORMAT, "about": about, "state": encoded(state, arrays)})
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
    source = check_path(where, path)
    expected = "a file that Trainer.save wrote"
    try:
        with np.load(source, allow_pickle=False) as file:
            meta = json.loads(str(file[_META]))
            if meta["format"] != _FORMAT:
                raise InvalidValueError(message(where, f"{expected} ({_FORMAT})", meta["format"]))
            return decoded(meta["state"], lambda n: file[f"a{n}"]), meta["about"]
    except FileNotFoundError:
        raise InvalidValueError(message(where, expected, str(source), "there is no such file.")) from None
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InvalidValueError):
            raise
        raise InvalidValueError(message(where, expected, str(source), f"it cannot be read ({error}).")) from None
