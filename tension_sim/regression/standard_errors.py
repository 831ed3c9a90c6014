r"""The standard error of each weight of a convex fit, from the curvature and the scatter of its own loss.

For one target, with the argument u_t, the factor c_t and the error e_t = tanh(u_t) - d_t of pair t,

    H = sum gain^2 c_t (1 - tanh(u_t)^2) x_t x_t' + ridge I,    V = sum gain^2 c_t^2 e_t^2 x_t x_t',

and the covariance of the weights is inv(H) V inv(H) (Huber 1967, White 1982: the sandwich estimator). The noise
of each step is new, so that the terms of the gradient are not correlated: V needs no lagged terms, although the rates
are correlated in time. It says how the weights of this loss would scatter over recordings of the same network; a bias
by `ridge`, by noise of the recording itself, or by neurons that were not recorded is not part of it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from .cross_entropy import ConvexOptions, sample_weights
from .one_step import OneStep

__all__ = ["standard_errors"]


def standard_errors(pairs: OneStep, weights: np.ndarray, options: ConvexOptions) -> np.ndarray:
    """Return the standard error of each weight, shape (sources, targets).

    Takes two products of shape (sources, pairs) x (pairs, sources) for each target.

    Parameters
    ----------
    pairs : OneStep
        What was fitted.
    weights : array, shape (sources, targets)
        The fit.
    options : ConvexOptions
        Those of the fit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 1))
    >>> pairs = OneStep(x, np.tanh(0.1 * rng.normal(size=(1000, 1))), None, 1.0)
    >>> round(float(standard_errors(pairs, np.zeros((1, 1)), ConvexOptions())[0, 0] * 1000**0.5), 1)
    0.1
    """
    n, targets = weights.shape
    found = np.empty((n, targets))
    for target in range(targets):
        u = pairs.gain * (pairs.x @ weights[:, target])
        if pairs.offset is not None:
            u += pairs.offset[:, target]
        tanh, d = np.tanh(u), pairs.response[:, target]
        c = pairs.gain * sample_weights(d, options.saturation)
        curved = pairs.x * np.sqrt(pairs.gain * c * (1 - tanh * tanh))[:, None]
        scatter = pairs.x * (c * (tanh - d))[:, None]
        H = curved.T @ curved
        H[np.diag_indices(n)] += options.ridge
        spread = cho_solve(cho_factor(H, lower=True, check_finite=False), scatter.T @ scatter, check_finite=False)
        covariance = cho_solve(cho_factor(H, lower=True, check_finite=False), spread.T, check_finite=False)
        found[:, target] = np.sqrt(np.maximum(np.diag(covariance), 0))
    return found
