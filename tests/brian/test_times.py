"""Times stay times until a run starts: dt may change after an object is made, and between runs."""

from __future__ import annotations

import re

import brian2 as b2
import numpy as np
import pytest
from brian.learner import N
from brian2.core.base import BrianObjectException

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError


class Scheduled:
    """A readout that learns by a schedule of times; its z shows when the weights change."""

    def __init__(self, first_step=0.4 * b2.ms, every=0.2 * b2.ms, **options) -> None:
        neurons = b2.NeuronGroup(N, "r : 1", name="neurons")
        neurons.r = 1
        self.target = Signal(1.0 + np.arange(200), every=every, first_step=first_step, name="target")
        readout = LinearMap(neurons, "r", weights=np.zeros((1, N)), name="readout")
        self.rls = RLS(readout, self.target, alpha_P=1.0, name="rls", **options)
        self.y = Recorder(self.target, "value", every=every, name="y")
        self.network = b2.Network(neurons, self.target, readout, self.rls, self.y)


def test_dt_may_change_after_the_objects_are_made(target):
    b2.defaultclock.dt = 0.1 * b2.ms
    run = Scheduled(update_every=1 * b2.ms, start=2 * b2.ms, stop=10 * b2.ms)
    assert (run.rls.update_every[:], run.rls.stop_step[:]) == (10, 100)
    b2.defaultclock.dt = 0.05 * b2.ms
    target.run(run.network, 20 * b2.ms)
    assert run.rls.n_updates[:] == 8
    assert (run.rls.update_every[:], run.rls.start_step[:], run.rls.stop_step[:]) == (20, 40, 200)
    assert run.y.recorded[:, 0].tolist() == [1, 1, *range(1, 99)]
    if target.standalone:  # steps of a run argument stay
        b2.device.run(run_args={run.rls.update_every: 5})
        assert run.rls.n_updates[:] == 32


def test_dt_may_change_between_runs(target):
    b2.defaultclock.dt = 0.1 * b2.ms
    run = Scheduled(update_every=0.4 * b2.ms)
    run.network.run(2 * b2.ms, namespace={})
    b2.defaultclock.dt = 0.2 * b2.ms
    target.run(run.network, 2 * b2.ms)
    assert run.rls.n_updates[:] == 10
    assert run.y.recorded[:, 0].tolist() == [1, 1, *range(1, 19)]


@pytest.mark.usefixtures("numpy_target")
class TestOnNumpy:
    def test_a_time_and_steps_can_be_set_later(self):
        run = Scheduled(update_every=1 * b2.ms)
        run.rls.update_every = 0.5 * b2.ms
        assert run.rls.update_every[:] == 5
        run.network.run(2 * b2.ms)
        assert run.rls.n_updates[:] == 4
        run.rls.update_every = 2  # steps: no time any more
        b2.defaultclock.dt = 0.05 * b2.ms
        run.network.run(1 * b2.ms)
        assert run.rls.n_updates[:] == 14
        run.rls.update_every = 1 * b2.ms
        run.rls.update_every[:] = 20
        run.network.run(1 * b2.ms)
        assert run.rls.n_updates[:] == 15

    @pytest.mark.parametrize(
        ("dt", "options", "text"),
        [
            (
                0.4,
                {"every": 1, "update_every": 1 * b2.ms},
                "RLS.update_every: expected a multiple of the time step 0.4 ms",
            ),
            (0.1, {"update_every": 0.15 * b2.ms}, "Received: '150. * usecond'\nFix: round it to whole steps."),
            (0.4, {"every": 1, "start": 1 * b2.ms}, "RLS.start: expected a multiple of the time step 0.4 ms"),
            (0.4, {"every": 1, "stop": 1 * b2.ms}, "RLS.stop: expected a multiple of the time step 0.4 ms"),
            (0.2, {"start": 2 * b2.ms, "stop": 9}, "RLS.stop: expected stop at or after start.\nReceived: 'start=10, "),
            (0.05, {}, None),
            (0.15, {}, "Signal.first_step: expected a multiple of the time step"),
        ],
    )
    def test_what_is_no_multiple_is_refused_then(self, dt, options, text):
        run = Scheduled(**options)
        b2.defaultclock.dt = dt * b2.ms
        if text is None:
            run.network.run(1 * b2.ms)
            return
        with pytest.raises(BrianObjectException) as caught:
            run.network.run(1.2 * b2.ms)
        assert isinstance(caught.value.__cause__, InvalidValueError)
        assert text in str(caught.value.__cause__)

    @pytest.mark.parametrize(
        ("value", "error", "text"),
        [
            ([1, 2], InvalidTypeError, "expected time steps, or a time.\nReceived: [1, 2]\nFix: pass one number"),
            ([1, 2] * b2.ms, InvalidTypeError, "expected time steps, or a time."),
            (1 * b2.mV, UnitsError, "Fix: give it in seconds or as a number."),
            (np.nan * b2.ms, InvalidValueError, "expected a whole number of time steps"),
            (np.inf * b2.ms, InvalidValueError, "expected a whole number of time steps"),
            (-1 * b2.ms, InvalidValueError, "expected a whole number of time steps"),
        ],
    )
    def test_refused_at_once(self, value, error, text):
        makes = {
            "RLS.update_every": lambda: Scheduled(update_every=value),
            "Signal.first_step": lambda: Signal([1.0], first_step=value),
            "Signal.every": lambda: Signal([1.0], every=value),
            "Recorder.every": lambda: Recorder(Signal([1.0]), "value", every=value),
        }
        for where, make in makes.items():
            with pytest.raises(error, match=f"(?s){re.escape(where)}: .*{re.escape(text)}"):
                make()
