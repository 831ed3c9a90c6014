"""What a run gives back, and what happens when it diverges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.callbacks import OutputTracking, VoltageTracking  # noqa: E402
from tension_sim.keras_style import training  # noqa: E402
from tension_sim.results.measures import summary  # noqa: E402
from tension_sim.results.plots import figure_run, save_figure  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tests.keras.networks import data, esn, lif_arguments  # noqa: E402


def test_a_spiking_run_gives_spikes_output_and_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_WINDOW", 16)
    x, y = data(60)
    layer = LIF(**lif_arguments())
    model = SpikingNNModel(force_layer=layer, alpha_P=0.001)
    model.compile(metrics=["mae"], backend="tensorflow")
    model.fit(x[:20], y[:20], verbose=0)
    output, voltage = OutputTracking(60, 1), VoltageTracking(60, 20)
    model.fit(x, y, verbose=0, callbacks=[output, voltage])
    results = model.results
    assert results.first_step == 20 and results.n_steps == 60 and results.dt == 0.001
    np.testing.assert_allclose(results.output, output.tracking_arr, rtol=1e-6)
    np.testing.assert_array_equal(results.target, y)
    np.testing.assert_array_equal(results.weights["output_kernel"], layer.output_kernel)
    # a neuron that spikes is at v_reset after the step
    spiked = np.zeros((60, 20), bool)
    spiked[results.spike_step - 20, results.spike_neuron] = True
    assert spiked.sum() > 20
    np.testing.assert_array_equal(voltage.tracking_arr[spiked], -65)
    block = results.to_neo()
    assert sum(len(train) for train in block.segments[0].spiketrains) == spiked.sum()
    save_figure(figure_run(results), tmp_path / "run.png")


@pytest.mark.parametrize("engine", [{"backend": "tensorflow"}, {"backend": "brian2", "target": "numpy"}])
def test_the_phases_of_a_run_are_those_of_the_schedule(engine: dict[str, str], tmp_path: Path) -> None:
    x, y = data(60)
    model = SpikingNNModel(force_layer=LIF(**lif_arguments()), alpha_P=0.001, start=10, stop=50)
    model.compile(metrics=["mae"], **engine)
    for part, wanted in ((slice(0, 40), [("before", 0, 10), ("learning", 10, 40)]),
                         (slice(40, 60), [("learning", 40, 50), ("test", 50, 60)])):  # fmt: skip
        model.fit(x[part], y[part], verbose=0)
        results = model.results
        assert [(phase.name, phase.start, phase.stop) for phase in results.phases] == wanted
        assert [segment.name for segment in results.to_neo().segments] == [name for name, *_ in wanted]
        save_figure(figure_run(results), tmp_path / "run.png")
    error = (results.output - results.target)[10:]
    assert summary(results)["rmse"]["test"] == pytest.approx(np.sqrt(np.mean(error**2)))
    model.predict(x, verbose=0)
    assert [phase.name for phase in model.results.phases] == ["test"]
    assert model.results.provenance["call"] == "predict"
    assert [segment.name for segment in model.results.to_neo().segments] == ["test"]
    assert set(summary(model.results)["firing_rate"]) == {"test"}


def test_a_prediction_of_a_rate_network_is_a_run() -> None:
    x, y = data(60)
    model = FORCEModel(force_layer=esn())
    with pytest.raises(ValueError, match=r"FORCEModel\.results: expected a model that has run\.\nReceived: 'no run'"):
        _ = model.results
    model.compile(metrics=["mae"])
    model.fit(x, y, verbose=0)
    predicted = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.results.output, predicted, rtol=1e-6)
    assert model.results.target is None and model.results.n_recorded_neurons == 0
    assert model.results.to_neo().segments[0].analogsignals


@pytest.mark.parametrize("steps_per_execution", [None, 1])
def test_divergence_is_told_with_its_step_and_the_last_good_state_stays(
    steps_per_execution: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_WINDOW", 16)
    x, y = data(60)
    y[40] = 3e38  # the weights learned from it are beyond float32

    def make() -> FORCEModel:
        model = FORCEModel(force_layer=esn(), gain="undivided", alpha_P=100.0, start=40)
        model.compile(metrics=["mae"], steps_per_execution=steps_per_execution)
        return model

    diverges, stops = make(), make()
    told = (
        r"FORCEModel\.fit: expected finite outputs\.\n"
        r"Received: 'NaN or infinity at time step 40 of the sequence'\n"
        r"Fix: the weights are those of the last good step"
    )
    with pytest.raises(ArithmeticError, match=told):
        diverges.fit(x, y, verbose=0)
    stops.fit(x[:40], y[:40], verbose=0)
    for now, wanted in zip(diverges.variables, stops.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(wanted))


@pytest.mark.parametrize("steps_per_execution", [None, 1])
def test_divergence_in_the_last_step_is_noticed(steps_per_execution: int | None) -> None:
    """No later output shows it; without a check the next epoch would start from NaN."""
    x, y = data(41)
    y[40] = 3e38

    def make() -> FORCEModel:
        model = FORCEModel(force_layer=esn(), gain="undivided", alpha_P=100.0, start=40)
        model.compile(metrics=["mae"], steps_per_execution=steps_per_execution)
        return model

    diverges, stops = make(), make()
    with pytest.raises(ArithmeticError, match="NaN or infinity at time step 40 of the sequence"):
        diverges.fit(x, y, verbose=0)
    stops.fit(x[:40], y[:40], verbose=0)
    for now, wanted in zip(diverges.variables, stops.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(wanted))


def test_terminate_on_nan_of_keras_is_left_to_do_its_work() -> None:
    x, y = data(60)
    y[40] = 3e38
    model = FORCEModel(force_layer=esn(), gain="undivided", alpha_P=100.0, start=40)
    model.compile(metrics=["mae"])
    model.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert not np.all(np.isfinite(model.predict(x, verbose=0)))
