"""Fit the weights of a network target by target: targets with the same learned sources share one factorisation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cross_entropy import ConvexOptions, fit_convex
from .least_squares import TeacherForced
from .one_step import OneStep
from .standard_errors import standard_errors

__all__ = ["LARGEST", "METHODS", "Fitting", "WeightFit", "fit_weights"]

#: ``"teacher_forced"``: recursive least squares on inputs; ``"convex"``: weighted cross-entropy of rates.
METHODS = ("teacher_forced", "convex")

#: Rates beyond it are clipped where their inputs are needed: that of 1 is infinite.
LARGEST = 0.999


@dataclass(frozen=True, eq=False)
class WeightFit:
    """Weights fitted by regression.

    Attributes
    ----------
    method : str
        ``"teacher_forced"`` or ``"convex"``.
    weights : ndarray, shape (sources, targets)
        All weights, those that were not fitted among them.
    standard_errors : ndarray, shape (sources, targets), or None
        Of each weight; NaN where it was not fitted, infinite where its source is silent in all pairs.
    pairs : int
        Pairs of neighbouring samples that were used.
    iterations : int
        Passes of recursive least squares, or iterations of the convex fit (the most of any group of targets).
    left : float
        What was left to descend, as a part of the statistical error; 0 for a closed form.
    seconds : float
        Time that the fit took.
    P : list of ndarray
        Recursive least squares: the matrix P of each group of targets with the same sources, in the order
        in which the targets come.
    """

    method: str
    weights: np.ndarray
    standard_errors: np.ndarray | None
    pairs: int
    iterations: int
    left: float
    seconds: float
    P: list[np.ndarray] = field(default_factory=list, repr=False)


@dataclass(frozen=True, eq=False)
class Fitting:
    """How weights are fitted.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    passes : int
        Passes of recursive least squares.
    alpha_P : float
        P(0) = alpha_P I, of recursive least squares.
    convex : ConvexOptions
        Of the convex fit.
    standard_errors : bool
        Whether these are computed too.
    dtype : dtype
        Of the iterations of the convex fit.
    where : str
        Class and method, for messages.
    """

    method: str
    passes: int = 1
    alpha_P: float = 1.0
    convex: ConvexOptions = field(default_factory=ConvexOptions)
    standard_errors: bool = False
    dtype: Any = np.float32
    where: str = "fit_weights"


def fit_weights(pairs: OneStep, weights: np.ndarray, learns: np.ndarray, fitting: Fitting) -> WeightFit:
    """Fit some of the weights of a network to pairs of samples.

    Parameters
    ----------
    pairs : OneStep
        Of all sources and targets.
    weights : array, shape (sources, targets)
        What the weights are now. Those that are not fitted stay; recursive least squares starts from them.
    learns : array of bool, shape (sources, targets)
        Which weights are fitted.
    fitting : Fitting
        How.

    Examples
    --------
    >>> from tension_sim.regression.dynamics import Dynamics
    >>> J = np.array([[0.0, 2.0], [-2.0, 0.0]])
    >>> rates = [np.array([0.5, -0.3])]
    >>> for _ in range(50):
    ...     rates.append(0.9 * rates[-1] + 0.1 * np.tanh(rates[-1] @ J))
    >>> pairs = OneStep.of(np.array(rates), Dynamics.of("rate", 0.1, 1))
    >>> fit_weights(pairs, np.zeros((2, 2)), np.ones((2, 2), bool), Fitting("convex")).weights[[0, 1], [1, 0]].round(2)
    array([ 2., -2.])
    """
    begin = time.perf_counter()
    found = weights.copy()
    errors = np.full(weights.shape, np.nan) if fitting.standard_errors else None
    P: list[np.ndarray] = []
    iterations, left = 0, 0.0
    for sources, targets in groups(learns):
        fixed = weights[:, targets].copy()
        fixed[sources] = 0
        part = pairs.of_targets(targets).with_fixed(fixed).of_sources(sources)
        block = np.ix_(sources, targets)
        if fitting.method == "convex":
            fit = fit_convex(part, fitting.convex, fitting.dtype, fitting.where)
            found[block], iterations, left = fit.weights, max(iterations, fit.iterations), max(left, fit.left)
            if errors is not None:
                errors[block] = standard_errors(part, fit.weights, fitting.convex, fitting.where)
        else:
            rule = TeacherForced(weights[block], fitting.alpha_P, fitting.where)
            inputs = part.inputs(LARGEST)
            found[block], iterations = rule.learn(part.x, inputs, fitting.passes), fitting.passes
            P.append(rule.P)
            if errors is not None:
                errors[block] = rule.standard_errors(part.x, inputs)
        if errors is not None:
            errors[np.ix_(sources[~part.x.any(axis=0)], targets)] = np.inf
    return WeightFit(fitting.method, found, errors, len(pairs), iterations, left, time.perf_counter() - begin, P)


def groups(learns: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the sources, and the targets which learn from just these; targets without any are left out.

    Examples
    --------
    >>> [(s.tolist(), t.tolist()) for s, t in groups(np.array([[True, True, False], [True, True, False]]))]
    [([0, 1], [0, 1])]
    """
    number: dict[bytes, list[int]] = {}
    for target, column in enumerate(np.ascontiguousarray(learns.T)):
        if column.any():
            number.setdefault(column.tobytes(), []).append(target)
    for targets in number.values():
        yield np.flatnonzero(learns[:, targets[0]]), np.array(targets)
