"""Models of any options, drawn: what one engine computes, the other one does, and so does a subclass with hooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.constrained import BioFORCEModel, ConstrainedNoFeedbackESN  # noqa: E402
from tension_sim.models import EchoStateNetwork, FullFORCEModel, NoFeedbackESN, OptimizedFORCEModel  # noqa: E402
from tension_sim.spiking import LIF, SpikingNNModel  # noqa: E402
from tests.keras.networks import ENGINES, compiled, lif_arguments  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

UNITS, STEPS = 7, 24
KINDS: dict[str, tuple[type, type]] = {
    "esn": (EchoStateNetwork, FORCEModel),
    "no feedback": (NoFeedbackESN, FORCEModel),
    "one P": (NoFeedbackESN, OptimizedFORCEModel),
    "full-FORCE": (NoFeedbackESN, FullFORCEModel),
    "BioFORCE": (ConstrainedNoFeedbackESN, BioFORCEModel),
    "LIF": (LIF, SpikingNNModel),
}
ACTIVATIONS = ("tanh", "sigmoid", "softsign", "elu")


def with_hooks(model: type) -> type:
    """Return a subclass whose hooks say what those of the package say: it stores P in the published form."""

    class Hooks:
        def pseudogradient_P(self, P: Any, h: Any) -> Any:
            return super().pseudogradient_P(P, h)  # type: ignore[misc]

        def pseudogradient_P_Gx(self, P_Gx: Any, h: Any) -> Any:
            return super().pseudogradient_P_Gx(P_Gx, h)  # type: ignore[misc]

        def pseudogradient_wR(self, *arguments: Any) -> Any:
            return super().pseudogradient_wR(*arguments)  # type: ignore[misc]

    return type(model.__name__, (Hooks, model), {})


@st.composite
def drawn_models(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any], int, bool, int]:
    """Draw a kind of model, arguments of its layer and of itself, outputs, whether it is left to rest, and a seed."""
    kind, seed = draw(st.sampled_from(sorted(KINDS))), draw(st.integers(0, 1000))
    layer: dict[str, Any] = {"seed": seed, "g": draw(st.sampled_from([0.5, 1.5]))}
    model: dict[str, Any] = {"update_every": draw(st.integers(1, 4)), "start": draw(st.integers(0, 6))}
    model |= draw(st.sampled_from([{}, {"stop": 30}]))
    model |= draw(st.sampled_from([{}, {"forgetting": 0.9}, {"relaxation": 0.05}]))
    model |= draw(st.sampled_from([{"alpha_P": 0.5}, {"alpha_P": 0.01, "gain": "undivided"}]))
    outputs = draw(st.integers(1, 3))
    if kind not in ("full-FORCE", "one P"):
        layer["p_recurr"] = draw(st.sampled_from([1, 0.3]))
    if kind == "LIF":
        model["alpha_P"] *= 1e-3  # its rates are per second
        return kind, lif_arguments(**layer, units=UNITS), model, outputs, draw(st.booleans()), seed
    layer |= {"dtdivtau": draw(st.sampled_from([0.05, 0.4])), "activation": draw(st.sampled_from(ACTIVATIONS))}
    if kind == "full-FORCE":
        outputs, model["hint_dim"] = 1, draw(st.integers(0, 1))
    elif kind == "BioFORCE":
        outputs = UNITS
    elif kind != "one P":
        layer["recurrent_kernel_trainable"] = outputs == 1 and draw(st.booleans())
    else:
        outputs = 1
    return kind, layer, model, outputs, draw(st.booleans()), seed


@settings(max_examples=12, deadline=None, derandomize=True)
@given(drawn_models())
def test_both_engines_and_hooks_give_the_same_model(
    drawn: tuple[str, dict[str, Any], dict[str, Any], int, bool, int],
) -> None:
    kind, layer, model, outputs, rests, seed = drawn
    make_layer, make = KINDS[kind]
    rng = np.random.default_rng(seed)
    hints = model.get("hint_dim", 0)
    x, y = rng.normal(size=(STEPS, 1 + hints)), rng.normal(size=(STEPS, outputs))
    if kind == "BioFORCE":
        links = (rng.random((UNITS, UNITS)) < 0.6) * rng.uniform(0.2, 1, (UNITS, UNITS))
        layer = layer | {"structural_connectivity": links, "noise_param": (0.0, 0.05)}
    else:
        layer = layer | {"output_size": outputs}
    found = []
    for kind_of_model, engine in ((make, ENGINES[0]), (make, ENGINES[1]), (with_hooks(make), ENGINES[0])):
        network = make_layer(**layer | {"units": UNITS, "dtype": "float64"})
        one = compiled(kind_of_model(force_layer=network, **model), engine)
        one.fit(x[:9], y[:9], verbose=0)
        if rests:
            one.force_layer.reset_states()
        one.fit(np.stack([x[:8], x[8:16]]), np.stack([y[:8], y[8:16]]), epochs=2, verbose=0)
        found.append((one, one.predict(x[:, : 1 + hints * (kind != "full-FORCE")], verbose=0)))
    (theirs, wanted), (ours, predicted), (hooked, of_hooks) = found
    for variable, then in zip(ours.variables, theirs.variables, strict=True):
        then = np.asarray(then, float)
        scale = max(1.0, np.abs(then).max(initial=0))
        np.testing.assert_allclose(np.asarray(variable, float) / scale, then / scale, rtol=0, atol=1e-9)
    for name, then in theirs.kernels().items():
        scale = max(1.0, np.abs(then).max())
        np.testing.assert_allclose(hooked.kernels()[name] / scale, then / scale, rtol=0, atol=1e-9, err_msg=name)
    for outputs_of in (predicted, of_hooks):
        np.testing.assert_allclose(outputs_of, wanted, rtol=0, atol=1e-9 * max(1.0, np.abs(wanted).max()))
