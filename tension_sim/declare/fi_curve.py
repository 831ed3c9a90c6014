"""From a firing rate to the input current that causes it: the f-I relation of an LIF neuron in noise."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import InvalidValueError, message
from .arrays_in import numbers
from .validation import check_number, check_positive

__all__ = ["firing_rate", "mean_input"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)

#: Distance of threshold and reset, in units of the noise, above which one sum is not enough.
_WIDE = 1000.0
_CLOSE, _HALVINGS = 1e-6, 100


def firing_rate(
    mean: Any, sigma: float, *, tau: float = 0.01, threshold: float = 1.0, reset: float = 0.0, tau_ref: float = 0.0
) -> np.ndarray:
    r"""Return the rate of an LIF neuron whose input is white noise (Ricciardi).

    .. math:: \tau v' = \mu - v + \sigma\sqrt{\tau}\,\xi

    Parameters
    ----------
    mean : float or array
        Mean input, in the unit of `threshold`.
    sigma : float
        Amplitude of the noise, in the same unit.
    tau : float, optional
        Membrane time constant in seconds.
    threshold, reset : float, optional
        Of the membrane.
    tau_ref : float, optional
        Refractory time in seconds.

    Returns
    -------
    array
        Rates in Hz, of the shape of `mean`.

    References
    ----------
    Ricciardi (1977), Diffusion Processes and Related Topics in Biology;
    Brunel (2000), doi:10.1023/A:1008925309027.

    Examples
    --------
    >>> firing_rate([0.332, 0.591], sigma=0.31).round(1)
    array([ 1., 10.])
    """
    sigma, tau = check_positive("firing_rate.sigma", sigma), check_positive("firing_rate.tau", tau)
    threshold, reset = check_number("firing_rate.threshold", threshold), check_number("firing_rate.reset", reset)
    if not threshold > reset:
        raise InvalidValueError(message("firing_rate.threshold", f"a value above reset = {reset}", threshold))
    tau_ref = _refractory("firing_rate.tau_ref", tau_ref)
    mean = _numbers("firing_rate.mean", mean)
    low, high = (reset - mean) / sigma, (threshold - mean) / sigma
    # with little noise the integrand varies over decades, each of which is summed by itself
    decades = [np.clip(-(10.0**k), low, high) for k in range(6, -1, -1)] if np.any(high - low > _WIDE) else []
    with np.errstate(over="ignore"):  # an infinite time to the next spike is a rate of 0
        time = np.sum([_time(tau, *ends) for ends in pairwise([low, *decades, high])], axis=0)
    return 1 / (tau_ref + time)


def _refractory(where: str, tau_ref: Any) -> float:
    tau_ref = check_number(where, tau_ref)
    if tau_ref < 0:
        raise InvalidValueError(message(where, "a time of at least 0 s", tau_ref))
    return tau_ref


def _time(tau: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return a part of the time between two spikes: the integral of erfcx(-u)."""
    from scipy.special import erfcx

    u = (high - low)[..., None] / 2 * _NODES + ((high + low) / 2)[..., None]
    with np.errstate(invalid="ignore"):  # nothing times infinity
        time = tau * np.sqrt(np.pi) * (high - low) / 2 * (erfcx(-u) @ _WEIGHTS)
    return np.where(high > low, time, 0)


def mean_input(
    rate: Any,
    sigma: float,
    *,
    tau: float = 0.01,
    threshold: float = 1.0,
    reset: float = 0.0,
    at_zero: float = 0.1,
    tau_ref: float = 0.0,
) -> np.ndarray:
    """Return the mean input at which an LIF neuron in noise fires at a rate: the inverse of `firing_rate`.

    Parameters
    ----------
    rate : float or array
        Rates in Hz.
    sigma, tau, threshold, reset, tau_ref
        As for `firing_rate`.
    at_zero : float, optional
        What a rate of 0 counts as, for no mean input causes it.

    Returns
    -------
    array
        In the unit of `threshold`, of the shape of `rate`.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If a rate is negative, not finite, or no number.

    Examples
    --------
    >>> mean_input([1.0, 10.0], sigma=0.31).round(3)
    array([0.332, 0.591])
    """
    from scipy.interpolate import CubicSpline

    rate = _numbers("mean_input.rate", rate)
    at_zero = check_positive("mean_input.at_zero", at_zero)
    sigma, tau = check_positive("mean_input.sigma", sigma), check_positive("mean_input.tau", tau)
    threshold, reset = check_number("mean_input.threshold", threshold), check_number("mean_input.reset", reset)
    _check_scales("mean_input.sigma", sigma, threshold, reset)
    if np.any(rate < 0):
        raise InvalidValueError(message("mean_input.rate", "rates of at least 0 Hz", float(rate.min())))
    tau_ref = _refractory("mean_input.tau_ref", tau_ref)
    rate = np.where(rate == 0, at_zero, rate)
    if np.any(rate * tau_ref >= 1):
        fix = "leave them out, or give a shorter tau_ref."
        what = f"rates below 1/tau_ref = {1 / tau_ref:g} Hz"
        raise InvalidValueError(message("mean_input.rate", what, float(rate.max()), fix))
    wanted = np.log(rate / (1 - rate * tau_ref))  # between the rests

    def log_rate(mean: Any) -> np.ndarray:
        found = firing_rate(mean, sigma, tau=tau, threshold=threshold, reset=reset)
        return np.log(np.maximum(found, 1e-300))

    high = threshold + sigma
    while log_rate(high) < wanted.max(initial=0.0):
        high = reset + 2 * (high - reset)
    low = reset
    while log_rate(low) > wanted.min(initial=0.0):
        low -= sigma
    table = np.linspace(low, high, 4001)
    logs = log_rate(table)
    # further below no neuron ever fires, and the curve is flat
    used = logs > wanted.min(initial=0.0) - 5
    found = CubicSpline(logs[used], table[used])(wanted) if used.sum() > 3 else np.full_like(wanted, high)
    # with little noise the curve rises between two points of the table
    off = ~(np.abs(log_rate(found) - wanted) < _CLOSE)
    found[off] = _bisected(log_rate, wanted[off], low, high)
    return found


def _bisected(rising: Callable[[np.ndarray], np.ndarray], wanted: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return where a rising function has some values."""
    below, above = np.full_like(wanted, low), np.full_like(wanted, high)
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        less = rising(middle) < wanted
        below, above = np.where(less, middle, below), np.where(less, above, middle)
    return (below + above) / 2


def _check_scales(where: str, sigma: float, threshold: float, reset: float) -> None:
    """Refuse values so far apart that float64 does not tell threshold, reset and their neighbours from each other."""
    span = threshold - reset
    if not span > 0:
        raise InvalidValueError(message(where, f"a threshold above reset = {reset}", threshold))
    if not 1e-6 < span / sigma < 1e6 or max(abs(threshold), abs(reset)) > 1e6 * span:
        expected = "sigma, threshold and reset within a factor of a million"
        raise InvalidValueError(message(where, expected, (sigma, threshold, reset)))


def _numbers(where: str, value: Any) -> np.ndarray:
    array = numbers(where, value, "numbers")
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise InvalidValueError(message(where, "finite values", f"{bad} that are NaN or infinite", "leave these out."))
    return array
