"""What Keras users measure and call back while a model learns."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tests.keras.networks import ENGINES, compiled, data, each_engine, esn  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


@pytest.fixture(scope="module")
def fitted() -> Any:
    """Return a model for tests of callbacks, so that it is traced once."""
    model = compiled(FORCEModel(force_layer=esn()), metrics=["mae", "cosine_similarity"])
    x, y = data(12)
    model.fit(x, y, validation_data=(x, y), verbose=0)
    return model


# -- metrics


@each_engine
def test_metrics_of_one_name_are_all_there_under_the_names_of_keras(engine: dict[str, Any]) -> None:
    def other() -> Callable[[Any, Any], Any]:
        def size(y_true: Any, y_pred: Any) -> Any:
            return keras.ops.mean(keras.ops.abs(y_true))

        return size

    def size(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(2 * keras.ops.abs(y_true))

    x, y = data(12)
    metrics = ["mae", size, other(), "mae", "mse"]
    plain = keras.Sequential([keras.layers.Dense(1)])
    plain.compile(loss="mse", metrics=metrics)
    names = plain.fit(x, y, verbose=0).history.keys() - {"loss"}
    model = compiled(FORCEModel(force_layer=esn()), engine, metrics=metrics)
    history = model.fit(x, y, verbose=0).history
    assert history.keys() == names
    mean = np.abs(y).mean()
    assert [history["size"][0], history["size_1"][0]] == pytest.approx([2 * mean, mean], rel=1e-5)
    measured = model.evaluate(x, y, verbose=0)
    error = np.abs(model.predict(x, verbose=0) - y)
    wanted = [error.mean(), error.mean(), 2 * mean, mean, error.mean(), np.square(error).mean()]
    assert measured == pytest.approx(wanted, rel=1e-5)


class Extremes(keras.metrics.Metric):
    """The least and the greatest target, in a dictionary."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.least, self.greatest = (self.add_weight(shape=(), initializer="zeros", name=name) for name in "lg")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.least.assign(keras.ops.minimum(self.least, keras.ops.min(y_true)))
        self.greatest.assign(keras.ops.maximum(self.greatest, keras.ops.max(y_true)))

    def result(self) -> Any:
        return {"least": self.least, "greatest": self.greatest}


@each_engine
def test_a_metric_may_measure_several_numbers(engine: dict[str, Any]) -> None:
    x, y = data(12)
    model = compiled(FORCEModel(force_layer=esn()), engine, metrics=["mae", Extremes()])
    history = model.fit(x, y, verbose=0).history
    assert history.keys() == {"mae", "least", "greatest"}
    wanted = [min(y.min(), 0), max(y.max(), 0)]
    assert [history["least"][0], history["greatest"][0]] == pytest.approx(wanted)
    assert model.evaluate(x, y, verbose=0)[2:] == pytest.approx(wanted)


# -- callbacks

callbacks = keras.callbacks
CALLBACKS: dict[str, Callable[[Path], Any]] = {
    "BackupAndRestore": lambda path: callbacks.BackupAndRestore(path / "backup"),
    "CSVLogger": lambda path: callbacks.CSVLogger(path / "log.csv"),
    "EarlyStopping": lambda path: callbacks.EarlyStopping(monitor="mae", patience=1),
    "EarlyStopping val": lambda path: callbacks.EarlyStopping(monitor="val_mae", restore_best_weights=True),
    "EarlyStopping mode": lambda path: callbacks.EarlyStopping(monitor="val_mae", mode="min"),
    "EarlyStopping loss": lambda path: callbacks.EarlyStopping(),
    "History": lambda path: callbacks.History(),
    "LambdaCallback": lambda path: callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    "LearningRateScheduler": lambda path: callbacks.LearningRateScheduler(lambda epoch: 0.1),
    "ModelCheckpoint": lambda path: callbacks.ModelCheckpoint(path / "a.keras", monitor="mae", save_best_only=True),
    "ModelCheckpoint weights": lambda path: callbacks.ModelCheckpoint(
        path / "a.weights.h5", monitor="val_mae", save_best_only=True, save_weights_only=True
    ),
    "ModelCheckpoint steps": lambda path: callbacks.ModelCheckpoint(
        path / "b.weights.h5", monitor="mae", save_best_only=True, save_weights_only=True, save_freq=12
    ),
    "ProgbarLogger": lambda path: callbacks.ProgbarLogger(),
    "ReduceLROnPlateau": lambda path: callbacks.ReduceLROnPlateau(monitor="mae", patience=1),
    "ReduceLROnPlateau mode": lambda path: callbacks.ReduceLROnPlateau(monitor="val_mae", mode="min"),
    "TerminateOnNaN": lambda path: callbacks.TerminateOnNaN(),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_of_keras_run(name: str, fitted: Any, tmp_path: Path) -> None:
    x, y = data(12)
    callback = CALLBACKS[name](tmp_path)
    history = fitted.fit(x, y, epochs=2, validation_data=(x, y), verbose=0, callbacks=[callback])
    assert 1 <= len(history.epoch) <= 2
    if "Checkpoint" in name:
        assert list(tmp_path.iterdir())


class Saving(callbacks.ModelCheckpoint):
    """Of a user's module, as Keras' own otherwise."""


@pytest.mark.parametrize(
    ("engine", "kind"),
    [(ENGINES[0], Saving), *((engine, callbacks.ModelCheckpoint) for engine in ENGINES)],
)
def test_what_is_saved_after_n_steps_was_learned_in_them(engine: dict[str, Any], kind: Any, tmp_path: Path) -> None:
    x, y = data(12)
    steps = {5: (1, 5), 10: (1, 10), 15: (2, 3), 20: (2, 8)}  # of 24: epoch, batch
    model = compiled(FORCEModel(force_layer=esn()), engine)
    callback = kind(tmp_path / "{epoch}_{batch}.weights.h5", save_weights_only=True, save_freq=5)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[callback])
    names = {f"{epoch}_{batch}.weights.h5": step for step, (epoch, batch) in steps.items()}
    assert {path.name for path in tmp_path.iterdir()} == names.keys()
    whole = np.concatenate([x, x]), np.concatenate([y, y])
    alone = compiled(FORCEModel(force_layer=esn()), engine)
    done = 0
    for name, step in names.items():
        alone.fit(*(array[done:step] for array in whole), verbose=0)
        done = step
        model.load_weights(tmp_path / name)
        for found, wanted in zip(model.weights, alone.weights, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{name} {wanted.name}")


def test_what_is_backed_up_after_n_steps_goes_on_from_there(tmp_path: Path) -> None:
    x, y = data(12)
    model = compiled(FORCEModel(force_layer=esn()))
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=7, delete_checkpoint=False)
    model.fit(x, y, verbose=0, callbacks=[backup])
    model.load_weights(tmp_path / "latest.weights.h5")
    alone = compiled(FORCEModel(force_layer=esn()))
    alone.fit(x[:7], y[:7], verbose=0)
    np.testing.assert_allclose(model.P_output, alone.P_output, rtol=1e-5)


def test_a_list_of_the_users_own_is_looked_at_and_gets_the_history(fitted: Any) -> None:
    x, y = data(12)
    listed = callbacks.CallbackList([callbacks.LambdaCallback()], model=fitted)
    first = fitted.fit(x, y, epochs=2, callbacks=listed, verbose=0)
    assert first.epoch == [0, 1]
    assert len(first.history["mae"]) == 2
    assert fitted.fit(x, y, verbose=0) is not first
    assert fitted.fit(x, y, callbacks=listed, verbose=0) is first
    with pytest.raises(ValueError, match=r"FORCEModel\.callbacks: expected no SwapEMAWeights"):
        fitted.fit(x, y, callbacks=callbacks.CallbackList([callbacks.SwapEMAWeights()], model=fitted))


def test_a_callback_that_evaluates_does_not_end_training() -> None:
    x, y = data(4)

    class Evaluating(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                self.model.evaluate(x, y, verbose=0)

    model = compiled(FORCEModel(force_layer=esn()), {}, run_eagerly=True)
    assert list(model.fit(x, y, callbacks=[Evaluating()], verbose=0).history) == ["mae"]


@pytest.mark.parametrize(("metric", "better"), [("mae", keras.ops.less), ("cosine_similarity", keras.ops.greater)])
def test_the_direction_of_a_monitored_metric_is_that_of_keras(metric: str, better: Any, fitted: Any) -> None:
    x, y = data(12)
    for name in (metric, f"val_{metric}"):
        callback = callbacks.EarlyStopping(monitor=name)
        fitted.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[callback])
        assert callback.monitor_op is better
    assert [m.name for m in fitted.metrics] == ["loss", "mae", "cosine_similarity"]  # as published: a flat list


def test_what_has_no_meaning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    x, y = data(4)
    model = compiled(FORCEModel(force_layer=esn()))
    with caplog.at_level(logging.WARNING, "tension_sim"):
        for _ in range(2):
            schedule = callbacks.LearningRateScheduler(lambda epoch: 0.1)
            model.fit(x, y, epochs=2, verbose=0, callbacks=[schedule])
    texts = [record.getMessage() for record in caplog.records if record.name == "tension_sim"]
    assert texts == ["LearningRateScheduler has no effect: recursive least squares has no learning rate, see alpha_P"]
    told = r"FORCEModel\.callbacks: expected no SwapEMAWeights(.|\n)*Fix: leave it out"
    with pytest.raises(ValueError, match=told):
        model.fit(x, y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


def test_a_missing_tensorboard_is_said_before_an_epoch_runs(
    fitted: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    x, y = data(4)
    before = fitted.get_weights()
    monkeypatch.setattr("tension_sim.keras_style.training.find_spec", lambda name: None)
    told = r"FORCEModel\.callbacks: expected TensorBoard to be installed\.(.|\n)*Fix: pip install tensorboard"
    with pytest.raises(ModuleNotFoundError, match=told):
        fitted.fit(x, y, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    for now, was in zip(fitted.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, was)


def test_bars_show_what_is_measured_and_nothing_else(fitted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data(12)

    def ends_with() -> list[str]:
        last = re.split(r"[\r\x08]|\[1m", capsys.readouterr().out)[-1]
        return re.findall(r"(\w+): ", last)

    fitted.fit(x, y, verbose=1, validation_data=(x, y))
    val = ["val_cosine_similarity", "val_loss", "val_mae"]
    assert sorted(ends_with()) == sorted(["cosine_similarity", "mae", *val])
    fitted.evaluate(x, y, verbose=1)
    assert sorted(ends_with()) == ["cosine_similarity", "loss", "mae"]
    fitted.predict(x, verbose=1)
    assert ends_with() == []
