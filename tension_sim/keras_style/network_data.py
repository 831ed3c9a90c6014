"""Input and target of a declared network: arrays, or dictionaries of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, message, problem, unknown_name
from .checks import check_count
from .data import series
from .sources import is_source

__all__ = ["columns_of", "input_rows"]


def columns_of(where: str, values: Any, widths: Mapping[str, int], kind: str) -> Any:
    """Return the columns of all names beside one another; an array stays as it is.

    Parameters
    ----------
    where : str
        Name for the message.
    values : array, or mapping of str to array
        One for each name, all of the same leading axes.
    widths : mapping of str to int
        Columns of each name, in the order of the network.
    kind : str
        What the names are of, such as ``"output"``.

    Examples
    --------
    >>> columns_of("fit.y", {"b": np.ones((3, 2)), "a": np.zeros((3, 1))}, {"a": 1, "b": 2}, "output")[0]
    array([0., 1., 1.])
    """
    if not isinstance(values, Mapping):
        return values
    for name in values:
        if name not in widths:
            raise unknown_name(where, kind, name, widths)
    missing = [name for name in widths if name not in values]
    if missing:
        what = f"an array for each {kind} ({', '.join(widths)})"
        raise InvalidValueError(message(where, what, sorted(values), f"add {missing[0]!r}."))
    parts: list[np.ndarray] = []
    first: tuple[int, ...] = ()
    for name, width in widths.items():
        rows, form = series(f"{where}[{name!r}]", values[name])
        if rows.shape[1] != width:
            raise InvalidValueError(
                message(f"{where}[{name!r}]", f"{width} value(s) at each time step", rows.shape, "check the last axis.")
            )
        if parts and form != first:
            what = f"as many trials and time steps as the others have, {first}"
            raise InvalidValueError(message(f"{where}[{name!r}]", what, form))
        parts.append(rows)
        first = form
    joined = np.concatenate(parts, axis=1)
    return joined.reshape(*first, joined.shape[1])


def input_rows(where: str, x: Any, y: Any, steps: Any) -> tuple[Any, Any]:
    """Return a column of zeros in place of the input of a network that has none, and the steps that are left to count.

    Parameters
    ----------
    x : None, source of data, or array without columns, shape (timesteps, 0) or (trials, timesteps, 0)
    y : array or None
        Target, which says how many time steps there are.
    steps : int or None
        Time steps, where neither says so.
    """
    if is_source(x):
        fix = "give y as an array, and x=None."
        raise InvalidTypeError(problem(f"{where}.x", "the network has no inputs", type(x).__name__, fix))
    if x is not None:
        form = np.shape(x)
        if len(form) < 2 or form[-1] != 0:
            raise InvalidValueError(
                problem(f"{where}.x", "the network has no inputs", form or type(x).__name__, "pass x=None.")
            )
        return np.zeros((*form[:-1], 1)), steps
    if y is not None or not where.endswith("predict"):
        return np.zeros((*series(f"{where}.y", y)[1], 1)), steps
    if steps is None:
        what = "the number of time steps, for the network has no inputs"
        raise InvalidValueError(message(f"{where}.steps", what, None, "predict(steps=1000)."))
    return np.zeros((check_count(f"{where}.steps", steps, what="a whole number of time steps"), 1)), None
