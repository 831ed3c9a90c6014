"""Recorder: which steps and elements it keeps, and what it refuses."""

from __future__ import annotations

import re

import brian2 as b2
import numpy as np
import pytest

from tension_sim.brian import Recorder
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError

pytestmark = pytest.mark.usefixtures("numpy_target")


def counter() -> b2.NeuronGroup:
    """At the end of step k, element i is k + 1 + 100 i (mV)."""
    group = b2.NeuronGroup(5, "dx/dt = 1*mV/(100*us) : volt\nodd = (x > 102*mV) : boolean", method="euler")
    group.x = np.arange(5) * 100 * b2.mV
    return group


@pytest.mark.parametrize("every", [1, 3, 7, 100])
@pytest.mark.parametrize("parts", [(20,), (4, 1, 15)])
def test_steps_that_are_multiples(every, parts):
    group = counter()
    recorder = Recorder(group, "x", every=every)
    network = b2.Network(group, recorder)
    for steps in parts:
        network.run(steps * b2.defaultclock.dt)
    wanted = np.arange(0, 20, every)[:, None] + 1 + 100 * np.arange(5)
    assert np.asarray(recorder.recorded) == pytest.approx(wanted * 1e-3, rel=1e-12)
    assert recorder.recorded.dim is b2.volt.dim


def test_elements():
    group = counter()
    some = Recorder(group, "x", indices=[4, 0, 4])
    part = Recorder(group[1:4], "x", indices=[2])
    one = Recorder(group, "x", indices=3)
    b2.Network(group, some, part, one).run(b2.defaultclock.dt)
    assert np.asarray(some.recorded) == pytest.approx(np.array([[401, 1, 401]]) * 1e-3)
    assert np.asarray(part.recorded) == pytest.approx(np.array([[301]]) * 1e-3)
    assert np.asarray(one.recorded) == pytest.approx(np.array([[301]]) * 1e-3)


def test_another_type():
    group = counter()
    recorder = Recorder(group, "x", dtype="float32")
    b2.Network(group, recorder).run(3 * b2.defaultclock.dt)
    kept = np.asarray(recorder.recorded)
    assert kept.dtype == np.float32
    assert np.array_equal(kept[-1], np.asarray(group.x).astype(np.float32))


def test_place_within_the_step():
    group = counter()
    before = Recorder(group, "x", when="start")
    b2.Network(group, before).run(3 * b2.defaultclock.dt)
    assert np.asarray(before.recorded)[:, 0] == pytest.approx([0, 1e-3, 2e-3])


def test_what_was_recorded_is_a_copy():
    group = counter()
    recorder = Recorder(group, "x")
    b2.Network(group, recorder).run(b2.defaultclock.dt)
    recorder.recorded[:] = 0 * b2.mV
    assert np.asarray(recorder.recorded)[0, 4] == pytest.approx(0.401)


def test_nothing_recorded_yet():
    assert Recorder(counter(), "x").recorded.shape == (0, 5)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"every": 0},
            InvalidValueError,
            "Recorder.every: expected a whole number of time steps, at least 1.",
        ),
        (
            {"every": 1.5},
            InvalidValueError,
            "Recorder.every: expected a whole number of time steps, at least 1.",
        ),
        ({"every": "2"}, InvalidTypeError, "Recorder.every: expected time steps, or a time."),
        (
            {"indices": [5]},
            InvalidValueError,
            "Recorder.indices: expected indices from 0 to 4.\nReceived: [5]",
        ),
        ({"indices": [-1]}, InvalidValueError, "Recorder.indices: expected indices from 0 to 4."),
        (
            {"indices": []},
            InvalidValueError,
            "Recorder.indices: expected a list of whole numbers, not empty.",
        ),
        (
            {"indices": [0.5]},
            InvalidTypeError,
            "Recorder.indices: expected a list of whole numbers, not empty.",
        ),
        ({"variable": "y"}, UnknownNameError, "Recorder.source: expected a known variable of "),
        (
            {"variable": "odd"},
            InvalidTypeError,
            "Recorder.source: expected a state variable, stored as an array.",
        ),
        ({"variable": "t"}, InvalidTypeError, "Fix: 't' is shared by the whole group"),
        (
            {"source": "group"},
            InvalidTypeError,
            "Recorder.source: expected a Brian2 group.\nReceived: 'group'",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused(options, error, text):
    options = {"source": counter(), "variable": "x"} | options
    with pytest.raises(error, match=re.escape(text)):
        Recorder(options.pop("source"), options.pop("variable"), **options)
