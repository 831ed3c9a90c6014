"""Targets of a rule that are no Signal: TimedArrays, subexpressions and expressions of time."""

from __future__ import annotations

import re
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian.everything import replay
from targets import assert_close

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

STEPS = 50
GOALS = np.random.default_rng(2).standard_normal((20, 2))
T = 1e-4 * np.arange(STEPS)


def cells() -> b2.NeuronGroup:
    group = b2.NeuronGroup(
        6,
        """dr/dt = (sin(2*pi*(i + 1)*20*Hz*t) - r)/(2*ms) : 1
           half = strength*r + 0.1*i : 1
           total = half + strength*sin(t/ms) : 1
           mean = t/second : 1 (shared)""",
        method="euler",
        namespace={"strength": 0.5},
        name="cells",
    )
    group.r = "0.1*i"
    return group


def totals(r: np.ndarray) -> np.ndarray:
    return 0.5 * r + 0.1 * np.arange(6) + 0.5 * np.sin(T * 1e3)[:, None]


#: A target, and its values as (steps, rows) from those of r. The 0.2 ms of the arrays are two time steps.
TARGETS_: dict[str, tuple[Any, Any]] = {
    "one column": (lambda group: b2.TimedArray(GOALS[:, 0], dt=0.2 * b2.ms), lambda r: played(GOALS[:, :1])),
    "a column a row": (lambda group: b2.TimedArray(GOALS, dt=0.2 * b2.ms), lambda r: played(GOALS)),
    "two axes, one column": (lambda group: b2.TimedArray(GOALS[:, 1:], dt=0.2 * b2.ms), lambda r: played(GOALS[:, 1:])),
    "a subexpression": (lambda group: (group[2:][1:3], "total"), lambda r: totals(r)[:, 3:5]),
    "one element": (lambda group: (group[4:5], "total"), lambda r: totals(r)[:, 4:5]),
    "a shared subexpression": (lambda group: (group, "mean"), lambda r: T[:, None]),
    "an expression": (
        lambda group: "0.5*sin(2*pi*(i + 1)*30*Hz*t) + u",
        lambda r: 0.5 * np.sin(2 * np.pi * 30 * np.outer(T, [1, 2])) + totals(r)[:, [5]],
    ),
    "a number": (lambda group: "0.3", lambda r: np.full((STEPS, 1), 0.3)),
}  # fmt: skip


def played(goals: np.ndarray) -> np.ndarray:
    return goals[np.minimum(np.arange(STEPS) // 2, len(goals) - 1)]


def learn(target: Any, *kinds: str) -> None:
    """Learn by each kind of target in one network, and compare with a plain loop."""
    group, rules = cells(), {}
    for k, kind in enumerate(kinds):
        readout = LinearMap(group, "r", weights=np.zeros((2, 6)), name=f"readout_{k}")
        variables = {"u": (group[5:], "total")} if kind == "an expression" else None
        rules[kind] = RLS(readout, TARGETS_[kind][0](group), alpha_P=0.5, variables=variables, name=f"rule_{k}")
    recorder = Recorder(group, "r")
    maps = [rule.maps[0] for rule in rules.values()]
    target.run(b2.Network(group, *maps, *rules.values(), recorder), STEPS * b2.defaultclock.dt)
    r = np.asarray(recorder.recorded)
    for kind, rule in rules.items():
        y = np.broadcast_to(TARGETS_[kind][1](r), (STEPS, 2))
        mask = [np.ones((2, 6), bool)]
        _, weights, P = replay(r, [np.zeros((2, 6))], mask, lambda k, z, y=y: [z[0] - y[k]], list(range(STEPS)), 0.5)
        assert_close(rule.maps[0].W, weights[0], what=kind)
        assert_close(rule.P, P[0], what=kind)
        assert np.abs(rule.maps[0].W).max() > 1e-3


def test_learning_equals_a_plain_loop(target):
    learn(target, "a column a row", "an expression")


def test_every_kind(numpy_target):
    learn(numpy_target, *TARGETS_)


def test_units(numpy_target):
    group, mine = cells(), 3
    group.r = 1
    rules = [
        RLS(LinearMap(group, "r", weights=np.zeros((1, 6)) * b2.mV), goal, alpha_P=1e9)
        for goal in (b2.TimedArray([3] * b2.mV, dt=1 * b2.ms), "3*mV", "mine*volt/1000")
    ]
    maps = [rule.maps[0] for rule in rules]
    b2.Network(group, *maps, *rules).run(b2.defaultclock.dt)
    for learned in maps:
        z = np.asarray(learned.W) @ group.r[:]
        assert z == pytest.approx([1e-3 * mine], rel=1e-6)


def refused(s: Any, **options: Any) -> RLS:
    return RLS(s.readout, **({"alpha_P": 1.0} | options))


class Script:
    def __init__(self) -> None:
        self.cells = cells()
        self.other = b2.NeuronGroup(2, "x : 1 (linked)\ny = 2*x : 1\nz = unknown*i : 1", name="other")
        self.other.x = b2.linked_var(self.cells, "r", index=[3, 1])
        self.readout = LinearMap(self.cells, "r", weights=np.zeros((2, 6)))


MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "columns": (
        lambda s: refused(s, target=b2.TimedArray(np.zeros((4, 3)), dt=1 * b2.ms)),
        InvalidValueError,
        "RLS.target: expected a TimedArray with 2 columns, one per row of the map, or with one.\n"
        "Received: '3 columns'\nFix: its values have the shape (times, rows).",
    ),
    "values": (
        lambda s: refused(s, target=b2.TimedArray([0, np.nan], dt=1 * b2.ms)),
        InvalidValueError,
        "RLS.target: expected a TimedArray of finite values.\nReceived: nan\nFix: correct that at index (1,).",
    ),
    "units of an array": (
        lambda s: refused(s, target=b2.TimedArray([0, 1] * b2.mV, dt=1 * b2.ms)),
        UnitsError,
        "RLS.error: expected terms of one unit.\nReceived: 'z - y'",
    ),
    "units of an expression": (
        lambda s: refused(s, target="sin(2*pi*5*Hz*t)*mV"),
        UnitsError,
        "RLS.error: expected terms of one unit.\nReceived: 'z - y'",
    ),
    "units in an expression": (
        lambda s: refused(s, target="sin(t)"),
        UnitsError,
        "RLS.target: expected terms of one unit.\nReceived: 'sin(t)'",
    ),
    "a name": (
        lambda s: refused(s, target="omega*t"),
        UnknownNameError,
        "RLS.target: expected names that are known.\nReceived: 'omega'\nFix: name it in variables=",
    ),
    "itself": (
        lambda s: refused(s, target="y + 1"),
        UnknownNameError,
        "RLS.target: expected names that are known.\nReceived: 'y'\nFix: write the target without it.",
    ),
    "a statement": (lambda s: refused(s, target="y = 1"), InvalidValueError, "RLS.target: expected "),
    "nothing": (lambda s: refused(s, target=""), InvalidValueError, "RLS.target: expected "),
    "a call": (
        lambda s: refused(s, target="clip(t/second)"),
        InvalidValueError,
        "RLS.target: expected an expression that Brian2 can evaluate.\nReceived: 'clip(t/second)'",
    ),
    "an array": (
        lambda s: refused(s, target=GOALS),
        InvalidTypeError,
        "RLS.target: expected a Signal, a LinearMap, or (group, variable name), or a TimedArray or an expression",
    ),
    "a subexpression of other rows": (
        lambda s: refused(s, target=(s.cells, "total")),
        InvalidValueError,
        "RLS.y: expected a variable with 2 values, one per row, or a single one.\nReceived: 6",
    ),
    "a subexpression of what is linked": (
        lambda s: refused(s, target=(s.other, "y")),
        InvalidValueError,
        "RLS.y: expected a subexpression of variables of other itself.\nReceived: 'y = 2*x'\nFix: 'x' is linked",
    ),
    "a subexpression of unknown names": (
        lambda s: refused(s, target=(s.other, "z")),
        UnknownNameError,
        "RLS.y: expected names that are known.\nReceived: 'unknown'",
    ),
    "two meanings": (
        lambda s: refused(s, target=(s.cells[:2], "total"), namespace={"strength": 3.0}),
        InvalidValueError,
        "RLS.y: expected a subexpression whose 'strength' means the same in namespace=.\n"
        "Received: 'strength in total = half + strength*sin(t/ms)'\nFix: give the 'strength' of the rule another name.",
    ),
    "a formula as variable": (
        lambda s: refused(s, target="0", variables={"u": "sin(t/ms)"}),
        InvalidTypeError,
        "RLS.variables['u']: expected a Signal, a LinearMap, or (group, variable name).\nReceived: 'sin(t/ms)'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_targets_without_one_meaning_are_refused(mistake, numpy_target):
    give, error, text = MISTAKES[mistake]
    with pytest.raises(error, match=re.escape(text)):
        give(Script())


def test_a_constant_may_have_the_same_meaning_twice(numpy_target):
    script = Script()
    rule = RLS(script.readout, (script.cells[:2], "total"), alpha_P=1.0, namespace={"strength": 0.5})
    b2.Network(script.cells, script.readout, rule).run(b2.defaultclock.dt)
    assert rule.n_updates == 1


def test_samples_and_a_timed_array_play_the_same(numpy_target):
    group = cells()
    maps = [LinearMap(group, "r", weights=np.zeros((2, 6))) for _ in range(2)]
    signal = Signal(GOALS)
    rules = [RLS(maps[0], signal, alpha_P=1.0), RLS(maps[1], b2.TimedArray(GOALS, b2.defaultclock.dt), alpha_P=1.0)]
    b2.Network(group, *maps, signal, *rules).run(30 * b2.defaultclock.dt)
    assert np.array_equal(maps[0].W, maps[1].W)
