"""Recurrent weights that learn, from a declaration: each rule against its own plain numpy loop."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from targets import TARGETS, skip_unless_here

from tension_sim import ForceNetwork, Learning, Plastic, Simulation, SparseKernel, TargetNetwork
from tension_sim.declare import noise
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError

N, STEPS, DT = 12, 150, 1e-3
LEAK = 0.1  # dt/tau of the equation files' default
rng = np.random.default_rng(7)
J = 1.5 / np.sqrt(N) * rng.standard_normal((N, N))
HALF = J * (rng.random((N, N)) < 0.5)
OUT = rng.standard_normal((N, 1)) / np.sqrt(N)
IN = rng.standard_normal((2, N))
X = np.stack([np.sin(np.arange(STEPS) / 9), np.cos(np.arange(STEPS) / 4)], axis=1)
Y = np.sin(np.arange(STEPS) / 12)[:, None]
EACH = np.sin(np.arange(STEPS)[:, None] / 12 + np.arange(N))
A = 0.5 * rng.standard_normal(N)
RULE = Learning(alpha_P=0.7)


class Rls:
    """One P for some presynaptic neurons."""

    def __init__(self, n: int, alpha_P: float = RULE.alpha_P) -> None:
        self.P = alpha_P * np.eye(n)

    def step(self, r: np.ndarray) -> tuple[np.ndarray, float]:
        """Return k/(1 + r'k) and 1/(1 + r'k), and advance P."""
        k = self.P @ r
        c = 1 / (1 + r @ k)
        self.P -= c * np.outer(k, k)
        return c * k, c


def net(**changes) -> ForceNetwork:
    declared = {
        "neuron": "echo_state", "synapse": None, "n": N, "dt": DT, "recurrent": None, "feedback_kernel": None,
        "output_kernel": OUT, "initial": {"a": A}, "seed": 5,
    }  # fmt: skip
    return ForceNetwork(**declared | changes)


def recurrent_force():
    """FORCE on readout and masked recurrence, beside frozen weights."""
    frozen = 0.3 * (J - HALF)
    network = net(
        recurrent=SparseKernel.from_dense(frozen), plastic=Plastic(SparseKernel.from_dense(HALF), RULE),
        learning=RULE, input_kernel=IN,
    )  # fmt: skip
    a, r, W, M = A.copy(), np.tanh(A), OUT[:, 0].copy(), HALF.copy()
    blocks, readout, z = [Rls(int((HALF[:, i] != 0).sum())) for i in range(N)], Rls(N), []
    for k in range(STEPS):
        a += LEAK * (-a + X[k] @ IN + r @ (M + frozen))
        r = np.tanh(a)
        z.append(W @ r)
        e = z[-1] - Y[k, 0]
        W -= e * readout.step(r)[0]
        for i in range(N):
            partners = HALF[:, i] != 0
            M[partners, i] -= e * blocks[i].step(r[partners])[0]
    return network, (Y, X), np.array(z)[:, None], M


def full_force():
    """Full-FORCE with hints, a readout of the target network, and feedback into the learner."""
    rng = np.random.default_rng(8)  # of its own: the order of tests changes no draw
    hints, target_in, drive = np.array([[0.0], [1.0]]) * IN, np.array([[1.0], [0.0]]) * IN, rng.standard_normal((1, N))
    b, out = 0.3 * rng.standard_normal(N), rng.standard_normal((N, 1))
    target = TargetNetwork(
        "echo_state", J, drive, input_kernel=target_in, hint_kernel=hints, initial={"a": b}, activation="relu",
        output_kernel=out, learning=RULE,
    )  # fmt: skip
    back = rng.standard_normal((1, N))
    network = net(
        plastic=Plastic(0.1 * J, RULE, error="target_network"), target_network=target, learning=RULE,
        input_kernel=target_in, feedback_kernel=back,
    )  # fmt: skip
    a, b, W, M, V = A.copy(), b.copy(), OUT[:, 0].copy(), 0.1 * J, out[:, 0].copy()
    r, s, shared, own, z = np.tanh(a), np.maximum(b, 0), Rls(N), Rls(N), [OUT[:, 0] @ np.tanh(A)]
    for k in range(STEPS):
        outside = Y[k] @ drive + X[k] @ hints
        b += LEAK * (-b + X[k] @ target_in + s @ J + outside)
        a += LEAK * (-a + X[k] @ target_in + r @ M + z[-1] * back[0])
        r, s = np.tanh(a), np.maximum(b, 0)
        z.append(W @ r)
        error = r @ M - s @ J - outside
        gain, _ = shared.step(r)
        W -= (z[-1] - Y[k, 0]) * gain
        M -= np.outer(gain, error)
        V -= (V @ s - Y[k, 0]) * own.step(s)[0]
    return network, (Y, X), np.array(z[1:])[:, None], M


def bio_force(by_source: bool = True):
    """BioFORCE with noise, masks and a factor; a neuron without inputs does not learn."""
    masked = HALF.copy()
    masked[:, 3] = 0
    factor = np.random.default_rng(9).random((N, N))
    network = net(
        neuron="constrained", output_kernel=None, parameters={"noise_std": 0.2, "noise_mean": 0.1, "g": 1.25},
        plastic=Plastic(
            SparseKernel.from_dense(masked), RULE, error="input", factor=factor, divide_by_source=by_source
        ),
    )  # fmt: skip
    a, r, M, z = A.copy(), np.tanh(A), masked.copy(), []
    blocks = [Rls(int((masked[:, i] != 0).sum())) for i in range(N)]
    for k in range(STEPS):
        z.append(r @ M)
        a += LEAK * (-a + 1.25 * z[-1] + 0.1 + 0.2 * noise.normal(5, k, np.arange(N)))
        r = np.tanh(a)
        steps = [blocks[i].step(r[masked[:, i] != 0]) for i in range(N)]
        c = np.array([divided for _, divided in steps]) if by_source else np.ones(N)
        for i, (gain, _) in enumerate(steps):
            partners = masked[:, i] != 0
            M[partners, i] -= (z[-1][i] - EACH[k, i]) * gain * factor[partners, i] * c[partners]
    return network, (EACH, None), np.array(z), M


def bio_force_divided_once():
    return bio_force(by_source=False)


def rates():
    """A network fitted to rates, which learns before it advances, at every third step."""
    rule = replace(RULE, update_every=3, start=9, stop=120)
    network = net(output_kernel=None, plastic=Plastic(J, rule, error="rate", when="start"))
    a, M, P, z = A.copy(), J.copy(), Rls(N), []
    for k in range(STEPS):
        r = np.tanh(a)
        drive = r @ M
        if 9 <= k < 120 and k % 3 == 0:
            M -= np.outer(P.step(r)[0], r - EACH[k])
        a += LEAK * (-a + drive)
        z.append(np.tanh(a))
    return network, (EACH, None), np.array(z), M


CASES = [recurrent_force, full_force, bio_force, bio_force_divided_once, rates]


@pytest.mark.parametrize("case", CASES)
def test_the_rule_is_the_plain_loop(case):
    network, (y, x), z, M = case()
    found = Simulation(network, target="numpy").run(y, x)
    np.testing.assert_allclose(found.output, z, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.weights["recurrent_kernel"], M, rtol=0, atol=1e-10)
    assert np.abs(M - network.plastic.kernel.to_dense()).max() > 0.01


def lif_full_force(activation: str = "sigmoid"):
    """Spiking neurons whose plastic currents follow a rate network's."""
    feedback = 10 * np.random.default_rng(7).standard_normal((1, N))
    target = TargetNetwork("echo_state", J, 5 * np.ones((1, N)), activation=activation, scale=3.0)
    network = ForceNetwork(
        "lif", "double_exponential", N, DT, SparseKernel.from_dense(HALF), feedback, np.zeros((N, 1)),
        learning=RULE, plastic=Plastic(0 * J, RULE, error="target_network"), target_network=target,
        parameters={"tau_ref": "2.5*ms"}, seed=2,
    )  # fmt: skip
    return network, (Y, None), None, None


#: On Cython, tests/golden has rate units with these rules, and test_rls_rules.py all options of a rule; spiking units
#: that follow a rate network are here alone.
COMPILED = [
    (target, case)
    for case in (*CASES, lif_full_force)
    for target in (*TARGETS[1:], "tensorflow")
    if target != "cython" or case is lif_full_force
]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "case"), COMPILED)
def test_compiled_code_gives_the_same(target, case):
    skip_unless_here(target)
    network, (y, x), *_ = case()
    here = Simulation(network, target="numpy").run(y, x)
    there = Simulation(network, target=target).run(y, x)
    np.testing.assert_allclose(there.output, here.output, rtol=0, atol=1e-12)
    assert np.array_equal(there.spike_step, here.spike_step)
    for name, weights in here.weights.items():
        np.testing.assert_allclose(there.weights[name], weights, rtol=1e-12, atol=1e-12)


def test_a_run_in_two_parts_is_one_run():
    for case in (full_force, bio_force):
        network, (y, x), *_ = case()
        whole = Simulation(network, target="numpy").run(y, x)
        first = Simulation(network, target="numpy").run(y[:70], None if x is None else x[:70])
        second = Simulation(network, target="numpy").run(y[70:], None if x is None else x[70:], state=first.state)
        for name, values in whole.state.items():
            np.testing.assert_allclose(second.state[name], values, rtol=1e-12, atol=1e-13, err_msg=name)


def test_trials_have_noise_of_their_own():
    network, (y, _), *_ = bio_force()
    first, again, other = (Simulation(network, target="numpy").run(y, trial=trial).output for trial in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first[-1], other[-1])


def test_a_P_of_its_own_gives_the_numbers_of_a_shared_one():
    """Both start equal and see the same rates; what differs is which rules there are."""
    found = {}
    for shares in (None, True, False):
        network = net(learning=RULE, plastic=Plastic(0.1 * J, RULE, shares_P=shares))
        assert network.shares_P is (shares is not False)
        found[shares] = Simulation(network, target="numpy").run(Y)
    assert found[None].state.keys() == found[True].state.keys()
    assert np.array_equal(found[None].output, found[True].output)
    assert "rls_plastic.P_packed" not in found[True].state
    for rule in ("rls", "rls_plastic"):
        own = found[False].state[f"{rule}.P_packed"]
        np.testing.assert_allclose(own, found[True].state["rls.P_packed"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[False].output, found[True].output, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "plastic", "reason"),
    [
        ({}, {}, "the readout does not learn"),
        ({"learning": replace(RULE, start=3)}, {}, "the readout has another learning"),
        ({"learning": RULE}, {"divide_by_source": True}, "divide_by_source needs a P of its own"),
        ({"learning": RULE}, {"when": "start"}, 'when="start" learns from other rates than the readout'),
    ],
)
def test_a_P_that_cannot_be_shared_is_refused(changes, plastic, reason):
    text = f"Plastic.shares_P: expected False: {reason}.\nReceived: True\nFix: leave shares_P out"
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        net(**changes, plastic=Plastic(J, RULE, **plastic, shares_P=True))
    assert not net(**changes, plastic=Plastic(J, RULE, **plastic)).shares_P


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"synapse": "double_exponential"}, InvalidValueError, "'echo_state' has no spikes that a synapse"),
        ({"activation": "tanhh"}, UnknownNameError, "activation: expected a known activation, or an expression of x"),
        ({"activation": 3}, InvalidTypeError, "ForceNetwork.activation: expected a text"),
        ({"neuron": "lif", "synapse": "double_exponential", "initial": {}, "activation": "tanh"}, InvalidValueError,
         "activation: 'lif' spikes, and spiking neurons have no activation"),
        ({"plastic": J}, InvalidTypeError, "plastic: expected a Plastic or None"),
        ({"plastic": Plastic(J[:5, :5], RULE)}, InvalidValueError, "plastic: expected a kernel of 12 neurons"),
        ({"plastic": Plastic(J, RULE), "output_kernel": np.ones((N, 2))}, InvalidValueError,
         "plastic: expected one output, whose error every neuron learns from.\nReceived: 2"),
        ({"plastic": Plastic(J, RULE, error="target_network")}, InvalidValueError,
         "target_network: expected a TargetNetwork, and plastic.error='target_network', together or neither"),
        ({"output_kernel": None, "learning": RULE}, InvalidValueError, "learning: there is no readout to learn"),
        ({"output_kernel": None, "feedback_kernel": np.ones((1, N))}, InvalidValueError,
         "feedback_kernel: feedback needs a readout, and this network has no output_kernel"),
        ({"plastic": Plastic(J, RULE, error="target_network"),
          "target_network": TargetNetwork("echo_state", J, np.ones((2, N)))}, InvalidValueError,
         "TargetNetwork.target_kernel: expected shape (1, 12)"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_a_plastic_kernel_are_refused(changes, error, text):
    with pytest.raises(error, match=re.escape(text)):
        net(**changes)


@pytest.mark.parametrize(
    ("declare", "error", "text"),
    [
        (lambda: Plastic(np.ones((2, 3)), RULE), InvalidValueError, "Plastic.kernel: expected an array of shape"),
        (lambda: Plastic(J, 0.1), InvalidTypeError, "Plastic.learning: expected a Learning"),
        (lambda: Plastic(J, RULE, shares_P="no"), InvalidTypeError, "Plastic.shares_P: expected True or False"),
        (lambda: Plastic(J, RULE, error=3), InvalidTypeError, "Plastic.error: expected one of output, input, rate"),
        (lambda: Plastic(J, RULE, factor=np.ones(3)), InvalidValueError, "Plastic.factor: expected an array of shape"),
        (lambda: Plastic(J, RULE, when="later"), InvalidValueError, "Plastic.when: expected one of 'end', 'start'"),
        (lambda: Plastic(SparseKernel.from_dense(0 * J), RULE), InvalidValueError, "at least one weight to learn"),
        (lambda: TargetNetwork("lif", J, np.ones((1, N))), InvalidValueError, "neuron: expected a rate unit"),
        (lambda: TargetNetwork("echo_state", J, np.ones((1, 3))), InvalidValueError,
         "TargetNetwork.target_kernel: expected an array of shape (n_outputs, 12)"),
        (lambda: TargetNetwork("echo_state", J, np.ones((1, N)), learning=RULE), InvalidValueError,
         "TargetNetwork.learning: there is no readout to learn"),
    ],
)  # fmt: skip
def test_parts_refused(declare, error, text):
    with pytest.raises(error, match=re.escape(text)):
        declare()
