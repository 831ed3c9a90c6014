"""The format of our own, read and written fastest: plain HDF5, which h5py, MATLAB, Julia and R open.

Arrays lie at their names (``output``, ``weights/output_kernel``, ``state/rls.P_packed``); everything else
is the table ``about`` with the columns setting, value and kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..format import Format
from ..hdf5 import in_memory, plain_dataset, put, read_all
from ..packing import pack, unpack
from ..run_data import RunData
from ..table import COLUMNS, joined_name, nested, rows

__all__ = ["FORMAT"]

_MARK, _VERSION = "tension-sim results", 1


def _write(results: RunData, state: bool) -> bytes:
    import h5py

    arrays, header = pack(results, state)
    with in_memory() as file:
        file.attrs["format"], file.attrs["version"] = _MARK, _VERSION
        for name, array in arrays.items():
            put(file, _place(name), array)
        table = file.create_dataset("about", data=[list(row) for row in rows(header)], dtype=h5py.string_dtype())
        table.attrs["columns"] = COLUMNS
        file.flush()
        return file.id.get_file_image()


def _place(name: str) -> str:
    """Return the path of an array: its group, then its name, in which a slash is no group."""
    group, dot, last = name.partition(".")
    return f"{group}/{joined_name(last)}" if dot else group


def _read(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path, "r") as file:
        if file.attrs["format"] != _MARK or file.attrs["version"] != _VERSION:
            raise ValueError(file.attrs["format"])
        header = nested((name, value, kind) for name, value, kind in plain_dataset(file, "about").asstr()[()])
        arrays: dict[str, Any] = {}
        for name, item in file.items():
            if name == "about":
                continue
            inner = {f"{name}.{key}": f"{name}/{key}" for key in item} if isinstance(item, h5py.Group) else {name: name}
            arrays |= {key.replace("~1", "/").replace("~0", "~"): plain_dataset(file, at) for key, at in inner.items()}
        return unpack(read_all(arrays), header)


FORMAT = Format(write=_write, read=_read)
