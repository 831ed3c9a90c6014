"""A readout of several groups, subgroups and variables is one LinearMap."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian.everything import replay
from targets import activated, assert_close

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.declare import sample_file
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

STEPS = 60
GOAL = np.sin(np.arange(STEPS) / 3)
RNG = np.random.default_rng(3)
WEIGHTS = [0.1 * RNG.standard_normal((rows, 14)) for rows in (2, 3)]
MASKS = [np.ones((2, 14), bool), RNG.random((3, 14)) < 0.6]

RATES = """dr/dt = (sin(2*pi*(i + 1)*20*Hz*t) - r)/(2*ms) : 1
dslow/dt = (r - slow)/(5*ms) : 1
total = r + 2*slow : 1
fired : integer"""


def groups() -> dict[str, Any]:
    exc = b2.NeuronGroup(6, RATES, method="euler", name="exc")
    inh = b2.NeuronGroup(5, RATES, method="euler", name="inh")
    exc.r, inh.r = "0.1*i", "-0.3 + 0.2*i"
    exc.fired = "i % 2"
    return {"exc": exc, "inh": inh}


def parts(exc: Any, inh: Any) -> list[tuple[Any, str]]:
    """E and I, parts of groups, slow and fast traces, whole numbers."""
    return [(exc, "r"), (inh[2:], "r"), (exc[1:][2:5], "slow"), (exc[:2], "fired")]


def read(recorded: Any) -> np.ndarray:
    """The same, of what monitors saw."""
    exc, inh, slow = (np.asarray(recorded[name].recorded) for name in ("exc_r", "inh_r", "exc_slow"))
    return np.hstack([exc, inh[:, 2:], slow[:, 3:6], np.tile([0, 1], (len(exc), 1))])


def read_now(exc: Any, inh: Any) -> np.ndarray:
    """The same, of what groups hold."""
    return np.concatenate([exc.r, inh.r[2:], exc.slow[3:6], [0, 1]])


@pytest.fixture
def learned(target, tmp_path, monkeypatch):
    """A dense and a masked readout that share P, after a run on a target that is read in pieces from its file."""
    net = groups()
    of = parts(**net)
    dense = LinearMap(of, weights=WEIGHTS[0], name="dense")
    masked = LinearMap(of, weights=WEIGHTS[1], mask=MASKS[1], name="masked")
    monkeypatch.setattr(sample_file, "_WINDOW", 7)
    np.save(tmp_path / "goal.npy", GOAL)
    goal = Signal(tmp_path / "goal.npy", name="goal")
    rls = RLS([dense, masked], goal, alpha_P=0.5, error=["z - y", "z - 0.5*y"], update_every=2, name="rls")
    recorders = {
        f"{name}_{variable}": Recorder(net[name], variable)
        for name, variable in (("exc", "r"), ("inh", "r"), ("exc", "slow"))
    }
    recorders["z"] = Recorder(dense, "z")
    target.run(b2.Network(*net.values(), dense, masked, goal, rls, *recorders.values()), STEPS * b2.defaultclock.dt)
    return SimpleNamespace(dense=dense, masked=masked, rls=rls, recorded=recorders)


def test_learning_equals_a_plain_loop(learned):
    x = read(learned.recorded)
    z, weights, P = replay(
        x,
        [WEIGHTS[0], WEIGHTS[1] * MASKS[1]],
        MASKS,
        lambda k, z: [z[0] - GOAL[k], z[1] - 0.5 * GOAL[k]],
        list(range(0, STEPS, 2)),
        alpha_P=0.5,
    )
    assert_close(learned.dense.x, x[-1])
    assert_close(learned.recorded["z"].recorded, z[0])
    assert_close(learned.dense.W, weights[0])
    assert_close(learned.masked.W, weights[1])
    assert np.abs(learned.dense.W - WEIGHTS[0]).max() > 0.01
    for found, wanted in zip(learned.rls.P, P, strict=True):
        assert_close(found, wanted)


@pytest.mark.usefixtures("numpy_target")
class TestOneMap:
    def test_weights_are_indexed_through_all_groups(self):
        net = groups()
        readout = LinearMap(parts(**net), weights=WEIGHTS[0])
        assert readout.w[7, 1] == WEIGHTS[0][1, 7]
        assert np.array_equal(readout.w["i == 13"], WEIGHTS[0][:, 13])
        readout.w["i >= 6 and i < 9"] = 5
        assert np.array_equal(readout.W[:, 6:9], np.full((2, 3), 5.0))
        assert np.array_equal(readout.W[:, :6], WEIGHTS[0][:, :6])
        assert [(part.group.name, part.name, part.size) for part in readout.reads][::3] == [
            ("exc", "r", 6),
            ("exc_subgroup_2", "fired", 2),
        ]

    def test_groups_beside_one_name(self):
        net = groups()
        exc, inh = net.values()
        both, one = (
            LinearMap([exc, (inh)], "r", weights=np.ones((1, 11))),
            LinearMap((exc, "r"), weights=np.ones((1, 6))),
        )
        nested = LinearMap([both, one], "z", weights=np.ones((1, 2)), name="a_nested")
        b2.Network(exc, inh, both, one, nested).run(b2.defaultclock.dt)
        assert both.z[0] == pytest.approx(exc.r[:].sum() + inh.r[:].sum(), abs=1e-14)
        assert one.z[0] == pytest.approx(exc.r[:].sum(), abs=1e-14)
        assert nested.z[0] == pytest.approx(both.z[0] + one.z[0], abs=1e-14)  # although its name comes first

    def test_units(self):
        cells, sink = b2.NeuronGroup(2, "v : volt\nu : volt"), b2.NeuronGroup(1, "I : amp")
        cells.v, cells.u = [1, 2] * b2.mV, [3, 4] * b2.mV
        current = LinearMap(
            [(cells, "v"), (cells, "u")], weights=[[1, 1, 1, 1]] * b2.nS, target=sink, target_variable="I"
        )
        b2.Network(cells, sink, current).run(b2.defaultclock.dt)
        assert np.asarray(sink.I) == pytest.approx([10e-12], rel=1e-12)
        assert current.x.dim is b2.volt.dim

    def test_shared_weights_read_other_parts(self):
        net = groups()
        exc, inh = net.values()
        first = LinearMap([exc, inh], "r", weights=np.ones((1, 11)))
        twin = LinearMap([exc, inh], "slow", weights=first)
        exc.slow, inh.slow = 1, 2
        b2.Network(exc, inh, first, twin).run(b2.defaultclock.dt)
        assert twin.z[0] == pytest.approx(exc.slow[:].sum() + inh.slow[:].sum(), abs=1e-14)

    @pytest.mark.parametrize("second", ["all parts", "one part", "other parts"])
    def test_two_maps_into_one_variable(self, second):
        exc, inh = groups().values()
        sink = b2.NeuronGroup(1, "y : 1")
        into = {"target": sink, "target_variable": "y"}
        if second == "one part":  # of one group, another part
            first, other = LinearMap(exc[:3], "r", weights=np.ones((1, 3)), **into), (exc[3:], "r")
        else:
            first = LinearMap([exc, inh], "r", weights=np.ones((1, 11)), **into)
            other = [(exc, "r"), (inh, "r" if second == "all parts" else "slow")]
        again = LinearMap(other, weights=first, when="start", **into)
        network = b2.Network(exc, inh, sink, first, again)
        if second == "all parts":  # the same twice, at two places of a time step
            network.run(b2.defaultclock.dt)
            assert sink.y[0] == pytest.approx(exc.r[:].sum() + inh.r[:].sum(), abs=1e-14)
            return
        with pytest.raises(b2.BrianObjectException) as caught:
            network.run(b2.defaultclock.dt)
        assert "expected one object that sets 'y' of neurongroup" in str(caught.value.__cause__)

    def test_maps_that_read_different_parts_are_refused_by_one_rule(self):
        exc, inh = groups().values()
        maps = [LinearMap([(exc, "r"), (inh, name)], weights=np.zeros((1, 11))) for name in ("r", "slow")]
        with pytest.raises(InvalidValueError, match="expected maps that read the same variables of the same groups"):
            RLS(maps, Signal([1.0]), alpha_P=1.0)


MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "another unit": (
        lambda exc, inh: [(exc, "r"), (b2.NeuronGroup(1, "r : volt", name="cells"), "r")],
        UnitsError,
        "LinearMap.source[1]: expected a variable in 1 (no unit), as 'r' of exc.\nReceived: 'r of cells in volt'\n"
        "Fix: use one map for each unit, or declare a variable in that unit.",
    ),
    "nothing": (lambda exc, inh: [], InvalidValueError, "LinearMap.source: expected at least one group.\nReceived: []"),
    "no name": (
        lambda exc, inh: [(exc, "r"), inh],
        InvalidTypeError,
        "LinearMap.source[1]: expected a group beside the name of its variable, or a list of (group, variable name).",
    ),
    "no name at all": (lambda exc, inh: exc, InvalidTypeError, "Fix: name the variable, as in (group, 'r')."),
    "an unknown name": (
        lambda exc, inh: [(exc, "r"), (inh, "slov")],
        UnknownNameError,
        "dt, fired, i, r, slow, t, t_in_timesteps, total).\nReceived: 'slov'\nFix: did you mean 'slow'?",
    ),
    "a subexpression": (
        lambda exc, inh: [(exc, "total"), (inh, "r")],
        InvalidTypeError,
        "LinearMap.source[0]: expected a state variable, stored as an array.",
    ),
    "no group": (lambda exc, inh: [("exc", "r")], InvalidTypeError, "LinearMap.source[0]: expected a Brian2 group."),
    "three in a pair": (
        lambda exc, inh: [(exc, "r", "slow")],
        InvalidTypeError,
        "LinearMap.source[0]: expected a group",
    ),
    "clocks": (
        lambda exc, inh: [(exc, "r"), (b2.NeuronGroup(8, "r : 1", dt=1 * b2.ms, name="cells"), "r")],
        InvalidValueError,
        "LinearMap.source: expected groups of one clock.\nReceived: 'cells'\n"
        "Fix: pass clock= for the steps of the map.",
    ),
    "too few weights": (
        lambda exc, inh: [(exc, "r"), (inh, "r")],
        InvalidValueError,
        "LinearMap.weights: expected an array of shape (2, 11) (targets, sources).\nReceived: (2, 14)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_sources_that_do_not_fit_together_are_refused(mistake, numpy_target):
    sources, error, text = MISTAKES[mistake]
    with pytest.raises(error, match=re.escape(text)):
        LinearMap(sources(*groups().values()), weights=WEIGHTS[0])


def test_a_name_twice_is_refused(numpy_target):
    exc, inh = groups().values()
    with pytest.raises(
        InvalidValueError,
        match=re.escape(
            "LinearMap.source[1]: expected a group, as variable= names the variable of all.\nReceived: 'slow'\n"
            "Fix: leave out variable=."
        ),
    ):
        LinearMap([exc, (inh, "slow")], "r", weights=WEIGHTS[0])


def test_a_part_that_is_written_is_not_read(numpy_target):
    exc, inh = groups().values()
    with pytest.raises(InvalidValueError, match="expected another variable than the one that is read"):
        LinearMap([(inh, "r"), (exc, "r")], weights=np.ones((3, 11)), target=exc[3:], target_variable="r")


def test_a_clock_of_its_own(numpy_target):
    exc, slow = b2.NeuronGroup(1, "r : 1"), b2.NeuronGroup(1, "dr/dt = 1/ms : 1", dt=1 * b2.ms, method="euler")
    exc.r = 3
    both = LinearMap([exc, slow], "r", weights=np.ones((1, 2)), clock=exc.clock)
    b2.Network(exc, slow, both).run(2 * b2.ms)
    assert both.z[0] == pytest.approx(5.0)


@pytest.mark.parametrize(("at", "when"), [("end", "start"), ("start", "end")])
def test_a_rule_reads_what_groups_hold_at_its_own_place_in_the_step(numpy_target, at, when):
    """As of one group: also in the first step, and after a change between runs."""
    net, weights = groups(), np.ones((1, 14))
    readout = LinearMap(parts(**net), weights=weights, when=at, name="readout")
    rls = RLS(readout, None, alpha_P=0.5, error="0.1", when=when, name="rls")
    network, P = b2.Network(*net.values(), readout, rls), 0.5 * np.eye(14)
    for _ in range(2):
        net["exc"].slow, net["inh"].slow = "0.1 + r", "0.3*i"
        before = read_now(**net)
        network.run(b2.defaultclock.dt, namespace={})
        r = before if when == "start" else read_now(**net)
        k = P @ r
        P = P - np.outer(k, k) / (1 + r @ k)
        weights = weights - 0.1 * P @ r
        assert_close(readout.W, weights)
        assert_close(rls.P, P)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # Brian2 compares states with 1e50
def test_single_precision(tmp_path):
    with activated("numpy", tmp_path, "float32"):
        exc, inh = groups().values()
        readout = LinearMap([exc, inh], "r", weights=np.ones((1, 11)))
        b2.Network(exc, inh, readout).run(b2.defaultclock.dt)
        assert readout.variables["x"].dtype == np.float32
        assert readout.z[0] == pytest.approx(exc.r[:].sum() + inh.r[:].sum(), rel=1e-6)
