"""Where the files of a run lie while it goes on: in memory where there is room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["fast_folder", "remove"]

#: Where files never reach a disk, and how many bytes of a run's arrays may lie there.
_IN_MEMORY = "/dev/shm"
_MOST_IN_MEMORY = 2**28


def fast_folder(values: Mapping[str, Any], recorded: int) -> str | None:
    """Return a folder in memory with ample room for the files of a run; None where the user names another."""
    if any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")) or not os.access(_IN_MEMORY, os.W_OK):
        return None
    size = recorded + 2 * sum(np.asarray(value).nbytes for value in values.values())
    return _IN_MEMORY if size < min(_MOST_IN_MEMORY, shutil.disk_usage(_IN_MEMORY).free // 4) else None


def remove(folder: Path | None) -> None:
    if folder is not None and folder.is_file():
        folder.unlink()
    elif folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
