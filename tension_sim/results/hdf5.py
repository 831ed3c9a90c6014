"""HDF5 files made in memory, and read with care: a file from elsewhere may unpack to any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ..system.memory import check_memory

if TYPE_CHECKING:
    import h5py

__all__ = ["in_memory", "plain_dataset", "put", "read_all"]


def in_memory(**options: Any) -> h5py.File:
    """Open a new HDF5 file that reaches the disk as its image: a full disk ends the process that HDF5 writes in."""
    import h5py

    # without a backing store nothing of this name reaches the disk; HDF5 wants names that differ
    return h5py.File(uuid4().hex, "w", driver="core", backing_store=False, block_size=1 << 24, **options)


def put(place: h5py.File | h5py.Group, name: str, values: np.ndarray) -> None:
    """Write an array; only whole numbers, such as spikes, are compressed, because weights and states do not shrink."""
    packed = {"compression": 1, "shuffle": True} if values.dtype.kind in "iu" and values.size > 1000 else {}
    place.create_dataset(name, data=values, **packed)


def plain_dataset(file: h5py.File, place: str) -> h5py.Dataset:
    """Return a dataset whose numbers lie in this file.

    Raises
    ------
    ValueError
        If it points into another file.
    """
    data = file[place]
    if data.is_virtual or data.external or data.file != file:
        raise ValueError(place)
    return data


def read_all(arrays: Mapping[str, h5py.Dataset]) -> dict[str, np.ndarray]:
    """Return the values of datasets; refuse what does not fit into memory.

    Raises
    ------
    OutOfMemoryError
        Before anything is read.
    """
    check_memory("Results.load.path", sum(data.nbytes for data in arrays.values()), "a shorter run")
    return {name: data[()] for name, data in arrays.items()}
