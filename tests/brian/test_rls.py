"""RLS: schedule, errors, P, divergence, and what it refuses. That it learns right: test_everything."""

from __future__ import annotations

import re

import brian2 as b2
import numpy as np
import pytest
from brian.everything import chosen, replay, updates
from brian.learner import DT, STEPS, Learner, N
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.codegen.templates import Templater
from brian2.core.base import BrianObjectException
from targets import TARGETS, activated, assert_close, runtime_targets, skip_unless_here

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.declare.noise import chance
from tension_sim.errors import (
    DivergenceError,
    InvalidTypeError,
    InvalidValueError,
    UnitsError,
    UnknownNameError,
    UnsupportedError,
)


@pytest.fixture
def learner(numpy_target):
    return Learner


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, updates(STEPS)),
        ({"update_every": 7}, updates(STEPS, 7)),
        ({"update_every": 0.7 * b2.ms}, updates(STEPS, 7)),
        ({"start": 11, "stop": 40}, updates(STEPS, 1, 11, 40)),
        ({"start": 1.1 * b2.ms, "stop": 4 * b2.ms, "update_every": 3}, updates(STEPS, 3, 11, 40)),
        ({"start": STEPS}, []),
        ({"stop": 0}, []),
        ({"start": 20, "stop": 20}, []),
        ({"probability": 0.3, "seed": 9}, chosen(updates(STEPS), 9, 0.3)),
        ({"probability": 0.5, "update_every": 2, "start": 5}, chosen(updates(STEPS, 2, 5), 0, 0.5)),
    ],
)
def test_schedule(learner, options, steps):
    learner(**options).run().check(steps)
    learner(**options).run(13, 1, STEPS - 14).check(steps)


@pytest.mark.parametrize(
    "options", [{"gain": "undivided"}, {"forgetting": 0.9}, {"forgetting": 0.95, "gain": "undivided"}]
)
def test_gain_and_forgetting(learner, options):
    learner(**options).run().check(
        updates(STEPS), divided=options.get("gain") != "undivided", forgetting=options.get("forgetting", 1.0)
    )


@pytest.mark.parametrize("relaxation", [0.001, 0.3])
def test_relaxation(learner, relaxation):
    mask = [[1, 1, 0, 0, 1], [0, 1, 1, 1, 0]]
    learner(relaxation=relaxation).run(25, STEPS - 25).check(updates(STEPS), relaxation=relaxation)
    learner(mask=mask, relaxation=relaxation, update_every=2).run().check(updates(STEPS, 2), relaxation=relaxation)


def test_rows_with_the_same_partners_share_P(learner):
    mask = [[1, 1, 0, 0, 1], [0, 1, 1, 1, 0], [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
    run = learner(mask=mask, rows=4).run()
    assert [len(P) for P in run.rls.P] == [3, 3]
    run.check(updates(STEPS))


@pytest.mark.parametrize("name", ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in TARGETS[1:])])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # Brian2 compares states with 1e50
def test_single_precision(name, tmp_path):
    skip_unless_here(name)
    mask = [[1, 1, 0, 0, 1], [0, 1, 1, 1, 0], [1, 1, 0, 0, 1]]
    with activated(name, tmp_path / "project", "float32") as target:
        run = Learner(mask=mask, rows=3, forgetting=0.99)
        target.run(run.network, STEPS * DT)
        assert run.rls.variables["P_packed"].dtype == run.recorder.variables["values"].dtype == np.float32
        run.check(updates(STEPS), forgetting=0.99)


def test_chance_is_even_and_depends_on_seed_and_step():
    drawn = np.array([[chance(seed, step) for step in range(2000)] for seed in range(5)])
    assert np.all((drawn >= 0) & (drawn < 1))
    assert drawn.mean(axis=1) == pytest.approx(np.full(5, 0.5), abs=0.03)
    assert np.histogram(drawn, 10)[0] == pytest.approx(np.full(10, 1000), rel=0.15)
    assert np.abs(np.corrcoef(drawn) - np.eye(5)).max() < 0.1
    assert np.abs(np.corrcoef(drawn[0][:-1], drawn[0][1:])[0, 1]) < 0.1
    assert chance(2**63 - 1, 2**40) == chance(2**63 - 1, 2**40)


def test_learning_can_be_switched_off(learner):
    run = learner()
    run.rls.learning = 0
    run.run(20)
    assert not run.readout.W.any()
    run.rls.learning = 1
    run.run(STEPS - 20).check(updates(STEPS, start=20))


def test_P_before_the_first_update(learner):
    run = learner(alpha_P=0.25)
    assert np.array_equal(run.rls.P, 0.25 * np.eye(N))
    run.rls.alpha_P = 2.0
    assert np.array_equal(run.rls.P, 2 * np.eye(N))
    run.run().check(updates(STEPS), alpha_P=2.0)


def test_P_can_be_set(learner):
    run, other = learner().run(30), learner()
    other.run(30)
    other.rls.P = other.rls.P
    assert np.array_equal(other.rls.P, run.rls.P)
    run.run(30)
    other.run(30)
    assert_close(other.readout.W, run.readout.W)

    fresh = learner()
    fresh.rls.P = np.diag([1.0, 2, 3, 4, 5])
    fresh.run(1)
    r = fresh.recorder.recorded[0]
    k = np.diag([1.0, 2, 3, 4, 5]) @ r
    assert_close(fresh.readout.W, np.outer(fresh.y[0], k) / (1 + r @ k))


@runtime_targets
def test_store_and_restore_keep_P(name, tmp_path):
    skip_unless_here(name)
    with activated(name, tmp_path):
        run = Learner(forgetting=0.95)
        run.network.store("start")
        run.run(30)
        run.network.store("middle", filename=tmp_path / "state")
        middle = run.rls.P
        end = run.run(30).rls.P
        run.network.restore("middle", filename=tmp_path / "state")
        assert np.array_equal(run.rls.P, middle)
        assert np.array_equal(run.run(30).rls.P, end)
        run.network.restore("start")
        assert np.array_equal(run.rls.P, 0.5 * np.eye(N))
        run.run().check(updates(STEPS), forgetting=0.95)


def test_place_within_the_step(learner):
    """An update before the map changes the z of the same step, by the error of the step before."""
    late, early = learner(), learner(order=-5)
    late.run(2)
    early.run(2)
    r, y = np.asarray(early.recorder.recorded), early.y
    first = np.outer(y[0], 0.5 * r[0]) / (1 + 0.5 * r[0] @ r[0])  # z was 0: e = -y
    assert_close(late.z.recorded, [[0, 0], first @ r[1]])
    assert_close(early.z.recorded[0], first @ r[0])


def test_errors_of_ones_own(numpy_target):
    neurons = b2.NeuronGroup(
        N, "dr/dt = cos(t/(1*ms)*(1 + i))/(0.5*ms) : 1\nu : volt\nscale : 1 (shared)", method="euler"
    )
    neurons.u = np.arange(N) * b2.mV
    neurons.scale = 0.5
    readout = LinearMap(neurons, "r", weights=np.ones((3, N)))
    other = LinearMap(neurons, "r", weights=np.full((1, N), 0.1))
    rls = RLS(
        readout,
        (neurons[1:4], "u"),
        alpha_P=0.5,
        error="scale*z - y/mV + int(w > 0)*w",
        variables={"scale": (neurons, "scale"), "w": (other, "z")},
    )
    recorder = Recorder(neurons, "r")
    b2.Network(neurons, readout, other, rls, recorder).run(STEPS * DT)
    r = recorder.recorded
    _, weights, _ = replay(
        r,
        [np.ones((3, N))],
        [np.ones((3, N), bool)],
        lambda k, z: [0.5 * z[0] - np.array([1, 2, 3]) + max(0.1 * r[k].sum(), 0)],
        updates(STEPS),
        alpha_P=0.5,
    )
    assert_close(readout.W, weights[0])


def test_a_target_may_be_another_map(numpy_target):
    neurons = b2.NeuronGroup(N, "r : 1")
    neurons.r = np.arange(N)
    teacher = LinearMap(neurons, "r", weights=np.ones((2, N)))
    pupil = LinearMap(neurons, "r", weights=np.zeros((2, N)))
    rls = RLS(pupil, teacher, alpha_P=100.0)
    b2.Network(neurons, teacher, pupil, rls).run(20 * DT)
    assert pupil.z[:] == pytest.approx(teacher.z[:], rel=1e-3)


def test_units_of_the_error_are_those_of_z(numpy_target):
    """A map that writes volts into a part of a group learns by an error in volts, and by no other."""
    neurons, sink = b2.NeuronGroup(N, "r : 1"), b2.NeuronGroup(6, "I : volt")
    neurons.r = 1
    readout = LinearMap(neurons, "r", weights=np.zeros((2, N)) * b2.mV, target=sink[3:5], target_variable="I")
    target = Signal([[1.0, -2.0]] * b2.mV)
    rls = RLS(readout, target, alpha_P=100.0)
    b2.Network(neurons, sink, readout, rls, target).run(20 * DT)
    assert np.asarray(sink.I) == pytest.approx([0, 0, 0, 1e-3, -2e-3, 0], rel=1e-3, abs=1e-12)
    neurons, target = b2.NeuronGroup(N, "r : 1"), Signal([[1.0, -2.0]] * b2.mV)
    readout = LinearMap(neurons, "r", weights=np.zeros((2, N)) * b2.mV)
    with pytest.raises(
        UnitsError, match=r"RLS\.error: expected an error in volt, the unit of z\.\nReceived: '\(z - y\)/mV in 1"
    ):
        RLS(readout, target, alpha_P=1.0, error="(z - y)/mV")


class TestDivergence:
    @pytest.mark.filterwarnings("ignore:divide by zero encountered")
    def test_names_the_step_and_keeps_the_weights(self, numpy_target):
        run = Learner()
        gate = Signal(np.where(np.arange(STEPS) == 25, 0.0, 1.0), name="gate")
        rls = RLS(run.readout, run.target, alpha_P=0.5, error="(z - y)/gate", variables={"gate": (gate, "value")})
        network = b2.Network(run.neurons, run.target, run.readout, run.recorder, run.z, gate, rls)
        with pytest.raises(
            DivergenceError,
            match=re.escape("RLS: learning diverged at time step 25 (t = 0.0025 s): the error or r'Pr was not finite"),
        ) as caught:
            network.run(STEPS * DT)
        assert "Fix: choose a smaller alpha_P or feedback" in str(caught.value)
        assert network.t == 26 * DT
        before = replay(
            run.recorder.recorded[:25],
            [np.zeros((2, N))],
            [run.mask],
            lambda k, z: [z[0] - run.y[k]],
            range(25),
            alpha_P=0.5,
        )
        assert_close(run.readout.W, before[1][0])
        assert_close(rls.P, before[2][0])
        network.run(10 * DT)  # the gate is open again
        assert rls.n_updates[:] == 35
        assert np.all(np.isfinite(run.readout.W))

    def test_raises_on_every_target_and_leaves_the_results(self, target):
        """On a standalone device after each run of the program; other samples let it learn to the end."""
        run, once = Learner(), np.arange(STEPS) == 25
        gate, divisor = Signal(np.where(once, 1e308, 1.0), name="gate"), Signal(np.ones(STEPS), name="divisor")
        read = {"gate": (gate, "value"), "divisor": (divisor, "value")}
        error = "(z - y)*exp(gate - 1)/divisor"
        rls = RLS(run.readout, run.target, alpha_P=0.5, error=error, variables=read, name="gated")
        network = b2.Network(run.neurons, run.target, run.readout, run.recorder, run.z, gate, divisor, rls)
        text = re.escape("RLS: learning diverged at time step 25 (t = 0.0025 s)")

        def check_what_is_left():
            assert rls.n_updates[:] == 25
            assert len(run.recorder.recorded) == len(run.z.recorded) == 26
            assert np.all(np.isfinite(run.readout.W))

        with np.errstate(over="ignore"), pytest.raises(DivergenceError, match=text) as caught:
            target.run(network, STEPS * DT)
        assert caught.value.step == 25
        check_what_is_left()
        if target.standalone:
            opened = {gate.samples: np.ones(STEPS)}
            with pytest.raises(DivergenceError, match=text):
                b2.device.run(with_output=False, run_args={**opened, divisor.samples: np.where(once, 0.0, 1.0)})
            check_what_is_left()
            b2.device.run(with_output=False, run_args=opened)
            assert rls.n_updates[:] == STEPS

    @runtime_targets
    def test_P_that_is_not_positive(self, name, tmp_path):
        skip_unless_here(name)
        with activated(name, tmp_path):
            run = Learner().run(10)
            run.rls.P = run.rls.P - 10 * np.ones((N, N)) + 10 * np.eye(N)
            with pytest.raises(DivergenceError, match="not positive"):
                run.run(40)
            # no update after the last z
            assert_close(run.z.recorded[-1], run.readout.W @ run.recorder.recorded[-1])


class Foreign(NumpyCodeObject):
    """A target that has none of our templates."""

    class_name = "foreign"
    templater = Templater("brian2.codegen.runtime.numpy_rt", ".py_")


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            (
                {"alpha_P": 0},
                InvalidValueError,
                "RLS.alpha_P: expected a finite number above 0.\nReceived: 0\nFix: P(0)",
            ),
            ({"alpha_P": "1"}, InvalidTypeError, "RLS.alpha_P: expected a finite number above 0."),
            ({"gain": "half"}, InvalidValueError, "RLS.gain: expected one of 'divided', 'undivided'."),
            (
                {"update_every": 0},
                InvalidValueError,
                "RLS.update_every: expected a whole number of time steps, at least 1.\nReceived: 0\n"
                "Fix: to switch learning off, set rls.learning = 0 or stop=0.",
            ),
            (
                {"update_every": -5},
                InvalidValueError,
                "RLS.update_every: expected a whole number of time steps",
            ),
            (
                {"update_every": 0 * b2.ms},
                InvalidValueError,
                "RLS.update_every: expected a whole number of time steps",
            ),
            ({"update_every": 1 * b2.mV}, UnitsError, "RLS.update_every: expected time steps, or a time."),
            ({"update_every": "1*ms"}, InvalidTypeError, "RLS.update_every: expected time steps, or a time."),
            (
                {"start": -1},
                InvalidValueError,
                "RLS.start: expected a whole number of time steps, at least 0.",
            ),
            (
                {"stop": -1 * b2.ms},
                InvalidValueError,
                "RLS.stop: expected a whole number of time steps, at least 0.",
            ),
            ({"start": 5, "stop": 4}, InvalidValueError, "RLS.stop: expected stop at or after start."),
            ({"start": 5 * b2.ms, "stop": 4 * b2.ms}, InvalidValueError, "Received: 'start=0.005, stop=0.004 (s)'"),
            ({"forgetting": 0}, InvalidValueError, "RLS.forgetting: expected a number in (0, 1]."),
            ({"forgetting": 1.1}, InvalidValueError, "RLS.forgetting: expected a number in (0, 1]."),
            ({"relaxation": -0.1}, InvalidValueError, "RLS.relaxation: expected a number in [0, 1).\nReceived: -0.1"),
            (
                {"relaxation": 0.1, "forgetting": 0.9},
                InvalidValueError,
                "RLS.relaxation: expected 0 beside forgetting=0.9, which forgets too.\nReceived: 0.1\n"
                "Fix: leave out one of the two.",
            ),
            ({"probability": 0}, InvalidValueError, "RLS.probability: expected a number in (0, 1]."),
            ({"seed": -1}, InvalidValueError, "RLS.seed: expected a whole number, at least 0."),
            (
                {"error": 3},
                InvalidValueError,
                "RLS.error: expected one expression, or one for each of 1 map(s).",
            ),
            (
                {"error": ["z", "y"]},
                InvalidValueError,
                "RLS.error: expected one expression, or one for each of 1 map(s).",
            ),
            (
                {"error": "z -"},
                InvalidValueError,
                "RLS.error: expected an expression such as \"z - y\".\nReceived: 'z -'",
            ),
            (
                {"error": "z; y = 3"},
                InvalidValueError,
                "RLS.error: expected numbers, names, operators and round brackets.",
            ),
            (
                {"variables": 3},
                InvalidTypeError,
                "RLS.variables: expected names with (group, variable name).",
            ),
            (
                {"variables": {"u": 3}},
                InvalidTypeError,
                "RLS.variables['u']: expected a Signal, a LinearMap, or (group,",
            ),
            (
                {"variables": {"u": ("target", "values")}},
                UnknownNameError,
                "RLS.variables['u']: expected a known variable",
            ),
            (
                {"variables": {"z": ("target", "value")}},
                InvalidValueError,
                "RLS.variables: expected names other than z, y",
            ),
            (
                {"error": "z - u", "variables": {"u": ("neurons", "r")}},
                InvalidValueError,
                "RLS.u: expected a variable with 2 values, one per row, or a single one.\nReceived: 5",
            ),
            (
                {"target": 3},
                InvalidTypeError,
                "RLS.target: expected a Signal, a LinearMap, or (group, variable name), or a TimedArray or an",
            ),
            (
                {"target": "wide"},
                InvalidValueError,
                "RLS.y: expected a variable with 2 values, one per row, or a single one.",
            ),
            (
                {"maps": []},
                InvalidTypeError,
                "RLS.maps: expected a LinearMap, SpikeMap or Synapses, or a list of them.\nReceived: []",
            ),
            (
                {"maps": "target"},
                InvalidTypeError,
                "RLS.maps: expected a LinearMap, SpikeMap or Synapses, or a list of them.",
            ),
            ({"maps": ["readout", "readout"]}, InvalidValueError, "RLS.maps: expected each map once."),
            ({"maps": ["readout", "twin"]}, InvalidValueError, "RLS.maps: expected each map once."),
            (
                {"maps": ["readout", "apart"]},
                InvalidValueError,
                "RLS.maps: expected maps that read the same variables of",
            ),
            ({"maps": ["readout", "slow"]}, InvalidValueError, "RLS.maps: expected maps of one clock."),
            ({"maps": "empty"}, InvalidValueError, "RLS.maps: expected at least one weight to learn."),
        ],
    )
    def test_arguments(self, learner, changes, error, text):
        run = learner()
        known = {
            "readout": run.readout,
            "neurons": run.neurons,
            "target": run.target,
            "wide": Signal(np.zeros((1, 3))),
            "twin": LinearMap(run.neurons, "r", weights=run.readout),
            "apart": LinearMap(run.neurons[1:], "r", weights=np.zeros((2, N - 1))),
            "slow": LinearMap(run.neurons, "r", weights=np.zeros((2, N)), clock=b2.Clock(1 * b2.ms)),
            "empty": LinearMap(run.neurons, "r", weights=np.zeros((2, N)), mask=np.zeros((2, N))),
        }

        def named(value):
            if isinstance(value, list | tuple):
                return type(value)(map(named, value))
            if isinstance(value, dict):
                return {key: named(item) for key, item in value.items()}
            return known.get(value, value) if isinstance(value, str) else value

        options = {"maps": "readout", "target": "target", "alpha_P": 1.0} | changes
        options = {key: value if key == "error" else named(value) for key, value in options.items()}
        with pytest.raises(error, match=re.escape(text)):
            RLS(options.pop("maps"), options.pop("target"), **options)

    def test_P(self, learner):
        rls = learner().rls
        for P, text in (
            (np.eye(3), "RLS.P: expected an array of shape (5, 5) (partners, partners).\nReceived: (3, 3)"),
            (np.arange(25.0).reshape(5, 5), "RLS.P: expected a symmetric matrix with a positive diagonal."),
            (-np.eye(5), "RLS.P: expected a symmetric matrix with a positive diagonal."),
            (np.full((5, 5), np.nan), "RLS.P: expected finite values."),
        ):
            with pytest.raises(InvalidValueError, match=re.escape(text)):
                rls.P = P
        assert np.array_equal(rls.P, 0.5 * np.eye(5))

    @pytest.mark.parametrize("P", [3, np.eye(2), [np.eye(2)], [np.eye(2), np.eye(3), np.eye(2)]])
    def test_P_of_several_blocks(self, learner, P):
        rls = learner(mask=[[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]]).rls
        with pytest.raises(InvalidValueError, match=r"RLS\.P: expected a list of 2 matrices, one per block"):
            rls.P = P

    @pytest.mark.parametrize(
        ("name", "value"),
        [("update_every", 0), ("update_every", -2), ("forgetting", 0.0), ("relaxation", 1.0), ("probability", 2.0)],
    )
    def test_values_set_later(self, learner, name, value):
        run = learner()
        setattr(run.rls, name, value)
        with pytest.raises(BrianObjectException) as caught:
            run.run()
        assert isinstance(caught.value.__cause__, InvalidValueError)
        assert str(caught.value.__cause__).startswith(f"RLS.{name}: expected a ")

    def test_target_without_our_templates(self, learner):
        run = learner()
        run.readout.codeobj_class = Foreign
        with pytest.raises(BrianObjectException) as caught:
            run.run()
        assert isinstance(caught.value.__cause__, UnsupportedError)
        assert str(caught.value.__cause__) == (
            "LinearMap: expected the target numpy, cython, cpp_standalone or cuda_standalone.\n"
            "Received: 'foreign'\nFix: choose one of these by set_device() or prefs.codegen.target."
        )
