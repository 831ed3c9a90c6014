"""A declared network behind the Keras verbs gives the numbers of `Simulation`, bit for bit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim import (  # noqa: E402
    ForceNetwork,
    Learning,
    Network,
    Plastic,
    Population,
    Projection,
    Readout,
    Simulation,
)
from tension_sim.callbacks import (  # noqa: E402
    EarlyStoppingByLossVal,
    OutputTracking,
    TimeHistory,
    VoltageTracking,
)
from tension_sim.errors import (  # noqa: E402
    InvalidTypeError,
    InvalidValueError,
    TensionError,
    UnknownNameError,
    UnsupportedError,
)
from tension_sim.spiking import DeclaredModel  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

STEPS = 80
T = np.arange(STEPS)[:, None] / 12
Y = np.sin(T)


def populations() -> Network:
    rng = np.random.default_rng(1)
    learning = Learning(alpha_P=0.1, update_every=2)
    return Network(
        dt="0.5*ms",
        populations={"exc": Population("lif", 20), "inh": Population("lif", 6)},
        projections=[
            Projection("exc", "inh", weights=abs(rng.normal(size=(20, 6))), sign=1, delay="1*ms"),
            Projection("exc", "exc", weights=rng.normal(size=(20, 20)), learning=learning, error="unit*(a - y)"),
        ],
        readouts={
            "a": Readout(["exc", "inh"], np.zeros((26, 1)), learning=learning, feedback={"exc": "9*mV*(2*rand() - 1)"}),
            "b": Readout("inh", np.zeros((6, 2)), learning=Learning(alpha_P=0.5, start=20)),
        },
    )


def rates(**more: Any) -> ForceNetwork:
    rng = np.random.default_rng(2)
    options: dict[str, Any] = {"learning": Learning(alpha_P=1.0)} | more
    return ForceNetwork(
        "echo_state", None, 30, "1*ms", None, rng.uniform(-1, 1, (1, 30)), np.zeros((30, 1)),
        rng.uniform(-1, 1, (2, 30)), **options,
    )  # fmt: skip


def compiled(network: Network | ForceNetwork, target: str = "numpy") -> DeclaredModel:
    model = DeclaredModel(network)
    model.compile(metrics=["mae"], target=target)
    return model


@pytest.fixture(scope="module")
def trained() -> tuple[DeclaredModel, np.ndarray]:
    """Return a rate network that learned for an epoch, and its input."""
    model = compiled(rates())
    x = np.cos(T + [0.0, 1.0])
    model.fit(x, Y, verbose=0)
    return model, x


def same_as_simulation(target: str) -> None:
    net = populations()
    model, simulation = compiled(net, target), Simulation(net, target=target)
    y = {"b": np.cos(T + [0.0, 1.0]), "a": Y}
    model.fit(y=y, epochs=2, verbose=0)
    rows = np.concatenate([y["a"], y["b"]], axis=1)
    wanted = simulation.run(rows, state=simulation.run(rows).state)
    np.testing.assert_array_equal(model.results.output, wanted.output)
    np.testing.assert_array_equal(model.results.spike_step, wanted.spike_step)
    assert len(wanted.spike_step) > 50
    for name, weights in wanted.weights.items():
        np.testing.assert_array_equal(np.asarray(model.kernels[name]), weights)
        assert np.any(weights)
    assert model.results.phases == wanted.phases
    free = simulation.run(steps=30, state=wanted.state, learning=False)
    for _ in range(2):  # the states are left as they were
        found = model.predict(steps=30, verbose=0)
        assert list(found) == ["a", "b"]
        np.testing.assert_array_equal(np.concatenate(list(found.values()), axis=1), free.output)


def test_populations_give_the_numbers_of_a_simulation() -> None:
    same_as_simulation("numpy")


@pytest.mark.slow
def test_populations_give_the_numbers_of_a_simulation_in_cpp() -> None:
    same_as_simulation("cpp_standalone")


def test_inputs_and_trials_of_a_force_network(trained: tuple[DeclaredModel, np.ndarray]) -> None:
    model, x = trained
    simulation = Simulation(rates(), target="numpy")
    wanted = simulation.run(Y, x)
    np.testing.assert_array_equal(np.asarray(model.kernels["output_kernel"]), wanted.weights["output_kernel"])
    trials = model.predict(x.reshape(2, STEPS // 2, 2), verbose=0)
    free = simulation.run(x=x, state=wanted.state, learning=False, steps=STEPS)
    np.testing.assert_array_equal(trials, free.output.reshape(2, STEPS // 2, 1))
    assert model.learned_network.output_kernel is not None
    np.testing.assert_array_equal(model.learned_network.output_kernel, wanted.weights["output_kernel"])


def test_named_inputs_are_columns_in_their_order() -> None:
    rng = np.random.default_rng(3)
    net = Network(
        dt="1*ms",
        populations={"a": Population("echo_state", 10), "b": Population("echo_state", 5)},
        external_inputs={"cue": 1, "context": 2},
        projections=[
            Projection("cue", "a", weights=rng.normal(size=(1, 10)), into="I_in"),
            Projection("context", "b", weights=rng.normal(size=(2, 5)), into="I_in"),
            Projection("b", "a", weights=rng.normal(size=(5, 10)), into="I_rec"),
        ],
        readouts={"z": Readout("a", np.zeros((10, 1)), learning=Learning(alpha_P=1.0))},
        outputs={"rate": "b.r"},
    )
    model = compiled(net)
    x = {"context": np.cos(T + [0.0, 1.0]), "cue": Y}
    model.fit(x, {"z": Y, "rate": np.zeros((STEPS, 5))}, verbose=0)
    rows = np.concatenate([Y, x["context"]], axis=1)
    wanted = Simulation(net, target="numpy").run(np.concatenate([Y, np.zeros((STEPS, 5))], axis=1), rows)
    np.testing.assert_array_equal(model.results.output, wanted.output)
    found = model.predict(rows, verbose=0)
    assert {name: values.shape for name, values in found.items()} == {"z": (STEPS, 1), "rate": (STEPS, 5)}
    with pytest.raises(UnknownNameError, match="did you mean 'cue'"):
        model.predict({"cu": Y, "context": x["context"]})


def test_rates_of_poisson_units_are_inputs() -> None:
    """As columns after the external inputs, or by the names of populations: the numbers of `Simulation`."""
    learning = Learning(alpha_P=0.01, update_every=2)
    network = Network(
        dt="0.5*ms",
        external_inputs={"cue": 1},
        populations={
            "few": Population("poisson", 2),
            "cells": Population("lif", 12),
            "many": Population("poisson", 12),
        },
        projections=[
            Projection("few", "cells", synapse="delta", weights=np.full((2, 12), 4.0)),
            Projection("many", "cells", synapse="delta", weights=9 * np.eye(12)),
            Projection("cue", "cells", into="I_in", weights=np.ones((1, 12))),
        ],
        readouts={"z": Readout("cells", np.zeros((12, 1)), learning=learning)},
    )
    cue, rates = np.cos(T), np.linspace(50, 400, STEPS * 14).reshape(STEPS, 14)
    wanted = Simulation(network, target="numpy").run(Y, cue, rates=rates)
    assert np.abs(wanted.weights["z"]).max() > 1e-3
    for x in (np.concatenate([cue, rates], axis=1), {"cue": cue, "many": rates[:, 2:], "few": rates[:, :2]}):
        model = compiled(network)
        model.fit(x, Y, epochs=1, verbose=0)
        assert np.array_equal(np.asarray(model.kernels["z"]), wanted.weights["z"])
        assert model.predict(x, verbose=0).shape == (STEPS, 1)
        assert model.force_layer.names[1] == "cells.v"
    with pytest.raises(InvalidValueError, match=r"expected an array for each input \(cue, few, many\)"):
        model.fit({"cue": cue, "few": rates[:, :2]}, Y, verbose=0)


def test_fit_learns_and_a_frozen_model_does_not() -> None:
    model = compiled(rates())
    x = np.cos(T + [0.0, 1.0])
    before = model.evaluate(x, Y, verbose=0, return_dict=True)
    model.trainable = False
    model.fit(x, Y, verbose=0)
    np.testing.assert_array_equal(np.asarray(model.kernels["output_kernel"]), 0)
    model.trainable = True
    history = model.fit(x, Y, epochs=3, validation_data=(x, Y), verbose=0).history
    assert history["mae"][-1] < 0.1 * before["mae"]
    assert history["val_loss"][-1] < 0.2 * before["loss"]
    assert sorted(history) == ["mae", "val_loss", "val_mae"]


def test_plastic_weights_are_those_of_a_simulation() -> None:
    plastic = Plastic(np.zeros((30, 30)), Learning(alpha_P=1.0), error="output")
    net = rates(learning=None, plastic=plastic)
    model = compiled(net)
    x = np.cos(T + [0.0, 1.0])
    model.fit(x, Y, verbose=0)
    wanted = Simulation(net, target="numpy").run(Y, x)
    np.testing.assert_array_equal(np.asarray(model.kernels["recurrent_kernel"]), wanted.weights["recurrent_kernel"])
    assert [variable.name for variable in model.trainable_variables] == ["recurrent_kernel"]


def test_a_file_goes_on_bit_for_bit(trained: tuple[DeclaredModel, np.ndarray], tmp_path: Path) -> None:
    model, x = trained
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is DeclaredModel
    other = compiled(rates())
    other.load_weights(tmp_path / "model.weights.h5")
    outputs = []
    for each in (model, again, other):
        kept = each.force_layer.snapshot(), each.exact_state.copy(), each.get_weights()
        each.fit(x, Y, verbose=0)
        outputs.append(each.results.output)
        each.set_weights(kept[2])
        each.force_layer.restore(kept[0])
        object.__setattr__(each, "exact_state", kept[1])
    np.testing.assert_array_equal(outputs[1], outputs[0])
    np.testing.assert_array_equal(outputs[2], outputs[0])
    assert again.results.first_step == STEPS
    small = DeclaredModel(ForceNetwork.random("lif", n=5, seed=1))
    with pytest.raises(ValueError, match=r"load_weights: expected weights.output_kernel of shape \(5, 1\)"):
        small.load_weights(tmp_path / "model.weights.h5")
    with pytest.raises(UnsupportedError, match=re.escape("DeclaredModel.save.filepath: expected a file that ends")):
        model.save(tmp_path / "model.h5")


def test_callbacks_see_each_step_and_stop(trained: tuple[DeclaredModel, np.ndarray]) -> None:
    model, x = trained
    output, voltage, times = OutputTracking(STEPS, 1), VoltageTracking(STEPS, 4), TimeHistory()
    stop = EarlyStoppingByLossVal(monitor="val_loss", value=1e9)
    history = model.fit(x, Y, epochs=9, validation_data=(x, Y), verbose=0, callbacks=[output, voltage, times, stop])
    assert len(history.history["mae"]) == len(times.times) == 1
    np.testing.assert_array_equal(output.tracking_arr, model.results.output)
    assert model.force_layer.names == ("step", "a", "r", "output")
    np.testing.assert_array_equal(voltage.tracking_arr[-1], np.asarray(model.force_layer.states[1])[0, :4])
    assert len(model.results.output) == STEPS


def test_early_stopping_restores_the_best_weights(trained: tuple[DeclaredModel, np.ndarray]) -> None:
    model, x = trained
    seen: list[np.ndarray] = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(np.asarray(model.kernels["output_kernel"]).copy())
    )
    best = keras.callbacks.EarlyStopping(monitor="mae", mode="max", patience=1, restore_best_weights=True)
    history = model.fit(x, Y, epochs=6, verbose=0, callbacks=[keep, best]).history["mae"]
    np.testing.assert_array_equal(np.asarray(model.kernels["output_kernel"]), seen[int(np.argmax(history))])
    restored = model.learned_network
    wanted = Simulation(restored, target="numpy").run(
        x=x, state=model.force_layer.state, learning=False, steps=STEPS
    )  # fmt: skip
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted.output)


def test_reset_states_start_again_with_what_was_learned(trained: tuple[DeclaredModel, np.ndarray]) -> None:
    model, x = trained
    step = int(np.asarray(model.force_layer.states[0])[0, 0])
    model.reset_states()
    assert int(np.asarray(model.force_layer.states[0])[0, 0]) == step
    fresh = Simulation(model.learned_network, target="numpy").run(x=x, learning=False, steps=STEPS)
    np.testing.assert_array_equal(model.predict(x, verbose=0), fresh.output)


MISTAKES: dict[str, tuple[Any, type[TensionError], str]] = {
    "no network": (
        lambda m, p: DeclaredModel("lif"),
        InvalidTypeError,
        "DeclaredModel.network: expected a Network or ForceNetwork. Received: 'lif'",
    ),
    "no readout": (
        lambda m, p: DeclaredModel(Network(populations={"a": Population("lif", 2)})),
        InvalidValueError,
        "DeclaredModel.network: expected a network with outputs.",
    ),
    "another engine": (
        lambda m, p: m.compile(backend="tensorflow"),
        InvalidValueError,
        "DeclaredModel.compile.backend: expected 'brian2' or None. Received: 'tensorflow'",
    ),
    "eager": (
        lambda m, p: m.compile(run_eagerly=True),
        InvalidValueError,
        "DeclaredModel.compile.jit_compile: expected 'auto': Brian2 compiles by itself. Received: False",
    ),
    "unknown target": (
        lambda m, p: m.compile(target="nump"),
        UnknownNameError,
        "did you mean 'numpy'?",
    ),
    "optimizer": (
        lambda m, p: m.compile(optimizer="adam"),
        InvalidTypeError,
        "DeclaredModel.compile.optimizer: recursive least squares has no optimizer.",
    ),
    "no target": (
        lambda m, p: m.fit(np.zeros((3, 2))),
        InvalidTypeError,
        "DeclaredModel.fit.y: expected an array of shape (timesteps, dimensions). Received: None",
    ),
    "width of y": (
        lambda m, p: m.fit(np.zeros((3, 2)), np.zeros((3, 2))),
        InvalidValueError,
        "DeclaredModel.fit.y: expected 1 value(s) at each time step (columns of all outputs). Received: (3, 1, 2)",
    ),
    "width of x": (
        lambda m, p: m.fit(np.zeros((3, 1)), np.zeros((3, 1))),
        InvalidValueError,
        "DeclaredModel.fit.x: expected 2 values at each time step (input). Received: (3, 1, 1)",
    ),
    "named inputs": (
        lambda m, p: m.predict({"x": np.zeros((3, 2))}),
        InvalidTypeError,
        "DeclaredModel.predict.x: expected an array: the network has no inputs with names. Received: ['x']",
    ),
    "not finite": (
        lambda m, p: m.fit(np.full((3, 2), np.nan), np.zeros((3, 1))),
        InvalidValueError,
        "DeclaredModel.fit.x: expected finite",
    ),
    "input of a network without": (
        lambda m, p: p.fit(np.zeros((3, 1)), np.zeros((3, 3))),
        InvalidValueError,
        "DeclaredModel.fit.x: the network has no inputs. Received: (3, 1) Fix: pass x=None",
    ),
    "no length": (
        lambda m, p: p.predict(),
        InvalidValueError,
        "DeclaredModel.predict.steps: expected the number of time steps, for the network has no inputs.",
    ),
    "no target of a network without inputs": (
        lambda m, p: p.fit(),
        InvalidTypeError,
        "DeclaredModel.fit.y: expected an array of shape (timesteps, dimensions). Received: None",
    ),
    "evaluate without target": (
        lambda m, p: p.evaluate(),
        InvalidTypeError,
        "DeclaredModel.evaluate.y: expected an array of shape (timesteps, dimensions). Received: None",
    ),
    "unknown readout": (
        lambda m, p: p.fit(y={"a": np.zeros((3, 1)), "bb": np.zeros((3, 2))}),
        UnknownNameError,
        "DeclaredModel.fit.y: expected a known output (a, b). Received: 'bb' Fix: did you mean 'b'?",
    ),
    "missing readout": (
        lambda m, p: p.fit(y={"a": np.zeros((3, 1))}),
        InvalidValueError,
        "DeclaredModel.fit.y: expected an array for each output (a, b). Received: ['a'] Fix: add 'b'",
    ),
    "readout's width": (
        lambda m, p: p.fit(y={"a": np.zeros((3, 2)), "b": np.zeros((3, 2))}),
        InvalidValueError,
        "DeclaredModel.fit.y['a']: expected 1 value(s) at each time step. Received: (3, 2)",
    ),
    "readouts' lengths": (
        lambda m, p: p.fit(y={"a": np.zeros((3, 1)), "b": np.zeros((4, 2))}),
        InvalidValueError,
        "DeclaredModel.fit.y['b']: expected as many trials and time steps as the others have, (3,). Received: (4,)",
    ),
    "call": (
        lambda m, p: m.call(np.zeros((1, 3, 2))),
        UnsupportedError,
        "DeclaredModel.call: expected compile, fit, evaluate or predict. Received: 'a call'",
    ),
    "not compiled": (
        lambda m, p: DeclaredModel(p.network).fit(y=np.zeros((3, 3))),
        InvalidValueError,
        "DeclaredModel.fit: expected a compiled model.",
    ),
    "nothing ran": (
        lambda m, p: DeclaredModel(p.network).results,
        InvalidValueError,
        "DeclaredModel.results: expected a model that has run. Received: 'no run'",
    ),
    "export": (
        lambda m, p: m.export("net"),
        UnsupportedError,
        "DeclaredModel.export: expected a file for this package: a run of a network is no function of tensors. "
        "Received: 'net' Fix: save(\"net.keras\").",
    ),
    "quantize": (
        lambda m, p: m.quantize("int8"),
        UnsupportedError,
        "DeclaredModel.quantize: expected no quantize: recursive least squares needs float32 at least.",
    ),
    "batches": (
        lambda m, p: m.fit(np.zeros((3, 2)), np.zeros((3, 1)), batch_size=2),
        InvalidValueError,
        "DeclaredModel.fit.batch_size: expected None or 1. Received: 2",
    ),
}


@pytest.fixture(scope="module")
def no_inputs() -> DeclaredModel:
    return compiled(populations())


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str, trained: tuple[DeclaredModel, np.ndarray], no_inputs: DeclaredModel) -> None:
    wrong, kind, text = MISTAKES[name]
    with pytest.raises(kind) as caught:
        wrong(trained[0], no_inputs)
    assert text in " ".join(str(caught.value).split())
