"""What a FittedNetwork refuses, and what it says then."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_network import EXTRA, HELD, N, samples, small_network

from tension_sim import Learning, Record, Simulation, SparseKernel
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError

SOURCES = N + EXTRA


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"neuron": "echo_state"}, InvalidValueError, "FittedNetwork.neuron: expected a spiking neuron"),
        (
            {"neuron": "lif_normalised"},
            UnknownNameError,
            "expected a known neuron (.|\n)*did you mean 'lif_normalized'",
        ),
        ({"n": 0}, InvalidValueError, "FittedNetwork.n: expected a whole number, at least 1.\nReceived: 0"),
        ({"n": N + 1}, InvalidValueError, f"FittedNetwork.recurrent: expected a kernel from {N + 1} to {N + 1}"),
        ({"n_feedforward": 3}, InvalidValueError, f"plastic: expected a kernel from {N + 3} to {N}"),
        ({"recurrent": np.zeros((N, N))}, InvalidTypeError, "FittedNetwork.recurrent: expected a SparseKernel"),
        ({"plastic": None}, InvalidTypeError, "FittedNetwork.plastic: expected a SparseKernel"),
        (
            {"plastic": SparseKernel(SOURCES, np.empty(0, int), np.empty(0, int), np.empty(0), N)},
            InvalidValueError,
            "FittedNetwork.plastic: expected at least one weight to learn",
        ),
        (
            {"input_kernel": SparseKernel(1, [0], [0], [1.0], N + 2)},
            InvalidValueError,
            f"input_kernel: expected a kernel from the inputs to {N}",
        ),
        (
            {"plastic_synapse": "double_exponential"},  # its spikes add to another variable than its output
            InvalidValueError,
            "FittedNetwork.plastic_synapse: expected a filter whose spikes add to its output, where weights learn.\n"
            "Received: 'double_exponential'",
        ),
        ({"learning": 5}, InvalidTypeError, "FittedNetwork.learning: expected a Learning or None.\nReceived: 5"),
        (
            {"alpha_P": np.ones(N)},
            InvalidValueError,
            rf"FittedNetwork.alpha_P: expected an array of shape \({SOURCES},\)",
        ),
        ({"alpha_P": np.zeros(SOURCES)}, InvalidValueError, "FittedNetwork.alpha_P: expected numbers above 0"),
        ({"row_sum": [1.0]}, InvalidValueError, "FittedNetwork.row_sum: expected row_sum and groups together"),
        (
            {"row_sum": [-1.0], "groups": np.zeros(SOURCES)},
            InvalidValueError,
            "row_sum: expected penalties of at least 0",
        ),
        *(
            (
                {"row_sum": [1.0], "groups": groups},
                InvalidValueError,
                "groups: expected whole numbers from 0 on, and -1",
            )
            for groups in (
                np.full(SOURCES, 2.0**31),
                np.full(SOURCES, 2.0**40),
                np.full(SOURCES, -2),
                np.full(SOURCES, 0.5),
            )
        ),
        (
            {"row_sum": [1.0], "groups": np.ones(SOURCES)},
            InvalidValueError,
            r"row_sum: expected an array of shape \(2,\)",
        ),
        ({"signs": np.ones(3)}, InvalidValueError, rf"FittedNetwork.signs: expected an array of shape \({SOURCES},\)"),
        (
            {"signs": np.append(np.ones(N), np.zeros(EXTRA))},
            InvalidValueError,
            f"signs: expected .1 or -1 for each source of a plastic synapse.\nReceived: .*0.*\n"
            f"Fix: sign clamp on a neuron without sign: {N}.",
        ),
        ({"dtype": "float16"}, InvalidValueError, "FittedNetwork.dtype: expected one of 'float64', 'float32'"),
        (
            {"parameters": {"tau": "1*ms"}},
            UnknownNameError,
            r"parameters: expected a known parameter \((.|\n)*'tau_ref'",
        ),
        ({"error": "z - unit*q"}, UnknownNameError, r"error: expected a known variable of a rule (.|\n)*Received: 'q'"),
    ],
)
def test_a_wrong_declaration_is_refused(changes, error, text):
    with pytest.raises(error, match=text):
        Simulation(small_network(**changes), target="numpy").run(**samples(), every=HELD)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"y": np.zeros((40, N - 1))},
            rf"Simulation.run.y: expected shape \(timesteps, {N}\).\nReceived: \(40, {N - 1}\)",
        ),
        (
            {"y": np.full((40, N), np.nan)},
            "Simulation.run.y: expected finite values.\nReceived: nan\nFix: correct the 960",
        ),
        ({"y": None}, "Simulation.run.y: the network learns, and there is no target"),
        ({"x": np.zeros((40, 3))}, r"Simulation.run.x: expected shape \(timesteps, 2\)"),
        ({"rates": None}, "Simulation.run.rates: expected rates of 6 units"),
        ({"rates": np.zeros((39, EXTRA))}, r"Simulation.run.rates: expected as many samples as y \(400\)"),
    ],
)
def test_wrong_samples_are_refused(changes, text):
    with pytest.raises(InvalidValueError, match=text):
        Simulation(small_network(), target="numpy").run(**samples() | changes, every=HELD)


def test_rates_need_units_to_go_to():
    net = small_network()
    recurrent = net.plastic.pre < N
    kernel = SparseKernel(N, *(a[recurrent] for a in (net.plastic.pre, net.plastic.post, net.plastic.weight)), N)
    with pytest.raises(InvalidValueError, match="Simulation.run.rates: the network has no feed-"):
        Simulation(small_network(plastic=kernel, n_feedforward=0), target="numpy").run(**samples(), every=HELD)


def test_only_neurons_with_plastic_inputs_are_trained():
    net = small_network()
    np.testing.assert_array_equal(net.trained, np.arange(0, N, 2))
    assert net.n_outputs == N


def test_recorded_variables_are_those_it_has():
    with pytest.raises(UnknownNameError, match="'I_statik'.*\n.*'I_static'"):
        Simulation(small_network(), target="numpy", record=Record(variables={"I_statik": [0]}))


def test_the_schedule_is_part_of_the_run_not_of_the_program():
    nets = (small_network(), small_network(learning=Learning(alpha_P=2.0, update_every=7, stop=9)))
    first, second = (Simulation(net, target="numpy").wiring.circuit.describe() for net in nets)
    assert first == second
