"""Dale's law: signs of columns, sums of rows, and the circle of the eigenvalues (Rajan & Abbott 2006)."""

from __future__ import annotations

import re
from dataclasses import replace

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
    UnknownNameError,
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
         "demo.inhibitory_indegree: expected an inhibitory in-degree of at most 9.\nReceived: 10"),
        (lambda: matrix(30, weight=1, rule="fixed_indegree", indegree=28, inhibitory_indegree=1), InvalidValueError,
         "demo.inhibitory_indegree: expected an excitatory in-degree of at most 23.\nReceived: 27"),
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


def two_populations(n_exc=160, n_inh=40, seed=1, weight="0.5 + rand()", **changes):
    """Excitatory and inhibitory neurons, joined by four projections; those into one population may be balanced."""
    populations = {"exc": Population("lif", n_exc), "inh": Population("lif", n_inh)}
    ratio = n_exc / n_inh
    projections = [
        Projection(pre, post, weights=Connector("pairwise_bernoulli", f"mV*{size}*({weight})", p=0.3), sign=int(sign))
        for post in populations
        for pre, size, sign in (("exc", 1.0, 1), ("inh", -ratio, -1))
    ]
    groups = [[f"exc_to_{post}", f"inh_to_{post}"] for post in populations]
    return Network(
        **{"populations": populations, "projections": projections, "balanced": groups, "seed": seed} | changes
    )


def joined(net):
    """Return the weights of the whole network: rows are postsynaptic neurons."""
    found = {each.pre + each.post: kernel.to_dense() for each, kernel in zip(net.projections, net.kernels, strict=True)}
    return np.block([[found["excexc"], found["excinh"]], [found["inhexc"], found["inhinh"]]]).T


def test_no_eigenvalue_of_projections_that_balance_lies_outside_of_the_circle():
    circle = radius(200, 0.3, 1.0, 1 / 12)
    free, bound = (np.abs(np.linalg.eigvals(joined(two_populations(**more)))) for more in ({"balanced": ()}, {}))
    assert free.max() > 1.2 * circle
    assert 0.9 * circle < np.sort(bound)[-5] < bound.max() < 1.15 * circle
    assert bound.min() < 1e-9 * circle  # of the vector of ones


@settings(max_examples=10, deadline=None)
@given(st.integers(30, 60), st.integers(12, 30), st.integers(0, 2**32 - 1), st.sampled_from(["1", "0.1 + rand()"]))
def test_projections_sum_to_zero_and_keep_their_signs(n_exc, n_inh, seed, weight):
    drawn = two_populations(n_exc, n_inh, seed, weight, balanced=())
    try:
        W = joined(two_populations(n_exc, n_inh, seed, weight))
    except InvalidValueError as error:  # a draw in which a neuron hears one population alone
        assert "which has weights of one sign" in str(error)
        return
    assert np.abs(W.sum(axis=1)).max() < 1e-12 * np.abs(W).sum(axis=1).max()
    assert np.array_equal(np.sign(W), np.sign(joined(drawn)))
    assert np.array_equal(W[:, :n_exc], joined(drawn)[:, :n_exc])  # excitation is as it was drawn


def test_weights_that_are_given_later_are_not_balanced_again():
    """After learning, weights stay as they are, and so do those beside them."""
    rule = Connector("all_to_all", "mV*rand()")
    learned = Projection("exc", "exc", weights=rule, learning=Learning(1.0), error="z", name="exc_to_exc", sign=1)
    static = Projection("inh", "exc", weights=replace(rule, weight="-mV*rand()"), sign=-1)
    net = two_populations(12, 6, projections=[learned, static], balanced=[["exc_to_exc", "inh_to_exc"]])
    assert np.abs(net.kernels[0].to_dense().sum(axis=0) + net.kernels[1].to_dense().sum(axis=0)).max() < 1e-12
    again = net.with_weights({"exc_to_exc": 3 * net.kernels[0].weight})
    assert np.array_equal(again.kernels[0].weight, 3 * net.kernels[0].weight)
    assert np.array_equal(again.kernels[1].weight, net.kernels[1].weight)
    assert again.projection_names == net.projection_names


@pytest.mark.parametrize(
    ("balanced", "error", "text"),
    [
        ("ab", InvalidTypeError, "Network.balanced: expected a list of groups of projections.\nReceived: 'ab'"),
        ([["exc_to_exc"]], InvalidTypeError, "Network.balanced: expected groups of two or more names."),
        ([["exc_to_exc", "inh_to_ex"]], UnknownNameError, "Fix: did you mean 'inh_to_exc'?"),
        ([["exc_to_exc", "exc_to_exc"]], InvalidValueError, "Network.balanced: expected each name once."),
        ([["exc_to_exc", "inh_to_inh"]], InvalidValueError,
         "Network.balanced: expected projections into 'exc', as 'exc_to_exc' is.\nReceived: \"inh_to_inh, into "),
        ([["exc_to_exc", "given"]], InvalidValueError,
         "Network.balanced: expected projections whose weights a rule draws.\nReceived: 'given'\n"
         "Fix: leave it out, or let a Connector draw its weights"),
        ([["exc_to_exc", "again"]], InvalidValueError,
         "Network.balanced: expected an excitatory and an inhibitory presynaptic neuron, at least"),
        ([["to_g", "to_i"]], InvalidValueError,
         "Network.balanced: expected projections that bring currents.\nReceived: 'to_g, a conductance'"),
        ([["to_i", "to_g"]], InvalidValueError, "Received: 'to_g, a conductance'"),
    ],
)  # fmt: skip
def test_projections_that_cannot_balance(balanced, error, text):
    net, all_to_all = two_populations(10, 5, balanced=()), Connector("all_to_all", 1.0)
    more = [
        Projection("exc", "exc", name="given", weights=np.ones((10, 10))),
        Projection("exc", "exc", name="again", weights=all_to_all),
        Projection("exc", "cells", name="to_g", into="g_exc", weights=all_to_all, synapse="ampa"),
        Projection("exc", "cells", name="to_i", into="I_fb", weights=all_to_all),
    ]
    cells = {**net.populations, "cells": Population("lif_conductance", 3)}
    projections = [replace(each, weights=Connector("all_to_all", "1*mV" if each.pre == "exc" else "-1*mV"))
                   for each in net.projections]  # fmt: skip
    with pytest.raises(error) as caught:
        two_populations(populations=cells, projections=[*projections, *more], balanced=balanced)
    assert text in str(caught.value)
