# ruff: noqa: E501
"""Every bad input is refused before anything is built, and the message says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.base import FORCELayer, FORCEModel  # noqa: E402
from tension_sim.callbacks import OutputTracking  # noqa: E402
from tension_sim.constrained import BioFORCEModel, ConstrainedNoFeedbackESN  # noqa: E402
from tension_sim.esn import ESNFORCEModel  # noqa: E402
from tension_sim.keras_style.on_brian.window import BrianWindow  # noqa: E402
from tension_sim.models import EchoStateNetwork, FullFORCEModel, TargetGeneratingNetwork  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tests.keras.networks import constrained, data, esn, lif_arguments, nofeedback  # noqa: E402

ENGINE: dict[str, Any] = {}  # what models are compiled with


def model(layer: Any = None, **options: Any) -> FORCEModel:
    made = FORCEModel(force_layer=layer if layer is not None else esn(), **options)
    made.compile(metrics=["mae"], **ENGINE)
    return made


def weights(units: int = 20, outputs: int = 1) -> list[np.ndarray]:
    return [np.zeros(s) for s in ((1, units), (units, units), (outputs, units), (units, outputs))]


x, y = data(12)
nan = np.where(np.arange(12)[:, None] == 7, np.nan, x)
esn_options = dict(dtdivtau=0.1, activation="tanh")

CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # layers
    "units": (lambda: esn(units=0), ValueError, "EchoStateNetwork.units: expected a whole number, at least 1.\nReceived: 0"),
    "units float": (lambda: esn(units=2.5), TypeError, "EchoStateNetwork.units: expected a whole number, at least 1.\nReceived: 2.5"),
    "units beyond memory": (lambda: esn(units=10**7).build((1, 1)), MemoryError, "EchoStateNetwork.units: expected what fits into the memory of"),
    "g": (lambda: esn(g="x"), TypeError, "EchoStateNetwork.g: expected a finite number.\nReceived: 'x'"),
    "hscale": (lambda: esn(hscale=None), TypeError, "EchoStateNetwork.hscale: expected a finite number.\nReceived: None"),
    "output_size": (lambda: esn(output_size=-1), ValueError, "EchoStateNetwork.output_size: expected a whole number, at least 1.\nReceived: -1"),
    "activation": (lambda: esn(activation="tahn"), ValueError, "EchoStateNetwork.activation: expected a known activation (elu, gelu, leaky_relu, linear, relu, selu, sigmoid, softplus, softsign, tanh).\nReceived: 'tahn'\nFix: did you mean 'tanh'?"),
    "activation type": (lambda: esn(activation=3), TypeError, "EchoStateNetwork.activation: expected a name or a function.\nReceived: 3"),
    "p_recurr": (lambda: esn(p_recurr=1.5), ValueError, "EchoStateNetwork.p_recurr: expected a number in (0, 1].\nReceived: 1.5\nFix: p_recurr is the probability of a connection."),
    "seed": (lambda: esn(seed="x"), TypeError, "EchoStateNetwork.seed: expected a whole number, at least 0.\nReceived: 'x'"),
    "trainable": (lambda: esn(output_kernel_trainable="yes"), TypeError, "EchoStateNetwork.output_kernel_trainable: expected True or False.\nReceived: 'yes'"),
    "dtdivtau": (lambda: esn(dtdivtau=0), ValueError, "EchoStateNetwork.dtdivtau: expected a finite number above 0.\nReceived: 0"),
    "initial_a": (lambda: esn(initial_a=np.zeros((20, 1))), ValueError, "EchoStateNetwork.initial_a: expected finite numbers of shape (1, 20).\nReceived: (20, 1)"),
    "noise_param": (lambda: constrained(noise_param=(0,)), ValueError, "ConstrainedNoFeedbackESN.noise_param: expected (mean, standard deviation), the second not negative.\nReceived: (0,)"),
    "connectivity": (lambda: constrained(structural_connectivity=np.ones((2, 2))), ValueError, "ConstrainedNoFeedbackESN.structural_connectivity: expected an array of shape (20, 20) (units, units).\nReceived: (2, 2)"),
    "constrained output_size": (lambda: constrained(output_size=3), TypeError, "ConstrainedNoFeedbackESN.output_size: a constrained network has no readout, so that output_size is fixed.\nReceived: 3\nFix: leave output_size out."),
    "dt": (lambda: LIF(**lif_arguments(dt=0)), ValueError, "LIF.dt: expected a finite number above 0.\nReceived: 0"),
    "tau_mem": (lambda: LIF(**lif_arguments(tau_mem=-1)), ValueError, "LIF.tau_mem: expected a finite number above 0.\nReceived: -1"),
    "tau_ref": (lambda: LIF(**lif_arguments(tau_ref=-1)), ValueError, "LIF.tau_ref: expected a time, 0 or longer.\nReceived: -1"),
    "tau_ref None": (lambda: LIF(**lif_arguments(tau_ref=None)), TypeError, "LIF.tau_ref: expected a finite number.\nReceived: None"),
    "tau_rise text": (lambda: LIF(**lif_arguments(tau_rise="2*ms")), TypeError, "LIF.tau_rise: expected a finite number.\nReceived: '2*ms'"),
    "G": (lambda: LIF(**lif_arguments(G=[0.04])), TypeError, "LIF.G: expected a finite number.\nReceived: [0.04]"),
    "tau_rise": (lambda: LIF(**lif_arguments(tau_rise=-1)), ValueError, "LIF.tau_rise: expected a finite number above 0.\nReceived: -1\nFix: use 0 for a single exponential filter."),
    "v_reset": (lambda: LIF(**lif_arguments(v_reset=0)), ValueError, "LIF.v_reset: expected a voltage below v_peak (-40).\nReceived: 0"),
    "spiking recurrence": (lambda: LIF(**lif_arguments(recurrent_kernel_trainable=True)), TypeError, "LIF.recurrent_kernel_trainable: the recurrent kernel of a spiking layer is static.\nReceived: True\nFix: leave it out."),
    "initial_voltage": (lambda: LIF(**lif_arguments(initial_voltage=np.full((1, 20), np.nan))), ValueError, "LIF.initial_voltage: expected finite numbers of shape (1, 20)."),
    # from_weights
    "p_recurr with weights": (lambda: EchoStateNetwork.from_weights(weights(), None, p_recurr=0.5, **esn_options), ValueError, "EchoStateNetwork.from_weights.p_recurr: the kernels determine what is connected.\nReceived: 0.5\nFix: leave p_recurr out."),
    "number of kernels": (lambda: EchoStateNetwork.from_weights(weights()[:3], None, **esn_options), ValueError, "EchoStateNetwork.from_weights.weights: expected 4 kernels (input, recurrent, feedback, output).\nReceived: '3 kernels'"),
    "kernel shape": (lambda: EchoStateNetwork.from_weights([*weights()[:2], *weights(10)[2:]], None, **esn_options), ValueError, "EchoStateNetwork.from_weights.weights: expected a feedback kernel of shape (1, 20), to go with the others.\nReceived: (1, 10)\nFix: the input kernel has 20 units, the output kernel 1 outputs."),
    "kernel nan": (lambda: EchoStateNetwork.from_weights([np.full((1, 20), np.nan), *weights()[1:]], None, **esn_options), ValueError, "EchoStateNetwork.from_weights.weights: expected finite numbers in the input kernel."),
    "mask shape": (lambda: EchoStateNetwork.from_weights(weights(), np.zeros((2, 2), bool), **esn_options), ValueError, "EchoStateNetwork.from_weights.recurrent_nontrainable_boolean_mask: expected an array of shape (20, 20), as the recurrent kernel.\nReceived: (2, 2)"),
    "mask type": (lambda: EchoStateNetwork.from_weights(weights(), np.zeros((20, 20)), **esn_options), TypeError, "EchoStateNetwork.from_weights.recurrent_nontrainable_boolean_mask: expected True and False (True = does not learn).\nReceived: 'float64'\nFix: convert it: mask == 1."),
    "target network": (lambda: TargetGeneratingNetwork.from_weights([]), NotImplementedError, "TargetGeneratingNetwork.from_weights: only FullFORCEModel makes this network."),
    "abstract": (lambda: FORCELayer(units=2, output_size=1, activation="tanh").call(0, 0), NotImplementedError, "FORCELayer.call: the subclass does not define this method.\nReceived: 'FORCELayer'\nFix: define call(inputs, states)."),
    # models
    "no layer": (lambda: FORCEModel(force_layer=keras.layers.Dense(3)), TypeError, "FORCEModel.force_layer: expected a FORCELayer.\nReceived: <Dense"),
    "spiking layer": (lambda: FORCEModel(force_layer=LIF(**lif_arguments())), ValueError, "FORCEModel.force_layer: expected a layer that goes with FORCEModel.\nReceived: 'LIF'\nFix: LIF goes with SpikingNNModel."),
    "rate layer": (lambda: SpikingNNModel(force_layer=esn()), ValueError, "SpikingNNModel.force_layer: expected a layer that goes with SpikingNNModel.\nReceived: 'EchoStateNetwork'\nFix: EchoStateNetwork goes with FORCEModel, FullFORCEModel, OptimizedFORCEModel, ESNFORCEModel."),
    "constrained layer": (lambda: FullFORCEModel(force_layer=constrained(), hint_dim=0), ValueError, "ConstrainedNoFeedbackESN goes with BioFORCEModel."),
    "alpha_P": (lambda: model(alpha_P=-1), ValueError, "FORCEModel.alpha_P: expected a finite number above 0.\nReceived: -1"),
    "gain": (lambda: model(gain="half"), ValueError, "FORCEModel.gain: expected 'divided' or 'undivided'.\nReceived: 'half'"),
    "start after stop": (lambda: model(start=5, stop=2), ValueError, "FORCEModel.stop: expected stop at or after start.\nReceived: 'start=5, stop=2 (steps)'\nFix: exchange them."),
    "gain in numbers": (lambda: model(gain=np.zeros(0)), ValueError, "FORCEModel.gain: expected 'divided' or 'undivided'.\nReceived: array([]"),
    "return_sequences": (lambda: model(return_sequences=[1]), TypeError, "FORCEModel.return_sequences: expected True or False.\nReceived: [1]"),
    "target_output_kernel_trainable": (lambda: FullFORCEModel(force_layer=nofeedback(), hint_dim=0, target_output_kernel_trainable="no"), TypeError, "FullFORCEModel.target_output_kernel_trainable: expected True or False.\nReceived: 'no'"),
    "update_every": (lambda: model(update_every=0), ValueError, "FORCEModel.update_every: expected a whole number, at least 1.\nReceived: 0"),
    "forgetting": (lambda: model(forgetting=0), ValueError, "FORCEModel.forgetting: expected a number in (0, 1].\nReceived: 0"),
    "dtype": (lambda: model(dtype="float16"), ValueError, "FORCEModel.dtype: expected "),
    "dtype of weights": (lambda: model(EchoStateNetwork.from_weights(weights(), None, **esn_options), dtype="float64"), ValueError, "FORCEModel.dtype: expected float32.\nReceived: 'float64'\nFix: give dtype to from_weights."),
    "seed of the model": (lambda: model(seed=-1), ValueError, "FORCEModel.seed: expected a whole number, at least 0.\nReceived: -1"),
    "two seeds": (lambda: model(esn(seed=1), seed=2), ValueError, "FORCEModel.seed: expected the layer's seed, 1.\nReceived: 2\nFix: give it once."),
    "hint_dim": (lambda: FullFORCEModel(force_layer=nofeedback(), hint_dim=-1), ValueError, "FullFORCEModel.hint_dim: expected a whole number, at least 0.\nReceived: -1"),
    "full-FORCE mask": (lambda: FullFORCEModel(force_layer=nofeedback(p_recurr=0.5), hint_dim=0), ValueError, "FullFORCEModel.force_layer: expected a layer whose recurrent weights all learn.\nReceived: 'a masked recurrent kernel'"),
    "full-FORCE outputs": (lambda: FullFORCEModel(force_layer=nofeedback(output_size=2), hint_dim=0), ValueError, "FullFORCEModel.force_layer: expected a layer with output_size 1.\nReceived: 2"),
    "n_max": (lambda: ESNFORCEModel(force_layer=esn(), n_max=0), ValueError, "ESNFORCEModel.n_max: expected a whole number, at least 1.\nReceived: 0"),
    "num_skip": (lambda: ESNFORCEModel(force_layer=esn(), n_max=5, num_skip=5), ValueError, "ESNFORCEModel.num_skip: expected fewer time steps than n_max (5).\nReceived: 5"),
    "alpha_sq": (lambda: ESNFORCEModel(force_layer=esn(), n_max=5, alpha_sq=-1), ValueError, "ESNFORCEModel.alpha_sq: expected a number, 0 or larger.\nReceived: -1"),
    # compile
    "optimizer": (lambda: model().compile(metrics=["mae"], optimizer="adam"), TypeError, "FORCEModel.compile.optimizer: recursive least squares has no optimizer.\nReceived: 'optimizer'\nFix: leave optimizer out."),
    "loss": (lambda: model().compile(metrics=["mae"], loss="mse"), TypeError, "FORCEModel.compile.loss: recursive least squares has no loss."),
    "metric": (lambda: model().compile(metrics=["mea"]), ValueError, "FORCEModel.compile.metrics: expected a known Keras metric (cosine_similarity, mae, mape, mse, msle).\nReceived: 'mea'"),
    "metric type": (lambda: model().compile(metrics=[3]), TypeError, "FORCEModel.compile.metrics: expected names, functions or objects of Keras metrics.\nReceived: 3"),
    "backend in numbers": (lambda: model().compile(backend=np.zeros(0)), TypeError, "FORCEModel.compile.backend: expected a text.\nReceived: array([]"),
    "target in numbers": (lambda: model().compile(target=np.zeros(0)), TypeError, "FORCEModel.compile.target: expected a text.\nReceived: array([]"),
    "jit_compile in numbers": (lambda: model().compile(jit_compile=np.zeros(0)), ValueError, "FORCEModel.compile.jit_compile: expected True, False or 'auto'.\nReceived: array([]"),
    "backend": (lambda: model().compile(backend="jax"), ValueError, "FORCEModel.compile.backend: expected a known backend (brian2, tensorflow).\nReceived: 'jax'"),
    "target": (lambda: model().compile(target="cuda"), ValueError, "FORCEModel.compile.target: expected a known target of Brian2 (cpp_standalone, cuda_standalone, cython, numpy).\nReceived: 'cuda'\nFix: did you mean 'cuda_standalone'?"),
    "target of TensorFlow": (lambda: model().compile(backend="tensorflow", target="numpy"), ValueError, "FORCEModel.compile.target: TensorFlow has no targets.\nReceived: 'numpy'\nFix: leave target out."),
    "brian2 and XLA": (lambda: model().compile(backend="brian2", jit_compile=True), ValueError, "FORCEModel.compile.jit_compile: expected 'auto': Brian2 compiles by itself.\nReceived: True\nFix: leave it out."),
    "brian2 and an activation": (lambda: model(esn(activation="softmax")).compile(backend="brian2"), NotImplementedError, "FORCEModel.compile.backend: expected 'tensorflow' for this model.\nReceived: 'brian2'\nFix: leave it out, for the activation softmax has no Brian2 expression."),
    "brian2 and a function": (lambda: model(esn(activation=keras.ops.sin)).compile(backend="brian2"), NotImplementedError, "Fix: leave it out, for the activation sin has no Brian2 expression."),
    "brian2 and a target": (lambda: model().compile(backend="brian2", target="cpp"), ValueError, "FORCEModel.compile.target: expected a known target of Brian2 (cpp_standalone, cuda_standalone, cython, numpy).\nReceived: 'cpp'\nFix: did you mean 'cpp_standalone'?"),
    "brian2 and a layer without equations": (lambda: FORCEModel(force_layer=FORCELayer(units=2, output_size=1, activation="tanh")).compile(backend="brian2"), NotImplementedError, "Fix: leave it out, for FORCELayer has no equation file."),
    "jit_compile": (lambda: model().compile(jit_compile="yes"), ValueError, "FORCEModel.compile.jit_compile: expected True, False or 'auto'.\nReceived: 'yes'"),
    "steps_per_execution": (lambda: model().compile(steps_per_execution=0), ValueError, "FORCEModel.compile.steps_per_execution: expected a whole number of time steps, at least 1.\nReceived: 0"),
    "compile argument": (lambda: model().compile(metric=["mae"]), TypeError, "FORCEModel.compile.metric: expected an argument that exists.\nReceived: 'metric'"),
    # fit, evaluate, predict
    "fit before compile": (lambda: FORCEModel(force_layer=esn()).fit(x, y), ValueError, "FORCEModel.fit: expected a compiled model.\nReceived: 'not compiled'\nFix: call compile(metrics=[\"mae\"]) first."),
    "predict before fit": (lambda: model().predict(x), ValueError, "FORCEModel.predict: expected a model that has its weights.\nReceived: 'not built'\nFix: call fit first, or build, which draws them; load_weights comes after it."),
    "evaluate before fit": (lambda: model().evaluate(x, y), ValueError, "FORCEModel.evaluate: expected a model that has its weights."),
    "hints where nothing learns": (lambda: _drawn(_full(1), 3).predict(np.ones((5, 2)), verbose=0), ValueError, "FullFORCEModel.predict.x: expected 1 values at each time step (inputs without hints, which only fit takes).\nReceived: (5, 1, 2)"),
    "no y": (lambda: model().fit(x), TypeError, "FORCEModel.fit.y: expected an array of shape (timesteps, dimensions).\nReceived: None\nFix: pass the data."),
    "1D": (lambda: model().fit(x[:, 0], y), ValueError, "FORCEModel.fit.x: expected an array of shape (timesteps, dimensions) or (trials, timesteps, dimensions), not empty.\nReceived: (12,)\nFix: add the missing axis, e.g. x[:, None]."),
    "4D": (lambda: model().fit(x[None, None], y), ValueError, "FORCEModel.fit.x: expected an array of shape (timesteps, dimensions) or (trials, timesteps, dimensions), not empty.\nReceived: (1, 1, 12, 1)"),
    "text": (lambda: model().fit(np.full((12, 1), "a"), y), TypeError, "FORCEModel.fit.x: expected an array of shape (timesteps, channels)."),
    "nan": (lambda: model().fit(nan, y), ValueError, "FORCEModel.fit.x: expected finite values.\nReceived: nan\nFix: correct the 1 value(s) that are NaN or infinite, the first at index (7, 0)."),
    "inf": (lambda: model().fit(x, y / 0.0), ValueError, "FORCEModel.fit.y: expected finite values."),
    "lengths": (lambda: model().fit(x, y[:5]), ValueError, "FORCEModel.fit.y: expected as many time steps as x has (12).\nReceived: '5 time steps'\nFix: cut the longer one."),
    "target width": (lambda: model().fit(x, np.ones((12, 2))), ValueError, "FORCEModel.fit.y: expected 1 value(s) at each time step (output_size).\nReceived: (12, 1, 2)"),
    "recurrent width": (lambda: model(nofeedback(output_size=2)).fit(x, np.ones((12, 2))), ValueError, "FORCEModel.fit.y: expected 1 value at each time step, because the recurrent kernel learns from one error.\nReceived: (12, 1, 2)\nFix: set recurrent_kernel_trainable=False, or use a single output."),
    "bio width": (lambda: _bio().fit(x, y), ValueError, "BioFORCEModel.fit.y: expected 20 value(s) at each time step (output_size).\nReceived: (12, 1, 1)"),
    "hints": (lambda: _full(1).fit(x, y), ValueError, "FullFORCEModel.hint_dim: expected fewer hints than columns of x (1).\nReceived: 1\nFix: x holds at least one input, then the hints."),
    "width of from_weights": (lambda: model(EchoStateNetwork.from_weights(weights(), None, **esn_options)).fit(np.ones((12, 3)), y), ValueError, "FORCEModel.fit.x: expected 1 values at each time step (input).\nReceived: (12, 1, 3)"),
    "width of predict": (lambda: _fitted().predict(np.ones((5, 4)), verbose=0), ValueError, "FORCEModel.predict.x: expected 1 values at each time step (rows of input_kernel).\nReceived: (5, 1, 4)"),
    "validation width": (lambda: model().fit(x, y, validation_data=(np.ones((5, 4)), y[:5])), ValueError, "FORCEModel.fit.validation_data.x: expected 1 values at each time step (rows of input_kernel).\nReceived: (5, 1, 4)"),
    "validation lengths": (lambda: model().fit(x, y, validation_data=(x, y[:3])), ValueError, "FORCEModel.fit.validation_data.y: expected as many time steps as x has (12)."),
    "validation type": (lambda: model().fit(x, y, validation_data=x), TypeError, "FORCEModel.fit.validation_data: expected a pair (x, y).\nReceived: 'ndarray'"),
    "epochs": (lambda: model().fit(x, y, epochs=0), ValueError, "FORCEModel.fit.epochs: expected a whole number, at least 1.\nReceived: 0"),
    "verbose": (lambda: model().fit(x, y, verbose=9), ValueError, "FORCEModel.verbose: expected 0, 1, 2 or 'auto'.\nReceived: 9"),
    "verbose in numbers": (lambda: model().fit(x, y, verbose=np.zeros(0)), ValueError, "FORCEModel.verbose: expected 0, 1, 2 or 'auto'.\nReceived: array([]"),
    "tracking beyond memory": (lambda: OutputTracking(10**14, 1), MemoryError, "OutputTracking.timesteps: expected what fits into the memory of"),
    "callbacks": (lambda: model().fit(x, y, callbacks=[print]), TypeError, "FORCEModel.callbacks: expected a list of keras.callbacks.Callback."),
    "batch_size": (lambda: model().fit(x, y, batch_size=32), ValueError, "FORCEModel.fit.batch_size: expected None or 1.\nReceived: 32\nFix: leave batch_size out: each time step is a batch of its own, of size 1."),
    "shuffle": (lambda: model().fit(x, y, shuffle=True), ValueError, "FORCEModel.fit.shuffle: expected None or False.\nReceived: True\nFix: leave shuffle out: time steps are learned in their order."),
    "sample_weight": (lambda: model().fit(x, y, sample_weight=np.ones(12)), ValueError, "FORCEModel.fit.sample_weight: expected None."),
    "validation_split": (lambda: model().fit(x, y, validation_split=0.2), ValueError, "FORCEModel.fit.validation_split: expected None or 0 or 0.0.\nReceived: 0.2\nFix: pass validation_data=(x, y) instead."),
    "validation weights": (lambda: model().fit(x, y, validation_data=(x, y, np.ones(12))), ValueError, "FORCEModel.fit.validation_data.sample_weight: expected None."),
    "weights of a source": (lambda: model().fit(iter([(x, y, np.ones(12))])), ValueError, "FORCEModel.fit.sample_weight: expected None."),
    "weights of a batch": (lambda: model().train_on_batch(x, y, np.ones(12)), ValueError, "FORCEModel.train_on_batch.sample_weight: expected None."),
    "class weights of a batch": (lambda: model().train_on_batch(x, y, None, {0: 1.0}), ValueError, "FORCEModel.train_on_batch.class_weight: expected None.\nReceived: {0: 1.0}\nFix: leave it out: there are no classes here."),
    "weights of a test": (lambda: model().test_on_batch(x, y, np.ones(12)), ValueError, "FORCEModel.test_on_batch.sample_weight: expected None."),
    "validation_freq": (lambda: model().fit(x, y, validation_data=(x, y), validation_freq=0), ValueError, "FORCEModel.fit.validation_freq: expected a whole number, at least 1.\nReceived: 0"),
    "validation_freq float": (lambda: model().fit(x, y, validation_freq=1.5), TypeError, "FORCEModel.fit.validation_freq: expected a whole number, at least 1.\nReceived: 1.5"),
    "validation epochs": (lambda: model().fit(x, y, validation_data=(x, y), validation_freq=[1, 0]), ValueError, "FORCEModel.fit.validation_freq: expected a whole number, at least 1.\nReceived: 0"),
    "fit argument": (lambda: model().fit(x, y, epoch=3), TypeError, "FORCEModel.fit.epoch: expected an argument that exists.\nReceived: 'epoch'"),
}  # fmt: skip


def _bio() -> BioFORCEModel:
    made = BioFORCEModel(force_layer=constrained())
    made.compile(metrics=["mae"], **ENGINE)
    return made


def _full(hints: int) -> FullFORCEModel:
    made = FullFORCEModel(force_layer=nofeedback(), hint_dim=hints)
    made.compile(metrics=["mae"], **ENGINE)
    return made


def _drawn(made: FORCEModel, width: int) -> FORCEModel:
    made.build((1, 1, width))
    return made


def _fitted() -> FORCEModel:
    made = model()
    made.fit(x, y, verbose=0)
    return made


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_bad_input_is_refused(case: str) -> None:
    action, error, text = CASES[case]
    with pytest.raises(error, match=re.escape(text)):
        action()


@pytest.mark.parametrize("case", list(CASES)[list(CASES).index("fit before compile") :])
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_bad_input_is_refused_before_brian2_runs(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any) -> None:
        raise AssertionError("run")

    monkeypatch.setitem(ENGINE, "backend", "brian2")
    monkeypatch.setitem(ENGINE, "target", "numpy")
    if case != "width of predict":  # which comes after a fit
        monkeypatch.setattr(BrianWindow, "run", run)
    action, error, text = CASES[case]
    with pytest.raises(error, match=re.escape(text)):
        action()


@pytest.mark.parametrize("case", ["lengths", "nan", "target width", "recurrent width", "epochs", "batch_size"])
def test_nothing_is_built_by_a_refused_fit(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def built(*_: Any) -> None:
        raise AssertionError("built")

    monkeypatch.setattr(FORCEModel, "build", built)
    action, error, text = CASES[case]
    with pytest.raises(error, match=re.escape(text)):
        action()


def test_a_missing_tensorflow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    import tension_sim.tensorflow as engine

    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ModuleNotFoundError, match=r"expected TensorFlow to be installed(.|\n)*tension-sim\[keras\]"):
        importlib.reload(engine)


def test_arguments_of_layers_reach_the_class() -> None:
    with pytest.raises(ValueError, match="Unrecognized keyword arguments.*dtdivtu"):
        ConstrainedNoFeedbackESN(
            structural_connectivity=np.ones((2, 2)), noise_param=(0, 0), units=2, dtdivtau=0.1,
            activation="tanh", dtdivtu=3,
        )  # fmt: skip


class OneResult(EchoStateNetwork):
    def call(self, inputs: Any, states: Any) -> Any:
        return states[2]


class TwoStates(EchoStateNetwork):
    def call(self, inputs: Any, states: Any) -> Any:
        output, states = super().call(inputs, states)
        return output, states[:2]


class FourStates(EchoStateNetwork):
    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units, self.output_size, 1]

    def call(self, inputs: Any, states: Any) -> Any:
        output, kept = super().call(inputs, states[:3])
        return output, [*kept, states[3] + 1]

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        return (*super().get_initial_state(inputs, batch_size, dtype), np.zeros((1, 1), "float32"))


class ThreeResults(FORCEModel):
    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        return self.force_layer(x, **kwargs)[:3]


class NoCondition(FORCEModel):
    def update_kernel_condition(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("layer", "kind", "text"),
    [
        (OneResult, FORCEModel, "OneResult.call: expected to return the output and a list of states.\nReceived: '"),
        (
            TwoStates,
            FORCEModel,
            "TwoStates.call: expected to return states of shapes [(1, 5), (1, 5), (1, 1)].\n"
            "Received: [(1, 5), (1, 5)]\nFix: return each state of get_initial_state, in its order and shape.",
        ),
        (
            FourStates,
            FORCEModel,
            "FORCEModel.force_layer_call: expected to return 4 tensors.\nReceived: '5 tensors'\n"
            "Fix: override it: return the output, any tensor, the rates, any tensor.",
        ),
        (
            EchoStateNetwork,
            ThreeResults,
            "ThreeResults.force_layer_call: expected to return 4 tensors.\nReceived: '3 t",
        ),
        (
            EchoStateNetwork,
            NoCondition,
            "update_kernel_condition: expected to return True, False, or a tensor of one.\nReceived: None",
        ),
    ],
)
def test_what_a_method_of_ones_own_returns(layer: Any, kind: Any, text: str) -> None:
    made = kind(force_layer=layer(units=5, output_size=1, seed=1, **esn_options))
    made.compile(metrics=["mae"], backend="tensorflow")
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        made.fit(x, y, epochs=1, verbose=0)
