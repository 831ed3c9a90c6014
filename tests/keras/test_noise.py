"""The noise of a seed, a time step and a neuron is the same number everywhere."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim.constrained import BioFORCEModel, ConstrainedNoFeedbackESN  # noqa: E402
from tension_sim.declare import noise  # noqa: E402
from tension_sim.tensorflow.variables import standard_normal  # noqa: E402


@pytest.mark.parametrize("jit", [True, False])
def test_tensorflow_draws_what_numpy_draws(jit: bool) -> None:
    for seed in (0, 7, 2**31 - 2):
        draw = tf.function(
            lambda step, seed=seed: standard_normal(np.arange(50)[None], seed, step, tf.float64),
            jit_compile=jit,
            autograph=False,
        )
        for step in (0, 1, 10**6):
            numbers = noise.normal(seed, step, np.arange(50))
            np.testing.assert_allclose(draw(tf.constant(step, tf.int64))[0], numbers, rtol=0, atol=1e-13)


@pytest.mark.parametrize("jit", [True, False])
def test_the_noise_of_a_layer_is_that_of_its_steps(jit: bool) -> None:
    """Without weights a neuron adds up its noise."""
    units, steps = 6, 20
    weights = [np.zeros((1, units)), np.zeros((units, units))]
    layer = ConstrainedNoFeedbackESN.from_weights(
        weights, np.ones((units, units), bool), structural_connectivity=np.ones((units, units)),
        noise_param=(0.25, 0.5), dtdivtau=0.1, activation="tanh", seed=3, dtype="float64",
    )  # fmt: skip
    model = BioFORCEModel(force_layer=layer)
    model.compile(metrics=["mae"], jit_compile=jit, backend="tensorflow")
    for _ in range(2):  # the second goes on where the first ended
        model.fit(np.zeros((steps, 1)), np.zeros((steps, units)), verbose=0)
    a = np.zeros(units)
    for step in range(2 * steps):
        a += 0.1 * (0.25 + 0.5 * noise.normal(int(layer._noise_key.numpy()), step, np.arange(units)) - a)
    np.testing.assert_allclose(model.force_layer.states[0].numpy()[0], a, rtol=0, atol=1e-12)
