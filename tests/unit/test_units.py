"""Expressions with units: right values, and no code ever run."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import brian2
import numpy as np
import pytest

from tension_sim.declare.parameters import resolve_parameters
from tension_sim.declare.units import UNITS, Quantity, describe, dimension_of, evaluate, holds, magnitude
from tension_sim.errors import InvalidValueError, TensionError, UnitsError, UnknownNameError

VOLT, SECOND = dimension_of("volt", ""), dimension_of("second", "")


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("10*ms", 0.01, "second"),
        ("-65*mV", -0.065, "volt"),
        ("2.5*nS/mV", 2.5e-6, "siemens/volt"),
        ("0.01/ms", 10.0, "hertz"),
        ("(1 + 2)*3 - -4/2", 11.0, "1"),
        ("+3*pA", 3e-12, "amp"),
        ("2**3**2", 512.0, "1"),
        ("(4*mV)**0.5*(1*volt)**0.5", math.sqrt(4e-3), "volt"),
        ("exp(0) + sin(pi/2) + floor(2.7)", 4.0, "1"),
        ("abs(-2) + erf(0.5)*log1p(1)", 2 + math.erf(0.5) * math.log(2), "1"),
        ("1*ampere - 1*amp", 0.0, "amp"),
        ("3*kHz", 3000.0, "hertz"),
        ("2*uF", 2e-6, "farad"),
        ("1e-3", 1e-3, "1"),
        ("7 % 4 + 7//2", 6.0, "1"),
        ("int(2 > 1 and not 3 == 4)*4 + int(2.7)", 6.0, "1"),
        ("3*cm - 0.03*metre", 0.0, "metre"),
    ],
)
def test_values(text, value, unit):
    assert magnitude(text, unit, "A.b") == pytest.approx(value, rel=1e-15)


def test_units_are_those_of_brian2():
    theirs = {**vars(brian2.units.allunits), **vars(brian2.units.stdunits)}
    shared = sorted(UNITS.keys() & theirs.keys())
    assert len(shared) > 100
    for name in shared:
        assert UNITS[name].value == pytest.approx(float(theirs[name]), rel=1e-15), name
        assert UNITS[name].dimension == evaluate(1 * theirs[name], "A.b").dimension, name


def test_numbers_and_quantities_pass():
    assert evaluate(3, "A.b") == Quantity(3.0)
    assert evaluate(np.float32(0.5), "A.b") == Quantity(0.5)
    assert evaluate(20 * brian2.ms, "A.b") == evaluate("20*ms", "A.b")
    assert evaluate([1, 2] * brian2.mV, "A.b").value.tolist() == [0.001, 0.002]


def test_named_parameters_go_before_units():
    assert evaluate("2*m", "A.b", {"m": Quantity(7.0)}).value == 14.0


def test_random_numbers_come_from_the_generator():
    found = evaluate("v0 + rand()*mV + 0*randn()*mV", "A.b", {"v0": Quantity(1.0, VOLT)}, 5, np.random.default_rng(3))
    assert found.value == pytest.approx(1 + 1e-3 * np.random.default_rng(3).random(5), abs=1e-15)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "10 ms",
            InvalidValueError,
            "expected an expression such as \"10*ms\".\nReceived: '10 ms'\nFix: write '10",
        ),
        ("(1", InvalidValueError, "Fix: check brackets and operators."),
        ("", InvalidValueError, "expected a number, or an expression such as \"10*ms\".\nReceived: ''"),
        ("1+" * 600 + "1", InvalidValueError, "expected a number, or an expression"),
        (None, InvalidValueError, "Received: None\nFix: write it as text with its unit."),
        (True, InvalidValueError, "Received: True"),
        ([1], InvalidValueError, "Received: [1]"),
        ("\ud800", InvalidValueError, "Fix: check brackets and operators."),
        ("9" * 400, InvalidValueError, "expected numbers below 1e308"),
        (10**400, InvalidValueError, "expected numbers below 1e308"),
        ("True", InvalidValueError, "expected a number.\nReceived: 'True'\nFix: write a plain number"),
        ("'a'", InvalidValueError, "expected a number."),
        ("1j", InvalidValueError, "expected a number."),
        (
            "10*msec",
            UnknownNameError,
            "expected a known parameter or unit.\nReceived: 'msec'\nFix: did you mean ",
        ),
        ("tau", UnknownNameError, "Received: 'tau'"),
        (
            "1*mV + 1*ms",
            UnitsError,
            "expected terms of one unit, not volt and second.\nReceived: '1*mV + 1*ms'",
        ),
        ("1/0", InvalidValueError, "expected no division by zero."),
        ("2**(1*mV)", InvalidValueError, "expected a plain number as exponent."),
        ("7 % 0", InvalidValueError, "expected no division by zero."),
        ("7 // (1 - 1)", InvalidValueError, "expected no division by zero."),
        ("~1", InvalidValueError, "expected arithmetic (+ - * / // % **)."),
        ("1 << 2", InvalidValueError, "expected arithmetic (+ - * / // % **)."),
        ("1 < 2 < 3", InvalidValueError, "expected comparisons of two numbers (< <= > >= == !=)."),
        ("2 > 1", InvalidValueError, "expected a number."),
        (
            "2*(2 > 1)",
            InvalidValueError,
            "expected a number, not the condition 2 > 1.\nReceived: '2*(2 > 1)'\nFix: write int(2 > 1).",
        ),
        ("int(1 and 2 > 1)", InvalidValueError, "expected a condition beside and, or, not; 1 is a number."),
        (
            "exp(1*mV)",
            UnitsError,
            "expected a plain number inside exp().\nReceived: 'exp(1*mV)'\nFix: divide by a unit",
        ),
        ("exp(1, 2)", InvalidValueError, "expected exp() with one argument."),
        ("exp(x=1)", InvalidValueError, "expected function calls without keywords."),
        ("expp(1)", UnknownNameError, "expected a known function"),
        (
            "rand()",
            InvalidValueError,
            "expected no random numbers here.\nReceived: 'rand()'\nFix: rand() and randn() belong",
        ),
        ("[1, 2]", InvalidValueError, "Fix: remove the list."),
        ("a.b", InvalidValueError, "Fix: remove the attribute."),
        ("1 if 2 else 3", InvalidValueError, "Fix: remove the ifexp."),
    ],
)
def test_expressions_without_one_meaning_are_refused(text, error, message):
    with pytest.raises(error, match=re.escape(f"A.b: {message}" if message.startswith("expected") else message)):
        evaluate(text, "A.b")


def test_whether_a_condition_holds():
    names = {"a": Quantity(1e-3, VOLT), "k": Quantity(2.0)}
    for text, wanted in (("a < 2*mV", True), ("a >= 2*mV or k < 1", False), ("not a > 1*volt and k == 2", True)):
        assert holds(text, "A.b", names) is wanted
    with pytest.raises(
        InvalidValueError, match="A.b: expected a condition.\nReceived: 'k'\nFix: compare it with a num"
    ):
        holds("k", "A.b", names)
    with pytest.raises(
        InvalidValueError, match="A.b: expected a number.\nReceived: 'k > 1'\nFix: write a plain number"
    ):
        evaluate("k > 1", "A.b", names)


def test_random_numbers_take_no_argument():
    with pytest.raises(InvalidValueError, match=re.escape("A.b: expected rand() without arguments.")):
        evaluate("rand(3)", "A.b", rng=np.random.default_rng(0))


@pytest.mark.parametrize("text", ["10**10**10", "exp(1000)", "log(0)", "(0 - 8)**0.5", "0**-1", "inf", "1e308*10"])
def test_what_is_not_finite_is_found_by_who_asks(text):
    with pytest.raises(InvalidValueError, match=r"A\.b: expected a finite value\.\nReceived: "):
        magnitude(text, "1", "A.b")


def test_wrong_unit_shows_the_users_own_text():
    with pytest.raises(UnitsError) as caught:
        magnitude("20*mV", "second", "A.tau")
    assert str(caught.value) == (
        "A.tau: expected a quantity in second.\nReceived: '20*mV'\nFix: its unit is volt; write it as in \"10*second\"."
    )
    with pytest.raises(UnitsError, match=re.escape("expected a quantity in 1 (no unit).\nReceived: '1*mV'")):
        magnitude("1*mV", "1", "A.p")


def test_describe():
    assert describe((0,) * 7) == "1 (no unit)"
    assert describe(VOLT) == "volt"
    assert describe(dimension_of("volt/second", "")) == "m^2 kg s^-4 A^-1"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch {}')",
        "open('{}', 'w')",
        'exec(\'open("{}", "w")\')',
        "(lambda: open('{}', 'w'))()",
        "[open('{}', 'w') for _ in (1,)]",
        "exp.__globals__['os']",
        "().__class__.__bases__[0].__subclasses__()",
    ],
)
def test_no_code_runs(text, tmp_path):
    with pytest.raises(TensionError):
        evaluate(text.format(tmp_path / "made"), "A.b", {"exp": Quantity(1.0)}, 3, np.random.default_rng(0))
    assert not list(tmp_path.iterdir())


def test_declarations_load_no_engine():
    modules = "tension_sim.declare.network, tension_sim.circuit.wiring, tension_sim.circuit.fitted_wiring"
    code = f"import sys, {modules}; print('brian2' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_a_text_without_names_is_evaluated_once_and_blamed_where_it_stands() -> None:
    assert evaluate("2.125*mV", "here") is evaluate("2.125*mV", "here")
    for where in ("first", "second", "first"):
        with pytest.raises(UnknownNameError, match=rf"^{where}: "):
            evaluate("2.125*mVV", where)
    for a in (1.0, 2.0):
        assert evaluate("a*mV", "here", {"a": Quantity(a)}).value == a * 1e-3


def test_parameters_know_the_time_step_by_name() -> None:
    assert resolve_parameters("demo", {"a": "3*dt", "b": "a/second + 1"}, dt=0.5)["b"].value == 2.5
    with pytest.raises(UnknownNameError, match="did you mean 'dt'"):
        resolve_parameters("demo", {"a": "2*dtt"}, dt=0.5)
