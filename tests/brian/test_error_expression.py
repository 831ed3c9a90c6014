"""Errors of a rule: what they may name, in which unit, and that a refused rule leaves nothing behind."""

from __future__ import annotations

import re

import brian2 as b2
import numpy as np
import pytest
from brian2.utils.logger import catch_logs
from targets import activated, skip_unless_here

from tension_sim.brian import RLS, LinearMap, Signal
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

pytestmark = pytest.mark.usefixtures("numpy_target")

GLOBAL = 3.0


class Parts:
    """A readout in volts, and rules for it."""

    def __init__(self) -> None:
        self.neurons = b2.NeuronGroup(4, "r : 1\nu : amp", name="neurons")
        self.neurons.r = 1
        self.goal = Signal([[1.0, 2.0]] * b2.volt, name="goal")
        self.readout = LinearMap(self.neurons, "r", weights=np.zeros((2, 4)) * b2.volt, name="readout")

    def rule(self, error: str, target: bool = True, **options) -> RLS:
        variables = {"u": (self.neurons[:2], "u"), "wide": (self.neurons, "r")}
        target = self.goal if target else None
        return RLS(self.readout, target, alpha_P=1.0, error=error, variables=variables, **options)


def test_what_an_error_may_name():
    mine = 2 * b2.ohm
    parts = Parts()
    rule = parts.rule("GLOBAL*(z - y)*scale + mine*u + 0*t*volt/second + 0*i*exp(0)*mV*N", namespace={"scale": 2.0})
    b2.Network(parts.neurons, parts.goal, parts.readout, rule).run(b2.defaultclock.dt)
    assert np.asarray(parts.readout.W)[:, 0] == pytest.approx(np.array([1, 2]) * 6 / 5)
    assert mine == 2 * b2.ohm


def test_names_of_the_scope_cause_no_noise():
    z, y, i, u = 1, 2 * b2.mV, 3, 4
    parts = Parts()
    rule = parts.rule("z - y + 0*i*volt")
    network = b2.Network(parts.neurons, parts.goal, parts.readout, rule)
    with catch_logs() as logs:
        network.run(b2.defaultclock.dt)
    assert [text for _, _, text in logs if "internal variable" in text] == []
    assert (z, y, i, u) == (1, 2 * b2.mV, 3, 4)


REFUSED = [
    (
        "z - nothing",
        UnknownNameError,
        "names that are known.\nReceived: 'nothing'\nFix: name it in variables={'nothing': ",
    ),
    ("z - yy", UnknownNameError, "Received: 'yy'\nFix: did you mean 'y'? Else name it"),
    ("z*mV", UnitsError, "an error in volt, the unit of z.\nReceived: 'z*mV in volt2'"),
    ("z - 1", UnitsError, "terms of one unit.\nReceived: 'z - 1'\nFix: "),
    ("z - u", UnitsError, "terms of one unit.\nReceived: 'z - u'"),
    ("exp(z)*volt", UnitsError, "terms of one unit.\nReceived: 'exp(z)*volt'"),
    ("clip(z)", InvalidValueError, "an expression that Brian2 can evaluate.\nReceived: 'clip(z)'"),
    ("z.real", InvalidValueError, "arithmetic of numbers, units, named parameters and functions such as exp().\n"),
    ("[z]", InvalidValueError, "arithmetic of numbers, units, named parameters and functions such as exp().\n"),
    ("z - many*volt", InvalidValueError, "a single number called 'many'.\nReceived: 'an array'\nFix: put it into a"),
]


@pytest.mark.parametrize(("error", "kind", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_errors_that_brian2_cannot_evaluate_are_refused(error, kind, text):
    many = np.arange(2)
    with pytest.raises(kind, match=re.escape("RLS.error: expected " + text if text[0].islower() else text)):
        Parts().rule(error)
    assert len(many) == 2


def test_other_arguments_refused():
    parts = Parts()
    with pytest.raises(UnknownNameError, match=r"Received: 'y'\nFix: pass target=, which the error calls y\."):
        parts.rule("z - y", target=False)
    with pytest.raises(
        InvalidValueError, match=r"RLS\.wide: expected a variable with 2 values.*\nReceived: 4\nFix: 'r' of"
    ):
        parts.rule("z - wide*volt")
    with pytest.raises(InvalidTypeError, match=r"RLS\.namespace: expected a mapping of names to values\.\nReceived: 3"):
        parts.rule("z", namespace=3)
    with pytest.raises(InvalidValueError, match=r"RLS\.namespace: expected names other than z, y"):
        parts.rule("z", namespace={"z": 3})


@pytest.mark.parametrize(
    "name", ["alpha_P", "row_sum", "forgetting", "probability", "seed", "factor", "signs", "groups"]
)
def test_plain_numbers_have_no_unit(name):
    options = {"alpha_P": 1.0, "groups": np.zeros(4), "row_sum": 1.0}
    value = {"factor": np.ones((2, 4)), "signs": np.ones(4), "groups": np.zeros(4)}.get(name, 1) * b2.ms
    parts = Parts()
    text = rf"RLS\.{name}: expected a plain number\.\nReceived: .*\nFix: leave out the unit, second\."
    with pytest.raises(UnitsError, match=text):
        RLS(parts.readout, parts.goal, **(options | {name: value}))


@pytest.mark.parametrize(
    "options", [{"error": "z - nothing"}, {"error": "z*mV"}, {"error": "z - wide*volt"}, {"alpha_P": -1}, {"when": 3}]
)
def test_a_refused_rule_leaves_nothing_behind(options, tmp_path):
    """As on a standalone device, where what was declared becomes part of the next build."""
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path):
        parts = Parts()
        device = b2.get_device()
        arrays, queue = set(device.arrays), len(device.main_queue)
        with pytest.raises((InvalidValueError, TypeError)):
            RLS(parts.readout, parts.goal, **({"alpha_P": 1.0, "variables": {"wide": (parts.neurons, "r")}} | options))
        assert set(device.arrays) == arrays
        assert len(device.main_queue) == queue
