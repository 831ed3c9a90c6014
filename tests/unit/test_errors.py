"""Messages: one format, nearest names, and error classes that are also Python's own."""

from __future__ import annotations

import inspect

import pytest

from tension_sim import errors
from tension_sim.declare.language.unit_table import VALUE_UNITS
from tension_sim.errors import TensionError, closest, message, unknown_name


def test_message_has_three_parts():
    assert message("RLS.update_every", "a whole number", 0, "use 1.") == (
        "RLS.update_every: expected a whole number.\nReceived: 0\nFix: use 1."
    )
    assert message("A.b", "text", "x") == "A.b: expected text.\nReceived: 'x'"


def test_long_values_are_cut():
    text = message("A.b", "less", list(range(1000)))
    assert len(text) < 250
    assert text.endswith("...")


@pytest.mark.parametrize(
    ("name", "near"),
    [("izikevich", "izhikevich"), ("LIF", "lif"), ("thta", "theta"), ("banana", None), ("", None)],
)
def test_closest(name, near):
    assert closest(name, ["lif", "izhikevich", "theta"]) == near


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sec", "second"),
        ("msec", "msecond"),
        ("mv", "mV"),
        ("S", None),
        ("zero", None),
        ("tau", None),
        ("mvolts", "mvolt"),
    ],
)
def test_a_unit_is_proposed_only_if_it_is_near(name, near):
    assert closest(name, VALUE_UNITS) == near


def test_a_name_that_holds_the_whole_word_is_near():
    assert closest("rmse", ["aligned_rmse", "reference", "firing_rate"]) == "aligned_rmse"


def test_unknown_name_lists_what_is_known_and_the_nearest():
    error = unknown_name("load_neuron.name", "neuron", "lyf", ["theta", "lif"])
    assert str(error) == (
        "load_neuron.name: expected a known neuron (lif, theta).\nReceived: 'lyf'\nFix: did you mean 'lif'?"
    )
    far = unknown_name("load_neuron.name", "neuron", 3, ["theta", "lif"])
    assert str(far).endswith("Received: 3\nFix: use the name of a known neuron.")
    listed = unknown_name("run NAME", "recipe", "x" * 40, ["lif_sine"], "tension-sim list")
    assert str(listed).endswith("\nFix: tension-sim list lists them.")


def test_long_lists_are_left_out():
    assert "(" not in str(unknown_name("A.b", "thing", "x", [f"name {i}" for i in range(21)]))


def test_every_error_is_a_tension_error_and_one_of_pythons_own():
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    assert {c.__name__ for c in classes} == {name for name in errors.__all__ if name[0].isupper()}
    builtin = {ValueError, TypeError, NotImplementedError, RuntimeError, ArithmeticError, OSError, ImportError}
    for cls in classes:
        assert issubclass(cls, TensionError)
        assert cls is TensionError or any(issubclass(cls, b) for b in builtin)
