"""What is compiled in and what is a value, and the state that goes from run to run."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tension_sim.circuit import parts as circuit
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.language.code import check_code
from tension_sim.declare.network import ForceNetwork, Learning
from tension_sim.declare.plasticity import Plastic
from tension_sim.declare.record import Record
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError

N = 12


def net(**changes):
    return ForceNetwork.random(**({"n": N, "seed": 1, "learning": Learning(alpha_P=0.1), "n_outputs": 2} | changes))


def wiring(network, **record):
    return ForceWiring(network, Record(**record))


def described(network, **record):
    return wiring(network, **record).circuit.describe()


def test_code_that_was_read_is_not_read_again_but_refused_again(monkeypatch):
    read = []

    def counted(files, **code):
        read.append(code["equations"])
        return check_code(files, **code)

    monkeypatch.setattr(circuit, "check_code", counted)
    parts = [circuit.Units(3, f"dnever_seen/dt=-never_seen/({tau}*ms):1", (), ()) for tau in (7, 7, 8)]
    assert len(read) == 2
    assert parts[0] == parts[1] != parts[2]
    assert parts[1].equations == "dnever_seen/dt = -never_seen/(7*ms) : 1"
    for _ in range(2):
        with pytest.raises(UnknownNameError, match=r"never_seen: expected a known variable, (.|\n)*'never_heard'"):
            circuit.Units(3, "dnever_seen/dt = never_heard/ms : 1", (), ())


def test_a_network_without_a_plastic_kernel_has_no_variable_of_its_error():
    for network in (net(), net(neuron="echo_state", synapse=None)):
        assert "z_now" not in described(network)["parts"]["neurons"]["equations"]


def test_values_do_not_change_the_structure():
    base = described(net())
    for changes in (
        {"seed": 2},
        {"parameters": {"tau_decay": "30*ms"}},
        {"learning": Learning(alpha_P=3.0, gain="undivided", update_every=7, start=3, stop=9, forgetting=0.9)},
        {"initial": {"v": "-60*mV"}},
        {"p": 0.5, "G": 0.1, "Q": 1},
    ):
        assert described(net(**changes)) == base, changes
    assert described(net(), every=5) == base


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 13},
        {"dt": "1*ms"},
        {"n_outputs": 1},
        {"n_inputs": 1},
        {"G": 0},
        {"learning": None},
        {"dtype": "float32"},
        {"neuron": "theta"},
        {"synapse": "single_exponential"},
    ],
)
def test_what_changes_the_code(changes):
    assert described(net(**changes)) != described(net())


def test_recorded_variables_and_threads_change_the_code():
    base = described(net())
    assert described(net(), variables={"v": [0]}) != base
    assert described(net(), spikes_of=3) != base
    assert ForceWiring(net(), Record(), threaded=True).circuit.describe() != base
    assert described(net(), spikes_of=100) == base


def test_run_values_are_in_si_and_plain():
    network = net(parameters={"tau_decay": "30*ms"}, n_inputs=1, E2=2.0)
    values = wiring(network, every=3, variables={"v": [0]}).values()
    assert values["neurons.tau_decay"] == 0.03
    assert values["neurons.v_reset"] == -0.065
    assert values["feedback.w"] == pytest.approx(network.feedback_kernel.T.ravel() * 1e-3)
    assert values["input.w"] == pytest.approx(network.input_kernel.T.ravel() * 1e-3)
    start, post, weight = network.recurrent.outgoing()
    assert values["recurrent.w"] == pytest.approx(weight * 1e-3)
    assert values["recurrent.scale"] == pytest.approx(1 / (2e-3 * 30e-3))
    assert values["output.every"] == values["recorded_v.every"] == 3
    assert values["rls.alpha_P"] == 0.1
    assert values["rls.stop_step"] > 2**60


def test_a_factor_belongs_to_the_plastic_weights_alone():
    rule = Learning(alpha_P=0.1)
    plastic = Plastic(np.ones((N, N)), rule, factor=np.arange(N * N).reshape(N, N))
    for learning, rules in ((rule, {"rls": (False, True)}), (None, {"rls_plastic": (True,)})):
        found = wiring(net(neuron="echo_state", synapse=None, plastic=plastic, learning=learning, n_outputs=1))
        assert {name: part.factors for name, part in found.circuit.of(circuit.Rule).items()} == rules
        (name,) = rules
        factors = found.values()[f"{name}.factor_{len(rules[name]) - 1}"]
        assert factors.tolist() == np.arange(N * N).reshape(N, N).T.ravel().tolist()  # by postsynaptic neuron


@pytest.mark.parametrize(("shares", "rules"), [(None, 1), (True, 1), (False, 2)])
def test_readout_and_plastic_weights_share_P_unless_they_may_not(shares, rules):
    rule = Learning(alpha_P=0.1)
    plastic = Plastic(np.ones((N, N)), rule, shares_P=shares)
    network = net(neuron="echo_state", synapse=None, plastic=plastic, learning=rule, n_outputs=1)
    assert network.shares_P is (rules == 1)
    found = wiring(network).circuit.of(circuit.Rule)
    assert {name: part.maps for name, part in found.items()} == (
        {"rls": ("readout", "plastic")} if rules == 1 else {"rls": ("readout",), "rls_plastic": ("plastic",)}
    )


class TestInitialState:
    def test_declaration(self):
        network = net(initial={"v": "-50*mV", "r": 0.25})
        state = wiring(network).initial_state(None)
        assert state["step"] == 0
        assert state["neurons.v"] == pytest.approx(np.full(N, -0.05))
        assert state["neurons.r"] == pytest.approx(np.full(N, 0.25))
        assert state["neurons.last"] == pytest.approx(np.full(N, -network.dt))

    def test_given_goes_first(self):
        network = net()
        given = {"neurons.v": np.arange(N), "readout.z": [0.5, -1.0], "step": np.array([7])}
        state = wiring(network).initial_state(given)
        assert state["step"] == 7
        assert state["neurons.v"].tolist() == list(range(N))
        assert state["neurons.I_fb"] == pytest.approx(np.array([0.5, -1.0]) @ network.feedback_kernel * 1e-3)
        assert wiring(network).initial_state(given | {"neurons.I_fb": np.zeros(N)})["neurons.I_fb"].sum() == 0

    def test_P_alone_counts_as_it_is(self):
        network = net()
        state = wiring(network).initial_state({"rls.P_packed": np.ones(N * (N + 1) // 2)})
        assert (state["rls.P_scale"], state["rls.fresh"]) == (1, 0)

    @pytest.mark.parametrize(
        ("given", "error", "text"),
        [
            (
                [1],
                InvalidTypeError,
                "Simulation.state: expected the state of a run (results.state).\nReceived: 'list'",
            ),
            ({"neurons.w": 1}, UnknownNameError, "Simulation.state: expected a known state variable"),
            ({"neurons.w": 1}, UnknownNameError, "Received: 'neurons.w'\nFix: did you mean 'neurons."),
            (
                {"neurons.v": np.zeros(5)},
                InvalidValueError,
                "Simulation.state['neurons.v']: expected 12 values.\nReceived: (5,)",
            ),
            ({"neurons.v": 0.0}, InvalidValueError, "expected 12 values.\nReceived: ()"),
            (
                {"neurons.v": np.full(N, np.nan)},
                InvalidValueError,
                "Simulation.state['neurons.v']: expected finite numbers.",
            ),
            ({"neurons.v": ["a"] * N}, InvalidTypeError, "expected finite numbers."),
            ({"readout.z": [1.0]}, InvalidValueError, "Simulation.state['readout.z']: expected 2 values."),
            (
                {"readout.w": np.zeros(3)},
                InvalidValueError,
                "Simulation.state['readout.w']: expected 24 values.",
            ),
            (
                {"rls.P_packed": np.zeros(3)},
                InvalidValueError,
                "Simulation.state['rls.P_packed']: expected 78 values.",
            ),
            (
                {"rls.pending_k": np.zeros(3)},
                InvalidValueError,
                "Simulation.state['rls.pending_k']: expected 12 values.",
            ),
            ({"rls.pending": [2]}, InvalidValueError, "Simulation.state['rls.pending']: expected 0 to 1."),
            ({"rls.pending": [-1]}, InvalidValueError, "Simulation.state['rls.pending']: expected 0 to 1."),
            (
                {"step": -1},
                InvalidValueError,
                "Simulation.state['step']: expected a whole number of time steps, at least 0.",
            ),
            (
                {"step": 1.5},
                InvalidValueError,
                "Simulation.state['step']: expected a whole number of time steps",
            ),
        ],
    )
    def test_a_state_of_another_network_is_refused(self, given, error, text):
        network = net()
        with pytest.raises(error, match=re.escape(text)):
            wiring(network).initial_state(given)


class TestRecord:
    def test_equal_choices_are_equal(self):
        choice = Record(every=2, variables={"v": [0, 1]}, off="v")
        assert choice == Record(every=2, variables={"v": np.array([0, 1])}, off=("v",))
        for other in (Record(every=3, variables={"v": [0, 1]}, off="v"), Record(every=2, variables={"v": [0, 1]})):
            assert choice != other

    @pytest.mark.parametrize(
        ("record", "error", "text"),
        [
            (
                {"every": 0},
                InvalidValueError,
                "Record.every: expected a whole number of time steps, at least 1.\nReceived: 0",
            ),
            ({"every": "2"}, InvalidTypeError, "Record.every: expected a whole number of time steps"),
            ({"dtype": "float16"}, InvalidValueError, "Record.dtype: expected one of 'float64', 'float32'."),
            ({"spikes_of": -1}, InvalidValueError, "Record.spikes_of: expected a whole number, at least 0."),
            (
                {"variables": ["v"]},
                InvalidTypeError,
                "Record.variables: expected names with neurons.\nReceived: ['v']",
            ),
            (
                {"variables": {"v": 3}},
                InvalidTypeError,
                "Record.variables['v']: expected a list of neurons.\nReceived: 3",
            ),
            (
                {"variables": {"v": [0.5]}},
                InvalidTypeError,
                "Record.variables['v']: expected a list of neurons.",
            ),
        ],
    )
    def test_refused_alone(self, record, error, text):
        with pytest.raises(error, match=re.escape(text)):
            Record(**record)

    @pytest.mark.parametrize(
        ("variables", "error", "text"),
        [
            ({"w": [0]}, UnknownNameError, "Record.variables: expected a known state variable"),
            (
                {"v": [N]},
                InvalidValueError,
                "Record.variables['v']: expected neurons from 0 to 11.\nReceived: (12,)",
            ),
            ({"v": [-1]}, InvalidValueError, "expected neurons from 0 to 11."),
            ({"v": []}, InvalidValueError, "expected neurons from 0 to 11."),
        ],
    )
    def test_refused_for_a_network(self, variables, error, text):
        with pytest.raises(error, match=re.escape(text)):
            wiring(net(), variables=variables)
