"""A model that is saved, loaded and continued gives the numbers of one that went on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.constrained import BioFORCEModel  # noqa: E402
from tension_sim.spiking import LIF  # noqa: E402
from tests.keras import usage_blocks  # noqa: E402
from tests.keras.networks import PAIRS, constrained, data, esn, every_pair, lif_arguments, nofeedback  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def values(model: Any) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in model.variables]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_keras_file_goes_on_where_the_run_stopped(pair: str, tmp_path: Path) -> None:
    model, x, y, predict_x = every_pair()[pair]()
    model.compile(metrics=["mae"], backend="tensorflow")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    for now, wanted in zip(values(again), values(model), strict=True):
        np.testing.assert_array_equal(now, wanted)
    for each in (model, again):
        each.fit(x, y, verbose=0)
    for now, wanted in zip(values(again), values(model), strict=True):
        np.testing.assert_allclose(now, wanted, rtol=0, atol=1e-6 * max(1.0, np.abs(wanted).max()))
    np.testing.assert_allclose(again.predict(predict_x, verbose=0), model.predict(predict_x, verbose=0), atol=1e-5)


def test_a_new_process_goes_on(tmp_path: Path) -> None:
    x, y = data()
    layer = nofeedback(p_recurr=0.5)
    model = FORCEModel(force_layer=layer, update_every=7)
    model.compile(metrics=["mae"])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    model.fit(x, y, verbose=0)
    script = f"""
import keras, numpy as np
import tension_sim.base, tension_sim.models
from tests.keras.networks import data
model = keras.models.load_model({str(tmp_path / "model.keras")!r})
model.fit(*data(), verbose=0)
np.save({str(tmp_path / "kernel.npy")!r}, model.original_force_layer.recurrent_kernel.numpy())
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, env={"PYTHONPATH": str(root)} | _env())
    np.testing.assert_allclose(np.load(tmp_path / "kernel.npy"), layer.recurrent_kernel.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("engine", [{"backend": "tensorflow"}, {"backend": "brian2", "target": "numpy"}])
def test_noise_without_a_seed_goes_on_in_a_new_process(engine: dict[str, str], tmp_path: Path) -> None:
    layer = constrained(seed=None, noise_param=(0.0, 0.5), dtype="float64")
    model = BioFORCEModel(force_layer=layer)
    model.compile(metrics=["mae"], **engine)
    x, y = np.zeros((15, 1)), np.zeros((15, 20))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    model.fit(x, y, verbose=0)
    script = f"""
import keras, numpy as np
import tension_sim.constrained
model = keras.models.load_model({str(tmp_path / "model.keras")!r})
model.fit(np.zeros((15, 1)), np.zeros((15, 20)), verbose=0)
np.save({str(tmp_path / "a.npy")!r}, model.force_layer.states[0].numpy())
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, env={"PYTHONPATH": str(root)} | _env())
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), model.force_layer.states[0].numpy(), rtol=0, atol=1e-12)


def _env() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_weights_bring_back_a_users_counter(tmp_path: Path) -> None:
    x, y = data(70)

    def make() -> Any:
        model = usage_blocks.CustomSpikingNNModel(force_layer=LIF(**lif_arguments()), alpha_P=0.001, step=50)
        model.compile(metrics=["mae"])
        return model

    model, again = make(), make()
    model.fit(x, y, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    again.build((1, 1, 1))
    again.load_weights(tmp_path / "model.weights.h5")
    assert float(again.num_step) == 70
    for each in (model, again):
        each.fit(x, y, verbose=0)
    np.testing.assert_array_equal(again.P_output.numpy(), model.P_output.numpy())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    x, y = data()
    model = FORCEModel(force_layer=esn())
    model.compile(metrics=["mae"])
    model.fit(x, y, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other = FORCEModel(force_layer=esn(units=30))
    other.build((1, 1, 1))
    told = r"FORCEModel\.load_weights: expected .*P_output of shape \(30, 30\).*\nReceived: \(20, 20\)"
    with pytest.raises(ValueError, match=told):
        other.load_weights(tmp_path / "model.weights.h5")


def test_a_configuration_makes_the_same_layer_again() -> None:
    layer = LIF(**lif_arguments())
    config = layer.get_config()
    again = LIF.from_config(config)
    for each in (layer, again):
        each.build((1, 1))
    np.testing.assert_array_equal(again.recurrent_kernel, layer.recurrent_kernel)
    assert again.get_config() == config


def test_from_weights_survives_saving(tmp_path: Path) -> None:
    from tension_sim.models import EchoStateNetwork

    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s).astype(np.float32) / 5 for s in ((2, 20), (20, 20), (1, 20), (20, 1))]
    mask = rng.random((20, 20)) < 0.5
    layer = EchoStateNetwork.from_weights(
        weights, mask, dtdivtau=0.1, activation="tanh", recurrent_kernel_trainable=True,
        initial_a=rng.normal(size=(1, 20)),
    )  # fmt: skip
    x, y = data(60, inputs=2)
    model = FORCEModel(force_layer=layer)
    model.compile(metrics=["mae"])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.original_force_layer.recurrent_nontrainable_boolean_mask, mask)
    np.testing.assert_array_equal(np.asarray(again.P_GG), np.asarray(model.P_GG))


def test_an_interrupted_run_is_taken_up_again(tmp_path: Path) -> None:
    x, y = data()

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    def make() -> FORCEModel:
        model = FORCEModel(force_layer=esn())
        model.compile(metrics=["mae"])
        return model

    whole, first, second = make(), make(), make()
    whole.fit(x, y, epochs=4, verbose=0)
    backup = tmp_path / "backup"
    with pytest.raises(KeyboardInterrupt):
        first.fit(x, y, epochs=4, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(backup), Interrupt()])
    second.build((1, 1, 1))
    second.fit(x, y, epochs=4, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(backup)])
    np.testing.assert_array_equal(second.original_force_layer.output_kernel, whole.original_force_layer.output_kernel)
