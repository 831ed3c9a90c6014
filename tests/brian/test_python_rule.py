"""PythonRule: a user's own rule runs in this process, and is refused where it cannot."""

from __future__ import annotations

import brian2 as b2
import numpy as np
import pytest
from brian.everything import replay, sines
from targets import activated, assert_close, runtime_targets, skip_unless_here

from tension_sim.brian import RLS, LinearMap, PythonRule, Recorder, Signal
from tension_sim.errors import InvalidTypeError, UnsupportedError

STEPS = 60


@runtime_targets
def test_rls_written_in_python(name, tmp_path):
    skip_unless_here(name)
    P = 0.5 * np.eye(4)
    y = sines(STEPS, 2)
    steps = []

    def rule(readout: LinearMap) -> None:
        nonlocal P
        r = neurons.r[:]
        k = P @ r
        c = 1 / (1 + r @ k)
        P = P - c * np.outer(k, k)
        step = int(readout.t_in_timesteps[:])
        readout.W = readout.W - c * np.outer(readout.z[:] - y[step], k)
        steps.append(step)

    with activated(name, tmp_path) as target:
        neurons = b2.NeuronGroup(4, "dr/dt = cos(t/(3*ms) + i)/(2*ms) : 1", method="euler", name="neurons")
        readout = LinearMap(neurons, "r", weights=np.zeros((2, 4)), name="readout")
        recorder = Recorder(neurons, "r", name="rec_r")
        network = b2.Network(neurons, readout, recorder, PythonRule(rule, readout))
        target.run(network, STEPS * b2.defaultclock.dt)
        found, r = readout.W, recorder.recorded
    _, weights, _ = replay(
        r, [np.zeros((2, 4))], [np.ones((2, 4), bool)], lambda k, z: [z[0] - y[k]], range(STEPS), alpha_P=0.5
    )
    assert steps == list(range(STEPS))
    assert_close(found, weights[0])


def test_comes_after_the_maps_and_before_their_rls(numpy_target):
    seen = []
    neurons = b2.NeuronGroup(1, "dr/dt = 1/(100*us) : 1", method="euler")
    readout = LinearMap(neurons, "r", weights=[[1.0]])
    feedback = LinearMap(readout, "z", weights=[[2.0]])
    rls = RLS(readout, Signal([0.0]), alpha_P=1.0)
    rule = PythonRule(lambda a, b: seen.append((a.z[0], b.z[0], a.W[0, 0])), readout, feedback)
    assert rule.order > max(readout.order, feedback.order)
    b2.Network(neurons, readout, feedback, rls, rls.target, PythonRule(lambda a: seen.append(a.z[0]), readout)).run(
        b2.defaultclock.dt
    )
    assert seen == pytest.approx([1.0])


def test_refused_on_standalone_devices(tmp_path):
    with activated("cpp_standalone", tmp_path):
        neurons = b2.NeuronGroup(1, "r : 1")
        readout = LinearMap(neurons, "r", weights=[[1.0]])
        with pytest.raises(UnsupportedError) as caught:
            PythonRule(print, readout)
    text = str(caught.value)
    assert text.startswith("PythonRule: expected a device that runs Python code at each time step: numpy or cython.\n")
    assert "Received: 'CPPStandaloneDevice'" in text
    assert "cannot be part of a generated program; write it as the error of an RLS" in text


def test_refused_arguments(numpy_target):
    readout = LinearMap(b2.NeuronGroup(1, "r : 1"), "r", weights=[[1.0]])
    with pytest.raises(
        InvalidTypeError, match=r"PythonRule\.function: expected a function of the maps\.\nReceived: 'f'"
    ):
        PythonRule("f", readout)
    for maps in ((), (3,), (readout, None)):
        with pytest.raises(InvalidTypeError, match=r"PythonRule\.maps: expected one LinearMap or more\.\nReceived: "):
            PythonRule(print, *maps)
