"""Measures of how well a network learned; numpy only.

Learned oscillations drift in phase, so the raw error after learning says little: judge
them by the lag-aligned error, the peak frequency and the firing rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..declare.arrays_in import numbers
from ..declare.fitted import FittedNetwork
from ..declare.validation import check_positive
from ..errors import InvalidValueError, message
from .phases import LEARNING, TEST, Phase
from .run_data import RunData, spiking

__all__ = [
    "best_lag",
    "cell_correlations",
    "correlation",
    "jsonable",
    "known_correlations",
    "lag_aligned_rmse",
    "mean_correlation",
    "mean_rate",
    "peak_frequency",
    "rmse",
    "summary",
    "windowed_rmse",
]

#: Longest lag that `summary` tries, in seconds.
MAX_LAG = 2.0

# a sum of squares of such numbers is finite
_LARGEST_SQUARED = 1e150


def _pair(where: str, output: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    pair = (("output", output), ("target", target))
    output, target = (numbers(f"{where}.{name}", value, "numbers, shape (time, outputs)") for name, value in pair)
    if output.ndim == 1:
        output = output[:, None]
    if target.ndim == 1:
        target = target[:, None]
    if output.shape != target.shape or output.ndim != 2 or not output.size:
        raise InvalidValueError(
            message(f"{where}.target", f"the output's shape {output.shape}, not empty", target.shape)
        )
    return output, target


def rmse(output: np.ndarray, target: np.ndarray) -> float:
    """Return the root mean square error over all times and outputs.

    Parameters
    ----------
    output, target : ndarray, shape (time,) or (time, outputs)

    Examples
    --------
    >>> rmse([1, 2], [1, 4])
    1.4142135623730951
    """
    output, target = _pair("rmse", output, target)
    return float(np.sqrt(np.mean((output - target) ** 2)))


def best_lag(output: np.ndarray, target: np.ndarray, dt: float, max_lag: float) -> float:
    """Return the shift in time at which the output fits the target best, one for all outputs.

    At each shift the mean square error is taken over the times at which both exist. A periodic
    signal fits again after each period: of the minima within a tenth of the smallest mean square
    error, the one with the shortest shift is returned.

    Parameters
    ----------
    output, target : ndarray, shape (time,) or (time, outputs)
    dt : float
        Seconds from one row to the next.
    max_lag : float
        Largest shift either way in seconds; at most half of the duration.

    Returns
    -------
    float
        Seconds by which the output comes late (negative: early); NaN if a value is not finite.

    Raises
    ------
    InvalidValueError
        If the shapes differ, or `max_lag` is negative or over half of the duration.

    Examples
    --------
    >>> t = np.arange(0, 4, 0.001)
    >>> best_lag(np.sin(t - 0.05), np.sin(t), 0.001, max_lag=1.0)
    0.05
    """
    output, target = _pair("best_lag", output, target)
    lags, errors = _errors_by_lag("best_lag", output, target, dt, max_lag)
    if not len(lags):
        return math.nan
    around = np.pad(errors, 1, constant_values=np.inf)
    rounding = 1e-12 * (np.mean(output**2) + np.mean(target**2))
    good = (errors <= around[:-2]) & (errors <= around[2:]) & (errors <= 1.1 * errors.min() + rounding)
    return float(min(lags[good], key=abs) * dt)


def lag_aligned_rmse(output: np.ndarray, target: np.ndarray, dt: float, max_lag: float) -> float:
    """Return the smallest RMSE over shifts of the output in time; see `best_lag`.

    Examples
    --------
    >>> t = np.arange(0, 4, 0.001)
    >>> round(lag_aligned_rmse(np.sin(t - 0.05), np.sin(t), 0.001, max_lag=1.0), 12)
    0.0
    """
    output, target = _pair("lag_aligned_rmse", output, target)
    lags, errors = _errors_by_lag("lag_aligned_rmse", output, target, dt, max_lag)
    if not len(lags):
        return math.nan
    # not from the FFT, which leaves rounding of about 1e-8 in the root
    lag, n = int(lags[np.argmin(errors)]), len(output)
    return rmse(output[max(lag, 0) : n + min(lag, 0)], target[max(-lag, 0) : n - max(lag, 0)])


def windowed_rmse(output: np.ndarray, target: np.ndarray, dt: float, window: float = 1.0) -> float:
    """Return the RMSE over windows, in each of which the output is shifted to its best lag.

    A slow drift of phase does not count, as it does in `lag_aligned_rmse`, whose one shift fits less the
    longer a run is.

    Parameters
    ----------
    output, target : ndarray, shape (time,) or (time, outputs)
    dt : float
        Seconds from one row to the next.
    window : float, optional
        Length of a window in seconds; lags are up to a quarter of it. Rows after the last whole window are
        left out; what is shorter than one window is one.

    Examples
    --------
    >>> t = np.arange(0, 4, 0.001)
    >>> drifting = np.sin(2 * np.pi * 4.99 * t)
    >>> windowed_rmse(drifting, np.sin(2 * np.pi * 5 * t), 0.001) < 0.02
    True
    """
    output, target = _pair("windowed_rmse", output, target)
    size = min(max(round(check_positive("windowed_rmse.window", window) / dt), 1), len(output))
    lag = size * dt / 4
    parts = [slice(first, first + size) for first in range(0, len(output) - size + 1, size)]
    errors = [lag_aligned_rmse(output[part], target[part], dt, lag) for part in parts]
    return float(np.sqrt(np.mean(np.square(errors))))


def _errors_by_lag(
    where: str, output: np.ndarray, target: np.ndarray, dt: float, max_lag: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lags in rows and the mean square error at each; none where a value or its square is not finite."""
    duration = len(output) * dt
    if not 0 <= max_lag <= duration / 2:
        raise InvalidValueError(
            message(
                f"{where}.max_lag",
                f"0 to half of the duration, {duration / 2:g} s",
                max_lag,
                "give a smaller lag or a longer recording.",
            )
        )
    largest = np.maximum(np.abs(output).max(initial=0), np.abs(target).max(initial=0))  # NaN in either is NaN
    if not largest < _LARGEST_SQUARED:  # NaN included: of what diverged, squares may overflow
        return np.empty(0), np.empty(0)
    most = int(max_lag / dt + 1e-9)
    lags = np.arange(-most, most + 1)
    n, n_outputs = output.shape
    size = 1 << (2 * n - 1).bit_length()
    products = np.zeros(len(lags))
    for z, f in zip(output.T, target.T, strict=True):
        spectrum = np.fft.rfft(z, size) * np.conj(np.fft.rfft(f, size))
        products += np.fft.irfft(spectrum, size)[lags]  # negative lags lie at the end
    zz, ff = (np.concatenate(([0.0], np.cumsum((x**2).sum(axis=1)))) for x in (output, target))
    overlap = n - np.abs(lags)
    late, early = np.maximum(lags, 0), np.maximum(-lags, 0)
    squares = zz[late + overlap] - zz[late] + ff[early + overlap] - ff[early]
    return lags, (squares - 2 * products) / (overlap * n_outputs)


def peak_frequency(output: np.ndarray, dt: float) -> float | np.ndarray:
    """Return the frequency with the most power in Hz.

    The mean is subtracted, a Hann window applied, and the peak interpolated between the lines of
    the spectrum by a parabola through their logarithms.

    Parameters
    ----------
    output : ndarray, shape (time,) or (time, outputs)
    dt : float
        Seconds from one row to the next.

    Returns
    -------
    float, or ndarray of shape (outputs,)
        NaN where the output is constant or not finite.

    Examples
    --------
    >>> t = np.arange(0, 5, 1e-3)
    >>> round(peak_frequency(np.sin(2 * np.pi * 5 * t), 1e-3), 3)
    5.0
    """
    output = numbers("peak_frequency.output", output, "numbers, shape (time, outputs)")
    if output.ndim == 2:
        return np.array([peak_frequency(column, dt) for column in output.T])
    if output.ndim != 1 or len(output) < 4:
        raise InvalidValueError(
            message("peak_frequency.output", "at least 4 values of shape (time,) or (time, outputs)", output.shape)
        )
    spread = np.ptp(output)
    if not np.isfinite(spread) or spread <= 1e-12 * np.abs(output).max():
        return math.nan
    n = len(output)
    size = 4 << (n - 1).bit_length()  # zero padding: lines four times finer at least
    power = np.abs(np.fft.rfft((output - output.mean()) * np.hanning(n), size)) ** 2
    peak = int(np.argmax(power[1:-1])) + 1
    left, middle, right = np.log(power[peak - 1 : peak + 2] + np.finfo(float).tiny)
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    shift = min(max(shift, -0.5), 0.5)  # on the flank of what lies at 0 Hz, or at the highest frequency, it has no top
    return float((peak + shift) / (size * dt))


def correlation(x: Any, y: Any) -> np.ndarray:
    """Return Pearson's r of each channel; NaN for one that does not vary.

    Examples
    --------
    >>> correlation([[0, 0], [1, 1]], [[0, 5], [2, 4]]).round(6)
    array([ 1., -1.])
    """
    x = numbers("correlation.x", x, "an array of shape (rows, channels)")
    y = numbers("correlation.y", y, "an array of shape (rows, channels)")
    if x.shape != y.shape or x.ndim != 2:
        raise InvalidValueError(message("correlation.y", f"the shape of x, {x.shape}, rows by channels", y.shape))
    if not len(x):
        return np.full(x.shape[1], np.nan)
    return np.clip((_normalised(x) * _normalised(y)).sum(axis=0), -1.0, 1.0)  # rounding goes beyond


def _normalised(values: np.ndarray) -> np.ndarray:
    """Return the deviations of each channel from its mean, of length 1; NaN where it does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        # the mean of equal values may differ from them in the last bit: they say themselves whether they vary
        varies = values.max(axis=0) > values.min(axis=0)
        values = values / np.abs(values).max(axis=0)  # neither these nor their squares overflow then
        values = values - values.mean(axis=0)
        values = values / np.abs(values).max(axis=0)
        return np.where(varies, values / np.sqrt((values**2).sum(axis=0)), np.nan)


def cell_correlations(results: RunData) -> np.ndarray | None:
    """Return r of each output and its target, over the test, where each cell has a target of its own; else None.

    A fitted network has one, and a network whose outputs are its neurons. Of a fitted network the time counts
    in which its weights would learn. Times without a target are left out; r is NaN where nothing varies.

    Returns
    -------
    ndarray, shape (outputs,), or None

    Examples
    --------
    >>> y = np.sin(np.arange(30)[:, None] / 3 + np.arange(4))
    >>> cell_correlations(RunData("demo", 1e-3, 0, 30, 4, [], [], 0, 1, 2 * y, y, (Phase("test", 0, 30),))).round(6)
    array([1., 1., 1., 1.])
    """
    fitted = isinstance(results.net, FittedNetwork)
    if results.target is None or not (fitted or results.n_outputs == results.n_neurons > 1):
        return None
    rows = results.rows(TEST) if any(phase.name == TEST for phase in results.phases) else slice(None)
    if isinstance(results.net, FittedNetwork) and results.net.learning is not None:
        start = max(results.net.learning.start, results.first_step)
        rows = results.rows(Phase("learning", min(start, results.stop_step), results.stop_step))
    output, target = results.output[rows], results.target[rows]
    if len(output) < 2:
        return None
    return known_correlations(output, target)


def known_correlations(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return Pearson's r of each channel over the rows in which both are finite; NaN where one does not vary there.

    Examples
    --------
    >>> known_correlations(np.array([[0.0], [1], [2], [7]]), np.array([[1.0], [2], [3], [np.nan]])).round(6)
    array([1.])
    """
    known = np.isfinite(output) & np.isfinite(target)
    if known.all():
        return correlation(output, target)
    pairs = zip(output.T, target.T, known.T, strict=True)
    return np.array([correlation(z[at, None], y[at, None])[0] for z, y, at in pairs])


def mean_correlation(output: np.ndarray, target: np.ndarray) -> float:
    """Return the mean of `known_correlations` over the channels that vary; NaN where none does.

    Examples
    --------
    >>> round(mean_correlation(np.array([[0.0, 5], [1, 5]]), np.array([[1.0, 2], [2, 3]])), 12)
    1.0
    """
    r = known_correlations(output, target)
    found = r[np.isfinite(r)]
    return float(found.mean()) if found.size else math.nan


def mean_rate(results: RunData, phase: Phase | str | None = None) -> float:
    """Return the mean firing rate of the recorded neurons in Hz, of a phase or of the whole run.

    Rate units, which have no spikes, do not count, nor do steps of a phase that were not run. NaN where no neuron was
    recorded or no time passed.
    """
    if phase is None:
        phase = Phase("all", results.first_step, results.stop_step)
    elif isinstance(phase, str):
        phase = results.phase(phase)
    steps = min(phase.stop, results.stop_step) - max(phase.start, results.first_step)
    duration = steps * results.dt * np.count_nonzero(spiking(results))
    return len(results.spikes(phase)[0]) / duration if duration > 0 else math.nan


def summary(results: RunData) -> dict[str, Any]:
    """Return the numbers of a run, ready for JSON; None stands for what is missing or not finite.

    Returns
    -------
    dict
        ``rmse`` per phase and over the last second of learning; ``lag_aligned_rmse`` (with the
        ``lag`` in seconds, and ``windows``, of `windowed_rmse`) and ``peak_frequency`` (Hz, per output,
        beside the target's) in the test; ``firing_rate`` (Hz) per phase; ``timings`` (s), ``versions``, ``seed``.
    """
    names = [phase.name for phase in results.phases]
    provenance = dict(results.provenance)
    step = results.dt * results.record_every
    found: dict[str, Any] = {
        "name": results.name,
        "duration": results.n_steps * results.dt,
        "dt": results.dt,
        "neurons": results.n_neurons,
        "outputs": results.n_outputs,
        "spikes": len(results.spike_step),
        "phases": {p.name: [p.start * results.dt, p.stop * results.dt] for p in results.phases},
        "rmse": {name: _error(results, results.rows(name)) for name in names},
        "lag_aligned_rmse": {},
        "peak_frequency": {},
        "firing_rate": {name: mean_rate(results, name) for name in names},
        "timings": dict(results.timings),
        "versions": provenance.pop("versions", None),
        "seed": provenance.pop("seed", None),
        "provenance": provenance,
    }
    if LEARNING in names:
        rows = results.rows(LEARNING)
        last = max(rows.stop - round(1.0 / step), rows.start)
        found["rmse"]["learning_last_second"] = _error(results, slice(last, rows.stop))
    if TEST in names:
        rows = results.rows(TEST)
        if rows.stop - rows.start >= 4:
            output = results.output[rows]
            found["peak_frequency"][TEST] = peak_frequency(output, step)
            if results.target is not None:
                target = results.target[rows]
                how = (output, target, step, min(MAX_LAG, len(output) * step / 4))
                windows = windowed_rmse(output, target, step)
                found["lag_aligned_rmse"] = {TEST: lag_aligned_rmse(*how), "lag": best_lag(*how), "windows": windows}
                found["peak_frequency"]["target"] = peak_frequency(target, step)
    return jsonable(found)


def _error(results: RunData, rows: slice) -> float:
    if results.target is None or rows.stop <= rows.start:
        return math.nan
    return rmse(results.output[rows], results.target[rows])


def jsonable(value: Any) -> Any:
    """Return plain Python values for JSON: no numpy types, and None for what is not finite.

    Examples
    --------
    >>> jsonable({"a": np.float32(0.5), "b": np.array([1.0, np.nan])})
    {'a': 0.5, 'b': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
