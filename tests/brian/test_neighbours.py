"""Objects of one network that do not fit together are refused, and those that were left out are named."""

from __future__ import annotations

import gc

import brian2 as b2
import numpy as np
import pytest
from brian2.core.base import BrianObjectException
from brian2.utils.logger import catch_logs

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.brian.assemble import assemble
from tension_sim.circuit.parts import Circuit, Samples, Units
from tension_sim.errors import InvalidValueError, UnsupportedError

pytestmark = pytest.mark.usefixtures("numpy_target")

DT = b2.defaultclock.dt


def cause_of(*objects) -> Exception:
    """Run a network that must be refused, and return why."""
    with pytest.raises(BrianObjectException) as caught:
        b2.Network(*objects).run(DT, namespace={})
    return caught.value.__cause__


class TestOneWriter:
    def groups(self):
        source, sink = b2.NeuronGroup(3, "x : 1", name="source"), b2.NeuronGroup(5, "y : 1\nz : 1", name="sink")
        source.x = [1, 2, 3]
        return source, sink

    @pytest.mark.parametrize("options", [{}, {"order": 5}, {"when": "start"}])
    def test_two_maps_into_one_variable_are_refused(self, options):
        source, sink = self.groups()
        one = LinearMap(source, "x", weights=np.ones((5, 3)), target=sink, target_variable="y", name="one")
        two = LinearMap(
            source, "x", weights=np.ones((2, 3)), target=sink[1:3], target_variable="y", name="two", **options
        )
        error = cause_of(source, sink, one, two)
        assert isinstance(error, UnsupportedError)
        text = str(error)
        assert text.startswith("LinearMap.target_variable: expected one object that sets 'y' of sink.\nReceived: '")
        assert {"one", "two"} == set(text.split("'")[3].split(" and "))
        assert text.endswith(
            "Fix: the last one would win: give each a variable of its own, and add them in the equations."
        )

    def test_beside_a_summed_variable(self):
        source, sink = self.groups()
        synapses = b2.Synapses(source, sink, "y_post = x_pre : 1 (summed)", name="synapses")
        synapses.connect()
        one = LinearMap(source, "x", weights=np.ones((5, 3)), target=sink, target_variable="y", name="one")
        assert "one object that sets 'y' of sink" in str(cause_of(source, sink, synapses, one))

    def test_into_the_result_of_another_map(self):
        source, _ = self.groups()
        one = LinearMap(source, "x", weights=np.ones((2, 3)), name="one")
        two = LinearMap(source, "x", weights=np.ones((2, 3)), target=one, target_variable="z", name="two")
        assert "one object that sets 'z' of one" in str(cause_of(source, one, two))

    def test_into_a_signal(self):
        source, _ = self.groups()
        signal = Signal([[1.0, 2.0]], name="played")
        one = LinearMap(source, "x", weights=np.ones((2, 3)), target=signal, target_variable="value", name="one")
        assert "one object that sets 'value' of played" in str(cause_of(source, signal, one))

    def test_what_does_not_overlap_is_accepted(self):
        source, sink = self.groups()
        maps = [
            LinearMap(source, "x", weights=np.ones((2, 3)), target=sink[:2], target_variable="y"),
            LinearMap(source, "x", weights=2 * np.ones((3, 3)), target=sink[2:], target_variable="y"),
            LinearMap(source, "x", weights=np.ones((5, 3)), target=sink, target_variable="z"),
        ]
        idle = LinearMap(source, "x", weights=np.ones((5, 3)), target=sink, target_variable="z")
        idle.active = False
        other = b2.Network(LinearMap(source, "x", weights=np.ones((5, 3)), target=sink, target_variable="z"))
        again = LinearMap(source, "x", weights=maps[2], target=sink, target_variable="z", when="start")
        b2.Network(source, sink, *maps, idle, again).run(DT)
        assert sink.y[:].tolist() == [6, 6, 12, 12, 12]
        assert len(other.objects) == 1


class TestClocks:
    """Samples are a row a time step of the Signal's clock: who reads it more slowly would miss most of them."""

    def refused(self, *objects):
        error = cause_of(*objects)
        assert isinstance(error, InvalidValueError)
        assert str(error) == (
            "Signal.clock: expected the clock of slow, which reads played every 0.5 ms.\n"
            "Received: 'a sample every 100. us'\n"
            "Fix: pass clock=slow.clock to the Signal, else it would play only some of its samples."
        )

    def test_a_linked_variable(self):
        signal = Signal(np.arange(10.0), name="played")
        group = b2.NeuronGroup(1, "x : 1 (linked)\ndy/dt = x/second : 1", dt=0.5 * b2.ms, method="euler", name="slow")
        group.x = b2.linked_var(signal, "value")
        self.refused(signal, group)

    def test_a_group_that_a_map_writes_to(self):
        signal = Signal(np.arange(10.0), name="played")
        group = b2.NeuronGroup(1, "x : 1", dt=0.5 * b2.ms, name="slow")
        self.refused(signal, group, LinearMap(signal, "value", weights=[[1.0]], target=group, target_variable="x"))

    def test_the_target_of_a_rule(self):
        signal, group = Signal(np.arange(10.0), name="played"), b2.NeuronGroup(2, "x : 1", dt=0.5 * b2.ms)
        readout = LinearMap(group, "x", weights=np.zeros((1, 2)))
        error = cause_of(signal, group, readout, RLS(readout, signal, alpha_P=1.0))
        assert str(error).startswith("Signal.clock: expected the clock of rls")

    def test_who_reads_as_fast_or_only_records_is_accepted(self):
        signal = Signal(np.arange(10.0))
        group = b2.NeuronGroup(1, "x : 1", clock=b2.Clock(0.1 * b2.ms))
        fast = LinearMap(signal, "value", weights=[[1.0]], target=group, target_variable="x")
        monitor = b2.StateMonitor(signal, "value", record=True, dt=0.5 * b2.ms)
        recorder = Recorder(signal, "value", clock=b2.Clock(0.2 * b2.ms))
        b2.Network(signal, group, fast, monitor, recorder).run(1 * b2.ms)
        assert monitor.value[0].tolist() == [0, 5]
        assert recorder.recorded.ravel().tolist() == [0, 2, 4, 6, 8]


class TestLeftOut:
    def parts(self):
        neurons = b2.NeuronGroup(2, "x : 1", name="neurons")
        return neurons, LinearMap(neurons, "x", weights=np.zeros((1, 2)), name="readout"), Signal([1.0], name="goal")

    @staticmethod
    def warnings(logs) -> list[str]:
        return [text for level, _, text in logs if level == "WARNING"]

    def test_objects_that_are_not_kept(self):
        """As made in a function: Brian2's own warning, one an object, without waiting for the garbage collector."""
        gc.collect()
        neurons, readout, goal = self.parts()
        gc.disable()
        try:
            with catch_logs() as logs:
                RLS(readout, goal, alpha_P=1.0, name="forgotten")
                Recorder(readout, "z", name="unseen")
        finally:
            gc.enable()
        found = self.warnings(logs)
        assert [text.split("'")[1] for text in found] == ["forgotten", "unseen"]
        assert all("is getting deleted, but was never included in a network" in text for text in found)
        b2.Network(neurons, readout, goal).run(DT)

    def test_objects_that_are_kept_but_not_in_the_network(self):
        neurons, readout, goal = self.parts()
        rls = RLS(readout, goal, alpha_P=1.0, name="idle")
        with catch_logs() as logs:
            b2.Network(neurons, readout, goal).run(DT)
        assert [text for text in self.warnings(logs) if "'readout'" in text] == [
            "'idle' works on 'readout', which is run, but is in no network itself: it does nothing. "
            "Add it to the Network, or keep it in a variable where run() is called."
        ]
        assert rls.n_updates[:] == 0

    def test_no_warning_where_all_are_in(self):
        neurons, readout, goal = self.parts()
        rls = RLS(readout, goal, alpha_P=1.0)
        with catch_logs() as logs:
            network = b2.Network(neurons, readout, goal, rls)
            network.run(DT)
            del network, neurons, readout, goal, rls
            gc.collect()
        assert self.warnings(logs) == []

    def test_no_warning_of_the_parts_of_a_circuit_that_is_refused(self):
        """The error says it all: what was built before it is let go of in silence."""
        units = Units(2, "v : 1", (), ("v",), threshold="v > 1", reset="v = 0")
        circuit = Circuit(0.001, {"units": units, "signal": Samples(1), "unknown": None})
        with catch_logs() as logs:
            with pytest.raises(NotImplementedError, match="NoneType"):
                assemble(circuit)
            gc.collect()
        assert self.warnings(logs) == []
