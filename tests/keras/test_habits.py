"""Habits of Keras users, beside fit and predict: freezing, sharing, debugging, loading."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.constrained import BioFORCEModel  # noqa: E402
from tension_sim.errors import InvalidValueError  # noqa: E402
from tension_sim.esn import ESNFORCEModel  # noqa: E402
from tension_sim.models import FullFORCEModel, OptimizedFORCEModel  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tests.keras.networks import ENGINES, compiled, constrained, data, each_engine, esn, lif_arguments, nofeedback  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


# -- states


@each_engine
def test_states_are_reset_to_zeros_or_to_given_ones(engine: dict[str, Any]) -> None:
    x, y = data(20)
    model = compiled(FORCEModel(force_layer=esn(dtype="float64")), engine)
    model.fit(x, y, verbose=0)
    given = [np.full(state.shape, i + 1.0) for i, state in enumerate(model.force_layer.states)]
    for reset, wanted in (
        (lambda: model.force_layer.reset_states(), [0, 0, 0]),
        (lambda: model.force_layer.reset_states(states=given), [1, 2, 3]),
        (lambda: model.reset_states(), [0, 0, 0]),
    ):
        reset()
        for state, value in zip(model.force_layer.states, wanted, strict=True):
            np.testing.assert_array_equal(state.numpy(), value)
    layer = model.original_force_layer
    first = model.predict(x[:1], verbose=0)
    a = 0.1 * x[:1].astype(np.float64) @ layer.input_kernel.numpy()
    np.testing.assert_allclose(first, np.tanh(a) @ layer.output_kernel.numpy(), rtol=0, atol=1e-12)
    told = r"force_layer\.reset_states\.states: expected states of shapes .*\nReceived: \[\(1, 20\), \(1, 20\)\]"
    with pytest.raises(ValueError, match=told):
        model.force_layer.reset_states(given[:2])


def test_both_networks_of_full_force_are_reset() -> None:
    x, y = data(10)
    model = compiled(FullFORCEModel(force_layer=nofeedback(), hint_dim=0))
    model.fit(x, y, verbose=0)
    model.reset_states()
    for network in (model.force_layer, model.target_network):
        assert not any(np.any(state.numpy()) for state in network.states)


@each_engine
def test_models_that_share_a_layer_keep_their_own_spikes(engine: dict[str, Any]) -> None:
    x, y = data(40)
    layer = LIF(**lif_arguments(initial_voltage=np.linspace(-64, -38, 20)[None]))
    first, second = (compiled(SpikingNNModel(force_layer=layer, stop=0), engine) for _ in range(2))
    first.fit(x, y, verbose=0)
    wanted = first.results.spike_step
    assert len(wanted) > 10
    second.fit(x, y, verbose=0)
    np.testing.assert_array_equal(second.results.spike_step, wanted)
    # the one that was built first still sees its own
    for model in (first, second):
        model.predict(x, verbose=0)
    assert len(first.results.spike_step) > 10
    np.testing.assert_array_equal(first.results.spike_step, second.results.spike_step)


# -- what is trainable


@each_engine
def test_what_learns_is_read_at_compile(engine: dict[str, Any], tmp_path: Path) -> None:
    x, y = data(20)
    layer = esn()
    model = compiled(FORCEModel(force_layer=layer), engine)
    model.fit(x, y, verbose=0)

    def learned() -> tuple[bool, bool]:
        before = layer.output_kernel.numpy(), layer.recurrent_kernel.numpy()
        model.fit(x, y, verbose=0)
        now = layer.output_kernel.numpy(), layer.recurrent_kernel.numpy()
        return tuple(not np.array_equal(*pair) for pair in zip(before, now, strict=True))  # type: ignore[return-value]

    layer.recurrent_kernel.trainable, layer.output_kernel.trainable = True, False
    assert learned() == (True, False)  # as compiled
    compiled(model, engine)
    assert learned() == (False, True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, again):
        each.fit(x, y, verbose=0)
    for now, wanted in zip(again.variables, model.variables, strict=True):
        np.testing.assert_allclose(np.asarray(now), np.asarray(wanted), rtol=0, atol=1e-6)
    layer.output_kernel.trainable = True
    compiled(model, engine)
    assert learned() == (True, True)
    layer.trainable = False
    compiled(model, engine)
    assert learned() == (False, False)


@each_engine
def test_a_constrained_kernel_that_does_not_learn_stays(engine: dict[str, Any]) -> None:
    layer = constrained(recurrent_kernel_trainable=False)
    model = compiled(BioFORCEModel(force_layer=layer), engine)
    model.build((1, 1, 1))
    before = layer.recurrent_kernel.numpy()
    model.fit(np.zeros((5, 1)), np.ones((5, 20)), verbose=0)
    np.testing.assert_array_equal(layer.recurrent_kernel, before)
    with pytest.raises(AttributeError, match="BioFORCEModel has no P_GG: its recurrent kernel does not learn"):
        _ = model.P_GG


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: ESNFORCEModel(force_layer=esn(output_kernel_trainable=False), n_max=5),
        lambda: SpikingNNModel(force_layer=LIF(**lif_arguments(output_kernel_trainable=False))),
        lambda: FullFORCEModel(force_layer=nofeedback(output_kernel_trainable=False), hint_dim=0),
    ],
)
@each_engine
def test_a_kernel_that_is_unfrozen_learns_in_every_model(make: Any, engine: dict[str, Any]) -> None:
    x, y = data(20)
    model = compiled(make(), engine)
    model.fit(x, y, verbose=0)
    kernel = model.original_force_layer.output_kernel
    before = kernel.numpy()
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(kernel, before)
    kernel.trainable = True
    compiled(model, engine)
    model.fit(x, y, verbose=0)
    assert np.abs(kernel.numpy() - before).max() > 0


@each_engine
def test_a_mask_that_p_was_not_made_for_is_refused(engine: dict[str, Any]) -> None:
    x, y = data(6)
    model = compiled(FORCEModel(force_layer=nofeedback(p_recurr=0.5)), engine)
    model.fit(x, y, verbose=0)
    layer = model.original_force_layer
    before = np.array(layer.recurrent_nontrainable_boolean_mask)
    layer.recurrent_nontrainable_boolean_mask = before.copy()  # the same
    model.fit(x, y, verbose=0)
    layer.recurrent_nontrainable_boolean_mask[:, :5] = True
    now = int(np.count_nonzero(layer.recurrent_nontrainable_boolean_mask))
    for verb in (model.fit, model.evaluate):
        with pytest.raises(InvalidValueError) as caught:
            verb(x, y, verbose=0)
        assert str(caught.value) == (
            f"FORCEModel.{verb.__name__}: recurrent_nontrainable_boolean_mask: expected the mask that P was made for, "
            f"under which {before.sum()} weights do not learn.\nReceived: 'a mask of {now} that do not'\n"
            "Fix: set it before the model is built, or make a new layer by from_weights(weights, mask)."
        )
    layer.recurrent_nontrainable_boolean_mask = None
    with pytest.raises(ValueError, match="Received: 'a mask of 0 that do not'"):
        model.predict(x, verbose=0)


def test_a_mask_that_is_set_before_the_model_is_built_counts() -> None:
    x, y = data(30)
    model = compiled(FORCEModel(force_layer=nofeedback()))
    layer = model.original_force_layer
    layer.build((1, 1, 1))
    layer.recurrent_nontrainable_boolean_mask = np.arange(400).reshape(20, 20) % 3 == 0
    before = np.array(layer.recurrent_kernel)
    model.fit(x, y, verbose=0)
    changed = np.asarray(layer.recurrent_kernel) != before
    assert not changed[layer.recurrent_nontrainable_boolean_mask].any()
    assert changed[~layer.recurrent_nontrainable_boolean_mask].mean() > 0.9
    layer.recurrent_nontrainable_boolean_mask[:] = False
    with pytest.raises(ValueError, match="Received: 'a mask of 0 that do not'"):
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize("p_recurr", [1, 0.5])
def test_a_mask_that_is_set_before_the_layer_is_built_counts_beside_what_is_not_connected(p_recurr: float) -> None:
    x, y = data(30)
    layer = nofeedback(p_recurr=p_recurr)
    mask = np.arange(400).reshape(20, 20) % 3 == 0
    layer.recurrent_nontrainable_boolean_mask = mask
    model = compiled(FORCEModel(force_layer=layer))
    model.build((1, 1, 1))
    frozen, before = np.asarray(layer.recurrent_nontrainable_boolean_mask), np.array(layer.recurrent_kernel)
    np.testing.assert_array_equal(frozen, mask | (before == 0))
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(np.asarray(layer.recurrent_kernel)[frozen], before[frozen])


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (np.zeros((3, 3), bool), "expected an array of shape (20, 20), as the recurrent kernel.\nReceived: (3, 3)"),
        (np.zeros((20, 20)), "expected True and False (True = does not learn).\nReceived: 'float64'"),
    ],
)
@pytest.mark.parametrize("built", [True, False])
def test_another_array_than_a_mask_is_refused(mask: np.ndarray, text: str, built: bool) -> None:
    layer = nofeedback()
    if built:
        layer.build((1, 1, 1))
    layer.recurrent_nontrainable_boolean_mask = mask
    with pytest.raises((TypeError, ValueError), match=re.escape(f"recurrent_nontrainable_boolean_mask: {text}")):
        compiled(FORCEModel(force_layer=layer)).fit(*data(30), verbose=0)


def test_full_force_refuses_a_mask_that_is_set_after_the_model_was_made() -> None:
    x, y = data()
    layer = nofeedback(recurrent_kernel_trainable=True)
    model = compiled(FullFORCEModel(force_layer=layer, hint_dim=0))
    layer.recurrent_nontrainable_boolean_mask = np.eye(20, dtype=bool)
    with pytest.raises(
        ValueError, match="fit: expected a layer whose recurrent weights all learn.\nReceived: 'a masked"
    ):
        model.fit(x, y, verbose=0)


# -- P of the recurrent kernel


@pytest.mark.parametrize("p_recurr", [1, 0.5])
@pytest.mark.parametrize("cls", [FORCEModel, OptimizedFORCEModel])
def test_p_of_the_recurrent_kernel_is_read_and_written_as_a_variable(cls: type, p_recurr: float) -> None:
    model = compiled(cls(force_layer=nofeedback(p_recurr=p_recurr)))
    model.build((1, 1, 1))
    shared = cls is OptimizedFORCEModel and p_recurr == 1
    P = model.P_GG
    assert tuple(P.shape) == ((20, 20) if shared else (20, 20, 20)) and P.dtype == tf.float32
    before = P.numpy()
    mask = np.zeros((20, 20), bool) if p_recurr == 1 else np.asarray(model.original_force_layer.recurrent_kernel == 0)
    wanted = np.eye(20) if shared else np.stack([np.diag(~column) for column in mask.T])
    np.testing.assert_array_equal(before, wanted)
    assert P.assign(0.5 * P, read_value=False) is P
    P.assign_add(P)
    P.assign_sub(0.25 * before)
    np.testing.assert_allclose(model.P_GG.numpy(), 0.75 * before)
    np.testing.assert_allclose((P + 1)[0], 0.75 * before[0] + 1)
    x, y = data(5)
    model.fit(x, y, verbose=0)
    assert np.linalg.eigvalsh(model.P_GG.numpy()).max() <= 0.75 + 1e-6
    with pytest.raises(ValueError, match=r"P_GG\.assign: expected shape \(20, 20(, 20)?\)\.\nReceived: \(3, 3\)"):
        P.assign(np.eye(3))
    if not shared:
        told = r"P_GG\.assign: expected one P for all neurons that have the same partners(.|\n)*pseudogradient_wR"
        with pytest.raises(ValueError, match=told):
            P.assign(np.random.default_rng(0).normal(size=(20, 20, 20)))


def test_a_users_update_of_the_recurrent_kernel_gets_p_in_full() -> None:
    class Mine(FORCEModel):
        def update_recurrent_kernel(self, h: Any, z: Any, y: Any, P: Any, kernel: Any) -> None:  # type: ignore[override]
            dP, Ph, hPh = self.pseudogradient_P_Gx(P, h)
            self.optimizer.apply_gradients(zip([dP], [P], strict=True))
            change = self.pseudogradient_wR(P, h, z, y, Ph, hPh)
            self.optimizer.apply_gradients(zip([change], [kernel], strict=True))

    x, y = data(20)
    kernels = []
    for cls in (Mine, FORCEModel):
        model = compiled(cls(force_layer=nofeedback(p_recurr=0.5)))
        model.fit(x, y, verbose=0)
        kernels.append(model.original_force_layer.recurrent_kernel.numpy())
    np.testing.assert_allclose(*kernels, rtol=0, atol=2e-5)


# -- debugging


def test_what_compile_was_given_can_be_set_later(capsys: pytest.CaptureFixture[str]) -> None:
    class Printing(FORCEModel):
        def update_kernel_condition(self) -> Any:
            print("a step")
            return tf.constant(True)

    class Writing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.force_layer.states[0].assign(tf.zeros((1, 20)))

    x, y = data(3)
    model = compiled(Printing(force_layer=esn()))
    model.run_eagerly = True
    assert list(model.fit(x, y, verbose=0).history) == ["mae"]
    assert capsys.readouterr().out.count("a step") == 3
    model.run_eagerly = False
    with pytest.raises(NotImplementedError, match="expected states to be read, not written"):
        model.fit(x, y, callbacks=[Writing()], verbose=0)
    model.steps_per_execution = 1
    model.fit(x, y, callbacks=[Writing()], verbose=0)
    np.testing.assert_array_equal(model.force_layer.states[0].numpy(), 0)
    other = compiled(FORCEModel(force_layer=esn()), ENGINES[1])
    for name, value in {"run_eagerly": True, "jit_compile": True}.items():
        with pytest.raises(ValueError, match=rf"FORCEModel\.compile\.{name}: expected .*Brian2 compiles by itself"):
            setattr(other, name, value)
    with pytest.raises(ValueError, match="steps_per_execution: expected a whole number of time steps, at least 1"):
        other.steps_per_execution = 0
    assert list(other.fit(x, y, verbose=0).history) == ["mae"]


@pytest.mark.parametrize("make", [esn, lambda **options: constrained(**{"noise_param": (0.0, 0.5)} | options)])
def test_without_a_seed_the_seed_of_keras_counts(make: Any) -> None:
    def states() -> np.ndarray:
        layer = make(seed=None)
        model = compiled((BioFORCEModel if layer.output_size > 1 else FORCEModel)(force_layer=layer))
        x = np.ones((5, 1))
        model.fit(x, np.ones((5, layer.output_size)), verbose=0)
        return np.concatenate([np.ravel(each) for each in (*model.get_weights(), *model.force_layer.states)])

    keras.utils.set_random_seed(3)
    first, second = states(), states()
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(states(), first)
    assert not np.array_equal(second, first)
    before = random.getstate()
    make(seed=1)
    assert random.getstate() == before


def test_eager_steps_are_python(capsys: pytest.CaptureFixture[str]) -> None:
    class Debugged(SpikingNNModel):
        def train_step(self, data: Any) -> Any:
            logs = super().train_step(data)
            print("step", int(self.force_layer.states[0].numpy()[0, 0]), data[0].numpy().shape)
            return logs

        def update_kernel_condition(self) -> bool:
            return bool(self.force_layer.states[0].numpy() % 2 == 0)

    class Seen(LIF):
        voltages: list[float] = []  # noqa: RUF012

        def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
            self.voltages.append(float(states[1].numpy()[0, 0]))
            return super().update_voltage(I, states)

    x, y = data(10)
    voltage = np.linspace(-64, -41, 20)[None]
    eager = Debugged(force_layer=Seen(**lif_arguments(initial_voltage=voltage)), alpha_P=0.001)
    traced = SpikingNNModel(force_layer=LIF(**lif_arguments(initial_voltage=voltage)), alpha_P=0.001, update_every=2)
    compiled(eager, {"run_eagerly": True})
    for model in (eager, compiled(traced)):
        history = model.fit(x, y, epochs=2, validation_data=(x[:3], y[:3]), verbose=0).history
        assert set(history) == {"mae", "val_mae", "val_loss"}
        model.predict(x[:2], verbose=0)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"step {t + 1} (1, 1, 1)" for t in range(20)]
    assert len(Seen.voltages) == 2 * 10 + 2 * 3 + 2
    np.testing.assert_allclose(
        eager.original_force_layer.output_kernel, traced.original_force_layer.output_kernel, rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(eager.results.output.shape, (2, 1))
    assert not tf.config.functions_run_eagerly()
    told = r"compile\.run_eagerly: expected False: Brian2 compiles by itself(.|\n)*Fix: use backend='tensorflow'"
    with pytest.raises(ValueError, match=told):
        traced.compile(metrics=["mae"], run_eagerly=True, backend="brian2")


def test_steps_take_data_in_every_form_of_keras() -> None:
    x, _ = data(1)
    model = FORCEModel(force_layer=esn())
    model.build((1, 1, 1))
    one = tf.constant(x[None])
    found = []
    for given in (one, (one,), (one, one)):
        model.reset_states()
        found.append(model.predict_step(given).numpy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


# -- refusals


def half() -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return esn()
    finally:
        keras.config.set_dtype_policy(before)


def built() -> FORCEModel:
    model = FORCEModel(force_layer=esn())
    model.build((1, 1, 1))
    return model


one = np.zeros((1, 1, 1), np.float32)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "mixed precision": (
        half,
        ValueError,
        "EchoStateNetwork.dtype: expected 'float32' or 'float64'.\nReceived: 'mixed_float16'\nFix: pass dtype",
    ),
    "bfloat16": (
        lambda: LIF(**lif_arguments(dtype="bfloat16")),
        ValueError,
        "LIF.dtype: expected 'float32' or 'float64'.\nReceived: 'bfloat16'",
    ),
    "h5": (
        lambda: built().save("model.h5"),
        NotImplementedError,
        "FORCEModel.save.filepath: expected a file that ends with .keras.\nReceived: 'model.h5'\nFix: HDF5 takes only",
    ),
    "quantize": (
        lambda: built().quantize("int8"),
        NotImplementedError,
        "FORCEModel.quantize: expected no quantize: recursive least squares needs float32 at least.\n"
        "Received: 'int8'\nFix: leave it out.",
    ),
    "train_step": (
        lambda: built().train_step(tf.constant(one)),
        ValueError,
        "FORCEModel.train_step.data: expected a pair (x, y).\nReceived: 'EagerTensor'\nFix: pass the target too.",
    ),
    "test_step": (
        lambda: built().test_step((tf.constant(one),)),
        ValueError,
        "FORCEModel.test_step.data: expected a pair (x, y).\nReceived: 'tuple'",
    ),
    "2D call": (
        lambda: built()(one[0]),
        ValueError,
        "FORCEModel.call.x: expected an array of shape (1, timesteps, inputs).\nReceived: (1, 1)\nFix: pass x[None]",
    ),
    "batch call": (
        lambda: built()(np.zeros((3, 2, 1), np.float32)),
        ValueError,
        "FORCEModel.call.x: expected an array of shape (1, timesteps, inputs).\nReceived: (3, 2, 1)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_in_one_sentence(case: str) -> None:
    call, kind, told = REFUSED[case]
    with pytest.raises(kind, match=re.escape(told)):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("layer", [esn, nofeedback, constrained, lambda: LIF(**lif_arguments())])
def test_gradients_reach_a_layer_inside_an_rnn_of_keras(layer: Any) -> None:
    cell = layer()
    model = keras.Sequential([keras.Input((6, 1)), keras.layers.RNN(cell), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    learns = [variable for variable in cell.trainable_variables]
    before = [variable.numpy() for variable in learns]
    x = np.random.default_rng(0).normal(size=(4, 6, 1))
    model.fit(x, np.ones((4, 1)), epochs=1, batch_size=2, verbose=0)
    spiking = cell.spiking  # without a spike within six steps, there is no rate to read
    assert learns and all(spiking or np.any(v.numpy() != w) for v, w in zip(learns, before, strict=True))


# -- in a process of its own


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    env = os.environ | {"PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"} | environment
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["import tension_sim, keras", "import keras, tension_sim"])
def test_a_model_is_loaded_after_importing_the_package_alone(imports: str, tmp_path: Path) -> None:
    x, y = data(10)
    model = compiled(FullFORCEModel(force_layer=nofeedback(), hint_dim=0))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    script = f"""
import sys
{imports}
assert not any(name.startswith(("tension_sim.models", "tension_sim.keras_style")) for name in sys.modules)
model = keras.models.load_model({str(tmp_path / "model.keras")!r})
print(type(model).__module__, type(model).__name__, type(model.original_force_layer).__name__)
"""
    done = run(script)
    assert done.stdout.split() == ["tension_sim.models", "FullFORCEModel", "NoFeedbackESN"], done.stderr


def test_importing_the_package_imports_neither_keras_nor_tensorflow() -> None:
    done = run("import sys, tension_sim; print({'keras', 'tensorflow'} & set(sys.modules))")
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.slow
def test_another_backend_of_keras_is_refused() -> None:
    done = run("import tension_sim.base", KERAS_BACKEND="jax")
    told = (
        "ImportError: tension_sim (Keras-style classes): expected Keras on TensorFlow.\nReceived: 'Keras on jax'\n"
        "Fix: set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )
    assert told in done.stderr
