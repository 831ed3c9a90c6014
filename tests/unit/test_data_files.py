"""Files of data that may come from strangers: nothing is read that they merely claim to hold."""

from __future__ import annotations

import io
import re
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from tension_sim import InvalidTypeError, InvalidValueError, Phase, Results, UnknownNameError
from tension_sim.errors import OutOfMemoryError
from tension_sim.protocols._recordings import read_recording
from tension_sim.system import data_files, memory
from tension_sim.system.data_files import load_arrays, load_table


def npy(shape, content=b"", descr="<f8"):
    """Return a .npy file whose header may say anything."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


def test_arrays_come_back_as_they_were_saved(tmp_path):
    arrays = {"data": np.arange(6.0).reshape(2, 3).T, "regions": np.array(["A", "B"]), "flag": np.array(True)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = load_arrays("A.b", tmp_path / "a.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    np.save(tmp_path / "a.npy", arrays["data"])
    np.testing.assert_array_equal(load_arrays("A.b", tmp_path / "a.npy")["data"], arrays["data"])
    assert found["data"].flags.writeable
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    assert load_table("A.b", tmp_path / "a.csv").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (npy((10**12,)), "it says that it holds 8000000000000 bytes, and has"),
        (npy((3,), b"x" * 8), "it is cut short"),
        (npy((-1,)), "not an array of numbers"),
        (npy((1,), b"x" * 8, "|O"), "not an array of numbers"),
        (b"", "expected a .npy or .npz file of numbers"),
        (b"\x93NUMPY\x09\x09", "expected a .npy or .npz file of numbers"),
        (b"PK\x03\x04broken", "expected a .npy or .npz file of numbers"),
    ],
)
def test_files_that_lie_are_refused(tmp_path, content, text):
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            load_arrays("A.b", tmp_path / name)


def test_the_fix_for_a_table_is_to_save_it(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    fixes = {"a.csv": r"write the array into such a file by numpy\.save\(\)", "none.csv": "check the path"}
    for name, fix in fixes.items():
        with pytest.raises(InvalidValueError, match=rf"Fix: {fix}\."):
            load_arrays("A.b", tmp_path / name)
    (tmp_path / "a.npy").write_bytes(b"1,2")
    with pytest.raises(InvalidValueError, match=r"Fix: write the file again\."):
        load_arrays("A.b", tmp_path / "a.npy")


def test_a_bomb_is_measured_before_it_unpacks(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.npy", npy((2**24,), b"\0" * 2**27))
    assert (tmp_path / "a.npz").stat().st_size < 2**20
    monkeypatch.setattr(data_files, "total_memory", lambda: 2**28)
    tracemalloc.start()
    with pytest.raises(
        InvalidValueError, match=r"A.b: expected a file whose data take at most 0.0671 GB.\nReceived: .*0.134 GB"
    ):
        load_arrays("A.b", tmp_path / "a.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23


def test_a_recording_without_data_names_what_is_there(tmp_path):
    np.savez(tmp_path / "a.npz", other=np.zeros(3))
    with pytest.raises(UnknownNameError, match=r"A.b: expected a known array[\s\S]*Received: 'other'"):
        read_recording("A.b", str(tmp_path / "a.npz"), ())


class TestSavedResults:
    @pytest.fixture
    def saved(self, tmp_path):
        run = Results("demo", 1e-3, 0, 4, 3, [0, 2], [1, 1], 2, 1, np.zeros((4, 1)), None, (Phase("all", 0, 4),))
        return run.save(tmp_path / "a.nix")

    def test_no_path(self):
        with pytest.raises(InvalidTypeError, match="Results.load.path: expected a path.\nReceived: None"):
            Results.load(None)

    def test_an_array_that_would_not_fit_is_not_asked_for(self, saved, monkeypatch):
        monkeypatch.setattr(memory, "total_memory", lambda: 10)
        with pytest.raises(OutOfMemoryError, match="Results.load.path: expected what fits into the memory"):
            Results.load(saved)

    def test_links_into_other_files_are_not_followed(self, saved, tmp_path):
        with h5py.File(saved, "r+") as file:
            block = next(iter(file["data"].values()))
            (tmp_path / "other.bin").write_bytes(b"\0" * 32)
            del block["data_arrays/tension_sim.output/data"]
            block["data_arrays/tension_sim.output"].create_dataset(
                "data", (4, 1), "f8", external=[(str(tmp_path / "other.bin"), 0, 32)]
            )
        with pytest.raises(InvalidValueError, match="Results.load.path: expected a whole .nix file written by"):
            Results.load(saved)

    @pytest.mark.parametrize("header", ["[" * 50_000, "{}", "null", '{"arrays": [1]}', '{"arrays": []}'])
    def test_headers_that_are_none(self, saved, header):
        with h5py.File(saved, "r+") as file:
            place = file["metadata/tension_sim/properties/header"]
            place[0] = header
        with pytest.raises(InvalidValueError, match="Results.load.path: expected a whole .nix file written by"):
            Results.load(saved)
