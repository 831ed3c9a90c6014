"""Every code block of the usage page of the published package runs as written."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim import base, constrained, models, spiking  # noqa: E402
from tension_sim import esn as ridge  # noqa: E402
from tests.keras import usage_blocks as blocks  # noqa: E402
from tests.keras.networks import data, esn, lif_arguments  # noqa: E402


def quick_data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = data(40)
    return np.concatenate([x, y], axis=1), y, x


@pytest.mark.parametrize("script", [blocks.quick_start, blocks.with_xla])
def test_the_quick_start_learns(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model, history, predictions = script(*quick_data())
    errors = history.history["mae"]
    assert len(errors) == 5 and max(errors) < 0.1  # the target's mean is 0.3
    assert predictions.shape == (40, 1)
    assert "Epoch 5/5" in capsys.readouterr().out


def trained(layer: Any, model: Any = base.FORCEModel, **options: Any) -> Any:
    built = model(force_layer=layer, **options)
    built.compile(metrics=["mae"])
    x, y = data()
    built.fit(x, y, epochs=2, verbose=0)
    return built


@pytest.mark.parametrize("cls", [blocks.EchoStateNetwork, blocks.WithStateSize, blocks.WithBuild])
def test_a_layer_written_for_the_published_package_gives_our_numbers(cls: type) -> None:
    arguments = dict(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=5)
    theirs = trained(cls(**arguments))
    ours = trained(esn())
    if cls is blocks.WithBuild:  # draws its kernels in another order
        assert np.all(np.isfinite(theirs.force_layer.states[1].numpy()))
        assert theirs.original_force_layer.recurrent_nontrainable_boolean_mask is None
        return
    np.testing.assert_allclose(
        theirs.original_force_layer.output_kernel, ours.original_force_layer.output_kernel, rtol=0, atol=1e-4
    )


def test_a_step_that_calls_ours_is_no_riddle_to_autograph(caplog: pytest.LogCaptureFixture) -> None:
    class Louder(models.EchoStateNetwork):
        def call(self, inputs: Any, states: Any) -> Any:
            return super().call(3 * inputs, states)

    told = logging.getLogger("tensorflow")
    told.addHandler(caplog.handler)
    try:
        trained(Louder(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=5))
    finally:
        told.removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records if "AutoGraph" in record.getMessage()] == []


def test_a_recurrent_kernel_can_be_initialised_by_a_subclass() -> None:
    model = trained(blocks.WithKernel(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=5))
    np.testing.assert_array_equal(model.original_force_layer.recurrent_kernel, np.eye(20))


def test_from_weights_can_be_written_by_a_subclass() -> None:
    rng = np.random.default_rng(0)
    shapes = ((1, 20), (20, 20), (1, 20), (20, 1))
    weights = [rng.normal(size=shape).astype(np.float32) / 5 for shape in shapes]
    mask = np.zeros((20, 20), bool)
    options = dict(dtdivtau=0.1, activation="tanh", seed=1)
    theirs = trained(blocks.WithFromWeights.from_weights(weights, mask, **options))
    ours = trained(models.EchoStateNetwork.from_weights(weights, mask, **options))
    np.testing.assert_allclose(
        theirs.original_force_layer.output_kernel, ours.original_force_layer.output_kernel, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("cls", [blocks.WithTrainStep, blocks.WithForceLayerCall])
@pytest.mark.parametrize("layer", ["esn", "masked"])
def test_a_train_step_of_a_subclass_gives_our_numbers(cls: type, layer: str, jit: bool) -> None:
    x, y = data()
    kernels = []
    for model_class in (cls, base.FORCEModel):
        make = esn() if layer == "esn" else esn(p_recurr=0.5, recurrent_kernel_trainable=True)
        model = model_class(force_layer=make)
        model.compile(metrics=["mae"], jit_compile=jit)
        history = model.fit(x, y, epochs=2, verbose=0).history
        kernels.append((make.output_kernel.numpy(), make.recurrent_kernel.numpy(), history["mae"]))
    for theirs, ours in zip(*kernels, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-5)


@pytest.mark.parametrize("jit", [True, False])
def test_an_update_condition_of_a_subclass_is_asked_at_each_step(jit: bool) -> None:
    x, y = data(120)
    layers = [spiking.LIF(**lif_arguments()) for _ in range(2)]
    theirs = blocks.CustomSpikingNNModel(force_layer=layers[0], alpha_P=0.001, step=50)
    # their counter is 1 at the first step, so it learns at steps 49, 99, ...
    never = spiking.SpikingNNModel(force_layer=layers[1], alpha_P=0.001, stop=0)
    for model in (theirs, never):
        model.compile(metrics=["mae"], jit_compile=jit)
        model.fit(x, y, verbose=0)
    assert float(theirs.num_step) == 120
    assert np.linalg.matrix_rank(np.eye(20) * 0.001 - theirs.P_output.numpy(), tol=1e-9) == 2
    np.testing.assert_array_equal(layers[1].output_kernel, 0)
    assert np.abs(layers[0].output_kernel.numpy()).max() > 0


def test_a_spiking_model_of_a_user_gives_our_numbers() -> None:
    x, y = data()
    kernels = []
    for cls in (blocks.SpikingNNModel, blocks.Published):
        layer = spiking.LIF(**lif_arguments())
        model = cls(force_layer=layer, alpha_P=0.001)
        model.compile(metrics=["mae"], backend="tensorflow")
        model.fit(x, y, verbose=0)
        kernels.append(layer.output_kernel.numpy())
    np.testing.assert_array_equal(*kernels)


def test_a_neuron_needs_two_methods() -> None:
    import tensorflow as tf

    class Plain(spiking.OptimizedSpikingNN):
        """A leaky neuron without refractory time, as the page tells to write one."""

        def initialize_voltage(self, batch_size: int) -> Any:
            return tf.fill((batch_size, self.units), -50.0)

        def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
            v = states[1] + self.dt * (I - states[1]) / 0.01
            return v, states[2], tf.cast(v >= self.v_peak, tf.float32)

    arguments = lif_arguments()
    del arguments["tau_mem"], arguments["tau_ref"]
    layer = Plain(**arguments)
    model = trained(layer, spiking.SpikingNNModel, alpha_P=0.001)
    assert float(model.force_layer.states[0].numpy()[0, 0]) == 120
    assert np.abs(layer.output_kernel.numpy()).max() > 0


def test_everything_the_page_names_is_there() -> None:
    for module, names in {
        base: "FORCELayer FORCEModel",
        models: "EchoStateNetwork NoFeedbackESN TargetGeneratingNetwork FullFORCEModel OptimizedFORCEModel",
        constrained: "ConstrainedNoFeedbackESN BioFORCEModel",
        spiking: "SpikingNN OptimizedSpikingNN LIF Izhikevich Theta SpikingNNModel",
        ridge: "ESNFORCEModel",
    }.items():
        assert set(names.split()) <= set(module.__all__)
