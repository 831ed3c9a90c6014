"""y = W x from one group's variable to another's: readout, feedback, input, rate recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidValueError, UnitsError, message
from ..validation import check_matrix
from ._base import GeneratedObject, default_float, dimensions_of, resolve_source, unit_name

__all__ = ["LinearMap"]

_WEIGHTS = "an array of shape (targets, sources)"


class LinearMap(GeneratedObject):
    """Write ``W x`` into a variable at each time step.

    Parameters
    ----------
    source : Group
        The group that holds x.
    variable : str
        Name of x, a state variable of `source`.
    weights : array-like, shape (targets, sources), or LinearMap
        W, with the unit that turns x into the target variable. Entries where `mask` is
        False are ignored. Another map shares its W and mask: the same weights at another
        place in the time step, or from another variable.
    target : Group, optional
        The group written to. Without it the map holds its result itself, as ``z``.
    target_variable : str, optional
        Name of the variable written to; belongs to `target`.
    mask : array-like of bool, shape (targets, sources), optional
        True where a weight exists. Only these are stored, and only these are learned.
    clock : Clock, optional
        The clock; the source's by default.
    when, order : str, int, optional
        Place within the time step: by default the end, as the published programs do, and
        after the source where that is a map itself.
    name : str, optional
        Name of the Brian2 object.

    Attributes
    ----------
    z : VariableView, shape (targets,)
        The result, where no target group is given.
    W : array, shape (targets, sources)
        The weights, with unit; zero where there is none.

    Raises
    ------
    InvalidValueError
        If the shape of `weights` or `mask` does not fit, or a weight is not finite.
    UnitsError
        If weights times x has not the unit of the target variable.

    Examples
    --------
    >>> import numpy as np
    >>> from brian2 import Network, NeuronGroup, defaultclock
    >>> from tension_sim.brian import LinearMap
    >>> neurons = NeuronGroup(3, "r : 1")
    >>> neurons.r = [1, 2, 3]
    >>> readout = LinearMap(neurons, "r", weights=np.ones((1, 3)))
    >>> Network(neurons, readout).run(defaultclock.dt)
    >>> readout.z[:]
    array([6.])
    """

    def __init__(
        self,
        source: Any,
        variable: str,
        *,
        weights: Any,
        target: Any = None,
        target_variable: str | None = None,
        mask: Any = None,
        clock: Any = None,
        when: str = "end",
        order: int | None = None,
        name: str = "linearmap*",
    ) -> None:
        x, x_start, n_sources = resolve_source("LinearMap.source", source, variable)
        owner = weights if isinstance(weights, LinearMap) else None
        if owner is not None:
            if mask is not None:
                raise InvalidValueError(
                    message("LinearMap.mask", "no mask beside shared weights", mask, "they bring their own.")
                )
            weights, mask = owner._with_unit(np.zeros(owner.shape), "w"), owner._mask
        if (target is None) != (target_variable is None):
            raise InvalidValueError(
                message(
                    "LinearMap.target_variable",
                    "target and target_variable together, or neither",
                    target_variable,
                    "name the variable of the target group that W x is written to.",
                )
            )
        given = dimensions_of("LinearMap.weights", weights, _WEIGHTS)
        if target is None:
            n_targets = max(np.shape(weights)[0], 1) if np.ndim(weights) else 1
            dim = given * x.dim
        else:
            y, y_start, n_targets = resolve_source("LinearMap.target", target, target_variable)
            dim = y.dim
            if y.read_only or y.constant or np.dtype(y.dtype).kind != "f":
                raise InvalidValueError(
                    message(
                        "LinearMap.target_variable", "a floating-point variable that can be written", target_variable
                    )
                )
            if y is x and y_start < x_start + n_sources and x_start < y_start + n_targets:
                raise InvalidValueError(
                    message("LinearMap.target_variable", "another variable than the one that is read", target_variable)
                )
        wanted = dim / x.dim
        if given != wanted:
            raise UnitsError(
                message(
                    "LinearMap.weights",
                    f"weights in {unit_name(wanted)}, so that W {variable} is a {target_variable} in {unit_name(dim)}",
                    unit_name(given),
                    "multiply the weights with that unit.",
                )
            )
        shape = (n_targets, n_sources)
        values = check_matrix("LinearMap.weights", weights, shape, "targets, sources")
        if mask is not None:
            mask = check_matrix("LinearMap.mask", mask, shape, "targets, sources") != 0

        if order is None:
            order = source.order + 1 if isinstance(source, LinearMap) and source.when == when else 0
        super().__init__(
            "tsim_linear_map",
            clock=clock if clock is not None else source.clock,
            when=when,
            order=order,
            name=name,
            template_kwds={"masked": mask is not None},
            needed_variables=["partner", "row_start"] if mask is not None else [],
        )
        self.add_dependency(source)
        self.shape = shape
        self._mask = mask
        variables = self.variables
        variables.add_constant("N", n_targets)
        variables.add_constant("n_sources", n_sources)
        variables.add_arange("i", size=n_targets)
        variables.add_reference("x", source, variable)
        variables.add_constant("x_start", x_start)
        if target is None:
            variables.add_array("z", size=n_targets, dimensions=dim, dtype=default_float())
            variables.add_reference("y", self, "z")
            variables.add_constant("y_start", 0)
        else:
            self.add_dependency(target)
            variables.add_reference("y", target, target_variable)
            variables.add_constant("y_start", y_start)
        if owner is None:
            self._declare_weights(values, mask, wanted)
        else:
            for name in ("w", "row_start", *(("partner",) if mask is not None else ())):
                variables.add_reference(name, owner, name)
            self.add_dependency(owner)
        #: What `RLS` reads as the output of this map: group and variable name.
        self.output = (self, "z") if target is None else (target, target_variable)
        self._enable_group_attributes()
        if owner is None:
            self._store(values)

    def _declare_weights(self, values: np.ndarray, mask: np.ndarray | None, dim: Any) -> None:
        variables = self.variables
        n_weights = values.size if mask is None else int(mask.sum())
        variables.add_arange("_weight_index", size=n_weights)
        variables.add_array("w", size=n_weights, dimensions=dim, dtype=default_float(), index="_weight_index")
        row_start = np.arange(self.shape[0] + 1) * self.shape[1]
        if mask is not None:
            row_start = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
            variables.add_array(
                "partner", size=n_weights, dtype=np.int32, constant=True, read_only=True,
                values=np.nonzero(mask)[1], index="_weight_index",
            )  # fmt: skip
        variables.add_array(
            "row_start", size=self.shape[0] + 1, dtype=np.int64, constant=True, read_only=True,
            values=row_start, index="_weight_index",
        )  # fmt: skip

    def __len__(self) -> int:
        return self.shape[0]

    def _store(self, values: np.ndarray) -> None:
        self._set("w", values.ravel() if self._mask is None else values[self._mask])

    @property
    def partners(self) -> list[np.ndarray]:
        """Indices of the sources of each row."""
        if self._mask is None:
            return [np.arange(self.shape[1])] * self.shape[0]
        return [np.flatnonzero(row) for row in self._mask]

    @property
    def W(self) -> Any:
        flat = self._get("w")
        if self._mask is None:
            dense = flat.reshape(self.shape).copy()
        else:
            dense = np.zeros(self.shape, dtype=flat.dtype)
            dense[self._mask] = flat
        return self._with_unit(dense, "w")

    @W.setter
    def W(self, weights: Any) -> None:
        dim = self.variables["w"].dim
        given = dimensions_of("LinearMap.W", weights, _WEIGHTS)
        if given != dim:
            raise UnitsError(message("LinearMap.W", f"weights in {unit_name(dim)}", unit_name(given)))
        self._store(check_matrix("LinearMap.W", weights, self.shape, "targets, sources"))
