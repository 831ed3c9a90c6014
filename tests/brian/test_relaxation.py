"""A million updates: what P and the error become with each way to forget."""

from __future__ import annotations

import brian2 as b2
import numpy as np
import pytest
from targets import activated, skip_unless_here

from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.errors import DivergenceError

STEPS, N, ALPHA = 1_000_000, 12, 0.5
DT = 0.1 * b2.ms
#: Rates of four frequencies, each in three phases: eight directions vary, and four do not.
RATES = "dr/dt = -2*pi*f*sin(2*pi*f*t + i/3) : 1\nf = (7 + 4*(i % 4))*Hz : Hz"


TIME = np.arange(STEPS) * 1e-4
#: The phase of the target wanders by eight turns, at this speed in radians per second.
SPEED = 2 * np.pi * 0.5 * np.cos(2 * np.pi * TIME / 50)
Y = np.sin(2 * np.pi * (7 * TIME + 0.5 * np.sin(2 * np.pi * TIME / 50) * 50 / (2 * np.pi)))
LATE = slice(STEPS * 9 // 10, None)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.fixture(scope="module", params=["float32", "float64"])
def learn(request, tmp_path_factory):
    """Learn with one compiled program; give P and the error of the last tenth."""
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path_factory.mktemp("program"), request.param) as built:
        units, y = b2.NeuronGroup(N, RATES, method="euler"), Signal(Y)
        units.r = "cos(i/3)"
        readout = LinearMap(units, "r", weights=np.zeros((1, N)))
        rls = RLS(readout, y, alpha_P=ALPHA, relaxation=1e-5)
        z = Recorder(readout, "z")
        built.run(b2.Network(units, y, readout, rls, z), STEPS * DT)

        def run(**values: float) -> tuple[np.ndarray, float]:
            arguments = {getattr(rls, key): value for key, value in ({"relaxation": 0.0} | values).items()}
            b2.device.run(run_args=arguments)
            return rls.P, rms(z.recorded[LATE, 0] - Y[LATE])

        yield run


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # Brian2 compares states with 1e50
def test_relaxation_follows_for_ever_and_keeps_P_in_bounds(learn):
    still_P, still = learn()
    assert 0 < np.linalg.eigvalsh(still_P)[0] < 1e-3
    for relaxation in (1e-6, 1e-5, 1e-4):
        P, error = learn(relaxation=relaxation)
        values = np.linalg.eigvalsh(P)
        # rounding shifts a fixed point by about the precision over the relaxation
        assert 0 < values[0] < values[-1] <= ALPHA * (1 + np.finfo(P.dtype).eps / relaxation)
        assert values[-4:] == pytest.approx(np.full(4, ALPHA), rel=0.05)
        # the output lags behind by the time that is remembered; each frequency shares a power of 1.5 in two directions
        lag = 1e-4 / np.sqrt(relaxation * ALPHA * 0.75)
        assert error == pytest.approx(lag * rms(SPEED[LATE]) / np.sqrt(2), rel=0.15)
        assert error < still / 2
    with pytest.raises(DivergenceError, match="learning diverged"):
        learn(forgetting=0.999)
