"""NIX, the format of G-Node: the Block of `to_neo`, which neo and nixio open, and all else that a load needs.

Writing and opening take some milliseconds for each spike train: seconds for a network of thousands.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..format import Format
from ..hdf5 import plain_dataset, read_all
from ..neo_block import to_neo
from ..nixfile import nix_image
from ..packing import pack, unpack
from ..run_data import RunData
from ..table import joined_name

__all__ = ["FORMAT"]


def _write(results: RunData, state: bool) -> bytes:
    arrays, header = pack(results, state)
    about = header | {"arrays": {name: list(array.shape) for name, array in arrays.items()}}
    return nix_image(to_neo(results), {joined_name(name): array for name, array in arrays.items()}, about)


def _read(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path, "r") as file:
        header = json.loads(file["metadata/tension_sim/properties/header"][0])
        block = f"data/{next(iter(file['data']))}/data_arrays"
        names = header["arrays"]
        arrays = read_all(
            {name: plain_dataset(file, f"{block}/tension_sim.{joined_name(name)}/data") for name in names}
        )
        if isinstance(names, dict):  # earlier files list names alone
            arrays = {name: arrays[name].reshape(shape) for name, shape in names.items()}
        return unpack(arrays, header)


FORMAT = Format(write=_write, read=_read, write_block=nix_image)
