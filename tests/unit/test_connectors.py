"""Synapses drawn by rules: how many, between whom, how strong, and always the same from one seed."""

from __future__ import annotations

import brian2
import numpy as np
import pytest

from tension_sim import (
    Connector,
    InvalidValueError,
    Network,
    Population,
    Projection,
    Readout,
    UnitsError,
    UnknownNameError,
)

N = {"exc": 60, "inh": 40}


def kernel(weights, pre="exc", post="inh", seed=1):
    populations = {name: Population("adex", n) for name, n in N.items()}
    net = Network(
        dt="0.1*ms",
        populations=populations,
        projections=[Projection(pre, post, into="g_exc", weights=weights)],
        seed=seed,
    )
    return net.kernels[0]


def test_fixed_indegree():
    found = kernel(Connector("fixed_indegree", "0.5*nS", indegree=7))
    assert np.all(np.bincount(found.post, minlength=40) == 7)
    assert len(set(zip(found.pre, found.post, strict=True))) == len(found)
    assert found.weight == pytest.approx(np.full(280, 0.5))
    assert np.bincount(found.pre, minlength=60).max() < 15


def test_each_pair_with_a_probability():
    found = kernel(Connector("pairwise_bernoulli", 2.0, p=0.25))
    assert len(found) == pytest.approx(0.25 * 2400, abs=4 * np.sqrt(2400 * 0.25 * 0.75))
    assert len(set(zip(found.pre, found.post, strict=True))) == len(found)
    assert np.bincount(found.pre, minlength=60) == pytest.approx(np.full(60, 10), abs=11)


@pytest.mark.parametrize("themselves", [False, True])
@pytest.mark.parametrize("rule", [{"rule": "all_to_all"}, {"rule": "fixed_indegree", "indegree": 59}])
def test_a_neuron_is_its_own_partner_only_where_it_may(rule, themselves):
    found = kernel(Connector(weight=1, self_connections=themselves, **rule), "exc", "exc").to_dense()
    if not themselves or rule["rule"] == "all_to_all":
        assert np.array_equal(found, 1.0 - np.eye(60) * (not themselves))
    assert np.all(found.sum(axis=0) == (60 if themselves and rule["rule"] == "all_to_all" else 59))


def test_one_to_one():
    net = Network(
        {"exc": Population("adex", 40), "inh": Population("adex", 40)},
        [Projection("exc", "inh", into="g_exc", weights=Connector("one_to_one", "0.5*nS*(0.5 + rand())")),
         Projection("inh", "inh", into="g_exc", weights=Connector("one_to_one", 2, self_connections=True))],
    )  # fmt: skip
    drawn, same = (each.to_dense() for each in net.kernels)
    assert np.count_nonzero(drawn) == len(np.unique(np.diag(drawn))) == 40
    assert np.array_equal(same, 2 * np.eye(40))


def test_weights_are_drawn_one_for_each_synapse():
    weight = kernel(Connector("all_to_all", "0.5*nS*(0.5 + rand())")).weight
    assert len(np.unique(weight)) == len(weight) == 2400
    assert 0.25 <= weight.min() < 0.26
    assert 0.74 < weight.max() <= 0.75


def test_the_seed_decides():
    rule = Connector("pairwise_bernoulli", "rand()", p=0.1)
    first, same, other = (kernel(rule, seed=seed).to_dense() for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_feedback_is_drawn_too():
    readout = Readout("exc", np.zeros((60, 2)), feedback={"exc": "600*pA*(2*rand() - 1)"})
    net = Network(dt="0.1*ms", populations={"exc": Population("adex", 60)}, readouts={"z": readout})
    (found,) = net.feedback_kernels.values()
    assert found.shape == (2, 60)
    assert -600 <= found.min() < -500
    assert 500 < found.max() <= 600


def test_weights_of_a_readout_are_drawn_too():
    def of(weights, seed=3, **more):
        cells = {"exc": Population("adex", 20), "inh": Population("lif", 30)}
        return Network(cells, readouts={"z": Readout(["exc", "inh"], weights, **more)}, seed=seed).output_kernels["z"]

    i, j = np.arange(50)[:, None], np.arange(3)
    np.testing.assert_allclose(of("i/N - 10*j", outputs=3), i / 50 - 10 * j)
    assert np.array_equal(of(0.5), np.full((50, 1), 0.5))
    drawn = of("1 + randn()", outputs=400)
    assert abs(drawn.mean() - 1) < 0.05
    assert abs(drawn.std() - 1) < 0.05
    assert np.array_equal(of("randn()"), of("randn()"))
    assert not np.array_equal(of("randn()"), of("randn()", seed=4))


@pytest.mark.parametrize(("one", "value"), [(2, 2), (np.float32(0.5), 0.5), (0.002 * brian2.nA, 2), ("2*pA", 2)])
def test_one_number_of_feedback_stands_for_all(one, value):
    readout = Readout("exc", 0.0, outputs=2, feedback={"exc": one})
    net = Network(populations={"exc": Population("adex", 60)}, readouts={"z": readout})
    (found,) = net.feedback_kernels.values()
    np.testing.assert_allclose(found, np.full((2, 60), value), rtol=1e-15)


@pytest.mark.parametrize("one", [0.5, 1, np.float32(0.5), np.int64(1), np.array(0.5)])
def test_one_number_of_any_type_stands_for_all_weights_of_a_readout(one):
    net = Network(populations={"exc": Population("adex", 60)}, readouts={"z": Readout("exc", one)})
    np.testing.assert_array_equal(net.output_kernels["z"], np.full((60, 1), one))


def test_feedback_may_name_neurons_and_outputs():
    readout = Readout("exc", 0.0, outputs=2, feedback={"exc": "pA*(i/N - 10*j)"})
    net = Network(populations={"exc": Population("adex", 60)}, readouts={"z": readout})
    (found,) = net.feedback_kernels.values()
    np.testing.assert_allclose(found, np.arange(60) / 60 - 10 * np.arange(2)[:, None], atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "outputs", "error", "text"),
    [
        ("randn(", None, InvalidValueError, "Network.readouts['z'].weights: expected "),
        ("2*k", None, UnknownNameError, "Network.readouts['z'].weights: expected a known "),
        (1.0, 0, InvalidValueError, "Readout.outputs: expected a whole number, at least 1.\nReceived: 0"),
        (np.zeros((60, 1)), 2, InvalidValueError,
         "Network.readouts['z'].weights: expected an array of shape (60, 2).\nReceived: (60, 1)"),
    ],
)  # fmt: skip
def test_weights_of_a_readout_that_cannot_be(weights, outputs, error, text):
    with pytest.raises(error) as caught:
        Network(populations={"exc": Population("adex", 60)}, readouts={"z": Readout("exc", weights, outputs=outputs)})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: Connector("random", 1), InvalidValueError, "Connector.rule: expected one of 'pairwise_bernoulli', "),
        (lambda: Connector("fixed_indegre", 1), InvalidValueError, "Fix: did you mean 'fixed_indegree'?"),
        (lambda: Connector("all_to_all", 1, p=0.1), InvalidValueError,
         "Connector.p: expected a number for the rule 'pairwise_bernoulli', and for no other.\nReceived: 0.1"),
        (lambda: Connector("fixed_indegree", 1), InvalidValueError,
         "Connector.indegree: expected a number for the rule 'fixed_indegree', and for no other.\nReceived: None"),
        (lambda: Connector("pairwise_bernoulli", 1, p=1.5), InvalidValueError, "Connector.p: expected a number in"),
        (lambda: kernel(Connector("fixed_indegree", 1, indegree=61)), InvalidValueError,
         "Network.projections[0].weights.indegree: expected an in-degree of at most 60.\nReceived: 61"),
        (lambda: Connector("one_to_one", 1, indegree=1), InvalidValueError, "Connector.indegree: expected a number"),
        (lambda: kernel(Connector("one_to_one", 1)), InvalidValueError,
         "Network.projections[0].weights.rule: expected as many presynaptic as postsynaptic neurons, for the rule "
         "'one_to_one'.\nReceived: '60 and 40'"),
        (lambda: kernel(Connector("one_to_one", 1), "inh", "inh"), InvalidValueError,
         "Network.projections[0].weights.rule: expected two populations, for the rule 'one_to_one' would join each "
         "neuron to itself alone.\nReceived: 'one'\nFix: self_connections=True, if that is meant."),
        (lambda: kernel(Connector("all_to_all", "1*mV")), UnitsError,
         "Network.projections[0].weights: expected a quantity in nS.\nReceived: '1*mV, in volt'\nFix: give it in nS."),
        (lambda: kernel(Connector("all_to_all", "0.5*nS - rand()*nS")), InvalidValueError, "conductances of at"),
    ],
)  # fmt: skip
def test_wrong_connectors(build, error, text):
    with pytest.raises(error) as caught:
        build()
    assert text in str(caught.value)
