"""The Keras-style classes give the traces of the published package again.

Rate networks: every time step within 1e-3, and the numbers of TOLERANCES. Spiking
networks are chaotic: a spike that falls one step later, because a sum was rounded
otherwise, changes all that follows. They must agree up to 0.9 of the step at which the
first of 12 float64 runs with relative noise of 6e-8 a step left the trace (the float32
run, which flipped at step 2099 of lif_single_exponential, counted among them); after it,
the mean absolute error must agree within 0.05, and kernels are not compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402
from golden.published import model_of  # noqa: E402
from targets import skip_unless_here  # noqa: E402
from traces import load_trace, trace_names  # noqa: E402

#: time step at which a run with rounding noise first leaves the trace, of all time steps
NOISE_LEAVES = {
    "izhikevich_every_ten": 2019,
    "izhikevich_force": 938,
    "lif_force": 3002,
    "lif_single_exponential": 2099,
    "theta_force_three_outputs": 249,
}
RATE = [name for name in trace_names("golden") if name not in NOISE_LEAVES]
# ten times what rounding noise does to the worst of the seven rate networks
TOLERANCES = {"mae": 1e-5, "val_mae": 5e-5, "val_loss": 5e-5, "kernel": 2e-4, "P": 5e-5, "predict": 5e-3}


class Outputs(keras.callbacks.Callback):
    """Keep the output that a callback sees at each time step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(np.asarray(self.model.force_layer.states[-1])[0].copy())


def run(name: str, **options: Any) -> tuple[dict[str, Any], Any, Outputs, dict[str, list[float]], np.ndarray]:
    if "target" in options:
        skip_unless_here(options["target"])
    trace = load_trace("golden", name)
    model = model_of(trace, plain=options.get("backend") == "brian2", **options)
    outputs = Outputs()
    validation = (trace["x"], trace["y"]) if "history_val_mae" in trace else None
    history = model.fit(
        trace["x"], trace["y"], epochs=trace["doc"]["epochs"], validation_data=validation, verbose=0,
        callbacks=[outputs],
    ).history  # fmt: skip
    predicted = model.predict(trace.get("x_predict", trace["x"]), verbose=0)
    return trace, model, outputs, history, predicted


def close(value: Any, wanted: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(np.asarray(value), wanted, rtol=0, atol=tolerance)


engines = pytest.mark.parametrize(
    "engine",
    [
        {"backend": "tensorflow", "jit_compile": True},
        {"backend": "tensorflow", "jit_compile": False},
        {"backend": "brian2", "target": "numpy"},
        pytest.param({"backend": "brian2", "target": "cython"}, marks=pytest.mark.slow),
        pytest.param({"backend": "brian2", "target": "cpp_standalone"}, marks=pytest.mark.slow),
    ],
    ids=["xla", "graph", "numpy", "cython", "cpp_standalone"],
)


@engines
@pytest.mark.parametrize("name", RATE)
def test_a_rate_network_gives_the_published_trace_at_every_step(name: str, engine: dict[str, Any]) -> None:
    trace, model, outputs, history, predicted = run(name, **engine)
    wanted = trace["train_output"].reshape(-1, trace["train_output"].shape[-1])
    close(outputs.seen, wanted, 1e-3)
    for key in ("mae", "val_mae", "val_loss"):
        if f"history_{key}" in trace:
            close(history[key], trace[f"history_{key}"], TOLERANCES[key])
    layer = model.original_force_layer
    for key in ("output_kernel", "recurrent_kernel"):
        if f"final_{key}" in trace and hasattr(layer, key):
            wanted = trace[f"final_{key}"]
            close(getattr(layer, key), wanted, TOLERANCES["kernel"] * np.abs(wanted).max())
    for key in ("P_output", "P_GG", "task_P_output"):
        if f"final_{key}" in trace:
            close(getattr(model, key), trace[f"final_{key}"], TOLERANCES["P"])
    close(predicted, trace["predict"], TOLERANCES["predict"])


@engines
@pytest.mark.parametrize("name", NOISE_LEAVES)
def test_a_spiking_network_follows_the_published_trace_as_far_as_rounding_lets_it(
    name: str, engine: dict[str, Any]
) -> None:
    trace, _, outputs, history, _ = run(name, **engine)
    wanted = trace["train_output"].reshape(-1, trace["train_output"].shape[-1])
    steps = int(0.9 * NOISE_LEAVES[name])
    close(outputs.seen[:steps], wanted[:steps], 1e-3)
    assert len(outputs.seen) == len(wanted)
    close(history["mae"], trace["history_mae"], 0.05)


def test_a_changed_target_is_noticed() -> None:
    trace = load_trace("golden", "lif_force")
    model = model_of(trace, backend="tensorflow")
    outputs = Outputs()
    y = trace["y"].copy()
    y[700] += 0.1
    model.fit(trace["x"][:800], y[:800], verbose=0, callbacks=[outputs])
    off = np.abs(np.array(outputs.seen) - trace["train_output"][0][:800]).max(1)
    assert off[:701].max() < 1e-3 < off[701:].max()
