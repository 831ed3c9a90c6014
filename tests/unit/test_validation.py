"""Every check: what it returns, and what it says about nonsense."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tension_sim.declare.validation import (
    all_finite,
    check_callable,
    check_choice,
    check_flag,
    check_fraction,
    check_matrix,
    check_number,
    check_positive,
    check_series,
    check_steps,
    check_table,
    check_text,
    check_whole,
    check_window,
)
from tension_sim.errors import InvalidTypeError, InvalidValueError


def test_series_become_float_columns():
    assert check_series("A.b", [1, 2, 3]).tolist() == [[1.0], [2.0], [3.0]]
    assert check_series("A.b", np.ones((4, 2), np.float32)).dtype == np.float64
    assert check_series("A.b", [True, False]).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (
            [],
            InvalidValueError,
            "A.b: expected an array of shape (timesteps, channels), not empty.\nReceived: (0, 1)",
        ),
        (np.zeros((3, 0)), InvalidValueError, "not empty.\nReceived: (3, 0)"),
        (np.zeros((2, 1, 1)), InvalidValueError, "not empty.\nReceived: (2, 1, 1)"),
        (1.0, InvalidValueError, "not empty.\nReceived: ()"),
        (
            [1, np.nan, np.inf],
            InvalidValueError,
            "expected finite values.\nReceived: nan\nFix: correct the 2 value(s) that",
        ),
        ([[1, 2], [3, -np.inf]], InvalidValueError, "the first at index (1, 1)."),
        ("abc", InvalidTypeError, "Received: 'abc'\nFix: pass numbers."),
        (None, InvalidTypeError, "Received: None"),
        ([[1, 2], [3]], InvalidTypeError, "Received: [[1, 2], [3]]"),
        ([1j], InvalidTypeError, "Received: [1j]"),
    ],
)
def test_series_refused(value, error, text):
    with pytest.raises(error, match=re.escape(text)):
        check_series("A.b", value)


def test_matrix_has_exactly_the_shape():
    assert check_matrix("A.b", [[1, 2]], (1, 2), "rows, columns").dtype == np.float64
    with pytest.raises(
        InvalidValueError,
        match=re.escape(
            "A.b: expected an array of shape (1, 2) (rows, columns).\nReceived: (2, 1)\nFix: check the order"
        ),
    ):
        check_matrix("A.b", [[1], [2]], (1, 2), "rows, columns")
    with pytest.raises(InvalidValueError, match=re.escape("the first at index (0, 1).")):
        check_matrix("A.b", [[1, np.nan]], (1, 2), "rows, columns")
    with pytest.raises(InvalidTypeError, match="Fix: pass numbers"):
        check_matrix("A.b", [["a", "b"]], (1, 2), "rows, columns")


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2), np.int64(3), np.array(1.5)])
def test_positive_accepts(value):
    assert check_positive("A.b", value) == float(value)


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, -np.inf])
def test_positive_refuses_values(value):
    with pytest.raises(
        InvalidValueError, match=r"A\.b: expected a finite number above 0\.\nReceived: .*\nFix: correct"
    ):
        check_positive("A.b", value, "correct it.")


@pytest.mark.parametrize("value", ["1", None, True, [1.0], 1j, np.complex64(1), object()])
def test_numbers_refuse_types(value):
    for check in (check_positive, check_fraction):
        with pytest.raises(InvalidTypeError, match=r"A\.b: expected a .*number.*\nReceived: .*\nFix: pass one number"):
            check("A.b", value)
    with pytest.raises(InvalidTypeError, match="expected a whole number of time steps, at least 0"):
        check_steps("A.b", value, 0)


def test_fraction():
    assert check_fraction("A.b", 1) == 1.0
    assert check_fraction("A.b", 1e-9) == 1e-9
    for value in (0, -0.1, 1.0000001, np.nan):
        with pytest.raises(InvalidValueError, match=r"A\.b: expected a number in \(0, 1\]\.\nReceived: "):
            check_fraction("A.b", value)


def test_choice():
    assert check_choice("A.b", "x", ("x", "y")) == "x"
    with pytest.raises(InvalidValueError, match=r"A\.b: expected one of 'x', 'y'\.\nReceived: 'z'"):
        check_choice("A.b", "z", ("x", "y"))


@pytest.mark.parametrize("value", [3, 3.0, np.int32(3), np.float64(3), np.array(3)])
def test_whole_numbers(value):
    found = check_whole("A.b", value, 0)
    assert (found, type(found)) == (3, int)


def test_whole_numbers_keep_all_their_digits():
    assert check_whole("A.b", 2**53 + 1, 0) == 2**53 + 1
    assert check_whole("A.b", 2**63 - 1, 0) == 2**63 - 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "A.b: expected a whole number of time steps, at least 1.\nReceived: 0\nFix: so."),
        (-5, "at least 1.\nReceived: -5"),
        (2.5, "at least 1.\nReceived: 2.5"),
        (np.nan, "at least 1.\nReceived: nan"),
        (np.inf, "at least 1.\nReceived: inf"),
        (2**63, "expected a whole number of time steps below 2**63"),
        (1e300, "expected a whole number of time steps below 2**63"),
    ],
)
def test_steps_refused(value, text):
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        check_steps("A.b", value, 1, "so.")


def test_numbers_too_large_for_a_float():
    with pytest.raises(InvalidTypeError, match="Fix: pass one number"):
        check_positive("A.b", 10**400)


def test_window():
    check_window("A.stop", 3, 3)
    with pytest.raises(
        InvalidValueError,
        match=r"A\.stop: expected stop at or after start\.\nReceived: 'start=4, stop=3 \(steps\)'",
    ):
        check_window("A.stop", 4, 3)


def test_a_table_has_rows_or_columns_by_name_and_by_number():
    assert check_table("A.b", [[1, 2, 3]], ("n", 3)).tolist() == [[1.0, 2.0, 3.0]]
    assert check_table("A.b", [[1], [2]], (2, "n")).shape == (2, 1)
    for value in (np.ones((1, 2)), np.ones((1, 4)), np.ones((0, 3)), np.ones(3), np.ones((1, 1, 3))):
        with pytest.raises(InvalidValueError, match=r"A\.b: expected an array of shape \(n, 3\)\.\nReceived: \("):
            check_table("A.b", value, ("n", 3))
    with pytest.raises(InvalidValueError, match=r"the first at index \(0, 2\)"):
        check_table("A.b", [[1, 2, np.inf]], ("n", 3))


def test_finite_where_the_sum_is_not():
    big = np.full(4, 1e308)
    assert all_finite(big)
    assert all_finite(np.array([1, 2]))
    assert not all_finite(np.array([1, np.nan]))
    assert not all_finite(np.array([np.inf, -np.inf]))


def test_any_finite_number():
    for value in (-1, 0, 1.5, np.float32(2), np.array(3)):
        assert check_number("A.b", value) == float(value)
    for value in (np.inf, -np.inf, np.nan):
        with pytest.raises(InvalidValueError, match=r"A\.b: expected a finite number\.\nReceived: "):
            check_number("A.b", value)


def test_texts_flags_and_functions():
    assert check_text("A.b", "x") == "x"
    with pytest.raises(InvalidTypeError, match=r"A\.b: expected a text\.\nReceived: 3\nFix: put it in quotes"):
        check_text("A.b", 3)
    assert [check_flag("A.b", value) for value in (True, False, np.True_, np.False_)] == [True, False, True, False]
    for value in (1, 0, "True", None):
        with pytest.raises(InvalidTypeError, match=r"A\.b: expected True or False\.\nReceived: "):
            check_flag("A.b", value)
    check_callable("A.b", None, "f(x)")
    check_callable("A.b", abs, "f(x)")
    with pytest.raises(InvalidTypeError, match=r"A\.b: expected a function, called as f\(x\), or None\.\nReceived: 3"):
        check_callable("A.b", 3, "f(x)")
