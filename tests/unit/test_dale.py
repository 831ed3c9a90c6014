"""Dale's law: signs of columns, sums of rows, and the circle of the eigenvalues (Rajan & Abbott 2006)."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tension_sim import (
    Connector,
    InvalidTypeError,
    InvalidValueError,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Simulation,
    SparseKernel,
    load_recipe,
)
from tension_sim.declare.populations.dale import balanced

BERNOULLI = {"rule": "pairwise_bernoulli", "p": 0.25}
FIXED = {"rule": "fixed_indegree", "indegree": 60, "inhibitory_indegree": 12}


def matrix(n: int, seed: int = 1, **options) -> np.ndarray:
    """Draw the weights of a population onto itself: rows are postsynaptic neurons."""
    kernel = Connector(inhibitory=0.2, **options).draw("demo", (n, n), "1", True, np.random.default_rng(seed))
    return kernel.to_dense().T


def radius(n: int, p: float, mean: float, variance: float) -> float:
    """The circle of n neurons, 1 in 5 inhibitory and 4 times as strong: sqrt(n (f_E var_E + f_I var_I))."""
    of_one = p * (variance + mean**2) - (p * mean) ** 2
    return float(np.sqrt(n * (0.8 * of_one + 0.2 * 16 * of_one)))


@pytest.mark.parametrize(
    ("rule", "p", "weight", "mean", "variance"),
    [
        (BERNOULLI, 0.25, 1.0, 1.0, 0.0),
        (FIXED, 0.2, "0.5 + rand()", 1.0, 1 / 12),
        ({"rule": "all_to_all"}, 1.0, "0.5 + rand()", 1.0, 1 / 12),
    ],
)
def test_no_eigenvalue_of_balanced_weights_lies_outside_of_the_circle(rule, p, weight, mean, variance):
    n = 300
    found = np.abs(np.linalg.eigvals(matrix(n, weight=weight, balanced=True, self_connections=True, **rule)))
    circle = radius(n, p, mean, variance)
    assert 0.9 * circle < np.sort(found)[-5] < found.max() < 1.15 * circle
    assert found.min() < 1e-9 * circle  # of the vector of ones


def test_weights_that_are_balanced_on_average_alone_have_outliers():
    found = np.abs(np.linalg.eigvals(matrix(300, weight="0.5 + rand()", rule="all_to_all", self_connections=True)))
    assert found.max() > 1.5 * radius(300, 1.0, 1.0, 1 / 12)


@settings(max_examples=15, deadline=None)
@given(st.integers(40, 90), st.integers(0, 2**32 - 1), st.sampled_from([1.0, "0.1 + rand()", "abs(randn())"]))
def test_rows_sum_to_zero_and_columns_have_one_sign(n, seed, weight):
    rule = {"rule": "fixed_indegree", "indegree": 20, "inhibitory_indegree": 5}
    W = matrix(n, seed, weight=weight, balanced=True, **rule)
    assert np.abs(W.sum(axis=1)).max() < 1e-12 * np.abs(W).sum(axis=1).max()
    inhibitory = round(0.2 * n)
    assert np.all(W[:, : n - inhibitory] >= 0) and np.all(W[:, n - inhibitory :] <= 0)
    # of each kind as many as wanted, and never the neuron itself
    assert np.all((W > 0).sum(axis=1) == 15) and np.all((W < 0).sum(axis=1) == 5)
    assert not np.diag(W).any()


def test_inhibitory_weights_are_stronger_by_as_much_as_there_are_fewer():
    assert np.unique(matrix(50, weight=0.5, rule="all_to_all")).tolist() == [-2.0, 0.0, 0.5]
    assert np.unique(matrix(100, weight=0.5, rule="fixed_indegree", indegree=9, inhibitory_indegree=3)).tolist() == [
        -1.0, 0.0, 0.5,
    ]  # fmt: skip


def test_balancing_leaves_excitatory_weights_and_neurons_without_synapses():
    kernel = balanced("demo", SparseKernel(3, [0, 1, 2, 0], [0, 0, 0, 2], [1.0, 2.0, -1.0, 0.0], 3))
    assert kernel.weight.tolist() == [1.0, 2.0, -3.0, 0.0]


def test_weights_that_learn_keep_the_signs_of_the_rule_that_drew_them():
    rule = Connector("fixed_indegree", "0.05*mV", indegree=10, inhibitory=0.3, inhibitory_indegree=3, balanced=True)
    net = Network(
        dt="0.1*ms",
        populations={"cells": Population("lif", 20, parameters={"bias": "-30*mV"})},
        projections=[
            Projection(
                "cells", "cells", weights=rule, synapse="single_exponential", name="learned",
                learning=Learning(alpha_P=0.05), error="unit*(output - y)",
            )
        ],
        readouts={"output": Readout("cells", np.full((20, 1), 0.01))},
        seed=3,
    )  # fmt: skip
    before, kernel = net.kernels[0].weight, net.kernels[0]
    after = Simulation(net, target="numpy").run(np.sin(np.arange(150) / 20)).weights["learned"]
    assert np.mean(before != after) > 0.8 and np.any(after == 0)
    assert np.all(after[kernel.pre < 14] >= 0) and np.all(after[kernel.pre >= 14] <= 0)
    again = net.with_weights({"learned": after})  # no longer drawn by a rule
    assert np.array_equal(again.signs_of(0), np.where(np.arange(20) < 14, 1, -1))


def test_a_recipe_draws_balanced_weights(tmp_path):
    (tmp_path / "balanced.toml").write_text("""
protocol = "network"
summary = "one population of both signs"
source = "https://doi.org/10.1103/PhysRevLett.97.188104"
script = "none"
[network]
dt = "0.1*ms"
[populations.cells]
neuron = "lif"
n = 40
[[projections]]
pre = "cells"
post = "cells"
rule = "fixed_indegree"
weight = "0.1*mV*(0.5 + rand())"
indegree = 10
inhibitory = 0.2
inhibitory_indegree = 2
balanced = true
[readouts.output]
sources = ["cells"]
[task]
name = "sine"
frequency = "5*Hz"
[run]
duration = "5*ms"
""")
    recipe = load_recipe(tmp_path / "balanced.toml")
    W = recipe.network().kernels[0].to_dense()
    assert np.abs(W.sum(axis=0)).max() < 1e-15 and np.all((W < 0).sum(axis=0) == 2)
    assert np.all(W[:32] >= 0) and np.all(W[32:] <= 0)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: Connector("all_to_all", 1, inhibitory=1), InvalidValueError,
         "Connector.inhibitory: expected a part below 1.\nReceived: 1\nFix: give all weights a negative number"),
        (lambda: Connector("all_to_all", 1, inhibitory=-0.1), InvalidValueError,
         "Connector.inhibitory: expected a number in (0, 1]"),
        (lambda: Connector("all_to_all", 1, balanced=True), InvalidValueError,
         "Connector.balanced: no neuron is inhibitory.\nReceived: True\nFix: say which part of the neurons is"),
        (lambda: Connector("all_to_all", 1, inhibitory=0.2, balanced=1), InvalidTypeError, "Connector.balanced: "),
        (lambda: Connector("all_to_all", 1, inhibitory=0.2, inhibitory_indegree=2), InvalidValueError,
         "Connector.inhibitory_indegree: expected fewer than all presynaptic neurons (indegree=None).\nReceived: 2"),
        (lambda: Connector("fixed_indegree", 1, indegree=2, inhibitory=0.2, inhibitory_indegree=2), InvalidValueError,
         "Connector.inhibitory_indegree: expected fewer than all presynaptic neurons (indegree=2)"),
        (lambda: Connector("fixed_indegree", 1, indegree=2, inhibitory_indegree=1), InvalidValueError,
         "Connector.inhibitory_indegree: no neuron is inhibitory"),
        (lambda: matrix(50, weight=1, rule="fixed_indegree", indegree=20, inhibitory_indegree=10), InvalidValueError,
         "demo: expected an inhibitory in-degree of at most 9.\nReceived: 10"),
        (lambda: matrix(30, weight=1, rule="fixed_indegree", indegree=28, inhibitory_indegree=1), InvalidValueError,
         "demo: expected an excitatory in-degree of at most 23.\nReceived: 27"),
        (lambda: matrix(2, weight=1, rule="all_to_all"), InvalidValueError,
         "demo: expected a part of the presynaptic neurons that leaves some of both kinds.\nReceived: '2 presynaptic"),
        (lambda: matrix(50, weight=-1, rule="all_to_all"), InvalidValueError,
         "demo: expected weights of at least 0.\nReceived: -1.0\nFix: inhibitory weights become negative"),
        (lambda: matrix(50, weight=1, rule="pairwise_bernoulli", p=0.05, balanced=True), InvalidValueError,
         "demo: expected an excitatory and an inhibitory presynaptic neuron, at least, of each neuron that has any."),
    ],
)  # fmt: skip
def test_what_cannot_be_balanced(build, error, text):
    with pytest.raises(error, match=re.escape(text)):
        build()
