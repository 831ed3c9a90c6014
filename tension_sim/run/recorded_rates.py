"""Recorded activity as the rates that units can have: scaled, clipped, and what of it no unit can follow."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..declare.validation import check_whole
from ..errors import InvalidTypeError, InvalidValueError, message
from ..regression.one_step import OneStep
from ..regression.weights import Fitting, WeightFit
from ..tasks.surrogate import check_recording

__all__ = ["check_rates", "check_resets", "check_time_constant", "warn_of_regression"]

_log = logging.getLogger("tension_sim")

#: Below it, clipping is not worth a word.
_BEYOND = 1.1

#: From this part of the data on, too steep changes are more than noise.
_FEW = 0.01


def check_rates(where: str, data: Any, nan: str, normalize: bool, limit: float, name: str) -> np.ndarray:
    """Return a recording as rates within +-limit; the log says how many values were clipped, and what never varies.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    data, nan
        See `tension_sim.tasks.surrogate.check_recording`.
    normalize : bool
        Whether they are divided by their maximum.
    limit : float
        The largest rate of a unit, at most 1.
    name : str
        The network's, for notices.

    Raises
    ------
    InvalidValueError, InvalidTypeError

    Examples
    --------
    >>> check_rates("demo.data", [[1.0, 0.0], [4.0, 1.0]], "refuse", True, 0.999, "demo").tolist()
    [[0.25, 0.0], [0.999, 0.25]]
    """
    values = check_recording(where, data, nan)
    if normalize:
        largest = np.nanmax(values)
        if not largest > 0:
            raise InvalidValueError(message(where, "a maximum above 0, to divide by", float(largest)))
        values = values / largest
    if not np.nanvar(values) > 0:
        raise InvalidValueError(message(where, "data that vary", "the same value everywhere"))
    if np.nanmax(np.abs(values)) > _BEYOND:
        part = 100 * np.count_nonzero(np.abs(values) > 1) / np.count_nonzero(np.isfinite(values))
        what = (
            "%s: %.2g %% of the data lie beyond -1 or 1, where no rate can be, and are clipped to +-%g: scale the data."
        )
        _log.warning(what, name, part, limit)
    still = np.flatnonzero(np.nanmax(values, axis=0) == np.nanmin(values, axis=0))
    if len(still):
        shown = ", ".join(map(str, still[:5])) + (", ..." if len(still) > 5 else "")
        what = "%s: neurons that never vary: %d of %d (%s). Nothing can be learned about their weights: leave them out."
        _log.warning(what, name, len(still), values.shape[1], shown)
    return np.clip(values, -limit, limit)


def check_resets(where: str, points: Any, samples: int) -> list[int]:
    """Return the samples at which trials begin, in their order, without the first.

    Raises
    ------
    InvalidValueError, InvalidTypeError
    """
    if not isinstance(points, Iterable):
        raise InvalidTypeError(message(where, "a list of samples", points, "write it as in [0, 100]."))
    found = sorted({check_whole(where, point, 0) for point in points} - {0})
    if found and found[-1] >= samples:
        raise InvalidValueError(message(where, f"samples from 0 to {samples - 1}", found[-1]))
    return found


def check_time_constant(where: str, tau: float, dt_data: float, dt_factor: int) -> None:
    """Refuse a time constant below an integration step, with the number of steps that would do.

    Raises
    ------
    InvalidValueError
    """
    dt = dt_data / dt_factor
    if dt > tau * (1 + 1e-9):
        steps = int(np.ceil(dt_data / tau * (1 - 1e-9)))
        fix = f"choose dt_factor={steps} or more, or a longer time constant."
        what = f"a time of at least one integration step, dt_data/dt_factor = {dt:g} s"
        raise InvalidValueError(message(where, what, tau, fix))


def warn_of_regression(pairs: OneStep, fit: WeightFit, fitting: Fitting, name: str) -> None:
    """Say in the log where the time constant is too long for the data, and where a convex fit was not finished."""
    if pairs.steep > _FEW:
        what = "%s: %.2g %% of the data change faster than units of this time constant can. Choose a shorter tau."
        _log.warning(what, name, 100 * pairs.steep)
    if fit.left > fitting.convex.tolerance:
        what = "%s: the fit stopped after %d iterations, %.2g left above a tolerance of %g. Raise iterations or ridge."
        _log.warning(what, name, fit.iterations, fit.left, fitting.convex.tolerance)
