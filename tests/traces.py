"""The stored traces of published programs, in tests/data, which says how each was made."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"


def trace_names(folder: str) -> list[str]:
    """Return the names of the traces in a folder of tests/data."""
    return sorted(path.stem for path in (DATA / folder).glob("*.npz"))


def load_trace(folder: str, name: str) -> dict[str, Any]:
    """Return the arrays of a trace; ``"doc"`` is its description, a dict."""
    with np.load(DATA / folder / f"{name}.npz") as file:
        arrays: dict[str, Any] = dict(file)
    arrays["doc"] = json.loads(str(arrays["doc"]))
    return arrays


def published_parameters() -> dict[str, dict[str, str]]:
    """Return the published parameters of Nicola & Clopath (2017), by the path of the program."""
    with (DATA / "nicola_clopath" / "parameters.csv").open(encoding="utf-8", newline="") as file:
        return {row["script"]: row for row in csv.DictReader(file)}
