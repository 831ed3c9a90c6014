"""Mistakes of a Brian2 user: each is refused before anything runs, by a message of ours that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian2.core.base import BrianObjectException

from tension_sim import SparseKernel
from tension_sim.brian import RLS, Blank, LinearMap, PythonRule, Recorder, Signal, SpikeMap
from tension_sim.errors import TensionError

pytestmark = pytest.mark.usefixtures("numpy_target")

MV, MS = b2.mV, b2.ms


class Script:
    """What stands in a script before the mistake."""

    def __init__(self) -> None:
        self.neurons = b2.NeuronGroup(
            4,
            """dv/dt = (I - v)/(10*ms) : volt (unless refractory)
               I : volt
               r : 1
               twice = 2*r : 1
               everywhere : 1 (shared)
               fixed : 1 (constant)
               whole : integer""",
            threshold="v > 10*mV",
            reset="v = 0*mV",
            refractory=1 * MS,
            method="euler",
            name="neurons",
        )
        self.rates = b2.NeuronGroup(4, "x : 1\nh : 1", name="rates")
        self.poisson = b2.PoissonGroup(4, 10 * b2.Hz, name="poisson")
        self.goal = Signal(np.zeros((5, 2)), name="goal")
        self.readout = LinearMap(self.neurons, "r", weights=np.zeros((2, 4)), name="readout")
        self.kernel = SparseKernel(4, [0, 1], [1, 2], [1.0, 2.0])

    def linear(self, **changes: Any) -> LinearMap:
        options = {"source": self.neurons, "variable": "r", "weights": np.zeros((2, 4))} | changes
        return LinearMap(options.pop("source"), options.pop("variable"), **options)

    def spikes(self, **changes: Any) -> SpikeMap:
        options = {"weights": self.kernel, "target": self.neurons, "target_variable": "I"} | changes
        return SpikeMap(options.pop("sources", self.neurons), **options)

    def rls(self, *maps: Any, **changes: Any) -> RLS:
        options = {"target": self.goal, "alpha_P": 1.0} | changes
        return RLS(maps[0] if maps else self.readout, options.pop("target"), **options)

    def recorder(self, **changes: Any) -> Recorder:
        options = {"source": self.neurons, "variable": "r"} | changes
        return Recorder(options.pop("source"), options.pop("variable"), **options)

    def run(self, *objects: Any, dt: Any = None) -> None:
        network = b2.Network(self.neurons, self.rates, self.goal, self.readout, *objects)
        if dt is not None:
            b2.defaultclock.dt = dt
        network.run(b2.defaultclock.dt, namespace={})

    def synapses(self) -> b2.Synapses:
        synapses = b2.Synapses(self.neurons, self.rates, "w : 1\nh_post = w*r_pre : 1 (summed)", name="synapses")
        synapses.connect()
        return synapses


def into(s: Script, variable: str = "h", **changes: Any) -> dict[str, Any]:
    return {"weights": np.zeros((4, 4)), "target": s.rates, "target_variable": variable} | changes


def read_slowly(s: Script) -> tuple[Any, ...]:
    group = b2.NeuronGroup(2, "x : 1", dt=0.5 * MS)
    return group, LinearMap(s.goal, "value", weights=np.eye(2), target=group, target_variable="x")


#: What is done wrong, and what the message must hold.
MISTAKES: dict[str, tuple[Callable[[Script], Any], str]] = {
    # LinearMap
    "a group's name": (lambda s: s.linear(source="neurons"), "LinearMap.source: expected a Brian2 group."),
    "a variable instead of a group": (
        lambda s: s.linear(source=s.neurons.r),
        "LinearMap.source: expected a Brian2 group.",
    ),
    "a variable that is not there": (lambda s: s.linear(variable="rr"), "Fix: did you mean 'r'?"),
    "a variable by value": (
        lambda s: s.linear(variable=s.neurons.r),
        "LinearMap.source: expected the name of a variable",
    ),
    "a subexpression": (lambda s: s.linear(variable="twice"), "a subexpression has no values to read."),
    "a shared source": (lambda s: s.linear(variable="everywhere"), "'everywhere' is shared by the whole group"),
    "weights transposed": (
        lambda s: s.linear(**into(s, weights=np.zeros((4, 3)))),
        "expected an array of shape (4, 4) (targets, sources).\nReceived: (4, 3)",
    ),
    "weights of one axis": (
        lambda s: s.linear(weights=np.zeros(4)),
        "expected an array of shape (targets, 4), one row",
    ),
    "one weight": (lambda s: s.linear(weights=0.1), "Fix: for one target give it the shape (1, 4)"),
    "weights of one axis into a group": (lambda s: s.linear(**into(s, weights=np.zeros(4))), "Received: (4,)"),
    "weights by a string": (lambda s: s.linear(weights="0.1*rand()"), "Received: '0.1*rand()'\nFix: pass numbers."),
    "no weights": (lambda s: s.linear(weights=None), "Received: None\nFix: pass numbers."),
    "weights with nan": (
        lambda s: s.linear(weights=np.full((2, 4), np.nan)),
        "Fix: correct the 8 value(s) that are NaN",
    ),
    "ragged weights": (lambda s: s.linear(weights=[[1, 2], [3]]), "LinearMap.weights: expected an array of shape"),
    "complex weights": (
        lambda s: s.linear(weights=1j * np.ones((2, 4))),
        "LinearMap.weights: expected an array of shape",
    ),
    "weights of Synapses": (lambda s: s.linear(weights=s.synapses()), "LinearMap.weights: expected an array of shape"),
    "a mask transposed": (
        lambda s: s.linear(mask=np.ones((4, 2))),
        "LinearMap.mask: expected an array of shape (2, 4)",
    ),
    "a mask beside a kernel": (
        lambda s: s.linear(weights=SparseKernel(4, [0], [1], [1.0]), mask=np.ones((4, 4))),
        "LinearMap.mask: a SparseKernel has a mask already.",
    ),
    "a target without variable": (lambda s: s.linear(target=s.rates), "target and target_variable together"),
    "a variable without target": (lambda s: s.linear(target_variable="h"), "target and target_variable together"),
    "a target variable that is not there": (
        lambda s: s.linear(**into(s, "g")),
        "LinearMap.target: expected a known variable",
    ),
    "a target of another unit": (
        lambda s: s.linear(**into(s, "I", target=s.neurons)),
        "LinearMap.weights: expected weights in volt, so that W r is a I in volt.",
    ),
    "a constant target": (
        lambda s: s.linear(**into(s, "fixed", target=s.neurons)),
        "a floating-point variable that can be w",
    ),
    "a whole-number target": (
        lambda s: s.linear(**into(s, "whole", target=s.neurons)),
        "a floating-point variable that can",
    ),
    "a shared target": (lambda s: s.linear(**into(s, "everywhere", target=s.neurons)), "declare it without (shared)"),
    "a subexpression as target": (
        lambda s: s.linear(**into(s, "twice", target=s.neurons)),
        "a subexpression has no values",
    ),
    "a map onto itself": (
        lambda s: s.linear(source=s.rates, variable="x", **into(s, "x")),
        "expected another variable than the one that is read.",
    ),
    "Synapses as source": (
        lambda s: s.linear(source=s.synapses(), variable="w"),
        "LinearMap.weights: expected an array",
    ),
    "two maps into one variable": (
        lambda s: s.run(s.linear(**into(s), name="a"), s.linear(**into(s), name="b")),
        "expected one object that sets 'h' of rates.",
    ),
    "a map beside a summed variable": (
        lambda s: s.run(s.synapses(), s.linear(**into(s))),
        "expected one object that sets 'h' of rates.",
    ),
    "other weights of another shape": (
        lambda s: setattr(s.readout, "W", np.ones((4, 2))),
        "LinearMap.W: expected an array",
    ),
    "other weights with a unit": (
        lambda s: setattr(s.readout, "W", np.ones((2, 4)) * MV),
        "expected weights in 1 (no unit)",
    ),
    "a part of a part of W": (
        lambda s: s.readout.W[0].__setitem__(1, 3),
        "expected one index for row and col",
    ),
    "three indices of w": (lambda s: s.readout.w[0, 1, 2], "readout_w: expected one index, or a source and a target."),
    "a blank without numbers": (lambda s: Blank("2", 3), "Blank.n_targets: expected a whole number, at least 1."),
    "weights and rows in one monitor": (
        lambda s: b2.StateMonitor(s.readout, ["z", "w"], record=True),
        "StateMonitor of readout: expected variables with equally many elements.",
    ),
    # SpikeMap
    "a dense array of spike weights": (
        lambda s: s.spikes(weights=np.ones((4, 4))),
        "Fix: SparseKernel.from_dense(W.T).",
    ),
    "a kernel of another size": (
        lambda s: s.spikes(weights=SparseKernel(3, [0], [1], [1.0])),
        "weights of shape (4, 4)",
    ),
    "a source that does not spike": (lambda s: s.spikes(sources=s.rates), "Fix: give the group a threshold."),
    "no source": (lambda s: s.spikes(sources=[]), "SpikeMap.sources: expected at least one group."),
    "sources by name": (
        lambda s: s.spikes(sources="neurons"),
        "SpikeMap.sources: expected a Brian2 group, or several.",
    ),
    "sources of two clocks": (
        lambda s: s.spikes(
            sources=[s.neurons, b2.PoissonGroup(4, 1 * b2.Hz, dt=1 * MS)], weights=SparseKernel(8, [0], [1], [1.0], 4)
        ),
        "Fix: use one SpikeMap for each clock.",
    ),
    "a spike target that is not there": (lambda s: s.spikes(target_variable="II"), "Fix: did you mean 'i'?"),
    "a constant spike target": (
        lambda s: s.spikes(target_variable="fixed"),
        "a floating-point variable that can be written",
    ),
    "the trace of a PoissonGroup": (
        lambda s: s.spikes(sources=s.poisson, trace="r"),
        "expected groups that hold a trace of their spikes.\nReceived: 'r of poisson, a PoissonGroup'\nFix: use",
    ),
    "a trace that is not there": (
        lambda s: s.spikes(trace="rr"),
        "SpikeMap.trace: expected a known variable of neurons",
    ),
    "a trace too many": (lambda s: s.spikes(trace=["r", "r"]), "one variable name, or one for each of 1 group(s)"),
    "a scale with a unit": (lambda s: s.spikes(scale=1 * MS), "SpikeMap.scale: expected a plain number."),
    "several scales": (lambda s: s.spikes(scale=[1, 2]), "SpikeMap.scale: expected an array of shape () (one number)"),
    # Signal
    "no samples": (
        lambda s: Signal([]),
        "Signal.samples: expected an array of shape (timesteps, channels), not empty.",
    ),
    "samples of three axes": (lambda s: Signal(np.zeros((2, 2, 2))), "not empty.\nReceived: (2, 2, 2)"),
    "samples by a string": (lambda s: Signal("sin(t)"), "Received: 'sin(t) (No such file or directory)'"),
    "a TimedArray": (lambda s: Signal(b2.TimedArray([1, 2], dt=1 * MS)), "Signal.samples: expected an array of shape"),
    "samples that are not finite": (lambda s: Signal([1, np.inf]), "Signal.samples: expected finite values."),
    "a negative first step": (
        lambda s: Signal([1.0], first_step=-1),
        "Signal.first_step: expected a whole number of time s",
    ),
    "a first step in volt": (lambda s: Signal([1.0], first_step=1 * MV), "Fix: give it in seconds or as a number."),
    "samples held for no step": (
        lambda s: Signal([1.0], every=0),
        "Signal.every: expected a whole number of time steps, at",
    ),
    "other samples of another unit": (
        lambda s: s.goal.set_samples(np.zeros((2, 2)) * MV),
        "expected samples in 1 (no unit)",
    ),
    "other samples of other channels": (
        lambda s: s.goal.set_samples(np.zeros((2, 3))),
        "expected 2 channels (axis 1).",
    ),
    "a group slower than its signal": (
        lambda s: s.run(*read_slowly(s)),
        "Signal.clock: expected the clock of ",
    ),
    # Recorder
    "a recorded variable that is not there": (lambda s: s.recorder(variable="rr"), "Fix: did you mean 'r'?"),
    "a recorded subexpression": (lambda s: s.recorder(variable="twice"), "a subexpression has no values to read."),
    "an index that is not there": (
        lambda s: s.recorder(indices=[4]),
        "Recorder.indices: expected indices from 0 to 3.",
    ),
    "indices that are not whole": (
        lambda s: s.recorder(indices=[0.5]),
        "Recorder.indices: expected a list of whole numbers",
    ),
    "indices by a string": (
        lambda s: s.recorder(indices="i < 2"),
        "Recorder.indices: expected a list of whole numbers",
    ),
    "records every 0": (
        lambda s: s.recorder(every=0),
        "Recorder.every: expected a whole number of time steps, at least 1.",
    ),
    "records every volt": (lambda s: s.recorder(every=1 * MV), "Recorder.every: expected time steps, or a time."),
    "records between steps": (
        lambda s: s.run(s.recorder(every=0.25 * MS)),
        "Recorder.every: expected a multiple of the time",
    ),
    "a dtype that is none": (
        lambda s: s.recorder(dtype="floaty"),
        "Recorder.dtype: expected a numpy dtype of numbers.",
    ),
    # RLS
    "RLS of Synapses without their weight": (
        lambda s: s.rls(s.synapses()),
        "RLS.weight: expected the name of a variable",
    ),
    "RLS of a group": (
        lambda s: s.rls(s.neurons),
        "RLS.maps: expected a LinearMap, SpikeMap or Synapses, or a list of them.\nReceived: N",
    ),
    "RLS of weights": (lambda s: s.rls(s.readout.W), "RLS.maps: expected a LinearMap, SpikeMap or Synapses"),
    "RLS of nothing": (
        lambda s: s.rls([]),
        "RLS.maps: expected a LinearMap, SpikeMap or Synapses, or a list of them.\nReceived: []",
    ),
    "RLS of a map twice": (lambda s: s.rls([s.readout, s.readout]), "RLS.maps: expected each map once."),
    "RLS of maps of two groups": (
        lambda s: s.rls([s.readout, s.linear(source=s.rates, variable="x")]),
        "Fix: use one RLS for each source.",
    ),
    "RLS of spikes without trace": (lambda s: s.rls(s.spikes()), "Fix: name the presynaptic rate by trace=."),
    "a target by its values": (
        lambda s: s.rls(target=np.zeros((5, 2))),
        "RLS.target: expected a Signal, a LinearMap, or (gr",
    ),
    "a target of other channels": (
        lambda s: s.rls(target=Signal(np.zeros((5, 3)))),
        "RLS.y: expected a variable with 2 val",
    ),
    "a target in other units than z": (
        lambda s: s.rls(target=Signal(np.zeros((5, 2)) * MV)),
        "RLS.error: expected terms of one un",
    ),
    "no target": (lambda s: s.rls(target=None), "Fix: pass target=, which the error calls y."),
    "alpha_P of 0": (lambda s: s.rls(alpha_P=0), "RLS.alpha_P: expected a finite number above 0."),
    "alpha_P in ms": (
        lambda s: s.rls(alpha_P=1 * MS),
        "RLS.alpha_P: expected a plain number.\nReceived: '1. * msecond'",
    ),
    "alpha_P by a string": (lambda s: s.rls(alpha_P="1/dt"), "RLS.alpha_P: expected a finite number above 0."),
    "alpha_P of the rows": (lambda s: s.rls(alpha_P=[1, 2]), "RLS.alpha_P: expected an array of shape (4,) (sources)"),
    "an error of unknown names": (lambda s: s.rls(error="z - goal_value"), "RLS.error: expected names that are known."),
    "an error in volt": (
        lambda s: s.rls(error="(z - y)*mV"),
        "RLS.error: expected an error in 1 (no unit), the unit of z.",
    ),
    "an error that assigns": (lambda s: s.rls(error="e = z - y"), "Fix: remove '='."),
    "an error by a function": (lambda s: s.rls(error=lambda z, y: z - y), "RLS.error: expected one expression"),
    "an error of a wrong call": (
        lambda s: s.rls(error="clip(z)"),
        "RLS.error: expected an expression that Brian2 can evalu",
    ),
    "variables by name alone": (
        lambda s: s.rls(variables={"u": "r"}),
        "RLS.variables['u']: expected a Signal, a LinearMap",
    ),
    "variables that are called z": (
        lambda s: s.rls(variables={"z": (s.neurons, "r")}),
        "RLS.variables: expected names oth",
    ),
    "an unknown gain": (lambda s: s.rls(gain="half"), "RLS.gain: expected one of 'divided', 'undivided'."),
    "updates every 0": (
        lambda s: s.rls(update_every=0),
        "Fix: to switch learning off, set rls.learning = 0 or stop=0.",
    ),
    "updates every half step": (
        lambda s: s.rls(update_every=0.5),
        "RLS.update_every: expected a whole number of time steps",
    ),
    "updates by a string": (
        lambda s: s.rls(update_every="1*ms"),
        "RLS.update_every: expected time steps, or a time.",
    ),
    "updates between steps": (
        lambda s: s.run(s.rls(update_every=1 * MS), dt=0.3 * MS),
        "RLS.update_every: expected a multi",
    ),
    "a stop before the start": (
        lambda s: s.rls(start=2 * MS, stop=1 * MS),
        "RLS.stop: expected stop at or after start.",
    ),
    "forgetting of 0": (lambda s: s.rls(forgetting=0), "RLS.forgetting: expected a number in (0, 1]."),
    "forgetting above 1": (lambda s: s.rls(forgetting=1.01), "Fix: 1 keeps all of the past."),
    "a negative seed": (lambda s: s.rls(seed=-1), "RLS.seed: expected a whole number, at least 0."),
    "signs of 0": (lambda s: s.rls(signs=[1, -1, 0, 1]), "sign clamp on a neuron without sign: source 2 has none"),
    "signs of the rows": (lambda s: s.rls(signs=[1, -1]), "RLS.signs: expected an array of shape (4,) (sources)"),
    "a penalty without groups": (lambda s: s.rls(row_sum=1.0), "Fix: name the group of each source by groups=."),
    "groups without a penalty": (lambda s: s.rls(groups=[0, 0, 1, 1]), "Fix: pass row_sum=."),
    "factors of another shape": (
        lambda s: s.rls(factor=np.ones((4, 2))),
        "RLS.factor: expected an array of shape (2, 4)",
    ),
    "blocks by a number": (lambda s: s.rls(blocks=3), "RLS.blocks: expected Blocks or BlockSizes of 1 map(s)."),
    "P that is not symmetric": (lambda s: s.rls().P.__setitem__((0, 1), 3), "RLS.P: expected a symmetric matrix"),
    "P of another shape": (lambda s: setattr(s.rls(), "P", np.eye(3)), "RLS.P: expected an array of shape (4, 4)"),
    "a time of another unit, later": (
        lambda s: setattr(s.rls(), "update_every", 1 * MV),
        "RLS.update_every: expected time s",
    ),
    # PythonRule
    "a rule by its result": (
        lambda s: PythonRule(3, s.readout),
        "PythonRule.function: expected a function of the maps.",
    ),
    "a rule of no map": (lambda s: PythonRule(print), "PythonRule.maps: expected one LinearMap or more."),
    "a rule of a group": (lambda s: PythonRule(print, s.neurons), "PythonRule.maps: expected one LinearMap or more."),
    # the place in a time step, and the name, which Brian2 would take
    "a clock by its dt": (lambda s: Signal([1.0], clock=1 * MS), "Signal.clock: expected a Brian2 Clock, or None."),
    "a map's clock by its name": (
        lambda s: s.spikes(clock="c"),
        "SpikeMap.clock: expected a Brian2 Clock, or N",
    ),
    "a slot by its number": (
        lambda s: Signal([1.0], when=3),
        "Signal.when: expected the name of a slot of the schedule",
    ),
    "no slot": (lambda s: s.rls(when=""), "RLS.when: expected the name of a slot of the schedule, such as 'start'"),
    "an order in words": (lambda s: s.rls(order="last"), "RLS.order: expected a whole number."),
    "a rule's order in words": (lambda s: PythonRule(print, s.readout, order="last"), "PythonRule.order: expected a w"),
    "a name of two words": (lambda s: s.rls(name="my rule"), "RLS.name: expected letters, digits and underscores, no"),
    "no name": (lambda s: Signal([1.0], name=None), "Signal.name: expected a text."),
    "division by zero": (lambda s: s.rls(error="(z - y)/0"), "RLS.error: expected no division by zero."),
    "a constant without a name": (lambda s: s.rls(namespace={1: 2.0}), "RLS.namespace: expected a text."),
    "a flag in numbers": (lambda s: s.rls(divide_by_source=[1, 0]), "RLS.divide_by_source: expected True or False."),
    "a dtype that is no Python": (
        lambda s: Recorder(s.neurons, "v", dtype="9" * 5000),
        "Recorder.dtype: expected a numpy dtype of numbers.",
    ),
    "an index beyond all": (lambda s: Recorder(s.neurons, "v", indices=[10**160]), "Recorder.indices: expected"),
}


@cache
def script() -> Script:
    """One script for all: what is refused changes nothing."""
    return Script()


def test_there_are_enough():
    assert len(MISTAKES) >= 80


@pytest.mark.parametrize(("mistake", "text"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_of_a_script_is_refused(mistake, text):
    with pytest.raises((TensionError, BrianObjectException)) as caught:
        mistake(script())
    error = caught.value.__cause__ if isinstance(caught.value, BrianObjectException) else caught.value
    assert isinstance(error, TensionError)
    assert text in str(error)
    first, received, *_ = str(error).split("\n")
    assert re.match(r"[^:\n]+: [^\n]+\.$", first)
    assert first.endswith(".")
    assert received.startswith("Received: ")
    assert len(received) < 220
