"""fit, evaluate and predict behave as Keras', at any length, with any callback."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.callbacks import (  # noqa: E402
    EarlyStoppingByLossVal,
    OutputTracking,
    TimeHistory,
    VoltageTracking,
)
from tension_sim.errors import InvalidValueError  # noqa: E402
from tension_sim.keras_style import training  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tension_sim.system.interrupts import Interrupts  # noqa: E402
from tension_sim.tensorflow.loop import Window  # noqa: E402
from tests.keras.networks import PAIRS, data, esn, every_pair, lif_arguments, nofeedback  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def compiled(layer: Any = None, **options: Any) -> FORCEModel:
    model = FORCEModel(force_layer=layer if layer is not None else esn())
    model.compile(**({"metrics": ["mae"]} | options))
    return model


class Recorder(keras.callbacks.Callback):
    """Write down every hook with the states it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []
        self.states: list[list[np.ndarray]] = []
        self.logs: list[dict[str, float]] = []

    def _see(self, hook: str, batch: int, logs: Any) -> None:
        self.calls.append((hook, batch))
        self.states.append([np.array(np.asarray(state)) for state in self.model.force_layer.states])
        self.logs.append({k: float(v) for k, v in (logs or {}).items() if k != "outputs"})

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._see("train begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._see("train end", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._see("test end", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._see("predict end", batch, logs)


def test_replayed_callbacks_see_what_exact_ones_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_WINDOW", 16)  # several windows, the last of them partly filled
    x, y = data(43)
    seen = []
    for steps in (None, 1, 7):
        model = compiled(esn(), steps_per_execution=steps)
        recorder = Recorder()
        model.fit(x, y, epochs=2, validation_data=(x[:9], y[:9]), verbose=0, callbacks=[recorder])
        model.predict(x[:5], verbose=0, callbacks=[recorder])
        seen.append(recorder)
    replayed, exact, by_seven = seen
    one_epoch = [(f"train {when}", t) for t in range(43) for when in ("begin", "end")]
    one_epoch += [("test end", t) for t in range(9)]
    assert exact.calls == one_epoch * 2 + [("predict end", t) for t in range(5)]
    for other in (replayed, by_seven):
        assert other.calls == exact.calls
        for states, wanted in zip(other.states, exact.states, strict=True):
            for state, value in zip(states, wanted, strict=True):
                np.testing.assert_allclose(state, value, rtol=0, atol=2e-5)
        for logs, wanted_logs in zip(other.logs, exact.logs, strict=True):
            assert logs == pytest.approx(wanted_logs, abs=1e-5)


def test_more_steps_at_once_than_there_are_take_no_more_memory() -> None:
    x, y = data(43)
    by_default, at_once = compiled(esn()), compiled(esn(), steps_per_execution=2**40)
    for model in (by_default, at_once):
        model.fit(x, y, verbose=0)
    np.testing.assert_allclose(at_once.predict(x, verbose=0), by_default.predict(x, verbose=0), rtol=0, atol=1e-6)


def test_a_replayed_state_cannot_be_written() -> None:
    class Writes(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.force_layer.states[0].assign(np.zeros((1, 20)))

    x, y = data()
    told = r"force_layer\.states: expected states to be read(.|\n)*steps_per_execution=1"
    with pytest.raises(NotImplementedError, match=told):
        compiled().fit(x, y, verbose=0, callbacks=[Writes()])


def test_a_state_can_be_written_step_by_step() -> None:
    class Writes(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.force_layer.states[0].assign(np.full((1, 20), 0.25), read_value=False)

    x, y = data()
    model = compiled(steps_per_execution=1)
    model.fit(x, y, verbose=0, callbacks=[Writes()])
    np.testing.assert_array_equal(model.force_layer.states[0].numpy(), 0.25)


def test_stopping_in_a_step_stops_there_step_by_step() -> None:
    class Stops(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch >= 10

    x, y = data()
    model = compiled(steps_per_execution=1)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[Stops()])
    assert int(model._steps_learned.numpy()) == 11


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair_learns_evaluates_and_predicts(pair: str) -> None:
    results = []
    for jit in (True, False):
        model, x, y, predict_x = every_pair()[pair]()
        model.compile(metrics=["mae", "mse"], jit_compile=jit)
        history = model.fit(x, y, epochs=2, verbose=0).history
        assert set(history) == {"mae", "mse"} and len(history["mae"]) == 2
        before = [state.numpy() for state in model.force_layer.states]
        measured = model.evaluate(predict_x, y, verbose=0, return_dict=True)
        assert model.evaluate(predict_x, y, verbose=0) == pytest.approx(list(measured.values()))
        assert measured["loss"] == pytest.approx(measured["mae"], abs=1e-6)
        predicted = model.predict(predict_x, verbose=0)
        assert measured["mae"] == pytest.approx(np.abs(predicted - y).mean(), abs=1e-5)
        for state, kept in zip(model.force_layer.states, before, strict=True):
            np.testing.assert_array_equal(state.numpy(), kept)
        results.append((history["mae"], predicted))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-2, atol=1e-3)


def test_every_form_of_the_same_data_gives_the_same_numbers() -> None:
    x, y = data(60)
    forms = {
        "2D": (x, y),
        "lists": (x.tolist(), y.tolist()),
        "tensors": (tf.constant(x), tf.constant(y)),
        "trials": (x.reshape(3, 20, 1), y.reshape(3, 20, 1)),
        "dataset": (tf.data.Dataset.from_tensor_slices((x, y)), None),
        "batched dataset": (tf.data.Dataset.from_tensor_slices((x, y)).batch(7), None),
    }
    found = {}
    for name, (xs, ys) in forms.items():
        model = compiled()
        model.fit(xs, ys, verbose=0)
        found[name] = model.original_force_layer.output_kernel.numpy()
    for name, kernel in found.items():
        np.testing.assert_array_equal(kernel, found["2D"], err_msg=name)


def test_two_epochs_are_two_fits_and_validation_changes_nothing() -> None:
    x, y = data()
    kernels = []
    for epochs, options in (((2,), {}), ((1, 1), {}), ((2,), {"validation_data": (x, y)})):
        model = compiled()
        for n in epochs:
            model.fit(x, y, epochs=n, verbose=0, **options)
        kernels.append(model.original_force_layer.output_kernel.numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    np.testing.assert_array_equal(kernels[0], kernels[2])


def test_another_length_compiles_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiled()
    x, y = data(90)
    model.fit(x, y, verbose=0)
    traced = []
    monkeypatch.setattr(Window, "_graph", lambda *_, **__: traced.append(1))
    model.fit(x[:31], y[:31], verbose=0)
    model.compile(metrics=["mae"])
    with pytest.raises(AttributeError):  # now it wants another graph, and gets none
        model.fit(x[:31], y[:31], verbose=0)
    assert traced == [1]


def test_ctrl_c_waits_for_the_window_and_keeps_what_was_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_WINDOW", 16)
    x, y = data(60)
    run, pressed = Window.run, []

    def press(window: Window, *arguments: Any) -> Any:
        pressed.append(1)
        if len(pressed) == 2:
            signal.raise_signal(signal.SIGINT)  # as if it came while compiled code runs
        return run(window, *arguments)

    model, wanted, seen = compiled(), compiled(), Recorder()
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(Window, "run", press)
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, epochs=3, verbose=0, callbacks=[seen])
    assert signal.getsignal(signal.SIGINT) is handler
    wanted.fit(x[:32], y[:32], verbose=0)
    for now, then in zip(model.variables, wanted.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(then))
    assert model.results.n_steps == 32 and len(seen.calls) == 64
    model.fit(x, y, verbose=0)
    assert int(model._steps_learned.numpy()) == 92


def test_a_second_ctrl_c_is_not_waited_for() -> None:
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt), interrupts:
        signal.raise_signal(signal.SIGINT)
        assert interrupts.seen
        signal.raise_signal(signal.SIGINT)


def test_callbacks_of_keras_work(tmp_path: Any) -> None:
    x, y = data()
    model = compiled()
    stop = keras.callbacks.EarlyStopping(monitor="val_mae", patience=0, mode="max")  # every improvement is a loss
    history = model.fit(
        x, y, epochs=9, validation_data=(x, y), verbose=0,
        callbacks=[
            stop,
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: counted.append(batch)),
        ] if (counted := []) is not None else [],
    ).history  # fmt: skip
    epochs = len(history["val_mae"])
    assert 1 < epochs < 9
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,mae,val_loss,val_mae"
    assert len(list(tmp_path.glob("*.weights.h5"))) == epochs
    assert counted == list(range(60)) * epochs


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data()
    compiled().fit(x, y, epochs=2, verbose=2)
    assert "Epoch 2/2" in (text := capsys.readouterr().out) and "mae" in text and "60/60" in text


def test_initial_epoch_and_validation_freq_count() -> None:
    x, y = data()
    history = compiled().fit(x, y, epochs=5, initial_epoch=1, validation_data=(x, y), validation_freq=2, verbose=0)
    assert history.epoch == [1, 2, 3, 4]
    assert len(history.history["val_mae"]) == 2


def test_the_package_callbacks() -> None:
    x, y = data()
    layer = LIF(**lif_arguments())
    model = SpikingNNModel(force_layer=layer, alpha_P=0.001)
    model.compile(metrics=["mae"], backend="tensorflow")
    times, output, voltage = TimeHistory(), OutputTracking(60, 1), VoltageTracking(60, 20)
    stop = EarlyStoppingByLossVal(monitor="val_mae", value=1e9, verbose=1)
    model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=[times, output, voltage, stop])
    assert len(times.times) == 1 and times.times[0] > 0
    np.testing.assert_allclose(output.tracking_arr[-1], model.force_layer.states[-1].numpy()[0], rtol=1e-6)
    np.testing.assert_allclose(voltage.tracking_arr[-1], model.force_layer.states[1].numpy()[0], rtol=1e-6)
    assert voltage.tracking_arr.max() <= -40 and len(np.unique(voltage.tracking_arr[:, 0])) > 10
    told = r"EarlyStoppingByLossVal\.monitor: expected one of the values(.|\n)*val_loss needs"
    with pytest.raises(ValueError, match=told):
        model.fit(x, y, verbose=0, callbacks=[EarlyStoppingByLossVal()])
    with pytest.raises(ValueError, match=r"OutputTracking\.timesteps: expected at least as many(.|\n)*Received: 10"):
        model.fit(x, y, verbose=0, callbacks=[OutputTracking(10, 1)])


def test_the_schedule_counts_time_steps() -> None:
    x, y = data(30)

    def rank(**options: Any) -> int:
        model = FORCEModel(force_layer=esn(units=40), **options)
        model.compile(metrics=["mae"])
        model.fit(x[:15], y[:15], verbose=0)
        model.fit(x[15:], y[15:], verbose=0)
        return int(np.linalg.matrix_rank(np.eye(40) - model.P_output.numpy().astype(float), tol=1e-6))

    # one update adds one direction to P
    assert rank(stop=0) == 0
    assert rank(start=12, stop=17) == 5
    assert rank(update_every=4, start=8) == 5  # the 12th, 16th, ... 28th
    assert rank(update_every=4) == 7


@pytest.mark.parametrize("forgetting", [1.0, 0.9])
@pytest.mark.parametrize("gain", ["divided", "undivided"])
def test_learning_is_recursive_least_squares(gain: str, forgetting: float) -> None:
    """Against the rule written out in numpy, for the states that a callback sees."""
    x, y = data(40)
    model = FORCEModel(force_layer=esn(dtype="float64"), alpha_P=0.5, gain=gain, forgetting=forgetting)
    model.compile(metrics=["mae"], steps_per_execution=1)
    model.build((1, 1, 1))
    W, P = model.original_force_layer.output_kernel.numpy(), 0.5 * np.eye(20)
    recorder = Recorder()
    model.fit(x, y, verbose=0, callbacks=[recorder])
    for (hook, t), states in zip(recorder.calls, recorder.states, strict=True):
        if hook == "train end":
            h = states[1][0]
            k = P @ h
            c = 1 / (forgetting + h @ k)
            W = W - np.outer(k * (c if gain == "divided" else 1.0), h @ W - y[t])
            P = (P - c * np.outer(k, k)) / forgetting
    np.testing.assert_allclose(model.original_force_layer.output_kernel.numpy(), W, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.P_output.numpy(), P, rtol=0, atol=1e-9)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "XLA"])
def test_p_that_forgets_stays_symmetric_on_tensorflow(jit: bool) -> None:
    """What rounds otherwise on the two sides of the diagonal would be 1/0.9 to the power of 1500 times as much."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1500, 3)), 0.02 * np.cumsum(rng.normal(size=(1500, 1)), axis=0)
    models = []
    for engine in ({"backend": "tensorflow", "jit_compile": jit}, {"backend": "brian2", "target": "numpy"}):
        layer = nofeedback(units=8, dtdivtau=0.5, recurrent_kernel_trainable=True, p_recurr=0.5, dtype="float64")
        model = FORCEModel(force_layer=layer, forgetting=0.9)
        model.compile(metrics=["mae"], **engine)
        model.fit(x, y, verbose=0)
        models.append(model)
    ours, wanted = models
    for P, then in ((ours.P_output, wanted.P_output), (ours._P_GG, wanted._P_GG)):
        P = np.asarray(P)
        np.testing.assert_array_equal(P, np.swapaxes(P, -1, -2))
        np.testing.assert_allclose(P, then, rtol=0, atol=1e-6 * np.max(then))
    for kernel, then in zip(ours.kernels().values(), wanted.kernels().values(), strict=True):
        np.testing.assert_allclose(kernel, then, rtol=0, atol=1e-6)


def test_a_hook_of_the_user_stores_p_in_the_published_form() -> None:
    class Plain(FORCEModel):
        def pseudogradient_wR(self, P_Gx: Any, h: Any, z: Any, y: Any, Ph: Any, hPh: Any) -> Any:
            assert tuple(P_Gx.shape) == (20, 20, 20)
            return super().pseudogradient_wR(P_Gx, h, z, y, Ph, hPh)

    x, y = data()
    found = []
    for cls in (Plain, FORCEModel):
        layer = nofeedback(p_recurr=0.5)
        model = cls(force_layer=layer)
        model.compile(metrics=["mae"])
        model.fit(x, y, verbose=0)
        found.append((layer.recurrent_kernel.numpy(), np.asarray(model.P_GG)))
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-5)


def test_a_P_of_two_dimensions_knows_both_gains() -> None:
    from tension_sim.models import OptimizedFORCEModel

    rng = np.random.default_rng(0)
    root, h = rng.normal(size=(20, 20)), rng.normal(size=(1, 20))
    old, error = root @ root.T, tf.constant([[0.5]], tf.float64)
    k = old @ h.T
    for gain, wanted in (("divided", k / (0.9 + h @ k)), ("undivided", k)):
        model = OptimizedFORCEModel(force_layer=nofeedback(dtype="float64"), gain=gain, forgetting=0.9)
        dP, Ph, hPh = model.pseudogradient_P_Gx(tf.constant(old), tf.constant(h))
        change = model.pseudogradient_wR(old - dP, tf.constant(h), error, tf.zeros((1, 1), tf.float64), Ph, hPh)
        np.testing.assert_allclose(change, np.broadcast_to(0.5 * wanted, (20, 20)), rtol=1e-9)


def test_several_errors_are_refused_where_hooks_might_take_them() -> None:
    class Plain(FORCEModel):
        def pseudogradient_wR(self, *arguments: Any) -> Any:
            return super().pseudogradient_wR(*arguments)

    model = Plain(force_layer=nofeedback(output_size=2, recurrent_kernel_trainable=True))
    model.compile(metrics=["mae"])
    text = r"Plain\.fit\.y: expected 1 value at each time step, because the recurrent kernel learns from one error"
    with pytest.raises(InvalidValueError, match=text):
        model.fit(*data(outputs=2), verbose=0)


def test_frozen_weights_do_not_change() -> None:
    x, y = data()
    layer = nofeedback(p_recurr=0.5)
    model = compiled(layer)
    model.build((1, 1, 1))
    before, mask = layer.recurrent_kernel.numpy(), np.asarray(layer.recurrent_nontrainable_boolean_mask)
    model.fit(x, y, verbose=0)
    change = layer.recurrent_kernel.numpy() != before
    assert not change[mask].any() and change[~mask].all()


def test_noise_differs_from_step_to_step_and_repeats_with_the_seed() -> None:
    make = every_pair()["bio_force"]
    runs = []
    for seed in (5, 5, 6):
        model, x, y, _ = make(seed=seed)
        model.compile(metrics=["mae"], backend="tensorflow")
        tracking = OutputTracking(60, 20, output_state_idx=0)
        model.fit(x, y, verbose=0, callbacks=[tracking])
        runs.append(tracking.tracking_arr)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 1e-4
    assert len(np.unique(np.diff(runs[0], axis=0))) > 1000


def test_a_model_can_be_called() -> None:
    model = compiled()
    x, y = data()
    model.fit(x, y, verbose=0)
    wanted = model.predict(x, verbose=0)
    before = model.force_layer.states[0].numpy()
    np.testing.assert_allclose(model(x[None], reset_states=True)[0], wanted, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(model.force_layer.states[0].numpy(), before)
    z, a, h, last = model(x[None], training=True)
    assert z.shape == (1, 60, 1) and h.shape == (1, 20)
    np.testing.assert_array_equal(model.force_layer.states[0].numpy(), a)
    model.force_layer.reset_states()
    assert np.abs(model.force_layer.states[0].numpy() - a).max() > 0


def test_the_batch_methods_and_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data()
    ours, theirs = compiled(), compiled()
    ours.fit(x, y, verbose=0)
    logs = theirs.train_on_batch(x, y, return_dict=True)
    np.testing.assert_array_equal(ours.original_force_layer.output_kernel, theirs.original_force_layer.output_kernel)
    assert set(logs) == {"mae"}
    assert theirs.test_on_batch(x, y) == theirs.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(theirs.predict_on_batch(x), theirs.predict(x, verbose=0))
    theirs.summary()
    assert "force_layer" in capsys.readouterr().out


@pytest.mark.parametrize("engine", [{"backend": "tensorflow"}, {"backend": "brian2", "target": "numpy"}])
def test_dtype_and_seed_of_the_model_are_those_of_its_layer(engine: dict[str, str], tmp_path: Any) -> None:
    x, y = data(20)
    models = []
    for layer, options in (({"dtype": "float64", "seed": 3}, {}), ({"seed": None}, {"dtype": "float64", "seed": 3})):
        model = FORCEModel(force_layer=esn(**layer), **options)
        model.compile(metrics=["mae"], **engine)
        model.fit(x, y, verbose=0)
        assert model.predict(x, verbose=0).dtype == np.float64
        models.append(model)
    models[1].save(tmp_path / "model.keras")
    models.append(keras.models.load_model(tmp_path / "model.keras"))
    for model in models:
        model.fit(x, y, verbose=0)
    for other in models[1:]:
        for now, wanted in zip(other.variables, models[0].variables, strict=True):
            np.testing.assert_array_equal(np.asarray(now), np.asarray(wanted))
