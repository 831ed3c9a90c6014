"""Signal: which row plays when, and what it refuses."""

from __future__ import annotations

import re

import brian2 as b2
import numpy as np
import pytest

from tension_sim.brian import Recorder, Signal
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError

pytestmark = pytest.mark.usefixtures("numpy_target")


def played(signal: Signal, *steps: int) -> np.ndarray:
    """Run for some steps, and some more, and return the row of each step."""
    recorder = Recorder(signal, "value")
    network = b2.Network(signal, recorder)
    for count in steps:
        network.run(count * signal.clock.dt)
    return np.asarray(recorder.recorded)


ROWS = np.arange(8.0).reshape(4, 2)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [0, 1, 2, 3, 3, 3, 3]),
        ({"periodic": True}, [0, 1, 2, 3, 0, 1, 2]),
        ({"first_step": 2}, [0, 0, 0, 1, 2, 3, 3]),
        ({"first_step": 3, "periodic": True}, [1, 2, 3, 0, 1, 2, 3]),
        ({"every": 2}, [0, 0, 1, 1, 2, 2, 3]),
        ({"every": 2, "first_step": 3, "periodic": True}, [2, 3, 3, 0, 0, 1, 1]),
    ],
)
@pytest.mark.parametrize("parts", [(7,), (2, 5)])
def test_rows(options, rows, parts):
    assert played(Signal(ROWS, **options), *parts).tolist() == ROWS[rows].tolist()


def test_one_channel_and_one_sample():
    assert played(Signal([3.0, 1.0]), 3).ravel().tolist() == [3.0, 1.0, 1.0]
    assert played(Signal([[3.0, 1.0]]), 2).tolist() == [[3.0, 1.0]] * 2
    assert len(Signal(ROWS)) == 2


def test_units():
    signal = Signal([1, 2] * b2.mV)
    assert played(signal, 2).ravel() == pytest.approx([1e-3, 2e-3])
    assert signal.value[0] == 2 * b2.mV
    assert Recorder(signal, "value").recorded.dim is b2.mV.dim


def test_a_clock_of_its_own():
    clock = b2.Clock(0.5 * b2.ms)
    signal = Signal(np.arange(10.0), clock=clock)
    fast = Recorder(signal, "value", clock=b2.defaultclock)
    b2.Network(signal, fast).run(1 * b2.ms)
    assert fast.recorded.ravel().tolist() == [0.0] * 5 + [1.0] * 5


def test_other_samples_of_any_length():
    signal = Signal(ROWS, periodic=True)
    recorder = Recorder(signal, "value")
    network = b2.Network(signal, recorder)
    network.run(2 * b2.defaultclock.dt)
    signal.set_samples(np.arange(14.0).reshape(7, 2) + 100)
    network.run(2 * b2.defaultclock.dt)
    signal.set_samples([[-1.0, -2.0]])
    network.run(1 * b2.defaultclock.dt)
    assert recorder.recorded.tolist() == [[0, 1], [2, 3], [104, 105], [106, 107], [-1, -2]]


def test_other_groups_can_link_to_it():
    signal = Signal([[1.0, 2.0]])
    group = b2.NeuronGroup(3, "x : 1 (linked)")
    group.x = b2.linked_var(signal, "value", index=[1, 0, 1])
    b2.Network(signal, group).run(b2.defaultclock.dt)
    assert group.x[:].tolist() == [2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        (
            [],
            InvalidValueError,
            "expected an array of shape (timesteps, channels), not empty.\nReceived: (0, 1)",
        ),
        (np.zeros((2, 2, 2)), InvalidValueError, "not empty.\nReceived: (2, 2, 2)"),
        ([1, np.nan], InvalidValueError, "expected finite values.\nReceived: nan\nFix: correct the 1 value(s)"),
        (
            "abc",
            InvalidValueError,
            "expected a .npy file of an array of shape (timesteps, channels).\nReceived: 'abc (",
        ),
        (None, InvalidTypeError, "Received: None\nFix: pass numbers."),
    ],
)
def test_samples_refused(samples, error, text):
    for give in (Signal, Signal(ROWS).set_samples):
        with pytest.raises(error, match=r"(?s)Signal\.samples: .*" + re.escape(text)):
            give(samples)


def test_first_step_refused():
    for value, error in ((-1, InvalidValueError), (1.5, InvalidValueError), ("1", InvalidTypeError)):
        with pytest.raises(error, match=r"Signal\.first_step: expected .*time steps.*\.\nReceived: "):
            Signal(ROWS, first_step=value)


def test_held_samples_refused():
    with pytest.raises(
        InvalidValueError, match=r"Signal\.every: expected a whole number of time steps, at least 1\.\nReceived: 0"
    ):
        Signal(ROWS, every=0)


def test_other_samples_refused():
    signal = Signal(ROWS * b2.mV)
    with pytest.raises(
        UnitsError, match=re.escape("Signal.samples: expected samples in volt.\nReceived: '1 (no unit)'")
    ):
        signal.set_samples(ROWS)
    with pytest.raises(UnitsError, match="expected samples in volt.\nReceived: 'second'"):
        signal.set_samples(ROWS * b2.second)
    with pytest.raises(
        InvalidValueError,
        match=re.escape("expected 2 channels (axis 1).\nReceived: (4, 1)\nFix: keep the channels."),
    ):
        signal.set_samples(ROWS[:, :1] * b2.mV)
    assert played(signal, 1).tolist() == (ROWS[:1] * 1e-3).tolist()
