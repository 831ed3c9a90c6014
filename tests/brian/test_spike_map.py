"""SpikeMap: each spike adds its weights, wherever sources and targets lie, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from targets import activated, assert_close, skip_unless_here

from tension_sim.brian import LinearMap
from tension_sim.brian.linear_map import Blank
from tension_sim.brian.spike_map import SpikeMap
from tension_sim.declare.kernels import SparseKernel
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

N, STEPS = 30, 40


def kernel(seed: int, n: int = N, n_post: int = N, synapses: int = 200) -> SparseKernel:
    """Random synapses, some of them between the same pair."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, n, synapses), rng.integers(0, n_post, synapses)
    return SparseKernel(n, pre, post, rng.standard_normal(synapses), n_post)


def spiking(n: int = N, name: str = "neurons*") -> b2.NeuronGroup:
    """Neurons that spike at rates of their own, and hold what spikes add to."""
    group = b2.NeuronGroup(
        n, "dv/dt = rate : 1\nrate : Hz\nr : 1\nh : volt", threshold="v > 1", reset="v = 0", method="euler", name=name
    )
    group.rate = np.linspace(0, 8, n) * b2.kHz
    return group


def counts(monitor: b2.SpikeMonitor, n: int) -> np.ndarray:
    return np.bincount(monitor.i[:], minlength=n)


def step(*objects: Any, steps: int = STEPS) -> None:
    b2.Network(*objects).run(steps * b2.defaultclock.dt)


def test_parts_of_groups_on_every_target(target):
    """Weights that are stored, by rows as they can learn, and weights that come with a run, in another number."""
    group, sink = spiking(name="group"), b2.NeuronGroup(25, "y : volt\nz : volt", name="sink")
    clocked = b2.SpikeGeneratorGroup(3, [0, 1, 2, 0], np.array([0, 0, 5, 9]) * b2.defaultclock.dt, name="clocked")
    part, ends, stored, given = group[5:25], group[22:], kernel(1, 28, 20), kernel(2, 23, 20, 70)
    first = SpikeMap(
        [part, ends], weights=stored, target=sink[5:], target_variable="y", scale=2.5, trace="r", name="first"
    )
    second = SpikeMap((clocked, part), weights=Blank(20, 23), target=sink[5:], target_variable="z", name="second")
    monitors = [b2.SpikeMonitor(group, name="of_group"), b2.SpikeMonitor(clocked, name="of_clocked")]
    network = b2.Network(group, clocked, sink, first, second, *monitors)
    out_start, post, w = given.outgoing()
    assert len(second.weights) == 0
    assert sum(map(len, first.partners)) == len(first.weights)
    if not target.standalone:
        second.weights = given
        second.scale = 3
    target.run(network, STEPS * b2.defaultclock.dt)
    if target.standalone:
        assert not np.any(sink.z[:])
        arguments = {second.out_start: out_start, second.post: post, second.w: w * b2.volt, second.scale: 3}
        b2.device.run(run_args=arguments)
    of_group, of_clocked = counts(monitors[0], N), counts(monitors[1], 3)
    of_part, of_ends = of_group[5:25], of_group[22:]
    assert of_part.sum() > 50
    assert of_clocked.tolist() == [2, 1, 1]
    assert_close(sink.y, np.append(np.zeros(5), 2.5 * stored.to_dense().T @ np.append(of_part, of_ends)))
    assert_close(sink.z, np.append(np.zeros(5), 3 * given.to_dense().T @ np.append(of_clocked, of_part)))
    assert_close(first.W, stored.to_dense().T)
    assert_close(second.W, given.to_dense().T)


def test_refractory_targets_as_with_synapses(target):
    """(unless refractory): of weights that can learn and that cannot, and into a part of a group."""
    equations = "dv/dt = (1.2 - v)/(2*ms) : 1 (unless refractory)\nr : 1"
    options = {"threshold": "v > 1", "reset": "v = 0", "refractory": 1.3 * b2.ms, "method": "euler"}
    groups = {name: b2.NeuronGroup(N, equations, name=name, **options) for name in ("by_synapses", "by_map")}
    one, two = kernel(3), kernel(4, n_post=N - 7)
    for group in groups.values():
        group.v = np.linspace(0, 0.9, N)
    mine, other = groups["by_map"], groups["by_synapses"]
    maps = [
        SpikeMap(mine, weights=one, target=mine, target_variable="v", scale=0.1, trace="r", name="learnable"),
        SpikeMap(mine, weights=two, target=mine[7:], target_variable="v", scale=0.1, name="fixed"),
    ]
    synapses = []
    for name, weights, first in (("first", one, 0), ("second", two, 7)):
        brian = b2.Synapses(other, other, "w : 1", on_pre="v_post += w", name=name)
        brian.connect(i=weights.pre, j=weights.post + first)
        brian.w = 0.1 * weights.weight
        synapses.append(brian)
    monitors = {name: b2.SpikeMonitor(group, name=f"spikes_{name}") for name, group in groups.items()}
    target.run(b2.Network(mine, other, *maps, *synapses, *monitors.values()), 100 * b2.defaultclock.dt)
    assert monitors["by_map"].num_spikes > 50
    for variable in ("i", "t"):
        found, wanted = (np.asarray(getattr(monitors[name], variable)) for name in ("by_map", "by_synapses"))
        assert np.array_equal(found, wanted)
    assert_close(mine.v, other.v)


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit(tmp_path):
    """Enough work that threads share it; LinearMap beside it."""
    skip_unless_here("cpp_standalone")
    rng, n = np.random.default_rng(0), 260
    weights, mask = rng.standard_normal((n, n)), rng.random((n, n)) < 0.95
    matrix = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.9)
    found = []
    for threads in (0, 2):
        with activated("cpp_standalone", tmp_path / str(threads)) as target:
            b2.prefs["devices.cpp_standalone.openmp_threads"] = threads
            try:
                group = b2.NeuronGroup(
                    n, "x : 1\ny : 1\nz : 1", threshold="i % 9 != t_in_timesteps % 9", name=f"group_{threads}"
                )
                group.x = rng.permutation(np.sin(np.arange(n))) if not found else found[0]["x"]
                spikes = SpikeMap(group, weights=SparseKernel.from_dense(matrix), target=group, target_variable="y")
                dense = LinearMap(group, "y", weights=weights)
                masked = LinearMap(group, "x", weights=weights, mask=mask, target=group, target_variable="z")
                monitor = b2.SpikeMonitor(group)
                target.run(b2.Network(group, spikes, dense, masked, monitor), 7 * b2.defaultclock.dt)
                found.append(
                    {"x": group.x[:], "y": group.y[:], "z": group.z[:], "dense": dense.z[:], "spikes": monitor.i[:]}
                )
            finally:
                b2.prefs["devices.cpp_standalone.openmp_threads"] = 0
    one, two = found
    assert_close(one["y"], matrix.T @ np.bincount(one["spikes"], minlength=n))
    assert_close(one["z"], (weights * mask) @ one["x"])
    assert_close(one["dense"], weights @ one["y"])
    for name, values in one.items():
        assert np.array_equal(two[name], values), name


@pytest.mark.usefixtures("numpy_target")
class TestOnNumpy:
    def test_the_same_as_synapses(self):
        group, other, one = spiking(), spiking(), kernel(3)
        recurrent = SpikeMap(group, weights=one, target=group, target_variable="h")
        synapses = b2.Synapses(other, other, "w : volt", on_pre="h_post += w")
        synapses.connect(i=one.pre, j=one.post)
        synapses.w = one.weight * b2.volt
        step(group, other, recurrent, synapses)
        assert np.abs(group.h[:]).max() > 1 * b2.volt
        assert_close(group.h, other.h)

    def test_acts_in_the_step_of_the_spike_before_the_reset(self):
        group = b2.NeuronGroup(2, "h : 1", threshold="i == 0 and t_in_timesteps == 1", reset="h = -1")
        recurrent = SpikeMap(group, weights=SparseKernel(2, [0, 0], [0, 1], [5, 7]), target=group, target_variable="h")
        network = b2.Network(group, recurrent)
        seen = []
        for _ in range(3):
            network.run(b2.defaultclock.dt)
            seen.append(group.h[:].tolist())
        assert seen == [[0, 0], [-1, 7], [-1, 7]]

    def test_neurons_without_synapses(self):
        group = spiking()
        empty = SpikeMap(group, weights=SparseKernel(N, [], [], []), target=group, target_variable="h")
        step(group, empty)
        assert not np.any(group.h[:])
        assert len(empty) == N
        assert len(empty.weights) == 0

    def test_silent_neurons(self):
        group = b2.NeuronGroup(N, "h : 1", threshold="False")
        step(group, SpikeMap(group, weights=kernel(0), target=group, target_variable="h"))
        assert not np.any(group.h[:])

    def test_weights_change_between_runs(self):
        group, first, second = spiking(), kernel(4), kernel(5, synapses=90)
        recurrent = SpikeMap(group, weights=first, target=group, target_variable="h")
        monitor = b2.SpikeMonitor(group)
        network = b2.Network(group, recurrent, monitor)
        network.run(STEPS * b2.defaultclock.dt)
        before = counts(monitor, N)
        recurrent.weights = second
        recurrent.scale = -2
        network.run(STEPS * b2.defaultclock.dt)
        after = counts(monitor, N) - before
        assert_close(group.h, first.to_dense().T @ before - 2 * second.to_dense().T @ after)

    def test_weights_that_can_learn_are_stored_by_target(self):
        group, one = spiking(), kernel(6)
        recurrent = SpikeMap(group, weights=kernel(5), target=group, target_variable="h", trace="r")
        recurrent.weights = one
        dense, w, row_start = one.to_dense().T, recurrent.w[:], recurrent.row_start[:]
        for row, partners in enumerate(recurrent.partners):
            assert np.array_equal(partners, np.flatnonzero(dense[row]))
            assert_close(w[row_start[row] : row_start[row + 1]], dense[row, partners])
        assert_close(w[recurrent.slot[:]], one.outgoing()[2])
        assert_close(recurrent.W, dense)
        assert "slot" not in SpikeMap(group, weights=one, target=group, target_variable="h").variables
        assert recurrent.trace == [(group, "r")]
        assert recurrent.W.dim is b2.volt.dim

    def test_blank_holds_nothing(self):
        group = spiking()
        blank = SpikeMap(group, weights=Blank(N, N, 70), target=group, target_variable="h")
        assert (len(blank.w[:]), len(blank.post[:]), len(blank.out_start[:])) == (70, 70, N + 1)
        assert len(blank.weights) == 0
        step(group, blank)
        assert not np.any(group.h[:])

    def test_traces_of_several_groups(self):
        first, second, weights = spiking(), spiking(4), kernel(0, 34, N)
        options = {"weights": weights, "target": first, "target_variable": "h"}
        both = SpikeMap([first, second], trace=["r", "v"], **options)
        assert both.trace == [(first, "r"), (second, "v")]
        assert both.variables["x_1"] is second.variables["v"]
        with pytest.raises(UnitsError, match=re.escape("SpikeMap.trace: expected traces of one unit, 1 (no unit).")):
            SpikeMap([first, second], trace=["r", "h"], **options)
        late = b2.NeuronGroup(34, "r : 1")
        assert SpikeMap([first, second], trace=[(late, "r")], **options).trace == [(late, "r")]
        with pytest.raises(
            InvalidValueError, match=re.escape("trace: expected a trace for each of 34 sources.\nReceived: 4")
        ):
            SpikeMap([first, second], trace=[(second, "r")], **options)

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            ({"sources": 3}, InvalidTypeError, "SpikeMap.sources: expected a Brian2 group, or several.\nReceived: 3"),
            ({"sources": []}, InvalidValueError, "SpikeMap.sources: expected at least one group."),
            ({"sources": "sink"}, InvalidValueError, "Fix: give the group a threshold."),
            ({"sources": "slow"}, InvalidValueError, "SpikeMap.sources: expected groups of one clock."),
            ({"weights": np.ones((N, N))}, InvalidTypeError, "SpikeMap.weights: expected a SparseKernel or a Blank."),
            (
                {"weights": kernel(0, N, 7)},
                InvalidValueError,
                "SpikeMap.weights: expected weights of shape (30, 30) (targets, sources).\nReceived: (7, 30)",
            ),
            ({"weights": Blank(N, 7)}, InvalidValueError, "Received: (30, 7)\nFix: check the groups."),
            ({"target": 3}, InvalidTypeError, "SpikeMap.target: expected a Brian2 group."),
            ({"target_variable": "q"}, UnknownNameError, "SpikeMap.target: expected a known variable of "),
            ({"target_variable": "twice"}, InvalidTypeError, "expected a state variable, stored as an array."),
            ({"target_variable": "all"}, InvalidTypeError, "Fix: 'all' is shared by the whole group"),
            (
                {"target_variable": "i"},
                InvalidValueError,
                "SpikeMap.target_variable: expected a floating-point variable that can be written.",
            ),
            ({"trace": "q"}, UnknownNameError, "SpikeMap.trace: expected a known variable of "),
            ({"trace": ["r", "r"]}, InvalidValueError, "expected one variable name, or one for each of 1 group(s)."),
            ({"trace": 3}, InvalidValueError, "SpikeMap.trace: expected one variable name"),
            ({"scale": np.nan}, InvalidValueError, "SpikeMap.scale: expected finite values."),
            ({"scale": "fast"}, InvalidTypeError, "SpikeMap.scale: expected an array of shape () (one number)."),
        ],
    )
    def test_groups_and_variables_that_do_not_fit_are_refused(self, changes, error, text):
        groups = {
            "source": spiking(),
            "sink": b2.NeuronGroup(N, "y : 1\nw = 2*y : 1\ntwice = 2*y : 1\nall : 1 (shared)"),
            "slow": b2.NeuronGroup(N, "y : 1", threshold="y > 1", clock=b2.Clock(1 * b2.ms)),
        }
        source, options = groups["source"], {"clock": b2.defaultclock}
        options |= {"sources": source, "weights": kernel(0), "target": groups["sink"], "target_variable": "y"}
        options |= changes
        if isinstance(options["sources"], str):
            options["sources"] = groups[options["sources"]]
        with pytest.raises(error, match=re.escape(text)):
            SpikeMap(options.pop("sources"), **options)

    def test_other_weights_refused(self):
        group = spiking()
        recurrent = SpikeMap(group, weights=kernel(0), target=group, target_variable="h")
        with pytest.raises(InvalidValueError, match=re.escape("SpikeMap.weights: expected weights of shape (30, 30)")):
            recurrent.weights = kernel(0, N, 7)
        with pytest.raises(InvalidTypeError, match=re.escape("SpikeMap.weights: expected a SparseKernel.\nReceived")):
            recurrent.weights = Blank(N, N)
        assert_close(recurrent.W, kernel(0).to_dense().T)
