"""Samples in a file against the same samples in memory: which rows are read, in what windows, and what is refused."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import numpy as np
import pytest

from tension_sim import InvalidValueError
from tension_sim.declare.sample_file import SampleFile
from tension_sim.errors import RunFailedError


def saved(folder, array) -> SampleFile:
    np.save(folder / "rows.npy", array)
    return SampleFile.of("A.b", folder / "rows.npy")


@pytest.mark.parametrize(
    ("shape", "window"),
    [((10,), 10), ((200_000,), 131_072), ((131_072, 1), 131_072), ((50_000, 3), 43_690), ((2, 131_072), 1),
     ((3, 200_000), 1)],
)  # fmt: skip
def test_a_window_has_131072_numbers_or_one_row(tmp_path, shape, window):
    file = saved(tmp_path, np.zeros(shape, np.int8))
    assert file.window == window
    assert file.shape == (shape[0], shape[1] if len(shape) > 1 else 1)
    assert len(file) == shape[0]


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u1", "?", "i8"])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_rows_are_those_of_the_array(tmp_path, dtype, scale):
    array = (np.arange(24).reshape(8, 3) % 5).astype(dtype)
    np.save(tmp_path / "rows.npy", array)
    file = SampleFile.of("A.b", str(tmp_path / "rows.npy"), scale)
    wanted = array.astype(float) * scale
    for first, count in ((0, 8), (0, 1), (7, 1), (3, 4)):
        assert np.array_equal(file.read(first, count), wanted[first : first + count])
    again = SampleFile.from_described(file.described)
    assert replace(again, dtype=file.dtype) == file
    assert np.array_equal(again.read(2, 3), wanted[2:5])
    assert SampleFile.from_described(np.empty(0, np.int32)) is None


def test_chosen_rows_of_several_windows(tmp_path):
    array = np.arange(3 * 50_000).reshape(50_000, 3)
    file = saved(tmp_path, array)
    rows = np.array([49_999, 0, 43_690, 43_689, 0, 17])
    assert np.array_equal(file.take(rows), array[rows])


@pytest.mark.parametrize("part", [slice(None), slice(5, None), slice(2, 9), slice(0, 1)])
@pytest.mark.parametrize("offset", [0, 24, 8192, 8216])
def test_a_part_of_a_memory_map(tmp_path, part, offset):
    (tmp_path / "raw").write_bytes(b"\0" * offset + np.arange(30.0).tobytes())
    rows = np.memmap(tmp_path / "raw", float, "r", offset, (10, 3))
    file = SampleFile.of("A.b", rows[part])
    assert np.array_equal(file.read(0, len(file)), np.arange(30.0).reshape(10, 3)[part])


def test_maps_that_are_read_as_arrays_in_memory(tmp_path):
    (tmp_path / "raw").write_bytes(np.arange(30.0).tobytes())
    rows = np.memmap(tmp_path / "raw", float, "r", 0, (10, 3))
    copied = np.memmap(tmp_path / "raw", float, "c", 0, (10, 3))
    for other in (
        rows[::2],
        rows[:, :2],
        rows.reshape(2, 5, 3),
        rows[:0],
        copied,
        rows.reshape(-1).view(complex),
        np.ones(3),
    ):
        assert SampleFile.of("A.b", other) is None
    assert SampleFile.of("A.b", rows[:, 0].copy()) is None
    assert SampleFile.of("A.b", rows.reshape(-1)).shape == (30, 1)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 2, 2)), "not empty.\nReceived: '{path} of shape (2, 2, 2)'"),
        (np.zeros((0, 2)), "not empty.\nReceived: '{path} of shape (0, 2)'"),
        (np.zeros((2, 0)), "not empty.\nReceived: '{path} of shape (2, 0)'"),
        (np.zeros(()), "not empty.\nReceived: '{path} of shape ()'"),
        (np.zeros((2, 2), "f2"), "of 4 or 8 bytes as this machine has them.\nReceived: '{path} of <f2'"),
        (np.zeros((2, 2), ">f8"), "as this machine has them.\nReceived: '{path} of >f8'\nFix: save it as float64."),
        (np.zeros((2, 2), complex), "as this machine has them.\nReceived: '{path} of <c16'"),
        (np.asfortranarray(np.ones((3, 2))), "row by row (C order).\nReceived: '{path} in Fortran order'"),
    ],
)
def test_arrays_that_are_no_samples(tmp_path, array, text):
    with pytest.raises(InvalidValueError, match=re.escape(text.format(path=tmp_path / "rows.npy"))):
        saved(tmp_path, array)


def test_a_file_that_is_cut_short(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.zeros((4, 2)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    found = f"Received: '{path} with {len(whole) - 1} of {len(whole)} bytes'\nFix: it is cut short"
    with pytest.raises(InvalidValueError, match=re.escape(found)):
        SampleFile.of("A.b", path)
    path.write_bytes(whole + b"more")
    assert SampleFile.of("A.b", path).shape == (4, 2)


def test_the_first_value_that_is_not_finite_is_named(tmp_path):
    array = np.zeros((50_000, 3), np.float32)
    file = saved(tmp_path, array)
    file.check_finite("A.b")
    array[[43_689, 43_690, 49_999], [2, 1, 0]] = np.inf, np.nan, -np.inf
    for place, value in (((43_689, 2), "inf"), ((43_690, 1), "nan"), ((49_999, 0), "-inf")):
        with pytest.raises(InvalidValueError, match=f"A.b: expected finite values.\nReceived: {value}\nFix") as caught:
            saved(tmp_path, array).check_finite("A.b")
        assert f"the value at index {place} of" in str(caught.value)
        array[place] = 0


def test_a_file_that_changes_is_not_read_on(tmp_path):
    path = tmp_path / "rows.npy"
    file = saved(tmp_path, np.zeros((4, 2)))
    os.utime(path, ns=(file.modified + 1, file.modified + 1))
    with pytest.raises(RunFailedError, match=r"could not read .*rows.npy \(it was changed since\)"):
        file.read(0, 1)
    path.write_bytes(path.read_bytes() + b"1")
    with pytest.raises(RunFailedError, match=rf"\(it has {file.bytes + 1} bytes, not {file.bytes}\)"):
        file.read(0, 1)
    path.unlink()
    with pytest.raises(RunFailedError, match=r"\(No such file or directory\)"):
        file.read(0, 1)
