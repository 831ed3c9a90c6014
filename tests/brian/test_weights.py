"""Weights of a map: indexed as those of Brian2's Synapses, recorded, saved, and W and P written into."""

from __future__ import annotations

import re
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from targets import assert_close

from tension_sim.brian import RLS, Blank, LinearMap, Recorder, Signal, SpikeMap
from tension_sim.declare.kernels import SparseKernel
from tension_sim.errors import InvalidValueError, UnitsError, UnsupportedError

W = np.arange(1.0, 11).reshape(2, 5)
MASK = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]], bool)
KINDS = tuple(
    pytest.param(kind, marks=pytest.mark.slow if kind in ("dense", "spikes") else ())
    for kind in ("dense", "masked", "spikes", "learned_spikes")
)


def group(n: int = 5, name: str = "group") -> b2.NeuronGroup:
    return b2.NeuronGroup(n, "r : 1\ny : volt", threshold="False", name=name)


def made(kind: str, source: Any, sink: Any, name: str = "one") -> Any:
    """A map of each kind, with the weights W in volts, or those of MASK."""
    into = {"target": sink, "target_variable": "y", "name": name}
    if kind in ("dense", "masked"):
        return LinearMap(source, "r", weights=W * b2.volt, mask=MASK if kind == "masked" else None, **into)
    kernel = SparseKernel.from_dense((W * MASK).T)
    return SpikeMap(source, weights=kernel, trace="r" if kind == "learned_spikes" else None, **into)


def synapses(kind: str, source: Any, sink: Any) -> b2.Synapses:
    """Brian2's own with the same weights."""
    own = b2.Synapses(source, sink, "w : volt", name="own")
    j, i = np.nonzero(np.ones_like(MASK) if kind == "dense" else MASK)
    own.connect(i=i, j=j)
    own.w = W[j, i] * b2.volt
    return own


def dense(own: b2.Synapses) -> np.ndarray:
    matrix = np.zeros(W.shape)
    matrix[own.j[:], own.i[:]] = own.w_[:]
    return matrix


SETTINGS = {
    "a condition": lambda s: s.w.__setitem__("i == 2", 7 * b2.volt),
    "a condition on both": lambda s: s.w.__setitem__("j == 1 and i > 1 and w > 7*volt", -1 * b2.volt),
    "a condition and an expression": lambda s: s.w.__setitem__("j == 0", "(0.5 + i)*volt"),
    "an expression": lambda s: setattr(s, "w", "(10*i + j)*volt"),
    "a number": lambda s: setattr(s, "w", 3 * b2.mV),
    "without unit": lambda s: setattr(s, "w_", 3),
    "a pair": lambda s: s.w.__setitem__((2, 0), 7 * b2.volt),
    "a source": lambda s: s.w.__setitem__((2, slice(None)), 7 * b2.volt),
    "a target": lambda s: s.w.__setitem__((slice(None), 1), 7 * b2.volt),
    "some": lambda s: s.w.__setitem__(([0, 2, 4], slice(0, 1)), 7 * b2.volt),
    "an expression for a target": lambda s: s.w.__setitem__((slice(None), 1), "i*volt"),
    "in place": lambda s: s.w.__setitem__(slice(None), 2 * s.w[:]),
}


@pytest.mark.usefixtures("numpy_target")
@pytest.mark.parametrize("kind", KINDS)
class TestAsSynapses:
    @pytest.mark.parametrize("change", SETTINGS.values(), ids=SETTINGS)
    def test_set(self, kind, change):
        source, sink = group(), group(2, "sink")
        one, own = made(kind, source, sink), synapses(kind, source, sink)
        change(one)
        change(own)
        assert_close(one.W, dense(own))

    def test_read(self, kind):
        source, sink = group(), group(2, "sink")
        one, own = made(kind, source, sink), synapses(kind, source, sink)
        for item in ("i == 2", "j == 1 and w > 7*volt", (2, 0), (slice(None), 1), ([0, 2, 4], 0), slice(None)):
            assert sorted(one.w_[item]) == sorted(own.w_[item]), item
        assert one.w["i == 2"].dim is b2.volt.dim
        assert one.w[1] == one.w[:][1]
        assert one.w[[1, 0]].tolist() == one.w[:][[1, 0]].tolist()

    def test_random_numbers(self, kind):
        source, sink = group(), group(2, "sink")
        one = made(kind, source, sink)
        one.w = "0.1*rand()*volt"
        assert np.all((one.w_[:] >= 0) & (one.w_[:] < 0.1))
        assert len(set(one.w_[:])) == len(one.w_[:])

    def test_monitors_and_states(self, kind):
        source, sink = group(), group(2, "sink")
        one = made(kind, source, sink)
        wanted = one.w_[:].copy()
        monitor = b2.StateMonitor(one, "w", record=True)
        some = b2.StateMonitor(one, "w", record=[4, 0])
        recorder = Recorder(one, "w", indices=[3, 1])
        network = b2.Network(source, sink, one, monitor, some, recorder)
        network.run(3 * b2.defaultclock.dt)
        assert np.array_equal(monitor.w_, np.tile(wanted, (3, 1)).T)
        assert np.array_equal(some.w_, np.tile(wanted[[4, 0]], (3, 1)).T)
        assert np.array_equal(np.asarray(recorder.recorded), np.tile(wanted[[3, 1]], (3, 1)))
        states = network.get_states(read_only_variables=False)
        assert np.array_equal(states["one"]["w"], wanted * b2.volt)
        one.w = 0 * b2.volt
        network.set_states(states)
        assert np.array_equal(one.w_[:], wanted)
        assert set(one.get_states()) >= {"w", "N", "t", "i"}
        assert not {"x", "allowed"} & set(one.get_states())

    def test_elements_of_W(self, kind):
        source, sink = group(), group(2, "sink")
        one = made(kind, source, sink)
        wanted = np.array(one.W)
        one.W[1, 2] = 9 * b2.volt
        wanted[1, 2] = 9
        assert np.array_equal(one.W, wanted * b2.volt)
        W = one.W
        W[0] = -1 * b2.volt
        wanted[0] = np.where(wanted[0] != 0, -1, 0)
        assert np.array_equal(one.W, wanted * b2.volt)
        one.W *= 2
        assert np.array_equal(one.W, 2 * wanted * b2.volt)
        one.W = 0.5 * one.W
        copied = one.W.copy()
        copied[:] = 0 * b2.volt
        assert np.array_equal(one.W, wanted * b2.volt)

    def test_what_W_refuses(self, kind):
        source, sink = group(), group(2, "sink")
        one = made(kind, source, sink)
        before = np.array(one.W)
        where = type(one).__name__
        with pytest.raises(UnitsError, match=rf"{where}\.W: expected weights in volt"):
            one.W = 2 * before
        with pytest.raises(b2.DimensionMismatchError):
            one.W[0, 0] = 3
        for change in (
            lambda: np.fill_diagonal(one.W, 0 * b2.volt),
            lambda: one.W[0].__setitem__(2, 5 * b2.volt),
            lambda: np.copyto(one.W, 0),
        ):
            with pytest.raises(ValueError, match=r"read-only|W\[row, column\]"):
                change()
        with pytest.raises(InvalidValueError, match="expected finite values"):
            one.W[0, 0] = np.nan * b2.volt
        if kind != "dense":
            with pytest.raises(
                InvalidValueError, match=rf"{where}\.W: expected an element where a weight is\.\nReceived: 't"
            ):
                one.W[0, 1] = 3 * b2.volt
        assert np.array_equal(one.W, before * b2.volt)


def test_strings_and_monitors_on_every_target(target):
    """What Brian2 allows on each: strings before a run, and monitors."""
    source, sink = group(), group(2, "sink")
    maps = {kind: made(kind, source, sink[:], name=kind) for kind in ("spikes", "learned_spikes")}
    maps["dense"] = LinearMap(source, "r", weights=W, name="dense")
    maps["masked"] = LinearMap(source, "r", weights=W, mask=MASK, name="masked")
    unit = {kind: b2.volt if "spikes" in kind else 1 for kind in maps}
    monitors = []
    for kind, one in maps.items():
        one.w["i == 2"] = 7 * unit[kind]
        one.w["j == 1 and i > 2"] = "(20 + i)*volt" if "spikes" in kind else "20 + i"
        one.w[0, :] = -1 * unit[kind]
        monitors.append(b2.StateMonitor(one, "w", record=True, name=f"monitor_{kind}"))
        monitors.append(Recorder(one, "w", name=f"recorder_{kind}"))
    rls = RLS(maps["dense"], Signal([[1.0, 2.0]], name="goal"), alpha_P=1.0, name="rls")
    of_P = b2.StateMonitor(rls, "P_packed", record=True, name="of_P")
    target.run(b2.Network(source, sink, *maps.values(), *monitors, rls, rls.target, of_P), 2 * b2.defaultclock.dt)
    for kind, one in maps.items():
        wanted = np.where(MASK if kind != "dense" else True, W, 0)
        wanted[:, 2] = 7
        wanted[1, 3:] = np.where(wanted[1, 3:] != 0, [23, 24], 0)
        wanted[:, 0] = np.where(wanted[:, 0] != 0, -1, 0)
        assert np.array_equal(np.asarray(one.W), wanted), kind
    for monitor, recorder in zip(monitors[::2], monitors[1::2], strict=True):
        assert np.array_equal(monitor.w_.T, np.asarray(recorder.recorded))
    assert np.array_equal(monitors[4].w_[:, 0].reshape(2, 5), np.asarray(maps["dense"].W))
    assert of_P.P_packed.shape == (15, 2)
    assert len(maps["dense"].get_states()["w"]) == 10


@pytest.mark.usefixtures("numpy_target")
class TestOthers:
    def test_monitors_of_what_has_another_length(self):
        source = group()
        readout = LinearMap(source, "r", weights=W, name="readout")
        signal = Signal(np.arange(12.0).reshape(6, 2), name="played")
        monitors = [
            b2.StateMonitor(readout, "z", record=True),
            b2.StateMonitor(signal, "value", record=True),
            b2.StateMonitor(signal, "samples", record=True),
        ]
        b2.Network(source, readout, signal, *monitors).run(3 * b2.defaultclock.dt)
        assert [getattr(m, name).shape for m, name in zip(monitors, ("z", "value", "samples"), strict=True)] == [
            (2, 3),
            (2, 3),
            (12, 3),
        ]
        with pytest.raises(
            InvalidValueError,
            match=re.escape(
                "StateMonitor of readout: expected variables with equally many elements.\n"
                "Received: ['w', 'z']\nFix: use one StateMonitor for each."
            ),
        ):
            b2.StateMonitor(readout, ["w", "z"], record=True)
        with pytest.raises(IndexError, match=r"range \[0, 9\]"):
            b2.StateMonitor(readout, "w", record=[10])

    def test_shared_weights(self):
        source = group()
        owner = LinearMap(source, "r", weights=W)
        twin = LinearMap(source, "r", weights=owner)
        twin.w["i == 0"] = 0
        twin.W[1, 1] = 70
        assert owner.W[:, 0].tolist() == [0, 0]
        assert owner.W[1, 1] == 70

    def test_indices_that_mean_nothing(self):
        readout = LinearMap(group(), "r", weights=W, name="readout")
        with pytest.raises(InvalidValueError, match="readout_w: expected one index, or a source and a target"):
            readout.w[0, 1, 2]
        with pytest.raises(InvalidValueError, match="readout_row_start: expected one index"):
            readout.row_start[0, 1]
        blank = LinearMap(group(name="other"), "r", weights=Blank(2, 5, 3))
        for item in ("i == 0", (0, 0)):
            with pytest.raises(
                UnsupportedError, match=r"LinearMap\.w: expected weights whose sources and targets are k"
            ):
                blank.w[item] = 1

    def test_P(self):
        source = group()
        source.r = np.arange(5) + 1
        readout = LinearMap(source, "r", weights=W)
        rls = RLS(readout, Signal([[1.0, 2.0]]), alpha_P=0.5)
        rls.P[0, 0] = 3
        rls.P[[1, 2], [2, 1]] = 0.25
        wanted = 0.5 * np.eye(5)
        wanted[0, 0], wanted[1, 2], wanted[2, 1] = 3, 0.25, 0.25
        assert np.array_equal(rls.P, wanted)
        with pytest.raises(InvalidValueError, match=r"RLS\.P: expected a symmetric matrix"):
            rls.P[0, 1] = 1
        rls.P *= 2
        assert np.array_equal(rls.P, 2 * wanted)
        assert isinstance(rls.P @ np.ones(5), np.ndarray)
        b2.Network(source, readout, rls, rls.target).run(b2.defaultclock.dt)
        k = 2 * wanted @ source.r[:]
        assert_close(rls.P, 2 * wanted - np.outer(k, k) / (1 + source.r[:] @ k))

    def test_P_of_several_blocks(self):
        rls = RLS(LinearMap(group(), "r", weights=W, mask=MASK), Signal([[1.0, 2.0]]), alpha_P=0.5)
        rls.P[1][0, 0] = 3
        rls.P[0] = np.eye(3)
        assert [P.diagonal().tolist() for P in rls.P] == [[1, 1, 1], [3, 0.5, 0.5]]
