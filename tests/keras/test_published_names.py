"""Classes keep the names of their published modules, wherever their code lies."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim._keras_names import PUBLISHED  # noqa: E402
from tension_sim.keras_style.config import Configured  # noqa: E402
from tests.keras.networks import data  # noqa: E402
from tests.traces import DATA  # noqa: E402

SAVED = sorted(path.stem for path in (DATA / "saved_models").glob("*.keras"))
CLASSES = [(module, name) for module, names in PUBLISHED.items() for name in names]


def published(module: str) -> Any:
    return importlib.import_module(f"tension_sim.{module}")


def all_below(cls: type) -> set[type]:
    return {cls}.union(*(all_below(each) for each in cls.__subclasses__()))


@pytest.mark.parametrize("module", PUBLISHED)
def test_a_published_module_has_its_classes_and_no_other(module: str) -> None:
    assert sorted(published(module).__all__) == sorted(PUBLISHED[module])


def test_every_class_of_a_saved_model_is_published() -> None:
    for module in PUBLISHED:
        published(module)
    # an example of a docstring may have defined others, which no module has
    there = {cls for cls in all_below(Configured) if cls.__module__.startswith("tension_sim.")}
    ours = {cls for cls in there if getattr(sys.modules[cls.__module__], cls.__name__, None) is cls}
    bases = {"Configured", "EquationLayer", "RateLayer"}  # no model is made of them
    assert {cls.__name__ for cls in ours} - bases == {name for _, name in CLASSES}


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_keras_and_pickle_know_a_class_by_its_published_module(module: str, name: str) -> None:
    cls = getattr(published(module), name)
    assert cls.__module__ == f"tension_sim.{module}"
    registered = f"tension_sim.{module}>{name}"
    assert keras.saving.get_registered_name(cls) == registered
    assert keras.saving.get_registered_object(registered) is cls
    assert pickle.loads(pickle.dumps(cls)) is cls


def test_a_class_of_a_user_keeps_its_own_module() -> None:
    from tension_sim.base import FORCELayer

    LIF = type("LIF", (FORCELayer,), {"__module__": "users_module"})
    assert LIF.__module__ == "users_module"
    assert keras.saving.get_registered_name(LIF) == "users_module>LIF"


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_methods_have_no_examples_which_doctest_would_pass_over(module: str, name: str) -> None:
    # doctest finds the example of a class where it is published, and those of methods where they are written
    members = vars(getattr(published(module), name)).items()
    assert not [each for each, member in members if ">>>" in (inspect.getdoc(member) or "")]


def saved(name: str) -> Any:
    return keras.models.load_model(DATA / "saved_models" / f"{name}.keras")


def expected(name: str) -> np.ndarray:
    with np.load(DATA / "saved_models" / "expected.npz") as arrays:
        return arrays[name]


@pytest.mark.parametrize("name", SAVED)
def test_a_model_that_was_saved_before_the_classes_moved_predicts_as_then(name: str) -> None:
    model, wanted = saved(name), expected(f"{name}_predicted")
    np.testing.assert_allclose(model.predict(data()[0], verbose=0), wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())
    written = keras.saving.serialize_keras_object(model)
    module = type(model).__module__
    assert (written["module"], written["registered_name"]) == (module, f"{module}>{type(model).__name__}")


def test_each_neuron_finds_its_P_in_a_model_that_was_saved_before() -> None:
    P = np.asarray(saved("bio_force").P_GG)
    assert len({each.tobytes() for each in P}) == len(P)  # another one each: their order in the file matters
    np.testing.assert_array_equal(P, expected("bio_force_P"))
