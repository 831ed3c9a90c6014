"""Times, initial values and units of recordings: what texts, quantities and arrays become in SI units."""

from __future__ import annotations

import math
import re

import brian2
import numpy as np
import pytest

from tension_sim import load_neuron, load_synapse
from tension_sim.declare.units import Quantity, dimension_of
from tension_sim.declare.values import initial_values, parameter_values, rates_of, seconds, shown_in
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

VOLT = dimension_of("volt", "")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("20*ms", 0.02), ("0.5", 0.5), (3, 3.0), (np.float32(0.5), 0.5), (np.array(2), 2.0), (20 * brian2.ms, 0.02),
     ("1/(50*Hz)", 0.02)],
)  # fmt: skip
def test_seconds(value, wanted):
    found = seconds("A.b", value)
    assert (found, type(found)) == (pytest.approx(wanted, rel=1e-15), float)


@pytest.mark.parametrize(
    ("value", "error"),
    [("2*mV", UnitsError), (2 * brian2.mV, UnitsError), (True, InvalidTypeError), ([1, 2], InvalidTypeError),
     ([1] * brian2.ms, InvalidTypeError), (None, InvalidTypeError)],
)  # fmt: skip
def test_what_is_no_time(value, error):
    with pytest.raises(error, match=r"^A\.b: expected a time( in seconds)?\.\nReceived: "):
        seconds("A.b", value)


@pytest.mark.parametrize(
    ("unit", "shown", "scale"),
    [("1", "1", 1), ("volt", "mV", 1e-3), ("amp", "pA", 1e-12), ("second", "ms", 1e-3), ("hertz", "Hz", 1),
     ("volt/second", "mV/ms", 1), ("amp/second", "pA/ms", 1e-9), ("siemens", "1", 1), ("metre", "1", 1)],
)  # fmt: skip
def test_units_in_which_variables_are_shown(unit, shown, scale):
    assert shown_in(dimension_of(unit, "")) == (shown, pytest.approx(scale, rel=1e-12))


class TestInitialValues:
    STATES = {"v": VOLT, "x": (0,) * 7, "last": dimension_of("second", "")}

    def found(self, seed=0, **given):
        neuron, parameters = load_neuron("lif"), {"v_0": Quantity(-0.05, VOLT)}
        defaults = parameter_values("A", neuron, [], {}, 1e-4)
        rng = np.random.default_rng(seed)
        return initial_values("A", neuron, given, self.STATES, defaults | parameters, 3, 1e-4, rng)

    @pytest.mark.parametrize(
        ("given", "wanted"),
        [("v_0 + 10*mV", [-0.04] * 3), ("-60*mV", [-0.06] * 3), (-0.06, [-0.06] * 3), ([0.1, 0.2, 3], [0.1, 0.2, 3]),
         ([1, 2, 3] * brian2.mV, [1e-3, 2e-3, 3e-3]), (5 * brian2.mV, [5e-3] * 3), ("volt*dt/second", [1e-4] * 3)],
    )  # fmt: skip
    def test_are_in_SI_units(self, given, wanted):
        assert self.found(v=given)["v"] == pytest.approx(wanted, rel=1e-12)

    def test_draw_one_number_for_each_neuron(self):
        found = self.found(x="rand()")["x"]
        assert len({*found.tolist()}) == 3
        assert np.array_equal(found, self.found(x="rand()")["x"])
        assert not np.array_equal(found, self.found(1, x="rand()")["x"])

    def test_of_the_file_where_none_is_given(self):
        found = self.found()
        assert [*found] == [*load_neuron("lif").initial]
        assert found["last"].tolist() == [-1e-4] * 3

    @pytest.mark.parametrize(
        ("name", "given", "error", "text"),
        [
            ("u", 1, UnknownNameError, "A.initial: expected a known state variable (last, v, x).\nReceived: 'u'"),
            (
                "v",
                "1*pA",
                UnitsError,
                "A.initial['v']: expected a quantity in volt.\nReceived: '1*pA'\nFix: its unit is",
            ),
            ("v", "1", UnitsError, "A.initial['v']: expected a quantity in volt.\nReceived: '1'"),
            ("v", 1 * brian2.pA, UnitsError, "A.initial['v']: expected a quantity in volt."),
            ("v", [1.0, 2.0], InvalidValueError, "A.initial['v']: expected an array of shape (3,) (neurons)."),
            ("v", [1.0] * 4, InvalidValueError, "A.initial['v']: expected an array of shape (3,) (neurons)."),
            ("v", np.nan, InvalidValueError, "A.initial['v']: expected finite values."),
            ("x", "1/0", InvalidValueError, "A.initial['x']: expected no division by zero."),
            ("x", "exp(1000)", InvalidValueError, "A.initial['x']: expected finite values."),
        ],
    )
    def test_refused(self, name, given, error, text):
        with pytest.raises(error, match=re.escape(text)):
            self.found(**{name: given})


def test_parameters_of_neuron_and_filter_together():
    neuron, synapse = load_neuron("lif"), load_synapse("double_exponential")
    found = parameter_values("A", neuron, [synapse], {"tau_rise": "3*ms", "bias": -0.05 * brian2.volt}, 1e-4)
    assert {*found} == {*neuron.parameters, *synapse.parameters}
    assert (found["tau_rise"].value, found["tau_decay"].value, found["bias"].value) == (3e-3, 20e-3, -0.05)


@pytest.mark.parametrize(
    ("activation", "wanted"),
    [("tanh", np.tanh), ("relu", lambda a: np.maximum(a, 0)), ("sigmoid", lambda a: 1 / (1 + np.exp(-a))),
     ("linear", lambda a: a), ("gelu", lambda a: 0.5 * a * (1 + np.vectorize(math.erf)(a / np.sqrt(2)))),
     ("log(1 + exp(x))", lambda a: np.log1p(np.exp(a))), ("x**3", lambda a: a**3)],
)  # fmt: skip
def test_rates_of_rate_units(activation, wanted):
    a = np.array([-2.0, -0.3, 0.0, 0.7, 3.0])
    assert rates_of(load_neuron("echo_state"), activation, {"a": a}, {}) == pytest.approx(wanted(a), rel=1e-14)
    assert rates_of(load_neuron("echo_state"), "", {"a": a}, {}) == pytest.approx(np.tanh(a), rel=1e-14)
    assert rates_of(load_neuron("echo_state"), activation, {}, {}) == pytest.approx(wanted(np.zeros(1))[0])
