"""Numbers with a unit, of Brian2 or of `quantities`, and what Brian2 calls their dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.core.names import Nameable
from brian2.units.fundamentalunits import DIMENSIONLESS, get_or_create_dimension, get_unit

from ..declare.arrays_in import numbers_and_dimension
from ..errors import InvalidTypeError, UnitsError, message

__all__ = ["check_plain", "numbers_with_unit", "unit_name"]


def numbers_with_unit(where: str, value: Any, expected: str) -> tuple[np.ndarray, Any]:
    """Return numbers in SI units as float64, and their Brian2 dimensions."""
    if isinstance(value, Nameable):  # Synapses look like a sequence, which numpy would walk through for minutes
        raise InvalidTypeError(message(where, expected, f"{value.name}, a {type(value).__name__}", "pass numbers."))
    array, dimension = numbers_and_dimension(where, value, expected)
    return array, DIMENSIONLESS if dimension is None else get_or_create_dimension(dimension)


def unit_name(dim: Any) -> str:
    """Name the unit of dimensions for a message."""
    return "1 (no unit)" if dim is DIMENSIONLESS else repr(get_unit(dim))


def check_plain(where: str, value: Any) -> None:
    """Refuse a number with a unit where there can be none."""
    dim = getattr(value, "dim", DIMENSIONLESS)
    if dim is not DIMENSIONLESS:
        raise UnitsError(message(where, "a plain number", f"{value!r}", f"leave out the unit, {unit_name(dim)}."))
