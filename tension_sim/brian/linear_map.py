"""y = W x from one group's variable to another's: readout, feedback, input, rate recurrence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2.units.fundamentalunits import DIMENSIONLESS

from ..declare.kernels import SparseKernel
from ..declare.validation import check_matrix, check_whole
from ..errors import InvalidValueError, UnitsError, message, problem
from ._base import default_float, resolve_source
from .dimensions import numbers_with_unit, unit_name
from .neighbours import check_one_writer
from .parts import Part, clock_of, parts_read
from .weights import WEIGHTS, Weighted

__all__ = ["Blank", "LinearMap"]


@dataclass(frozen=True)
class Blank:
    """Sizes in place of weights: each run brings the arrays.

    Attributes
    ----------
    n_targets, n_sources : int
        Shape of the weights.
    count : int, optional
        Number of weights where they are masked; None: dense.

    Examples
    --------
    >>> Blank(2, 5).shape
    (2, 5)
    """

    n_targets: int
    n_sources: int
    count: int | None = None

    def __post_init__(self) -> None:
        check_whole("Blank.n_targets", self.n_targets, 1)
        check_whole("Blank.n_sources", self.n_sources, 1)
        if self.count is not None:
            check_whole("Blank.count", self.count, 0)

    @property
    def shape(self) -> tuple[int, int]:
        """Targets and sources."""
        return self.n_targets, self.n_sources


class LinearMap(Weighted):
    """Write ``W x`` into a variable at each time step.

    Parameters
    ----------
    source : Group, or list of Group or (group, variable name)
        The group that holds x. Of a list, x is one part after the other, as in
        ``[(exc, "r"), (inh[:50], "r"), (exc, "slow")]``, all in one unit.
    variable : str, optional
        Name of x, a state variable of `source`, or of each group without a name of its own.
    weights : array-like, shape (targets, sources), or SparseKernel, Blank or LinearMap
        W, with the unit that turns x into the target variable. Entries where `mask` is
        False are ignored. A `SparseKernel` brings its own mask; its weights are in SI units.
        Another map shares its W and mask: the same weights at another place in the time
        step, or from another variable.
    target : Group, optional
        The group written to. Without it the map holds its result itself, as ``z``.
    target_variable : str, optional
        Name of the variable written to; belongs to `target`.
    mask : array-like of bool, shape (targets, sources), optional
        True where a weight exists. Only these are stored, and only these are learned.
    clock : Clock, optional
        The clock; that of the sources by default, who must share it then.
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
        The weights, with unit; zero where there is none. A dense array, made when asked for;
        an element that is set, as in ``W[1, 2] = 3``, is set in the map.
    w : VariableView, shape (weights,)
        The weights row by row, indexed as those of Brian2's Synapses: ``w[3]``,
        ``w[source, target]``, ``w["i == 2"]`` with source i and target j, ``w = "rand()"``.
        Sources are counted through all groups.
    x : VariableView, shape (sources,)
        Of several sources, what the map has read in this time step; a rule reads the same.
    reads : list of Part
        Group, variable and place of each source, in the order of x.
    partner, row_start : VariableView
        The source of each weight (masked maps only), and where each row begins. On a
        standalone device, run arguments can set them, as `w`.

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

    #: The map whose results are taken over, see `take_over`.
    kept: LinearMap | None = None

    def __init__(
        self,
        source: Any,
        variable: str | None = None,
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
        reads = parts_read("LinearMap.source", source, variable)
        x, n_sources = reads[0].variable, sum(part.size for part in reads)
        owner = weights if isinstance(weights, LinearMap) else None
        _check_no_mask_beside(weights, mask)
        written = _check_target(target, target_variable, reads)
        weights, given, rows = _described(weights)
        n_targets = _check_rows(rows, weights, n_sources) if written is None else written.size
        dim = (DIMENSIONLESS if given is None else given) * x.dim if written is None else written.variable.dim
        if given is not None and given != dim / x.dim:
            raise _wrong_unit(given, dim, reads[0], target_variable)
        self.shape: tuple[int, int] = (n_targets, n_sources)
        self.masked: bool = owner.masked if owner is not None else mask is not None or _is_sparse(weights)
        w = partner = row_start = None
        count = 0
        if owner is None:
            w, count, partner, row_start = self._arrays(weights, mask)
        elif owner.shape != self.shape:
            raise _wrong_shape(self.shape, owner.shape)
        self._first_mask: tuple[Any, Any] = (row_start, partner) if owner is None else owner._first_mask
        #: What is read, each with its group, variable and place.
        self.reads: list[Part] = reads
        several = reads if len(reads) > 1 else []
        super().__init__(
            "tsim_linear_map",
            clock=clock if clock is not None else clock_of("LinearMap.source", reads),
            when=when,
            order=_order_after(reads, when) if order is None else order,
            name=name,
            template_kwds=self._template_kwds(several),
            needed_variables=["partner", "row_start"] * self.masked + [f"source_{s}" for s in range(len(several))],
        )
        self._declare_ends(written, dim)
        if owner is None:
            self._declare_weights(w, count, partner, row_start, dim / x.dim)
        else:
            for name in ("w", "row_start", *(("partner",) if self.masked else ())):
                self.variables.add_reference(name, owner, name)
            self.add_dependency(owner)
        #: What `RLS` reads as the output of this map: group and variable name.
        self.output: tuple[Any, str] = (self, "z") if written is None else (written.group, written.name)
        self._enable_group_attributes()
        if w is not None:
            self._set("w", w)

    def _template_kwds(self, several: list[Part]) -> dict[str, Any]:
        """Return what decides the generated code."""
        gather = [{"start": part.start, "size": part.size} for part in several]
        return {"masked": self.masked, "gather": gather, "kept_start": None}

    def _declare_ends(self, written: Part | None, dim: Any) -> None:
        """Declare what is read, as x, and written, as y."""
        (n_targets, n_sources), variables = self.shape, self.variables
        variables.add_constant("N", n_targets)
        variables.add_constant("n_sources", n_sources)
        variables.add_arange("i", size=n_targets)
        for part in self.reads:
            self.add_dependency(part.group)
        first = self.reads[0]
        if len(self.reads) == 1:
            variables.add_reference("x", first.group, first.name)
        else:
            variables.add_array("x", size=n_sources, dimensions=first.variable.dim, dtype=default_float())
            for s, part in enumerate(self.reads):
                variables.add_reference(f"source_{s}", part.group, part.name)
        variables.add_constant("x_start", first.start if len(self.reads) == 1 else 0)
        if written is None:
            variables.add_array("z", size=n_targets, dimensions=dim, dtype=default_float())
            variables.add_reference("y", self, "z")
        else:
            self.add_dependency(written.group)
            variables.add_reference("y", written.group, written.name)
        variables.add_constant("y_start", 0 if written is None else written.start)

    def _arrays(self, weights: Any, mask: Any) -> tuple[np.ndarray | None, int, Any, Any]:
        """Return w and their number, partner, row_start; None where they come with the run."""
        dense_start = np.arange(self.shape[0] + 1, dtype=np.int64) * self.shape[1]
        if isinstance(weights, (SparseKernel, Blank)):
            shape = weights.shape if isinstance(weights, Blank) else (weights.n_post, weights.n)
            if shape != self.shape:
                raise _wrong_shape(self.shape, shape)
            if isinstance(weights, Blank):
                if weights.count is None:
                    return None, int(dense_start[-1]), None, dense_start
                return None, weights.count, None, None
            row_start, partner, w = weights.incoming()
            return w, len(w), partner, row_start
        values = check_matrix("LinearMap.weights", weights, self.shape, "targets, sources")
        if mask is None:
            return values.ravel(), values.size, None, dense_start
        mask = check_matrix("LinearMap.mask", mask, self.shape, "targets, sources") != 0
        row_start = np.append(0, np.cumsum(mask.sum(axis=1)))
        return values[mask], int(row_start[-1]), np.nonzero(mask)[1], row_start

    def _declare_weights(self, w: Any, count: int, partner: Any, row_start: Any, dim: Any) -> None:
        variables = self.variables
        variables.add_array("w", size=count, dimensions=dim, dtype=default_float())
        if self.masked:
            variables.add_array("partner", size=count, dtype=np.int32, constant=True, values=partner)
        variables.add_array("row_start", size=self.shape[0] + 1, dtype=np.int64, constant=True, values=row_start)

    @property
    def writes(self) -> tuple[Any, int, int]:
        """The variable that is set at each step, with its first element and the one after its last."""
        start = self.variables["y_start"].value
        return self.variables["y"], start, start + len(self)

    def repeats(self, other: Any) -> bool:
        """Say whether another map writes the same: the same weights times the same x, at another place of the step."""
        if not isinstance(other, LinearMap) or self.variables["w"] is not other.variables["w"]:
            return False
        return [part.place for part in self.reads] == [part.place for part in other.reads]

    def take_over(self, other: LinearMap) -> None:
        """Let a C++ program take over at each step what another map found in the step before, with the same W and x.

        A rule that changes W meanwhile renews it (see `kept`). Other targets multiply again: the bits are the same.
        """
        self.variables.add_reference("kept", other, "y")
        self.needed_variables.append("kept")
        self.template_kwds["kept_start"] = other.variables["y_start"].value
        self.kept = other

    def before_run(self, run_namespace: Any) -> None:
        check_one_writer(self)
        super().before_run(run_namespace)

    def _mask(self) -> tuple[np.ndarray, np.ndarray]:
        """Return row_start and partner of a masked map."""
        try:
            return self._get("row_start"), self._get("partner")
        except NotImplementedError:  # generated, but not run yet: nothing has changed them
            return self._first_mask

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        if not self.masked:
            targets, sources = np.indices(self.shape, dtype=np.int32)
            return sources.ravel(), targets.ravel()
        start, partner = self._mask()
        if partner is None:  # of a Blank, before any run
            return np.zeros(0, np.int32), np.zeros(0, np.int32)
        target = np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(start))
        return partner[: len(target)], target

    @property
    def partners(self) -> list[np.ndarray]:
        """Indices of the sources of each row."""
        if not self.masked:
            return [np.arange(self.shape[1])] * self.shape[0]
        start, partner = self._mask()
        return [partner[begin:end] for begin, end in zip(start[:-1], start[1:], strict=True)]

    def _to_dense(self) -> np.ndarray:
        return super()._to_dense() if self.masked else self._get("w").reshape(self.shape).copy()

    def _from_dense(self, values: np.ndarray) -> np.ndarray:
        return super()._from_dense(values) if self.masked else values.ravel()


def _check_no_mask_beside(weights: Any, mask: Any) -> None:
    if mask is not None and isinstance(weights, (LinearMap, SparseKernel, Blank)):
        what = "the shared weights have" if isinstance(weights, LinearMap) else f"a {type(weights).__name__} has"
        raise InvalidValueError(problem("LinearMap.mask", f"{what} a mask already", mask, "leave mask out."))


def _check_target(target: Any, variable: Any, reads: list[Part]) -> Part | None:
    """Return what is written to, None where the map holds its result itself."""
    where = "LinearMap.target_variable"
    if (target is None) != (variable is None):
        raise InvalidValueError(
            message(
                where,
                "target and target_variable together, or neither",
                variable,
                "name the variable of the target group that W x is written to.",
            )
        )
    if target is None:
        return None
    written = Part(target, variable, *resolve_source("LinearMap.target", target, variable))
    y = written.variable
    if y.read_only or y.constant or np.dtype(y.dtype).kind != "f":
        raise InvalidValueError(message(where, "a floating-point variable that can be written", variable))
    if any(written.overlaps(part) for part in reads):
        raise InvalidValueError(message(where, "another variable than the one that is read", variable))
    return written


def _check_rows(rows: int | None, weights: Any, n_sources: int) -> int:
    if rows is None:
        raise InvalidValueError(
            message(
                "LinearMap.weights",
                f"an array of shape (targets, {n_sources}), one row per target",
                np.shape(weights),
                f"for one target give it the shape (1, {n_sources}), as by weights[np.newaxis].",
            )
        )
    return rows


def _order_after(reads: list[Part], when: str) -> int:
    """Return the place of a map after the maps that it reads."""
    return (
        max((p.group.order for p in reads if isinstance(p.group, LinearMap) and p.group.when == when), default=-1) + 1
    )


def _wrong_unit(given: Any, dim: Any, read: Part, target_variable: str | None) -> UnitsError:
    wanted = unit_name(dim / read.variable.dim)
    return UnitsError(
        message(
            "LinearMap.weights",
            f"weights in {wanted}, so that W {read.name} is a {target_variable} in {unit_name(dim)}",
            unit_name(given),
            "multiply the weights with that unit.",
        )
    )


def _is_sparse(weights: Any) -> bool:
    return isinstance(weights, SparseKernel) or (isinstance(weights, Blank) and weights.count is not None)


def _described(weights: Any) -> tuple[Any, Any, int | None]:
    """Return weights (of arrays: numbers in SI units), their dimensions (None: those wanted), and the number of rows
    None without any.
    """
    if isinstance(weights, SparseKernel):
        return weights, None, weights.n_post
    if isinstance(weights, Blank):
        return weights, None, weights.n_targets
    if isinstance(weights, LinearMap):
        return weights, weights.variables["w"].dim, weights.shape[0]
    values, dim = numbers_with_unit("LinearMap.weights", weights, WEIGHTS)
    return values, dim, max(len(values), 1) if values.ndim > 1 else None


def _wrong_shape(wanted: tuple[int, int], given: tuple[int, int]) -> InvalidValueError:
    return InvalidValueError(
        message("LinearMap.weights", f"weights of shape {wanted} (targets, sources)", given, "check both groups.")
    )
