"""P that goes back towards its start, in every rule of the models: on both engines, and in the published form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim.base import FORCEModel  # noqa: E402
from tension_sim.constrained import BioFORCEModel  # noqa: E402
from tension_sim.errors import InvalidValueError  # noqa: E402
from tension_sim.models import FullFORCEModel, OptimizedFORCEModel  # noqa: E402
from tension_sim.tensorflow import partner_blocks  # noqa: E402
from tests.keras.networks import constrained, data, esn, nofeedback  # noqa: E402
from tests.keras.test_brian2 import ON_NUMPY, assert_same, compiled  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

#: a graph of TensorFlow takes a second
SLOW = pytest.mark.slow
ON_TENSORFLOW = {"backend": "tensorflow", "jit_compile": False}
X, Y = data(25)
WIDE = np.broadcast_to(Y, (len(Y), 20)).copy()


class Published:
    """A hook of the user's, which makes the model keep one full P per neuron."""

    def pseudogradient_P_Gx(self, P_Gx: Any, h: Any) -> Any:
        return super().pseudogradient_P_Gx(P_Gx, h)  # type: ignore[misc]

    def pseudogradient_P(self, P: Any, h: Any) -> Any:
        return super().pseudogradient_P(P, h)  # type: ignore[misc]


#: layer, model, options, input and target
RULES: dict[str, tuple[Any, type, dict[str, Any], Any, Any]] = {
    "readout": (esn, FORCEModel, {}, X, Y),
    "undivided": (esn, FORCEModel, {"gain": "undivided", "alpha_P": 0.1}, X, Y),
    "masked": (lambda **k: nofeedback(p_recurr=0.5, **k), FORCEModel, {}, X, Y),
    "shared": (nofeedback, OptimizedFORCEModel, {}, X, Y),
    "full-FORCE": (nofeedback, FullFORCEModel, {"hint_dim": 1}, np.hstack([X, Y]), Y),
    "BioFORCE": (constrained, BioFORCEModel, {"alpha_P": 1e3}, X, WIDE),
}


def trained(rule: str, engine: dict[str, Any], hooks: tuple[type, ...] = (), **more: Any) -> Any:
    make, kind, options, x, y = RULES[rule]
    if hooks:
        kind = type(kind.__name__, (*hooks, kind), {})
    model = kind(force_layer=make(dtype="float64"), **{"relaxation": 0.05} | options | more)
    compiled(model, engine).fit(x, y, verbose=0)
    return model


@pytest.mark.parametrize("rule", [rule if rule == "masked" else pytest.param(rule, marks=SLOW) for rule in RULES])
def test_both_engines_let_P_go_back(rule: str) -> None:
    ours, theirs = (trained(rule, engine) for engine in (ON_NUMPY, ON_TENSORFLOW))
    assert_same(ours, theirs)
    for P in [each.numpy() for each in theirs.variables if "P_" in each.name]:
        blocks = [P] if P.ndim == 2 else [p[:n, :n] for p, n in zip(P, map(len, theirs._blocks.members), strict=True)]
        values = np.concatenate([np.linalg.eigvalsh(block) for block in blocks])
        assert 0 < values.min() < 0.9 * values.max() <= theirs.alpha_P * (1 + 1e-12)


@SLOW
@pytest.mark.parametrize("rule", ["masked", "shared", "BioFORCE", "full-FORCE"])
def test_hooks_of_the_user_change_no_number(rule: str) -> None:
    ours, theirs = trained(rule, ON_TENSORFLOW), trained(rule, ON_TENSORFLOW, hooks=(Published,))
    for key, then in ours.kernels().items():
        np.testing.assert_allclose(theirs.kernels()[key], then, rtol=0, atol=1e-10)
    if rule != "full-FORCE":
        then = np.broadcast_to(ours.P_GG, (20, 20, 20))
        np.testing.assert_allclose(theirs.P_GG, then, rtol=0, atol=1e-10 * ours.alpha_P)


@SLOW
def test_the_old_gain_of_full_force_comes_back_from_the_new_P() -> None:
    models = [
        trained("full-FORCE", ON_TENSORFLOW, hooks, gain="undivided", alpha_P=0.01) for hooks in ((), (Published,))
    ]
    kernels = [np.asarray(model.original_force_layer.recurrent_kernel) for model in models]
    np.testing.assert_allclose(kernels[1], kernels[0], rtol=0, atol=1e-10)


@SLOW
def test_a_large_P_goes_back_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained("masked", ON_TENSORFLOW)
    monkeypatch.setattr(partner_blocks, "_LARGE", 3000)
    parts = trained("masked", ON_TENSORFLOW)
    assert parts._blocks.large
    assert_same(parts, whole)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"relaxation": 1.0}, "FORCEModel.relaxation: expected a number in [0, 1).\nReceived: 1.0"),
        ({"relaxation": 0.1, "forgetting": 0.9}, "FORCEModel.relaxation: expected 0 beside forgetting=0.9, which"),
        ({"relaxation": 1e-9}, "FORCEModel.relaxation: expected 0, or at least 6e-08 in float32.\nReceived: 1e-09\n"),
        ({"forgetting": 1 - 1e-9}, "FORCEModel.forgetting: expected 1, or at most 0.99999994 in float32."),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, float], text: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        FORCEModel(force_layer=esn(), **options)
    assert text in str(error.value)
