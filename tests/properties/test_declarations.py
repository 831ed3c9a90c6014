"""Expressions, kernels and blocks, for any input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tension_sim.circuit.blocks import Blocks, max_pending
from tension_sim.circuit.triangles import pack, unpack
from tension_sim.declare.network import SparseKernel
from tension_sim.declare.units import Quantity, evaluate
from tension_sim.errors import TensionError, closest

quick = settings(deadline=None, derandomize=True)
NAMES = {"tau": Quantity(0.01, (0, 0, 1, 0, 0, 0, 0)), "v": Quantity(np.array([0.0, -1.0, 2.0]), (0,) * 7)}

tokens = st.sampled_from(
    [
        *"0123456789.+-*/()**,;:=[]{}'\"\\@#%^&|<>~ \n\t\0",
        "**",
        "//",
        "1e",
        "e308",
        "inf",
        "nan",
        "ms",
        "mV",
        "pi",
        "tau",
    ]
    + [
        "v",
        "exp",
        "log",
        "sqrt",
        "rand",
        "randn",
        "exp(",
        "rand()",
        "__import__",
        "lambda",
        "if",
        "else",
        "None",
        "True",
    ]
    + ["0x", "1j", "_", "ü", "\ud800", "0o7", "f'", "await ", "(1,", "()" * 20]
)


@quick
@given(st.one_of(st.text(max_size=40), st.lists(tokens, max_size=15).map("".join)))
@example("1" * 400)
@example("9" * 1000)
@example("(" * 900)
@example("-" * 999 + "1")
@example("exp(1000)*0")
@example("rand()**(0-1)")
@example("\ud800")
@example("v**0.5 + log(v)")
def test_any_text_is_a_quantity_or_one_of_our_errors(text):
    try:
        found = evaluate(text, "A.b", NAMES, 3, np.random.default_rng(0))
    except TensionError as error:
        assert str(error).startswith("A.b: expected ")
    else:
        assert np.asarray(found.value).dtype.kind == "f"
        assert len(found.dimension) == 7


@quick
@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.binary(),
        st.lists(st.floats()),
    )
)
def test_any_value_is_a_quantity_or_one_of_our_errors(value):
    try:
        found = evaluate(value, "A.b")
    except TensionError as error:
        assert str(error).startswith("A.b: expected ")
    else:
        assert found.value == value or math.isnan(value)


numbers = st.floats(min_value=0.01, max_value=100).map(lambda x: f"{x!r}")


@st.composite
def arithmetic(draw, depth: int = 3):
    """Text of plain arithmetic that Python can evaluate as well."""
    if not depth or draw(st.booleans()):
        return draw(numbers)
    left, right = draw(arithmetic(depth=depth - 1)), draw(arithmetic(depth=depth - 1))
    return f"({left} {draw(st.sampled_from('+-*/'))} {right})"


@quick
@given(arithmetic())
def test_arithmetic_is_pythons(text):
    try:
        wanted = eval(text)  # noqa: S307 - made by this test, of digits and operators
    except ZeroDivisionError:
        with pytest.raises(TensionError, match="division by zero"):
            evaluate(text, "A.b")
    else:
        assert evaluate(text, "A.b").value == wanted


@quick
@given(st.text(max_size=20), st.lists(st.text(max_size=10), max_size=5))
def test_closest_is_a_known_name_or_none(name, known):
    found = closest(name, known)
    assert found is None or found in known


@quick
@given(st.integers(1, 40), st.floats(0.01, 1), st.integers(0, 2**32 - 1), st.booleans())
def test_sparse_kernels(n, p, seed, balanced):
    kernel = SparseKernel.random(n, p, 2.0, np.random.default_rng(seed), row_balanced=balanced)
    dense = kernel.to_dense()
    assert np.count_nonzero(dense) <= len(kernel) <= n * n
    assert len({*zip(kernel.pre.tolist(), kernel.post.tolist(), strict=True)}) == len(kernel)
    if balanced:
        assert dense.sum(axis=0) == pytest.approx(np.zeros(n), abs=1e-12 * n)
    again = SparseKernel.from_dense(dense)
    assert np.array_equal(again.to_dense(), dense)
    assert kernel.row_balanced().row_balanced().weight == pytest.approx(kernel.row_balanced().weight, abs=1e-12)


@quick
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_packed_matrices_unpack(n, seed):
    matrix = np.random.default_rng(seed).standard_normal((n, n))
    matrix = matrix + matrix.T
    packed = pack(matrix)
    assert packed.shape == (n * (n + 1) // 2,)
    assert np.array_equal(unpack(packed, n), matrix)
    i, j = n - 1, n // 2
    assert packed[i * (i + 1) // 2 + j] == matrix[i, j]  # the layout that generated code walks through


@quick
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 8), st.sampled_from([0.2, 0.6, 1.0]))
def test_blocks_hold_each_row_with_partners_once(seed, n_maps, sources, density):
    rng = np.random.default_rng(seed)
    masks = [rng.random((rng.integers(1, 6), sources)) < density for _ in range(n_maps)]
    blocks = Blocks.of([[np.flatnonzero(row) for row in mask] for mask in masks])
    distinct = {tuple(np.flatnonzero(row)) for mask in masks for row in mask if row.any()}
    assert len(blocks) == len(distinct)
    assert len(blocks.partner) == sum(blocks.sizes) == blocks.start[-1]
    assert blocks.P_start[-1] == sum(n * (n + 1) // 2 for n in blocks.sizes)
    assert blocks.pending_start[-1] == sum(n * max_pending(n) for n in blocks.sizes)
    for mask, rows, row_start in zip(masks, blocks.rows, blocks.row_start, strict=True):
        assert sorted(rows.tolist()) == np.flatnonzero(mask.any(axis=1)).tolist()
        for b in range(len(blocks)):
            partners = blocks.partner[blocks.start[b] : blocks.start[b + 1]]
            for row in rows[row_start[b] : row_start[b + 1]]:
                assert np.array_equal(np.flatnonzero(mask[row]), partners)
