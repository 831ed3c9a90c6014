"""P of a model: a variable of one matrix, or of many, each of which is read and written without the others."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Matrices"]

#: Bytes that TensorFlow's memory is aligned to.
_ALIGNED = 64


class Matrices:
    """A variable of one matrix, or of many, (matrices, n, n); each matrix is read and written without the others.

    Parameters
    ----------
    variable : keras.Variable
    """

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def room(self, n: int) -> np.ndarray:
        """Return an empty matrix, (n, n), that the variable can take over without a copy."""
        dtype = np.dtype(self._variable.dtype)
        memory = np.empty(n * n * dtype.itemsize + _ALIGNED, np.uint8)
        first = -memory.__array_interface__["data"][0] % _ALIGNED
        return memory[first:][: n * n * dtype.itemsize].view(dtype).reshape(n, n)

    def __getitem__(self, m: int) -> np.ndarray:
        if len(self._variable.shape) == 2:
            return np.asarray(self._variable)
        from tensorflow import raw_ops

        variable = self._variable
        return raw_ops.ResourceGather(resource=variable.value.handle, indices=m, dtype=variable.dtype).numpy()

    def __setitem__(self, m: int, matrix: np.ndarray) -> None:
        """Set a matrix; its memory may be the variable's from now on, that of :meth:`room` is."""
        if len(self._variable.shape) == 2:
            self._variable.assign(_as_tensor(matrix))
            return
        from tensorflow import raw_ops

        raw_ops.ResourceScatterUpdate(resource=self._variable.value.handle, indices=m, updates=matrix)


def _as_tensor(matrix: np.ndarray) -> Any:
    """Return a matrix as a tensor in the same memory, where TensorFlow can use that."""
    fits = matrix.flags.c_contiguous and matrix.flags.writeable and matrix.dtype.kind == "f"
    if not fits or matrix.__array_interface__["data"][0] % _ALIGNED:
        return matrix
    from tensorflow.experimental import dlpack

    return dlpack.from_dlpack(matrix.__dlpack__())
