"""States that leave the range of numbers, or of neurons; times that make no sense."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tension_sim import DivergenceError, ForceNetwork, Record, Recording, Results, Simulation, load_neuron
from tension_sim.declare.parameter_checks import check_parameters
from tension_sim.declare.units import Quantity, dimension_of
from tension_sim.errors import InvalidValueError
from tension_sim.run.finite import check_states

VOLT, SECOND = dimension_of("volt", ""), dimension_of("second", "")


def results(output=0.0, v=0.0, state=0.0):
    recorded = {"v": Recording(np.array([[0.0], [v]]), "mV", [0], 2)}
    spikes = [np.empty(0, int)] * 2
    end = {"neurons.v": np.array([0.0, state]), "rls.P_packed": np.array([1e200])}
    z = np.array([[0.0], [0.0], [output], [0.0]])
    return Results("demo", 1e-3, 0, 4, 2, *spikes, 0, 1, z, None, (), recorded=recorded, state=end)


@pytest.mark.parametrize(
    ("changes", "text", "step"),
    [
        ({"output": np.nan}, "Simulation: the output is not finite from time step 2 on.\nFix: choose smaller", 2),
        ({"output": -np.inf, "state": 1e300}, "the output is not finite from time step 2 on", 2),
        ({"v": 2e9}, "v is 2e+06 from time step 2 on, beyond 1e+06 volt", 2),
        ({"v": -np.inf}, "v is not finite from time step 2 on", 2),
        ({"state": 1e300}, "neurons.v is 1e+300 at the end, beyond 1e+06 volt", None),
        ({"state": np.nan}, "neurons.v is not finite at the end", None),
    ],
)
def test_what_no_neuron_has_is_refused_with_its_name_and_step(changes, text, step):
    run = results(**changes)
    with pytest.raises(DivergenceError, match=re.escape(text)) as info:
        check_states(run, {"v": VOLT})
    assert info.value.step == step and info.value.results is run


def test_float32_has_a_smaller_end_than_the_limit():
    """Without a warning: 1e100 is beyond all numbers of single precision."""
    run = results()
    run.state["neurons.v"] = np.array([1e30, np.inf], np.float32)
    with pytest.raises(DivergenceError, match="neurons.v is not finite at the end"):
        check_states(run, {"v": (0.0,) * 7})
    run.state["neurons.v"] = np.array([1e30], np.float32)
    check_states(run, {"v": (0.0,) * 7})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_whose_sum_is_infinite_pass_and_those_that_cancel_do_not(dtype):
    run, largest = results(), np.finfo(dtype).max
    run.state["rls.P_packed"] = np.array([largest, largest, -largest], dtype)
    check_states(run, {"v": VOLT})
    for wrong in ([np.inf, -np.inf], [np.nan, 1.0], [1.0, -np.inf]):
        run.state["rls.P_packed"] = np.array([1.0, *wrong], dtype)
        with pytest.raises(DivergenceError, match=r"rls\.P_packed is not finite at the end"):
            check_states(run, {"v": VOLT})


def test_large_numbers_of_other_things_pass():
    check_states(results(v=9e8, state=-9e5), {"v": VOLT})
    check_states(results(state=1e99), {"v": (0.0,) * 7})  # without a unit
    with pytest.raises(DivergenceError, match=re.escape("neurons.v is 1e+101 at the end, beyond 1e+100.")):
        check_states(results(state=1e101), {"v": (0.0,) * 7})


@pytest.mark.parametrize("changes", [{"G": 1e300}, {"Q": 1e300}])
def test_absurd_weights_end_in_a_divergence(changes):
    net = ForceNetwork.random("lif", n=20, seed=1, **changes, initial={"v": "-30*mV"})
    state = {"readout.w": np.ones(20)}
    with pytest.raises(DivergenceError, match=r"Simulation: .* (is not finite|beyond 1e\+06 volt)") as info:
        Simulation(net, target="numpy", record=Record(variables={"v": [0]})).run(np.zeros(60), state=state)
    assert info.value.results.n_steps == 60


class TestTimeConstants:
    @pytest.mark.parametrize(
        ("neuron", "parameters", "dt", "text"),
        [
            (
                "lif",
                {"tau_mem": "-10*ms"},
                5e-5,
                "parameters.tau_mem: expected a time constant above 0.\nReceived: '-10*ms'",
            ),
            ("lif", {"tau_mem": "0*ms"}, 5e-5, "parameters.tau_mem: expected a time constant above 0."),
            (
                "lif",
                {"tau_ref": "-1*ms"},
                5e-5,
                "parameters.tau_ref: expected a time of at least 0.\nReceived: '-1*ms'",
            ),
            (
                "lif",
                {},
                0.06,
                "tau_mem: expected a time constant of at least one time step (0.06 s), which 'euler' needs.",
            ),
            ("lif", {"tau_decay": "-1*ms"}, 5e-5, "parameters.tau_decay: expected a time constant above 0."),
        ],
    )
    def test_time_constants_that_the_method_cannot_follow_are_refused(self, neuron, parameters, dt, text):
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            ForceNetwork.random(neuron, n=5, parameters=parameters, dt=dt)

    def test_exact_decay_follows_any_time_step(self):
        assert ForceNetwork.random("theta", n=5, parameters={"tau_decay": "1*ms"}, dt="5*ms").dt == 5e-3
        assert ForceNetwork.random("lif_exact", n=5, parameters={"tau_mem": "1*ms"}, dt="5*ms").dt == 5e-3

    def test_a_time_step_of_one_time_constant_is_a_map(self):
        assert ForceNetwork.random("lif", n=5, dt="10*ms").dt == 0.01

    def test_only_what_equations_divide_by_counts(self):
        neuron = load_neuron("filtered_noise")  # its noise is filtered exactly: exp(-dt/tau_noise)
        values = {"tau": Quantity(0.01, SECOND), "tau_noise": Quantity(1e-3, SECOND), "delay": Quantity(-1.0, SECOND)}
        check_parameters("demo", neuron, [], values, 0.01)
        with pytest.raises(InvalidValueError, match="demo: parameters.tau_noise: expected a time constant above 0"):
            check_parameters("demo", neuron, [], values | {"tau_noise": Quantity(0.0, SECOND)}, 0.01)
