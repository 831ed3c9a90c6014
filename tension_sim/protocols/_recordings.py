"""Recorded activity from a file that a recipe names."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..errors import unknown_name
from ..system.data_files import load_arrays

__all__ = ["read_recording"]


def read_recording(where: str, file: str, known: Collection[str]) -> dict[str, np.ndarray]:
    """Read a recording.

    Parameters
    ----------
    where : str
        Section and key, for messages.
    file : str
        A ``.npy`` file of shape (samples, neurons), or a ``.npz`` file with ``data`` of that
        shape, or ``tracez`` of shape (neurons, samples), and arrays of the other known names.
    known : collection of str
        Names that are read; others are ignored.

    Returns
    -------
    dict of str to ndarray
        ``"data"``, and what else was found.

    Raises
    ------
    InvalidValueError, UnknownNameError
        If the file cannot be read, or has no data.
    """
    names: list[str] = []

    def wanted(name: str) -> bool:
        names.append(name)
        return name in ("data", "tracez", *known)

    found = load_arrays(where, file, wanted)
    if "tracez" in found:
        traces = found.pop("tracez").T
        found.setdefault("data", traces)
    if "data" not in found:
        raise unknown_name(where, "array (data, or tracez)", ", ".join(names), ("data", "tracez"))
    return found
