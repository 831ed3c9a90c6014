"""Blocks of P: who shares, where everything lies, and the P that learning starts from."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.circuit.blocks import Blocks, BlockSizes, first_P, max_pending
from tension_sim.circuit.triangles import pack, unpack


def rows_of(mask):
    return [np.flatnonzero(row) for row in np.asarray(mask)]


def test_max_pending_grows():
    assert [max_pending(n) for n in (1, 23, 24, 47, 48, 127, 128, 10**6)] == [1, 1, 2, 2, 4, 4, 8, 8]


def test_rows_with_the_same_partners_share_a_block():
    first = [[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 0]]
    second = [[0, 1, 1, 1], [1, 0, 0, 0]]
    blocks = Blocks.of([rows_of(first), rows_of(second)])
    assert blocks.sizes == [2, 3, 1]
    assert blocks.partner.tolist() == [0, 1, 1, 2, 3, 0]
    assert blocks.start.tolist() == [0, 2, 5, 6]
    assert blocks.P_start.tolist() == [0, 3, 9, 10]
    assert [rows.tolist() for rows in blocks.rows] == [[0, 3, 2], [0, 1]]
    assert [start.tolist() for start in blocks.row_start] == [[0, 2, 3, 3], [0, 0, 1, 2]]
    assert [of.tolist() for of in blocks.block_of] == [[0, -1, 1, 0], [1, 2]]
    assert blocks.totals == BlockSizes(3, 6, 10, 6, 3, (3, 2))


@pytest.mark.parametrize("n", [5, 30, 100, 200])
def test_waiting_terms_have_their_places(n):
    blocks = Blocks.of([[np.arange(n), np.arange(3), np.arange(n + 1)]])
    sizes = np.array([n, 3, n + 1])
    waiting = np.array([max_pending(size) for size in sizes])
    assert np.array_equal(np.diff(blocks.pending_start), sizes * waiting)
    assert np.array_equal(np.diff(blocks.term_start), waiting)
    assert np.array_equal(blocks.max_pending, waiting)


def test_arrays_fit_the_sizes():
    blocks = Blocks.of([rows_of([[1, 1], [0, 1]]), rows_of([[0, 0]])])
    arrays, sizes = blocks.arrays(), blocks.totals
    assert sizes.rows == (2, 0)
    assert len(arrays["partner"]) == sizes.partners
    assert arrays["P_start"][-1] == sizes.P
    assert arrays["pending_start"][-1] == sizes.pending_k
    assert arrays["term_start"][-1] == sizes.pending_c
    assert all(len(arrays[name]) == 3 for name in ("block_start", "block_rows_0", "block_rows_1"))
    assert arrays["rows_1"].tolist() == [0]
    assert {array.dtype.name for name, array in arrays.items() if "start" in name} == {"int64"}


def test_first_P_is_the_inverse_of_ridge_and_penalties():
    alpha, groups = np.array([0.5, 1.0, 2.0, 3.0, 0.1]), np.array([0, 2, 0, -1, 2])
    row_sum = np.array([4.0, 0.25, 4.0, 0.0, 0.25])
    inverse = np.diag(1 / alpha)
    inverse[np.ix_([0, 2], [0, 2])] += 4
    inverse[np.ix_([1, 4], [1, 4])] += 0.25
    np.testing.assert_allclose(first_P(alpha, groups, row_sum), np.linalg.inv(inverse), rtol=0, atol=1e-14)
    assert np.array_equal(first_P(alpha), np.diag(alpha))
    assert np.array_equal(first_P(alpha, groups), np.diag(alpha))
    assert np.array_equal(first_P(alpha, None, row_sum), np.diag(alpha))
    row_sum[3] = 7.0  # of no group
    np.testing.assert_allclose(first_P(alpha, groups, row_sum), np.linalg.inv(inverse), rtol=0, atol=1e-14)


def test_packed_triangles():
    matrix = np.array([[1.0, 2, 4], [2, 3, 5], [4, 5, 6]])
    assert pack(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(unpack(pack(matrix), 3), matrix)
