"""A network declared by the class that is short for it, and by its populations and projections, gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import (
    FittedNetwork,
    ForceNetwork,
    Learning,
    Network,
    Plastic,
    Population,
    Projection,
    Readout,
    Simulation,
    SparseKernel,
    TargetNetwork,
    Traces,
)
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.record import Record
from tension_sim.results.declaration import declaration_of, described

N, STEPS = 12, 60
RNG = np.random.default_rng(4)
J = SparseKernel.random(N, 0.4, 3.0, RNG)
LEARNED = SparseKernel.random(N, 0.5, 1.0, RNG)
ETA, CUES, X = RNG.normal(size=(1, N)), RNG.normal(size=(2, N)), RNG.normal(size=(STEPS, 2))
Y = np.sin(np.arange(STEPS) / 7)[:, None]
RULE = Learning(alpha_P=0.4, update_every=2)


def run(net, y=Y, x=X, **samples):
    """Run a network as it comes back from a file of results."""
    return Simulation(declaration_of(*described(net)), target="numpy").run(y, x, **samples)


def same(short, long, weights):
    """Compare outputs and learned weights bit for bit; `weights` maps names of the long form to arrays."""
    assert np.ptp(short.output) > 0
    assert np.array_equal(short.output, long.output)
    assert set(long.weights) == set(weights)
    for name, expected in weights.items():
        assert np.array_equal(long.weights[name], expected), name
        assert np.ptp(expected) > 0


def test_spiking_neurons_with_force_on_readout_and_recurrence():
    short = ForceNetwork(
        "lif", "double_exponential", N, "0.1*ms", J, 20 * ETA, np.zeros((N, 1)), 3 * CUES, learning=RULE, seed=3,
        plastic=Plastic(LEARNED, RULE), initial={"v": np.linspace(-0.06, -0.0395, N)},
    )  # fmt: skip
    long = Network(
        dt="0.1*ms",
        seed=3,
        external_inputs={"cue": 2},
        populations={"cells": Population("lif", N, initial=short.initial_values)},
        projections=[
            Projection("cue", "cells", weights=3 * CUES, into="I_in"),
            Projection("cells", "cells", weights=J),
            Projection("cells", "cells", weights=LEARNED, name="learned", learning=RULE, error="unit*(out - y)"),
        ],
        readouts={"out": Readout("cells", np.zeros((N, 1)), feedback={"cells": 20 * ETA}, learning=RULE)},
        shared_P=[("out", "learned")],
    )
    by_short, by_long = run(short), run(long)
    learned = by_short.weights["recurrent_kernel"][LEARNED.pre, LEARNED.post]
    same(by_short, by_long, {"out": by_short.weights["output_kernel"], "learned": learned})
    assert np.array_equal(by_short.spike_neuron, by_long.spike_neuron)
    assert len(by_short.spike_neuron)


def test_rate_units_with_bioforce_and_no_readout():
    factor = RNG.uniform(size=(N, N))
    short = ForceNetwork(
        "echo_state", None, N, "1*ms", J, None, None, CUES, activation="relu", seed=1,
        initial={"a": np.linspace(-1, 1, N)},
        plastic=Plastic(LEARNED, RULE, error="input", factor=factor, divide_by_source=True, when="start"),
    )  # fmt: skip
    long = Network(
        dt="1*ms",
        seed=1,
        external_inputs={"cue": 2},
        populations={"units": Population("echo_state", N, activation="relu", initial={"a": np.linspace(-1, 1, N)})},
        projections=[
            Projection("cue", "units", weights=CUES, into=short.neuron.inputs["external"]),
            Projection("units", "units", weights=J, name="static"),
            Projection(
                "units", "units", weights=LEARNED, name="learned", learning=RULE, error="z - unit*y", factor=factor,
                divide_by_source=True, when="start",
            ),
        ],
        outputs={"current": f"units.{short.neuron.inputs['recurrent']}_learned"},
    )  # fmt: skip
    y = np.sin(np.arange(STEPS)[:, None] / 9 + np.arange(N))
    by_short, by_long = run(short, y), run(long, y)
    same(by_short, by_long, {"learned": by_short.weights["recurrent_kernel"][LEARNED.pre, LEARNED.post]})


@pytest.mark.parametrize("hint", [None, 0.5 * CUES])
def test_full_force(hint):
    driving, recurrent = 2 * ETA, RNG.normal(size=(N, N)) / 4
    start = {"a": np.linspace(0, 1, N)}
    target = TargetNetwork(
        "echo_state", recurrent, driving, CUES, hint, initial=start, scale=2.5, output_kernel=np.ones((N, 1)),
        learning=RULE,
    )  # fmt: skip
    short = ForceNetwork(
        "lif", "single_exponential", N, "0.1*ms", J, None, np.zeros((N, 1)), CUES, learning=RULE, seed=2,
        plastic=Plastic(LEARNED, RULE, error="target_network"), target_network=target,
    )  # fmt: skip
    inputs = target.neuron.inputs
    received = {"inside": "inner.z_now", "fed": "teacher.z"} | ({} if hint is None else {"hints": "hint.z"})
    every = {"pre": "target", "post": "target", "name": "inner", "weights": recurrent}
    projections = [
        Projection("cue", "cells", weights=CUES, into="I_in"),
        Projection("cells", "cells", weights=J, synapse="single_exponential"),
        Projection(
            "cells", "cells", weights=LEARNED, name="learned", learning=RULE, synapse="single_exponential",
            error=f"z_now - scale*({' + '.join(received)})", variables={"scale": "2.5*mV"} | received,
        ),
        Projection(**every, into=inputs["recurrent"]),
        Projection("y", "target", weights=driving, into=inputs["feedback"], name="teacher"),
        Projection("cue", "target", weights=CUES, into=inputs["external"]),
    ]  # fmt: skip
    if hint is not None:
        projections.insert(5, Projection("cue", "target", weights=hint, into=inputs["feedback"], name="hint"))
    long = Network(
        dt="0.1*ms",
        seed=2,
        external_inputs={"cue": 2},
        populations={
            "cells": Population("lif", N, initial=short.initial_values),
            "target": Population("echo_state", N, initial=start),
        },
        projections=projections,
        readouts={
            "out": Readout("cells", np.zeros((N, 1)), learning=RULE, synapse="single_exponential"),
            "there": Readout("target", np.ones((N, 1)), learning=RULE, supervisor="out"),
        },
        shared_P=[("out", "learned")],
    )
    by_short, by_long = run(short), run(long)
    learned = by_short.weights["recurrent_kernel"][LEARNED.pre, LEARNED.post]
    there = by_short.state["target_readout.w"][:, None]
    same(by_short, by_long, {"out": by_short.weights["output_kernel"], "learned": learned, "there": there})


def test_traces():
    traces = Traces([0, 3, 3, 11], [0.02, 0.005, 0.02, 0.01])
    start = {"v": np.linspace(-0.06, -0.0395, N)}
    short = ForceNetwork(
        "lif", "double_exponential", N, "0.1*ms", J, 9 * ETA, np.zeros((4, 1)), learning=RULE, traces=traces,
        initial=start,
    )  # fmt: skip
    readout = Readout("cells", np.zeros((4, 1)), feedback={"cells": 9 * ETA}, learning=RULE, traces=traces)
    long = Network(
        dt="0.1*ms",
        populations={"cells": Population("lif", N, initial=short.initial_values, filters="double_exponential")},
        projections=[Projection("cells", "cells", weights=J)],
        readouts={"out": readout},
    )
    by_short, by_long = run(short, x=None), run(long, x=None)
    same(by_short, by_long, {"out": by_short.weights["output_kernel"]})
    assert np.array_equal(by_short.state["neurons.r"], by_long.state["neurons_cells.r"])


@pytest.mark.parametrize("grouped", [False, True])
def test_currents_that_are_fitted_with_poisson_units(grouped):
    extra, n_pre = 4, N + 4
    drawn = RNG.uniform(size=(n_pre, N)) < 0.5
    plastic = SparseKernel.from_dense(np.where(drawn, RNG.uniform(0.1, 1.0, size=drawn.shape), 0))
    options = {"signs": np.ones(n_pre)}
    if grouped:
        options |= {"alpha_P": np.linspace(0.5, 1, n_pre), "groups": np.arange(n_pre) % 3 - 1, "row_sum": [0.2, 3.0]}
    inputs = np.where(RNG.uniform(size=(2, N)) < 0.7, RNG.uniform(size=(2, N)), 0)
    short = FittedNetwork(
        "lif_normalized", "euler_exponential", "single_exponential", N, "0.1*ms", J, plastic, RULE,
        SparseKernel.from_dense(inputs), extra, seed=7, parameters={"tau_decay_plastic": "30*ms"}, **options,
    )  # fmt: skip
    filtered = {"synapse": "single_exponential", "parameters": {"tau_decay": "30*ms"}}
    currents = {"others": "cells.I_rec_euler_exponential", "cue_current": f"cells.{short.neuron.inputs['external']}"}
    long = Network(
        dt="0.1*ms",
        external_inputs={"cue": 2},
        seed=7,
        populations={
            "cells": Population("lif_normalized", N, initial=short.initial_values),
            "noise": Population("poisson", extra),
        },
        projections=[
            Projection("cue", "cells", weights=inputs, into=short.neuron.inputs["external"]),
            Projection("cells", "cells", weights=J, synapse="euler_exponential"),
            Projection(
                ["cells", "noise"], "cells", weights=plastic, name="learned", at_spikes=True, learning=RULE,
                error="z + others + cue_current - unit*y", variables=currents, when="start", **filtered, **options,
            ),
        ],
        targets={"wanted": "cells"},
    )  # fmt: skip
    rates = RNG.uniform(400, 3000, size=(STEPS, extra))
    y = RNG.uniform(0.5, 1.5, size=(STEPS, N))
    by_short, by_long = run(short, y, rates=rates), run(long, y, rates=rates)
    assert np.array_equal(by_short.state["feedforward.r"], by_long.state["neurons_noise.r"])
    assert np.ptp(by_short.state["feedforward.r"]) > 0
    assert np.array_equal(by_short.weights["plastic"], by_long.weights["learned"])
    assert not np.array_equal(by_long.weights["learned"], plastic.sorted().weight)
    assert np.array_equal(by_short.state["neurons.v"], by_long.state["neurons_cells.v"])
    mine = by_long.spike_neuron < N
    assert np.array_equal(by_short.spike_neuron, by_long.spike_neuron[mine])
    assert not mine.all()


def test_columns_of_inputs_outputs_and_supervisors_come_in_the_order_of_their_names():
    def units(inputs, projections):
        into, start = "I_in", {"a": np.linspace(-1, 1, N)}
        return Network(
            dt="1*ms",
            external_inputs=inputs,
            populations={"units": Population("echo_state", N, initial=start), "others": Population("echo_state", 3)},
            projections=[
                *(Projection(pre, "units", weights=weights, into=into) for pre, weights in projections.items()),
                Projection("others", "others", weights=np.ones((3, 3)), name="learned", learning=RULE,
                           error="r - y", supervisor="wanted"),
            ],
            readouts={"out": Readout("units", np.ones((N, 2)), learning=RULE)},
            outputs={"rates": "others.r"},
            targets={"wanted": "others"},
        )  # fmt: skip

    y = np.linspace(0, 1, STEPS)[:, None] * np.arange(1, 9)
    apart = run(units({"one": 1, "two": 1}, {"one": CUES[:1], "two": CUES[1:]}), y)
    together = run(units({"both": 2}, {"both": CUES}), y)
    assert apart.output.shape == (STEPS, 5)
    assert np.array_equal(apart.target, y[:, :5])
    assert np.array_equal(apart.output[-1, 2:], apart.state["neurons_others.r"])
    assert together.output == pytest.approx(apart.output, abs=1e-12)
    for columns, moved in ((slice(0, 2), "out"), (slice(5, 8), "learned")):  # each learns from its own
        other = y.copy()
        other[:, columns] += 1
        weights = run(units({"one": 1, "two": 1}, {"one": CUES[:1], "two": CUES[1:]}), other).weights
        changed = {name for name in weights if not np.array_equal(weights[name], apart.weights[name])}
        assert changed == {moved}


def test_spikes_reach_rate_units_through_a_filter():
    poisson, n_units = np.full((STEPS, 2), 2000.0), 3
    net = Network(
        dt="0.1*ms",
        populations={
            "noise": Population("poisson", 2, filters="single_exponential"),
            "units": Population("echo_state", 3),
        },
        projections=[Projection("noise", "units", weights=np.ones((2, n_units)), synapse="single_exponential")],
        outputs={"state": "units.a"},
    )
    results = Simulation(
        net, target="numpy", record=Record(variables={"units.I_rec": [0, 1, 2], "noise.r": [0, 1]})
    ).run(steps=STEPS, rates=poisson)
    received, sent = results.recorded["units.I_rec"].values, results.recorded["noise.r"].values
    assert received == pytest.approx(np.repeat(sent.sum(axis=1)[:, None], n_units, axis=1), rel=1e-12)
    assert np.ptp(results.output) > 0


@pytest.mark.parametrize(("delay", "most"), [(None, 8), ("1*ms", 8), (np.full(len(J), 1e-3), 12)])
def test_a_static_synapse_costs_twelve_bytes_at_most_in_float32(delay, most):
    projection = Projection("cells", "cells", weights=J, delay=delay)
    net = Network(dt="0.1*ms", dtype="float32", populations={"cells": Population("lif", N)}, projections=[projection])
    values = Simulation(net, target="numpy").wiring.values()
    of_each = [each for name, each in values.items() if name.startswith("recurrent") and np.size(each) == len(J)]
    assert sum(each.nbytes for each in of_each) == most * len(J)


def test_the_network_of_a_short_form_is_shown_in_a_line():
    net = ForceNetwork.random("lif", "double_exponential", n=20, dt="0.1*ms", G=1, Q=1)
    parts = "populations={'neurons': 20}, projections=1, readouts={'z_out': 1}"
    assert repr(net.network) == f"ShortForm({parts}, dt=0.0001, dtype='float64', seed=0)"


def test_names_of_a_state_are_those_of_earlier_versions():
    plastic = Plastic(np.ones((N, N)), RULE, error="target_network")
    target = TargetNetwork("echo_state", np.ones((N, N)), ETA, output_kernel=np.ones((N, 1)), learning=RULE)
    net = ForceNetwork(
        "lif", "double_exponential", N, "0.1*ms", None, ETA, np.ones((N, 1)), learning=RULE, plastic=plastic,
        target_network=target,
    )  # fmt: skip
    rule = {"P_packed", "pending_k", "pending_c", "pending", "P_scale", "fresh", "n_updates"}
    expected = {
        f"neurons.{name}" for name in ("v", "last", "r", "h_r", "I_rec_static", "h_rec", "I_rec_plastic", "I_fb")
    }
    expected |= {"readout.w", "readout.z", "plastic.w", "target_neurons.a", "target_neurons.r"}
    expected |= {"target_readout.w", "target_readout.z"}
    expected |= {f"{name}.{key}" for name in ("rls", "rls_target") for key in rule}
    assert set(ForceWiring(net, Record()).circuit.state_sizes) == expected
