"""Learned weights each of whose synapses has a delay of its own: beside a plain loop, on targets, and in parts."""

from __future__ import annotations

import numpy as np
import pytest
from population_loop import LeastSquares
from targets import assert_close, skip_unless_here

from tension_sim import Learning, Network, Population, Projection, Record, Simulation, SparseKernel
from tension_sim.circuit.network_wiring import NetworkWiring

A, B, STEPS, DT = 4, 3, 350, 1e-4
N = A + B
RNG = np.random.default_rng(11)
V0 = -0.065 + 0.02 * RNG.random(N)
BIAS = -26e-3 + 4e-3 * RNG.random(N)
SIZES = {"a": slice(0, A), "b": slice(A, N)}
Y = np.sin(2 * np.pi * 20 * DT * np.arange(STEPS))[:, None] * np.arange(1, N + 1)
#: In mV: onto a, which act on traces; onto b, which act at spikes. Some neurons have no synapse.
MASKS = {"a": RNG.random((N, A)) < 0.7, "b": RNG.random((N, B)) < 0.7}
MASKS["a"][2] = MASKS["b"][5] = False
W0 = {name: np.where(mask, np.where(np.arange(N) % 3, 2.0, -1.0)[:, None], 0) for name, mask in MASKS.items()}
#: In time steps.
DELAYS = {name: 3 * RNG.integers(0, 5, mask.shape) for name, mask in MASKS.items()}
#: Update every so many steps from a step on.
RULES = {"a": (5, 100), "b": (3, 60)}
SIGNS = np.where(np.arange(N) % 3, 1, -1)
TAU = {"a": 20e-3, "b": 8e-3}
ALPHA = {"a": 0.01, "b": 2e-4}


def network(shuffled=False):
    projections = []
    for name in SIZES:
        pre, post = np.nonzero(MASKS[name])
        order = np.random.default_rng(1).permutation(len(pre)) if shuffled else np.arange(len(pre))
        pre, post = pre[order], post[order]
        of_each = {"weights": SparseKernel(N, pre, post, W0[name][pre, post], SIZES[name].stop - SIZES[name].start)}
        of_each["delay"] = DELAYS[name][pre, post] * DT
        of_each["synapse"] = {"a": "double_exponential", "b": "single_exponential"}[name]
        of_each["parameters"] = {"tau_decay": f"{TAU[name]}*second"}
        every, start = RULES[name]
        projections.append(
            Projection(
                ["a", "b"], name, **of_each, name=f"onto_{name}",
                learning=Learning(ALPHA[name], update_every=every, start=start), error="z - unit*y", signs=SIGNS,
                supervisor=f"y_{name}", at_spikes=name == "b", alpha_P=ALPHA[name] * (1 + np.arange(N) % 2),
            )
        )  # fmt: skip
    cells = {
        name: Population("lif", len(V0[of]), parameters={"bias": BIAS[of]}, initial={"v": V0[of]})
        for name, of in SIZES.items()
    }
    return Network(cells, projections, targets={f"y_{name}": name for name in SIZES}, dt=DT)


class Seen:
    """What each synapse sees of its neuron after a delay of its own, and the weights that learn from it."""

    def __init__(self, name):
        self.name, self.shape, self.mask = name, MASKS[name].shape, MASKS[name]
        self.w, self.delays, self.spikes = W0[name].copy(), DELAYS[name], np.zeros((STEPS + 20, *MASKS[name].shape))
        self.x, self.h, self.jumps = np.zeros(self.shape), np.zeros(self.shape), np.zeros((STEPS + 20, self.shape[1]))
        self.current = np.zeros(self.shape[1])
        self.rules = []
        for post in range(self.shape[1]):
            partners = np.flatnonzero(self.mask[:, post])
            rule = LeastSquares(len(partners), 1, 1.0)
            rule.P = np.diag(ALPHA[name] * (1 + partners % 2))
            self.rules.append((partners, rule))

    def advance(self):
        """Let traces and the current of what jumps decay by a step."""
        self.x = self.x * np.exp(-DT / 2e-3) + DT * self.h
        self.h = self.h * np.exp(-DT / TAU[self.name])
        self.current = self.current * np.exp(-DT / TAU[self.name])

    def arrive(self, step, fired):
        for pre in np.flatnonzero(fired):
            for post in np.flatnonzero(self.mask[pre]):
                at = step + self.delays[pre, post]
                self.spikes[at, pre, post] += 1
                self.jumps[at, post] += self.w[pre, post] / TAU[self.name]
        self.h += self.spikes[step] / (TAU[self.name] * (2e-3 if self.name == "a" else 1.0))

    def act_and_learn(self, step):
        trace = self.x if self.name == "a" else self.h
        z = (self.w * trace).sum(axis=0)
        self.current = z if self.name == "a" else self.current + self.jumps[step]
        every, start = RULES[self.name]
        if step < start or step % every:
            return
        for post, (partners, rule) in enumerate(self.rules):
            rule.W = self.w[partners, post][None]
            rule.learn(trace[partners, post], np.array([z[post] - Y[step, SIZES[self.name]][post]]))
            kept = np.where(SIGNS[partners] * rule.W[0] < 0, 0, rule.W[0])
            self.w[partners, post] = kept


def loop():
    v, last, spiked = V0.copy(), np.full(N, -DT), []
    onto = [Seen(name) for name in SIZES]
    for k in range(STEPS):
        drive = BIAS + 1e-3 * np.concatenate([each.current for each in onto])
        v = v + DT * (k * DT > last + 2e-3) * (drive - v) / 10e-3
        for each in onto:
            each.advance()
        fired = v >= -40e-3
        last[fired], v[fired] = k * DT, -65e-3
        for each in onto:
            each.arrive(k, fired)
            each.act_and_learn(k)
        spiked += [(k, neuron) for neuron in np.flatnonzero(fired)]
    return {f"onto_{each.name}": each.w[each.mask] for each in onto}, v, np.array(spiked)


def run(name, cuts=()):
    simulation, state = Simulation(network(), target=name), None
    steps, neurons = [], []
    for start, stop in zip((0, *cuts), (*cuts, STEPS), strict=True):
        results = simulation.run(Y[start:stop], state=state)
        times, which = results.spikes()
        steps, neurons, state = [*steps, *np.rint(times / DT)], [*neurons, *which], results.state
    return results, np.column_stack([steps, neurons]).astype(int)


@pytest.mark.parametrize(
    "name", ["numpy", *(pytest.param(each, marks=pytest.mark.slow) for each in ("cython", "cpp_standalone"))]
)
def test_spike_for_spike_beside_a_plain_loop(name):
    skip_unless_here(name)
    results, spikes = run(name)
    weights, v, wanted = loop()
    assert len(wanted) > 20
    np.testing.assert_array_equal(spikes, wanted)
    for key, expected in weights.items():
        assert np.abs(expected - W0[key[-1]][MASKS[key[-1]]]).max() > 0.1, key
        assert_close(results.weights[key], expected, what=key)
    assert any(np.any(each == 0) for each in weights.values())  # signs are kept
    assert_close(np.concatenate([results.state["neurons_a.v"], results.state["neurons_b.v"]]), v)
    whole, (cut, of_parts) = results, run(name, cuts=(3, 107))
    np.testing.assert_array_equal(of_parts, spikes)
    for key, value in whole.state.items():
        np.testing.assert_array_equal(cut.state[key], value, err_msg=key)


def test_synapses_in_any_order():
    """Delays, weights and traces belong to their synapses, in whatever order these are given."""
    ordered, shuffled = (NetworkWiring(network(each), Record()) for each in (False, True))
    assert ordered.circuit.digest == shuffled.circuit.digest
    state = shuffled.initial_state(None)
    for mine, other in ((ordered.values(), shuffled.values()), (ordered.initial_state(None), state)):
        assert {*mine} == {*other}
        for key, value in mine.items():
            np.testing.assert_array_equal(other[key], value, err_msg=key)
    for kernel, weights in zip(shuffled.network.kernels, shuffled.weights(state).values(), strict=True):
        np.testing.assert_array_equal(weights, kernel.weight)


def test_synapses_of_one_neuron_and_delay_share_a_trace():
    traces = network().delayed_traces[0]
    pairs = {(pre, DELAYS["a"][pre, post]) for pre, post in np.argwhere(MASKS["a"])}
    assert {*zip(traces.neuron.tolist(), traces.steps.tolist(), strict=True)} == pairs
    assert len(traces.neuron) == len(pairs) < MASKS["a"].sum()


def test_neurons_with_the_same_partners_and_delays_share_P():
    """Where all neurons hear the same, P is one, as without delays."""

    def blocks(delay):
        projection = Projection("a", "a", weights=np.ones((3, 3)), delay=delay * DT, learning=Learning(1.0), error="z")
        net = Network({"a": Population("lif", 3)}, [projection], dt=DT)
        ((rule, _, _),) = NetworkWiring(net, Record()).rules.values()
        return rule.blocks.blocks, rule.blocks.partners

    columns = np.array([[1.0, 1, 2], [3, 3, 3], [0, 0, 5]])
    assert blocks(np.arange(9.0).reshape(3, 3)) == (3, 9)
    assert blocks(columns) == (2, 6)
    assert blocks(np.ones((3, 3))) == (1, 3)
