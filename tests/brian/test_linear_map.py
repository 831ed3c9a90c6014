"""LinearMap: y = W x, wherever x and y lie, and what it refuses."""

from __future__ import annotations

import gc
import re

import brian2 as b2
import numpy as np
import pytest

from tension_sim.brian import LinearMap, Signal
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

pytestmark = pytest.mark.usefixtures("numpy_target")

RNG = np.random.default_rng(0)
X, W = RNG.standard_normal(6), RNG.standard_normal((3, 6))
MASK = np.array([[1, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])


def source(equations: str = "x : 1", unit: float | b2.Quantity = 1) -> b2.NeuronGroup:
    """A group that holds x."""
    group = b2.NeuronGroup(6, equations)
    group.x = X * unit
    return group


def step(*objects, steps: int = 1) -> None:
    b2.Network(*objects).run(steps * b2.defaultclock.dt)


def test_dense():
    group = source()
    readout = LinearMap(group, "x", weights=W)
    step(group, readout)
    assert readout.z[:] == pytest.approx(W @ X, abs=1e-15)
    assert len(readout) == 3


@pytest.mark.parametrize("mask", [MASK, MASK[[1, 0, 1]], np.zeros((3, 6)), np.ones((3, 6), bool)])
def test_masked(mask):
    group = source()
    readout = LinearMap(group, "x", weights=W, mask=mask)
    step(group, readout)
    assert readout.z[:] == pytest.approx((W * mask) @ X, abs=1e-15)
    assert np.array_equal(readout.W, W * mask)
    assert readout.variables["w"].size == np.count_nonzero(mask)


def test_from_and_to_parts_of_groups():
    group, sink = source(), b2.NeuronGroup(8, "y : 1")
    sink.y = -7
    inner = group[1:][1:4]
    readout = LinearMap(inner, "x", weights=W[:, :3], target=sink[4:7], target_variable="y")
    step(group, sink, readout)
    assert sink.y[4:7] == pytest.approx(W[:, :3] @ X[2:5], abs=1e-15)
    assert np.all(np.delete(sink.y[:], [4, 5, 6]) == -7)


def test_from_one_part_of_a_variable_to_another():
    group = source()
    step(group, LinearMap(group[:3], "x", weights=W[:, :3], target=group[3:], target_variable="x"))
    assert group.x[:] == pytest.approx([*X[:3], *(W[:, :3] @ X[:3])], abs=1e-15)


def test_units():
    group, sink = source("x : volt", b2.mV), b2.NeuronGroup(3, "I : amp")
    conductance = LinearMap(group, "x", weights=W * b2.nS, target=sink, target_variable="I")
    step(group, sink, conductance)
    assert np.asarray(sink.I) == pytest.approx(W @ X * 1e-12, abs=1e-26)
    assert conductance.W.dim is b2.nS.dim
    own = LinearMap(group, "x", weights=W * b2.nS)
    assert own.z.dim is b2.amp.dim


def test_whole_numbers_are_read():
    group = b2.NeuronGroup(6, "n : integer\nx : 1")
    group.n = np.arange(6)
    readout = LinearMap(group, "n", weights=W)
    step(group, readout)
    assert readout.z[:] == pytest.approx(W @ np.arange(6), abs=1e-14)


def test_place_within_the_step():
    group = b2.NeuronGroup(6, "dx/dt = 1/(100*us) : 1", method="euler")
    early = LinearMap(group, "x", weights=W, when="start")
    late = LinearMap(group, "x", weights=W)
    step(group, early, late, steps=3)
    assert early.z[:] == pytest.approx(W @ np.full(6, 2.0), abs=1e-12)
    assert late.z[:] == pytest.approx(W @ np.full(6, 3.0), abs=1e-12)


def test_a_map_of_a_map_comes_after_it():
    group = source()
    first = LinearMap(group, "x", weights=W, name="zzz")
    second = LinearMap(first, "z", weights=W.T, name="aaa")
    step(group, first, second)
    assert second.z[:] == pytest.approx(W.T @ (W @ X), abs=1e-14)


def test_a_clock_of_its_own():
    group = b2.NeuronGroup(6, "dx/dt = 1/(100*us) : 1", method="euler")
    slow = LinearMap(group, "x", weights=np.ones((1, 6)), clock=b2.Clock(0.3 * b2.ms))
    step(group, slow, steps=5)
    assert slow.z[:] == pytest.approx([24.0])  # last at step 3, which ends with x = 4


@pytest.mark.parametrize("mask", [None, MASK])
def test_weights_can_be_shared(mask):
    group, sink = source("x : 1\nother : 1"), b2.NeuronGroup(3, "y : 1")
    group.other = 2 * X
    readout = LinearMap(group, "x", weights=W, mask=mask)
    twin = LinearMap(group, "other", weights=readout, target=sink, target_variable="y")
    readout.W = 3 * readout.W
    step(group, sink, readout, twin)
    assert sink.y[:] == pytest.approx(2 * readout.z[:], abs=1e-14)
    assert np.array_equal(twin.W, readout.W)


def test_weights_can_be_set():
    group = source()
    readout = LinearMap(group, "x", weights=W, mask=MASK)
    readout.W = np.ones((3, 6))
    assert np.array_equal(readout.W, MASK)
    copy = readout.W
    copy[:] = 5
    assert np.array_equal(readout.W, MASK)
    step(group, readout)
    assert readout.z[:] == pytest.approx(MASK @ X, abs=1e-15)


def test_a_signal_can_be_the_source():
    signal = Signal(RNG.standard_normal((4, 6)))
    readout = LinearMap(signal, "value", weights=W)
    step(signal, readout, steps=3)
    assert readout.z[:] == pytest.approx(W @ signal.value[:], abs=1e-14)


def test_subgroups_need_no_other_owner():
    group = source()
    readout = LinearMap(group[2:5], "x", weights=W[:, :3])
    gc.collect()
    step(group, readout)
    assert readout.z[:] == pytest.approx(W[:, :3] @ X[2:5], abs=1e-15)


TARGET = "y : 1\nv : volt\nfixed : 1 (constant)\nn : integer\nall : 1 (shared)"


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        (
            {"weights": W.T},
            InvalidValueError,
            "LinearMap.weights: expected an array of shape (6, 6) (targets, sources).",
        ),
        ({"weights": W[0]}, InvalidValueError, "LinearMap.weights: expected an array of shape (6, 6)"),
        ({"weights": 0.5}, InvalidValueError, "LinearMap.weights: expected an array of shape (1, 6)"),
        ({"weights": W[:0]}, InvalidValueError, "Received: (0, 6)"),
        (
            {"weights": W * np.nan},
            InvalidValueError,
            "LinearMap.weights: expected finite values.\nReceived: nan",
        ),
        (
            {"weights": "rand()"},
            InvalidTypeError,
            "LinearMap.weights: expected an array of shape (targets, sources).",
        ),
        ({"weights": None}, InvalidTypeError, "Received: None\nFix: pass numbers."),
        (
            {"source": 3},
            InvalidTypeError,
            "LinearMap.source: expected a Brian2 group.\nReceived: 3\nFix: pass the group",
        ),
        ({"variable": "xx"}, UnknownNameError, "LinearMap.source: expected a known variable of "),
        ({"variable": "xx"}, UnknownNameError, "Received: 'xx'\nFix: did you mean 'x'?"),
        (
            {"variable": "twice"},
            InvalidTypeError,
            "expected a state variable, stored as an array.\nReceived: 'twice'",
        ),
        ({"variable": "all"}, InvalidTypeError, "Received: 'all'\nFix: it is shared."),
        (
            {"mask": MASK.T},
            InvalidValueError,
            "LinearMap.mask: expected an array of shape (3, 6) (targets, sources).",
        ),
        ({"mask": "all"}, InvalidTypeError, "LinearMap.mask: expected an array of shape (3, 6)"),
        (
            {"target": "sink"},
            InvalidValueError,
            "LinearMap.target_variable: expected target and target_variable together",
        ),
        (
            {"target_variable": "y"},
            InvalidValueError,
            "expected target and target_variable together, or neither.",
        ),
        (
            {"target": "sink", "target_variable": "v"},
            UnitsError,
            "LinearMap.weights: expected weights in volt, so that W x is a v in volt.\n"
            "Received: '1 (no unit)'\nFix: multiply the weights with that unit.",
        ),
        (
            {"target": "sink", "target_variable": "fixed"},
            InvalidValueError,
            "expected a floating-point variable that can",
        ),
        (
            {"target": "sink", "target_variable": "n"},
            InvalidValueError,
            "expected a floating-point variable that can be",
        ),
        (
            {"target": "sink", "target_variable": "i"},
            InvalidValueError,
            "expected a floating-point variable that can be",
        ),
        (
            {"target": "sink", "target_variable": "all"},
            InvalidTypeError,
            "LinearMap.target: expected a variable with one",
        ),
        (
            {"target": "sink", "target_variable": "w"},
            UnknownNameError,
            "LinearMap.target: expected a known variable of",
        ),
        (
            {"target": "source", "target_variable": "x", "weights": np.ones((6, 6))},
            InvalidValueError,
            "LinearMap.target_variable: expected another variable than the one that is read.\nReceived: 'x'",
        ),
    ],
)
def test_refused(changes, error, text):
    groups = {"source": source("x : 1\ntwice = 2*x : 1\nall : 1 (shared)"), "sink": b2.NeuronGroup(3, TARGET)}
    options = {"source": groups["source"], "variable": "x", "weights": W} | changes
    options["target"] = groups.get(changes.get("target"))
    with pytest.raises(error, match=re.escape(text)):
        LinearMap(options.pop("source"), options.pop("variable"), **options)


@pytest.mark.parametrize("index", [[1, 0], [0, 1, 0, 1, 0, 1]])
def test_linked_variables_with_an_index_are_refused(index):
    owner = b2.NeuronGroup(2, "x : 1")
    group = b2.NeuronGroup(len(index), "x : 1 (linked)")
    group.x = b2.linked_var(owner, "x", index=index)
    with pytest.raises(
        InvalidValueError,
        match=r"(?s)expected a variable with one value an element of .*\nFix: name the group",
    ):
        LinearMap(group, "x", weights=np.ones((1, len(index))))


def test_linked_variables_without_an_index_are_read():
    owner = source()
    group = b2.NeuronGroup(6, "x : 1 (linked)")
    group.x = b2.linked_var(owner, "x")
    readout = LinearMap(group, "x", weights=W)
    step(owner, group, readout)
    assert readout.z[:] == pytest.approx(W @ X, abs=1e-15)


def test_other_weights_refused():
    readout = LinearMap(source(), "x", weights=W)
    with pytest.raises(
        InvalidValueError,
        match=re.escape("LinearMap.W: expected an array of shape (3, 6) (targets, sources)"),
    ):
        readout.W = W.T
    with pytest.raises(UnitsError, match=re.escape("LinearMap.W: expected weights in 1 (no unit).\nReceived: 'volt'")):
        readout.W = W * b2.mV
    with pytest.raises(InvalidTypeError, match=r"LinearMap\.W: expected an array of shape"):
        readout.W = "rand()"
    with pytest.raises(InvalidValueError, match=r"LinearMap\.mask: expected no mask beside shared weights"):
        LinearMap(source(), "x", weights=readout, mask=MASK)
    assert np.array_equal(readout.W, W)
