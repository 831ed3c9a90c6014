"""Filters whose output is a sum of states, and units with several filters: spike for spike beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from population_loop import DoubleExponential, LeastSquares
from targets import assert_close, skip_unless_here

from tension_sim import (
    ForceNetwork,
    InvalidValueError,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Record,
    Results,
    Simulation,
    TensionError,
    UnitsError,
    load_synapse,
)

SUM = """
kind = "filter"
summary = "A slow and a fast exponential"
equations = \"\"\"
dslow/dt = -slow/tau_slow : unit
dfast/dt = -fast/tau_fast : unit
\"\"\"
output = "0.75*slow + share*fast"
[spike]
slow = "1/tau_slow"
fast = "1/tau_fast"
[parameters]
tau_slow = "50*ms"
tau_fast = "5*ms"
share = 0.25
"""
N, STEPS, DT = 6, 500, 1e-4
RNG = np.random.default_rng(11)
BIAS, V0 = -33e-3 + 4e-3 * RNG.random(N), -0.065 + 0.02 * RNG.random(N)
STATIC, W0, FEEDBACK = 0.02 * RNG.normal(size=(N, N)), 0.02 * RNG.normal(size=(N, N)), RNG.normal(size=(1, N))
Y = np.sin(2 * np.pi * 20 * DT * np.arange(1, STEPS + 1))
RULE = Learning(1e-3, update_every=4, start=50)


@pytest.fixture(scope="module")
def synapse(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "slow_fast.toml"
    path.write_text(SUM)
    return load_synapse(path)


def network(synapse):
    cells = Population("lif", N, parameters={"bias": BIAS}, initial={"v": V0}, filters=["single_exponential"])
    return Network(
        {"cells": cells},
        [
            Projection("cells", "cells", name="static", weights=STATIC, synapse=synapse),
            Projection("cells", "cells", name="plastic", weights=W0, synapse=synapse, delay="0.8*ms",
                       learning=RULE, error="unit*(out - y)"),
        ],
        {
            "out": Readout("cells", np.zeros((N, 1)), synapse=synapse, learning=RULE,
                           feedback={"cells.I_fb": FEEDBACK}),
            "smooth": Readout("cells", np.ones((N, 1)), supervisor="out"),
        },
        dt="0.1*ms",
    )  # fmt: skip


class SlowFast:
    """The filter of the file above."""

    def __init__(self):
        self.slow, self.fast = np.zeros(N), np.zeros(N)

    def advance(self):
        self.slow, self.fast = self.slow * np.exp(-DT / 50e-3), self.fast * np.exp(-DT / 5e-3)

    def add(self, amount):
        self.slow, self.fast = self.slow + amount / 50e-3, self.fast + amount / 5e-3

    @property
    def x(self):
        return 0.75 * self.slow + 0.25 * self.fast


def loop():
    """Run the network; return spikes, voltages, outputs, learned weights, and the traces."""
    v, last, delay = V0.copy(), np.full(N, -DT), 8
    arrived, read, late, double, single = SlowFast(), SlowFast(), SlowFast(), DoubleExponential(N, DT), np.zeros(N)
    under_way, rules = np.zeros((STEPS + delay + 1, N)), (LeastSquares(N, 1, 1e-3), LeastSquares(N, N, 1e-3))
    rules[1].W = W0.T.copy()
    z, current, spiked, outputs = np.zeros(1), np.zeros(N), [], np.zeros((STEPS, 1))
    for k in range(STEPS):
        drive = BIAS + 1e-3 * (arrived.x + current + FEEDBACK[0] * z)
        v = v + DT * (k * DT > last + 2e-3) * (drive - v) / 10e-3
        for each in (arrived, read, late, double):
            each.advance()
        single = single * np.exp(-DT / 20e-3)
        spikes = (v >= -40e-3).astype(float)
        last[spikes > 0], v[spikes > 0] = k * DT, -65e-3
        under_way[k + delay] = spikes
        arrived.add(spikes @ STATIC)
        late.add(under_way[k])
        read.add(spikes)
        double.add(spikes)
        single = single + spikes / 20e-3
        z, current = rules[0].W @ read.x, rules[1].W @ late.x
        outputs[k] = z
        if k >= RULE.start and k % RULE.update_every == 0:
            error = z - Y[k]
            rules[0].learn(read.x, error)
            rules[1].learn(late.x, np.full(N, error[0]))
        spiked += [(k, neuron) for neuron in np.flatnonzero(spikes)]
    return np.array(spiked), v, outputs, [rule.W for rule in rules], {"r": single, "r_2": read.x, "r_3": double.x}


def run(name, net, cuts=()):
    simulation = Simulation(net, target=name, record=Record(variables={"cells.r_2": range(N)}))
    state, found, spikes = None, [], []
    for start, stop in zip((0, *cuts), (*cuts, STEPS), strict=True):
        results = simulation.run(Y[start:stop, None], state=state)
        times, neurons = results.spikes()
        spikes += [*zip(np.rint(times / DT).astype(int), neurons, strict=True)]
        state = results.state
        found.append(results)
    return found, np.array(spikes)


@pytest.mark.parametrize("name", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.slow)])
def test_spike_for_spike_beside_a_plain_loop(name, synapse):
    skip_unless_here(name)
    net = network(synapse)
    (whole,), spikes = run(name, net)
    wanted, v, outputs, (w_out, w), traces = loop()
    assert len(wanted) > 15
    np.testing.assert_array_equal(spikes, wanted)
    assert_close(whole.state["neurons_cells.v"], v)
    assert_close(whole.output, outputs)
    assert np.abs(w - W0.T).max() > 1e-4
    assert_close(whole.weights["plastic"], w.T.ravel())
    assert_close(whole.weights["out"], w_out.T)
    for trace, values in traces.items():
        assert_close(whole.state[f"neurons_cells.{trace}"], values)
    assert_close(whole.recorded["cells.r_2"].values[-1], traces["r_2"])
    parts, again = run(name, net, cuts=(57, 300))
    np.testing.assert_array_equal(again, spikes)
    for key, value in whole.state.items():
        np.testing.assert_array_equal(parts[-1].state[key], value, err_msg=key)


def test_a_saved_run_keeps_the_sum(tmp_path, synapse):
    results = Simulation(network(synapse), target="numpy").run(Y[:5, None])
    again = Results.load(results.save(tmp_path / "run.npz")).network()
    assert again.readouts["out"].synapse.output == synapse.output == "0.75*slow + share*fast"


def test_states_and_inputs_have_their_names(synapse):
    net = network(synapse)
    assert {"cells.r", "cells.r_2", "cells.slow_r_2", "cells.fast_r_2", "cells.r_3"} <= {*net.state_variables}
    assert "share" in net.equations["cells"].parameters


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ("0.75*slow + share*fast", "slow*fast", InvalidValueError,
         "slow_fast.toml: output: expected a formula that is linear in fast, slow"),
        ("0.75*slow + share*fast", "slow + share", TensionError, "slow_fast.toml: output"),
        ("0.75*slow + share*fast", "slow + quick", TensionError, "slow_fast.toml: output"),
        ("0.75*slow + share*fast", "slow + tau_fast*fast", UnitsError, "slow_fast.toml: output"),
        ("0.75*slow + share*fast", "share + share", InvalidValueError,
         "slow_fast.toml: output: expected a sum of variables of the equations"),
        ("-fast/tau_fast : unit", "-fast/tau_fast : unit/second", InvalidValueError,
         "slow_fast.toml: equations: fast: expected the unit 'unit', for it is part of the output"),
        ("0.75*slow + share*fast", "slow + t*fast/second", TensionError, "slow_fast.toml: output"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_output(tmp_path, old, new, error, text):
    (tmp_path / "slow_fast.toml").write_text(SUM.replace(old, new))
    with pytest.raises(error) as caught:
        load_synapse(tmp_path / "slow_fast.toml")
    assert text in str(caught.value)


def test_short_forms_name_what_takes_it(synapse):
    with pytest.raises(InvalidValueError, match=r"ForceNetwork.synapse: expected a filter whose output is one of its"):
        ForceNetwork.random("lif", synapse=synapse, n=10)
