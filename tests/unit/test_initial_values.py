"""Initial values that name other state variables, as arithmetic gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tension_sim import InvalidValueError, Network, Population, UnitsError, UnknownNameError

V = np.linspace(-62e-3, -50e-3, 5)


def values(**initial: Any) -> dict[str, np.ndarray]:
    """Of Izhikevich neurons, with b = -2 nS and v_r = -60 mV."""
    return Network({"cells": Population("izhikevich", 5, initial=initial)}, seed=3).initial_values["cells"]


@pytest.mark.parametrize("initial", [{"v": V, "u": "b*(v - v_r)"}, {"u": "b*(v - v_r)", "v": V}])
def test_of_what_is_given_before_or_after(initial):
    found = values(**initial)
    assert found["v"] == pytest.approx(V, abs=0)
    assert found["u"] == pytest.approx(-2e-9 * (V + 60e-3), rel=1e-12)


def test_of_what_the_file_draws():
    """Another variable that follows from it draws nothing, and changes nothing."""
    alone, found = values(), values(u="b*(v - v_r)")
    assert len(np.unique(alone["v"])) == 5
    assert np.array_equal(found["v"], alone["v"])
    assert found["u"] == pytest.approx(-2e-9 * (alone["v"] + 60e-3), rel=1e-12)


def test_of_what_starts_at_zero():
    assert values(v="u/b + 2*v_r")["v"] == pytest.approx(np.full(5, -120e-3))


@pytest.mark.parametrize(
    ("initial", "error", "text"),
    [
        ({"v": "u/b", "u": "b*v"}, InvalidValueError,
         "Network.populations['cells'].initial['v']: expected no circle of definitions.\nReceived: 'v -> u -> v'"),
        ({"v": "v + 1*mV"}, InvalidValueError, "no circle of definitions.\nReceived: 'v -> v'"),
        ({"u": "v"}, UnitsError, "initial['u']: expected a quantity in amp.\nReceived: 'v'"),
        ({"u": "b*w"}, UnknownNameError, "initial['u']: expected a known parameter or unit.\nReceived: 'w'"),
    ],
)  # fmt: skip
def test_what_is_refused(initial, error, text):
    with pytest.raises(error) as caught:
        values(**initial)
    assert text in str(caught.value)
