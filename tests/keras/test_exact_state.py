"""On Brian2, states pass from run to run as they are; float32 variables only show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.keras_style.on_brian.exact import ExactState  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tests.keras.networks import data, esn, lif_arguments, nofeedback  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

V_PEAK = -40.0


def resting(**options: Any) -> SpikingNNModel:
    """Return LIF neurons without connections that approach their threshold from below."""
    n = 6
    kernels = [np.zeros(shape) for shape in ((1, n), (n, n), (1, n), (n, 1))]
    arguments = lif_arguments(I_bias=V_PEAK, v_peak=V_PEAK, initial_voltage=np.full((1, n), V_PEAK - 5.0))
    for name in ("units", "output_size"):
        arguments.pop(name)
    model = SpikingNNModel(force_layer=LIF.from_weights(kernels, None, **arguments | options))
    model.compile(metrics=["mae"], backend="brian2", target="numpy")
    return model


def spikes_of(model: Any, run: Any, *arguments: Any) -> int:
    run(*arguments, verbose=0)
    return len(model.results.spike_step)


def test_neurons_below_their_threshold_do_not_fire_between_runs(tmp_path: Path) -> None:
    model = resting()
    x = np.zeros((400, 1))
    short = x[:5]
    assert spikes_of(model, model.fit, x, x) == 0
    shown = model.force_layer.states[1].numpy()
    np.testing.assert_array_equal(shown, np.float32(V_PEAK))  # the nearest float32
    exact = model.exact_state.to_arrays()["exact|neurons.v|neurons.v"]
    assert np.all(exact < V_PEAK * 1e-3)
    for run, arguments in ((model.fit, (short, short)), (model.predict, (short,)), (model.fit, (short, short))):
        assert spikes_of(model, run, *arguments) == 0
    model.evaluate(short, short, verbose=0)
    assert spikes_of(model, model.fit, short, short) == 0
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert spikes_of(again, again.fit, short, short) == 0
    weights = resting()
    model.save_weights(tmp_path / "model.weights.h5")
    weights.build((1, 1, 1))
    weights.load_weights(tmp_path / "model.weights.h5")
    assert spikes_of(weights, weights.predict, short) == 0


def test_a_state_that_was_written_is_what_counts() -> None:
    model = resting()
    x = np.zeros((200, 1))
    model.fit(x, x, verbose=0)
    model.force_layer.states[1].assign(np.full((1, 6), V_PEAK + 1.0))
    assert spikes_of(model, model.fit, x[:1], x[:1]) == 6


@pytest.mark.parametrize("make", [esn, lambda: nofeedback(p_recurr=0.5), lambda: LIF(**lif_arguments())])
def test_a_run_in_parts_is_the_run_in_one(make: Any) -> None:
    """Bit by bit, with validation, evaluate and predict between the parts."""
    x, y = data(60)
    models = []
    for parts in ([60], [13, 20, 27]):
        layer = make()
        model = (SpikingNNModel if layer.spiking else FORCEModel)(force_layer=layer, update_every=2)
        model.compile(metrics=["mae"], backend="brian2", target="numpy")
        start = 0
        for steps in parts:
            part = slice(start, start + steps)
            model.fit(x[part], y[part], validation_data=(x[:5], y[:5]) if len(parts) > 1 else None, verbose=0)
            if len(parts) > 1:
                model.predict(x[:7], verbose=0)
            start += steps
        models.append(model)
    one, other = models
    for now, wanted in zip(other.variables, one.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(wanted), err_msg=now.path)


def test_what_does_not_belong_to_exact_states_is_passed_over() -> None:
    found = ExactState.from_arrays({"P_output": np.eye(2), "exact|v": np.array([7.0, 0.0]), "exact|v|v": np.ones(2)})
    assert set(found.to_arrays()) == {"exact|v", "exact|v|v"}
