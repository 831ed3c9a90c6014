"""Activations of rate networks against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from targets import TARGETS, TOLERANCE, skip_unless_here

from tension_sim import ForceNetwork, Simulation

STEPS = 20


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", [pytest.param(t, marks=pytest.mark.slow if t != "numpy" else ()) for t in TARGETS])
def test_gelu(name, dtype):
    """Units that decay, each of them an output."""
    skip_unless_here(name)
    start = np.array([-9.0, -1.5, -0.3, 0.0, 0.4, 2.0, 7.0])
    net = ForceNetwork(
        "echo_state", None, len(start), 1e-3, None, feedback_kernel=None, output_kernel=np.eye(len(start)),
        initial={"a": start}, activation="gelu", dtype=dtype,
    )  # fmt: skip
    found = Simulation(net, target=name).run(np.zeros((STEPS, len(start))))
    a = start * 0.9 ** np.arange(1, STEPS + 1)[:, None]
    wanted = [[x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in row] for row in a]
    np.testing.assert_allclose(found.output, wanted, rtol=0, atol=1e-14 if dtype == "float64" else 1e-6)
