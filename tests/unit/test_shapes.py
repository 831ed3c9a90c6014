"""Arrays of declarations with one row or column too few, and with one too many, beside one that fits."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from tension_sim import FittedNetwork, ForceNetwork, InvalidValueError, Learning, Plastic, SparseKernel, TargetNetwork
from tension_sim.declare.populations.weights import kernel_of

FILES = ("lif_normalized", "euler_exponential", "euler_exponential")


def refused(build, fitting, others, text: str) -> None:
    build(fitting)
    for other in others:
        with pytest.raises(InvalidValueError, match=text):
            build(other)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["recurrent", "plastic", "output_kernel", "feedback_kernel", "input_kernel"])
def test_of_a_force_network(name, axis):
    fitting = {"output_kernel": (4, 2), "feedback_kernel": (2, 4), "input_kernel": (3, 4)}.get(name, (4, 4))
    if (name, axis) in {("output_kernel", 1), ("input_kernel", 0)}:
        return  # any number of outputs and inputs

    def build(shape: tuple[int, int]) -> None:
        made = {"recurrent": SparseKernel.from_dense, "plastic": plastic_of}.get(name, np.asarray)
        given = {"recurrent": None, "output_kernel": np.ones((4, 2)), "feedback_kernel": None}
        ForceNetwork("lif", "double_exponential", n=4, dt=1e-4, **(given | {name: made(np.ones(shape))}))

    others = [tuple(size + off * (k == axis) for k, size in enumerate(fitting)) for off in (-1, 1)]
    refused(build, fitting, others, f"^ForceNetwork.{name}: expected a")


def plastic_of(weights: np.ndarray) -> Plastic:
    return Plastic(SparseKernel.from_dense(weights), Learning(1.0), error="input")


@pytest.mark.parametrize("n", [3, 5])
def test_of_a_target_network(n):
    def build(size: int) -> None:
        target = TargetNetwork("echo_state", np.zeros((size, size)), np.ones((2, size)))
        plastic = Plastic(np.zeros((4, 4)), Learning(1.0), error="target_network")
        readout = np.zeros((4, 2))
        options = {"plastic": plastic, "target_network": target}
        ForceNetwork("echo_state", None, 4, 1e-4, None, None, readout, **options)

    refused(build, 4, [n], "^ForceNetwork.target_network: expected a network of 4")


@pytest.mark.parametrize("name", ["target_kernel", "input_kernel", "hint_kernel"])
def test_of_the_kernels_of_a_target_network(name):
    def build(rows: int) -> None:
        kernels = {"target_kernel": np.ones((2, 4)), name: np.ones((rows, 4))}
        target = TargetNetwork("echo_state", np.zeros((4, 4)), **kernels)
        plastic = Plastic(np.zeros((4, 4)), Learning(1.0), error="target_network")
        options = {"plastic": plastic, "target_network": target, "input_kernel": np.ones((2, 4))}
        ForceNetwork("echo_state", None, 4, 1e-4, None, None, np.zeros((4, 2)), **options)

    refused(build, 2, [1, 3], f"^TargetNetwork.{name}: expected shape \\(2, 4\\)")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("recurrent_kernel", (4, 4)), ("target_kernel", (2, 4)), ("input_kernel", (1, 4)), ("hint_kernel", (1, 4)),
     ("output_kernel", (4, 2))],
)  # fmt: skip
def test_within_a_target_network(name, shape):
    kernels = {"recurrent_kernel": np.zeros((4, 4)), "target_kernel": np.ones((2, 4))}
    axis = 0 if name == "output_kernel" else 1
    others = [tuple(size + off * (k == axis) for k, size in enumerate(shape)) for off in (-1, 1)]

    def build(size: tuple[int, int]) -> None:
        TargetNetwork("echo_state", **(kernels | {name: np.ones(size)}))

    refused(build, shape, others, f"^TargetNetwork.{name}: expected an array of shape")


@pytest.mark.parametrize("name", ["pre", "post"])
def test_of_a_fitted_network(name):
    for argument in ("recurrent", "plastic", "input_kernel"):
        if (argument, name) == ("input_kernel", "pre"):
            continue  # any number of inputs

        def build(size: int, argument: str = argument) -> None:
            sizes = {"pre": 3, "post": 3} | {name: size}
            kernel = SparseKernel.from_dense(np.ones((sizes["pre"], sizes["post"])))
            whole = SparseKernel.from_dense(np.ones((3, 3)))
            kernels = {"recurrent": None, "plastic": whole} | {argument: kernel}
            FittedNetwork(*FILES, n=3, dt=1e-4, learning=Learning(1.0), **kernels)

        refused(build, 3, [2, 4], f"^FittedNetwork.{argument}: expected a kernel from ")


@pytest.mark.parametrize("name", ["alpha_P", "signs", "groups"])
def test_of_the_sources_of_a_fitted_network(name):
    def build(size: int) -> None:
        kernel = SparseKernel.from_dense(np.ones((3, 3)))
        penalty = {"row_sum": [1.0, 1.0]} if name == "groups" else {}
        FittedNetwork(*FILES, 3, 1e-4, None, kernel, Learning(1.0), **{name: np.ones(size)}, **penalty)

    refused(build, 3, [2, 4], f"^FittedNetwork.{name}: expected an array of shape \\(3,\\)")


def test_of_a_kernel():
    def build(sizes: tuple[int, int, int]) -> None:
        SparseKernel(3, *(np.zeros(size, int) for size in sizes))

    refused(build, (2, 2, 2), [(2, 2, 1), (2, 1, 2), (1, 2, 2), (2, 2, 3)], "expected three arrays of one")


def test_of_a_factor():
    kernel = np.ones((3, 3))
    others = [(2, 3), (3, 2), (3, 4), (4, 3)]

    def build(shape: tuple[int, int]) -> None:
        Plastic(kernel, Learning(1.0), factor=np.ones(shape))

    refused(build, (3, 3), others, "^Plastic.factor: expected an array of shape")


def test_zeros_of_an_array_are_synapses_where_they_are_asked_for():
    array = np.array([[0.0, 2.0], [0.0, 0.0]])
    assert len(kernel_of("A.b", array, (2, 2), "1")) == 1
    every = kernel_of("A.b", array, (2, 2), "1", every_entry=True)
    assert (len(every), every.to_dense().tolist()) == (4, array.tolist())
    assert len(kernel_of("A.b", scipy.sparse.csr_array(array), (2, 2), "1", every_entry=True)) == 1
    for shape in ((1, 2), (3, 2), (2, 1), (2, 3)):
        for given in (array, scipy.sparse.csr_array(array), SparseKernel.from_dense(array)):
            with pytest.raises(InvalidValueError, match=r"^A\.b: expected (an array|weights) of shape"):
                kernel_of("A.b", given, shape, "1")
