"""The static recurrence of a model is made once, and anew whenever its variable was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim.declare.kernels import SparseKernel  # noqa: E402
from tests.keras.networks import every_pair  # noqa: E402

# Keras copies its own variables in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def one_weight(variable: Any) -> None:
    variable.value[1:2, 3].assign([5.0])


WRITES: dict[str, Callable[[Any], Any]] = {
    "all": lambda variable: variable.assign(2.0 * np.asarray(variable)),
    "one": one_weight,
    "none is left": lambda variable: variable.assign(np.zeros(variable.shape)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("name", ["esn", "lif"])
def test_a_run_has_the_weights_of_the_variable(name: str, write: str) -> None:
    model, x, y, predict_x = every_pair()[name]()
    model.compile(metrics=["mae"], backend="brian2", target="numpy")
    model.fit(x, y, verbose=0)
    first = model.declaration().network.recurrent
    model.predict(predict_x, verbose=0)
    assert model.declaration().network.recurrent is first
    variable = model.original_force_layer.recurrent_kernel
    np.testing.assert_array_equal(first.to_dense(), np.asarray(variable))
    WRITES[write](variable)
    written = np.asarray(variable)
    found = model.declaration().network.recurrent
    np.testing.assert_array_equal(np.zeros_like(written) if found is None else found.to_dense(), written)
    assert not np.array_equal(first.to_dense(), written)
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize(("name", "listed"), [("esn", SparseKernel.rows), ("lif", SparseKernel.outgoing)])
def test_no_run_sorts_the_weights(name: str, listed: Callable[[SparseKernel], Any]) -> None:
    model, x, y, _ = every_pair()[name]()
    model.compile(metrics=["mae"], backend="brian2", target="numpy")
    model.fit(x, y, verbose=0)
    kernel = model.declaration().network.recurrent
    assert listed(kernel)[2] is kernel.weight
    matrix = np.asarray(model.original_force_layer.recurrent_kernel)
    pairs = [(s, t) for s, t in np.ndindex(matrix.shape) if matrix[s, t]]
    pairs = sorted(pairs, key=lambda pair: pair[::-1] if name == "esn" else pair)
    assert kernel.weight.tolist() == [matrix[pair] for pair in pairs]
