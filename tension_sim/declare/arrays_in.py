"""Read every array that a user passes: masks, units and non-numbers are handled or refused here.

`numpy.asarray` drops the mask of a masked array and the unit of a quantity without a word. Every
public argument that is an array goes through `numbers` or `whole_numbers` instead.
"""

from __future__ import annotations

import decimal
import numbers as kinds
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message
from .units import DIMENSIONLESS, Dimension, describe, dimension_of_brian2, evaluate

__all__ = ["numbers", "numbers_and_dimension", "whole_numbers"]

#: numpy has types for this from 2.4 on.
_mask_of: Any = np.ma.getmaskarray

_EXACT = 2**53  # up to here, float64 holds every whole number
_DEEPEST = 32  # axes of an array
_MARKS = ("dim", "dimensionality", "unit", "units")  # attributes that tell a quantity, of whatever package
_QUANTITIES = ("m", "kg", "s", "A", "K", "mol", "cd")


class _Unusable(Exception):
    """Why a value is no array of numbers."""


def numbers(where: str, value: Any, expected: str, *, unit: str = "1", gaps: bool = False) -> np.ndarray:
    """Return what a user passed as a float64 array of its own.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    value : array-like
        Numbers, True and False (1 and 0), nested lists of them, tables of pandas, arrays of other
        libraries, or quantities of Brian2 and of `quantities`.
    expected : str
        What would have been right, for messages.
    unit : str, optional
        Unit in which plain numbers count; quantities are converted to it.
    gaps : bool, optional
        Whether values may be missing: masked, NA or None. They become NaN.

    Raises
    ------
    InvalidTypeError
        If it is no array of real numbers.
    UnitsError
        If it has a unit that does not fit.
    InvalidValueError
        If values are missing that may not be, or float64 cannot hold them.

    Examples
    --------
    >>> numbers("demo.x", np.ma.masked_equal([1, -999], -999), "numbers", gaps=True)
    array([ 1., nan])
    >>> import quantities
    >>> numbers("demo.current", [2, 3] * quantities.uV, "numbers", unit="mV")
    array([0.002, 0.003])
    """
    array, dimension = numbers_and_dimension(where, value, expected, gaps=gaps)
    if dimension is None:
        return array
    scale = evaluate(unit, where)
    if dimension != scale.dimension:
        plain = scale.dimension == DIMENSIONLESS
        what = "plain numbers" if plain else f"plain numbers, or a quantity in {unit}"
        fix = "divide it by the unit in which plain numbers count here." if plain else f"give it in {unit}."
        raise UnitsError(message(where, what, f"a quantity in {describe(dimension)}", fix))
    return array if dimension == DIMENSIONLESS else array / scale.value


def numbers_and_dimension(
    where: str, value: Any, expected: str, *, gaps: bool = False
) -> tuple[np.ndarray, Dimension | None]:
    """Return numbers as float64, of quantities in SI units, with their dimension; None where they have no unit.

    Parameters and errors are those of `numbers`.

    Examples
    --------
    >>> from brian2 import mV
    >>> numbers_and_dimension("demo.weights", [1, 2] * mV, "numbers")
    (array([0.001, 0.002]), (2.0, 1.0, -3.0, -1.0, 0.0, 0.0, 0.0))
    """
    try:
        array, missing, dimension = _read(value)
        array = _as_float(array)
    except _Unusable as reason:
        fix = str(reason) or "pass numbers."
        raise InvalidTypeError(message(where, expected, value, fix)) from None
    except OverflowError:
        what = "numbers that float64 holds, below 1e308, whole ones exactly"
        raise InvalidValueError(message(where, what, value, "divide by their scale.")) from None
    if missing is not None and missing.any():
        if not gaps:
            raise _missing(where, missing)
        array[missing] = np.nan
    return array, dimension


def whole_numbers(
    where: str, value: Any, expected: str, *, below: int | None = None, what: str = "neurons"
) -> np.ndarray:
    """Return indices as a one-dimensional array of whole numbers, from 0 to `below` - 1 where this is given.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If they are something else, or outside.

    Examples
    --------
    >>> whole_numbers("demo.neurons", (0, 2), "a list of neurons", below=3)
    array([0, 2])
    """
    try:
        array, missing, dimension = _read(value)
    except (_Unusable, OverflowError):
        array, missing, dimension = np.empty((1, 1)), None, None
    empty = array.ndim == 1 and not array.size
    if array.ndim != 1 or dimension is not None or (array.dtype.kind not in "iu" and not empty):
        raise InvalidTypeError(message(where, expected, value, "pass whole numbers in one list."))
    if missing is not None and missing.any():
        raise _missing(where, missing)
    if empty:
        return array.astype(np.int64)
    if below is not None and (int(array.min()) < 0 or int(array.max()) >= below):
        raise InvalidValueError(message(where, f"{what} from 0 to {below - 1}", value))
    return array


def _missing(where: str, missing: np.ndarray) -> InvalidValueError:
    first = tuple(int(i) for i in np.argwhere(missing)[0])
    found = f"{np.count_nonzero(missing)} masked or missing value(s), the first at index {first}"
    return InvalidValueError(message(where, "no missing values", found, "fill them in, or leave these samples out."))


def _read(value: Any, depth: int = 0) -> tuple[np.ndarray, np.ndarray | None, Dimension | None]:
    """Return array, mask (None: nothing is missing) and dimension (None: no unit) of a value."""
    if isinstance(value, list | tuple):
        return _read_list(value, depth)
    if hasattr(getattr(value, "dim", None), "get_dimension"):
        return np.asarray(value), None, dimension_of_brian2(value)
    if isinstance(value, np.ma.MaskedArray):
        return np.asarray(value.data), _mask_of(value), None
    kind = type(value)
    if hasattr(kind, "dimensionality") and hasattr(kind, "simplified"):  # of the package quantities, and of neo
        return _read_quantities(value)
    if kind not in (np.ndarray, np.memmap):
        if any(hasattr(kind, name) for name in _MARKS):
            raise _Unusable(f"{kind.__name__} has a unit of another package: pass its plain numbers.")
        if hasattr(kind, "toarray") and hasattr(kind, "nnz"):
            raise _Unusable("pass it dense: its toarray().")
    try:
        array = np.asarray(value)
    except Exception as error:  # an object of any library may say how it becomes an array
        raise _Unusable(f"it cannot be an array: {str(error)[:100]}.") from None
    if array.dtype.kind == "O":
        return _read_objects(array)
    return array, None, None


def _read_quantities(value: Any) -> tuple[np.ndarray, None, Dimension]:
    plain = value.simplified
    powers: dict[str, float] = dict.fromkeys(_QUANTITIES, 0.0)
    for unit, power in plain.dimensionality.items():
        if unit.symbol not in powers and unit.symbol != "rad":
            raise _Unusable(f"its unit {value.dimensionality} is not known here: pass plain numbers.")
        powers[unit.symbol] = float(power)
    return np.asarray(plain.magnitude), None, tuple(powers[name] for name in _QUANTITIES)


def _read_list(
    value: list[Any] | tuple[Any, ...], depth: int
) -> tuple[np.ndarray, np.ndarray | None, Dimension | None]:
    """Read the items one by one where one of them would lose its mask or unit in `numpy.asarray`."""
    if depth > _DEEPEST:
        raise _Unusable("it is nested too deep.")
    if not _holds_special(value, depth):
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise _Unusable("give all rows the same length.") from None
        return _read_objects(array) if array.dtype.kind == "O" else (array, None, None)
    parts = [_read(item, depth + 1) for item in value]
    if len({part.shape for part, *_ in parts}) != 1:
        raise _Unusable("give all rows the same length.")
    dimensions = {dimension for *_, dimension in parts}
    if len(dimensions) != 1:
        raise _Unusable("give all items the same unit.")
    masks = [np.zeros(part.shape, bool) if mask is None else mask for part, mask, _ in parts]
    return np.stack([part for part, *_ in parts]), np.stack(masks), dimensions.pop()


def _holds_special(value: Sequence[Any], depth: int) -> bool:
    """Say whether a nested list holds masked arrays, or quantities of any package."""
    for kind in set(map(type, value)):
        if issubclass(kind, np.ma.MaskedArray) or any(hasattr(kind, name) for name in _MARKS):
            return True
        if issubclass(kind, list | tuple) and depth < _DEEPEST:
            inner = (item for item in value if type(item) is kind)
            if any(_holds_special(item, depth + 1) for item in inner):
                return True
    return False


def _read_objects(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, None]:
    """Read numbers that numpy keeps as Python objects: huge ones, fractions, and None or NA among them."""
    if array.ndim == 0:
        raise _Unusable("")
    missing = np.array([item is None or type(item).__name__ == "NAType" for item in array.flat], bool)
    if missing.all() and missing.size:
        raise _Unusable("")
    values = np.zeros(array.size)
    for place, item in enumerate(array.flat):
        if missing[place]:
            continue
        if not isinstance(item, kinds.Real | decimal.Decimal | np.bool_):
            raise _Unusable("")
        values[place] = float(item)
        if isinstance(item, kinds.Integral) and int(values[place]) != int(item):
            raise OverflowError
    return values.reshape(array.shape), missing.reshape(array.shape), None


def _as_float(array: np.ndarray) -> np.ndarray:
    """Return real numbers as float64, a copy; whole ones that this would round are refused."""
    kind = array.dtype.kind
    if kind not in "iufb":
        raise _Unusable("")
    if kind in "iu" and array.dtype.itemsize == 8 and array.size:
        ends: Iterable[Any] = (array.min(), array.max())
        if any(abs(int(end)) > _EXACT for end in ends) and np.any(array.astype(float).astype(object) != array):
            raise OverflowError
    with np.errstate(over="ignore"):
        found = array.astype(np.float64)
    if kind == "f" and array.dtype.itemsize > 8 and np.any(np.isinf(found) != np.isinf(array)):
        raise OverflowError
    return found
