"""LinearMap: y = W x, wherever x and y lie, and what it refuses."""

from __future__ import annotations

import gc
import re

import brian2 as b2
import numpy as np
import pytest
from targets import TARGETS, activated, assert_close, skip_unless_here

from tension_sim.brian import LinearMap, Signal
from tension_sim.brian.linear_map import Blank
from tension_sim.declare.kernels import SparseKernel
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


def test_sparse_weights_bring_their_mask():
    group, sink = source("x : volt", b2.mV), b2.NeuronGroup(3, "I : amp")
    kernel = SparseKernel.from_dense((W * MASK).T)
    readout = LinearMap(group, "x", weights=kernel)
    current = LinearMap(group, "x", weights=kernel, target=sink, target_variable="I")
    twin = LinearMap(group, "x", weights=current)
    step(group, sink, readout, current, twin)
    for found in (readout.z, sink.I, twin.z):
        assert np.asarray(found) == pytest.approx((W * MASK) @ X * 1e-3, abs=1e-18)
    assert (readout.z.dim, current.W.dim, twin.z.dim) == (b2.volt.dim, b2.siemens.dim, b2.amp.dim)
    for one in (readout, current, twin):
        assert np.array_equal(one.W, W * MASK)
        assert [row.tolist() for row in one.partners] == [[0, 2, 5], [], [0, 1, 2, 3, 4, 5]]


def test_large_sparse_weights_are_never_dense():
    n = 200_000
    pre = np.arange(n)
    group = b2.NeuronGroup(n, "x : 1")
    group.x = pre
    shifted = LinearMap(group, "x", weights=SparseKernel(n, pre, np.roll(pre, 1), np.full(n, 2.0)))
    step(group, shifted)
    assert np.array_equal(shifted.z[:], 2 * np.roll(pre, -1))


def test_blank_weights():
    group = source()
    dense, masked = LinearMap(group, "x", weights=Blank(3, 6)), LinearMap(group, "x", weights=Blank(3, 6, 9))
    step(group, dense, masked)
    for one, count in ((dense, 18), (masked, 9)):
        assert len(one) == 3
        assert one.variables["w"].size == count
        assert not one.z[:].any()
        assert not one.W.any()
    assert "partner" not in dense.variables
    assert [len(row) for row in dense.partners] == [6, 6, 6]
    assert [len(row) for row in masked.partners] == [0, 0, 0]


@pytest.mark.parametrize("name", [pytest.param(t, marks=pytest.mark.slow if t != "numpy" else ()) for t in TARGETS])
def test_blank_weights_come_with_the_run(name, tmp_path):
    skip_unless_here(name)
    with activated(name, tmp_path / "project") as target:
        group = source()
        dense = LinearMap(group, "x", weights=Blank(3, 6), name="dense")
        masked = LinearMap(group, "x", weights=Blank(3, 6, 9), name="masked")
        row_start, partner, w = SparseKernel.from_dense((W * MASK).T).incoming()
        values = {dense.w: W.ravel(), masked.w: w, masked.partner: partner, masked.row_start: row_start}
        if not target.standalone:
            for view, value in values.items():
                view.variable.set_value(value)
        target.run(b2.Network(group, dense, masked), b2.defaultclock.dt)
        if target.standalone:
            b2.device.run(run_args=values)
        assert_close(dense.z, W @ X)
        assert_close(masked.z, (W * MASK) @ X)
        assert np.array_equal(masked.W, W * MASK)
        assert [row.tolist() for row in masked.partners] == [[0, 2, 5], [], [0, 1, 2, 3, 4, 5]]


@pytest.mark.slow
def test_masked_weights_change_between_standalone_runs(tmp_path):
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project") as target:
        group = source()
        readout = LinearMap(group, "x", weights=W, mask=MASK)
        network = b2.Network(group, readout)
        network.run(b2.defaultclock.dt, namespace={})
        readout.W = 2 * W
        target.run(network, b2.defaultclock.dt)
        assert_close(readout.z, 2 * (W * MASK) @ X)


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
    copy = readout.W.copy()
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
        ({"weights": W[0]}, InvalidValueError, "LinearMap.weights: expected an array of shape (targets, 6), one row"),
        (
            {"weights": 0.5},
            InvalidValueError,
            "Fix: for one target give it the shape (1, 6), as by weights[np.newaxis].",
        ),
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
        ({"variable": "all"}, InvalidTypeError, "Received: 'all'\nFix: 'all' is shared by the whole group"),
        (
            {"weights": SparseKernel(3, [0], [1], [1.0], 6)},
            InvalidValueError,
            "LinearMap.weights: expected weights of shape (6, 6) (targets, sources).\nReceived: (6, 3)",
        ),
        ({"weights": Blank(3, 7)}, InvalidValueError, "Received: (3, 7)\nFix: check both groups."),
        (
            {"weights": SparseKernel(6, [0], [1], [1.0], 3), "mask": MASK},
            InvalidValueError,
            "LinearMap.mask: a SparseKernel has a mask already.",
        ),
        ({"weights": Blank(3, 6), "mask": MASK}, InvalidValueError, "a Blank has a mask already."),
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
def test_variables_and_weights_that_do_not_fit_are_refused(changes, error, text):
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
        match=r"(?s)expected a variable with one value per element of .*\nFix: name the group",
    ):
        LinearMap(group, "x", weights=np.ones((1, len(index))))


def test_linked_variables_without_an_index_are_read():
    owner = source()
    group = b2.NeuronGroup(6, "x : 1 (linked)")
    group.x = b2.linked_var(owner, "x")
    readout = LinearMap(group, "x", weights=W)
    step(owner, group, readout)
    assert readout.z[:] == pytest.approx(W @ X, abs=1e-15)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, 3), "Blank.n_targets: expected a whole number, at least 1."),
        ((3, 0.5), "Blank.n_sources: expected a whole number, at least 1."),
        ((3, 3, -1), "Blank.count: expected a whole number, at least 0."),
    ],
)
def test_blank_refused(arguments, text):
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        Blank(*arguments)


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
    with pytest.raises(InvalidValueError, match=r"LinearMap\.mask: the shared weights have a mask already"):
        LinearMap(source(), "x", weights=readout, mask=MASK)
    with pytest.raises(InvalidValueError, match=re.escape("expected weights of shape (3, 4) (targets, sources)")):
        LinearMap(source()[:4], "x", weights=readout)
    assert np.array_equal(readout.W, W)
