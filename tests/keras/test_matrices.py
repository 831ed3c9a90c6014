"""P in its variable: set without a copy where it can be, and nobody's array changes by it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.keras_style.on_brian.matrices import Matrices  # noqa: E402

N = 5
NUMBERS = np.arange(float(N * N)).reshape(N, N)


def address(variable: keras.Variable) -> int:
    return np.asarray(variable.value.read_value()).__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_matrix_that_the_variable_had_room_for_is_its_memory(dtype: str) -> None:
    variable = keras.Variable(np.zeros((N, N)), dtype=dtype)
    matrices = Matrices(variable)
    before = matrices[0]
    matrix = matrices.room(N)
    matrix[...] = NUMBERS
    matrices[0] = matrix
    assert address(variable) == matrix.__array_interface__["data"][0]
    del matrix
    assert variable.numpy().dtype == dtype
    np.testing.assert_array_equal(variable.numpy(), NUMBERS)
    held = matrices[0]
    variable.assign_add(np.ones((N, N)))
    np.testing.assert_array_equal(variable.numpy(), NUMBERS + 1)
    np.testing.assert_array_equal(held, NUMBERS)
    np.testing.assert_array_equal(before, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_matrix_of_somebody_else_is_copied(dtype: str) -> None:
    variable = keras.Variable(np.zeros((N, N)), dtype=dtype)
    theirs = np.zeros(N * N + 1, dtype)[1:].reshape(N, N)  # at no address that TensorFlow takes
    theirs[...] = NUMBERS
    Matrices(variable)[0] = theirs
    theirs[...] = -1
    np.testing.assert_array_equal(variable.numpy(), NUMBERS)


def test_one_of_many_is_set_alone() -> None:
    variable = keras.Variable(np.zeros((3, N, N)), dtype="float32")
    matrices = Matrices(variable)
    matrix = matrices.room(N)
    matrix[...] = NUMBERS
    matrices[1] = matrix
    np.testing.assert_array_equal(variable.numpy(), [0 * NUMBERS, NUMBERS, 0 * NUMBERS])
    np.testing.assert_array_equal(matrices[1], NUMBERS)
