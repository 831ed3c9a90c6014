"""Compare what a program left with what the manifest of the kit wants. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["compare", "read"]


def read(results: Path, entry: Mapping[str, Any], name: str) -> np.ndarray:
    """Read an array that a program wrote.

    Raises
    ------
    OSError, ValueError
        If its file is missing or of another size.
    """
    path = results / entry["file"]
    if not path.exists():
        raise ValueError(f"{name}: its file {entry['file']} is missing")
    array = np.fromfile(path, entry["dtype"])
    if entry["size"] is not None and len(array) != entry["size"]:
        raise ValueError(f"{name}: {len(array)} numbers in its file, of {entry['size']}")
    return array


def compare(
    results: Path, kit: Path, program: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float
) -> tuple[list[str], float]:
    """Return what is wrong, and the largest difference of a number, relative to the largest of its array."""
    problems, largest = [], 0.0
    arrays = program["arrays"]
    for name, entry in wanted["numbers"].items():
        try:
            found = read(results, arrays[name], name)[:: entry["every"]]
            known = np.fromfile(kit / entry["file"], entry["dtype"])
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        if len(found) != len(known):
            problems.append(f"{name}: {len(found)} numbers, expected {len(known)}")
        elif known.dtype.kind in "iub":
            wrong = np.flatnonzero(found != known)
            if len(wrong):
                at = wrong[0]
                problems.append(f"{name}[{at * entry['every']}] is {found[at]}, expected {known[at]}")
        elif len(known):
            difference = _difference(found, known)
            at = int(np.argmax(difference))
            largest = max(largest, float(difference[at]))
            if difference[at] > tolerance:
                problems.append(
                    f"{name}[{at * entry['every']}] is {found[at]:.12g}, expected {known[at]:.12g}: "
                    f"{difference[at]:.1e} of the largest, more than {tolerance:.0e}"
                )
    for of, entry in wanted["spikes"].items():
        try:
            problems += _spikes(results, kit, arrays, of, entry)
        except (OSError, ValueError) as error:
            problems.append(str(error))
    return problems, largest


def _difference(found: np.ndarray, known: np.ndarray) -> np.ndarray:
    found, known = found.astype(float), known.astype(float)
    finite = np.abs(known[np.isfinite(known)]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - known) / max(finite, 1e-300)
    difference[(found == known) | (np.isnan(found) & np.isnan(known))] = 0
    return np.where(np.isnan(difference), np.inf, difference)


def _spikes(results: Path, kit: Path, arrays: Mapping[str, Any], of: str, entry: Mapping[str, Any]) -> list[str]:
    """Compare spikes step by step; within a step a monitor may list them in any order."""
    t, i = (read(results, arrays[f"{of}.{name}"], f"{of}.{name}") for name in "ti")
    if len(t) != len(i):
        return [f"{of}: {len(t)} times of {len(i)} neurons"]
    found = np.stack([np.rint(t / entry["dt"]).astype(np.int64), i.astype(np.int64)], axis=1)
    known = np.fromfile(kit / entry["file"], np.int64).reshape(-1, 2)
    found, known = ({tuple(pair) for pair in pairs.tolist()} for pairs in (found, known))
    if found == known and len(t) == len(known):
        return []
    other = sorted(found ^ known)
    if not other:
        return [f"{of}: {len(t)} spikes, of which some came twice, expected {len(known)}"]
    step, neuron = other[0]
    what = "is not expected" if other[0] in found else "is missing"
    return [f"{of}: {len(t)} spikes, expected {len(known)}; at step {step} that of neuron {neuron} {what}"]
