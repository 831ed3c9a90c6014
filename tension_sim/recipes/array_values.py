"""Values of a recipe that may be arrays: a number, an expression, a list of numbers, or a file that holds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..declare.kernels import SparseKernel
from ..errors import InvalidTypeError, InvalidValueError, message
from ..system.data_files import load_arrays, load_table
from ..tasks.registry import Setting

__all__ = ["ARRAY_FILES", "array_value", "groups_value", "loaded", "names_file"]

#: Endings of files that hold numbers.
ARRAY_FILES = (".npy", ".npz", ".csv", ".txt")

#: Lists in lists: a matrix.
_DEEPEST = 2

_EXPECTED = 'a number, an expression such as "10*ms", a list of numbers, or the name of a .npy, .npz, .csv or .txt file'


def names_file(value: Any) -> bool:
    """Say whether a value is the name of a file that holds numbers.

    Examples
    --------
    >>> names_file("tau.npy"), names_file("20*ms")
    (True, False)
    """
    return isinstance(value, str) and value.lower().endswith(ARRAY_FILES)


def array_value(unit: str = "") -> Callable[[str, Any], Any]:
    """Return a check of a value that may be an array; with `unit`, its numbers become those in SI units.

    Examples
    --------
    >>> array_value()("demo", "[1, 2]"), array_value("second")("demo", ["1*ms", "2*ms"])
    ([1, 2], [0.001, 0.002])
    """

    def check(where: str, value: Any, depth: int = 0) -> Any:
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = _listed(where, value)
        if isinstance(value, list) and depth < _DEEPEST:
            return [check(where, each, depth + 1) for each in value]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidTypeError(message(where, _EXPECTED, value))
        if isinstance(value, int) and abs(value) >= 2**63:  # Python writes no whole number of thousands of digits
            raise InvalidValueError(message(where, "a whole number below 2**63", value))
        if unit and not names_file(value):
            return Setting("value", unit).parse(value, where, plain_is_si=False)
        return value

    return check


def _listed(where: str, text: str) -> Any:
    """Read a list in brackets, as ``--set`` gives it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidValueError(message(where, "a list of numbers, as in [1, 2]", text)) from None


def groups_value(where: str, value: Any) -> Any:
    """Return groups of names: lists in a list, or as ``--set`` gives them, "one, other; third, fourth".

    Examples
    --------
    >>> groups_value("demo", "out, recurrent")
    (('out', 'recurrent'),)
    """
    if isinstance(value, str):
        groups = (group.split(",") for group in value.split(";") if group.strip())
        return tuple(tuple(name.strip() for name in group) for group in groups)
    return (
        tuple(tuple(each) if isinstance(each, list) else each for each in value) if isinstance(value, list) else value
    )


def loaded(where: str, value: Any) -> Any:
    """Return what a value stands for: lists as arrays, a file as the array, matrix or kernel that it holds.

    A ``.npz`` file holds one array; or `pre`, `post` and `weight` of synapses, with the ``shape`` (pre, post)
    of the matrix; or what `scipy.sparse.save_npz` writes.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If the file cannot be read, or holds something else.
    """
    if isinstance(value, list):
        return _array(where, value)
    if not names_file(value):
        return value
    if Path(value).suffix.lower() in (".csv", ".txt"):
        table = load_table(where, value)
        return table[:, 0] if table.shape[1] == 1 else table
    arrays = load_arrays(where, value)
    if {"pre", "post", "weight", "shape"} <= {*arrays}:
        rows, columns = (int(each) for each in arrays["shape"])
        return SparseKernel(rows, arrays["pre"], arrays["post"], arrays["weight"], columns)
    if "format" in arrays:
        return _matrix(where, value)
    if len(arrays) != 1:
        what = "one array, or the pre, post, weight and shape of synapses"
        raise InvalidValueError(message(where, what, f"{value} with {', '.join(arrays) or 'nothing'}"))
    return next(iter(arrays.values()))


def _array(where: str, value: list[Any]) -> Any:
    """Return a list as an array; one of texts as it is."""
    if any(isinstance(each, str) for each in value):
        raise InvalidTypeError(message(where, "plain numbers in a list", value, "write one expression for all."))
    try:
        return np.asarray(value)
    except ValueError:
        raise InvalidValueError(message(where, "rows of one length", value)) from None


def _matrix(where: str, file: str) -> Any:
    """Load a matrix of scipy.sparse, whose arrays were read before."""
    import scipy.sparse

    try:
        return scipy.sparse.load_npz(file)
    except Exception as error:
        what = "a matrix that scipy.sparse.save_npz wrote"
        raise InvalidValueError(message(where, what, f"{file} ({str(error)[:100]})")) from None
