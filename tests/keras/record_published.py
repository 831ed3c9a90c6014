"""Record what the published package `tension` 0.2 gives, for the tests of the Keras-style classes.

    python tests/keras/record_published.py [signatures] [random_build] [setups]

It runs in an environment of its own, see ``tests/keras/published/README.md``; the tests read
the files it writes into ``tests/keras/published``, and need neither it nor that environment.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent / "published"
MODULES = ("base", "models", "constrained", "spiking", "esn", "callbacks")
KERNELS = ("input", "recurrent", "feedback", "output")

RATE = {"dtdivtau": 0.1, "activation": "tanh"}
LIF = dict(
    tau_mem=0.01, tau_ref=0.002, dt=2e-4, tau_decay=0.02, tau_rise=0.002, tau_syn=0.02, v_peak=-40, v_reset=-65,
    I_bias=-39, G=0.04, Q=10,
)  # fmt: skip
IZHIKEVICH = dict(
    dt=0.04, tau_decay=20, tau_rise=2, tau_syn=20, v_peak=30, v_reset=-65, I_bias=1000, G=5000, Q=5000,
    adapt_time_inv=0.01, resonance_param=-2, capacitance=250, adapt_jump_curr=200, gain_on_v=2.5, v_resting=-60,
    v_thres=-19.2,
)  # fmt: skip
THETA = dict(
    dt=5e-4, tau_decay=0.02, tau_rise=0.002, tau_syn=0.02, v_peak=float(np.pi), v_reset=-float(np.pi), I_bias=0,
    G=15, Q=1e4,
)  # fmt: skip


def class_of(name: str) -> Any:
    """Return a class of the published package."""
    found = [getattr(importlib.import_module(f"tension.{module}"), name, None) for module in MODULES]
    return next(cls for cls in found if cls is not None)


# -- signatures


def signature_table() -> dict[str, Any]:
    """Return the parameters of every public class and method: name, kind, and default as text."""
    table: dict[str, Any] = {}
    for module_name in MODULES:
        module = importlib.import_module(f"tension.{module_name}")
        for name, cls in vars(module).items():
            if not inspect.isclass(cls) or cls.__module__ != module.__name__:
                continue
            methods = {"__init__": cls.__init__}
            for key, value in vars(cls).items():
                value = value.__func__ if isinstance(value, classmethod) else value
                value = getattr(value, "python_function", value)  # what tf.function wraps
                if not key.startswith("_") and inspect.isfunction(value):
                    methods[key] = value
            table[f"{module_name}.{name}"] = {
                key: [
                    [p.name, p.kind.name, None if p.default is p.empty else repr(p.default)]
                    for p in inspect.signature(method).parameters.values()
                ]
                for key, method in methods.items()
            }
    return table


# -- the random build


def random_layers() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return, by name, each layer class with arguments; units and seed are added."""
    ones = np.ones((UNITS, UNITS), np.float32)
    return {
        "EchoStateNetwork": ("FORCEModel", dict(RATE, output_size=2)),
        "NoFeedbackESN": ("FORCEModel", dict(RATE, output_size=1)),
        "ConstrainedNoFeedbackESN": ("BioFORCEModel", dict(RATE, structural_connectivity=ones, noise_param=(0, 0.1))),
        "LIF": ("SpikingNNModel", dict(LIF, output_size=2)),
        "Izhikevich": ("SpikingNNModel", dict(IZHIKEVICH, output_size=2)),
        "Theta": ("SpikingNNModel", dict(THETA, output_size=2)),
    }


UNITS, SEEDS, INPUTS = 60, 8, 3


def moments(arrays: list[np.ndarray]) -> dict[str, Any]:
    """Return shape, mean, deviation, share of zeros and deviation of the row sums of equally drawn arrays."""
    values = np.stack(arrays).astype(float)
    used = values[values != 0]
    return {
        "shape": list(arrays[0].shape),
        "mean": float(used.mean()) if len(used) else 0.0,
        "std": float(used.std()) if len(used) else 0.0,
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "zeros": float((values == 0).mean()),
        "row_sums": float(values.sum(axis=-1).std()),
        "column_sums": float(values.sum(axis=-2).std()),
    }


def random_build() -> dict[str, Any]:
    """Return what the random build of each layer class gives, with all connections and with half of them."""
    table: dict[str, Any] = {}
    for name, (model_name, arguments) in random_layers().items():
        for p in (1, 0.5):
            kernels: dict[str, list[np.ndarray]] = {}
            states: list[list[np.ndarray]] = []
            masks, P = [], []
            for seed in range(SEEDS):
                layer = class_of(name)(units=UNITS, seed=seed, p_recurr=p, **arguments)
                model = class_of(model_name)(force_layer=layer)
                model.build((1, 1, INPUTS))
                for kernel in KERNELS:
                    if hasattr(layer, f"{kernel}_kernel"):
                        kernels.setdefault(kernel, []).append(getattr(layer, f"{kernel}_kernel").numpy())
                states.append([np.asarray(s) for s in layer.get_initial_state(batch_size=1)])
                mask = layer.recurrent_nontrainable_boolean_mask
                recurrent = layer.recurrent_kernel.numpy()
                masks.append("none" if mask is None else "zeros" if np.array_equal(mask, recurrent == 0) else "other")
                P.append(np.shape(model.P_GG) if hasattr(model, "P_GG") else None)
            table[f"{name} {p}"] = {
                "mask": sorted(set(masks)),
                "P_GG": None if P[0] is None else list(P[0]),
                "P_GG_of_frozen": None if P[-1] is None else float(np.mean(np.asarray(model.P_GG) != 0) * UNITS),
                "trainable": sorted(k for k in kernels if getattr(layer, f"{k}_kernel").trainable),
                "kernels": {kernel: moments(values) for kernel, values in kernels.items()},
                "states": [moments([s[i] for s in states]) for i in range(len(states[0]))],
            }
    return table


# -- the setups


def signals(steps: int, outputs: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return an input and a target, (steps, 1) and (steps, outputs)."""
    t = np.arange(steps)[:, None]
    y = np.sin(0.05 * t + np.arange(outputs)) + 0.5 * np.sin(0.11 * t + 1)
    return np.cos(0.03 * t).astype(np.float32), (scale * y).astype(np.float32)


def network(units: int, outputs: int, kernels: str, p: float, std: float, seed: int) -> dict[str, np.ndarray]:
    """Return kernels (by their first letters), and the mask of the connections that are not there."""
    rng = np.random.default_rng(seed)
    absent = rng.random((units, units)) >= p
    made = {
        "input": rng.normal(size=(1, units)),
        "recurrent": np.where(absent, 0, std * rng.normal(size=(units, units))),
        "feedback": rng.uniform(-1, 1, size=(outputs, units)),
        "output": np.zeros((units, outputs)),
    }
    found = {f"{k}_kernel": made[k].astype(np.float32) for k in KERNELS if k[0] in kernels}
    return {**found, "mask": absent}


def setups() -> dict[str, tuple[str, str, dict[str, Any], dict[str, Any], dict[str, np.ndarray]]]:
    """Return, by name: layer, model, arguments of both, and arrays."""
    rng = np.random.default_rng(1)

    def initial(name: str, units: int, low: float, high: float) -> dict[str, np.ndarray]:
        return {name: rng.uniform(low, high, (1, units)).astype(np.float32)}

    N, S = 40, 80
    rate = 1.5 / N**0.5
    spiking = {"lif": 1.5 / (S**0.5), "other": 1.0 / (S**0.5)}
    ones = {"structural_connectivity": (1 + rng.random((N, N))).astype(np.float32)}
    a = initial("initial_a", N, -0.5, 0.5)
    bio = {"noise_param": (0.0, 0.0), "g": 1.2, **RATE}
    return {
        "esn": ("EchoStateNetwork", "FORCEModel", RATE, {}, {**network(N, 1, "irfo", 1, rate, 1), **a}),
        "nofeedback": ("NoFeedbackESN", "FORCEModel", RATE, {}, {**network(N, 1, "iro", 0.6, rate, 2), **a}),
        "optimized": (
            "NoFeedbackESN", "OptimizedFORCEModel", RATE, {"alpha_P": 0.5}, {**network(N, 1, "iro", 1, rate, 3), **a}
        ),
        "constrained": (
            "ConstrainedNoFeedbackESN", "BioFORCEModel", bio, {}, {**network(N, N, "ir", 0.5, rate, 4), **a, **ones}
        ),
        "constrained_dense": (
            "ConstrainedNoFeedbackESN", "BioFORCEModel", bio, {}, {**network(N, N, "ir", 1, rate, 5), **a, **ones}
        ),
        "lif_driven": (
            # a refractory time of whole time steps would be decided by how dt*t is rounded
            "LIF", "SpikingNNModel", {**LIF, "tau_ref": 0.0021}, {"alpha_P": 1e-3},
            {**network(S, 1, "irfo", 0.5, spiking["lif"], 6), **initial("initial_voltage", S, -65, -40.5)},
        ),
        "lif_resting": (
            "LIF", "SpikingNNModel", {**LIF, "tau_ref": 0.00203, "dt": 5e-5, "I_bias": -40}, {"alpha_P": 1e-3},
            {**network(S, 1, "irfo", 0.1, 1.5 / (S**0.5 * 0.1), 9), **initial("initial_voltage", S, -65, 30)},
        ),
        "izhikevich": (
            "Izhikevich", "SpikingNNModel", IZHIKEVICH, {"alpha_P": 2.0},
            {**network(S, 1, "irfo", 0.5, spiking["other"], 7), **initial("initial_voltage", S, -60, 29)},
        ),
        "theta": (
            "Theta", "SpikingNNModel", THETA, {"alpha_P": 1e-3},
            {**network(S, 1, "irfo", 0.5, spiking["other"], 8), **initial("initial_voltage", S, -3.1, 3.1)},
        ),
    }  # fmt: skip


MOVED, RUNS, STEPS = 1e-7, 6, 300


def moved_by_little(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return float32 numbers, each moved by a relative 1e-7 or so."""
    return (values * (1 + MOVED * rng.normal(size=values.shape))).astype(np.float32)


def trained(name: str, move: int) -> dict[str, np.ndarray]:
    """Run a setup: fit with validation, evaluate, predict.

    For a `move` above 0, what it starts from is moved by the last bits of float32: initial
    states, and kernels for every second one, since a neuron that was reset has no past.
    """
    from tensorflow import keras

    layer_name, model_name, options, model_options, arrays = setups()[name]
    kernels = [arrays[f"{k}_kernel"] for k in KERNELS if f"{k}_kernel" in arrays]
    more = {k: v for k, v in arrays.items() if not k.endswith("_kernel") and k != "mask"}
    state = next(k for k in more if k.startswith("initial_"))
    if move:
        rng = np.random.default_rng(move)
        more[state] = moved_by_little(more[state], rng)
        kernels = [moved_by_little(kernel, rng) for kernel in kernels] if move % 2 else kernels
    layer = class_of(layer_name).from_weights(kernels, arrays["mask"], **options, **more)
    model = class_of(model_name)(force_layer=layer, **model_options)
    model.compile(metrics=["mae"])
    outputs: list[np.ndarray] = []

    class Outputs(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            outputs.append(self.model.force_layer.states[-1].numpy()[0])

    width = layer.output_size
    x, y = signals(STEPS, width, 0.5 if width > 1 else 1.0)
    history = model.fit(x, y, epochs=2, validation_data=(x[:100], y[:100]), verbose=0, callbacks=[Outputs()]).history
    trials = x[:100].reshape(2, 50, 1)
    return {
        **{key: np.array(values) for key, values in history.items()},
        "evaluate": np.array(model.evaluate(x[:150], y[:150], verbose=0)),
        "predict": np.asarray(model.predict(trials, verbose=0)),
        "train_output": np.array(outputs, np.float32)[:, :3],
    }


def record_setups() -> None:
    """Write one file a setup: its arrays, what it gives, and how far that moves with the initial states."""
    for name, (layer, model, options, model_options, arrays) in setups().items():
        runs = [trained(name, move) for move in range(RUNS + 1)]
        base = runs[0]
        moved = {key: max(float(np.abs(run[key] - base[key]).max()) for run in runs[1:]) for key in base}
        apart = np.max([np.abs(run["train_output"] - base["train_output"]).max(axis=1) for run in runs[1:]], axis=0)
        left = np.flatnonzero(apart > 1e-3)
        doc = {
            "layer": layer, "model": model, "layer_options": options, "model_options": model_options,
            "moved": moved, "leaves": int(left[0]) if len(left) else len(apart),
        }  # fmt: skip
        x, y = signals(
            STEPS,
            base["train_output"].shape[1] if "output_kernel" in arrays else 40,
            1.0 if "output_kernel" in arrays else 0.5,
        )
        np.savez_compressed(
            FOLDER / f"{name}.npz", doc=json.dumps(doc), in_x=x, in_y=y,
            **{f"in_{k}": v for k, v in arrays.items()}, **base,
        )  # fmt: skip
        print(name, doc["leaves"], {k: f"{v:.2g}" for k, v in moved.items()}, base["mae"])


def record_resting() -> None:
    """Write how much LIF neurons fire that rest at their threshold, over three calls of fit and a predict."""
    S, seconds = 20, 1.0
    arguments = dict(LIF, I_bias=-40, dt=1e-3)
    arrays = {k: np.zeros_like(v) for k, v in network(S, 1, "irfo", 1, 1.0, 0).items()}
    kernels = [arrays[f"{k}_kernel"] for k in KERNELS]
    voltage = np.linspace(-64, -41, S)[None].astype(np.float32)
    layer = class_of("LIF").from_weights(kernels, arrays["mask"], initial_voltage=voltage, **arguments)
    model = class_of("SpikingNNModel")(force_layer=layer, alpha_P=1e-3)
    model.compile(metrics=["mae"])
    x = np.zeros((int(seconds / 1e-3), 1), np.float32)
    rates = []
    for _ in range(3):
        model.fit(x, x, verbose=0)
        rates.append(float(np.abs(layer_states(model)[3]).max()))
    np.savez_compressed(
        FOLDER / "resting.npz", doc=json.dumps({"layer_options": arguments}), in_initial_voltage=voltage, rates=rates
    )
    print("resting", rates)


def layer_states(model: Any) -> list[np.ndarray]:
    """Return the states of a model as arrays."""
    return [state.numpy() for state in model.force_layer.states]


def write(name: str, table: Any) -> None:
    """Write a table as text that can be read and compared."""
    (FOLDER / f"{name}.json").write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


PARTS: dict[str, Callable[[], None]] = {
    "signatures": lambda: write("signatures", signature_table()),
    "random_build": lambda: write("random_build", random_build()),
    "setups": record_setups,
    "resting": record_resting,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
