"""A file that nobody reads any more is written into by a later run, and never while anybody has its numbers."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tension_sim.run import arrays
from tension_sim.system import spare_files
from tension_sim.system.scratch import Scratch

COUNT = 1000


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Files that count as large, and none that another test has left."""
    monkeypatch.setattr(arrays, "_LARGE", 64)
    spare_files._spares.clear()
    yield
    spare_files._spares.clear()


def written(scratch, value=1.0, count=COUNT):
    """A large array of a run, in its file."""
    path = scratch.path / f"array_{value}"
    np.full(count, value).tofile(path)
    array = arrays.from_file(path, np.dtype("float64"), scratch)
    scratch.close()
    return path, array


def next_run(tmp_path, value=2.0, count=COUNT):
    """What a further run does; return the inode of its file, and what it wrote."""
    scratch = Scratch(tmp_path)
    path = scratch.path / f"next_{value}"
    room = arrays.room_for(path, 8 * count)
    found = path.stat().st_ino if path.exists() else None
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(np.full(count, value).data)
    array = arrays.from_file(path, np.dtype("float64"), scratch, room)
    scratch.close()
    return found, array


def test_the_next_run_writes_into_the_file_of_an_array_that_is_gone(tmp_path):
    path, array = written(Scratch(tmp_path))
    inode = path.stat().st_ino
    del array
    gc.collect()
    found, array = next_run(tmp_path)
    assert found == inode
    np.testing.assert_array_equal(array, np.full(COUNT, 2.0))
    assert not path.parent.exists()
    # and the one after that, into the same
    del array
    gc.collect()
    found, array = next_run(tmp_path, 3.0)
    assert found == inode
    np.testing.assert_array_equal(array, np.full(COUNT, 3.0))
    spare_files._spares.clear()
    del array
    gc.collect()
    spare_files._spares.clear()
    assert not list(tmp_path.iterdir())


def test_what_anybody_holds_a_part_of_is_left_alone(tmp_path):
    path, array = written(Scratch(tmp_path))
    part = array[10:].reshape(-1, 10)[::3]
    del array
    gc.collect()
    found, other = next_run(tmp_path)
    assert found is None
    np.testing.assert_array_equal(part, np.ones((33, 10)))
    np.testing.assert_array_equal(other, np.full(COUNT, 2.0))
    assert path.exists()


@pytest.mark.parametrize("count", [COUNT - 1, COUNT + 1])
def test_a_file_of_another_size_is_no_room(tmp_path, count):
    array = written(Scratch(tmp_path))[1]
    del array
    gc.collect()
    assert next_run(tmp_path, count=count)[0] is None


def test_small_arrays_take_none(tmp_path, monkeypatch):
    array = written(Scratch(tmp_path))[1]
    del array
    gc.collect()
    monkeypatch.setattr(arrays, "_LARGE", 10**6)
    assert arrays.room_for(tmp_path / "x", 8 * COUNT) is None


def test_no_more_is_kept_than_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(spare_files, "_MOST", 8 * COUNT)
    first, one = written(Scratch(tmp_path), 1.0)
    second, other = written(Scratch(tmp_path), 2.0)
    large, third = written(Scratch(tmp_path), 3.0, COUNT + 1)
    del one
    gc.collect()
    assert first.exists()
    del other, third
    gc.collect()
    assert not first.exists()
    assert second.exists()
    assert not large.exists()


@pytest.mark.parametrize("gone_before", [True, False])
def test_a_process_that_was_forked_keeps_its_numbers(tmp_path, gone_before):
    array = written(Scratch(tmp_path))[1]
    kept = [array]
    if gone_before:  # what is spare then may be mapped there too
        del array
        kept.clear()
        gc.collect()
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()

    def child():
        there.recv()
        there.send([float(each.sum()) for each in kept])

    process = fork.Process(target=child)
    process.start()
    if not gone_before:
        del array
        kept.clear()
        gc.collect()
    found, _ = next_run(tmp_path)
    here.send("go")
    assert here.recv() == ([] if gone_before else [COUNT])
    process.join()
    assert found is None


def test_another_file_system_gets_none(tmp_path, monkeypatch):
    path, array = written(Scratch(tmp_path))
    del array
    gc.collect()

    def refused(*paths):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(type(path), "rename", refused)
    assert arrays.room_for(tmp_path / "x", 8 * COUNT) is None
    gc.collect()
    assert not path.exists()


def test_none_is_left_at_the_end_of_the_process(tmp_path):
    code = """
        import sys
        import numpy as np
        from tension_sim.run import arrays
        from tension_sim.system import spare_files
        from tension_sim.system.scratch import Scratch
        arrays._LARGE = 64
        def made():
            scratch = Scratch(sys.argv[1])
            np.ones(100).tofile(scratch.path / "a")
            array = arrays.from_file(scratch.path / "a", np.dtype("float64"), scratch)
            scratch.close()
            return array
        made()
        held = made()
        assert len(spare_files._spares) == 1
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path], check=True, env=os.environ)
    assert not list(tmp_path.iterdir())
