"""Monitors of a Brian2 network as a Neo block: counts, times, units, names and borders against Brian2's own arrays."""

from __future__ import annotations

import brian2 as b2
import neo
import numpy as np
import pytest
import quantities as pq
from neo.test.tools import assert_neo_object_is_compliant
from synthetic import synthetic_results

from tension_sim.brian import Recorder
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError
from tension_sim.neo import save, to_neo

DT = 0.1e-3


def network() -> tuple[b2.Network, dict[str, object]]:
    """Neurons that spike in known steps, a slow group on a clock of its own, synapses, and every monitor."""
    b2.defaultclock.dt = DT * b2.second
    cells = b2.NeuronGroup(
        6,
        """dv/dt = (i + 1)*volt/(4*ms) : volt
           half : boolean
           n_spikes : integer""",
        threshold="v > 1*volt and i != 3",
        reset="v = 0*volt; n_spikes += 1",
        events={"high": "v > 0.95*volt and i == 0"},
        method="euler",
        name="cells",
    )
    slow = b2.NeuronGroup(
        2, "du/dt = 1/ms : 1", threshold="u > 0.9", reset="u = 0", method="euler", dt=0.5 * b2.ms, name="slow"
    )
    part = cells[2:5]
    synapses = b2.Synapses(cells, cells, "dw/dt = 1*nS/ms : siemens (clock-driven)", method="euler", name="synapses")
    synapses.connect(i=[0, 1, 5], j=[2, 2, 4])
    objects = {
        "cells": cells,
        "slow": slow,
        "synapses": synapses,
        "part": part,
        "spikes": b2.SpikeMonitor(cells, variables="n_spikes", name="spikes"),
        "part_spikes": b2.SpikeMonitor(part, name="part_spikes"),
        "slow_spikes": b2.SpikeMonitor(slow, name="slow_spikes"),
        "counts_alone": b2.SpikeMonitor(cells, record=False, name="counts_alone"),
        "events": b2.EventMonitor(cells, "high", name="events"),
        "v": b2.StateMonitor(cells, ["v", "half"], record=[4, 1], name="v_monitor"),
        "v_part": b2.StateMonitor(part, "v", record=True, dt=0.4 * b2.ms, name="v_part"),
        "w": b2.StateMonitor(synapses, "w", record=[0, 2], name="w_monitor"),
        "rate": b2.PopulationRateMonitor(cells, name="rate"),
        "recorder": Recorder(part, "v", every=3, indices=[2, 0], name="recorder"),
    }
    members = [item for name, item in objects.items() if name != "part"]
    return b2.Network(*members, name="demo"), objects


@pytest.fixture
def ran(target):
    net, objects = network()
    target.run(net, 30 * b2.ms)
    return net, objects


def of_name(items, name):
    (found,) = [item for item in items if item.name == name]
    return found


@pytest.mark.filterwarnings("ignore")  # the check builds old-style objects of its own
def test_everything_that_was_monitored(ran):
    net, objects = ran
    block = to_neo(net)
    assert_neo_object_is_compliant(block)
    assert block.name == "demo"
    (segment,) = block.segments
    assert segment.name == "run"

    monitor, dt = objects["spikes"], DT
    times, indices = np.asarray(monitor.t_[:]), np.asarray(monitor.i[:])
    trains = [train for train in segment.spiketrains if train.annotations["source_population"] == "cells"]
    assert [train.name for train in trains] == [f"cells_{n}" for n in range(6)]
    assert len(trains[3]) == 0  # a neuron that is silent
    assert len(trains[5]) > 30
    for n, train in enumerate(trains):
        np.testing.assert_array_equal(train.rescale("s").magnitude, times[indices == n])
        np.testing.assert_array_equal(
            train.array_annotations["n_spikes"], np.asarray(monitor.n_spikes[:])[indices == n]
        )
        assert (train.annotations["source_index"], train.annotations["channel_id"]) == (n, n)
        assert train.t_start == 0 * pq.s
        assert train.t_stop.item() == pytest.approx(0.03, abs=1e-15)

    part = [train for train in segment.spiketrains if train.annotations.get("parent_population") == "cells"]
    assert [len(train) for train in part] == [len(trains[n]) for n in (2, 3, 4)]
    assert all(train.annotations["parent_start"] == 2 for train in part)

    v = of_name([s for s in segment.analogsignals if s.shape == (300, 2)], "cells.v")
    assert v.units == pq.V
    np.testing.assert_array_equal(v.magnitude, np.asarray(objects["v"].v_).T)
    np.testing.assert_array_equal(v.array_annotations["neuron_id"], [4, 1])
    np.testing.assert_allclose(v.times.rescale("s").magnitude, np.asarray(objects["v"].t_[:]), atol=1e-12)
    assert v.sampling_rate.rescale("Hz").item() == pytest.approx(1 / dt)

    w = of_name(segment.analogsignals, "synapses.w")
    assert w.units == pq.S
    np.testing.assert_array_equal(w.array_annotations["source_id"], [0, 5])
    np.testing.assert_array_equal(w.array_annotations["target_id"], [2, 4])

    rate = of_name(segment.analogsignals, "cells.rate")
    counts = np.bincount(np.rint(times / dt).astype(int), minlength=300)
    np.testing.assert_allclose(rate.rescale("Hz").magnitude[:, 0], counts / 6 / dt)

    slow = of_name([s for s in segment.analogsignals if s.shape == (75, 3)], objects["part"].name + ".v")
    assert slow.sampling_period.rescale("ms").item() == pytest.approx(0.4)
    recorded = of_name([s for s in segment.analogsignals if s.shape == (100, 2)], objects["part"].name + ".v")
    np.testing.assert_array_equal(recorded.magnitude, np.asarray(objects["recorder"].recorded))
    np.testing.assert_array_equal(recorded.array_annotations["neuron_id"], [2, 0])
    np.testing.assert_allclose(recorded.times.rescale("s").magnitude, 3 * dt * np.arange(100), atol=1e-12)

    (event,) = segment.events
    assert event.name == "cells.high"
    np.testing.assert_array_equal(event.times.rescale("s").magnitude, np.asarray(objects["events"].t_[:]))
    assert set(event.labels) == {"cells_0"}

    groups = {group.name: group for group in block.groups}
    assert len(groups["cells"].spiketrains) == 6
    assert len(groups["slow"].spiketrains) == 2
    assert groups.keys() >= {"cells", "slow", "synapses", objects["part"].name}


@pytest.mark.usefixtures("numpy_target")
def test_segments_share_out_all_spikes():
    net, objects = network()
    net.run(11 * b2.ms)
    net.run(19 * b2.ms)
    block = to_neo(net, runs={"first": (0, 11 * b2.ms), "second": (0.011, 0.03)})
    assert [segment.name for segment in block.segments] == ["first", "second"]
    total = 0
    for segment, (low, high) in zip(block.segments, ((0, 110), (110, 300)), strict=True):
        trains = [train for train in segment.spiketrains if train.annotations["source_population"] == "cells"]
        steps = np.rint(np.asarray(objects["spikes"].t_[:]) / DT)
        assert sum(map(len, trains)) == np.sum((steps >= low) & (steps < high))
        total += sum(map(len, trains))
        for signal in segment.analogsignals:
            if signal.sampling_rate > 9e3 * pq.Hz:
                assert signal.shape[0] == high - low
                assert signal.t_start <= trains[0].t_start
                assert signal.t_stop >= trains[0].t_stop
    assert total == objects["spikes"].num_spikes
    assert len(block.groups[0].segments) == 0
    assert len({group.name: group for group in block.groups}["cells"].spiketrains) == 12


@pytest.mark.usefixtures("numpy_target")
def test_elephant_counts_a_spike_in_the_step_it_has_in_brian2():
    net, objects = network()
    net.run(30 * b2.ms)
    # elephant changes which warnings are shown, and Brian2 has some of a later pyparsing
    from elephant.conversion import BinnedSpikeTrain
    from elephant.sta import spike_triggered_average

    (segment,) = to_neo(net).segments
    trains = [train for train in segment.spiketrains if train.annotations["source_population"] == "cells"]
    monitor = objects["spikes"]
    steps, indices = np.rint(np.asarray(monitor.t_[:]) / DT).astype(int), np.asarray(monitor.i[:])
    expected = np.zeros((6, 300), int)
    np.add.at(expected, (indices, steps), 1)
    np.testing.assert_array_equal(BinnedSpikeTrain(trains, bin_size=DT * pq.s).to_array(), expected)
    v = of_name([s for s in segment.analogsignals if s.shape == (300, 2)], "cells.v")
    found = spike_triggered_average(v, [trains[4], trains[1]], (-1 * pq.ms, 1 * pq.ms))
    assert found.shape == (20, 2)
    assert np.isfinite(found.magnitude).all()


@pytest.mark.usefixtures("numpy_target")
def test_monitors_without_a_network():
    net, objects = network()
    net.run(5 * b2.ms)
    (segment,) = to_neo([objects["spikes"], objects["v"]]).segments
    assert len(segment.spiketrains) == 6
    assert segment.spiketrains[0].t_stop.item() == pytest.approx(0.005, abs=1e-15)
    (segment,) = to_neo(objects["slow_spikes"], t_start=1 * b2.ms, t_stop=4 * b2.ms, name="mine").segments
    assert [train.t_start.item() for train in segment.spiketrains] == [0.001, 0.001]


@pytest.mark.usefixtures("numpy_target")
def test_samples_that_are_not_evenly_spaced():
    net, objects = network()
    monitor = objects["v"]
    net.run(1 * b2.ms)
    monitor.active = False
    net.run(1 * b2.ms)
    monitor.active = True
    net.run(1 * b2.ms)
    (segment,) = to_neo([monitor]).segments
    signal = of_name(segment.irregularlysampledsignals, "cells.v")
    np.testing.assert_allclose(signal.times.rescale("s").magnitude, np.asarray(monitor.t_[:]), atol=1e-15)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("volt", pq.V), ("amp", pq.A), ("siemens", pq.S), ("hertz", pq.Hz), ("1", pq.dimensionless), ("mmolar", None),
     ("farad", pq.F), ("second", pq.s), ("metre", pq.m), ("volt*second", None), ("siemens/metre**2", None)],
)  # fmt: skip
@pytest.mark.usefixtures("numpy_target")
def test_units(unit, expected):
    group = b2.NeuronGroup(1, f"x : {unit}", name="units_group")
    monitor = b2.StateMonitor(group, "x", record=0)
    net = b2.Network(group, monitor)
    net.run(1 * b2.ms)
    (signal,) = to_neo(net).segments[0].analogsignals
    if expected is not None:
        assert signal.units == expected
        assert signal.units.dimensionality == pq.Quantity(1, expected).dimensionality
    dim = group.variables["x"].dim
    base = signal.units.simplified
    assert base.magnitude == 1
    found = {key.symbol: value for key, value in base.dimensionality.items()}
    names = dict(zip(("m", "kg", "s", "A", "K", "mol", "cd"), dim._dims, strict=True))
    assert found == {key: value for key, value in names.items() if value}


@pytest.mark.usefixtures("numpy_target")
class TestRefused:
    @pytest.fixture
    def net(self, numpy_target):
        net, _ = network()
        net.run(1 * b2.ms)
        return net

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            ({"runs": {}}, InvalidTypeError, r"to_neo\.runs: expected a mapping of names to \(start, stop\)"),
            ({"runs": [1]}, InvalidTypeError, r"to_neo\.runs: expected a mapping"),
            ({"runs": {"a": 1}}, InvalidTypeError, r"to_neo\.runs\['a'\]: expected a pair \(start, stop\) of times"),
            ({"runs": {"a": (1, 0.5)}}, InvalidValueError, r"runs\['a'\]: expected an end after the start"),
            ({"runs": {"a": (0, b2.volt)}}, UnitsError, r"runs\['a'\]: expected a time\.\nReceived: volt"),
            ({"runs": {"a": (0, "x")}}, UnknownNameError, r"runs\['a'\]: expected a known parameter or unit"),
            ({"t_stop": 10**400}, InvalidTypeError, r"to_neo\.t_stop: expected a time in seconds"),
            ({"runs": {"a": (0, 1)}, "t_stop": 1}, InvalidValueError, "expected either runs, or t_start and t_stop"),
            ({"t_stop": np.nan}, InvalidValueError, r"to_neo\.t_stop: expected a finite time in seconds"),
            ({"t_stop": [1, 2]}, InvalidTypeError, r"to_neo\.t_stop: expected a time in seconds"),
        ],
    )
    def test_borders(self, net, options, error, text):
        with pytest.raises(error, match=text):
            to_neo(net, **options)

    def test_what_is_no_network(self, net):
        for wrong in (None, 3, "network", b2.NeuronGroup):
            with pytest.raises(InvalidTypeError, match=r"to_neo: expected Results, a Network, a monitor, or a list"):
                to_neo(wrong)
        with pytest.raises(InvalidTypeError, match=r"to_neo: expected monitors.\nReceived: 3"):
            to_neo([3])

    @pytest.mark.parametrize("option", [{"name": "own"}, {"t_stop": 1.0}, {"runs": {"a": (0, 1)}}])
    def test_borders_and_names_beside_what_has_its_own(self, tmp_path, option):
        results, of = synthetic_results(), f"to_neo.{next(iter(option))}"
        for function in (to_neo, lambda given, **options: save(given, tmp_path / "a.nix", **options)):
            with pytest.raises(InvalidValueError, match=rf"{of}: Results have segments and a name already\.\nReceived"):
                function(results, **option)
        with pytest.raises(InvalidValueError, match=rf"{of}: a Block has segments and a name already"):
            save(to_neo(results), tmp_path / "a.nix", **option)
        assert not [*tmp_path.iterdir()]

    def test_a_network_without_monitors(self):
        group = b2.NeuronGroup(1, "v : 1", threshold="v > 1")
        with pytest.raises(InvalidValueError, match=r"to_neo: expected at least one monitor that stores"):
            to_neo(b2.Network(group, b2.SpikeMonitor(group, record=False)))

    def test_a_network_that_was_not_run(self):
        net, _ = network()
        with pytest.raises(InvalidValueError, match=r"(?s)expected an end after the start.*Fix: run the network"):
            to_neo(net)


@pytest.mark.usefixtures("numpy_target")
def test_a_block_is_one_of_neo():
    net, _ = network()
    net.run(1 * b2.ms)
    assert isinstance(to_neo(net), neo.Block)
