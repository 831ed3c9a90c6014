"""Large states stay in files between the runs of a program: which do, and when the files go."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from tension_sim import mapped
from tension_sim.run import arrays


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A state that counts as large, in a file of a run."""
    monkeypatch.setattr(arrays, "_LARGE", 64)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "rls_P"
    np.arange(100, dtype=np.float32).tofile(path)
    return path


def test_a_large_state_stays_in_its_file(kept):
    array = arrays.from_file(kept, np.dtype("float32"))
    np.testing.assert_array_equal(array, np.arange(100))
    assert not kept.exists()
    path = arrays.file_of(array, "float32")
    assert path == Path(array.filename)
    np.testing.assert_array_equal(np.fromfile(path, np.float32), np.arange(100))
    # also through a view of the whole
    assert arrays.file_of(np.asarray(array), "float32") == path
    del array
    gc.collect()
    assert not path.exists()


def test_a_part_of_it_another_type_or_a_copy_is_written_anew(kept):
    array = arrays.from_file(kept, np.dtype("float32"))
    for other in (array[1:], array[::-1], np.array(array), array * 2, [1.0], array.reshape(10, 10).T):
        assert arrays.file_of(other, "float32") is None
    assert arrays.file_of(array, "float64") is None
    assert arrays.file_of(array.view(np.int32), "int32") is None


@pytest.mark.parametrize("part", [1, 7, 100, 1000])
def test_it_is_gone_through_part_by_part(kept, monkeypatch, part):
    monkeypatch.setattr(mapped, "_PART", part)
    array = arrays.from_file(kept, np.dtype("float32"))
    parts = list(mapped.in_parts(array))
    assert max(map(len, parts)) <= part
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(100))
    for few in (np.array(3.0), np.zeros((0, 2))):
        np.testing.assert_array_equal(np.concatenate(list(mapped.in_parts(few))), few.ravel())


def test_a_small_one_is_read(kept, monkeypatch):
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    array = arrays.from_file(kept, np.dtype("float32"))
    assert type(array) is np.ndarray
    assert kept.exists()
