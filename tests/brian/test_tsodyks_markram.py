"""Short-term plasticity: static and learned projections beside plain loops of the published equations."""

from __future__ import annotations

import numpy as np
import pytest
from targets import skip_unless_here

from tension_sim import (
    InvalidValueError,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Simulation,
    TensionError,
    load_synapse,
)
from tension_sim.declare.equation_text import from_text, to_text

DT, STEPS, N = 1e-4, 1500, 12
RNG = np.random.default_rng(3)
WEIGHTS = (RNG.random((N, N)) < 0.6) * RNG.uniform(0, 2, (N, N))
Y = np.sin(np.arange(STEPS) / 50)


def net(**learning) -> Network:
    return Network(
        dt=DT,
        populations={"cells": Population("lif", N, parameters={"bias": "-36*mV"})},
        projections=[
            Projection(
                "cells", "cells", weights=WEIGHTS, synapse="tsodyks_markram", name="short_term",
                parameters={"tau_facil": "50*ms", "tau_rec": "100*ms", "U": 0.3}, **learning,
            )
        ],
        readouts={"output": Readout("cells", np.full((N, 1), 0.01))},
    )  # fmt: skip


def released(spikes: np.ndarray) -> np.ndarray:
    """Return the trace of the published synapse of each neuron, at the end of each step."""
    u, x, g = np.full(N, 0.3), np.ones(N), np.zeros(N)
    traces = np.empty(spikes.shape)
    for step, fired in enumerate(spikes):
        u, x, g = (
            0.3 + (u - 0.3) * np.exp(-DT / 50e-3), 1 + (x - 1) * np.exp(-DT / 100e-3), g * np.exp(-DT / 3e-3),
        )  # fmt: skip
        u = np.where(fired, u + 0.3 * (1 - u), u)
        g = np.where(fired, g + u * x, g)
        x = np.where(fired, x - u * x, x)
        traces[step] = g
    return traces


def spikes_of(found) -> np.ndarray:
    spikes = np.zeros((STEPS, N), bool)
    spikes[found.spike_step, found.spike_neuron] = True
    assert 3 < spikes.sum(axis=0).min()
    return spikes


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.slow)])
def test_a_network_as_a_plain_loop(target):
    """All spikes: membranes take the currents of the step before, as those of any filter."""
    skip_unless_here(target)
    network = net()
    found = Simulation(network, target=target).run(Y)
    v, last = network.initial_values["cells"]["v"].copy(), np.full(N, -DT)
    u, x, g = np.full(N, 0.3), np.ones(N), np.zeros(N)
    current, spikes = np.zeros(N), []
    for step in range(STEPS):
        t = step * DT
        v = v + DT * (t > last + 2e-3) * (-36e-3 + current - v) / 10e-3
        u, x, g = (
            0.3 + (u - 0.3) * np.exp(-DT / 50e-3), 1 + (x - 1) * np.exp(-DT / 100e-3), g * np.exp(-DT / 3e-3),
        )  # fmt: skip
        fired = v >= -40e-3
        v[fired], last[fired] = -65e-3, t
        u = np.where(fired, u + 0.3 * (1 - u), u)
        g, x = np.where(fired, g + u * x, g), np.where(fired, x - u * x, x)
        current = 1e-3 * g @ WEIGHTS
        spikes += [(step, i) for i in np.flatnonzero(fired)]
    assert len(spikes) > 60
    assert np.array_equal(np.stack([found.spike_step, found.spike_neuron], axis=1), spikes)
    assert found.state["neurons_cells.I_rec"] == pytest.approx(current, rel=1e-12)


def test_learned_weights_act_on_what_is_released():
    found = Simulation(net(learning=Learning(alpha_P=0.05), error="unit*(output - y)"), target="numpy").run(Y)
    r, W, P = released(spikes_of(found)), WEIGHTS.T * 1e-3, [0.05 * np.eye(N) for _ in range(N)]
    for step in range(STEPS):
        error = 1e-3 * (found.output[step, 0] - Y[step])
        given = W @ r[step]
        for row in range(N):
            k = P[row] @ r[step]
            c = 1 / (1 + r[step] @ k)
            P[row] = P[row] - c * np.outer(k, k)
            W[row] -= c * error * k
    assert found.state["neurons_cells.I_rec"] == pytest.approx(given, rel=1e-8)
    kernel = net(learning=Learning(alpha_P=0.05), error="unit*(output - y)").kernels[0]
    assert found.weights["short_term"] == pytest.approx(W[kernel.post, kernel.pre] / 1e-3, rel=1e-8)
    assert np.abs(found.weights["short_term"] - kernel.weight).max() > 0.1


def test_the_file_is_written_as_it_is_read():
    synapse = load_synapse("tsodyks_markram")
    assert from_text("tsodyks_markram", to_text(synapse)) == synapse
    assert "depressed_s += released_s" in synapse.at_spike("s", "s")


def test_two_kinds_side_by_side():
    """Facilitating and depressing synapses of one population have states of their own."""
    kinds = {"facilitating": {"U": 0.1, "tau_facil": "500*ms"}, "depressing": {"U": 0.6}}
    projections = [
        Projection("cells", "cells", weights=WEIGHTS, synapse="tsodyks_markram", name=name, parameters=given)
        for name, given in kinds.items()
    ]
    cells = {"cells": Population("lif", N, parameters={"bias": "-36*mV"})}
    found = Simulation(Network(dt=DT, populations=cells, projections=projections), target="numpy").run(steps=STEPS)
    for name, U, tau in (("facilitated_r", 0.1, 500e-3), ("facilitated_r_2", 0.6, 20e-3)):
        u = np.full(N, U)
        for fired in spikes_of(found):
            u = U + (u - U) * np.exp(-DT / tau)
            u = np.where(fired, u + U * (1 - u), u)
        assert found.state[f"neurons_cells.{name}"] == pytest.approx(u - U, rel=1e-9)


OF_PAIRS = RNG.integers(1, 30, (N, N))
OF_NEURONS = np.broadcast_to(RNG.integers(1, 30, (N, 1)), (N, N))


def delayed(spikes: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the trace of each pair of neurons, shape (steps, pre, post), for a delay of each in steps."""
    traces = np.empty((STEPS, N, N))
    for delay in np.unique(steps):
        later = np.zeros_like(spikes)
        later[delay:] = spikes[: STEPS - delay]
        at = steps == delay
        traces[:, at] = np.broadcast_to(released(later)[:, :, None], (STEPS, N, N))[:, at]
    return traces


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        pytest.param("numpy", np.full((N, N), 15), id="one-numpy"),
        pytest.param("numpy", OF_NEURONS, id="of_neurons-numpy"),
        pytest.param("numpy", OF_PAIRS, id="of_pairs-numpy"),
        pytest.param("cpp_standalone", OF_PAIRS, id="of_pairs-cpp_standalone", marks=pytest.mark.slow),
    ],
)
def test_what_is_released_arrives_later(target, steps):
    """The spikes of a run give each synapse its trace; currents of the last step, and a run in two parts."""
    skip_unless_here(target)
    delay = DT * (15 if np.all(steps == 15) else steps)
    simulation = Simulation(net(delay=delay), target=target)
    found = simulation.run(steps=STEPS)
    traces = delayed(spikes_of(found), steps)
    assert found.state["neurons_cells.I_rec"] == pytest.approx(1e-3 * np.sum(WEIGHTS * traces[-1], axis=0), rel=1e-9)
    assert np.abs(found.state["neurons_cells.I_rec"]).max() > 1e-4
    first = simulation.run(steps=STEPS // 2)
    second = simulation.run(steps=STEPS - STEPS // 2, state=first.state)
    assert np.array_equal(second.state["neurons_cells.I_rec"], found.state["neurons_cells.I_rec"])
    assert np.array_equal(second.spike_step, found.spike_step[found.spike_step >= STEPS // 2])


@pytest.mark.parametrize("steps", [np.full((N, N), 15), OF_PAIRS], ids=["one", "of_pairs"])
def test_spikes_of_successive_steps_all_arrive(steps):
    """Poisson units at rates at which one spike often follows another in the next step."""
    silent = Population("lif", N, parameters={"bias": "-500*mV"}, initial={"v": "-65*mV"})
    units = {"units": Population("poisson", N), "cells": silent}
    plasticity = {"tau_facil": "50*ms", "tau_rec": "100*ms", "U": 0.3}
    projection = Projection(
        "units", "cells", weights=WEIGHTS, synapse="tsodyks_markram", parameters=plasticity, delay=DT * steps
    )
    simulation = Simulation(Network(units, [projection], dt=DT), target="numpy")
    found = simulation.run(rates=np.full((STEPS, N), 3000.0))
    spikes = spikes_of(found)
    assert np.sum(spikes[1:] & spikes[:-1]) > 100
    wanted = 1e-3 * np.sum(WEIGHTS * delayed(spikes, steps)[-1], axis=0)
    assert found.state["neurons_cells.I_rec"] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.slow)])
def test_weights_learn_from_what_arrives(target):
    skip_unless_here(target)
    learned = net(delay=DT * OF_PAIRS, learning=Learning(alpha_P=0.05), error="unit*(output - y)")
    found = Simulation(learned, target=target).run(Y)
    traces = delayed(spikes_of(found), OF_PAIRS)
    W, P = WEIGHTS * 1e-3, [0.05 * np.eye(N) for _ in range(N)]
    for step in range(STEPS):
        error = 1e-3 * (found.output[step, 0] - Y[step])
        for post in range(N):
            r = traces[step, :, post]
            k = P[post] @ r
            c = 1 / (1 + r @ k)
            P[post] = P[post] - c * np.outer(k, k)
            W[:, post] -= c * error * k
    kernel = learned.kernels[0]
    assert found.weights["short_term"] == pytest.approx(W[kernel.pre, kernel.post] / 1e-3, rel=1e-8)
    assert np.abs(found.weights["short_term"] - kernel.weight).max() > 0.1


def test_delays_of_presynaptic_state_are_all_0_or_none():
    assert net(delay="0*ms").delayed_traces == {}
    some = np.where(np.arange(N) < 3, 0, DT)
    with pytest.raises(InvalidValueError) as caught:
        net(delay=some)
    assert str(caught.value) == (
        "Network.projections[0].delay: expected at least a time step for each synapse, since 'tsodyks_markram' has "
        "presynaptic state.\nReceived: '0 of some'\n"
        "Fix: leave the delay out, or put synapses without one into a projection of their own."
    )


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("g += released", "h += released", "mine.toml: reset: expected a variable that may change (depressed, fac"),
        ("dg/dt = -g/tau_decay : 1", "dg/dt = -g/tau_decay : siemens", "equations: g: expected variables without unit"),
        (
            "dg/dt = -g/tau_decay : 1",
            "dg/dt = -g/tau_decay : unit",
            "mine.toml: equations: g: expected variables without",
        ),
        ('output = "g"', 'output = "g"\n[spike]\ng = "1"\n[x]', "mine.toml: expected a known key of a synapse file"),
    ],
)
def test_wrong_files(tmp_path, old, new, text):
    path = tmp_path / "mine.toml"
    path.write_text(to_text(load_synapse("tsodyks_markram")).replace(old, new, 1))
    with pytest.raises(TensionError) as caught:
        load_synapse(path)
    assert text in str(caught.value)


def test_parameters_that_are_no_times_may_be_0():
    cells = {"cells": Population("lif", N)}
    given = {"U": 0, "tau_rec": "0*ms"}
    with pytest.raises(InvalidValueError, match=r"parameters\.tau_rec: expected a time constant above 0"):
        projection = Projection("cells", "cells", weights=WEIGHTS, synapse="tsodyks_markram", parameters=given)
        Network(dt=DT, populations=cells, projections=[projection])
