"""A network with what its runs are given, in one file of a sweep's folder, where each worker reads it once."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..declare.record import Record
from ..declare.sample_file import SampleFile
from ..declare.series import check_rows
from ..errors import InvalidTypeError, OutputError, message
from ..results.declaration import AnyNetwork, described
from ..run.identity import identity_of_rows, identity_of_task
from ..run.simulation import Simulation
from ..system.files import write_whole
from ..tasks import Task
from .folder import NETWORK

__all__ = ["Given", "read_given", "write_given"]

_SERIES = ("y", "x", "rates")


@dataclass(frozen=True, eq=False)
class Given:
    """A network, and the arguments of its runs.

    Attributes
    ----------
    net : ForceNetwork, FittedNetwork or Network
        The declaration.
    data : dict
        Arguments of `Simulation.run`: samples as arrays, a `Task`, or paths of files.
    record : Record
        What is recorded.
    """

    net: AnyNetwork
    data: Mapping[str, Any]
    record: Record

    @classmethod
    def of(cls, where: str, net: AnyNetwork, record: Any, data: Mapping[str, Any]) -> Given:
        """Check what can be checked without a run; `where` begins the messages."""
        simulation = Simulation(net, target="numpy", record=record)
        units = simulation.wiring.sample_units
        given: dict[str, Any] = {}
        for name, value in data.items():
            if name not in _SERIES or value is None or isinstance(value, Task):
                given[name] = value
                continue
            rows = check_rows(f"{where}.{name}", value, units.get(name, "1"))
            if isinstance(rows, SampleFile) and isinstance(value, np.memmap):
                what = "the path of a .npy file, or an array in memory"
                raise InvalidTypeError(message(f"{where}.{name}", what, value, f"pass {str(rows.path)!r}."))
            given[name] = rows if isinstance(rows, np.ndarray) else Path(os.fspath(value)).resolve()
        return cls(net, given, simulation.record)

    @property
    def name(self) -> str:
        """Kind of the network."""
        return type(self.net).__name__

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network, with all that is drawn from its own seed."""
        plain, _ = described(self.net)
        return "" if plain is None else str(plain["digest"])

    @property
    def identity(self) -> dict[str, str]:
        """The data by their names: what they are, or their digests."""
        found = {} if self.record == Record() else {"record": repr(self.record)}
        for name, value in self.data.items():
            found |= identity_of_task(value) if isinstance(value, Task) else {}
            for part, rows in _rows_of(name, value).items():
                found[part] = identity_of_rows(rows)
            if name not in _SERIES and value is not None:
                found[name] = json.dumps(value, sort_keys=True)
        return found


def _rows_of(name: str, value: Any) -> dict[str, np.ndarray | SampleFile]:
    """Return the samples of an argument by their names."""
    if isinstance(value, Path):
        file = SampleFile.of(f"sweep.{name}", value)
        return {} if file is None else {name: file}
    return {name: value} if name in _SERIES and isinstance(value, np.ndarray) else {}


def write_given(where: str, folder: Path, given: Given) -> tuple[Path, str]:
    """Write network and data into the folder of a sweep, whole; return the file and the SHA-256 of its content.

    `where` begins the messages, here and below.
    """
    content = pickle.dumps(given)
    path = write_whole(f"{where}.out", folder / NETWORK, content)
    return path.resolve(), sha256(content).hexdigest()


@lru_cache(maxsize=2)
def read_given(where: str, path: Path, content: str) -> Given:
    """Read them back; a file of any other content is not unpickled.

    Parameters
    ----------
    path : Path
        The file.
    content : str
        SHA-256 of its content.

    Raises
    ------
    OutputError
        If a worker does not see the file, or it is another.
    """
    try:
        read = path.read_bytes()
    except OSError as error:
        fix = "let all workers see the folder of the sweep, at the same path."
        what = f"a folder that workers can read ({error.strerror})"
        raise OutputError(message(f"{where}.out", what, str(path), fix)) from None
    if sha256(read).hexdigest() != content:
        what, fix = "the file that the sweep wrote when it began", "run one sweep at a time in a folder."
        raise OutputError(message(f"{where}.out", what, f"{path} with other content", fix))
    found: Given = pickle.loads(read)
    return found
