# ruff: noqa: E501
"""Datasets and generators give pairs, each read in one pass an epoch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.keras_style import sources  # noqa: E402
from tension_sim.keras_style.sources import Reader  # noqa: E402
from tests.keras.networks import esn  # noqa: E402

TRIALS, LENGTH = 12, 5


def trial(i: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a trial whose target is that of no other trial."""
    x = np.full((LENGTH, 1), i, np.float32)
    return x, 10 * x + np.arange(LENGTH, dtype=np.float32)[:, None]


def is_paired(samples: Any) -> bool:
    return bool(np.all(samples.y == 10 * samples.x + np.tile(np.arange(LENGTH), len(samples.x) // LENGTH)[:, None]))


def stacked() -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.stack(each) for each in zip(*map(trial, range(TRIALS)), strict=True))  # type: ignore[return-value]


class Batches(keras.utils.PyDataset):
    def __init__(self, length: int | None = TRIALS) -> None:
        super().__init__()
        self.length, self.ends = length, 0

    @property
    def num_batches(self) -> int | None:
        return self.length

    def __len__(self) -> int:
        return self.length or 0

    def __getitem__(self, i: int) -> Any:
        return trial(i)

    def on_epoch_end(self) -> None:
        self.ends += 1


def draws(rng: np.random.Generator | None = None, count: int | None = TRIALS) -> Iterator[Any]:
    """Draw trials: no second pass gives the same."""
    rng = np.random.default_rng() if rng is None else rng
    i = 0
    while count is None or i < count:
        yield trial(int(rng.integers(100)))
        i += 1


def from_generator(count: int | None = TRIALS) -> Any:
    signature = (tf.TensorSpec((LENGTH, 1)), tf.TensorSpec((LENGTH, 1)))
    return tf.data.Dataset.from_generator(lambda: draws(count=count), output_signature=signature)


SOURCES: dict[str, Callable[[], Any]] = {
    "shuffled": lambda: tf.data.Dataset.from_tensor_slices(stacked()).shuffle(TRIALS),
    "shuffled batches": lambda: tf.data.Dataset.from_tensor_slices(stacked()).shuffle(TRIALS).batch(4),
    "drawn": from_generator,
    "py_dataset": Batches,
    "generator": draws,
}


@pytest.mark.parametrize("source", SOURCES)
def test_input_and_target_of_one_trial_stay_together(source: str) -> None:
    reader = Reader("Model.fit", SOURCES[source]())
    epochs = [reader.epoch() for _ in range(3)]
    assert all(is_paired(samples) and len(samples.x) == TRIALS * LENGTH for samples in epochs)
    differ = not np.array_equal(epochs[0].x, epochs[1].x)
    assert differ == (source in ("shuffled", "shuffled batches", "drawn"))
    assert epochs[0].form == (TRIALS * LENGTH,) if "batches" not in source else (TRIALS, LENGTH)


@pytest.mark.parametrize("source", ["shuffled", "py_dataset"])
def test_a_model_learns_from_pairs(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[Any]] = {"train": [], "test": []}
    sequence = FORCEModel._sequence

    def spy(self: Any, kind: str, xs: Any, ys: Any, listed: Any) -> Any:
        seen.setdefault(kind, []).append(sources.Samples(xs[:, 0], None if ys is None else ys[:, 0], ()))
        return sequence(self, kind, xs, ys, listed)

    monkeypatch.setattr(FORCEModel, "_sequence", spy)
    model = FORCEModel(force_layer=esn())
    model.compile(metrics=["mae"], jit_compile=False)
    make = SOURCES[source]
    history = model.fit(make(), validation_data=make(), epochs=2, verbose=0).history
    model.evaluate(make(), verbose=0)
    assert len(seen["train"]) == 2 and len(seen["test"]) == 3 and len(history["val_mae"]) == 2
    assert all(is_paired(samples) for samples in seen["train"] + seen["test"])
    assert model.predict(make(), verbose=0).size == TRIALS * LENGTH


def test_steps_per_epoch_goes_on_behind_the_last_epoch() -> None:
    for source, starts in ((draws(count=6), [0, 2, 4]), (Batches(4), [0, 2, 0])):
        reader = Reader("Model.fit", source, steps=2)
        epochs = [reader.epoch() for _ in range(3)]
        assert all(is_paired(samples) and len(samples.x) == 2 * LENGTH for samples in epochs)
        if isinstance(source, Batches):
            assert [int(samples.x[0, 0]) for samples in epochs] == starts
    assert source.ends == 1


def test_what_does_not_end_works_with_steps_per_epoch() -> None:
    for source in (draws(count=None), from_generator(None), Batches(None), SOURCES["shuffled"]().repeat()):
        reader = Reader("Model.fit", source, steps=3)
        assert all(is_paired(samples) and len(samples.x) == 3 * LENGTH for samples in (reader.epoch(), reader.epoch()))
    model = FORCEModel(force_layer=esn())
    model.compile(metrics=["mae"], jit_compile=False)
    model.fit(draws(count=None), steps_per_epoch=3, epochs=2, verbose=0)
    assert int(model._steps_learned.numpy()) == 2 * 3 * LENGTH


@pytest.mark.parametrize(
    ("make", "options", "told"),
    [
        (lambda: SOURCES["shuffled"]().repeat(), {}, "fit.steps_per_epoch: expected a number of elements, for the source does not end.\nReceived: None\nFix: pass steps_per_epoch."),
        (lambda: Batches(None), {}, "fit.steps_per_epoch: expected a number of elements, for the source does not end."),
        (lambda: draws(count=None), {}, "fit.steps_per_epoch: expected a number of elements, for the source has not ended after 50.\nReceived: None\nFix: pass steps_per_epoch."),
        (lambda: from_generator(None), {}, "fit.steps_per_epoch: expected a number of elements, for the source has not ended after 50."),
        (lambda: draws(count=2), {"steps_per_epoch": 3}, "fit.x: expected 3 elements per epoch.\nReceived: 2\nFix: pass a smaller steps_per_epoch."),
        (lambda: iter(()), {}, "fit.x: expected a dataset with at least one element.\nReceived: 0"),
        (lambda: draws(), {"steps_per_epoch": 0}, "fit.steps_per_epoch: expected a whole number, at least 1.\nReceived: 0"),
        (lambda: iter([np.zeros((3, 1))]), {}, "fit.x: expected a source of pairs (input, target).\nReceived: 'ndarray'\nFix: zip both datasets."),
        (lambda: iter([(*trial(0), np.ones(5))]), {}, "fit.sample_weight: expected None.\nReceived: array([1., 1., 1., 1., 1.])"),
        (lambda: iter([(*trial(0), None, 1)]), {}, "fit.x: expected a source of pairs (input, target).\nReceived: '4 items'"),
        (lambda: iter([trial(0)]), {"y": np.zeros((10, 1))}, "fit.y: x gives pairs of input and target already.\nReceived: 'a target'\nFix: leave y out."),
        (lambda: iter([(trial(0)[0], trial(1)[1][:2])]), {}, "fit.y: expected as many time steps as x has (5).\nReceived: '2 time steps'"),
        (lambda: iter([trial(0), (np.zeros((5, 2)), np.zeros((5, 1)))]), {}, "fit.x: expected as many dimensions in each element.\nReceived: '1 and 2 dimensions'"),
    ],
)  # fmt: skip
def test_sources_that_cannot_work_are_refused(
    make: Any, options: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_ENDLESS", 50)
    model = FORCEModel(force_layer=esn())
    model.compile(metrics=["mae"])
    with pytest.raises((ValueError, TypeError), match=re.escape(told)):
        model.fit(make(), verbose=0, **options)
    assert not model.built


@pytest.mark.parametrize(
    "trials",
    [
        [np.zeros((3, 1)), np.zeros((4, 1))],
        np.array([np.zeros((3, 1)), np.zeros((4, 1))], dtype=object),
        tf.ragged.constant([[[0.0], [1.0]], [[0.0]]]),
    ],
    ids=["list", "objects", "ragged"],
)
def test_trials_of_unequal_length_are_refused(trials: Any) -> None:
    model = FORCEModel(force_layer=esn())
    model.compile(metrics=["mae"])
    told = r"fit\.x: expected trials of equal length\.\nReceived: 'trials of unequal length'\nFix: join them: np\.conc"
    with pytest.raises(ValueError, match=told):
        model.fit(trials, np.zeros((7, 1)), verbose=0)


def test_trials_of_unequal_length_can_come_from_a_source() -> None:
    parts = [(np.full((n, 1), n, np.float32), np.full((n, 1), -n, np.float32)) for n in (3, 4, 2)]
    samples = Reader("Model.fit", iter(parts)).epoch()
    np.testing.assert_array_equal(samples.x, -samples.y)
    assert samples.form == (9,)


@pytest.mark.parametrize("form", [(60,), (2, 30), (60, 1), (1, 60)])
def test_a_prediction_has_the_form_of_the_input(form: tuple[int, ...]) -> None:
    x = np.cos(np.arange(60.0)).reshape(*form, 1).astype(np.float32)
    model = FORCEModel(force_layer=esn(output_size=2))
    model.build((1, 1, 1))
    wanted = model.predict(x.reshape(60, 1), verbose=0)
    predicted = model.predict(x, verbose=0)
    assert predicted.shape == (*form, 2)
    np.testing.assert_array_equal(predicted.reshape(60, 2), wanted)
    np.testing.assert_array_equal(model.predict_on_batch(x), predicted)
