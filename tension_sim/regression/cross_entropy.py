r"""The convex fit of rate networks: weighted cross-entropy, by conjugate gradients in whitened coordinates.

After CORNN (Dinc et al. 2023, doi:10.48550/arXiv.2311.10200). With the argument of tanh u = offset + gain x'w and
the response d, a target's weights w minimise

    sum over pairs of c (log(2 cosh u) - d u), + ridge |w|^2 / 2,    c = 1 / (1 - d^2 + q).

The bracket is the cross-entropy of (1 + d)/2 against (1 + tanh u)/2, up to a constant, and convex in w. Its gradient
is sum c gain (tanh u - d) x, its Hessian sum c gain^2 (1 - tanh(u)^2) x x'. The factor c makes this nearly
gain^2 X'X wherever 1 - d^2 is above q: the same matrix for all targets, so that one Cholesky factorisation serves all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .least_squares import not_determined
from .one_step import OneStep

__all__ = ["ConvexFit", "ConvexOptions", "fit_convex", "gradient_of", "loss_of", "lower_factor", "sample_weights"]

#: Numbers of a block of rows: it stays in the cache between the products. With many sources, one product of a block
#: reads and writes all weights for few rows: it has at least a part of as many rows as there are sources.
_BLOCK = 2**18
_PART = 4


@dataclass(frozen=True)
class ConvexOptions:
    """What is minimised, and how closely.

    Attributes
    ----------
    ridge : float
        Penalty on the squares of the weights.
    saturation : float
        q: where 1 - d^2 is below it, a response tells little about its input, and counts less. Large values
        (1 is close to plain cross-entropy) suit noise of the rates, small ones noise of the inputs.
    tolerance : float
        The fit ends when what is left to descend is below this part of the statistical error, for every target.
    iterations : int
        Most iterations; each takes two products of the size of the recording.
    """

    ridge: float = 1e-5
    saturation: float = 0.01
    tolerance: float = 0.2
    iterations: int = 100


@dataclass(frozen=True, eq=False)
class ConvexFit:
    """Weights, and how near they are to the optimum.

    Attributes
    ----------
    weights : ndarray, shape (sources, targets)
    iterations : int
    left : float
        The largest of all targets' whitened gradients, as a part of its statistical size.
    """

    weights: np.ndarray
    iterations: int
    left: float


def sample_weights(response: np.ndarray, saturation: float) -> np.ndarray:
    """Return the factor c of each response.

    Examples
    --------
    >>> sample_weights(np.array([0.0, 0.8, 1.0]), 0.1).round(2)
    array([ 0.91,  2.17, 10.  ])
    """
    return 1 / (1 + saturation - response * response)


def loss_of(pairs: OneStep, weights: np.ndarray, options: ConvexOptions) -> np.ndarray:
    """Return what is minimised, for each target; weights have the shape (sources, targets)."""
    u = _arguments(pairs, weights)
    loss = np.logaddexp(u, -u) - pairs.response * u
    return (sample_weights(pairs.response, options.saturation) * loss).sum(0) + options.ridge / 2 * (weights**2).sum(0)


def gradient_of(pairs: OneStep, weights: np.ndarray, options: ConvexOptions) -> np.ndarray:
    """Return the gradient of `loss_of`, shape (sources, targets)."""
    error = np.tanh(_arguments(pairs, weights)) - pairs.response
    error *= pairs.gain * sample_weights(pairs.response, options.saturation)
    return pairs.x.T @ error + options.ridge * weights


def _arguments(pairs: OneStep, weights: np.ndarray) -> np.ndarray:
    u = pairs.gain * (pairs.x @ weights)
    return u if pairs.offset is None else u + pairs.offset


def fit_convex(pairs: OneStep, options: ConvexOptions, dtype: Any = np.float32, where: str = "fit_convex") -> ConvexFit:
    """Return the weights of least loss; no start is needed, for there is one optimum.

    With the Cholesky factor L of gain^2 X'X + ridge I, each target descends along L'w by conjugate gradients
    (Polak & Ribiere 1969) with a length of its own, all targets in the same two products per iteration. The
    first direction is that of least squares on inputs that the responses bound.

    Parameters
    ----------
    pairs : OneStep
        The regression.
    options : ConvexOptions
        Penalty, weighting, and when to end.
    dtype : dtype
        Of the iterations. The factor is computed in float64, after which float32 loses nothing that counts.
    where : str
        Class and method, for messages.

    Raises
    ------
    InvalidValueError
        If the data leave a weight open and `ridge` does not decide.
    """
    inverse = inverse_of_lower(_factor(pairs, options, where))
    loss = _Whitened(pairs, inverse, options, np.dtype(dtype))
    direction, done, left = loss.start(), 0, np.inf
    gradient: np.ndarray | None = None
    while done < options.iterations:
        loss.descend(direction, gradient)
        former, (gradient, score) = gradient, loss.gradient()
        done += 1
        size = np.sqrt((gradient * gradient).sum(axis=0) / len(gradient))
        left = float(np.max(size / np.maximum(np.sqrt(score), np.finfo(dtype).eps)))
        if left <= options.tolerance:
            break
        direction = _conjugate(gradient, former, direction)
    return ConvexFit(inverse.T @ loss.weights.astype(float), done, left)


def _factor(pairs: OneStep, options: ConvexOptions, where: str) -> np.ndarray:
    return lower_factor(pairs.gain**2 * (pairs.x.T @ pairs.x), options, where)


def lower_factor(matrix: np.ndarray, options: ConvexOptions, where: str) -> np.ndarray:
    """Return the Cholesky factor of a symmetric matrix, shape (sources, sources), to which the ridge is added.

    Raises
    ------
    InvalidValueError
        If the matrix is singular even so.
    """
    matrix[np.diag_indices(len(matrix))] += options.ridge
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise not_determined(f"{where}.ridge", "choose a larger ridge.") from None


def _conjugate(gradient: np.ndarray, former: np.ndarray | None, direction: np.ndarray) -> np.ndarray:
    """Return each target's next direction: downhill, whatever the last one was."""
    if former is None:
        return -gradient
    norm = np.maximum((former * former).sum(axis=0), np.finfo(former.dtype).tiny)
    found = np.maximum((gradient * (gradient - former)).sum(axis=0) / norm, 0) * direction - gradient
    uphill = (found * gradient).sum(axis=0) >= 0
    if uphill.any():
        found[:, uphill] = -gradient[:, uphill]
    return found


class _Whitened:
    """The loss as a function of L'w, and where its descent has come to."""

    def __init__(self, pairs: OneStep, inverse: np.ndarray, options: ConvexOptions, dtype: np.dtype) -> None:
        self.drawn_in: float = 1 - min(max(options.saturation, 1e-4), 1) / 2
        self.x: np.ndarray = _whitened(pairs, inverse.astype(dtype))
        self.response: np.ndarray = pairs.response.astype(dtype)
        self.factor: np.ndarray = sample_weights(self.response, options.saturation)
        shape = self.response.shape
        self.u: np.ndarray = np.zeros(shape, dtype) if pairs.offset is None else pairs.offset.astype(dtype)
        self.du: np.ndarray = np.empty(shape, dtype)
        self.length: np.ndarray = np.ones(shape[1], dtype)
        self.weights: np.ndarray = np.zeros((len(inverse), shape[1]), dtype)
        #: The ridge as a matrix in these coordinates, and what it adds to the gradient.
        self.ridge: np.ndarray = (options.ridge * (inverse @ inverse.T)).astype(dtype)
        self.pull: np.ndarray = np.zeros_like(self.weights)

    def _blocks(self) -> Iterator[slice]:
        sources, targets = self.weights.shape
        rows = max(1, _BLOCK // targets, sources // _PART)
        for first in range(0, len(self.x), rows):
            yield slice(first, first + rows)

    def start(self) -> np.ndarray:
        """Return the direction of least squares, from responses that are drawn in by q / 2."""
        found = np.zeros_like(self.weights)
        for rows in self._blocks():
            inputs = np.arctanh(self.drawn_in * self.response[rows])
            inputs -= self.u[rows]
            found += self.x[rows].T @ inputs
        return found

    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient, shape (sources, targets), and the mean square of each target's errors."""
        total, score = self.pull.copy(), np.zeros(len(self.length), self.u.dtype)
        for rows in self._blocks():
            error = self._errors(self.u[rows].copy(), rows)
            score += np.einsum("ij,ij->j", error, error)
            total += self.x[rows].T @ error
        return total, score / len(self.x)

    def _errors(self, u: np.ndarray, rows: slice) -> np.ndarray:
        """Return c (tanh u - d) of a block, in the place of u."""
        np.tanh(u, out=u)
        u -= self.response[rows]
        u *= self.factor[rows]
        return u

    def descend(self, direction: np.ndarray, gradient: np.ndarray | None) -> None:
        """Move along a direction to about where the loss of each target is least.

        The slope here and that after the length of the last descent give the length by the secant; a quarter and four
        times the last length bound it.
        """
        bent = self.ridge @ direction
        for rows in self._blocks():
            np.matmul(self.x[rows], direction, out=self.du[rows])
        if gradient is None:
            here = self._slopes(direction, bent, np.zeros_like(self.length))
        else:
            here = np.einsum("ij,ij->j", gradient, direction)
        there = self._slopes(direction, bent, self.length)
        # a loss without curvature has no least value on the line
        steeper = np.maximum(there - here, np.finfo(here.dtype).tiny)
        self.length = np.clip(-here / steeper, 0.25, 4) * self.length
        self.weights += self.length * direction
        self.pull += self.length * bent
        for rows in self._blocks():
            self.u[rows] += self.length * self.du[rows]

    def _slopes(self, direction: np.ndarray, bent: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Return the slope of each target's loss after a length of the direction."""
        found = np.einsum("ij,ij->j", direction, self.pull + length * bent)
        for rows in self._blocks():
            u = length * self.du[rows]
            u += self.u[rows]
            found += np.einsum("ij,ij->j", self._errors(u, rows), self.du[rows])
        return found


def _whitened(pairs: OneStep, inverse: np.ndarray) -> np.ndarray:
    """Return gain x inv(L)', shape (pairs, sources), from inv(L), of which only the lower triangle is read."""
    found = np.empty(pairs.x.shape, inverse.dtype)
    n = len(inverse)
    rows, columns = max(1, 16 * _BLOCK // n), max(64, -(-n // 8))
    for first in range(0, len(found), rows):
        part = (pairs.gain * pairs.x[first : first + rows]).astype(inverse.dtype)
        for start in range(0, n, columns):
            end = start + columns
            found[first : first + rows, start:end] = part[:, :end] @ inverse[start:end, :end].T
    return found


def inverse_of_lower(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a lower triangular matrix, from the inverses of its halves.

    All products are numpy's: scipy brings a library of its own, whose threads would wait beside numpy's.

    Examples
    --------
    >>> inverse_of_lower(np.array([[2.0, 0.0], [1.0, 4.0]]))
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    """
    n = len(matrix)
    if n <= 64:
        return np.tril(np.linalg.inv(matrix))
    half = n // 2
    found = np.zeros_like(matrix)
    first = found[:half, :half] = inverse_of_lower(matrix[:half, :half])
    last = found[half:, half:] = inverse_of_lower(matrix[half:, half:])
    found[half:, :half] = -last @ (matrix[half:, :half] @ first)
    return found
