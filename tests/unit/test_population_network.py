"""What a network of populations says of itself: names, numbers, units, signs and delays, written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import Learning, Network, Population, Projection, Readout, Record, SparseKernel
from tension_sim.circuit.declared import noise_seed
from tension_sim.circuit.network_wiring import NetworkWiring
from tension_sim.circuit.parts import SpikeRecord, VariableRecord
from tension_sim.declare.noise import key

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


@pytest.mark.parametrize("at_spikes", [False, True])
def test_other_weights_leave_each_synapse_its_delay(at_spikes):
    """Weights that act at spikes are kept in another order than synapses are given."""
    pre, post, delay = [2, 0, 1, 0], [0, 1, 2, 0], np.array([4.0, 1.0, 2.0, 3.0])
    kernel = SparseKernel(3, pre, post, np.arange(4.0))
    learned = Projection(
        "a", "a", weights=kernel, delay=1e-3 * delay, synapse="single_exponential", at_spikes=at_spikes,
        learning=Learning(1.0), error="0.1*mV", name="p",
    )  # fmt: skip
    net = Network({"a": Population("lif", 3)}, [learned], dt="1*ms")
    for one in (net, net.with_weights({"p": 2 * net.kernels[0].weight})):
        found = zip(one.kernels[0].pre.tolist(), one.kernels[0].post.tolist(), one.delays[0].tolist(), strict=True)
        assert sorted(found) == sorted(zip(pre, post, delay.tolist(), strict=True))


def test_other_weights_where_they_fit(net):
    new = net.with_weights({"out": np.full((7, 1), 2.0), "two": np.zeros((3, 2)), "fit": np.full(12, 5.0),
                            "a_to_b": np.zeros(3)})  # fmt: skip
    assert np.all(new.output_kernels["out"] == 2)
    assert np.all(new.output_kernels["two"] == 1)
    assert isinstance(new.projections[3].weights, SparseKernel)
    assert np.all(new.kernels[3].weight == 5)
    assert net.with_weights({}).kernels[3].weight.tolist() == net.kernels[3].weight.tolist() == list(range(12))
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


def test_synapses_of_one_file_share_variables_where_their_parameters_are_equal():
    def projection(synapse: str, **parameters: str) -> Projection:
        return Projection("a", "a", weights=np.ones((2, 2)), into="g_exc", synapse=synapse, parameters=parameters)

    synapses = [("ampa", "5*ms"), ("ampa", "7*ms"), ("ampa", "0.005*second"), ("gaba_a", "10*ms"), ("ampa", "9*ms")]
    readouts = {f"z{k}": Readout("a", np.ones((2, 1)), parameters={"tau_rise": f"{1 + k % 3}*ms"}) for k in range(4)}
    net = Network({"a": Population("adex", 2)}, [projection(s, tau_decay=tau) for s, tau in synapses], readouts)
    equations = net.equations["a"]
    assert equations.inputs == {"g_exc": ["g_exc_ampa", "g_exc_ampa_2", "g_exc_gaba_a", "g_exc_ampa_3"]}
    assert [each.output for each in equations.traces] == ["r", "r_2", "r_3"]
    assert [each.output for each in equations.filters] == ["r", "r_2", "r_3", *equations.inputs["g_exc"]]
    assert {name: q.value for name, q in equations.parameters.items() if name.startswith("tau_")} == pytest.approx({
        "tau_w": 144e-3, "tau_decay": 5e-3, "tau_decay_ampa": 7e-3, "tau_decay_gaba_a": 10e-3, "tau_decay_ampa_2": 9e-3,
        **{f"tau_rise_double_exponential{which}": (1 + k) * 1e-3 for k, which in enumerate(("", "_2", "_3"))},
        **{f"tau_decay_double_exponential{which}": 20e-3 for which in ("", "_2", "_3")},
    })  # fmt: skip


def test_rate_units_inputs_and_outputs_among_populations():
    net = Network(
        {"u": Population("echo_state", 3), "a": Population("lif", 2), "v": Population("echo_state", 4)},
        [
            Projection("u", "a", weights=np.ones((3, 2))), Projection("a", "v", weights=np.ones((2, 4))),
            Projection("cue", "u", weights=np.ones((5, 3)), into="I_in"),
            Projection("y", "v", weights=np.ones((8, 4)), into="I_fb"),
        ],
        {"z": Readout("u", np.ones((3, 2)), learning=RULE), "same": Readout("v", np.ones((4, 2)), supervisor="z")},
        external_inputs={"cue": 5, "more": 1}, outputs={"rates": "v.r", "volts": "a.v"},
    )  # fmt: skip
    assert (net.n, net.n_spiking, net.n_inputs, net.n_outputs) == (9, 5, 6, 8)
    assert net.supervised == {"z": 2, "rates": 4, "volts": 2}
    assert {name: net.size_of(name) for name in ("u", "a", "v", "cue", "more", "y")} == {
        "u": 3, "a": 2, "v": 4, "cue": 5, "more": 1, "y": 8,
    }  # fmt: skip
    assert {name: net.is_spiking(name) for name in ("u", "a", "v", "cue", "y")} == {
        "u": False, "a": True, "v": False, "cue": False, "y": False,
    }  # fmt: skip
    assert [net.acts_each_step(k) for k in range(4)] == [True, False, True, True]


class TestCircuit:
    """The parts of the same network, what their arrays hold, and where in a time step they act."""

    @pytest.fixture
    def wiring(self, net) -> NetworkWiring:
        return NetworkWiring(net, Record(every=7, spikes_of=5, variables={"a.v": (0, 1), "b.v": (0, 1, 2)}, off="b.v"))

    def test_sizes_of_states(self, wiring):
        found = wiring.circuit.state_sizes
        neurons = {name: size for name, size in found.items() if name.startswith("neurons")}
        assert [*neurons.values()] == [4] * 8 + [3] * 9
        assert {name: size for name, size in found.items() if name not in neurons} == {
            "recurrent_a_to_b_2.ring": 4 * 3, "recurrent_a_to_b_3.ring": 12 * 3,  # a row for each step, and one for now
            "delayed_fit.r": 4, "delayed_fit.h_r": 4, "delayed_fit__h_r.ring": 3 * 4, "recurrent_fit.w": 12,
            "readout_out.w": 7, "readout_out.z": 1, "target_out.z": 1,
            "readout_two.w": 8, "readout_two.z": 2, "target_two.z": 2,
            "rls_out.P_packed": 28, "rls_out.pending_k": 7, "rls_out.pending_c": 1, "rls_out.pending": 1,
            "rls_out.P_scale": 1, "rls_out.fresh": 1, "rls_out.n_updates": 1,
            "rls_fit.P_packed": 10, "rls_fit.pending_k": 4, "rls_fit.pending_c": 1, "rls_fit.pending": 1,
            "rls_fit.P_scale": 1, "rls_fit.fresh": 1, "rls_fit.n_updates": 1,
        }  # fmt: skip

    @pytest.mark.parametrize(("delay", "rows"), [(0, 0), (1e-4, 2), ([0.0, 3e-4], 4), ([0.0, 0.0], 0), ([], 0)])
    def test_rows_of_a_ring(self, delay, rows):
        places = range(np.size(delay)) if np.ndim(delay) else [1]
        kernel = SparseKernel(3, places, places, np.ones(len(places)))
        delays = {"delay": np.asarray(delay, float)} if np.ndim(delay) else {"delay": delay}
        net = Network({"a": Population("lif", 3)}, [Projection("a", "a", weights=kernel, **delays)])
        sizes = NetworkWiring(net, Record()).circuit.state_sizes
        assert sizes.get("recurrent_a_to_a.ring", 0) == rows * 3

    def test_what_a_run_gives_back(self, wiring):
        found = wiring.circuit.results
        assert found[: len(wiring.circuit.state_sizes)] == [*wiring.circuit.state_sizes]
        assert found[len(wiring.circuit.state_sizes) :] == [
            "output_out.values", "output_two.values", "recorded_a__v.values", "recorded_b__v.values",
            "spikes_a.i", "spikes_a.t", "spikes_b.i", "spikes_b.t", "rls_out.diverged_step", "rls_fit.diverged_step",
        ]  # fmt: skip

    def test_places_in_the_step(self, wiring):
        found = {name: (part.when, part.order) for name, part in wiring.circuit.parts.items() if hasattr(part, "when")}
        assert found == {
            "recurrent_fit": ("end", 0), "readout_out": ("end", 0), "readout_two": ("end", 0),
            "target_out": ("start", 0), "target_two": ("start", 0), "rls_out": ("end", 2), "rls_fit": ("end", 2),
            "feedback_out__a__I_fb": ("end", 3), "feedback_out__b__I_in": ("end", 3),
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("spikes_of", "recorded"),
        [(0, []), (1, [("spikes_a", 0, 1)]), (4, [("spikes_a", 0, 4)]), (5, [("spikes_a", 0, 4), ("spikes_b", 4, 1)]),
         (7, [("spikes_a", 0, 4), ("spikes_b", 4, 3)]), (None, [("spikes_a", 0, 4), ("spikes_b", 4, 3)])],
    )  # fmt: skip
    def test_spikes_of_the_first_neurons(self, net, spikes_of, recorded):
        wiring = NetworkWiring(net, Record(spikes_of=spikes_of))
        assert wiring.spike_parts == {part: first for part, first, _ in recorded}
        assert {name: part.stop for name, part in wiring.circuit.of(SpikeRecord).items()} == {
            part: count for part, _, count in recorded
        }

    def test_recorded_neurons(self, wiring):
        records = wiring.circuit.of(VariableRecord)
        assert (records["recorded_a__v"].indices, records["recorded_b__v"].indices) == ((0, 1), None)
        assert wiring.recording_values() == {
            "output_out.every": 7, "output_two.every": 7, "recorded_a__v.every": 7, "recorded_b__v.every": 2**62,
        }  # fmt: skip

    def test_values(self, wiring):
        found = wiring.values()
        wanted = {
            "neurons_a.C": 200e-12, "neurons_a.v_reset": -70.6e-3, "neurons_a.tau_decay": 10e-3,
            "neurons_a.tau_decay_double_exponential": 20e-3, "neurons_a.rate_time": 1, "neurons_b.tau_decay": 5e-3,
            "neurons_b.tau_decay_gaba_a": 10e-3, "neurons_b.unit_I_rec": 1e-12,
            "recurrent_a_to_b.out_start": [0, 2, 5, 8, 11], "recurrent_a_to_b.post": [1, 2] + [0, 1, 2] * 3,
            "recurrent_a_to_b.w": np.arange(1, 12) * 1e-9, "recurrent_a_to_b.scale": 1,
            "recurrent_a_to_b_2.delay_steps": 3, "recurrent_a_to_b_3.delay_steps": range(1, 12),
            "delayed_fit.tau_rise_double_exponential": 2e-3, "delayed_fit__h_r.out_start": range(5),
            "delayed_fit__h_r.post": range(4), "delayed_fit__h_r.w": [1] * 4, "delayed_fit__h_r.delay_steps": 2,
            "delayed_fit__h_r.scale": 1 / (2e-3 * 20e-3), "recurrent_b_to_a_2.scale": 1 / (2e-3 * 20e-3),
            "recurrent_b_to_a_2.w": np.array([-3, -6, -9, -1, -4, -7, -10, -2, -5, -8, -11]) * 1e-12,
            "feedback_out__a__I_fb.w": [1e-12] * 4, "feedback_out__b__I_in.w": [1e-12] * 3,
            "target_out.w": [1], "target_out.partner": [0], "target_out.row_start": [0, 1],
            "target_two.w": [1, 1], "target_two.partner": [1, 2], "target_two.row_start": [0, 1, 2],
            "rls_out.alpha_P": 0.1, "rls_out.divided": 1, "rls_out.update_every": 1, "rls_out.start_step": 0,
            "rls_out.stop_step": 2**62, "rls_out.forgetting": 1, "rls_out.relaxation": 0, "rls_out.probability": 1,
            "rls_out.seed": 3, "rls_out.learning": 1, "rls_out.block_start": [0, 7], "rls_out.partner": range(7),
            "rls_fit.partner": range(4), "rls_fit.rows_0": range(3), "rls_fit.block_rows_0": [0, 3],
        }  # fmt: skip
        for name, value in wanted.items():
            assert np.ravel(found[name]) == pytest.approx(np.ravel(value), rel=1e-12, abs=0), name
        assert "recurrent_fit.w" not in found  # it learns, and belongs to the state

    def test_where_runs_start(self, net, wiring):
        state = wiring.initial_state(None)
        assert state["step"] == 0
        assert state["recurrent_fit.w"] == pytest.approx(np.arange(12).reshape(4, 3).T.ravel() * 1e-12)
        assert state["readout_two.w"].tolist() == [1.0] * 8
        assert np.array_equal(state["neurons_a.v"], net.initial_values["a"]["v"])
        weights = wiring.weights(state | {"readout_two.w": np.arange(8.0)})
        assert weights["fit"] == pytest.approx(np.arange(12.0))
        assert weights["two"].tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]

    def test_each_source_of_noise_has_a_seed_of_its_own(self, tmp_path):
        path = tmp_path / "noisy.toml"
        path.write_text(
            'kind = "neuron"\nthreshold = "v > 1"\nreset = "v = 0"\nmembrane = "v"\n'
            'equations = "dv/dt = (I + F + E + standard_normal(noise_seed, t_in_timesteps, i) - v)/(10*ms) : 1"\n'
            '[inputs]\nrecurrent = "I"\nfeedback = "F"\nexternal = "E"\n[units]\ncurrent = "1"\nrate = "1/second"\n',
            encoding="utf-8",
        )
        populations = {"a": Population(path, 2), "quiet": Population("lif", 2), "b": Population(path, 2)}
        wiring = NetworkWiring(Network(populations, seed=5), Record())
        assert wiring.noise(0) == {"neurons_a.noise_seed": 5, "neurons_b.noise_seed": noise_seed(5, 0, 1)}
        assert [*wiring.noise(3).values()] == [key(5, 3) % 2**31, noise_seed(5, 3, 1)]
        every = [noise_seed(seed, trial, part) for seed in range(50) for trial in range(5) for part in range(4)]
        assert len({*every}) == 1000
        assert noise_seed(2**31 + 5, 0) == 5
