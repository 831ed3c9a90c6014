"""W and P as matrices that can be written into, whatever form they are stored in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

from ..errors import InvalidValueError, message

__all__ = ["Matrices", "matrix"]

#: What replaces the whole matrix by one with other elements.
Write = Callable[[np.ndarray], None]


if TYPE_CHECKING:
    _Array = np.ndarray  # a mixin of arrays, with and without unit
else:
    _Array = object


class _Written(_Array):
    """Mixin of arrays that write an element back to where the matrix is stored; nothing else can change it.

    To numpy's own functions the array is read-only; they return plain arrays.
    """

    _where: str = ""
    _write: Write | None = None

    def __setitem__(self, item: Any, value: Any) -> None:
        if self.flags.writeable:  # made from a matrix by arithmetic
            super().__setitem__(item, value)
            return
        if self._write is None:
            raise InvalidValueError(
                message(
                    self._where or "W or P",
                    "one index for row and column",
                    item,
                    "this is a part of a matrix: write W[row, column] = ..., or W[row] = ...",
                )
            )
        changed = self.copy()
        changed[item] = value
        self._write(changed)
        self.setflags(write=True)
        super().__setitem__(item, value)
        self.setflags(write=False)

    def _new(self, *_: Any) -> Any:
        return NotImplemented  # W += 1 is W = W + 1

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = __ifloordiv__ = __imod__ = _new  # pyright: ignore


class _Plain(_Written, np.ndarray):
    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar or not plain.ndim else plain


class _WithUnit(_Written, Quantity):
    pass


def matrix(values: np.ndarray, dim: Any, where: str, write: Write) -> np.ndarray:
    """Return a matrix whose elements can be set.

    Parameters
    ----------
    values : ndarray
        The matrix, in SI units; it is not copied.
    dim : Dimension
        Its unit.
    where : str
        Its name, for messages.
    write : callable
        Called with the whole matrix once an element has another value.

    Examples
    --------
    >>> stored = []
    >>> W = matrix(np.zeros((1, 2)), DIMENSIONLESS, "W", stored.append)
    >>> W[0, 1] = 3
    >>> stored
    [array([[0., 3.]])]
    """
    found: _Plain | _WithUnit = values.view(type=_Plain)
    if dim is not DIMENSIONLESS:
        quantity = Quantity(values, dim=dim).view(_WithUnit)
        quantity.dim = dim
        found = quantity
    found._where, found._write = where, write
    found.setflags(write=False)
    return found


class Matrices(list[np.ndarray]):
    """A list of matrices, each of which can be replaced: ``rls.P[1] = ...``."""

    def __init__(self, matrices: list[np.ndarray], write: Callable[[list[np.ndarray]], None]) -> None:
        super().__init__(matrices)
        self._write_all = write

    def __setitem__(self, item: Any, value: Any) -> None:
        changed = list(self)
        changed[item] = value
        self._write_all(changed)
        super().__setitem__(item, value)
