"""Base class of maps with weights: W as a matrix, and w as in Brian2's Synapses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..declare.validation import check_matrix
from ..errors import InvalidValueError, UnitsError, message
from ._base import GeneratedObject
from .dimensions import numbers_with_unit, unit_name
from .matrix import matrix

__all__ = ["WEIGHTS", "Weighted"]

WEIGHTS = "an array of shape (targets, sources)"


class Weighted(GeneratedObject):
    """A map with weights ``w``, of which `pairs` says which belongs to which source and target."""

    #: i is the source of a weight and j its target, as of Brian2's Synapses.
    pair_arrays: tuple[str, ...] = ("w",)

    #: Targets and sources.
    shape: tuple[int, int]

    def _stored_weights(self) -> np.ndarray:
        """Return w without unit."""
        return self._get("w")

    def _to_dense(self) -> np.ndarray:
        flat = self._stored_weights()
        source, target = self.pairs()
        dense = np.zeros(self.shape, dtype=flat.dtype)
        dense[target, source] = flat[: len(source)]
        return dense

    def _from_dense(self, values: np.ndarray) -> np.ndarray:
        source, target = self.pairs()
        return values[target, source]

    @property
    def W(self) -> Any:
        """The weights as a dense array, with unit; zero where there is none."""
        return matrix(self._to_dense(), self.variables["w"].dim, f"{type(self).__name__}.W", self._write_elements)

    @W.setter
    def W(self, weights: Any) -> None:
        where, dim = f"{type(self).__name__}.W", self.variables["w"].dim
        values, given = numbers_with_unit(where, weights, WEIGHTS)
        if given != dim:
            raise UnitsError(message(where, f"weights in {unit_name(dim)}", unit_name(given)))
        self._set("w", self._from_dense(check_matrix(where, values, self.shape, "targets, sources")))

    def _write_elements(self, weights: Any) -> None:
        """Set W after some of its elements were set; there must be weights among these."""
        asked = np.asarray(weights) != self._to_dense()
        if np.any(asked) and not np.any(self._from_dense(asked)):
            row, column = np.argwhere(asked)[0].tolist()
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.W",
                    "an element where a weight is",
                    f"target {row}, source {column}",
                    "the map was made without a weight there; make it with one.",
                )
            )
        self.W = weights
