"""P of a model: a variable of one matrix, or of many, each of which is read and written without the others."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Matrices"]


class Matrices:
    """A variable of one matrix, or of many, (matrices, n, n); each matrix is read and written without the others.

    Parameters
    ----------
    variable : keras.Variable
    """

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def __getitem__(self, m: int) -> np.ndarray:
        if len(self._variable.shape) == 2:
            return np.asarray(self._variable)
        from tensorflow import raw_ops

        variable = self._variable
        return raw_ops.ResourceGather(resource=variable.value.handle, indices=m, dtype=variable.dtype).numpy()

    def __setitem__(self, m: int, matrix: np.ndarray) -> None:
        if len(self._variable.shape) == 2:
            self._variable.assign(matrix)
            return
        from tensorflow import raw_ops

        raw_ops.ResourceScatterUpdate(resource=self._variable.value.handle, indices=m, updates=matrix)
