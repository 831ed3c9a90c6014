"""OpenMP threads of the C++ program change no bit of the results."""

from __future__ import annotations

import numpy as np
import pytest
from targets import skip_unless_here

from tension_sim import FittedNetwork, ForceNetwork, Learning, Plastic, Simulation, SparseKernel
from tension_sim.run import threads as run_threads

STEPS = 120
rng = np.random.default_rng(3)


def fitted() -> tuple:
    """Enough plastic weights that threads share the blocks of P; signs are kept."""
    n, poisson, inputs = 610, 20, 60
    static = SparseKernel.fixed_outdegree(np.arange(n), n, 200, rng)
    weights, signs = np.where(static.pre < n // 2, 0.2, -0.3), np.resize([1, -1], n + poisson)
    pre = np.concatenate([rng.choice(n + poisson, inputs, replace=False) for _ in range(n)])
    net = FittedNetwork(
        "lif_normalized", "euler_exponential", "euler_exponential", n, "0.1*ms",
        SparseKernel(n, static.pre, static.post, weights),
        SparseKernel(n + poisson, pre, np.repeat(np.arange(n), inputs), 0.2 * signs[pre] * rng.random(len(pre)), n),
        Learning(alpha_P=1.0, update_every=10, forgetting=0.99), input_kernel=np.full((1, n), 1.5), signs=signs,
        n_feedforward=poisson, parameters={"tau_decay_plastic": "20*ms"},
    )  # fmt: skip
    y = rng.standard_normal((STEPS // 10, n))
    return net, (y, np.ones((len(y), 1))), {"rates": np.full((len(y), poisson), 500.0)}, 10


def rates() -> tuple:
    """A masked recurrence, large enough that threads share its rows, and the second division."""
    n = 400
    J = 1.5 / np.sqrt(n) * rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.5)
    net = ForceNetwork(
        "echo_state", None, n, "1*ms", None, None, np.zeros((n, 1)), learning=Learning(alpha_P=1.0, update_every=40),
        plastic=Plastic(SparseKernel.from_dense(J), Learning(alpha_P=1.0, update_every=40), divide_by_source=True),
    )  # fmt: skip
    return net, (np.sin(np.arange(STEPS) / 9), None), {}, 1


def dense() -> tuple:
    """A dense network that takes threads by itself: its weights, one P in parts, and rows that learn."""
    n = 601
    J = 1.5 / np.sqrt(n) * rng.standard_normal((n, n))
    learning = Learning(alpha_P=1.0, forgetting=0.99)
    net = ForceNetwork(
        "echo_state", None, n, "1*ms", None, None, np.zeros((n, 1)), learning=learning, dtype="float32",
        plastic=Plastic(J, learning, error="output"),
    )  # fmt: skip
    return net, (np.sin(np.arange(STEPS) / 9), None), {}, 1


@pytest.mark.slow
@pytest.mark.parametrize("case", [fitted, rates, dense])
def test_the_number_of_threads_changes_no_bit(case, monkeypatch):
    skip_unless_here("cpp_standalone")
    monkeypatch.setattr(run_threads, "free_cores", lambda: 3)
    net, (y, x), more, held = case()
    every = dict.fromkeys(("y", "x", "rates"), held)
    built = {threads: Simulation(net, target="cpp_standalone", threads=threads) for threads in (1, 2, 3, None)}
    one, *others = (simulation.run(y, x, every=every, **more) for simulation in built.values())
    for other in others:
        assert np.array_equal(one.spike_step, other.spike_step)
        assert np.array_equal(one.spike_neuron, other.spike_neuron)
        for name, values in one.state.items():
            assert np.array_equal(values, other.state[name]), name
    assert sum(one.state[name][0] for name in one.state if name.endswith("n_updates")) >= 3
