"""What tells nothing of itself while it runs refuses to be watched, by its name."""

from __future__ import annotations

import brian2 as b2
import numpy as np
import pytest

from tension_sim import StopWhen, Watch
from tension_sim.brian import LinearMap, Signal, Trainer
from tension_sim.errors import UnsupportedError
from tension_sim.run.watch.plan import Plan, planned


def trainer():
    units = b2.NeuronGroup(2, "dr/dt = -r/ms : 1", method="euler")
    y = Signal([0.0])
    readout = LinearMap(units, "r", weights=np.zeros((1, 2)))
    return Trainer(b2.Network(y, units, readout), target=y, output=readout)


@pytest.mark.parametrize("verb", ["fit", "predict", "evaluate"])
def test_a_trainer_in_a_watch_is_refused_before_it_generates_anything(verb):
    one = trainer()
    given = {"fit": {"y": np.ones(3), "verbose": 0}, "predict": {"steps": 3}, "evaluate": {"y": np.ones(3)}}[verb]
    with Watch(page=False), pytest.raises(UnsupportedError) as raised:
        getattr(one, verb)(**given)
    assert str(raised.value) == (
        f"Trainer.{verb}: it tells nothing of itself while it runs.\nReceived: 'a Watch around it'\n"
        "Fix: call it outside; a callback sees each epoch, and ends the fit by stop_training = True."
    )
    assert one.results is None


def test_a_condition_around_it_is_named():
    with (
        planned(Plan(StopWhen("rate < 1*Hz"))),
        pytest.raises(UnsupportedError, match="Received: 'a condition around it'"),
    ):
        trainer().fit(y=np.ones(3))


def test_a_plan_without_anything_to_do_is_none():
    with planned(Plan()):
        trainer()._trials("predict", None, None, 3, needs_y=False)


@pytest.mark.slow
def test_a_keras_style_model_on_tensorflow_is_refused():
    pytest.importorskip("tensorflow")
    from tension_sim.base import FORCEModel
    from tension_sim.models import EchoStateNetwork

    layer = EchoStateNetwork(dtdivtau=0.1, units=3, output_size=1, activation="tanh", seed=5)
    model = FORCEModel(layer, alpha_P=1.0)
    model.compile(metrics=["mse"], backend="tensorflow")
    with Watch(page=False), pytest.raises(UnsupportedError, match=r"FORCEModel: train: it tells nothing of itself"):
        model.fit(np.ones((5, 1)), np.ones((5, 1)), epochs=1, verbose=0)
