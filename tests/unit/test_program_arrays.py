"""Large states stay in files between the runs of a program: which do, and when the files go."""

from __future__ import annotations

import copy
import gc
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tension_sim.run import arrays
from tension_sim.system import memory_maps as mapped
from tension_sim.system import spare_files
from tension_sim.system.scratch import Scratch


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A state that counts as large, in a file of a run, and the folder of the run."""
    monkeypatch.setattr(arrays, "_LARGE", 64)
    monkeypatch.setattr(spare_files, "_MOST", 0)  # test_spare_files.py tests those
    with Scratch(tmp_path) as scratch:
        path = scratch.path / "results" / "rls_P"
        path.parent.mkdir()
        np.arange(100, dtype=np.float32).tofile(path)
        yield path, np.dtype("float32"), scratch


def file_of(value, dtype):
    return arrays.file_of(value, dtype, Path("nowhere"))


def test_a_large_state_stays_in_its_file(kept):
    path, _, scratch = kept
    array = arrays.from_file(*kept)
    other = path.with_name("other")
    other.write_bytes(b"1")
    scratch.close()
    assert not other.exists()
    np.testing.assert_array_equal(array, np.arange(100))
    assert file_of(array, "float32") == path
    np.testing.assert_array_equal(np.fromfile(path, np.float32), np.arange(100))
    # also through a view of the whole
    assert file_of(array.reshape(10, 10)[:], "float32") == path
    part = array[50:60]
    del array
    gc.collect()
    assert path.exists()
    np.testing.assert_array_equal(part, np.arange(50, 60))
    del part
    gc.collect()
    assert not scratch.path.exists()


def test_a_part_of_it_another_type_or_a_copy_is_written_anew(kept):
    array = arrays.from_file(*kept)
    for other in (array[1:], array[:-1], array[::-1], np.array(array), array * 2, [1.0], array.reshape(10, 10).T):
        assert file_of(other, "float32") is None
    assert file_of(array, "float64") is None
    assert file_of(array.view(np.int32), "int32") is None


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: os.truncate(path, 396)])
def test_a_file_that_is_gone_or_short_is_not_passed_on(kept, damage):
    array = arrays.from_file(*kept)
    damage(kept[0])
    assert file_of(array, "float32") is None


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda array: pickle.loads(pickle.dumps(array))])
def test_copies_are_plain_numbers(kept, copied):
    array = arrays.from_file(*kept)
    assert type(array) is np.ndarray
    other = copied(array)
    del array
    gc.collect()
    assert not kept[0].exists()
    np.testing.assert_array_equal(other, np.arange(100))
    other[0] = 3  # not the file's


@pytest.mark.parametrize("part", [1, 7, 100, 1000])
def test_it_is_gone_through_part_by_part(kept, monkeypatch, part):
    monkeypatch.setattr(mapped, "_PART", part)
    array = arrays.from_file(*kept)
    parts = list(mapped.in_parts(array))
    assert max(map(len, parts)) <= part
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(100))
    for few in (np.array(3.0), np.zeros((0, 2))):
        np.testing.assert_array_equal(np.concatenate(list(mapped.in_parts(few))), few.ravel())


@pytest.mark.parametrize(("small", "dropped"), [(399, 1), (400, 0)])
def test_few_pages_are_not_dropped(kept, monkeypatch, small, dropped):
    monkeypatch.setattr(mapped, "_SMALL", small)
    array, calls = arrays.from_file(*kept), []
    file = mapped.file_behind(array)
    assert file.nbytes == 400
    monkeypatch.setattr(file, "map", SimpleNamespace(madvise=calls.append))
    mapped.drop_pages(array)
    assert len(calls) == dropped


def test_a_small_one_is_read(kept, monkeypatch):
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    array = arrays.from_file(*kept)
    assert type(array) is np.ndarray
    assert kept[0].exists()
