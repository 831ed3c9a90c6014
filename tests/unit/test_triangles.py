"""P of a run, packed and with terms that wait, as a whole matrix: beside the formula itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tension_sim.circuit.triangles import pack, unpack


@pytest.mark.parametrize("scale", [1.0, np.float64(0.97)])
@pytest.mark.parametrize("terms", [0, 1, 8])
@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 300])  # about a tile, and some
@pytest.mark.parametrize(("dtype", "wanted"), [("float64", "float64"), ("float64", "float32"), ("float32", "float32")])
def test_a_packed_p_is_the_matrix_less_its_terms(n: int, terms: int, scale: Any, dtype: str, wanted: str) -> None:
    rng = np.random.default_rng(n)
    matrix = rng.standard_normal((n, n))
    matrix = (matrix + matrix.T).astype(dtype)
    k, c = rng.standard_normal((terms, n)).astype(dtype), rng.uniform(0.5, 1.0, terms).astype(dtype)
    packed = pack(matrix)
    before = packed.copy()
    np.testing.assert_array_equal(packed, matrix[np.tril_indices(n)])
    out = np.full((n, n), np.nan, wanted)
    whole = unpack(packed, n, k, c, scale, out)
    assert whole is out
    expected = scale * (matrix.astype(float) - k.astype(float).T @ np.diag(c.astype(float)) @ k.astype(float))
    assert whole.dtype == wanted
    eps = max(np.finfo(dtype).eps, np.finfo(wanted).eps)
    np.testing.assert_allclose(whole, expected, rtol=0, atol=8 * eps * np.abs(expected).max())
    np.testing.assert_array_equal(whole, whole.T)
    np.testing.assert_array_equal(packed, before)


@pytest.mark.parametrize("n", [0, 1, 127, 300])
def test_a_matrix_comes_back_from_its_triangle(n: int) -> None:
    matrix = np.arange(float(n * n)).reshape(n, n)
    matrix += matrix.T
    assert unpack(pack(matrix) if n else np.zeros(0), n).tolist() == matrix.tolist()


def test_what_memory_held_before_is_not_computed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest number twice would overflow, which numpy warns of."""
    monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, np.finfo(dtype).max, dtype))
    assert unpack(np.arange(6.0), 3, scale=2.0).tolist() == [[0, 2, 6], [2, 4, 8], [6, 8, 10]]
