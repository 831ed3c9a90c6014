"""Recorded activity that networks learn to follow: its check, its gaps, and simulated recordings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..declare.arrays_in import numbers
from ..declare.validation import check_choice, check_positive, check_series, check_whole
from ..errors import InvalidValueError, message

__all__ = ["calcium_like", "check_recording", "gaps_marked", "skipping", "three_regions"]

# Brian2 knows no NaN: a gap is played as a number that no recording reaches
_GAP = 1e9


def check_recording(where: str, data: Any, nan: str = "refuse") -> np.ndarray:
    """Return recorded activity as float64 of shape (samples, neurons).

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    data : array-like, shape (samples, neurons)
        NaN, masked or NA where there is none.
    nan : str
        ``"refuse"`` or ``"skip"``: whether it may have gaps.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If it has gaps and may not, or is infinite, too short, or empty for a neuron.

    Examples
    --------
    >>> check_recording("demo.data", [[1, 2], [np.nan, 3]], "skip")
    array([[ 1.,  2.],
           [nan,  3.]])
    """
    check_choice(f"{where.rpartition('.')[0]}.nan", nan, ("refuse", "skip"))
    array = numbers(where, data, "an array of shape (timesteps, channels)", gaps=True)
    gaps = np.isnan(array)
    if gaps.any() and nan == "refuse":
        first = tuple(np.argwhere(gaps)[0].tolist())
        fix = f'correct the {gaps.sum()} missing values, the first at index {first}, or set nan to "skip".'
        raise InvalidValueError(message(where, "data without gaps", "nan", fix))
    values = check_series(where, np.where(gaps, 0, array) if gaps.any() else array)
    gaps = gaps.reshape(values.shape)
    if len(values) < 2:
        raise InvalidValueError(message(where, "at least 2 samples (axis 0)", values.shape))
    empty = np.flatnonzero(gaps.all(axis=0))
    if len(empty):
        raise InvalidValueError(message(where, "data of every neuron", f"none of neuron {empty[0]}", "leave it out."))
    values[gaps] = np.nan
    return values


def skipping(error: str) -> str:
    """Return the expression of an error that is 0 where `gaps_marked` samples have a gap.

    Examples
    --------
    >>> skipping("z - y")
    '(z - y)*int(y < 5e+08)'
    """
    return f"({error})*int(y < {_GAP / 2:g})"


def gaps_marked(data: np.ndarray) -> np.ndarray:
    """Return samples without NaN, to be played as y of a `skipping` error."""
    return np.where(np.isfinite(data), data, _GAP)


def three_regions(
    rng: np.random.Generator,
    *,
    n: int = 100,
    g: tuple[float, float, float] = (1.8, 1.5, 1.5),
    tau: float = 0.1,
    p_inter: float = 0.05,
    w_inter: float = 0.02,
    p_external: float = 0.5,
    external: tuple[float, float] = (1.0, -1.0),
    dt: float = 0.01,
    duration: float = 10.0,
    lead: float = 2.0,
    bump_std: float = 0.2,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Simulate three regions as Perich et al. (2020) do (doi:10.1101/2020.12.18.423348).

    A is chaotic, B is driven by a sequence, C by a fixed point that jumps to another one.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n : int
        Units per region.
    g : tuple of float
        Scale of the weights within A, B and C: normal, of deviation g/sqrt(n).
    tau, dt, duration, lead : float
        Time constant and time step; length of the record, after a lead in which the
        drive is held; seconds.
    p_inter, w_inter : float
        Part of a region's units that receive from another region, each from the unit of
        its number, and the weight.
    p_external, external : float, tuple of float
        Part of the units of B and C that are driven, and the drive's scale in each.
    bump_std : float
        Width of the activity bumps, relative to the region.

    Returns
    -------
    rates : ndarray, shape (samples, 3 n)
        Each region over its largest rate.
    regions : dict of str to ndarray
        The units of each.

    Examples
    --------
    >>> rates, regions = three_regions(np.random.default_rng(0), n=20)
    >>> rates.shape, list(regions)
    ((1200, 60), ['A', 'B', 'C'])
    """
    check_whole("three_regions.n", n, 1)
    for name, value in (("tau", tau), ("dt", dt), ("bump_std", bump_std)):
        check_positive(f"three_regions.{name}", value)
    steps = round((duration + lead) / dt)
    if round(duration / dt) < 301:  # the second fixed point is what the sequence shows at sample 300
        raise InvalidValueError(message("three_regions.duration", f"at least {301 * dt:g} s", duration))
    J = [scale / np.sqrt(n) * rng.standard_normal((n, n)) for scale in g]
    h = [rng.uniform(-1, 1, n) for _ in range(3)]
    t = np.arange(round(duration / dt) + 1) * dt
    half = -(-len(t) // 2)
    width = bump_std * n
    bump = np.exp(-((np.arange(n)[:, None] - width - n * t / (t[-1] / 2)) ** 2) / (2 * width**2))
    last = half - 100
    bump[:, last:] = bump[:, [last]]
    fixed = np.where(np.arange(len(t)) < half + 100, bump[:, [10]], bump[:, [300]])

    def drive(activity: np.ndarray) -> np.ndarray:
        current = np.log((activity + 0.01) / (1 - activity + 0.01))
        current -= current.min()
        current /= current.max()
        return np.concatenate([np.repeat(current[:, 1:2], round(lead / dt), axis=1), current], axis=1)

    def some(p: float) -> np.ndarray:
        chosen = np.zeros(n)
        chosen[rng.permutation(n)[: int(p * n)]] = 1
        return chosen

    sequence, fixed = drive(bump), drive(fixed)
    ab, ac, ba, bc, ca, cb = (w_inter * some(p_inter) for _ in range(6))
    into_b, into_c = (scale * some(p_external)[:, None] for scale in external)
    outside = (np.zeros_like(sequence), into_b * sequence, into_c * fixed)
    rates = np.empty((3, n, steps))
    for i in range(steps):
        a, b, c = rates[:, :, i] = np.tanh(h)
        inter = (ba * b + ca * c, ab * a + cb * c, bc * b + ac * a)
        h = [h[q] + dt / tau * (-h[q] + J[q] @ rates[q, :, i] + inter[q] + outside[q][:, i]) for q in range(3)]
    rates /= rates.max((1, 2), keepdims=True)
    return rates.reshape(3 * n, steps).T, {q: np.arange(k * n, (k + 1) * n) for k, q in enumerate("ABC")}


def calcium_like(
    rng: np.random.Generator,
    n: int = 120,
    samples: int = 240,
    *,
    dt: float = 0.25,
    groups: int = 8,
    rate: float = 0.05,
    private: float = 0.02,
    rise: tuple[float, float] = (1.0, 3.0),
    decay: tuple[float, float] = (2.0, 6.0),
    delay: tuple[float, float] = (0.0, 4.0),
    noise: float = 0.02,
) -> np.ndarray:
    """Draw z-scored traces of slow events that groups of cells share.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n, samples : int
        Cells, and samples of each.
    dt : float
        Seconds from sample to sample.
    groups : int
        Groups of events; each cell takes its own part in each.
    rate, private : float
        Events per second of each group, and of each cell alone.
    rise, decay, delay : tuple of float
        Range of each cell's time constants and delay, seconds. With abrupt onsets or one
        kernel for all cells, a network of their number cannot follow them.
    noise : float
        White noise, in standard deviations of a trace.

    Returns
    -------
    ndarray, shape (samples, n)

    Examples
    --------
    >>> traces = calcium_like(np.random.default_rng(0), 5, 400)
    >>> traces.shape, traces.std(axis=0).round(6)
    ((400, 5), array([1., 1., 1., 1., 1.]))
    """
    check_whole("calcium_like.n", n, 1)
    check_whole("calcium_like.samples", samples, 2)
    check_positive("calcium_like.dt", dt)
    t = np.arange(0, 8 * decay[1], dt)
    total = samples + len(t)
    loading = rng.gamma(0.5, 1.0, (groups, n))  # a few cells take a large part in each group's events
    events = rng.poisson(rate * dt, (total, groups)) @ loading + rng.poisson(private * dt, (total, n))
    traces = np.empty((samples, n))
    for cell in range(n):
        s = np.maximum(t - rng.uniform(*delay), 0)
        kernel = (1 - np.exp(-s / rng.uniform(*rise))) * np.exp(-s / rng.uniform(*decay))
        traces[:, cell] = np.convolve(events[:, cell], kernel)[len(t) : total]
    traces /= np.maximum(traces.std(axis=0), 1e-12)
    traces += noise * rng.standard_normal(traces.shape)
    return (traces - traces.mean(axis=0)) / traces.std(axis=0)
