"""Supervisors that are solutions of ordinary differential equations.

The publication integrates with MATLAB's ode45 at its default tolerances. SciPy's RK45 is the
same pair of formulas (Dormand and Prince) with another step control, so a periodic solution agrees
to about those tolerances and a chaotic one only at first.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np

from ..errors import InvalidValueError, message
from .registry import Grid, supervisor

_TOLERANCES = {"rtol": 1e-3, "atol": 1e-6}
_SAMPLE_INTERVAL = 1e-3  # seconds between the points that van der Pol solutions are read at
_MOST_SLOPES = 50_000  # beside one per time step; the published ones take a fifth of that
_POINTS_PER_STEP = 4  # ode45 returns four points per step unless told otherwise


Slope = Callable[[float, np.ndarray], list[float]]


def _solve(
    grid: Grid, slope: Slope, stop: float, start: np.ndarray, times: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.integrate import solve_ivp

    left = count(_MOST_SLOPES + grid.n_steps, -1)

    def counted(t: float, y: np.ndarray) -> list[float]:
        if not next(left):
            raise _refusal("it takes too many steps")
        return slope(t, y)

    with np.errstate(all="ignore"):
        solution = solve_ivp(
            counted, (0.0, stop), start, t_eval=times, dense_output=times is None, method="RK45", **_TOLERANCES
        )
    if not solution.success or not np.all(np.isfinite(solution.y)):
        raise _refusal(solution.message)
    if times is not None:
        return solution.t, solution.y
    fractions = np.arange(_POINTS_PER_STEP) / _POINTS_PER_STEP
    fine = (solution.t[:-1, None] + np.diff(solution.t)[:, None] * fractions).ravel()
    fine = np.append(fine, solution.t[-1])
    return fine, solution.sol(fine)


def _refusal(reason: str) -> InvalidValueError:
    what = "a system that can be integrated over the whole duration"
    return InvalidValueError(message("Task", what, reason, "choose other settings or a shorter duration."))


def _sample(grid: Grid, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    wanted = grid.times
    target = np.empty((grid.n_steps, len(values)))
    for column, row in enumerate(values):
        target[:, column] = np.interp(wanted, times, row)
    return target


def _positive(**settings: float) -> None:
    for key, value in settings.items():
        if not value > 0:
            raise InvalidValueError(message(f"Task.{key}", "a value above 0", value))


@supervisor(outputs=2, mu="1", amplitude_scale="1", time_scale="hertz")
def van_der_pol(grid: Grid, mu: float, amplitude_scale: float = 10.0, time_scale: float = 20.0) -> np.ndarray:
    """The van der Pol oscillator, harmonic at small mu and relaxing in jumps at large mu.

    y1' = c mu (y1 - s**2 y1**3/3 - y2) and y2' = c y1/mu, s the amplitude scale and c the time scale.
    The system runs for the whole duration first, and the target is a second run from there.
    """
    _positive(mu=mu, amplitude_scale=amplitude_scale, time_scale=time_scale)

    def slope(_: float, y: np.ndarray) -> list[float]:
        return [
            time_scale * mu * (y[0] - y[0] ** 3 * (amplitude_scale**2 / 3) - y[1]),
            time_scale * y[0] / mu,
        ]

    n_samples = int(np.ceil(grid.n_steps * grid.dt / _SAMPLE_INTERVAL - 1e-9))
    times = _SAMPLE_INTERVAL * np.arange(n_samples + 1)
    state = np.array([0.1, 0.1])
    for _ in range(2):
        _, values = _solve(grid, slope, times[-1], state, times)
        state = values[:, -1]
    return _sample(grid, times, values)


@supervisor(outputs=3, sigma="1", rho="1", beta="1", amplitude_scale="1", time_scale="hertz")
def lorenz(
    grid: Grid,
    sigma: float = 10.0,
    rho: float = 28.0,
    beta: float = 8 / 3,
    amplitude_scale: float = 70.0,
    time_scale: float = 1.0,
) -> np.ndarray:
    """The Lorenz attractor, made smaller by the amplitude scale.

    x' = c sigma (y - x), y' = c (rho x - s x z - y), z' = c (s x y - beta z), from 0.1 in all three,
    s the amplitude scale and c the time scale.
    """
    _positive(amplitude_scale=amplitude_scale, time_scale=time_scale)

    def slope(_: float, state: np.ndarray) -> list[float]:
        x, y, z = state
        return [
            time_scale * sigma * (y - x),
            time_scale * (rho * x - amplitude_scale * x * z - y),
            time_scale * (amplitude_scale * x * y - beta * z),
        ]

    times, values = _solve(grid, slope, grid.n_steps * grid.dt, np.full(3, 0.1), None)
    return _sample(grid, times, values)
