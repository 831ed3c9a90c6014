"""What decides the bits of a run, by name: the settings, the program and the data that a checkpoint belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..circuit.names import SAMPLES, entry, split
from ..circuit.parts import Circuit
from ..declare.sample_file import SampleFile
from ..system.memory_maps import in_parts
from ..tasks import Task
from .cache import program_key

__all__ = [
    "identity_of_files",
    "identity_of_program",
    "identity_of_rows",
    "identity_of_task",
    "identity_of_values",
    "versions",
]


def identity_of_program(circuit: Circuit, target: str) -> dict[str, str]:
    """Return what names a circuit's program on a target; that of a compiled one says its compiler's machine too."""
    compiled = target in ("cpp_standalone", "cuda_standalone")
    return {"target": target, "program": program_key(circuit, target) if compiled else circuit.digest[:24]}


def identity_of_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of the values of a run; samples by the argument that gives them.

    Examples
    --------
    >>> identity_of_values({"readout.w": np.zeros(3), "target.every": 1})
    {'readout.w': 'sha256 9d908ecfb6b256def8b49a7c504e6c88', 'target.every': '1'}
    """
    found = {}
    for name, value in values.items():
        part, variable = split(name)
        if variable == "samples_file":
            file = SampleFile.from_described(np.asarray(value))
            if file is not None:
                found[SAMPLES[part]] = identity_of_rows(file)
        elif variable == "samples":
            if not len(values.get(entry(part, "samples_file"), ())):
                found[SAMPLES[part]] = _digest(in_parts(value))
        else:
            found[name] = str(value) if np.ndim(value) == 0 else _digest(in_parts(value))
    return found


def identity_of_rows(rows: np.ndarray | SampleFile) -> str:
    """Return the digest of a time series, also of one that stays in its file."""
    if isinstance(rows, np.ndarray):
        return _digest(in_parts(rows))
    firsts = range(0, rows.rows, rows.window)
    return _digest(rows.read(first, min(rows.window, rows.rows - first)) for first in firsts)


def identity_of_task(task: Task) -> dict[str, str]:
    """Return the digests of target, inputs and rates, by the arguments of a run, and how often they repeat.

    Examples
    --------
    >>> from tension_sim.tasks import Task
    >>> [*identity_of_task(Task("demo", 6, np.zeros((2, 1)), np.ones((2, 1)), period=2))]
    ['y', 'x', 'period']
    """
    found = {name: identity_of_rows(rows) for name, rows in task.samples.items()}
    return found | ({} if task.period is None else {"period": f"{task.period} of {task.n_steps} steps"})


def identity_of_files(paths: Iterable[Path]) -> str:
    """Return one digest of the content of some files."""
    return _digest(np.fromfile(path, np.uint8) for path in paths)


def _digest(parts: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).view(np.uint8).data if part.size else b"")
    return f"sha256 {digest.hexdigest()[:32]}"


@cache
def versions(target: str) -> dict[str, str]:
    """Return the versions of what computes a run on a target; of this package its source files too."""
    package = Path(__file__).resolve().parents[1]
    sources = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".cpp", ".h", ".cu", ".pyx", ".py_"))
    found = {"tension-sim": f"{__version__} ({identity_of_files(sources)[7:15]})"}
    for name in ("brian2", "numpy", *(["tensorflow"] if target == "tensorflow" else [])):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
