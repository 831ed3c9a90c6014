"""Parameters and initial values of a population: one, one for each neuron, an expression, or drawn from the seed."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms, mV

from tension_sim import (
    InvalidTypeError,
    InvalidValueError,
    Network,
    Population,
    Projection,
    Readout,
    Record,
    Results,
    Simulation,
    UnitsError,
    UnknownNameError,
)

N, STEPS, DT = 5, 900, 1e-4
TAU, BIAS = np.array([0.005, 0.008, 0.01, 0.012, 0.02]), "-39*mV + 4*mV*rand()"


def network(seed=0, parameters=None, **more):
    chosen = {"tau_mem": TAU, "bias": BIAS, "tau_ref": "1*ms + 0.5*ms*i"} if parameters is None else parameters
    cells = Population("lif", N, parameters=chosen, initial={"v": "v_reset + (bias - v_reset)*i/N"})
    readout = Readout("cells", np.zeros((N, 1)))
    return Network({"cells": cells}, readouts={"out": readout}, dt="0.1*ms", seed=seed, **more)


def drawn(name, seed=0):
    return network(seed).equations["cells"].parameters[name].value


def loop(tau, bias, tau_ref, v):
    """Run the neurons of lif.toml, each with its own parameters, and return which spiked in each step."""
    last, spikes = np.full(N, -DT), np.zeros((STEPS, N), bool)
    for k in range(STEPS):
        t = k * DT
        v = v + DT * (t > last + tau_ref) * (bias - v) / tau
        spikes[k] = v >= -40e-3
        last[spikes[k]], v[spikes[k]] = t, -65e-3
    return spikes, v


@pytest.mark.parametrize("name", ["numpy", pytest.param("tensorflow", marks=pytest.mark.slow)])
def test_each_neuron_has_its_own_spike_for_spike(name):
    """Those of cython and C++ are in test_delays_of_synapses, those of CUDA in test_cuda."""
    if name == "tensorflow":
        pytest.importorskip("tensorflow")
    net = network()
    found = Simulation(net, target=name, record=Record(variables={"cells.v": range(N)})).run(np.zeros(STEPS))
    bias = drawn("bias")
    assert np.ptp(bias) > 1e-3
    v = -65e-3 + (bias + 65e-3) * np.arange(N) / N
    np.testing.assert_allclose(net.initial_values["cells"]["v"], v, rtol=1e-14)
    spikes, last = loop(TAU, bias, 1e-3 + 0.5e-3 * np.arange(N), v)
    times, neurons = found.spikes()
    steps, wanted = np.nonzero(spikes)
    assert len(steps) > 10
    np.testing.assert_array_equal(neurons, wanted)
    np.testing.assert_allclose(times, steps * DT, atol=1e-9)
    np.testing.assert_allclose(found.state["neurons_cells.v"], last, rtol=1e-12)


def test_the_seed_decides_what_is_drawn_and_other_parameters_do_not():
    np.testing.assert_array_equal(drawn("bias"), drawn("bias"))
    assert np.all(drawn("bias") != drawn("bias", seed=1))
    alone = network(parameters={"bias": BIAS}).equations["cells"].parameters["bias"].value
    np.testing.assert_array_equal(alone, drawn("bias"))
    two = network(parameters={"bias": BIAS, "tau_mem": "10*ms + 5*ms*rand()"}).equations["cells"].parameters
    assert np.all((two["bias"].value + 39e-3) / 4e-3 != (two["tau_mem"].value - 10e-3) / 5e-3)


def test_distributions_have_their_mean_and_spread():
    cells = Population("lif", 4000, parameters={"tau_mem": "clip(20*ms + 2*ms*randn(), 15*ms, 25*ms)"})
    tau = Network({"cells": cells}, seed=3).equations["cells"].parameters["tau_mem"].value
    assert tau.mean() == pytest.approx(20e-3, abs=4 * 2e-3 / np.sqrt(4000))
    assert tau.std() == pytest.approx(2e-3, rel=0.05)
    assert (tau.min(), tau.max()) == (15e-3, 25e-3)


def test_quantities_and_plain_numbers_count_alike():
    same = [network(parameters={"tau_mem": tau}) for tau in (TAU, TAU * 1e3 * ms, TAU.tolist(), "5*ms + 0*i*ms")]
    values = [net.equations["cells"].parameters["tau_mem"].value for net in same]
    for value in values[:3]:
        np.testing.assert_allclose(value, TAU, rtol=1e-15)
    np.testing.assert_array_equal(values[3], 5e-3)


def test_other_values_need_no_other_program():
    first, other = (Simulation(network(seed), target="numpy").wiring.circuit.digest for seed in (0, 1))
    assert first == other
    one = Simulation(network(parameters={}), target="numpy").wiring.circuit
    assert one.digest != first
    assert dict(one.parts["neurons_cells"].parameters).keys() >= {"tau_mem", "bias"}


def test_a_saved_run_has_them_again(tmp_path):
    results = Simulation(network(), target="numpy").run(np.zeros(20))
    net = Results.load(results.save(tmp_path / "run.npz")).network()
    for name in ("tau_mem", "bias", "tau_ref"):
        np.testing.assert_array_equal(net.equations["cells"].parameters[name].value, drawn(name))
    told = results.provenance["populations"]["cells"]["parameters"]
    assert told["tau_mem"] == {"min": 0.005, "mean": pytest.approx(0.011), "max": 0.02}
    assert told["v_reset"] == -65e-3


@pytest.mark.parametrize(
    ("parameters", "error", "text"),
    [
        ({"tau_mem": TAU[:3]}, InvalidValueError,
         "populations['cells'](lif): parameters.tau_mem: expected an array of shape (5,) (neurons).\nReceived: (3"),
        ({"tau_mem": TAU * mV}, UnitsError, "parameters.tau_mem: expected a quantity in second"),
        ({"tau_mem": "20*mV*rand()"}, UnitsError, "parameters.tau_mem: expected a quantity in second"),
        ({"tau_mem": TAU - 0.005}, InvalidValueError, "parameters.tau_mem: expected a time constant above 0"),
        ({"tau_mem": "1*us + 1*us*rand()"}, InvalidValueError, "expected a time constant of at least one time step"),
        ({"tau_mem": np.array(["a"] * 5)}, InvalidTypeError, "parameters.tau_mem: expected an array of shape (5,)"),
        ({"tau_mem": TAU * np.nan}, InvalidValueError, "parameters.tau_mem: expected finite values"),
        ({"tau_mem": "j*ms"}, UnknownNameError, "parameters.tau_mem: expected a known parameter or unit"),
        ({"bias": "tau_mem*i"}, UnitsError, "parameters.bias: expected a quantity in volt"),
        ({"tau_ref": "-1*ms*i"}, InvalidValueError, "parameters.tau_ref: expected a time of at least 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_one(parameters, error, text):
    with pytest.raises(error) as caught:
        network(parameters=parameters)
    assert text in str(caught.value)


def test_synapses_share_their_parameters():
    with pytest.raises(InvalidValueError, match=r"parameters.tau_decay: expected a number, or an expression"):
        Network(
            {"c": Population("lif", 2)},
            projections=[Projection("c", "c", weights=np.ones((2, 2)), synapse="ampa", parameters={"tau_decay": TAU})],
        )
