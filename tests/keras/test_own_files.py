"""Layers of equation files that are not built in: every engine, beside plain loops in numpy."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402
from targets import skip_unless_here  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.models import FullFORCEModel  # noqa: E402
from tension_sim.spiking import SpikingNNModel  # noqa: E402
from tests.keras import own_files as own  # noqa: E402
from tests.keras.networks import data  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

STEPS = 60
ENGINES = {
    "xla": {"backend": "tensorflow", "jit_compile": True},
    "graph": {"backend": "tensorflow", "jit_compile": False},
    "numpy": {"backend": "brian2", "target": "numpy"},
    "cpp_standalone": {"backend": "brian2", "target": "cpp_standalone"},
}
engines = pytest.mark.parametrize(
    "engine", ["graph", "numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("xla", "cpp_standalone"))]
)


def built(model: Any, engine: str, x: np.ndarray, y: np.ndarray) -> own.Truth:
    """Compile and build a model; return it as it is then."""
    if "target" in ENGINES[engine]:
        skip_unless_here(ENGINES[engine]["target"])
    model.compile(metrics=["mae"], **ENGINES[engine])
    model.build(model._input_shape(x[:, None], y[:, None]))
    return own.Truth(model)


def train(model: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Train a model in two parts: the second goes on where the first ended."""
    for part in (slice(0, 25), slice(25, None)):
        model.fit(x[part], y[part], verbose=0)


def assert_reached(model: Any, truth: own.Truth, outputs: np.ndarray, tolerance: float = 1e-9) -> None:
    """The model has the kernels, P and states of a truth, and the outputs of its last 35 steps."""
    now = own.Truth(model)
    np.testing.assert_allclose(model.results.output, outputs[25:], rtol=0, atol=tolerance)
    for name in ("J", "W"):
        found, wanted = getattr(now, name), getattr(truth, name)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * max(1, np.abs(wanted).max()), err_msg=name)
    states = {str(i): pair for i, pair in enumerate(zip(now.states, truth.states, strict=True))}
    states |= {name: (now.further[name], value) for name, value in truth.further.items()}
    for name, (found, wanted) in states.items():
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * max(1, np.abs(wanted).max()), err_msg=name)
    np.testing.assert_allclose(model.readout_P, truth.P, rtol=0, atol=tolerance)


@engines
@pytest.mark.parametrize("base", ["EchoStateNetwork", "NoFeedbackESN"])
def test_rate_units_of_a_file_learn_as_a_plain_loop_does(base: str, engine: str, tmp_path: Path) -> None:
    x, y = (array.astype(float) for array in data(STEPS))
    model = FORCEModel(force_layer=own.rate_layer(tmp_path, base, recurrent_kernel_trainable=True))
    truth = built(model, engine, x, y)
    assert np.abs(truth.further["w"]).max() > 0
    train(model, x, y)
    assert_reached(model, truth, own.force(truth, x, y, recurrent=True))


@engines
def test_rate_units_of_a_file_learn_by_full_force_as_a_plain_loop_does(engine: str, tmp_path: Path) -> None:
    x, y = (array.astype(float) for array in data(STEPS))
    x = np.concatenate([x, 0.3 * np.sin(x)], axis=1)
    model = FullFORCEModel(
        force_layer=own.rate_layer(tmp_path, "NoFeedbackESN"), hint_dim=1, target_output_kernel_trainable=False
    )
    truth = built(model, engine, x, y)
    outputs = own.full_force(truth, model.target_network, x, y)
    train(model, x, y)
    assert_reached(model, truth, outputs)


@engines
def test_spiking_neurons_of_a_file_learn_as_a_plain_loop_does(engine: str, tmp_path: Path) -> None:
    x, y = (array.astype(float) for array in data(STEPS))
    model = SpikingNNModel(force_layer=own.spiking_layer(tmp_path), alpha_P=10.0)
    truth = built(model, engine, 4 * x, y)
    outputs, spikes = own.spiking_force(truth, 4 * x, y)
    train(model, 4 * x, y)
    assert spikes > 20
    assert_reached(model, truth, outputs)


def with_clause(clause: str) -> str:
    """Return the file of spiking neurons, with a refractory clause."""
    text = own.SPIKING.replace("/tau_mem : volt", "/tau_mem : volt (unless refractory)")
    return text.replace("method =", f'refractory = "{clause}"\nmethod =')


@pytest.mark.parametrize(
    ("clause", "dtype"),
    [
        ("3.3*ms", "float64"),
        ("v > -66*mV and u > 0.5*mV", "float64"),
        pytest.param("2*ms + abs(u)*ms/mV", "float64", marks=pytest.mark.slow),
        pytest.param("3.3*ms", "float32", marks=pytest.mark.slow),
    ],
)
def test_refractory_neurons_rest_alike_on_both_engines(clause: str, dtype: str, tmp_path: Path) -> None:
    """Over several runs: the clock of a layer is its own, and so is the time of the last spike."""
    x, y = (array.astype(float) for array in data(120))
    text, found = with_clause(clause), []
    for engine in ("graph", "numpy"):
        model = SpikingNNModel(force_layer=own.spiking_layer(tmp_path, text=text, dtype=dtype), alpha_P=10.0)
        model.compile(metrics=["mae"], **ENGINES[engine])
        spikes = []
        for part in (slice(0, 50), slice(50, 83), slice(83, 120)):
            model.fit(4 * x[part], y[part], verbose=0)
            spikes += zip(model.results.spike_step.tolist(), model.results.spike_neuron.tolist(), strict=True)
        layer = model.original_force_layer
        assert {"lastspike", "not_refractory"} <= {*layer.further_states}
        assert layer.auxiliary == "u"
        found.append((spikes, own.Truth(model), model.results.output))
    (spikes, ours, output), (wanted, theirs, wanted_output) = found
    assert spikes == wanted
    assert len(spikes) > 25
    tolerance = {"float64": 1e-9, "float32": 1e-4}[dtype]
    np.testing.assert_allclose(output, wanted_output, rtol=0, atol=tolerance)
    for name, value in theirs.further.items():
        np.testing.assert_allclose(ours.further[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def test_conditions_are_states_on_both_engines(tmp_path: Path) -> None:
    """A boolean variable of a file, without a clause."""
    x, y = (array.astype(float) for array in data(60))
    text = own.SPIKING.replace("du/dt", "odd : boolean\ndu/dt").replace("- u - s)", "- u*int(odd) - s)")
    text = text.replace("s += jump", "s += jump\nodd = not odd")
    found = []
    for engine in ("graph", "numpy"):
        model = SpikingNNModel(force_layer=own.spiking_layer(tmp_path, text=text), alpha_P=10.0)
        model.compile(metrics=["mae"], **ENGINES[engine])
        model.fit(4 * x, y, verbose=0)
        found.append((model.results, own.Truth(model)))
    (ours, mine), (brian, theirs) = found
    assert np.array_equal(ours.spike_step, brian.spike_step)
    assert 0 < np.mean(theirs.states[2]) < 1  # the first variable beside the membrane
    np.testing.assert_array_equal(mine.states[2], theirs.states[2])
    np.testing.assert_allclose(ours.output, brian.output, rtol=0, atol=1e-9)


def states_of(layer: Any) -> np.ndarray:
    """Return the states of a layer that runs by itself on TensorFlow, 25 steps, with every input."""
    states = [tf.convert_to_tensor(state) for state in layer.get_initial_state(batch_size=1)]
    for x in data(25)[0]:
        _, states = layer.call(tf.constant(4.0 * x[None], tf.float64), states)
    return np.concatenate([np.asarray(state) for state in states], axis=None)


RATE_TERMS = {
    "0.7*I_rec": "0.75*I_rec",
    "2*tanh(I_fb)": "2.1*tanh(I_fb)",
    "I_in*abs(I_in)": "I_in",
    "1.1*a": "a",
    "- w)/tau :": "- 0.9*w)/tau :",
    "0.4*a": "0.5*a",
    "(0.4*a - w)": "(0.4*a - w**2)",
    "gain*a": "gain*gain*a",
    "0.3*w": "0.2*w",
    "activation(gain": "0.9*activation(gain",
    'tau = "20*ms"': 'tau = "30*ms"',
    'w = "0.1*randn()"': 'w = "0.2*randn()"',
}
SPIKING_TERMS = {
    "0.8*I_rec": "0.7*I_rec",
    "2*I_fb": "2.1*I_fb",
    "tanh(I_in/(10*mV))": "tanh(I_in/(11*mV))",
    "v_rest - v +": "v_rest - 0.9*v +",
    "+ bias": "+ 1.1*bias",
    "- u - s)": "- 2*u - s)",
    "- s)/tau_mem": "- 2*s)/tau_mem",
    "0.1*(v - v_rest)": "0.2*(v - v_rest)",
    "-s/tau_s": "-2*s/tau_s",
    "0.05*I_rec > v_peak": "0.5*I_rec > v_peak",
    "v_reset + 0.1*u": "v_reset",
    "u += 1*mV": "u += 2*mV",
    "s += jump": "s += 2*jump",
    'v_rest = "-65*mV"': 'v_rest = "-66*mV"',
    'tau_u = "30*ms"': 'tau_u = "20*ms"',
    's = "0.2*rand()*mV"': 's = "0.3*rand()*mV"',
}


MAKERS = {"rate": (own.RATE, own.rate_layer), "spiking": (own.SPIKING, own.spiking_layer)}


def states_with(kind: str, text: str, folder: Path) -> np.ndarray:
    """Return the states of a layer of a file's text, with feedback."""
    layer = MAKERS[kind][1](folder, text=text)
    layer.build((1, 1))
    layer.output_kernel.assign(np.random.default_rng(1).normal(size=(own.UNITS, 1)))
    return states_of(layer)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives the states with a file as it stands: each is worked out once."""
    return cache(lambda kind: states_with(kind, MAKERS[kind][0], tmp_path_factory.mktemp(kind)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [("rate", *pair) for pair in RATE_TERMS.items()] + [("spiking", *pair) for pair in SPIKING_TERMS.items()],
)
def test_each_term_of_a_file_counts(kind: str, old: str, new: str, unchanged: Any, tmp_path: Path) -> None:
    """TensorFlow's numbers change with every single term of the file."""
    text = MAKERS[kind][0]
    assert text.count(old) == 1
    assert np.abs(states_with(kind, text.replace(old, new), tmp_path) - unchanged(kind)).max() > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_file_gives_the_same_states(kind: str, unchanged: Any, tmp_path: Path) -> None:
    """What differs above is the file."""
    np.testing.assert_array_equal(states_with(kind, MAKERS[kind][0], tmp_path), unchanged(kind))


@pytest.mark.parametrize("kind", ["rate", "spiking", "refractory"])
def test_a_model_of_a_file_is_saved_and_goes_on(kind: str, tmp_path: Path) -> None:
    x, y = data(20)
    if kind == "rate":
        model = FORCEModel(force_layer=own.rate_layer(tmp_path, seed=None))
    else:
        text = own.SPIKING if kind == "spiking" else with_clause("v > -66*mV")
        model = SpikingNNModel(force_layer=own.spiking_layer(tmp_path, text=text, seed=None), alpha_P=10.0)
    model.compile(metrics=["mae"], backend="tensorflow", jit_compile=False)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    further = [m.original_force_layer.further_states for m in (model, again)]
    for name, value in further[0].items():
        np.testing.assert_array_equal(further[1][name], value)
        assert np.abs(value).max() > 0
    for each in (model, again):
        each.fit(x, y, verbose=0)
    np.testing.assert_array_equal(again.results.output, model.results.output)


def test_reset_states_sets_all_states_of_the_file(tmp_path: Path) -> None:
    x, y = data(5)
    model = FORCEModel(force_layer=own.rate_layer(tmp_path))
    model.compile(metrics=["mae"], backend="tensorflow", jit_compile=False)
    model.fit(x, y, verbose=0)
    layer = model.original_force_layer
    reached = np.asarray(layer.further_states["w"]).copy()
    model.evaluate(x, y, verbose=0)  # puts back all states
    np.testing.assert_array_equal(layer.further_states["w"], reached)
    model.force_layer.reset_states()
    assert np.abs(np.asarray(layer.further_states["w"]) - reached).min() > 0
