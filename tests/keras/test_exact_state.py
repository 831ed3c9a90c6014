"""On Brian2, states pass from run to run as they are; float32 variables only show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402
from targets import skip_unless_here  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.keras_style.on_brian.declaration import Binding  # noqa: E402
from tension_sim.keras_style.on_brian.exact import ExactState  # noqa: E402
from tension_sim.run import arrays  # noqa: E402
from tension_sim.run.arrays import file_of  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tension_sim.system import spare_files  # noqa: E402
from tension_sim.system.memory_maps import MappedFile, file_behind  # noqa: E402
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


def changed(model: Any) -> list[np.ndarray]:
    """Return other values of a model's variables."""
    rng, values = np.random.default_rng(1), []
    for variable in model.weights:
        value = np.asarray(variable)
        if value.dtype == np.float32:
            value = value + rng.uniform(1e-3, 2e-3, value.shape).astype(np.float32)
        values.append((value + value.T) / 2 if variable is model.P_output else value)
    return values


def write(model: Any, how: str, values: list[np.ndarray], path: Path) -> None:
    if how == "set_weights":
        model.set_weights(values)
    elif how == "load_weights":
        other = built()
        other.set_weights(values)
        other.save_weights(path)
        model.load_weights(path)
    else:
        for variable, value in zip(model.weights, values, strict=True):
            getattr(variable, how)(value if how == "assign" else value - np.asarray(variable))


def built() -> FORCEModel:
    model = FORCEModel(force_layer=esn())
    model.compile(metrics=["mae"], backend="brian2", target="numpy")
    model.build((1, 1, 1))
    return model


@pytest.mark.parametrize("how", ["assign", "assign_add", "set_weights", "load_weights"])
def test_what_a_user_writes_is_what_the_next_run_starts_from(how: str, tmp_path: Path) -> None:
    """P, kernels and states: as in a model that ran nothing before."""
    x, y = data(30)
    model, other = built(), built()
    model.fit(x, y, verbose=0)
    write(model, how, changed(model), tmp_path / "written.weights.h5")
    other.set_weights([np.asarray(variable) for variable in model.weights])
    for each in (model, other):
        each.fit(x, y, verbose=0)
    for now, then in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(then), err_msg=now.path)


def test_what_stays_in_a_file_is_read_there_by_the_next_run(tmp_path: Path) -> None:
    path, shown = tmp_path / "v", np.zeros(3, np.float32)
    np.arange(3.0).tofile(path)
    in_file, in_memory = np.asarray(MappedFile(path, "float64")), np.arange(3.0)
    binding = Binding((shown,), ("v",), dict, lambda state: None)
    for values, same in ((in_file, True), (in_memory, False)):
        exact = ExactState()
        exact.keep(binding, {"v": values})
        assert (file_of(exact.entries(binding)["v"], "float64", tmp_path) == path) is same
        assert np.shares_memory(exact.entries(binding)["v"], values) is same
    in_memory[0] = 7.0  # of the one who made it
    np.testing.assert_array_equal(exact.entries(binding)["v"], [0.0, 1.0, 2.0])


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


@pytest.mark.slow
def test_p_stays_in_the_file_of_the_last_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In parts, with a prediction and a saved model between them, as in one; what was written counts here too."""
    skip_unless_here("cpp_standalone")
    monkeypatch.setattr(arrays, "_LARGE", 64)
    x, y = data(60)
    whole, model = (SpikingNNModel(force_layer=LIF(**lif_arguments()), update_every=2) for _ in range(2))
    for each in (whole, model):
        each.compile(metrics=["mae"], backend="brian2", target="cpp_standalone")
    whole.fit(x, y, verbose=0)
    for part in (slice(0, 13), slice(13, 33), slice(33, 60)):
        model.fit(x[part], y[part], verbose=0)
        P = model.exact_state.to_arrays()["exact|rls.P_packed|rls.P_packed"]
        assert file_behind(P).path.exists()
        model.predict(x[:7], verbose=0)
        if part.stop == 33:
            model.save(tmp_path / "model.keras")
            model = keras.models.load_model(tmp_path / "model.keras")
    for now, wanted in zip(model.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(wanted), err_msg=now.path)
    before = file_behind(P).path
    model.P_output.assign(2 * np.eye(20))
    model.fit(x[:1], y[:1], verbose=0)  # no step that learns
    del P
    np.testing.assert_array_equal(np.asarray(model.P_output), 2 * np.eye(20))
    spare_files._spares.clear()
    assert not before.exists()


def test_what_does_not_belong_to_exact_states_is_passed_over() -> None:
    found = ExactState.from_arrays({"P_output": np.eye(2), "exact|v": np.array([7.0, 0.0]), "exact|v|v": np.ones(2)})
    assert set(found.to_arrays()) == {"exact|v", "exact|v|v"}
