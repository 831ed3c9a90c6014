"""Synapses are drawn and ordered in little memory, and are those of plain loops."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tension_sim import Connector, Network, Population, Projection
from tension_sim.circuit.values import spike_values
from tension_sim.declare import kernels
from tension_sim.declare.kernels import SparseKernel
from tension_sim.errors import InvalidValueError


@pytest.mark.parametrize("itself", [True, False])
def test_synapses_are_those_of_a_plain_loop(itself):
    kernel = Connector("fixed_indegree", "0.1 + rand()", indegree=7).draw(
        "demo", (30, 30), "1", itself, np.random.default_rng(5)
    )
    rng, pre = np.random.default_rng(5), []
    for post in range(30):
        others = [one for one in range(30) if not (itself and one == post)]
        pre += [others[one] for one in sorted(rng.choice(len(others), 7, replace=False, shuffle=False))]
    assert np.array_equal(kernel.pre, pre) and kernel.pre.dtype == kernel.post.dtype == np.int32
    assert np.array_equal(kernel.post, np.repeat(np.arange(30), 7))
    assert np.array_equal(kernel.weight, 0.1 + rng.random(210))


def test_random_synapses_are_those_of_a_plain_loop():
    kernel = SparseKernel.random(40, 0.2, 1.5, np.random.default_rng(6))
    rng = np.random.default_rng(6)
    counts = rng.binomial(40, 0.2, 40)
    post = [one for count in counts for one in sorted(rng.choice(40, count, replace=False, shuffle=False))]
    assert np.array_equal(kernel.post, post) and np.array_equal(kernel.pre, np.repeat(np.arange(40), counts))
    assert np.array_equal(kernel.weight, 1.5 * rng.standard_normal(len(post)))


@pytest.mark.parametrize("ordered", [True, False])
def test_lists_made_by_parts_are_those_of_a_dictionary(monkeypatch, ordered):
    monkeypatch.setattr(kernels, "_PART", 16)
    rng = np.random.default_rng(7)
    pre, post = rng.integers(0, 9, 200), rng.integers(0, 6, 200)  # many pairs occur twice
    if ordered:
        order = np.lexsort((pre, post))
        pre, post = pre[order], post[order]
    weight = rng.standard_normal(200)
    start, found, summed = SparseKernel(10, pre, post, weight, 6).outgoing()
    pairs: dict[tuple[int, int], float] = {}
    for i, j, w in zip(pre, post, weight, strict=True):
        pairs[int(i), int(j)] = pairs.get((int(i), int(j)), 0.0) + w
    keys = sorted(pairs)
    assert np.array_equal(np.repeat(np.arange(10), np.diff(start)), [i for i, _ in keys])
    assert np.array_equal(found, [j for _, j in keys])
    np.testing.assert_allclose(summed, [pairs[key] for key in keys], atol=1e-13)


def test_a_synapse_costs_few_bytes_while_it_is_drawn_and_ordered():
    n, indegree = 1500, 400
    weights = Connector("fixed_indegree", "0.1*nS", indegree=indegree)
    projection = Projection("exc", "exc", into="g_exc", synapse="ampa", weights=weights, delay="1.5*ms")
    net = Network({"exc": Population("adex", n)}, [projection], dtype="float32")
    tracemalloc.start()
    try:
        (kernel,) = net.kernels
        drawing = tracemalloc.get_traced_memory()[1]
        values = spike_values("demo", kernel, 1e-9, 1.0, "float32")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert drawing < 27 * n * indegree, drawing / (n * indegree)
    assert peak < 46 * n * indegree, peak / (n * indegree)  # of which parts that are few make much
    assert np.array_equal(values["demo.w"], (kernel.outgoing()[2] * 1e-9).astype("float32"))


def test_weights_that_are_drawn_are_finite():
    rule = Connector("fixed_indegree", "log(0*rand())", indegree=2)
    with pytest.raises(InvalidValueError, match=r"demo: expected finite values.\nReceived: -inf"):
        rule.draw("demo", (4, 4), "1", True, np.random.default_rng(0))
