"""Arrays that cannot change are written once for all runs; those that can, for each run."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from tension_sim.run import arrays
from tension_sim.system import constant_files
from tension_sim.system.scaled import Scaled


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(constant_files, "_LARGE", 64)


def fixed(count=100):
    array = np.arange(float(count))
    array.flags.writeable = False
    return array


def test_a_fixed_array_is_written_once_and_goes_with_it(tmp_path):
    array = fixed()
    path = arrays.file_of(array, "float32", tmp_path)
    np.testing.assert_array_equal(np.fromfile(path, np.float32), np.arange(100))
    assert arrays.file_of(array, "float32", tmp_path) == path
    other = arrays.file_of(array, "float64", tmp_path)
    np.testing.assert_array_equal(np.fromfile(other, np.float64), np.arange(100))
    del array
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_products_are_told_apart_by_factor_and_type(tmp_path):
    array = fixed()
    kinds = [(2.0, "float64"), (3.0, "float64"), (0.1, "float32"), (0.1, "float64")]
    paths = {kind: arrays.file_of(Scaled(array, *kind), "float64", tmp_path) for kind in kinds}
    assert len({*paths.values()}) == len(kinds)
    for (factor, dtype), path in paths.items():
        np.testing.assert_array_equal(np.fromfile(path), (np.arange(100) * factor).astype(dtype))
        assert arrays.file_of(Scaled(array, factor, dtype), "float64", tmp_path) == path
    del array
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_what_somebody_can_write_into_is_not_kept(tmp_path):
    whole = np.arange(100.0)
    view = whole[:]
    view.flags.writeable = False
    for array in (whole, view, Scaled(whole, 2.0, "float64"), Scaled(view, 2.0, "float64"), 1.0, fixed(7)):
        assert arrays.file_of(array, "float64", tmp_path) is None
    assert arrays.file_of(fixed()[:50], "float64", tmp_path) is not None


def test_no_more_is_kept_than_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(constant_files, "_MOST", 800)
    one, other = fixed(), fixed()
    assert arrays.file_of(one, "float64", tmp_path) is not None
    assert arrays.file_of(other, "float64", tmp_path) is None
    assert arrays.file_of(one, "float64", tmp_path) is not None
    del one
    gc.collect()
    assert arrays.file_of(other, "float64", tmp_path) is not None


def test_a_file_that_somebody_removed_is_written_again(tmp_path):
    array = fixed()
    arrays.file_of(array, "float64", tmp_path).unlink()
    np.testing.assert_array_equal(np.fromfile(arrays.file_of(array, "float64", tmp_path)), np.arange(100))


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    array = fixed()
    with pytest.raises(OSError, match="No space left"):
        constant_files.constant_file(array, "float64", tmp_path, full)
    assert not list(tmp_path.iterdir())
    assert arrays.file_of(array, "float64", tmp_path).stat().st_size == 800
