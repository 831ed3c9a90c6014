r"""The standard error of each weight of a convex fit, from the curvature and the scatter of its own loss.

For one target, with the argument u_t, the factor c_t and the error e_t = tanh(u_t) - d_t of pair t,

    H = sum a_t a_t' + ridge I,    a_t = gain sqrt(c_t (1 - tanh(u_t)^2)) x_t,
    V = sum (gain c_t e_t / (1 - h_t))^2 x_t x_t',    h_t = a_t' inv(H) a_t,

and the covariance of the weights is inv(H) V inv(H) (Huber 1967, White 1982: the sandwich estimator). A fit follows
its own data, the more so the fewer there are: e_t / (1 - h_t) is about the error where pair t was left out (MacKinnon &
White 1985, HC3). The noise of each step is new, so that the terms of the gradient are not correlated: V needs no lagged
terms, although the rates are correlated in time. It says how the weights of this loss would scatter over recordings of
the same network; a bias by `ridge`, by noise of the recording itself, or by neurons that were not recorded is not part
of it.
"""

from __future__ import annotations

import numpy as np

from .cross_entropy import ConvexOptions, inverse_of_lower, lower_factor, sample_weights
from .one_step import OneStep

__all__ = ["standard_errors"]

#: What is left of 1 - h counts as this, at least.
_SMALLEST = 1e-6


def standard_errors(
    pairs: OneStep, weights: np.ndarray, options: ConvexOptions, where: str = "standard_errors"
) -> np.ndarray:
    """Return the standard error of each weight, shape (sources, targets).

    Takes three products of shape (sources, pairs) x (pairs, sources) for each target.

    Parameters
    ----------
    pairs : OneStep
        What was fitted.
    weights : array, shape (sources, targets)
        The fit.
    options : ConvexOptions
        Those of the fit.
    where : str
        Class and method, for messages.

    Raises
    ------
    InvalidValueError
        If all responses to a source are saturated, and `ridge` does not decide.

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
        inverse = inverse_of_lower(lower_factor(curved.T @ curved, options, where))
        whitened = curved @ inverse.T
        own = np.einsum("ij,ij->i", whitened, whitened)
        # a pair that alone decides on a weight fits exactly: its 1 - h is 0
        scatter = pairs.x * (c * (tanh - d) / np.maximum(1 - own, _SMALLEST))[:, None]
        inverse = inverse.T @ inverse
        covariance = np.einsum("ij,ij->i", inverse @ (scatter.T @ scatter), inverse)
        found[:, target] = np.sqrt(np.maximum(covariance, 0))
    return found
