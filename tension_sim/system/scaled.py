"""An array times a number, multiplied as it is read."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Scaled"]


class Scaled:
    """An array times a number in another type, without memory of its own; ``np.asarray`` makes it a plain array.

    Parameters
    ----------
    array : array of one dimension
    factor : float
    dtype : dtype
        Of the products.

    Attributes
    ----------
    array, factor
        As given.
    shape, ndim, size, nbytes, dtype
        Those of the plain array.

    Examples
    --------
    >>> thousandth = Scaled(np.array([1.0, 2.0, 3.0]), 1e-3, "float32")
    >>> np.asarray(thousandth), thousandth.part(1, 9).tolist() == np.float32([2e-3, 3e-3]).tolist()
    (array([0.001, 0.002, 0.003], dtype=float32), True)
    """

    def __init__(self, array: np.ndarray, factor: float, dtype: Any) -> None:
        self.array: np.ndarray = array
        self.factor: float = factor
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.shape: tuple[int, ...] = array.shape
        self.ndim: int = array.ndim
        self.size: int = array.size
        self.nbytes: int = array.size * self.dtype.itemsize

    def part(self, begin: int, stop: int) -> np.ndarray:
        """Return the products from `begin` to `stop`."""
        some = self.array[begin:stop]
        return np.multiply(some, self.factor, out=np.empty(some.shape, self.dtype), casting="same_kind")

    def __len__(self) -> int:
        return len(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a product that is made as it is read is always a copy")
        return self.part(0, self.size).astype(self.dtype if dtype is None else dtype, copy=False)
