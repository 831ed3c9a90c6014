"""Every way to write a variable is seen, also where no value is read: by the address of what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

import keras  # noqa: E402

from tension_sim.keras_style.on_brian import fingerprint as module  # noqa: E402
from tension_sim.keras_style.on_brian.fingerprint import Fingerprint  # noqa: E402

SIZE = 6
ONES = np.ones((SIZE, SIZE), np.float32)
ROW = tf.IndexedSlices(7 * ONES[:1], np.array([0]))


def in_graph(jit: bool) -> Callable[[Any], None]:
    def write(variable: Any) -> None:
        tf.function(lambda: variable.value.assign_add(ONES), jit_compile=jit)()

    return write


WRITES: dict[str, Callable[[Any], Any]] = {
    "assign": lambda v: v.assign(3 * ONES),
    "assign of a tensor": lambda v: v.assign(tf.constant(3 * ONES)),
    "assign_add": lambda v: v.assign_add(ONES),
    "assign_sub": lambda v: v.assign_sub(ONES),
    "assign of TensorFlow": lambda v: v.value.assign(3 * ONES),
    "assign_add of TensorFlow": lambda v: v.value.assign_add(ONES),
    "a slice": lambda v: v.value[1:2, 3].assign([5.0]),
    "scatter_nd_update": lambda v: v.value.scatter_nd_update([[2, 3]], [5.0]),
    "scatter_update": lambda v: v.value.scatter_update(ROW),
    "scatter_add": lambda v: v.value.scatter_add(ROW),
    "raw scatter": lambda v: tf.raw_ops.ResourceScatterUpdate(resource=v.value.handle, indices=0, updates=ONES[0]),
    "raw gradient descent": lambda v: tf.raw_ops.ResourceApplyGradientDescent(
        var=v.value.handle, alpha=1.0, delta=ONES
    ),
    "optimizer": lambda v: keras.optimizers.SGD(1.0).apply([tf.constant(ONES)], [v]),
    "graph": in_graph(jit=False),
    "XLA": in_graph(jit=True),
    "another variable in its place": lambda v: setattr(v, "_value", tf.Variable(3 * ONES)),
    "one bit": lambda v: v.assign(np.nextafter(np.asarray(v), np.float32(9))),
    "the sign of zero": lambda v: v.assign(-np.asarray(v)),
    "NaN": lambda v: v.value.scatter_nd_update([[0, 0]], [np.nan]),
}


def variable_of(values: np.ndarray, scattered: bool = False) -> Any:
    variable = keras.Variable(values)
    if scattered:  # TensorFlow copies such a variable whenever it is read
        variable.value.scatter_nd_update([[0, 0]], [values[0, 0]])
    return variable


@pytest.mark.parametrize("scattered", [False, True], ids=["held", "by check sum"])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_seen_and_its_undoing_too(name: str, scattered: bool) -> None:
    variable = variable_of(0 * ONES, scattered)
    before = Fingerprint([variable])
    checksum = Fingerprint([variable]).checksum
    assert before.matches([variable])
    WRITES[name](variable)
    assert not before.matches([variable])
    variable.assign(0 * ONES)
    assert before.matches([variable])
    assert before.checksum == checksum


def test_the_same_values_elsewhere_match() -> None:
    values = ONES.copy()
    values[0, 0] = np.nan
    variable = variable_of(values)
    before = Fingerprint([variable])
    variable.assign(values)
    assert before.matches([variable])
    assert before.matches([variable_of(values)])
    assert not before.matches([variable_of(values.astype(np.float64))])


def test_a_variable_that_was_not_written_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    variable = variable_of(ONES)
    before = Fingerprint([variable])
    for reader in (np, "array_equal"), (module, "_checksum"):
        monkeypatch.setattr(*reader, lambda *_: pytest.fail("values were read"))
    assert before.matches([variable])
    variable.assign_add(ONES)
    with pytest.raises(pytest.fail.Exception, match="values were read"):
        before.matches([variable])


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # within Keras
@pytest.mark.parametrize(
    "read",
    [np.asarray, keras.ops.convert_to_numpy, lambda v: v.numpy(), lambda v: np.from_dlpack(v.value.read_value())],
)
def test_an_array_read_from_a_variable_is_a_copy_or_cannot_be_written(read: Callable[[Any], np.ndarray]) -> None:
    variable = variable_of(ONES)
    before = Fingerprint([variable])
    array = read(variable)
    if array.flags.writeable:
        array[0, 0] = 5.0
    np.testing.assert_array_equal(np.asarray(variable), ONES)
    assert before.matches([variable])


def test_plain_arrays_and_several_variables() -> None:
    array, variable = ONES.copy(), variable_of(ONES)
    both = Fingerprint([array, variable])
    assert both.matches([array, variable])
    array[0, 0] = 2.0
    assert not both.matches([array, variable])
    two = Fingerprint([variable, other := variable_of(2 * ONES)])
    assert two.matches([variable, other])
    other.assign_add(ONES)
    assert not two.matches([variable, other])


def test_a_check_sum_alone_is_enough() -> None:
    variable = variable_of(ONES)
    read = Fingerprint.of_checksum(Fingerprint([variable]).checksum)
    assert read.matches([variable])
    variable.assign_add(ONES)
    assert not read.matches([variable])
