"""A small network fitted to currents, and the same in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tension_sim import FittedNetwork, Learning, SparseKernel
from tension_sim.circuit.blocks import first_P
from tension_sim.circuit.declared import noise_seed
from tension_sim.declare.noise import uniform

N, EXTRA, STEPS, EVERY = 24, 6, 400, 10
DT, TAU_MEM, TAU, TAU_PLASTIC = 0.1, 10.0, 3.0, 20.0
HALF = N // 2


def small_network(**changes: Any) -> FittedNetwork:
    """Half excitatory, half inhibitory; every second neuron learns, from 9 others and all feed-forward units."""
    rng = np.random.default_rng(3)
    static = SparseKernel.fixed_outdegree(np.arange(N), N, 8, rng)
    static = SparseKernel(N, static.pre, static.post, np.where(static.pre < HALF, 0.6, -0.7))
    trained = np.arange(0, N, 2)
    pre = np.concatenate([np.append(rng.choice(N, 9, replace=False), N + np.arange(EXTRA)) for _ in trained])
    post = np.repeat(trained, 9 + EXTRA)
    sign = np.where((pre < HALF) | (pre >= N), 1, -1)
    plastic = SparseKernel(N + EXTRA, pre, post, sign * rng.uniform(0.1, 0.5, len(pre)), N)
    inputs = SparseKernel(2, np.repeat([0, 1], N), np.tile(np.arange(N), 2), rng.uniform(0.8, 1.6, 2 * N), N)
    declared = {
        "neuron": "lif_normalized",
        "synapse": "euler_exponential",
        "plastic_synapse": "euler_exponential",
        "n": N,
        "dt": f"{DT}*ms",
        "recurrent": static,
        "plastic": plastic,
        "learning": Learning(alpha_P=1.0, update_every=EVERY, start=50),
        "input_kernel": inputs,
        "n_feedforward": EXTRA,
        "parameters": {"tau_decay_plastic": f"{TAU_PLASTIC}*ms"},
        "seed": 5,
    }
    return FittedNetwork(**declared | changes)


def samples() -> dict[str, np.ndarray]:
    """Targets, inputs and rates, each row held for `EVERY` steps."""
    rng = np.random.default_rng(8)
    rows = STEPS // EVERY
    x = np.column_stack([np.ones(rows), (np.arange(rows) < 5).astype(float)])
    return {"y": rng.uniform(0.5, 1.5, (rows, N)), "x": x, "rates": rng.uniform(100, 900, (rows, EXTRA))}


HELD = dict.fromkeys(("y", "x", "rates"), EVERY)


def reference(net: FittedNetwork, data: dict[str, np.ndarray], trial: int = 0, *, with_external: bool = True) -> dict:
    """Run the network, with one dense matrix for each kind of synapses."""
    static = net.recurrent.to_dense().T
    W, learned = net.plastic.to_dense().T, np.zeros((N, net.n_sources), bool)
    learned[net.plastic.post, net.plastic.pre] = True
    alpha = np.full(net.n_sources, net.learning.alpha_P) if net.alpha_P is None else net.alpha_P
    groups = np.full(net.n_sources, -1) if net.groups is None else net.groups
    penalty = np.append(np.zeros(1) if net.row_sum is None else net.row_sum, 0.0)[groups]
    P = {i: first_P(alpha[s], groups[s], penalty[s]) for i, s in enumerate(learned) if s.any()}
    start = {i: matrix.copy() for i, matrix in P.items()}
    v, x_static, x_plastic, r = net.draw_initial(trial)["v"].copy(), np.zeros(N), np.zeros(N), np.zeros(net.n_sources)
    spikes, plastic, seed = [], [], noise_seed(net.seed, trial)
    for k in range(STEPS):
        y, x, rates = (data[name][k // EVERY] for name in ("y", "x", "rates"))
        external = x @ net.input_kernel.to_dense()
        if k >= net.learning.start and k % EVERY == 0:
            for i, matrix in P.items():
                s = learned[i]
                gain = matrix @ r[s]
                c = 1 / (1 + r[s] @ gain)
                error = W[i, s] @ r[s] + x_static[i] + with_external * external[i] - y[i]
                W[i, s] -= (c if net.learning.gain == "divided" else 1.0) * error * gain
                if net.signs is not None:
                    W[i, s] = np.where(W[i, s] * net.signs[s] < 0, 0, W[i, s])
                matrix -= c * np.outer(gain, gain)
                matrix += net.learning.relaxation * (start[i] - matrix)
        v += DT / TAU_MEM * (x_static + x_plastic + external - v)
        x_static, x_plastic, r = (
            x_static * (1 - DT / TAU),
            x_plastic * (1 - DT / TAU_PLASTIC),
            r * (1 - DT / TAU_PLASTIC),
        )
        fired = np.append(v > 1, uniform(seed, k, np.arange(EXTRA)) < rates * DT * 1e-3)
        v[fired[:N]] = 0
        r[fired] += 1 / TAU_PLASTIC
        x_static = x_static + static @ fired[:N] / TAU
        x_plastic = x_plastic + W @ fired / TAU_PLASTIC
        spikes += [(k, i) for i in np.flatnonzero(fired[:N])]
        plastic.append(x_plastic)
    weights = W[net.plastic.post, net.plastic.pre]
    return {"spikes": np.array(spikes), "I_plastic": np.array(plastic), "weights": weights, "v": v, "P": P, "r": r}
