"""Synapses are drawn and ordered in little memory, and are those of plain loops."""

from __future__ import annotations

import pickle
import re
import tracemalloc

import numpy as np
import pytest

from tension_sim import Connector, Network, Population, Projection, Simulation
from tension_sim.declare import kernels, row_starts, synapse_order
from tension_sim.declare.kernels import SparseKernel
from tension_sim.declare.populations import drawn_rows
from tension_sim.declare.row_starts import RowStarts
from tension_sim.errors import InvalidValueError
from tension_sim.system.memory_maps import in_parts
from tension_sim.system.scaled import Scaled


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


@pytest.mark.parametrize("by", ["pre", "post", "neither"])
def test_indices_that_ascend_cost_as_much_as_their_rows(by):
    rng = np.random.default_rng(8)
    indices = {"pre": rng.integers(0, 9, 500), "post": rng.integers(0, 6, 500)}
    if by != "neither":
        indices[by] = np.sort(indices[by])
    kernel = SparseKernel(10, **indices, weight=rng.standard_normal(500), n_post=6)
    for name, expected in indices.items():
        assert np.array_equal(getattr(kernel, name), expected) and getattr(kernel, name).dtype == np.int32
    held = pickle.dumps(kernel)
    assert len(held) - 800 < 500 * (16 if by == "neither" else 12) < len(held) + 100, len(held)
    same = pickle.loads(held).with_weights(np.arange(500.0))
    assert np.array_equal(same.post, indices["post"]) and np.array_equal(same.weight, np.arange(500))
    dense = np.zeros((10, 6))
    np.add.at(dense, (indices["pre"], indices["post"]), kernel.weight)
    for lists, matrix in (
        (kernel.outgoing(), dense),
        (kernel.incoming(), dense.T),
        (kernel.rows(), dense.T),
        (kernel.sorted().outgoing(), dense),
    ):
        start, partner, weight = lists
        found = np.zeros_like(matrix)
        np.add.at(found, (np.repeat(np.arange(len(matrix)), np.diff(start)), partner), weight)
        np.testing.assert_allclose(found, matrix, atol=1e-12)


@pytest.mark.parametrize("begin", range(8))
def test_parts_of_rows_are_those_of_the_whole(begin):
    whole = [1, 1, 1, 3, 4, 4, 4]
    rows = RowStarts.of_counts(np.bincount(whole, minlength=7))
    for stop in range(begin, 10):
        assert rows.part(begin, stop).tolist() == whole[begin:stop]
    assert len(rows) == 7


@pytest.mark.parametrize("part", [1, 2, 3, 2**18])
def test_rows_that_do_not_rise_are_seen_in_each_part(monkeypatch, part):
    monkeypatch.setattr(row_starts, "PART", part)
    rows = RowStarts.of_counts(np.array([0, 3, 0, 1, 3, 0, 0]))
    partner = np.array([0, 2, 5, 1, 0, 3, 4])
    assert rows.rising(partner)
    for place in (1, 2, 5, 6):  # within a row, the one before is as large or larger
        assert not rows.rising(np.where(np.arange(7) == place, partner[place - 1], partner))


def test_two_synapses_of_one_pair_stay_two_in_rows():
    start, pre, weight = SparseKernel(2, [1, 0, 1], [1, 1, 1], [3.0, 1.0, 2.0]).rows()
    assert (start.tolist(), pre.tolist(), weight.tolist()) == ([0, 0, 3], [0, 1, 1], [1.0, 3.0, 2.0])


def test_what_would_be_lost_cannot_be_written():
    kernel = SparseKernel(2, [0] * 4 + [1] * 4, [0, 1, 2, 3] * 2, np.ones(8), 4)
    with pytest.raises(ValueError, match="read-only"):
        kernel.pre[0] = 1
    kernel.post[0] = 3
    assert kernel.pre.tolist() == [0] * 4 + [1] * 4 and kernel.post[0] == 3


def test_weights_of_other_synapses_are_refused():
    kernel = SparseKernel(2, [0, 1], [1, 0], [1.0, 2.0])
    text = r"SparseKernel.weight: expected an array of shape \(2,\) \(synapses\).\nReceived: \(3,\)"
    with pytest.raises(InvalidValueError, match=text):
        kernel.with_weights(np.zeros(3))
    with pytest.raises(InvalidValueError, match=r"SparseKernel.weight: expected finite values.\nReceived: nan"):
        kernel.with_weights(np.array([0.0, np.nan]))


@pytest.mark.parametrize("delay", [None, "0.2*ms", np.arange(60) * 1e-4])
def test_drawn_synapses_keep_their_delays_and_weights_whatever_their_order(delay):
    rule = Connector("fixed_indegree", "nS*(0.1 + rand())", indegree=3)
    projection = Projection("exc", "exc", into="g_exc", synapse="ampa", weights=rule, delay=delay)
    net = Network({"exc": Population("adex", 20)}, [projection], seed=3, dt="0.1*ms")
    drawn = rule.draw("demo", (20, 20), "nS", True, np.random.default_rng([3, 2, 0]))
    expected = {(i, j): (w, k) for k, (i, j, w) in enumerate(zip(drawn.pre, drawn.post, drawn.weight, strict=True))}
    (kernel,), values = net.kernels, Simulation(net, target="numpy").wiring.values()
    (part,) = {name.partition(".")[0] for name in values if name.endswith("out_start")}
    start, post, weight = (values[f"{part}.{name}"] for name in ("out_start", "post", "w"))
    pre = np.repeat(np.arange(20), np.diff(start))
    assert np.array_equal(weight, [expected[pair][0] * 1e-9 for pair in zip(pre, post, strict=True)])
    assert sorted(zip(kernel.pre, kernel.post, strict=True)) == sorted(expected)
    if delay is not None:
        steps = values[f"{part}.delay_steps"]
        of_each = steps if np.ndim(steps) else np.full(60, steps)
        wanted = [expected[pair][1] if np.ndim(delay) else 2 for pair in zip(pre, post, strict=True)]
        assert np.array_equal(of_each, wanted)


@pytest.mark.parametrize("ordered", [True, False])
def test_lists_made_by_parts_are_those_of_a_dictionary(monkeypatch, ordered):
    monkeypatch.setattr(synapse_order, "PART", 16)
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


@pytest.mark.parametrize("weight", ["0.5", "0.1 + rand()", "rand() * (1 + rand())"])
@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "fixed_indegree", "indegree": 7},
        {"rule": "pairwise_bernoulli", "p": 0.3},
        {"rule": "all_to_all"},
        {"rule": "pairwise_bernoulli", "p": 0.9, "inhibitory": 0.25, "balanced": True},
        {"rule": "fixed_indegree", "indegree": 7, "inhibitory": 0.25, "inhibitory_indegree": 2, "balanced": True},
    ],
    ids=lambda rule: "-".join(map(str, rule.values())),
)
def test_synapses_drawn_in_parts_and_in_either_order_are_the_same(monkeypatch, rule, weight):
    connector = Connector(weight=weight, **rule)

    def draw(part: int, outgoing: bool) -> SparseKernel:
        monkeypatch.setattr(drawn_rows, "PART", part)
        return connector.draw("demo", (24, 24), "1", True, np.random.default_rng(3), outgoing=outgoing)

    whole = draw(2**18, outgoing=False)
    order = np.lexsort((whole.post, whole.pre))
    for part in (1, 20, 2**18):
        by_post, by_pre = draw(part, outgoing=False), draw(part, outgoing=True)
        for name in ("pre", "post", "weight"):
            assert np.array_equal(getattr(by_post, name), getattr(whole, name))
            assert np.array_equal(getattr(by_pre, name), getattr(whole, name)[order])
        assert by_pre.outgoing()[2] is by_pre.weight  # a run takes its lists as they are


def test_inhibitory_and_excitatory_partners_are_those_of_a_plain_loop():
    rule = Connector("fixed_indegree", "rand()", indegree=5, inhibitory=0.25, inhibitory_indegree=2)
    kernel, rng, pre = rule.draw("demo", (12, 12), "1", True, np.random.default_rng(4)), np.random.default_rng(4), []
    for post in range(12):
        for side, count in ((range(9), 3), (range(9, 12), 2)):
            others = [one for one in side if one != post]
            pre += sorted(others[one] for one in rng.choice(len(others), count, replace=False, shuffle=False))
    assert np.array_equal(kernel.pre, pre) and np.array_equal(kernel.post, np.repeat(np.arange(12), 5))
    np.testing.assert_allclose(kernel.weight, rng.random(60) * np.where(np.array(pre) < 9, 1, -3 / 2), rtol=1e-15)


def test_the_neuron_that_cannot_be_balanced_is_named(monkeypatch):
    rule = Connector("pairwise_bernoulli", 1, p=0.5, inhibitory=0.5, balanced=True)
    found = set()
    for part in (1, 2**18):
        monkeypatch.setattr(drawn_rows, "PART", part)
        text = r"Received: 'neuron \d+, which has weights of one sign'\nFix: fixed_indegree with inhibitory_indegree"
        with pytest.raises(InvalidValueError, match=text) as error:
            rule.draw("demo", (8, 8), "1", True, np.random.default_rng(2))
        found.add(int(re.search(r"neuron (\d+)", str(error.value))[1]))
    plain = Connector("pairwise_bernoulli", 1, p=0.5).draw("demo", (8, 8), "1", True, np.random.default_rng(2))
    sides = [{pre < 4 for pre in plain.pre[plain.post == post]} for post in range(8)]
    assert found == {next(post for post, side in enumerate(sides) if len(side) == 1)} == {3}


def test_rows_are_balanced_as_a_plain_loop_does(monkeypatch):
    monkeypatch.setattr(kernels, "PART", 16)
    matrix = np.random.default_rng(2).standard_normal((9, 7)) * (np.random.default_rng(3).random((9, 7)) < 0.6)
    given = SparseKernel.from_dense(matrix)
    expected = matrix.copy()
    for column in expected.T:
        column[column != 0] -= column[column != 0].mean()
    np.testing.assert_allclose(given.row_balanced().to_dense(), expected, atol=1e-15)
    assert np.array_equal(given.to_dense(), matrix)
    drawn, rng = (
        SparseKernel.random(40, 0.2, 1.5, np.random.default_rng(6), row_balanced=True),
        np.random.default_rng(6),
    )
    assert np.array_equal(drawn.weight, SparseKernel.random(40, 0.2, 1.5, rng).row_balanced().weight)


DRAWN = {
    "fixed_indegree": lambda rng: Connector("fixed_indegree", "rand()", indegree=500).draw(
        "demo", (3000, 3000), "1", True, rng, outgoing=True
    ),
    "pairwise_bernoulli": lambda rng: Connector("pairwise_bernoulli", "rand()", p=0.17).draw(
        "demo", (3000, 3000), "1", True, rng
    ),
    "inhibitory": lambda rng: Connector(
        "fixed_indegree", "rand()", indegree=500, inhibitory=0.2, inhibitory_indegree=90, balanced=True
    ).draw("demo", (3000, 3000), "1", True, rng, outgoing=True),
    "random": lambda rng: SparseKernel.random(3000, 0.17, 1.0, rng, row_balanced=True),
    "fixed_outdegree": lambda rng: SparseKernel.fixed_outdegree(np.arange(3000), 3000, 500, rng),
}


@pytest.mark.parametrize("draw", DRAWN)
def test_drawing_takes_the_memory_of_what_is_drawn(monkeypatch, draw):
    for module in (drawn_rows, kernels):
        monkeypatch.setattr(module, "PART", 2**12)  # few of so few
    DRAWN[draw](np.random.default_rng(0))  # what is worked out once stays
    tracemalloc.start()
    try:
        kernel = DRAWN[draw](np.random.default_rng(0))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(kernel) <= 12.5 and peak / len(kernel) <= 13.5, (held, peak)


@pytest.mark.parametrize("acts", ["at spikes", "in each step"])
def test_a_run_holds_no_second_copy_of_a_networks_synapses(acts):
    n, indegree = 1500, 400
    if acts == "at spikes":
        cells, synapse = Population("adex", n), {"into": "g_exc", "synapse": "ampa", "delay": "1.5*ms"}
    else:
        cells, synapse = Population("echo_state", n), {}
    weights = Connector("fixed_indegree", "0.1*nS" if synapse else "0.1", indegree=indegree)
    net = Network({"exc": cells}, [Projection("exc", "exc", weights=weights, **synapse)], dtype="float32")
    wiring = Simulation(net, target="numpy").wiring
    wiring.values()  # what it works out once stays
    tracemalloc.start()
    try:
        values = wiring.values()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 0.2 * n * indegree
    (w,) = (value for name, value in values.items() if name.endswith(".w") and "exc_to_exc" in name)
    expected = net.kernels[0].weight * (1e-9 if synapse else 1.0)
    np.testing.assert_allclose(np.asarray(w), expected, rtol=1e-7)
    assert np.array_equal(np.concatenate(list(in_parts(w))), w) and w.nbytes == np.asarray(w).nbytes


def test_a_product_is_made_in_parts_and_in_its_type():
    product = Scaled(np.arange(5.0), 0.1, "float32")
    expected = (np.arange(5.0) * 0.1).astype("float32")
    assert (product.shape, product.ndim, product.size, product.nbytes, len(product)) == ((5,), 1, 5, 20, 5)
    assert product.part(3, 9).dtype == np.float32 and np.array_equal(product.part(3, 9), expected[3:])
    assert np.asarray(product, "float64").dtype == np.float64
    with pytest.raises(ValueError, match="always a copy"):
        product.__array__(copy=False)


def test_weights_that_are_drawn_are_finite():
    rule = Connector("fixed_indegree", "log(0*rand())", indegree=2)
    with pytest.raises(InvalidValueError, match=r"demo: expected finite values.\nReceived: -inf"):
        rule.draw("demo", (4, 4), "1", True, np.random.default_rng(0))
