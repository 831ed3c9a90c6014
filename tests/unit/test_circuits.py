"""Circuits of a ForceNetwork with all its parts and of a FittedNetwork: sizes, places in the step, values, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import FittedNetwork, ForceNetwork, Learning, Plastic, Record, SparseKernel, TargetNetwork
from tension_sim.circuit.fitted_wiring import FittedWiring
from tension_sim.circuit.parts import Map, Rule, SpikeInput, SpikeRecord, VariableRecord
from tension_sim.circuit.wiring import ForceWiring

#: From row to column; the sources of neuron 0 are 1 and 2, and so on.
W = np.array([[0, 1, 2.0], [3, 0, 4], [5, 6, 0]])
LEARNING = Learning(alpha_P=0.5, update_every=2, start=3, stop=9)
SCHEDULE = {
    "divided": 1, "update_every": 2, "start_step": 3, "stop_step": 9, "forgetting": 1, "relaxation": 0,
    "probability": 1, "seed": 4, "learning": 1,
}  # fmt: skip


def full_force() -> ForceWiring:
    target = TargetNetwork(
        "echo_state", W, np.ones((2, 3)), np.full((1, 3), 2.0), np.full((1, 3), 3.0), scale=4.0,
        output_kernel=np.arange(6).reshape(3, 2), learning=LEARNING,
    )  # fmt: skip
    net = ForceNetwork(
        "lif", "double_exponential", 3, "0.1*ms", SparseKernel.from_dense(W), np.arange(6).reshape(2, 3),
        np.ones((3, 2)), np.full((1, 3), 7.0), learning=LEARNING, seed=4, target_network=target,
        plastic=Plastic(SparseKernel.from_dense(W), LEARNING, error="target_network"),
    )  # fmt: skip
    return ForceWiring(net, Record(every=5, spikes_of=2, variables={"v": (0, 1, 2), "h_rec": (1,)}, dtype="float32"))


def fitted() -> FittedWiring:
    plastic = SparseKernel(5, [0, 1, 2, 3, 4, 4], [1, 2, 0, 0, 1, 2], np.arange(6.0), 3)
    net = FittedNetwork(
        "lif", "double_exponential", "single_exponential", 3, "0.1*ms", SparseKernel.from_dense(W), plastic, LEARNING,
        np.full((1, 3), 2.0), 2, alpha_P=np.arange(1, 6), row_sum=[0.5, 0.25], groups=[0, 0, 1, 1, -1],
        signs=[1, 1, 1, -1, 1], seed=4,
    )  # fmt: skip
    return FittedWiring(net, Record(variables={"v": (0, 1)}))


def check(values, wanted) -> None:
    for name, value in wanted.items():
        assert np.ravel(values[name]) == pytest.approx(np.ravel(value), rel=1e-12, abs=0), name


def places(circuit) -> dict[str, tuple[str, int]]:
    return {name: (part.when, part.order) for name, part in circuit.parts.items() if isinstance(part, Map | Rule)}


class TestFullForce:
    def test_sizes_of_states(self):
        neurons = ["v", "last", "r", "h_r", "I_rec_static", "h_rec", "I_fb", "I_rec_plastic"]
        assert full_force().circuit.state_sizes == {f"neurons.{name}": 3 for name in neurons} | {
            "plastic.w": 6, "readout.w": 6, "readout.z": 2, "target_neurons.a": 3, "target_neurons.r": 3,
            "target_readout.w": 6, "target_readout.z": 2,
            # the readout's block of three partners, and of each neuron one of two: 6 + 3*3
            "rls.P_packed": 15, "rls.pending_k": 9, "rls.pending_c": 4, "rls.pending": 4, "rls.P_scale": 4,
            "rls.fresh": 1, "rls.n_updates": 1,
            "rls_target.P_packed": 6, "rls_target.pending_k": 3, "rls_target.pending_c": 1, "rls_target.pending": 1,
            "rls_target.P_scale": 1, "rls_target.fresh": 1, "rls_target.n_updates": 1,
        }  # fmt: skip

    def test_places_in_the_step(self):
        ends = dict.fromkeys(("plastic", "readout", "target_recurrent_now", "target_readout"), ("end", 0))
        starts = ("input", "target_recurrent", "target_feedback", "target_hint", "target_input")
        assert places(full_force().circuit) == ends | dict.fromkeys(starts, ("start", 0)) | {
            "rls": ("end", 2), "rls_target": ("end", 2), "feedback": ("end", 3),
        }  # fmt: skip

    def test_which_weights_learn(self):
        maps = full_force().circuit.of(Map)
        assert {name for name, part in maps.items() if part.learned} == {"plastic", "readout", "target_readout"}
        assert {name: part.n_weights for name, part in maps.items()} == {
            "input": 3, "plastic": 6, "readout": 6, "target_recurrent": 9, "target_recurrent_now": 9,
            "target_feedback": 6, "target_hint": 3, "target_input": 3, "target_readout": 6, "feedback": 6,
        }  # fmt: skip
        assert maps["target_recurrent_now"].weights_of == "target_recurrent"

    def test_rules(self):
        rules = full_force().circuit.of(Rule)
        assert (rules["rls"].maps, rules["rls_target"].maps) == (("readout", "plastic"), ("target_readout",))
        assert rules["rls"].errors == (
            "z - y", "z_now - target_scale*(target_recurrent + target_feedback + target_hint)",
        )  # fmt: skip
        assert {name: tuple(variable) for name, variable in rules["rls"].variables} == {
            "z_now": ("neurons", "I_rec_plastic"), "target_scale": ("neurons", "target_scale_plastic"),
            "target_recurrent": ("target_neurons", "z_now"), "target_feedback": ("target_neurons", "I_fb_driven"),
            "target_hint": ("target_neurons", "I_fb_hint"),
        }  # fmt: skip
        for rule in rules.values():
            assert tuple(rule.target) == ("target", "value")
            assert not (rule.signs or rule.grouped or rule.divide_by_source or any(rule.factors))

    def test_values(self):
        check(full_force().values(), {
            "neurons.v_reset": -65e-3, "neurons.tau_rise": 2e-3, "neurons.rate_time": 1,
            "feedback.w": np.array([0, 3, 1, 4, 2, 5]) * 1e-3, "input.w": [7e-3] * 3,
            "recurrent.out_start": [0, 2, 4, 6], "recurrent.post": [1, 2, 0, 2, 0, 1],
            "recurrent.w": np.arange(1, 7) * 1e-3, "recurrent.scale": 1 / (2e-3 * 20e-3),
            "plastic.partner": [1, 2, 0, 2, 0, 1], "plastic.row_start": [0, 2, 4, 6],
            "rls.block_start": [0, 3, 5, 7, 9], "rls.partner": [0, 1, 2, 1, 2, 0, 2, 0, 1],
            "rls.P_start": [0, 6, 9, 12, 15], "rls.rows_0": [0, 1], "rls.block_rows_0": [0, 2, 2, 2, 2],
            "rls.rows_1": [0, 1, 2], "rls.block_rows_1": [0, 0, 1, 2, 3], "rls.alpha_P": 0.5,
            "target_neurons.tau": 10e-3, "neurons.target_scale_plastic": 4e-3, "target_recurrent.w": W.T,
            "target_feedback.w": [1] * 6, "target_hint.w": [3] * 3, "target_input.w": [2] * 3,
            "output.every": 5, "recorded_v.every": 5, "recorded_h_rec.every": 5,
            **{f"{rule}.{name}": value for rule in ("rls", "rls_target") for name, value in SCHEDULE.items()},
        })  # fmt: skip

    def test_where_runs_start(self):
        wiring = full_force()
        state = wiring.initial_state(None)
        check(state, {
            "step": 0, "neurons.last": [-1e-4] * 3, "readout.w": [1] * 6, "target_readout.w": [0, 2, 4, 1, 3, 5],
            "plastic.w": np.array([3, 5, 1, 6, 2, 4]) * 1e-3, "target_neurons.r": np.tanh(state["target_neurons.a"]),
        })  # fmt: skip
        assert "neurons.I_fb" not in state
        check(wiring.initial_state({"readout.z": np.array([1.0, 2.0])}), {"neurons.I_fb": np.array([6, 9, 12]) * 1e-3})
        weights = wiring.weights(state | {"readout.w": np.arange(6)})
        assert weights["output_kernel"].tolist() == [[0, 3], [1, 4], [2, 5]]
        assert weights["recurrent_kernel"] == pytest.approx(W)

    def test_records(self):
        circuit = full_force().circuit
        records = circuit.of(VariableRecord)
        assert {name: (tuple(part.source), part.indices, part.dtype) for name, part in records.items()} == {
            "output": (("readout", "z"), None, None), "recorded_h_rec": (("neurons", "h_rec"), (1,), "float32"),
            "recorded_v": (("neurons", "v"), None, "float32"),
        }  # fmt: skip
        assert circuit.of(SpikeRecord)["spikes"].stop == 2


class TestFitted:
    def test_sizes_of_states(self):
        neurons = ["v", "last", "r", "I_static", "h_static", "I_plastic"]
        assert fitted().circuit.state_sizes == {f"neurons.{name}": 3 for name in neurons} | {
            "feedforward.r": 2, "plastic.w": 6, "rls.P_packed": 9, "rls.pending_k": 6, "rls.pending_c": 3,
            "rls.pending": 3, "rls.P_scale": 3, "rls.fresh": 1, "rls.n_updates": 1,
        }  # fmt: skip

    def test_parts(self):
        circuit = fitted().circuit
        assert places(circuit) == {"feedforward_rate": ("start", 0), "input": ("start", 0), "rls": ("start", 4)}
        assert {name: part.n_weights for name, part in circuit.of(Map).items()} == {"feedforward_rate": 2, "input": 3}
        spikes = circuit.of(SpikeInput)
        assert {name: (part.sources, part.n_sources, part.trace, part.count) for name, part in spikes.items()} == {
            "recurrent": (("neurons",), 3, "", None), "plastic": (("neurons", "feedforward"), 5, "r", 6),
        }  # fmt: skip
        (rule,) = circuit.of(Rule).values()
        assert (rule.signs, rule.grouped, rule.n_sources, rule.divide_by_source) == (True, True, 5, False)
        assert {name: tuple(variable) for name, variable in rule.variables} == {
            "static_input": ("neurons", "I_static"), "external_input": ("neurons", "I_in"),
            "unit": ("neurons", "unit_I_rec"),
        }  # fmt: skip

    def test_values(self):
        check(fitted().values(), {
            "neurons.tau_decay": 20e-3, "neurons.tau_decay_plastic": 20e-3, "neurons.rate_time": 1,
            "neurons.unit_I_rec": 1e-3, "feedforward.tau_decay_plastic": 20e-3, "feedforward.rate_time": 1,
            "feedforward_rate.w": [1, 1], "feedforward_rate.partner": [0, 1], "feedforward_rate.row_start": [0, 1, 2],
            "input.row_start": [0, 1, 2, 3], "input.partner": [0, 0, 0], "input.w": [2e-3] * 3,
            "recurrent.w": np.arange(1, 7) * 1e-3, "recurrent.scale": 1 / (2e-3 * 20e-3), "plastic.scale": 1 / 20e-3,
            "plastic.out_start": [0, 1, 2, 3, 4, 6], "plastic.post": [1, 2, 0, 0, 1, 2],
            "plastic.row_start": [0, 2, 4, 6],
            "plastic.slot": [2, 4, 0, 1, 3, 5], "rls.partner": [2, 3, 0, 4, 1, 4], "rls.block_start": [0, 2, 4, 6],
            "rls.alpha_P": range(1, 6), "rls.sign": [1, 1, 1, -1, 1], "rls.group_of": [0, 0, 1, 1, -1],
            "rls.row_sum": [0.5, 0.5, 0.25, 0.25, 0], "recorded_v.every": 1,
            **{f"rls.{name}": value for name, value in SCHEDULE.items()},
        })  # fmt: skip

    def test_learned_weights_come_back_in_the_order_of_the_kernel(self):
        wiring = fitted()
        state = wiring.initial_state(None)
        assert state["plastic.w"] == pytest.approx(np.array([2, 3, 0, 4, 1, 5]) * 1e-3)
        assert wiring.weights(state)["plastic"] == pytest.approx(np.arange(6.0))

    def test_trials_begin_from_values_of_their_own(self):
        wiring = fitted()
        first, again, second = (wiring.initial_state(None, trial)["neurons.v"] for trial in (0, 0, 1))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, second)
        assert [*wiring.noise(0)] == ["feedforward.noise_seed"]
