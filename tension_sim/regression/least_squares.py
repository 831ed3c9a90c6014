"""Recursive least squares with the recorded rates in place of the network's own: passes in closed form."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidValueError, message

__all__ = ["TeacherForced"]


class TeacherForced:
    """Recursive least squares of weights on one shared P, over a recording as often as one likes.

    Where the rates are the recorded ones (teacher forcing), no error depends on an earlier update,
    and the updates k = P x, c = 1/(1 + x'k), P <- P - c k k', W <- W - c k e' of m passes end at

        inv(P) = inv(P(0)) + m X'X,    inv(P) W = inv(P(0)) W(0) + m X'Y,

    whatever their order. It is ridge regression whose penalty is inv(P(0))/m.

    Parameters
    ----------
    weights : array, shape (sources, targets)
        W(0).
    alpha_P : float
        P(0) = alpha_P I.
    where : str
        For messages.

    Attributes
    ----------
    weights : ndarray, shape (sources, targets)
    precision : ndarray, shape (sources, sources)
        inv(P).

    Examples
    --------
    >>> x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [1.0]])
    >>> rule = TeacherForced(np.zeros((2, 1)), alpha_P=1.0)
    >>> rule.learn(x, y).ravel().round(6).tolist()
    [0.5, 0.4]
    """

    def __init__(self, weights: np.ndarray, alpha_P: float, where: str = "TeacherForced") -> None:
        self.weights: np.ndarray = np.array(weights, float)
        self.precision: np.ndarray = np.eye(len(weights)) / alpha_P
        self._where = where

    def learn(self, x: np.ndarray, y: np.ndarray, passes: int = 1) -> np.ndarray:
        """Learn from samples, shape (times, sources) and (times, targets), and return the weights.

        Raises
        ------
        InvalidValueError
            If P is not positive in the arithmetic of the machine.
        """
        right = self.precision @ self.weights
        right += passes * (x.T @ y)
        self.precision += passes * (x.T @ x)
        try:
            np.linalg.cholesky(self.precision)
        except np.linalg.LinAlgError:
            raise not_determined(f"{self._where}.alpha_P", "choose a smaller alpha_P.") from None
        self.weights = np.linalg.solve(self.precision, right)
        return self.weights

    @property
    def P(self) -> np.ndarray:
        """The matrix P, shape (sources, sources)."""
        P = np.linalg.inv(self.precision)
        return (P + P.T) / 2

    def standard_errors(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the standard error of each weight, shape (sources, targets).

        With residuals of variance s_i^2 for target i, estimated with the degrees of freedom T - tr(P X'X):
        sqrt(s_i^2 (P X'X P)_jj), for one pass over `x` and `y`, those of `learn`.
        """
        P = self.P
        PG = P @ (x.T @ x)
        freedom = max(len(x) - float(np.trace(PG)), 1.0)
        variance = ((y - x @ self.weights) ** 2).sum(axis=0) / freedom
        return np.sqrt(np.maximum(np.einsum("ij,ji->i", PG, P), 0)[:, None] * variance)


def not_determined(where: str, fix: str) -> InvalidValueError:
    """Build the error for data that leave a weight open."""
    return InvalidValueError(message(where, "data that determine every weight", "a singular matrix", fix))
