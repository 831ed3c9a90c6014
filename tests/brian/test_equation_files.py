"""What only Brian2 finds out about an equation file is still said of the file, before anything compiles."""

from __future__ import annotations

import re

import numpy as np
import pytest
from lif_network import net
from targets import skip_unless_here

from tension_sim.equations import data_folder
from tension_sim.errors import InvalidValueError
from tension_sim.simulation import Simulation


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ((")*(I - v)/tau_mem", ")*(I - v)"), "does not have the expected unit"),
        (('threshold = "v >= v_peak"', 'threshold = "v >= v_peek"'), "v_peek"),
        (('threshold = "v >= v_peak"', 'threshold = "v >= tau_ref"'), "different units"),
        (('v = v_reset\n"', 'v = \n"'), "Parsing the statement failed"),
        (('method = "euler"', 'method = "eulr"'), "Fix: did you mean 'euler'?"),
    ],
)
@pytest.mark.parametrize("target", ["numpy", "cpp_standalone"])
def test_refused(change, text, target, tmp_path, monkeypatch):
    skip_unless_here(target)
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    original = (data_folder("equations") / "lif.toml").read_text()
    assert change[0] in original
    path = tmp_path / "mine.toml"
    path.write_text(original.replace(*change))
    with pytest.raises(InvalidValueError, match=f"(?s)mine: .*{re.escape(text)}"):
        Simulation(net(n=10, neuron=path), target=target).run(np.zeros(3))
    assert not list((tmp_path / "cache").glob("*"))
