"""Keyword arguments in groups: every one is shown, has its default, and any other is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tension_sim.brian import RLS
from tension_sim.run.data_constrained import DataConstrainedNetwork

DATA = np.sin(np.arange(20)[:, None] / 3 + np.arange(4))


def test_the_signature_shows_every_argument_with_its_default():
    shown = inspect.signature(RLS).parameters
    assert list(shown) == [
        "maps", "target", "alpha_P", "weight", "trace", "trainable", "row_sum", "groups", "error", "variables",
        "namespace", "gain", "divide_by_source", "factor", "signs", "blocks", "update_every", "start", "stop",
        "forgetting", "relaxation", "probability", "seed", "when", "order", "name",
    ]  # fmt: skip
    assert (shown["error"].default, shown["gain"].default, shown["stop"].default) == ("z - y", "divided", None)
    assert shown["alpha_P"].default is inspect.Parameter.empty
    assert shown["target"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {p.kind for p in list(shown.values())[2:]} == {inspect.Parameter.KEYWORD_ONLY}


def test_defaults_are_those_of_the_signature():
    shown = inspect.signature(DataConstrainedNetwork).parameters
    model = DataConstrainedNetwork(DATA, "10*ms", seed=3)
    assert model.dt_factor == shown["dt_factor"].default == 1
    assert model.net.seed == 3
    assert model.simulation.name == shown["name"].default == "data_constrained"
    assert model.net.parameter_values["tau"].value == 0.01


def test_another_keyword_is_refused_by_its_name():
    with pytest.raises(TypeError, match=r"Network\.__init__\(\) got an unexpected keyword argument 'tua'"):
        DataConstrainedNetwork(DATA, "10*ms", tua="5*ms")
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'alpha_P'"):
        RLS(None)
