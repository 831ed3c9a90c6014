"""Two maps with one set of weights: what one learns the other uses. On every target: the twin in everything."""

from __future__ import annotations

import numpy as np
from brian.everything import replay
from brian.learner import DT, STEPS, Learner, N
from targets import assert_close

from tension_sim.brian import LinearMap


def test_learned_by_one_used_by_the_other(numpy_target):
    run = Learner()
    twin = LinearMap(run.neurons, "r", weights=run.readout, when="start", name="twin")
    run.network.add(twin)
    numpy_target.run(run.network, STEPS * DT)
    run.check(list(range(STEPS)))
    r = np.asarray(run.recorder.recorded)
    # at the start of the last step: the rates and the weights that the step before left
    _, weights, _ = replay(
        r[:-1], [np.zeros((2, N))], [run.mask], lambda k, z: [z[0] - run.y[k]], range(STEPS - 1), alpha_P=0.5
    )
    assert_close(twin.z[:], weights[0] @ r[-2])
    assert_close(twin.W, run.readout.W)
