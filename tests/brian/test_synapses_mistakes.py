"""Mistakes with Synapses that learn: each is refused before anything runs, by a message that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian2.core.base import BrianObjectException

from tension_sim.brian import RLS, LinearMap, Signal
from tension_sim.errors import TensionError

pytestmark = pytest.mark.usefixtures("numpy_target")

MODEL = """
w : 1
in_nS : siemens
fixed : 1 (constant)
everywhere : 1 (shared)
twice = 2*w : 1
plastic : boolean
whole : integer
late : second
ds/dt = -s/(5*ms) : 1 (event-driven)
"""


class Script:
    """What stands in a script before the mistake."""

    def __init__(self) -> None:
        options = {"threshold": "v > 1", "reset": "v = 0; r += 1", "method": "euler"}
        self.neurons = b2.NeuronGroup(4, "v : 1\ndr/dt = -r/(5*ms) : 1\non : boolean", name="neurons", **options)
        self.readers = b2.NeuronGroup(3, "g : 1\nv : volt", name="readers")
        self.silent = b2.NeuronGroup(4, "x : 1", name="silent")
        self.poisson = b2.PoissonGroup(4, 10 * b2.Hz, name="poisson")
        self.goal = Signal(np.zeros((5, 3)), name="goal")
        self.synapses = self.connected(self.neurons, name="synapses")

    def connected(self, source: Any, target: Any = None, connect: bool = True, **options: Any) -> b2.Synapses:
        made = {"model": MODEL, "on_pre": "g_post += w"} | options
        synapses = b2.Synapses(source, self.readers if target is None else target, **made)
        if connect:
            synapses.connect()
        return synapses

    def rls(self, *synapses: Any, target: Any = None, **changes: Any) -> RLS:
        options = {"weight": "w", "trace": "r_pre", "alpha_P": 1.0} | changes
        maps = synapses[0] if len(synapses) == 1 else list(synapses) or self.synapses
        return RLS(maps, self.goal if target is None else target, **options)

    def run(self, *objects: Any, steps: int = 1) -> None:
        b2.Network(self.neurons, self.readers, self.goal, *objects).run(steps * b2.defaultclock.dt, namespace={})


def connect_later(s: Script) -> None:
    rls = s.rls()
    network = b2.Network(s.neurons, s.readers, s.goal, s.synapses, rls)
    network.run(b2.defaultclock.dt, namespace={})
    s.synapses.connect(i=0, j=0)
    network.run(b2.defaultclock.dt, namespace={})


def connect_none(s: Script) -> None:
    synapses = s.connected(s.neurons, connect=False)
    synapses.connect("i > 100")
    s.run(synapses, s.rls(synapses))


def slower(s: Script) -> RLS:
    return s.rls(s.synapses, s.connected(s.neurons, dt=1 * b2.ms, method="exact"))


#: What is done wrong, and what the message must hold.
MISTAKES: dict[str, tuple[Callable[[Script], Any], str]] = {
    "no weight": (
        lambda s: s.rls(weight=None),
        'RLS.weight: expected the name of a variable of synapses.\nReceived: None\nFix: such as weight="w".',
    ),
    "a weight by value": (lambda s: s.rls(weight=s.synapses.w), "RLS.weight: expected the name of a variable"),
    "a weight that is not there": (
        lambda s: s.rls(weight="ww"),
        "RLS.weight: expected a known variable of synapses (fixed, ",
    ),
    "a weight of the neurons": (
        lambda s: s.rls(weight="g_post"),
        "Received: \"'g_post', a variable of the neurons or of a pathway\"",
    ),
    "the delay": (lambda s: s.rls(weight="delay"), "RLS.weight: expected a known variable of synapses"),
    "a weight as subexpression": (lambda s: s.rls(weight="twice"), "Fix: declare 'twice' as a parameter."),
    "a shared weight": (lambda s: s.rls(weight="everywhere"), "Fix: declare 'everywhere' without (shared)."),
    "a constant weight": (lambda s: s.rls(weight="fixed"), "Fix: declare it without (constant)."),
    "a whole weight": (lambda s: s.rls(weight="whole"), "RLS.weight: expected floating-point numbers."),
    "an event-driven weight": (
        lambda s: s.rls(weight="s"),
        "RLS.weight: expected a variable that is up to date at every time step.",
    ),
    "no trace": (
        lambda s: s.rls(trace=None),
        'Received: None\nFix: such as trace="r_pre" for r of neurons, or trace=20*ms, which filters the spikes.',
    ),
    "a trace that is not there": (lambda s: s.rls(trace="rr_pre"), "Fix: did you mean 'r_pre'?"),
    "a trace of the targets": (
        lambda s: s.rls(trace="g_post"),
        "RLS.trace: expected a variable of the sources or of the synapses.\nReceived: 'g_post'\nFix: such as",
    ),
    "an event-driven trace": (lambda s: s.rls(trace="s"), "Fix: declare it (clock-driven)"),
    "a boolean trace": (lambda s: s.rls(trace="on_pre"), "RLS.trace: expected numbers.\nReceived: \"'on_pre'"),
    "a trace as subexpression": (lambda s: s.rls(trace="twice"), "'twice', a subexpression"),
    "a trace of a PoissonGroup": (
        lambda s: s.rls(s.connected(s.poisson)),
        "A group without a trace gets one by a time constant, trace=20*ms.",
    ),
    "a time constant in volt": (lambda s: s.rls(trace=3 * b2.mV), "RLS.trace: expected a time constant in seconds"),
    "a time constant of nothing": (lambda s: s.rls(trace=0 * b2.ms), "RLS.trace: expected a time constant above 0."),
    "a made trace without spikes": (
        lambda s: s.rls(s.connected(s.silent, on_pre=""), trace=5 * b2.ms),
        "RLS.trace: expected a group that spikes.\nReceived: 'silent'",
    ),
    "what learns as array": (
        lambda s: s.rls(trainable=np.ones(12, bool)),
        "RLS.trainable: expected the name of a variable of synapses.",
    ),
    "what learns as number": (lambda s: s.rls(trainable="w"), "RLS.trainable: expected a boolean variable."),
    "a factor as array": (
        lambda s: s.rls(factor=np.ones((3, 4))),
        "RLS.factor: expected the name of a variable of synapses.",
    ),
    "a factor with unit": (lambda s: s.rls(factor="late"), "RLS.factor: expected a variable without unit."),
    "too many weights": (lambda s: s.rls(weight=["w", "w"]), "RLS.weight: expected one for all Synapses, or one for"),
    "Synapses beside a map": (
        lambda s: s.rls(s.synapses, LinearMap(s.neurons, "r", weights=np.zeros((3, 4)))),
        "RLS.maps: expected Synapses alone, or maps alone.",
    ),
    "Synapses twice": (lambda s: s.rls(s.synapses, s.synapses), "RLS.maps: expected each Synapses once."),
    "Synapses to two groups": (
        lambda s: s.rls(s.synapses, s.connected(s.neurons, s.readers[:2])),
        "Fix: the error is one of each postsynaptic neuron: use one RLS for each target.",
    ),
    "Synapses of two clocks": (slower, "RLS.maps: expected Synapses of one clock."),
    "weights of two units": (
        lambda s: s.rls(s.synapses, s.connected(s.neurons), weight=["w", "in_nS"]),
        "RLS.weight: expected a weight in 1 (no unit), as in synapses.",
    ),
    "Synapses to Synapses": (
        lambda s: s.rls(b2.Synapses(s.neurons, s.synapses, "u : 1", on_pre="w_post += u"), weight="u"),
        "RLS.maps: expected Synapses between neurons.",
    ),
    "an error in another unit": (
        lambda s: s.rls(error="v_post"),
        "RLS.error: expected an error in 1 (no unit), the unit of z.\nReceived: 'v_post in volt'",
    ),
    "an error of a conductance without one": (
        lambda s: s.rls(weight="in_nS"),
        "RLS.error: expected terms of one unit.",
    ),
    "an error of the sources": (lambda s: s.rls(error="v_pre"), "RLS.error: expected names that are known."),
    "an error of what the targets lack": (lambda s: s.rls(error="h_post"), "RLS.h_post: expected a known variable"),
    "a target of another size": (
        lambda s: s.rls(target=Signal(np.zeros((5, 4)))),
        "RLS.y: expected a variable with 3 values, one per row, or a single one.\nReceived: 4",
    ),
    "signs of another number": (lambda s: s.rls(signs=[1, -1]), "RLS.signs: expected an array of shape (4,)"),
    "blocks": (lambda s: s.rls(blocks=3), "RLS.blocks: a run finds the blocks of Synapses."),
    "a division by source": (
        lambda s: s.rls(divide_by_source=True),
        "RLS.divide_by_source: expected one map, from neurons to themselves",
    ),
    "a weight beside a map": (
        lambda s: s.rls(LinearMap(s.neurons, "r", weights=np.zeros((3, 4)))),
        "RLS.weight: only Synapses take weight=: a map has its own weights and sources.\nReceived: 'w'",
    ),
    "connected to nobody": (connect_none, "RLS.maps: expected at least one synapse that learns."),
    "nothing learns": (
        lambda s: s.run(s.synapses, s.rls(trainable="plastic")),
        "RLS.maps: expected at least one synapse that learns.\nReceived: 'synapses'\nFix: set plastic where weights",
    ),
    "connected once more": (connect_later, "RLS.maps: expected the synapses that rls"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_by_a_message_of_ours(name: str) -> None:
    mistake, wanted = MISTAKES[name]
    with pytest.raises((TensionError, BrianObjectException)) as caught:
        mistake(Script())
    error = caught.value
    if isinstance(error, BrianObjectException):
        error = error.__cause__
    assert isinstance(error, TensionError), repr(error)
    assert wanted in str(error)
    assert re.match(r"RLS\.\w+: [^\n]+\.\nReceived: ", str(error))
