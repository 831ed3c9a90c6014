"""A fault of an equation file is said of the file and its key, on any target, before anything compiles."""

from __future__ import annotations

import re

import numpy as np
import pytest
from lif_network import net
from targets import skip_unless_here

from tension_sim.declare.equations import data_folder
from tension_sim.errors import InvalidValueError
from tension_sim.run.simulation import Simulation


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ((")*(I - v)/tau_mem", ")*(I - v)"), "equations: v: expected dv/dt in m^2 kg s^-4 A^-1."),
        (
            ('threshold = "v >= v_peak"', 'threshold = "v >= v_peek"'),
            "threshold: expected a known variable, parameter or unit.\nReceived: 'v_peek'",
        ),
        (
            ('threshold = "v >= v_peak"', 'threshold = "v >= tau_ref"'),
            "threshold: expected terms of one unit, not volt",
        ),
        (('v = v_reset\n"', 'v = \n"'), "reset: v: expected an expression such as"),
        (('method = "euler"', 'method = "eulr"'), "method: expected a known method"),
    ],
)
@pytest.mark.parametrize("target", ["numpy", "cpp_standalone"])
def test_a_file_with_a_mistake_is_refused_before_anything_is_built(change, text, target, tmp_path, monkeypatch):
    skip_unless_here(target)
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    original = (data_folder("equations") / "lif.toml").read_text()
    assert change[0] in original
    path = tmp_path / "mine.toml"
    path.write_text(original.replace(*change))
    with pytest.raises(InvalidValueError, match=f"^mine.toml: {re.escape(text)}"):
        Simulation(net(n=10, neuron=path), target=target).run(np.zeros(3))
    assert not list((tmp_path / "cache").glob("*"))
