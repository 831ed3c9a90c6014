"""Which frames of the call stack are the user's."""

from __future__ import annotations

import os

import brian2
import numpy as np
import pytest

import tension_sim
from tension_sim.brian import RLS, LinearMap, Signal, callers
from tension_sim.errors import UnknownNameError

OURS = os.path.dirname(tension_sim.__file__)
BRIAN2 = os.path.dirname(brian2.__file__)

pytestmark = pytest.mark.usefixtures("numpy_target")

SCRIPT = """
gain = 3.0
line = callers.users_line()
found = callers.users_value("gain")
"""


def ran_as(file: str, script: str = SCRIPT, **names: object) -> dict[str, object]:
    """Run a script as if it stood in a file."""
    space = {"callers": callers, "__name__": "script", **names}
    exec(compile(script, file, "exec"), space)
    return space


# an editable install lies beside the user's own folders
@pytest.mark.parametrize("file", [f"{OURS}_mine/script.py", f"{BRIAN2}_models/script.py", f"{OURS}.py", "<stdin>"])
def test_a_file_elsewhere_is_the_users(file):
    space = ran_as(file)
    assert space["found"] == {"gain": 3.0}
    assert space["line"] == f"  File '{file}', line 3, in <module>\n    "


@pytest.mark.parametrize("file", [f"{OURS}/brian/some.py", f"{BRIAN2}/core/some.py"])
def test_ours_and_brian2s_are_not(file):
    gain = 4.0
    space = ran_as(file)
    assert space["found"] == {"gain": gain}
    assert f"File '{__file__}'" in space["line"]


def test_a_rule_finds_a_constant_beside_an_editable_install():
    script = """
gain = 3.0
neurons = b2.NeuronGroup(4, "r : 1", name="neurons")
neurons.r = 1
readout = LinearMap(neurons, "r", weights=np.zeros((1, 4)))
target = Signal([[1.0]])
rule = RLS(readout, target, alpha_P=1.0, error="gain*(z - y)")
b2.Network(neurons, target, readout, rule).run(b2.defaultclock.dt)
"""
    names = {"b2": brian2, "np": np, "LinearMap": LinearMap, "Signal": Signal, "RLS": RLS}
    space = ran_as(f"{OURS}_mine/script.py", script, **names)
    assert np.asarray(space["readout"].W) == pytest.approx(3 / 5)
    with pytest.raises(UnknownNameError, match="RLS.error: expected names that are known"):
        ran_as(f"{OURS}_mine/script.py", script.replace("gain =", "loss ="), **names)
