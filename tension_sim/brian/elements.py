"""The elements of one array of a learning object, as a Brian2 group of their own.

A group of Brian2 has one length; a readout has its rows, and its weights. Views of arrays that are not as
long as their object ask this group what an index, a string or a monitor means.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable, Variables
from brian2.monitors.statemonitor import StateMonitor

from ..errors import InvalidValueError, UnsupportedError, message
from .bases import Group, Indexing, VariableView
from .standalone import is_standalone

__all__ = ["ArrayView", "ElementsView", "length_asked_for"]


class _Elements(Group):
    """A group of the elements of an array: `i` is their index; of weights, `i` and `j` are source and target.

    Parameters
    ----------
    owner : GeneratedObject
        What holds the array.
    name : str
        The variable's name in it.
    """

    add_to_magic_network = False

    def __init__(self, owner: Any, name: str) -> None:
        self._name = f"{owner.name}_{name}"
        self.codeobj_class = owner.codeobj_class
        self.namespace = owner.namespace
        self._owner = owner
        self._array = name
        self.variables = Variables(self)
        self.variables.add_reference(name, owner, index="_idx")
        self.variables.add_constant("N", owner.variables[name].size)
        self._indices = _ByPair(self)
        self._enable_group_attributes()

    def pairs(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return source and target of each element, None where they are no weights."""
        if self._array not in self._owner.pair_arrays:
            return None
        pairs = self._owner.pairs()
        if len(pairs[0]) != len(self):
            raise UnsupportedError(
                message(
                    f"{type(self._owner).__name__}.{self._array}",
                    "weights whose sources and targets are known",
                    "a Blank",
                    "they come with a run; set whole arrays, or the arguments of a run.",
                )
            )
        return pairs

    def declare_indices(self) -> None:
        """Declare what strings call i and j."""
        if "i" in self.variables:
            return
        pairs = self.pairs()
        if pairs is None:
            self.variables.add_arange("i", size=len(self))
        else:
            for index, values in zip("ij", pairs, strict=True):
                self.variables.add_array(
                    index, size=len(values), dtype=np.int32, constant=True, read_only=True, values=values
                )
        if is_standalone():  # it refers to the owner of each array as long as it lives
            self._owner.keep(self)


class _ByPair(Indexing):
    """Indices of elements; of weights also by source and target, as in ``w[source, target]``."""

    def __init__(self, elements: _Elements) -> None:
        super().__init__(elements)
        self._elements = elements  # a view outlives what it is a view of

    def __call__(self, item: Any = slice(None), index_var: Any = None) -> np.ndarray:
        if not isinstance(item, tuple):
            return super().__call__(item, index_var)
        pairs = self._elements.pairs()
        if pairs is None or len(item) != 2:
            raise InvalidValueError(
                message(
                    self._elements.name,
                    "one index" if pairs is None else "one index, or a source and a target",
                    item,
                    "w[3], w[:, 0] or w['i == 2'] are right.",
                )
            )
        chosen = [_among(numbers, wanted) for numbers, wanted in zip(pairs, item, strict=True)]
        return np.flatnonzero(chosen[0] & chosen[1]).astype(np.int32)


def _among(numbers: np.ndarray, wanted: Any) -> np.ndarray:
    """Say of each number whether an index, slice, list or mask of numbers holds it."""
    known = np.arange(numbers.max() + 1 if len(numbers) else 0)
    if not isinstance(wanted, slice):
        wanted = np.atleast_1d(np.asarray(wanted))
        if wanted.dtype != bool:
            return np.isin(numbers, wanted)
        known = np.arange(len(wanted))
    return np.isin(numbers, known[wanted])


class ArrayView(VariableView):
    """A view whose shape is the array's own: Brian2 asks for the first and last element of a subgroup."""

    @property
    def shape(self) -> tuple[int]:
        return (self.variable.size,)


class ElementsView(ArrayView):
    """A view of a whole array, whatever the length of the object that holds it."""

    def __init__(self, owner: Any, name: str, *, units: bool) -> None:
        variable = owner.variables[name]
        self._elements = _Elements(owner, name)
        super().__init__(name, variable, self._elements, dimensions=variable.dim if units else None)
        self.group_name: str = variable.owner.name  # by which run arguments name the array

    def get_with_expression(self, code: str, run_namespace: Any) -> Any:
        self._elements.declare_indices()
        return super().get_with_expression(code, run_namespace)

    def set_with_expression(self, item: Any, code: str, run_namespace: Any, check_units: bool = True) -> None:
        self._elements.declare_indices()
        super().set_with_expression(item, code, run_namespace, check_units)

    def set_with_expression_conditional(
        self, cond: str, code: str, run_namespace: Any, check_units: bool = True
    ) -> None:
        self._elements.declare_indices()
        super().set_with_expression_conditional(cond, code, run_namespace, check_units)


def length_asked_for(owner: Any) -> int | None:
    """Return how many elements a `StateMonitor` that is being made can record, None if none is being made.

    It asks the group for its length, whatever it records; so the names are read where it asks.
    """
    frame = sys._getframe(2)
    if frame.f_code is not StateMonitor.__init__.__code__:
        return None
    names = frame.f_locals["variables"]
    arrays = [owner.variables[name] for name in names if name in owner.variables]
    sizes = {array.size for array in arrays if isinstance(array, ArrayVariable) and not array.scalar}
    if len(sizes) > 1:
        raise InvalidValueError(
            message(
                f"StateMonitor of {owner.name}",
                "variables with equally many elements",
                list(names),
                "use one StateMonitor for each.",
            )
        )
    return sizes.pop() if sizes else None
