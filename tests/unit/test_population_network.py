"""What a network of populations says of itself: names, numbers, units, signs and delays, written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import Learning, Network, Population, Projection, Readout, SparseKernel

RULE = Learning(alpha_P=0.1)


@pytest.fixture(scope="module")
def net() -> Network:
    weights = np.arange(12.0).reshape(4, 3)
    return Network(
        {"a": Population("adex", 4, parameters={"C": "200*pF"}), "b": Population("lif_conductance", 3)},
        [
            Projection("a", "b", weights=weights, into="g_exc", synapse="ampa", sign=1),
            Projection("a", "b", weights=weights, into="g_exc", synapse="ampa", delay="0.3*ms"),
            Projection("a", "b", weights=weights, into="g_exc", synapse="gaba_a", delay=weights * 1e-4),
            Projection("a", "b", weights=weights, learning=RULE, error="unit*(out - y)", delay="0.2*ms", name="fit"),
            Projection("b", "a", weights=weights.T, into="g_inh", synapse="gaba_a", sign=-1),
            Projection("b", "a", weights=-weights.T),
        ],
        {
            "out": Readout(["b", "a"], np.ones((7, 1)), {"a": np.ones((1, 4)), "b.I_in": np.ones((1, 3))}, RULE),
            "two": Readout("a", np.ones((4, 2))),
        },
        dt="0.1*ms", seed=3,
    )  # fmt: skip


def test_numbers(net):
    assert (net.n, net.n_outputs, net.sizes, net.seed, net.dt) == (7, 3, {"a": 4, "b": 3}, 3, 1e-4)
    assert repr(net) == (
        "Network(populations={'a': 4, 'b': 3}, projections=6, readouts={'out': 1, 'two': 2}, dt=0.0001, "
        "dtype='float64', seed=3)"
    )


def test_names_of_projections_and_inputs(net):
    assert net.projection_names == ("a_to_b", "a_to_b_2", "a_to_b_3", "fit", "b_to_a", "b_to_a_2")
    assert net.inputs == ("g_exc", "g_exc", "g_exc", "I_rec", "g_inh", "I_rec")
    assert net.inputs_of("a") == ("I_rec", "I_fb", "I_in", "g_exc", "g_inh")


def test_variables_of_an_input(net):
    assert net.equations["b"].inputs == {
        "g_exc": ["g_exc_ampa", "g_exc_gaba_a"], "I_rec": ["I_rec"], "I_in": ["I_in"],
    }  # fmt: skip
    assert net.equations["a"].inputs == {"g_inh": ["g_inh"], "I_rec": ["I_rec"], "I_fb": ["I_fb"]}
    assert [*net.state_variables] == [
        "a.v", "a.w", "a.r", "a.h_r", "a.g_inh", "a.I_rec", "a.h_I_rec", "a.I_fb",
        "b.v", "b.lastspike", "b.not_refractory", "b.r", "b.h_r", "b.g_exc_ampa", "b.g_exc_gaba_a", "b.I_rec", "b.I_in",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "unit", "value"),
    [
        ("a.v", "mV", 1e-3), ("a.w", "pA", 1e-12), ("a.g_inh", "nS", 1e-9), ("b.g_exc", "nS", 1e-9),
        ("b.g_exc_ampa", "nS", 1e-9), ("b.g_exc_gaba_a", "nS", 1e-9), ("a.I_fb", "pA", 1e-12), ("b.I_rec", "pA", 1e-12),
        ("a.r", "1", 1.0), ("b.lastspike", "ms", 1e-3),
    ],
)  # fmt: skip
def test_units_in_which_variables_are_shown(net, name, unit, value):
    assert net.display_unit(name) == (unit, pytest.approx(value))


def test_conductances_and_signs(net):
    assert [net.is_conductance("b", into) for into in net.inputs_of("b")] == [False, False, False, True, True]
    assert [net.sign_of(k) for k in range(6)] == [1, 1, 1, None, 1, None]
    assert (net.input_scale("a", "g_exc"), net.input_scale("a", "I_fb")) == pytest.approx((1e-9, 1e-12))


def test_delays_in_steps(net):
    assert [None if each is None else each.tolist() for each in net.delays] == [
        None, 3, list(range(1, 12)), 2, None, None,
    ]  # fmt: skip


def test_weights(net):
    assert [len(kernel) for kernel in net.kernels] == [11, 11, 11, 12, 11, 11]
    assert {name: kernel.shape for name, kernel in net.output_kernels.items()} == {"out": (7, 1), "two": (4, 2)}
    assert {key: kernel.shape for key, kernel in net.feedback_kernels.items()} == {
        ("out", "a", "I_fb"): (1, 4), ("out", "b", "I_in"): (1, 3),
    }  # fmt: skip


def test_other_weights_where_they_fit(net):
    new = net.with_weights({"out": np.full((7, 1), 2.0), "two": np.zeros((3, 2)), "fit": np.full(12, 5.0),
                            "a_to_b": np.zeros(3)})  # fmt: skip
    assert np.all(new.output_kernels["out"] == 2)
    assert np.all(new.output_kernels["two"] == 1)
    assert isinstance(new.projections[3].weights, SparseKernel)
    assert np.all(new.kernels[3].weight == 5)
    assert new.kernels[0].weight.tolist() == net.kernels[0].weight.tolist() == list(range(1, 12))


def test_provenance(net):
    shown = net.provenance["populations"]
    assert {name: (each["neuron"], each["n"]) for name, each in shown.items()} == {
        "a": ("adex", 4), "b": ("lif_conductance", 3),
    }  # fmt: skip
    assert shown["a"]["parameters"]["C"] == pytest.approx(200e-12)
    assert shown["a"]["parameters"]["a"] == pytest.approx(4e-9)
    assert shown["a"]["source"] == "https://doi.org/10.1152/jn.00686.2005"


def test_initial_values_start_at_zero_where_none_is_named(net):
    found = net.initial_values
    assert {name: {values.shape for values in each.values()} for name, each in found.items()} == {
        "a": {(4,)}, "b": {(3,)},
    }  # fmt: skip
    assert np.all((found["a"]["v"] >= -70.6e-3) & (found["a"]["v"] < -50.4e-3))
    assert np.all(found["b"]["lastspike"] == -1e4)
    assert np.all(found["b"]["not_refractory"] == 1)
