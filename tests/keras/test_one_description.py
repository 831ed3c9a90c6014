"""A user's equation files with unusual features give equal numbers on both engines, in layers and in networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim import ForceNetwork, Learning, Plastic, Simulation, SparseKernel  # noqa: E402
from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.errors import InvalidValueError  # noqa: E402
from tension_sim.spiking import SpikingNNModel  # noqa: E402
from tests.keras import own_files as own  # noqa: E402
from tests.keras.networks import data  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

#: Beside float64's rounding only the order of sums differs.
TOLERANCE = 1e-9

# noise, time, a variable kept over the step, a clipped subexpression, a shared one, conditions, another method
SPIKING = own.SPIKING.replace(
    "ds/dt = -s/tau_s : volt",
    """ds/dt = -s/tau_s + 0.1*mV*gust/tau_s : volt
gust = standard_normal(noise_seed, t_in_timesteps, i) : 1 (constant over dt)
swing = sin(2*pi*40*Hz*t) : 1 (shared)
counted : integer
quick = counted % 2 == 1 : boolean""",
).replace("+ bias - u", "+ bias*(1 + 0.1*swing) + clip(s, 0*mV, 0.5*mV)*int(quick) - u")
SPIKING = SPIKING.replace("s += jump", "s += jump*(1 + erf(u/mV))\ncounted += 1").replace(
    '"euler"', '"exponential_euler"'
)
SPIKING = SPIKING.replace("method =", 'refractory = "1.2*ms + 0.5*ms*(i % 3)"\nmethod =')
RATE = (
    own.RATE.replace("- w)/tau :", "- w + 0.2*gust)/tau :")
    .replace("dw/dt", "gust = standard_normal(noise_seed, t_in_timesteps, i) : 1 (constant over dt)\ndw/dt")
    .replace("0.4*a - w", "0.4*a*(1 + 0.5*cos(2*pi*20*Hz*t)) - w")
    .replace('method = "euler"', 'method = "rk2"')
)


def trained(model: Any, x: np.ndarray, y: np.ndarray, **engine: Any) -> dict[str, np.ndarray]:
    """Train in two runs, and return all that a run leaves."""
    model.compile(metrics=["mae"], **engine)
    outputs = []
    for part in (slice(0, 27), slice(27, None)):
        model.fit(x[part], y[part], verbose=0)
        outputs.append(model.results.output)
    reached = own.Truth(model)
    found = {"output": np.concatenate(outputs), "W": reached.W, "J": reached.J, "P": np.array(model.readout_P)}
    found |= {f"state {i}": value for i, value in enumerate(reached.states)} | reached.further
    return found


@pytest.mark.parametrize("kind", [pytest.param("spiking", marks=pytest.mark.slow), "rate"])
def test_a_layer_gives_equal_numbers_on_both_engines(kind: str, tmp_path: Path) -> None:
    x, y = (array.astype(float) for array in data(60))
    found = []
    for engine in ({"backend": "tensorflow", "jit_compile": False}, {"backend": "brian2", "target": "numpy"}):
        if kind == "spiking":
            model = SpikingNNModel(force_layer=own.spiking_layer(tmp_path, text=SPIKING), alpha_P=10.0)
        else:
            model = FORCEModel(force_layer=own.rate_layer(tmp_path, text=RATE, recurrent_kernel_trainable=True))
        found.append(trained(model, 4 * x, y, **engine))
    ours, wanted = found
    assert ours.keys() == wanted.keys()
    assert kind == "rate" or wanted["counted"].sum() > 15  # spikes
    for name, values in wanted.items():
        bound = TOLERANCE * max(1, np.abs(values).max())
        np.testing.assert_allclose(ours[name], values, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("kind", ["spiking", pytest.param("rate", marks=pytest.mark.slow)])
def test_a_declared_network_gives_equal_numbers_on_both_engines(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "unusual.toml"
    file.write_text(SPIKING if kind == "spiking" else RATE)
    n, rng = 15, np.random.default_rng(2)
    J = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.4)
    rule = Learning(alpha_P=0.5, update_every=2, probability=0.8)
    synapse, scale = ("double_exponential", 1.5) if kind == "spiking" else (None, 0.3)
    network = ForceNetwork(
        file, synapse, n, 5e-4, SparseKernel.from_dense(scale * J), rng.standard_normal((1, n)), np.zeros((n, 1)),
        4 * rng.standard_normal((1, n)), learning=rule, seed=6,
        plastic=Plastic(SparseKernel.from_dense(np.where(J, 0.01, 0.0)), rule, error="output"),
    )  # fmt: skip
    x, y = (array.astype(float) for array in data(100))
    ours, wanted = (Simulation(network, target=target).run(y, 4 * x, trial=1) for target in ("tensorflow", "numpy"))
    assert kind == "rate" or len(wanted.spike_step) > n
    assert np.array_equal(ours.spike_step, wanted.spike_step)
    assert ours.state.keys() == wanted.state.keys()
    for name, values in wanted.state.items():
        values = np.asarray(values, float)
        bound = TOLERANCE * max(1, np.abs(values).max(initial=0))
        np.testing.assert_allclose(np.asarray(ours.state[name], float), values, rtol=0, atol=bound, err_msg=name)
    for name, kernel in wanted.weights.items():
        assert np.abs(kernel).max() > 0
        np.testing.assert_allclose(ours.weights[name], kernel, rtol=0, atol=TOLERANCE, err_msg=name)


def test_what_is_constant_over_dt_may_not_use_an_input_on_tensorflow(tmp_path: Path) -> None:
    text = own.RATE.replace("dw/dt", "before = I_in : 1 (constant over dt)\ndw/dt").replace("0.4*a", "before*a")
    with pytest.raises(
        InvalidValueError, match="own_rate.toml: before: expected no input in what is .constant over dt."
    ):
        own.rate_layer(tmp_path, text=text).rate_of(tf.zeros([1, own.UNITS], tf.float64))
