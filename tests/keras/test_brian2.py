"""Models on Brian2: the numbers of the TensorFlow engine, and Keras around them."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402
from scipy import special  # noqa: E402
from targets import TARGETS, skip_unless_here  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.constrained import BioFORCEModel  # noqa: E402
from tension_sim.declare.equations import ACTIVATIONS  # noqa: E402
from tension_sim.errors import CompilerNotFoundError  # noqa: E402
from tension_sim.esn import ESNFORCEModel  # noqa: E402
from tension_sim.keras_style.on_brian import exact, rate  # noqa: E402
from tension_sim.keras_style.on_brian import window as window_module  # noqa: E402
from tension_sim.models import FullFORCEModel  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tension_sim.system import toolchain  # noqa: E402
from tests.keras.networks import PAIRS, constrained, data, esn, every_pair, lif_arguments, nofeedback  # noqa: E402
from tests.keras.test_training import Recorder  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

MORE: dict[str, dict[str, Any]] = {
    "bio_force": {"noise_param": (0.1, 0.05)},
    "full_force_esn": {"recurrent_kernel_trainable": True},
    # so weak that 200 steps do not blow up what was rounded
    "theta": {"Q": 10.0, "G": 1.0},
}
ON_NUMPY = {"backend": "brian2", "target": "numpy"}
ON_TENSORFLOW = {"backend": "tensorflow"}


def lif(model: type = SpikingNNModel, layer: dict[str, Any] | None = None, **options: Any) -> Any:
    arguments = lif_arguments(**{"dtype": "float64"} | (layer or {}))
    return model(force_layer=LIF(**arguments), **{"alpha_P": 0.001} | options)


def compiled(model: Any, engine: dict[str, Any], **options: Any) -> Any:
    model.compile(**{"metrics": ["mae"]} | engine | options)
    return model


def values(model: Any) -> dict[str, np.ndarray]:
    return {f"{i} {v.name}": np.asarray(v) for i, v in enumerate(model.variables)}


def assert_same(model: Any, wanted: Any, tolerance: float = 1e-9) -> None:
    for (name, now), (_, then) in zip(values(model).items(), values(wanted).items(), strict=True):
        scale = max(1.0, float(np.abs(then).max(initial=0)))
        np.testing.assert_allclose(now / scale, then / scale, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("pair", PAIRS)
def test_both_engines_give_the_same_model(pair: str) -> None:
    """Every layer and model of the compatibility list: 200 steps that learn, then evaluate and predict."""
    found = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model, x, y, predict_x = every_pair()[pair](dtype="float64", **MORE.get(pair, {}))
        x, y, predict_x = (np.concatenate([array] * 2)[:100] for array in (x, y, predict_x))
        compiled(model, engine, metrics=["mae", "mse"])
        history = model.fit(x, y, epochs=2, validation_data=(predict_x[:30], y[:30]), verbose=0).history
        measured = model.evaluate(predict_x, y, verbose=0)
        found.append((model, history, measured, model.predict(predict_x, verbose=0), model.results))
    (theirs, *expected, before), (ours, *given, results) = found
    assert_same(ours, theirs)
    # Keras' metrics are float32
    assert given[0] == {name: pytest.approx(wanted, abs=1e-6) for name, wanted in expected[0].items()}
    assert given[1] == pytest.approx(expected[1], abs=1e-6)
    np.testing.assert_allclose(given[2], expected[2], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(results.spike_step, before.spike_step)
    assert len(results.spike_step) > 0 or not theirs.original_force_layer.spiking
    assert results.provenance["engine"] == "brian2" and results.provenance["target"] == "numpy"


# C++ gives the published traces: golden/test_golden.py
@pytest.mark.slow
@pytest.mark.parametrize("pair", ["bio_force"])
def test_cython_gives_the_same_model(pair: str) -> None:
    skip_unless_here("cython")
    models = []
    for engine in (ON_NUMPY, {"backend": "brian2", "target": "cython"}):
        model, x, y, _ = every_pair()[pair](dtype="float64", **MORE.get(pair, {}))
        compiled(model, engine).fit(x, y, epochs=2, verbose=0)
        models.append(model)
    assert_same(models[1], models[0])


@pytest.mark.parametrize(
    "options",
    [
        {"update_every": 7},
        {"start": 10, "stop": 30, "gain": "undivided", "alpha_P": 0.1},
        {"update_every": 4, "start": 20, "forgetting": 0.95},
    ],
)
def test_the_schedule_counts_trained_steps_on_both_engines(options: dict[str, Any]) -> None:
    x, y = data(40)
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model = FORCEModel(force_layer=esn(dtype="float64"), **options)
        compiled(model, engine)
        for part in (slice(0, 13), slice(13, 40)):
            model.fit(x[part], y[part], verbose=0)
            model.predict(x, verbose=0)
        models.append(model)
    assert np.abs(models[0].original_force_layer.output_kernel).max() > 0
    assert_same(models[1], models[0])


@pytest.mark.parametrize("update_every", [1, 3])
def test_noise_goes_on_where_it_was_while_learning_counts_its_own_steps(update_every: int) -> None:
    """Steps outside of fit use up noise, and do not count for the schedule."""
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        layer = constrained(dtype="float64", noise_param=(0.1, 0.3))
        model = compiled(BioFORCEModel(force_layer=layer, update_every=update_every, start=4), engine)
        x, y = np.zeros((20, 1)), np.broadcast_to(data(20)[1], (20, 20))
        model.fit(x[:7], y[:7], verbose=0)
        model(tf.zeros((1, 4, 1), tf.float64))
        model.fit(x, y, verbose=0)
        assert int(layer.clock.numpy()) == 31
        models.append(model)
    assert_same(models[1], models[0])


@pytest.mark.parametrize("options", [{"update_every": 3}, {"start": 25, "stop": 70}])
def test_ridge_regression_follows_the_schedule_on_both_engines(options: dict[str, Any]) -> None:
    x, y = data(90)
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        layer = esn(dtype="float64", recurrent_kernel_trainable=True)  # which ridge regression leaves alone
        model = ESNFORCEModel(force_layer=layer, n_max=12, num_skip=2, alpha_sq=0.01, **options)
        compiled(model, engine)
        for part in (slice(0, 31), slice(31, 90)):
            model.fit(x[part], y[part], verbose=0)
        models.append(model)
    assert_same(models[1], models[0])


@pytest.mark.parametrize("readout", [True, False])
def test_the_target_network_of_full_force_runs_where_no_recurrent_weight_learns(readout: bool) -> None:
    x, y = data(40)
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        layer = esn(dtype="float64")
        before = None
        model = FullFORCEModel(force_layer=layer, hint_dim=0, target_output_kernel_trainable=readout)
        compiled(model, engine).fit(x[:1], y[:1], verbose=0)
        before = np.asarray(layer.recurrent_kernel), np.asarray(model.target_network.states[0])
        model.fit(x, y, verbose=0)
        np.testing.assert_array_equal(layer.recurrent_kernel, before[0])
        assert np.abs(np.asarray(model.target_network.states[0]) - before[1]).max() > 0.1
        models.append(model)
    assert_same(models[1], models[0])


@pytest.mark.parametrize("activation", rate._ACTIVATIONS)
def test_each_activation_is_that_of_keras(activation: str) -> None:
    x = np.concatenate([np.linspace(-9, 9, 181), [-0.5, 0.5, 700.0, -700.0 * (activation != "exponential")]])
    x[-2] *= activation != "exponential"
    names = {"x": x, "exp": np.exp, "log": np.log, "tanh": np.tanh, "sqrt": np.sqrt, "abs": np.abs, "clip": np.clip}
    names |= {"erf": special.erf, "sign": np.sign}
    text = ACTIVATIONS.get(rate._ACTIVATIONS[activation], rate._ACTIVATIONS[activation])
    with np.errstate(over="ignore"):
        found = eval(text, {"inf": np.inf, **names})  # Brian2's own numpy target does the same
    wanted = keras.activations.get(activation)(tf.constant(x, tf.float64))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["gelu", "hard_shrink"])
def test_activations_that_keras_has_beside_the_usual_ones_on_both_engines(activation: str) -> None:
    x, y = data(60)
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model = compiled(FORCEModel(force_layer=esn(dtype="float64", activation=activation)), engine)
        model.fit(x, y, verbose=0)
        assert np.abs(model.original_force_layer.output_kernel).max() > 0.01
        models.append(model)
    assert_same(models[1], models[0])


def test_states_that_were_reset_are_taken_up_on_both_engines() -> None:
    """The neurons' clock starts anew, that of learning does not."""
    x, y = data(40)
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model = compiled(lif(layer={"initial_voltage": np.linspace(-65, -41, 20)[None]}, update_every=3), engine)
        model.fit(x, y, verbose=0)
        model.force_layer.reset_states()
        model.fit(x, y, verbose=0)
        assert float(model.force_layer.states[0].numpy()[0, 0]) == 40
        models.append(model)
    assert_same(models[1], models[0])


def test_a_p_of_which_no_copy_is_kept_is_rounded_between_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data(40)
    models = []
    for kept in (exact._LARGEST, 0):
        monkeypatch.setattr(exact, "_LARGEST", kept)
        model = FORCEModel(force_layer=nofeedback(p_recurr=0.5, recurrent_kernel_trainable=True))
        model.compile(metrics=["mae"], **ON_NUMPY, steps_per_execution=8)
        model.fit(x, y, verbose=0)
        models.append(model)
    P, rounded = (np.asarray(model._P_GG) for model in models)
    assert np.abs(P - rounded).max() > 0
    np.testing.assert_allclose(P, rounded, rtol=0, atol=1e-5)


def test_callbacks_see_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "_RECORDED", 8 * 16 * 122)  # several windows, the last of them partly filled
    x, y = data(43)
    seen, models = [], []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model, recorder = compiled(lif(), engine), Recorder()
        model.fit(x, y, epochs=2, validation_data=(x[:9], y[:9]), verbose=0, callbacks=[recorder])
        model.predict(x[:5], verbose=0, callbacks=[recorder])
        seen.append(recorder)
        models.append(model)
    theirs, ours = seen
    assert ours.calls == theirs.calls and len(ours.calls) == 2 * (2 * 43 + 9) + 5
    for states, wanted in zip(ours.states, theirs.states, strict=True):
        for state, value in zip(states, wanted, strict=True):
            np.testing.assert_allclose(state, value, rtol=1e-9, atol=1e-9)
    for logs, wanted_logs in zip(ours.logs, theirs.logs, strict=True):
        assert logs == pytest.approx(wanted_logs, abs=1e-6)
    assert_same(models[1], models[0])


@pytest.mark.parametrize("target", ["numpy", *(pytest.param(t, marks=pytest.mark.slow) for t in TARGETS[1:3])])
def test_callbacks_see_the_type_of_the_variables(target: str) -> None:
    skip_unless_here(target)
    x, y = data(43)
    model, recorder = compiled(lif(layer={"dtype": None}), {"backend": "brian2", "target": target}), Recorder()
    model.fit(x, y, verbose=0, callbacks=[recorder])
    assert model.results.provenance["dtype"] == "float64"
    assert all(state.dtype == np.float32 for states in recorder.states for state in states)
    for seen, left in zip(recorder.states[-1], model.force_layer.states, strict=True):
        np.testing.assert_allclose(seen, left, rtol=3e-7)


class Reads(keras.callbacks.Callback):
    """Reads the voltage, and from the given step on the filtered rates."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late, self.seen = late, []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        states = self.model.force_layer.states
        read = [states[1]] if batch < self.late else states[1:4]
        self.seen.append([state.numpy().copy() for state in read])


def test_only_what_callbacks_read_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[set[str]] = []

    class Watched(window_module.Simulation):
        def run(self, *args: Any, **kwargs: Any) -> Any:
            runs.append({*self.record.variables} - {*self.record.off})
            return super().run(*args, **kwargs)

    monkeypatch.setattr(window_module, "Simulation", Watched)
    x, y = data(43)
    seen = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model, reads = compiled(lif(), engine), Reads(late=30)
        model.fit(x, y, verbose=0, callbacks=[reads])
        model.fit(x, y, verbose=0)
        seen.append((reads.seen, model))
    (theirs, their_model), (ours, our_model) = seen
    for states, wanted in zip(ours, theirs, strict=True):
        for state, value in zip(states, wanted, strict=True):
            np.testing.assert_allclose(state, value, rtol=1e-9, atol=1e-9)
    assert_same(our_model, their_model)
    # first all; then what was read of them, and again all when more is read; at last no callback
    first, second, again, none = runs
    assert first == again > second == {"v"} and none == set()


def test_one_compiled_program_records_what_a_run_wants() -> None:
    from tension_sim.circuit.wiring import ForceWiring
    from tension_sim.declare.record import Record
    from tension_sim.run.cache import program_key

    model = compiled(lif(), ON_NUMPY)
    model.build((1, 1, 1))
    declared = model.declaration()
    keys = {
        program_key(ForceWiring(declared.network, declared.recording(wanted, True)).circuit, "cpp_standalone")
        for wanted in ((), ("v",), ("v", "r"))
    }
    assert len(keys) == 1
    wiring = ForceWiring(declared.network, declared.recording(("v",), True))
    steps = {name: value for name, value in wiring.values().items() if name.endswith(".every")}
    assert steps["recorded_v.every"] == 1 < steps["recorded_r.every"]
    with pytest.raises(ValueError, match=r"Record\.off: expected a known recorded variable \(v\)\.\nReceived: 'w'"):
        ForceWiring(declared.network, Record(variables={"v": (0,)}, off=("w",)))


def test_a_window_rounds_nothing() -> None:
    """A run in windows is the run in one, although the variables are float32."""
    x, y = data(40)
    found = []
    for steps in (None, 7):
        model = compiled(lif(layer={"dtype": None}), ON_NUMPY, steps_per_execution=steps)
        model.fit(x, y, verbose=0)
        found.append(values(model))
    for now, wanted in zip(*(f.values() for f in found), strict=True):
        np.testing.assert_array_equal(now, wanted)


def test_a_state_that_a_callback_writes_is_what_the_next_step_starts_from() -> None:
    class Writes(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.force_layer.states[0].assign(np.full((1, 20), 0.25))

    x, y = data(4)
    models = []
    for engine in (ON_TENSORFLOW, ON_NUMPY):
        model = compiled(FORCEModel(force_layer=esn(dtype="float64")), engine, steps_per_execution=1)
        model.fit(x, y, verbose=0, callbacks=[Writes()])
        models.append(model)
    assert_same(models[1], models[0])


def test_metrics_count_step_by_step() -> None:
    """The mean of a metric over the steps, also where it is not that over all rows."""

    def largest(y_true: Any, y_pred: Any) -> Any:
        return tf.sqrt(tf.reduce_max(tf.abs(y_true - y_pred)))

    x, y = data(60, outputs=2)
    model = FORCEModel(force_layer=esn(output_size=2, dtype="float64"))
    compiled(model, ON_NUMPY, metrics=[largest, keras.metrics.RootMeanSquaredError()])
    history = model.fit(x, y, verbose=0).history
    error = np.abs(model.results.output - y)
    assert history["largest"][0] == pytest.approx(np.sqrt(error.max(axis=1)).mean(), rel=1e-5)
    assert history["root_mean_squared_error"][0] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)


def test_a_saved_model_goes_on_where_it_stopped(tmp_path: Path) -> None:
    x, y = data(40)
    model = compiled(lif(layer={"dtype": None}, update_every=3), ON_NUMPY)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again._engine == "brian2" and again._target == "numpy"
    for each in (model, again):
        each.fit(x, y, verbose=0)
    for now, wanted in zip(values(again).values(), values(model).values(), strict=True):
        np.testing.assert_array_equal(now, wanted)


@pytest.mark.parametrize("dtype", ["float32", None])
def test_the_precision_is_the_one_asked_for(dtype: str | None) -> None:
    x, y = data(20)
    model = compiled(lif(layer={"dtype": dtype}), ON_NUMPY)
    model.fit(x, y, verbose=0)
    assert model.results.provenance["dtype"] == (dtype or "float64")
    assert model.predict(x, verbose=0).dtype == np.float32


class Hooked(SpikingNNModel):
    def update_kernel_condition(self) -> Any:
        return True


class HookedLayer(LIF):
    def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
        return super().update_voltage(I, states)


def test_a_subclass_with_hooks_runs_on_tensorflow_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    for make, hook in (
        (lambda: lif(Hooked), "Hooked.update_kernel_condition"),
        (lambda: SpikingNNModel(force_layer=HookedLayer(**lif_arguments())), "HookedLayer.update_voltage"),
    ):
        caplog.clear()
        with caplog.at_level(logging.INFO, "tension_sim"):
            model = compiled(make(), {})
        assert model._engine == "tensorflow"
        (text,) = [record.getMessage() for record in caplog.records]
        assert re.fullmatch(rf"\w+ runs on TensorFlow: {re.escape(hook)} is TensorFlow code", text)
        told = rf"compile\.backend: expected 'tensorflow' for this model\.\nReceived: 'brian2'\n.*{re.escape(hook)}"
        with pytest.raises(NotImplementedError, match=told):
            compiled(make(), ON_NUMPY)


def test_the_faster_engine_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled(FORCEModel(force_layer=esn()), {})._engine == "tensorflow"
    assert compiled(lif(), {}, jit_compile=True)._engine == "tensorflow"
    assert compiled(lif(), {}, run_eagerly=True)._engine == "tensorflow"
    assert compiled(lif(), {"target": "numpy"})._engine == "brian2"

    def no_compiler(*_: Any) -> None:
        raise CompilerNotFoundError("none")

    monkeypatch.setattr(toolchain, "require_compiler", lambda *_: "g++")
    assert compiled(lif(), {})._engine == LIF.preferred_backend
    assert compiled(BioFORCEModel(force_layer=constrained()), {})._engine == "brian2"
    monkeypatch.setattr(toolchain, "require_compiler", no_compiler)
    assert compiled(lif(), {})._engine == "tensorflow"
    with pytest.raises(CompilerNotFoundError):
        compiled(lif(), {"backend": "brian2", "target": "cpp_standalone"})


def test_learning_that_diverges_keeps_the_last_good_weights() -> None:
    x, y = data(60)
    y[40] = 3e38

    def make() -> FORCEModel:
        model = FORCEModel(force_layer=esn(dtype="float32"), gain="undivided", alpha_P=100.0, start=40)
        return compiled(model, ON_NUMPY)

    diverges, stops = make(), make()
    told = r"FORCEModel\.fit: expected finite outputs\.\nReceived: 'NaN or infinity at time step 4[01] of the sequence'"
    with pytest.raises(ArithmeticError, match=told):
        diverges.fit(x, y, verbose=0)
    stops.fit(x[:40], y[:40], verbose=0)
    for name in ("output_kernel", "input_kernel"):
        kernels = [getattr(model.original_force_layer, name).numpy() for model in (diverges, stops)]
        np.testing.assert_array_equal(*kernels)
    assert np.all(np.isfinite(diverges.predict(x, verbose=0)))


def test_ctrl_c_ends_a_run_and_keeps_what_it_had_reached() -> None:
    steps = 200_000
    x, y = (np.zeros((steps, 1)) for _ in range(2))
    model = compiled(lif(), ON_NUMPY)
    model.fit(x[:10], y[:10], verbose=0)

    def press() -> None:
        time.sleep(3)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=9, verbose=0)
    thread.join()
    reached = model.results.n_steps
    assert 0 < reached < steps
    assert int(model.force_layer.states[0].numpy()[0, 0]) == int(model._steps_learned.numpy()) == 10 + reached
    np.testing.assert_array_equal(model.results.output[-1:], model.force_layer.states[-1].numpy())
    model.fit(x[:10], y[:10], verbose=0)
    assert int(model._steps_learned.numpy()) == 20 + reached
