"""The TensorFlow engine against Brian2, and against rules written out in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim import ForceNetwork, Learning, Simulation, SparseKernel, spiking  # noqa: E402
from tension_sim.keras_style.layers import spiking_layer  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tension_sim.tensorflow import partner_blocks as blocks_module  # noqa: E402
from tension_sim.tensorflow.expressions import evaluate_text  # noqa: E402
from tension_sim.tensorflow.partner_blocks import PartnerBlocks, updated_P  # noqa: E402
from tests.keras.networks import izhikevich, lif_arguments, theta  # noqa: E402

N, STEPS = 40, 200
# parameters of the file, as the layers' plain numbers; unit of voltage and of time
DECLARED = {
    "lif": ({"tau_ref": "2.5*ms", "bias": "-39*mV"}, 1e-3, 1.0),
    "izhikevich": ({}, 1e-3, 1e-3),
    "theta": ({}, 1.0, 1.0),
}


def layer_of(neuron: str, weights: list[np.ndarray], **options: Any) -> Any:
    arguments = {
        "lif": lambda: lif_arguments(),
        "izhikevich": lambda: izhikevich().get_config(),
        "theta": lambda: theta().get_config(),
    }[neuron]()
    for name in ("units", "output_size", "name", "p_recurr"):
        arguments.pop(name, None)
    arguments |= {"G": 1.0, "Q": 1.0, "dtype": "float64"} | options
    cls = {"lif": LIF, "izhikevich": spiking.Izhikevich, "theta": spiking.Theta}[neuron]
    return cls.from_weights(weights, None, **arguments)


@pytest.mark.parametrize("loop", [True, False], ids=["spike by spike", "product"])
@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("neuron", ["lif", "izhikevich", "theta"])
def test_both_engines_run_the_same_network(neuron: str, jit: bool, loop: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(spiking_layer, "_LOOP_FROM", N if loop else N + 1)
    rng = np.random.default_rng(3)
    parameters, volt, time = DECLARED[neuron]
    scale = {"lif": 0.04, "izhikevich": 5e3, "theta": 15.0}[neuron] / np.sqrt(N)
    recurrent = scale * rng.normal(size=(N, N))
    feedback = {"lif": 10.0, "izhikevich": 5e3, "theta": 1e2}[neuron] * rng.uniform(-1, 1, (2, N))
    low, high = {"lif": (-65, -38), "izhikevich": (-60, 30), "theta": (-np.pi, np.pi)}[neuron]
    voltage = rng.uniform(low, high, (1, N))
    dt = {"lif": 1e-3, "izhikevich": 0.04, "theta": 5e-4}[neuron]
    alpha = {"lif": 1e-3, "izhikevich": 2.0, "theta": 1e-3}[neuron]
    y = 0.5 * np.sin(np.arange(STEPS)[:, None] * 0.05 + np.arange(2))

    initial = {"v": voltage[0] * volt}
    if neuron == "lif":
        initial["last"] = np.zeros(N)  # the published classes start their clocks at 0
    net = ForceNetwork(
        neuron, "double_exponential", N, dt * time,
        recurrent=SparseKernel.from_dense(recurrent), feedback_kernel=feedback,
        output_kernel=np.zeros((N, 2)), input_kernel=None, parameters=parameters, initial=initial,
        learning=Learning(alpha_P=alpha),
    )  # fmt: skip
    brian = Simulation(net, target="numpy").run(y, steps=STEPS)

    kernels = [np.zeros((1, N)), recurrent, feedback, np.zeros((N, 2))]
    model = SpikingNNModel(force_layer=layer_of(neuron, kernels, initial_voltage=voltage), alpha_P=alpha)
    model.compile(metrics=["mae"], jit_compile=jit)
    model.build((1, 1, 1))
    if neuron == "lif":  # the published classes count steps from 0, Nicola & Clopath from 1
        model.force_layer.states[2].assign(np.zeros((1, N)))
    model.fit(np.zeros((STEPS, 1)), y, verbose=0)
    ours = model.results
    assert len(brian.spike_step) > 10
    np.testing.assert_array_equal(ours.spike_step, brian.spike_step)
    np.testing.assert_allclose(ours.output, brian.output, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.weights["output_kernel"], brian.weights["output_kernel"], rtol=0, atol=1e-9)


def test_a_factor_on_one_input_of_a_file_counts(tmp_path: Path) -> None:
    """Twice the feedback in the file is a feedback kernel of twice the size."""
    text = (Path(__file__).resolve().parents[2] / "equations/lif.toml").read_text()
    mine = tmp_path / "twice.toml"
    mine.write_text(text.replace("I_fb +", "2*I_fb +"))

    class Mine(LIF):
        equation_file = mine

    voltage = np.random.default_rng(0).uniform(-65, -41, (1, 20))
    outputs = []
    for cls, Q in ((Mine, 10), (LIF, 20), (LIF, 10)):
        model = SpikingNNModel(force_layer=cls(**lif_arguments(initial_voltage=voltage, Q=Q)), alpha_P=0.001)
        model.compile(metrics=["mae"], backend="tensorflow", jit_compile=False)
        model.fit(np.zeros((50, 1)), np.ones((50, 1)), verbose=0)
        outputs.append(model.results.output)
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0, atol=1e-5)
    assert np.abs(outputs[0] - outputs[2]).max() > 0.01


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-a**2 + 3*b/4 % 1", [0.25, -1.75]),
        ("int(a > 1 and not b > 2)", [0, 1]),
        ("clip(a, 0.75, 1.25) + exp(0)*floor(1.5)", [1.75, 2.25]),
        ("timestep(a, 0.25)", [2, 6]),
        ("(a == 0.5) or a >= 9", [True, False]),
        ("int(-a) + sign(-2) + erf(0)", [-1, -2]),
        ("n/4 + a*n + n % 4", [6.5, 12.5]),
        ("cube(n - 5)", [1, 1]),
    ],
)
def test_expressions_mean_what_python_means(text: str, wanted: list[float]) -> None:
    names = {"a": tf.constant([0.5, 1.5], tf.float64), "b": 2.0 / 3.0, "n": tf.constant(6, tf.int64)}
    names |= {"cube": lambda x: x**3}
    value = evaluate_text(text, names).numpy()
    np.testing.assert_allclose(value, wanted)


@pytest.mark.parametrize("text", ["__import__('os')", "v.real", "[1]", "rand()", "unknown + 1", "(lambda: 1)()"])
def test_other_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: expected (.|\n)*use a Brian2 target"):
        evaluate_text(text, {"v": tf.constant(1.0)}, "mine.toml")


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 7), st.integers(0, 2**31), st.sampled_from([1.0, 0.9]), st.booleans())
def test_blocks_are_one_p_per_neuron(units: int, seed: int, forgetting: float, in_parts: bool) -> None:
    """P of each neuron is the inverse of its partners' correlations."""
    rng = np.random.default_rng(seed)
    frozen = rng.random((units, units)) < 0.5
    alpha = 0.5
    blocks = PartnerBlocks(frozen, units)
    assert blocks.n_blocks <= units and blocks.width == max((~frozen).sum(0).max(), 1)
    from tension_sim.tensorflow.forgetting import Forgetting
    from tension_sim.tensorflow.recurrence import Recurrence

    P = Recurrence.add_weight(
        _layer(), shape=blocks.shape, dtype="float64", initializer=blocks.initializer(alpha), trainable=False
    )
    correlation = np.eye(units) / alpha
    for h in rng.normal(size=(4, units)):
        r = blocks.gather(tf.constant(h[None]))
        update = blocks._update_in_parts if in_parts else blocks.update
        k, rPr = tf.function(lambda r=r, update=update: update(P, r, Forgetting(forgetting)), autograph=False)()
        gains = blocks.per_neuron(blocks.scatter(k)).numpy()
        assert not gains[frozen.T].any()
        correlation = forgetting * correlation + np.outer(h, h)
    for neuron, full in enumerate(blocks.expand(np.asarray(P))):
        partners = np.flatnonzero(~frozen[:, neuron])
        wanted = np.zeros((units, units))
        wanted[np.ix_(partners, partners)] = np.linalg.inv(correlation[np.ix_(partners, partners)])
        np.testing.assert_allclose(full, wanted, rtol=0, atol=1e-10)


def test_what_blocks_are_padded_with_does_not_grow() -> None:
    """1 over 0.9 to the power of 1000 is more than float32 holds; P of what is there is not."""
    from tension_sim.tensorflow.forgetting import Forgetting

    frozen = ~np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]], bool)
    blocks = PartnerBlocks(frozen, 3)
    P = tf.Variable(blocks.initializer(1.0)(blocks.shape, "float32"))
    learn = tf.function(lambda r: P.assign(updated_P(P, r, Forgetting(0.9))[0]), autograph=False)
    rates = np.random.default_rng(1).normal(size=(1000, 1, 3))
    correlation = np.eye(3)
    for h in rates:
        learn(blocks.gather(tf.constant(h, tf.float32)))
        correlation = 0.9 * correlation + np.outer(h, h)
    for neuron, full in enumerate(blocks.expand(P.numpy())):
        partners = np.flatnonzero(~frozen[:, neuron])
        wanted = np.zeros((3, 3))
        wanted[np.ix_(partners, partners)] = np.linalg.inv(correlation[np.ix_(partners, partners)])
        np.testing.assert_allclose(full, wanted, rtol=0, atol=1e-3 * wanted.max())


def _layer() -> Any:
    import keras

    return keras.layers.Layer()


def test_a_large_p_is_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from tension_sim.base import FORCEModel
    from tests.keras.networks import data, nofeedback

    x, y = data()
    kernels = []
    for largest in (64_000_000, 100):
        monkeypatch.setattr(blocks_module, "_LARGE", largest)
        layer = nofeedback(p_recurr=0.5)
        model = FORCEModel(force_layer=layer)
        model.compile(metrics=["mae"])
        model.fit(x, y, verbose=0)
        assert model.prefers_graph() == (largest == 100)
        kernels.append((layer.recurrent_kernel.numpy(), np.asarray(model.P_GG)))
    for one, other in zip(*kernels, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_a_loop_over_spikes_is_the_product_of_matrices() -> None:
    layer = LIF(**lif_arguments(units=300))
    layer.build((1, 1))
    spikes = (np.random.default_rng(0).random((1, 300)) < 0.1).astype(np.float32)
    wanted = spikes @ layer.recurrent_kernel.numpy()
    for jit in (True, False):
        rows = tf.function(lambda s: layer._rows_of_spikes(s), jit_compile=jit, autograph=False)
        np.testing.assert_allclose(rows(tf.constant(spikes)), wanted, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(rows(tf.zeros((1, 300))), 0)


def test_ridge_regression_is_what_numpy_solves() -> None:
    from tension_sim.callbacks import OutputTracking
    from tension_sim.esn import ESNFORCEModel
    from tests.keras.networks import data, esn

    x, y = data(50)
    layer = esn(dtype="float64")
    model = ESNFORCEModel(force_layer=layer, n_max=20, num_skip=3, alpha_sq=0.01)
    model.compile(metrics=["mae"])
    rates = OutputTracking(50, 20, output_state_idx=1)
    model.fit(x, y, verbose=0, callbacks=[rates])
    h, target = rates.tracking_arr[23:40], y[23:40]  # the second batch, without its first three steps
    wanted = np.linalg.solve(h.T @ h + 20 * 0.01 * np.eye(20), h.T @ target)
    np.testing.assert_allclose(layer.output_kernel.numpy(), wanted, rtol=0, atol=1e-9)
    assert float(model.num_step) == 10
