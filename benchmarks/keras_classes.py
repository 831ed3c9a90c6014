"""Time steps of the Keras-style classes, beside Keras' own loop of one batch a time step.

    python benchmarks/keras_classes.py [--steps 2000] [case ...]

The baseline is how the published package runs: Keras' own ``fit`` with a batch for each time
step, so one call of a compiled ``train_step`` a step, and P of a recurrent kernel in full,
(units, units, units). All run in turns in one process, on the same network and data:
TensorFlow in float32, Brian2's C++ in float64 where nothing else is said. "its callback" is a
fit with a callback of each time step, beside one without.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer as Trainer

from tension_sim.base import FORCEModel
from tension_sim.callbacks import OutputTracking
from tension_sim.constrained import BioFORCEModel, ConstrainedNoFeedbackESN
from tension_sim.models import EchoStateNetwork, FullFORCEModel, NoFeedbackESN
from tension_sim.spiking import LIF, SpikingNNModel

RATE = {"dtdivtau": 0.1, "activation": "tanh", "seed": 1, "output_size": 1}
SPIKING = dict(
    tau_mem=0.01, tau_ref=0.002, dt=5e-5, tau_decay=0.02, tau_rise=0.002, tau_syn=0.02, v_peak=-40,
    v_reset=-65, I_bias=-40, G=0.04, Q=10, g=1.0, units=2000, output_size=1, p_recurr=0.1, seed=1,
)  # fmt: skip


FULL = {"hint_dim": 0, "target_output_kernel_trainable": False}


def full_p(model_class: type) -> type:
    """Return the model with P of the recurrent kernel in full, as published."""
    return type(f"Full{model_class.__name__}", (model_class,), {"_uses_blocks": lambda self: False})


def bio_layer() -> ConstrainedNoFeedbackESN:
    ones = np.ones((300, 300), np.float32)
    arguments = {name: RATE[name] for name in ("dtdivtau", "activation", "seed")}
    return ConstrainedNoFeedbackESN(
        structural_connectivity=ones, noise_param=(0, 0), units=300, p_recurr=0.5, **arguments
    )


#: name: (layer, model, its options, outputs, goal)
CASES: dict[str, tuple[Callable[[], Any], type, dict[str, Any], int, int]] = {
    "EchoStateNetwork + FORCE, N = 400": (lambda: EchoStateNetwork(units=400, **RATE), FORCEModel, {}, 1, 15),
    "NoFeedbackESN, both kernels, N = 100": (lambda: NoFeedbackESN(units=100, **RATE), FORCEModel, {}, 1, 100),
    "FullFORCE, N = 400": (lambda: NoFeedbackESN(units=400, **RATE), FullFORCEModel, FULL, 1, 10),
    "BioFORCE, half masked, N = 300": (bio_layer, BioFORCEModel, {}, 300, 30),
    "BioFORCE, the same, all in float32": (bio_layer, BioFORCEModel, {"dtype": "float32"}, 300, 50),
    "LIF, each step, N = 2000": (lambda: LIF(**SPIKING), SpikingNNModel, {"alpha_P": 1e-4}, 1, 5),
    "LIF, one step in 50, N = 2000": (
        lambda: LIF(**SPIKING), SpikingNNModel, {"alpha_P": 1e-4, "update_every": 50}, 1, 15
    ),
}  # fmt: skip


def data(steps: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(steps)[:, None]
    return np.ones((steps, 1), np.float32), (0.5 * np.sin(t * 0.01 + np.arange(outputs))).astype(np.float32)


def per_step(model: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """Return one epoch of Keras' own fit, with a batch a time step."""
    model._build_metrics(y.shape[1])
    model._phase = "train"
    batches = tf.data.Dataset.from_tensor_slices((x[:, None, None], y[:, None, None]))
    return lambda: Trainer.fit(model, batches, verbose=0)


def seconds(epoch: Callable[[], Any], repeats: int) -> float:
    """Return the shortest of some epochs, after one that compiles."""
    epoch()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        epoch()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(name: str, steps: int) -> str:
    make_layer, model_class, options, outputs, goal = CASES[name]
    slow = "BioFORCE" in name
    repeats = 1 if slow else 3
    x, y = data(steps, outputs)
    per = 1e3 / steps

    times, cells = {}, []
    for backend in ("tensorflow", "brian2"):
        model = model_class(force_layer=make_layer(), **options)
        model.compile(metrics=["mae"], backend=backend)
        fit = seconds(lambda model=model: model.fit(x, y, verbose=0), repeats)
        tracking = OutputTracking(steps, model.original_force_layer.output_size)
        tracked = seconds(lambda model=model, t=tracking: model.fit(x, y, verbose=0, callbacks=[t]), repeats)
        predict = seconds(lambda model=model: model.predict(x, verbose=0), repeats)
        times[backend] = fit
        cells += [f"{fit * per:.4f}", f"{tracked / fit:.1f}", f"{predict * per:.4f}"]
    model.compile(metrics=["mae"])

    published = full_p(model_class)(force_layer=make_layer(), **options)
    published.compile(metrics=["mae"], backend="tensorflow")
    published.build(published._input_shape(x[:, None], y[:, None]))
    short = max(20, steps // 10) if slow else steps
    baseline = seconds(per_step(published, x[:short], y[:short]), repeats) * steps / short
    ratio = f"{baseline / times[model._engine]:.0f}"
    return f"| {' | '.join([name, f'{baseline * per:.3f}', *cells, model._engine, ratio, str(goal)])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("cases", nargs="*", help="parts of names; all by default")
    arguments = parser.parse_args()
    engine = "{0}, ms | its callback, x | its predict, ms"
    engines = " | ".join(engine.format(name) for name in ("TensorFlow", "Brian2"))
    print(f"| case | Keras, one step a call, ms | {engines} | default | ratio | goal |")
    print("|---" * 11 + "|")
    for name in CASES:
        if not arguments.cases or any(part in name for part in arguments.cases):
            print(measure(name, arguments.steps), flush=True)


if __name__ == "__main__":
    main()
