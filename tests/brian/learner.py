"""Wandering rates, a readout of them and a rule: the smallest network that learns."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from brian.everything import replay, sines
from targets import assert_close

from tension_sim.brian import RLS, LinearMap, Recorder, Signal

STEPS, N = 60, 5
DT = 0.1 * b2.ms


class Learner:
    """Run it, or learn the same again in numpy."""

    def __init__(self, mask: Any = None, rows: int = 2, **options: Any) -> None:
        self.y = sines(STEPS, rows)
        self.mask = np.ones((rows, N), bool) if mask is None else np.asarray(mask, bool)
        self.neurons = b2.NeuronGroup(N, "dr/dt = cos(t/(1*ms)*(1 + i))/(0.5*ms) : 1", method="euler", name="neurons")
        self.target = Signal(self.y, name="target")
        self.readout = LinearMap(self.neurons, "r", weights=np.zeros((rows, N)), mask=mask, name="readout")
        self.recorder = Recorder(self.neurons, "r", name="rec_r")
        self.z = Recorder(self.readout, "z", name="rec_z")
        self.rls = RLS(self.readout, self.target, **({"alpha_P": 0.5, "name": "rls"} | options))
        self.network = b2.Network(self.neurons, self.target, self.readout, self.recorder, self.z, self.rls)

    def run(self, *parts: int) -> Learner:
        for steps in parts or (STEPS,):
            self.network.run(steps * DT, namespace={})
        return self

    def check(self, steps: list[int], **options: Any) -> None:
        """Compare with a replay in double precision in which updates fall on these steps."""
        dtype = np.dtype(self.readout.variables["w"].dtype).name
        z, weights, P = replay(
            self.recorder.recorded,
            [np.zeros(self.mask.shape)],
            [self.mask],
            lambda k, z: [z[0] - self.y[k]],
            steps,
            **({"alpha_P": 0.5} | options),
        )
        assert_close(self.z.recorded, z[0], dtype)
        assert_close(self.readout.W, weights[0], dtype)
        found = self.rls.P if isinstance(self.rls.P, list) else [self.rls.P]
        for matrix, wanted in zip(found, P, strict=True):
            assert_close(matrix, wanted, dtype)
        assert self.rls.n_updates[:] == len(steps)
