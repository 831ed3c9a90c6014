"""Samples that stay in their file: played as those of an array, in bounded memory, and never from a wrong file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import brian2 as b2
import numpy as np
import pytest
from targets import activated, skip_unless_here

from tension_sim.brian import LinearMap, Recorder, Signal
from tension_sim.declare import sample_file
from tension_sim.errors import InvalidTypeError, InvalidValueError, RunFailedError, TensionError, UnitsError

RNG = np.random.default_rng(0)
ROWS = RNG.integers(-100, 100, (20, 3))
MANY = (256, 2**16)  # rows and channels: 128 MB


@pytest.fixture(autouse=True)
def small_windows(request, monkeypatch):
    """Read two rows of three channels at a time."""
    if "large" not in request.node.name:
        monkeypatch.setattr(sample_file, "_WINDOW", 7)


def saved(folder: Path, rows: np.ndarray = ROWS, dtype: str = "f8", name: str = "rows.npy") -> Path:
    np.save(folder / name, rows.astype(dtype))
    return folder / name


def mapped(folder: Path, rows: np.ndarray = ROWS, dtype: str = "f4") -> np.memmap:
    rows.astype(dtype).tofile(folder / "raw")
    return np.memmap(folder / "raw", dtype, mode="r", shape=rows.shape)


def large(folder: Path) -> Path:
    """A file of zeros that takes no room on the disk."""
    path = folder / "large.npy"
    np.lib.format.open_memmap(path, "w+", "f8", MANY).flush()
    return path


def brian2_file(owner: Recorder, name: str) -> str:
    return b2.get_device().get_array_filename(owner.variables[name])


def played(signal: Signal, *steps: int) -> np.ndarray:
    recorder = Recorder(signal, "value")
    network = b2.Network(signal, recorder)
    for count in steps:
        network.run(count * signal.clock.dt)
    return np.asarray(recorder.recorded)


@pytest.mark.usefixtures("numpy_target")
class TestPlayed:
    @pytest.mark.parametrize(
        "options", [{}, {"periodic": True}, {"first_step": 3, "periodic": True}, {"every": 2}, {"first_step": 5}]
    )
    def test_as_those_of_an_array(self, options, tmp_path):
        wanted = played(Signal(ROWS, **options), 45)
        assert np.array_equal(played(Signal(saved(tmp_path), **options), 45), wanted)
        assert np.array_equal(played(Signal(str(tmp_path / "rows.npy"), **options), 19, 26), wanted)
        assert np.array_equal(played(Signal(mapped(tmp_path), **options), 45), wanted)

    @pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
    def test_types(self, dtype, tmp_path):
        rows = ROWS if dtype[0] in "fi" else abs(ROWS) + (100 if dtype == "u1" else 0)
        assert np.array_equal(played(Signal(saved(tmp_path, rows, dtype)), 20), rows.astype(dtype))

    def test_parts_of_memory_maps(self, tmp_path):
        whole = mapped(tmp_path)
        for part in (whole[4:], whole[2:9][1:3], whole[:, :1][3:4], whole[5], whole.reshape(-1)[7:30], whole[::2]):
            wanted = np.array(part).reshape(len(part), -1)
            assert np.array_equal(played(Signal(part), len(wanted)), wanted)
        shifted = np.memmap(tmp_path / "raw", "f4", mode="r", offset=5000 % 240 // 12 * 12, shape=(3, 3))
        assert np.array_equal(played(Signal(shifted[1:]), 2), shifted[1:])

    def test_a_private_map_is_an_array(self, tmp_path):
        mapped(tmp_path)
        private = np.memmap(tmp_path / "raw", "f4", mode="c", shape=ROWS.shape)
        private[1] = 1000
        assert np.array_equal(played(Signal(private), 2)[1], [1000] * 3)

    def test_one_channel_and_one_row(self, tmp_path):
        assert played(Signal(saved(tmp_path, ROWS[:, 0])), 20).ravel().tolist() == ROWS[:, 0].tolist()
        assert played(Signal(saved(tmp_path, ROWS[:1])), 2).tolist() == [ROWS[0].tolist()] * 2

    def test_units(self, tmp_path):
        signal = Signal(saved(tmp_path), unit=b2.mV)
        assert played(signal, 20) == pytest.approx(1e-3 * ROWS, abs=1e-18)
        assert signal.value.dim is b2.volt.dim
        assert played(Signal(ROWS, unit=2 * b2.mV), 20) == pytest.approx(2e-3 * ROWS, abs=1e-18)

    def test_an_input(self, tmp_path):
        signal = Signal(saved(tmp_path))
        readout = LinearMap(signal, "value", weights=np.ones((1, 3)))
        b2.Network(signal, readout).run(7 * b2.defaultclock.dt)
        assert readout.z[0] == ROWS[6].sum()

    def test_other_samples(self, tmp_path):
        signal = Signal(saved(tmp_path))
        recorder = Recorder(signal, "value")
        network = b2.Network(signal, recorder)
        network.run(3 * b2.defaultclock.dt)
        signal.set_samples(10.0 * ROWS[:9])
        network.run(3 * b2.defaultclock.dt)
        signal.set_samples(saved(tmp_path, 100 * ROWS[:12], name="others.npy"))
        network.run(14 * b2.defaultclock.dt)
        scale = np.repeat([1, 10, 100], [3, 3, 14])[:, None]
        assert np.array_equal(recorder.recorded, scale * ROWS[np.minimum(np.arange(20), [8] * 6 + [11] * 14)])

    def test_store_and_restore(self, tmp_path):
        signal = Signal(saved(tmp_path))
        recorder = Recorder(signal, "value")
        network = b2.Network(signal, recorder)
        network.run(5 * b2.defaultclock.dt)
        network.store()
        signal.set_samples(0.0 * ROWS)
        network.run(5 * b2.defaultclock.dt)
        network.restore()
        network.run(15 * b2.defaultclock.dt)
        assert np.array_equal(recorder.recorded, ROWS)

    def test_large_files_take_little_memory(self, tmp_path):
        path = large(tmp_path)
        peak = Path("/proc/self/clear_refs")
        if not os.access(peak, os.W_OK):
            pytest.skip("this system does not tell how much memory a process takes")

        def resident(name: str) -> int:
            return int(re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

        peak.write_text("5")  # the largest so far is forgotten
        before = resident("VmRSS")
        for samples in (path, np.load(path, mmap_mode="r")):
            signal = Signal(samples)
            b2.Network(signal).run(MANY[0] * b2.defaultclock.dt)
            assert not signal.value[:].any()
        assert resident("VmHWM") - before < 32
        assert path.stat().st_size > 128e6


def damaged(folder: Path, how: str) -> Path:
    path = saved(folder)
    if how == "short":
        os.truncate(path, 500)
    elif how == "text":
        path.write_text("1 2 3")
    elif how == "nan":
        rows = ROWS.astype(float)
        rows[13, 1] = np.nan
        np.save(path, rows)
    elif how == "fortran":
        np.save(path, np.asfortranarray(ROWS))
    elif how == "swapped":
        np.save(path, ROWS.astype(">f8"))
    elif how == "half":
        np.save(path, ROWS.astype("f2"))
    elif how == "objects":
        np.save(path, np.array([None, 1]), allow_pickle=True)
    elif how == "names":
        np.save(path, np.array(["a", "b"]))
    elif how == "empty":
        np.save(path, ROWS[:0])
    elif how == "three axes":
        np.save(path, np.zeros((2, 2, 2)))
    elif how == "several":
        np.savez(path.with_suffix(".npz"), a=ROWS)
        return path.with_suffix(".npz")
    return path


REFUSED = {
    "short": "expected a whole file.\nReceived: '.*rows.npy with 500 of 608 bytes'\nFix: it is cut short: write it",
    "text": r"expected a \.npy file of an array of shape \(timesteps, channels\)\.\nReceived: '.* \(.*magic.*\)'\n"
    r"Fix: save it by numpy\.save\(\)\.",
    "nan": r"expected finite values\.\nReceived: nan\nFix: correct the value at index \(13, 1\) of .*rows\.npy\.",
    "fortran": r"row by row \(C order\)\.\nReceived: '.* in Fortran order'\nFix: save numpy\.ascontiguousarray\(\)",
    "swapped": "floats of 4 or 8 bytes as this machine has them.\nReceived: '.* of >f8'\nFix: save it as float64.",
    "half": "floats of 4 or 8 bytes as this machine has them.\nReceived: '.* of <f2'\nFix: save it as float64.",
    "objects": r"Received: '.*rows\.npy \(not an array of numbers or names\)'",
    "names": "Received: '.*rows.npy of <U1'\nFix: save it as float64.",
    "empty": r"not empty\.\nReceived: '.* of shape \(0, 3\)'",
    "three axes": r"not empty\.\nReceived: '.* of shape \(2, 2, 2\)'",
    "several": r"Received: .*rows\.npz \(the magic string.*\)\"\nFix: save it by numpy",
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_file_that_is_no_array_of_samples_is_refused(how, numpy_target, tmp_path):
    path, signal = damaged(tmp_path, how), Signal(ROWS)
    for give in (Signal, signal.set_samples):
        with pytest.raises(InvalidValueError, match=r"(?s)Signal\.samples: .*" + REFUSED[how]):
            give(path)
    assert np.array_equal(played(signal, 20), ROWS)


def test_other_arguments_refused(numpy_target, tmp_path):
    path = saved(tmp_path)
    with pytest.raises(InvalidValueError, match=r"(?s)Received: '.*none\.npy \(No such file.*Fix: check the path\."):
        Signal(tmp_path / "none.npy")
    with pytest.raises(InvalidValueError, match="a folder, pipe or device"):
        Signal(tmp_path)
    with pytest.raises(
        UnitsError, match=r"the samples have a unit, and unit= gives another\.\nReceived: 'volt'\nFix: leave out unit="
    ):
        Signal(ROWS * b2.mV, unit=b2.mV)
    with pytest.raises(InvalidTypeError, match=r"Signal\.unit: expected a unit, such as mV\.\nReceived: 'mV'"):
        Signal(path, unit="mV")
    with pytest.raises(InvalidValueError, match=r"Signal\.unit: expected an array of shape \(\) \(one unit\)"):
        Signal(path, unit=[1, 2] * b2.mV)
    with pytest.raises(UnitsError, match=r"expected samples in volt\.\nReceived: '1 \(no unit\)'"):
        Signal(path, unit=b2.mV).set_samples(path)
    with pytest.raises(InvalidValueError, match=r"expected 3 channels \(axis 1\)\.\nReceived: \(20, 1\)"):
        Signal(path).set_samples(saved(tmp_path, ROWS[:, :1], name="narrow.npy"))


def change(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    elif how == "short":
        os.truncate(path, 400)
    elif how == "touched":
        os.utime(path, ns=(0, 0))


CHANGED = {
    "gone": "No such file or directory",
    "short": "it has 400 bytes, not 608",
    "touched": "it was changed since",
}


@pytest.mark.parametrize("how", CHANGED)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_file_that_changed(how, when, numpy_target, tmp_path):
    path = saved(tmp_path)
    signal = Signal(path)
    change_it = b2.NetworkOperation(lambda t: change(path, how) if t == 5 * b2.defaultclock.dt else None)
    network = b2.Network(signal, *[change_it] * (when == "meanwhile"))
    if when == "before":
        change(path, how)
    with pytest.raises((RunFailedError, b2.BrianObjectException)) as caught:
        network.run(20 * b2.defaultclock.dt)
    error = caught.value
    while not isinstance(error, TensionError):
        error = error.__cause__
    assert f"Signal.samples: could not read {path} ({CHANGED[how]}).\nFix: leave the file as it is" in str(error)


@pytest.mark.slow
def test_a_generated_program_reads_in_pieces_large_files_too(tmp_path, monkeypatch):
    skip_unless_here("cpp_standalone")
    folder = tmp_path / 'a "folder" \\of ümlauts?'
    folder.mkdir()
    monkeypatch.setattr(sample_file, "_WINDOW", 2**17)
    zeros = large(tmp_path)
    with activated("cpp_standalone", tmp_path / "project") as target:
        zeros = Signal(zeros, name="zeros")
        monkeypatch.setattr(sample_file, "_WINDOW", 7)
        small = Signal(saved(folder, dtype="i2"), unit=b2.mV, periodic=True, first_step=3, name="small")
        part = Signal(mapped(tmp_path)[5:15], every=2, name="part")
        recorders = [Recorder(signal, "value") for signal in (small, part)]
        target.run(b2.Network(zeros, small, part, *recorders), MANY[0] * b2.defaultclock.dt)
        steps = np.arange(MANY[0])
        assert np.asarray(recorders[0].recorded) == pytest.approx(1e-3 * ROWS[(steps - 3) % 20], abs=1e-18)
        assert np.array_equal(recorders[1].recorded, ROWS[5 + np.minimum(steps // 2, 9)])

        written = brian2_file(recorders[0], "values")

        def recorded(folder: Path) -> np.ndarray:
            return np.fromfile(folder / "results" / written).reshape(-1, 3)

        def run(argument: str = "") -> tuple[int, str]:
            command = f"ulimit -v 96000; exec ./main {argument}"
            ended = subprocess.run(["sh", "-c", command], cwd=target.folder, capture_output=True, text=True)
            return ended.returncode, ended.stdout

        assert run()[0] == 0  # in 96 MB, less than the file
        (10.0 * ROWS[:2]).tofile(tmp_path / "array")
        assert run(f"small.samples={tmp_path / 'array'}")[0] == 0  # an array takes the place of the file
        assert np.array_equal(recorded(target.folder)[:9], 10.0 * ROWS[(np.arange(9) - 3) % 2])
        assert run("small.samples=1")[0] == 0
        assert np.array_equal(recorded(target.folder), np.ones((MANY[0], 3)))
        ROWS[0, :2].astype(float).tofile(tmp_path / "array")
        text = "fault could not play small.samples (2 numbers are no rows of 3)\n"
        assert run(f"small.samples={tmp_path / 'array'}") == (66, text)
        rows = ROWS.astype("f4")
        rows[7, 2] = np.inf
        rows.tofile(tmp_path / "raw")
        assert run() == (66, f"fault could not read part.samples from {tmp_path}/raw (row 2 is not finite)\n")
        os.truncate(tmp_path / "raw", 100)
        text = "it has 100 bytes, not the 240 that it had when the program was made"
        assert run() == (66, f"fault could not read part.samples from {tmp_path}/raw ({text})\n")
        (tmp_path / "raw").unlink()
        text = "No such file or directory"
        assert run() == (66, f"fault could not read part.samples from {tmp_path}/raw ({text})\n")
