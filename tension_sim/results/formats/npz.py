"""numpy's own format: one array each, and the text ``about`` in JSON for all else; ``numpy.load`` opens it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...system.memory import check_memory
from ..format import Format
from ..packing import pack, unpack
from ..run_data import RunData

__all__ = ["FORMAT"]

_ABOUT = "about"


def _write(results: RunData, state: bool) -> bytes:
    arrays, header = pack(results, state)
    file = io.BytesIO()
    content: dict[str, Any] = {_ABOUT: np.array(json.dumps(header)), **arrays}
    np.savez(file, **content)
    return file.getvalue()


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as packed:
        check_memory("Results.load.path", sum(one.file_size for one in packed.infolist()), "a shorter run")
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(str(file[_ABOUT]))
        return unpack({name: file[name] for name in file.files if name != _ABOUT}, header)


FORMAT = Format(write=_write, read=_read)
