"""Every equation file gives the same numbers on both engines: a new one is tested by being there."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.brian.integration import ExactDecay  # noqa: E402
from tension_sim.declare.equations import (  # noqa: E402
    data_folder,
    list_neurons,
    list_rate_units,
    list_synapses,
    load_neuron,
    load_synapse,
    resolve_parameters,
)
from tension_sim.errors import InvalidValueError  # noqa: E402
from tension_sim.keras_style.layers.layer_units import units_of  # noqa: E402
from tension_sim.models import EchoStateNetwork  # noqa: E402
from tension_sim.spiking import FileSpikingNN, SpikingNNModel  # noqa: E402
from tension_sim.tensorflow.step import filter_step  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

N, STEPS = 8, 50
X = 1.0 + 0.5 * np.cos(np.arange(STEPS) / 7)[:, None]
Y = 0.8 * np.sin(np.arange(STEPS) / 5)[:, None]


def test_all_files_are_here() -> None:
    files = {path.stem for path in data_folder("equations").glob("*.toml")}
    assert files == {*list_neurons(), *list_rate_units(), *list_synapses(), *list_synapses("synapse")}


def weights(drive: float, rate: float) -> list[np.ndarray]:
    """Return kernels with which each kind of input brings a current of the size of `drive`, others at each neuron."""
    rng = np.random.default_rng(7)
    return [
        drive * rng.uniform(0.2, 1.2, (1, N)),
        drive / rate * rng.normal(size=(N, N)) / np.sqrt(N),
        drive * rng.uniform(-0.5, 0.5, (1, N)),
        rng.normal(size=(N, 1)) / rate / N,
    ]


def spiking_model(name: str) -> Any:
    neuron = load_neuron(name)
    units = units_of(neuron)
    values = resolve_parameters(name, neuron.parameters, dt=1e-4)
    plain = {key: value.value / units.scale_of(value.dimension) for key, value in values.items()}
    drive = abs(plain.get("bias", 0.0)) or abs(plain.get("v_peak", 1.0) - plain.get("v_reset", 0.0))
    drive *= plain.get("g_leak", 1.0)
    dt = 0.5e-3 / units.time
    # a membrane that counts time in seconds, without a time constant, needs currents of that size
    drive *= max(1.0, 0.2 * plain.get("time_unit", 0.0) / dt / drive)
    cls = type("Own", (FileSpikingNN,), {"equation_file": name})
    layer = cls.from_weights(
        weights(drive, 0.02 / dt), None, dt=dt, tau_decay=40 * dt, tau_rise=4 * dt, tau_syn=40 * dt, G=1, Q=1, seed=3,
        dtype="float64",
    )  # fmt: skip
    return SpikingNNModel(force_layer=layer, alpha_P=dt**2)


def rate_model(name: str) -> Any:
    parameters = {"noise_std": 0.3} if "noise_std" in load_neuron(name).parameters else {}
    cls = type("Own", (EchoStateNetwork,), {"equation_file": name, "parameters": parameters})
    layer = cls.from_weights(weights(1.0, 1.0), None, dtdivtau=0.1, activation="tanh", seed=3, dtype="float64")
    return FORCEModel(force_layer=layer)


#: A rate layer says its step as a part of tau, so that it needs a file with one.
WITH_TAU = [name for name in list_rate_units() if "tau" in load_neuron(name).parameters]


@pytest.mark.parametrize("name", sorted({*list_rate_units()} - {*WITH_TAU}))
def test_rate_units_without_tau_are_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="Own.equation_file: expected a file with the parameter 'tau'"):
        rate_model(name)


@pytest.mark.parametrize("name", [*list_neurons(), *WITH_TAU])
def test_both_engines_give_the_numbers_of_the_file(name: str) -> None:
    found = []
    for engine in ({"backend": "tensorflow", "jit_compile": False}, {"backend": "brian2", "target": "numpy"}):
        model = spiking_model(name) if load_neuron(name).spiking else rate_model(name)
        model.compile(metrics=["mae"], **engine)
        model.fit(X, Y, verbose=0)
        layer, states = model.original_force_layer, [np.asarray(state) for state in model.force_layer.states]
        states += [np.asarray(value) for value in layer.further_states.values()]
        found.append((model.results, states, np.asarray(layer.output_kernel)))
    (ours, states, kernel), (brian, wanted_states, wanted_kernel) = found
    np.testing.assert_array_equal(ours.spike_step, brian.spike_step)
    np.testing.assert_array_equal(ours.spike_neuron, brian.spike_neuron)
    np.testing.assert_allclose(ours.output, brian.output, rtol=0, atol=1e-9 * np.abs(brian.output).max())
    np.testing.assert_allclose(kernel, wanted_kernel, rtol=0, atol=1e-9 * np.abs(wanted_kernel).max())
    for state, wanted in zip(states, wanted_states, strict=True):
        np.testing.assert_allclose(state, wanted, rtol=0, atol=1e-9 * max(1.0, np.abs(wanted).max()))
    # no input was silent: kernels and x are never 0, and there are spikes, rates and outputs to bring in
    assert len(ours.spike_step) >= 4 or not load_neuron(name).spiking
    assert np.abs(ours.output).max() > 0.01


@pytest.mark.parametrize("name", list_synapses())
def test_a_filter_gives_the_numbers_that_brian2_gives(name: str, numpy_target: Any) -> None:
    synapse, dt = load_synapse(name), 1e-4
    equations, spike = synapse.instance("x", "x", "1")
    names = list(synapse.named("x", "x").values())
    parameters = resolve_parameters(name, synapse.parameters, dt=dt)
    group = b2.NeuronGroup(
        3, b2.Equations(equations), method=ExactDecay(names, "euler") if synapse.exact else "euler",
        threshold="t >= 0*second", reset="\n".join(f"{v} += second*({amount})" for v, amount in spike.items()),
        namespace={key: q.value * b2.second for key, q in parameters.items()}, dt=dt * b2.second,
    )  # fmt: skip
    numpy_target.run(b2.Network(group), 20 * dt * b2.second)
    step = filter_step(synapse)
    numbers = {key: q.value for key, q in parameters.items()} | {"dt": dt}
    states = [tf.zeros((1, 3), tf.float64) for _ in step.variables]
    for _ in range(20):
        states = step(states, tf.ones((1, 3), tf.float64), numbers)
    for variable, state in zip(step.variables, states, strict=True):
        np.testing.assert_allclose(state[0], np.asarray(getattr(group, variable)), rtol=1e-12)
