"""A small network of excitatory AdEx and inhibitory LIF neurons with conductances, and its comparison with a loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import brian2 as b2
import numpy as np
from conductance_loop import conductance_network

from tension_sim import Network, Population, Projection, Record, Simulation

DT = 1e-4
N = {"exc": 80, "inh": 20}
RNG = np.random.default_rng(1)
BIAS = {"exc": 900e-12, "inh": 90e-12}
WEIGHTS = {
    (pre, post): (RNG.random((N[pre], N[post])) < 0.2) * RNG.uniform(0.5, 1.5, (N[pre], N[post])) * size
    for pre, size in (("exc", 1e-9), ("inh", 20e-9))
    for post in N
}


def net(**changes: Any) -> Network:
    """Return excitatory AdEx and inhibitory LIF neurons; weights are quantities here, plain numbers there."""
    populations = {
        "exc": Population("adex", N["exc"], parameters={"bias": "900*pA"}),
        "inh": Population("lif_conductance", N["inh"], parameters={"bias": 90 * b2.pA}),
    }
    kinds = {"exc": {"into": "g_exc", "synapse": "ampa", "sign": 1}, "inh": {"into": "g_inh", "synapse": "gaba_a"}}
    projections = [
        Projection(pre, post, weights=w * b2.siemens if pre == "exc" else w / 1e-9, **kinds[pre])
        for (pre, post), w in WEIGHTS.items()
    ]
    return Network(**({"dt": DT, "populations": populations, "projections": projections} | changes))


#: Delays in steps.
STEPS_OF = {
    ("exc", "exc"): 15,
    ("inh", "exc"): np.random.default_rng(4).integers(0, 30, (N["inh"], N["exc"])),
    ("inh", "inh"): 3,
}


def delayed(**changes: Any) -> Network:
    """Return the network with delays: one of a projection, one of each synapse of another, none of a third."""
    delays = {ends: np.asarray(steps) * DT for ends, steps in STEPS_OF.items()}
    return net(projections=[replace(p, delay=delays.get((p.pre, p.post))) for p in net().projections], **changes)


def check(network: Network, target: str, steps: int, delays: Any = None) -> None:
    """Compare all spikes, a voltage and a conductance with the loop's."""
    v = {name: values["v"] for name, values in network.initial_values.items()}
    spikes, traces = conductance_network(v, WEIGHTS, delays or {}, DT, steps, BIAS)
    record = Record(variables={"exc.v": (0,), "inh.g_exc": (0,)})
    found = Simulation(network, target=target, record=record).run(steps=steps)
    assert np.sum(spikes[:, 1] < 80) > steps / 20
    assert np.sum(spikes[:, 1] >= 80) > steps / 100
    assert np.array_equal(np.stack([found.spike_step, found.spike_neuron], axis=1), spikes)
    v, g = (found.recorded[name].values[:, 0] for name in ("exc.v", "inh.g_exc"))
    assert np.max(np.abs(g * 1e-9 - traces[:, 1])) < 1e-12 * np.max(traces[:, 1])
    below = traces[:, 0] < -47e-3  # from about there on a spike's upswing multiplies the last bit by thousands
    assert np.mean(below) > 0.6
    assert np.max(np.abs(v * 1e-3 - traces[:, 0])[below]) < 1e-12 * np.max(np.abs(traces[below, 0]))
