"""Simulate a recording of a random rate network whose weights are known, as the benchmark of CORNN does."""

from __future__ import annotations

import numpy as np

from ..declare.validation import check_fraction, check_positive, check_whole

__all__ = ["rate_network"]


def rate_network(
    rng: np.random.Generator,
    n: int,
    samples: int,
    *,
    g: float = 3.0,
    step: float = 0.1,
    input_noise: float = 0.01,
    rate_noise: float = 1e-4,
    trials: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate rates and return them with the weights (Dinc et al. 2023, doi:10.48550/arXiv.2311.10200).

    With a = `step`, r(0) uniform in (-1, 1) and normal numbers xi and eta,
    ``r(t + 1) = (1 - a) r(t) + a (tanh(J'r(t) + input_noise xi(t)) + rate_noise eta(t))``.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n, samples : int
        Units, and samples of each trial.
    g : float
        Scale of the weights: normal, of deviation g/sqrt(n), none from a unit to itself.
    step : float
        Time from sample to sample over the units' time constant.
    input_noise, rate_noise : float
        Deviation of the noise beside the input, and of that beside tanh.
    trials : int
        Trials of the same network, each from a state of its own.

    Returns
    -------
    rates : ndarray, shape (trials * samples, n)
        Trial after trial.
    weights : ndarray, shape (n, n)
        J from row to column.

    Examples
    --------
    >>> rates, weights = rate_network(np.random.default_rng(0), 5, 100)
    >>> rates.shape, bool(np.all(np.diag(weights) == 0))
    ((100, 5), True)
    """
    for name, value in (("n", n), ("samples", samples), ("trials", trials)):
        check_whole(f"rate_network.{name}", value, 1)
    check_positive("rate_network.g", g)
    check_fraction("rate_network.step", step)
    J = rng.standard_normal((n, n)) * (g / np.sqrt(n))
    np.fill_diagonal(J, 0)
    rates = np.empty((trials, samples, n))
    rates[:, 0] = r = rng.uniform(-1, 1, (trials, n))
    for t in range(1, samples):
        after = np.tanh(r @ J + input_noise * rng.standard_normal((trials, n)))
        after += rate_noise * rng.standard_normal((trials, n))
        rates[:, t] = r = (1 - step) * r + step * after
    return rates.reshape(-1, n), J
