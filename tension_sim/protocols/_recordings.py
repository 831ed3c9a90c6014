"""Recorded activity from a file that a recipe names."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..errors import closest, unknown_name
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
        Names that are read; others are ignored, unless they look like one that is missing.

    Returns
    -------
    dict of str to ndarray
        ``"data"``, and what else was found.

    Raises
    ------
    InvalidValueError, UnknownNameError
        If the file cannot be read, has no data, or a name that is nearly a known one.
    """
    names: list[str] = []

    def wanted(name: str) -> bool:
        names.append(name)
        return name in ("data", "tracez", *known)

    found = load_arrays(where, file, wanted)
    missing = {"data", *known} - {*found}
    if "data" not in found and "tracez" not in found:
        fix = "" if any(closest(name, missing) for name in names) else "save the activity under the name data."
        raise unknown_name(where, "array", ", ".join(names), ("data", "tracez", *known), fix=fix)
    for name in names:
        if name not in found and closest(name, missing):
            raise unknown_name(where, "array", name, missing)
    if "tracez" in found:
        traces = found.pop("tracez").T
        found.setdefault("data", traces)
    return found
