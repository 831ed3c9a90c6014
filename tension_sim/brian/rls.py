"""Recursive least squares: the one learning rule, generated for every target."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from brian2.core.network import Network
from brian2.units.allunits import second
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity, have_same_dimensions
from brian2.utils.stringtools import get_identifiers

from ..errors import InvalidTypeError, InvalidValueError, UnitsError, diverged, message
from ..network import GAINS
from ..validation import (
    check_choice,
    check_fraction,
    check_matrix,
    check_positive,
    check_steps,
    check_whole,
    check_window,
)
from ._base import GeneratedObject, default_float, dimensions_of, is_standalone, resolve_source
from .blocks import Blocks, pack, unpack
from .linear_map import LinearMap
from .signal import Signal

__all__ = ["RLS"]

#: Names that every error has; y only where there is a target.
_TAKEN = ("z", "y", "error", "i", "N", "t", "dt", "t_in_timesteps")

#: Stands for "to the end of the run".
FOREVER = 2**62


def chance(seed: int, step: int) -> float:
    """Return the number in [0, 1) that belongs to a seed and a time step (SplitMix64).

    It depends on nothing else, so that a run on any target, from any step, draws the same.

    Examples
    --------
    >>> chance(1, 5) == chance(1, 5) != chance(2, 5)
    True
    """
    mask = 2**64 - 1
    z = (seed * 0xD1342543DE82EF95 + (step + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return ((z ^ (z >> 31)) >> 11) / 2.0**53


class RowError(GeneratedObject):
    """The error of each row of one map, from a Brian2 expression."""

    def __init__(self, linear_map: LinearMap, expression: str, linked: Mapping[str, Any], **kwargs: Any) -> None:
        # Brian2's own template for "for each element, run these statements"
        super().__init__("stateupdate", code=f"error = {expression}", **kwargs)
        rows = len(linear_map)
        self.variables.add_constant("N", rows)
        self.variables.add_arange("i", size=rows)
        output = resolve_source("RLS.z", *linear_map.output)[0]
        self.variables.add_array("error", size=rows, dimensions=output.dim, dtype=default_float())
        for name in sorted(get_identifiers(expression) & set(linked)):
            group, variable = linked[name]
            array, start, size = resolve_source(f"RLS.{name}", group, variable, shared=True)
            if size not in (1, rows):
                raise InvalidValueError(
                    message(f"RLS.{name}", f"a variable with {rows} values, one a row, or a single one", size)
                )
            self.add_dependency(group)
            index = None
            if not array.scalar and (start or size != rows or array.size != rows):
                index = f"_{name}_index"
                self.variables.add_array(
                    index, size=rows, dtype=np.int32, constant=True, read_only=True,
                    values=start + (np.arange(rows) if size == rows else np.zeros(rows)),
                )  # fmt: skip
            self.variables.add_reference(name, group, variable, index=index)
        self._enable_group_attributes()


class RLS(GeneratedObject):
    r"""Learn the weights of one or more `LinearMap` by recursive least squares.

    Rows with the same partners share one P, stored as a packed triangle. An update is

    .. math::

        k = P r, \quad c = 1/(\lambda + r^T k), \quad
        P \leftarrow (P - c\,k k^T)/\lambda, \quad W_i \leftarrow W_i - g\,e_i\,k

    with ``g = c`` (least squares) or ``g = 1`` (`gain`).

    Parameters
    ----------
    maps : LinearMap or sequence of LinearMap
        The maps learned; all of one source. They share P where partners agree.
    target : Signal, LinearMap, or (group, variable name), optional
        Known to `error` as ``y``: one value a row, or one for all.
    alpha_P : float
        Initial P scale: P(0) = alpha_P I, the inverse of the ridge penalty.
    error : str or sequence of str, optional
        The error of each row, a Brian2 expression of ``z`` (the map's output), ``y``,
        and what `variables` names, in the unit of ``z``; one for all maps or one for each.
    variables : mapping of str to (group, variable name), optional
        More names for `error`.
    gain : str, optional
        ``"divided"`` (default) or ``"undivided"``, as in the programs of Nicola &
        Clopath (2017).
    update_every : int or Quantity, optional
        Steps, or time, between updates, counted from time 0.
    start, stop : int or Quantity, optional
        Updates fall on steps k with ``start <= k < stop``.
    forgetting : float, optional
        lambda, in (0, 1].
    probability : float, optional
        Chance of an update at each step of the schedule.
    seed : int, optional
        Seed of these chances.
    when, order, name
        As for every Brian2 object; by default just after the maps.

    Attributes
    ----------
    P : array, shape (partners, partners), or list of such
        The inverse correlation estimate of each block; can be set.
    learning : VariableView
        1 while updates happen, 0 to switch them off.

    Raises
    ------
    InvalidValueError, InvalidTypeError, UnitsError
        If an argument cannot work; nothing has been generated then.
    DivergenceError
        After a run in which an update was not finite; the last good state is kept.

    References
    ----------
    Sussillo & Abbott (2009), doi:10.1016/j.neuron.2009.07.018; Nicola & Clopath (2017),
    doi:10.1038/s41467-017-01827-3.

    Examples
    --------
    >>> import numpy as np
    >>> from brian2 import Network, NeuronGroup, defaultclock
    >>> from tension_sim.brian import RLS, LinearMap, Signal
    >>> neurons = NeuronGroup(2, "r : 1")
    >>> neurons.r = [1, 2]
    >>> readout = LinearMap(neurons, "r", weights=np.zeros((1, 2)))
    >>> rls = RLS(readout, target=Signal([1.0]), alpha_P=1.0)
    >>> Network(neurons, readout, rls, rls.target).run(defaultclock.dt)
    >>> readout.W.round(3)
    array([[0.167, 0.333]])
    """

    def __init__(
        self,
        maps: LinearMap | Sequence[LinearMap],
        target: Any = None,
        *,
        alpha_P: float,
        error: str | Sequence[str] = "z - y",
        variables: Mapping[str, tuple[Any, str]] | None = None,
        gain: str = "divided",
        update_every: int | Quantity = 1,
        start: int | Quantity = 0,
        stop: int | Quantity | None = None,
        forgetting: float = 1.0,
        probability: float = 1.0,
        seed: int = 0,
        when: str | None = None,
        order: int | None = None,
        name: str = "rls*",
    ) -> None:
        self.maps = _checked_maps(maps)
        self.target = target
        errors = _checked_errors(error, len(self.maps))
        linked = _checked_variables(variables)
        if target is not None:
            linked["y"] = _output_of("RLS.target", target)
        check_positive("RLS.alpha_P", alpha_P, "P(0) = alpha_P I must be positive.")
        check_choice("RLS.gain", gain, GAINS)
        check_fraction("RLS.forgetting", forgetting, "1 keeps all of the past.")
        check_fraction("RLS.probability", probability)
        check_whole("RLS.seed", seed, 0)
        clock = self.maps[0]._clock
        off = "to switch learning off, set rls.learning = 0 or stop=0."
        every = _steps("RLS.update_every", update_every, clock, 1, off)
        first = _steps("RLS.start", start, clock, 0)
        last = FOREVER if stop is None else _steps("RLS.stop", stop, clock, 0)
        check_window("RLS.stop", first, last)

        when = self.maps[0].when if when is None else when
        order = max(m.order for m in self.maps) + 2 if order is None else order
        super().__init__(
            "tsim_rls",
            clock=clock,
            when=when,
            order=order,
            name=name,
            template_kwds={"n_maps": len(self.maps)},
            needed_variables=[
                f"{variable}_{m}"
                for m in range(len(self.maps))
                for variable in ("w", "row_start", "error", "rows", "block_rows")
            ],
        )
        self.blocks = Blocks.of([m.partners for m in self.maps])
        if not self.blocks:
            raise InvalidValueError(message("RLS.maps", "at least one weight to learn", "masks without any"))
        self._declare(alpha_P, forgetting, probability)
        for key, value in {
            "divided": int(gain == "divided"),
            "update_every": every,
            "start_step": first,
            "stop_step": last,
            "seed": int(seed),
        }.items():
            self._set(key, value)
        for m, (linear_map, expression) in enumerate(zip(self.maps, errors, strict=True)):
            names = linked | {"z": linear_map.output}
            row_error = RowError(
                linear_map, expression, names, clock=clock, when=when, order=order - 1, name=f"{self.name}_error_{m}"
            )
            self.variables.add_reference(f"error_{m}", row_error, "error")
            self.variables.add_reference(f"w_{m}", linear_map, "w")
            self.variables.add_reference(f"row_start_{m}", linear_map, "row_start")
            for key, values in (("rows", self.blocks.rows[m]), ("block_rows", self.blocks.row_start[m])):
                self._constant(f"{key}_{m}", values)
            self.add_dependency(linear_map)
            self._contained_objects.append(row_error)
        self._enable_group_attributes()

    def _constant(self, name: str, values: np.ndarray) -> None:
        self.variables.add_array(
            name, size=max(len(values), 1), dtype=values.dtype, constant=True, read_only=True,
            values=values if len(values) else np.zeros(1, values.dtype),
        )  # fmt: skip

    def _declare(self, alpha_P: float, forgetting: float, probability: float) -> None:
        blocks, variables, dtype = self.blocks, self.variables, default_float()
        source = self.maps[0]
        variables.add_constant("N", len(blocks))
        variables.add_arange("i", size=len(blocks))
        variables.add_reference("x", source, "x")
        variables.add_reference("x_start", source, "x_start")
        self._constant("partner", blocks.partner)
        self._constant("block_start", blocks.start)
        self._constant("P_start", blocks.P_start)
        self._constant("pending_start", blocks.pending_start)
        self._constant("max_pending", blocks.max_pending)
        variables.add_array("P_packed", size=int(blocks.P_start[-1]), dtype=dtype)
        variables.add_array("pending_k", size=max(int(blocks.pending_start[-1]), 1), dtype=dtype)
        variables.add_array("pending_c", size=int(blocks.max_pending.sum()), dtype=dtype)
        variables.add_array("P_scale", size=len(blocks), dtype=dtype)
        variables.add_array("pending", size=len(blocks), dtype=np.int32)
        for name, value, kind in (
            ("alpha_P", alpha_P, np.float64),
            ("forgetting", forgetting, np.float64),
            ("probability", probability, np.float64),
            ("divided", 1, np.int32),
            ("learning", 1, np.int32),
            ("update_every", 1, np.int64),
            ("start_step", 0, np.int64),
            ("stop_step", 0, np.int64),
            ("seed", 0, np.int64),
            # 1 until the first update, which makes P(0) from alpha_P
            ("fresh", 1, np.int32),
            ("n_updates", 0, np.int64),
            ("diverged_step", -1, np.int64),
        ):
            variables.add_array(name, size=1, scalar=True, dtype=kind, values=value)

    @property
    def P(self) -> Any:
        matrices = []
        for b, n in enumerate(self.blocks.sizes):
            if self._scalar("fresh"):
                matrices.append(float(self._scalar("alpha_P")) * np.eye(n, dtype=self.variables["P_packed"].dtype))
                continue
            packed, k, c, scale = self._block_state(b)
            matrices.append(scale * (unpack(packed, n) - (k.T * c) @ k))
        return matrices[0] if len(matrices) == 1 else matrices

    @P.setter
    def P(self, matrices: Any) -> None:
        if len(self.blocks) == 1:
            matrices = [matrices]
        if not isinstance(matrices, Sequence) or len(matrices) != len(self.blocks):
            raise InvalidValueError(message("RLS.P", f"a list of {len(self.blocks)} matrices, one a block", matrices))
        packed = []
        for n, matrix in zip(self.blocks.sizes, matrices, strict=True):
            matrix = check_matrix("RLS.P", matrix, (n, n), "partners, partners")
            if not np.allclose(matrix, matrix.T, rtol=1e-10, atol=0) or not np.all(np.diag(matrix) > 0):
                raise InvalidValueError(message("RLS.P", "a symmetric matrix with a positive diagonal", matrix))
            packed.append(pack(matrix))
        self._set("P_packed", np.concatenate(packed))
        self._set("P_scale", np.ones(len(self.blocks)))
        self._set("pending", np.zeros(len(self.blocks), dtype=np.int32))
        self._set("fresh", 0)

    def _scalar(self, name: str) -> Any:
        return self.variables[name].get_value().item()

    def _block_state(self, b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return packed P, waiting terms K (terms, n) and c (terms,), and scale of a block."""
        blocks, n = self.blocks, self.blocks.sizes[b]
        count = int(self._get("pending")[b])
        packed = self._get("P_packed")[blocks.P_start[b] : blocks.P_start[b + 1]]
        k = self._get("pending_k")[blocks.pending_start[b] :][: count * n].reshape(count, n)
        c = self._get("pending_c")[int(blocks.max_pending[:b].sum()) :][:count]
        return packed, k, c, float(self._get("P_scale")[b])

    # what the generated code of the runtime targets calls back

    def due(self, step: int) -> bool:
        """Say whether an update falls on this time step."""
        return bool(
            self._scalar("learning")
            and self._scalar("start_step") <= step < self._scalar("stop_step")
            and step % self._scalar("update_every") == 0
            and (self._scalar("probability") >= 1 or chance(self._scalar("seed"), step) < self._scalar("probability"))
        )

    def settle(self) -> None:
        """Make P(0) before the first update, and apply terms that wait."""
        if not self._scalar("fresh") and not self._get("pending").any() and np.all(self._get("P_scale") == 1):
            return
        matrices = self.P
        self.P = matrices

    @cached_property
    def blas(self) -> Any:
        """Packed symmetric product and rank-one update of the right precision."""
        from scipy.linalg.blas import get_blas_funcs

        return get_blas_funcs(("spmv", "spr"), dtype=self.variables["P_packed"].dtype)

    def stop_run(self) -> None:
        """End the run after this time step."""
        Network._globally_stopped = True

    def before_run(self, run_namespace: Any) -> None:
        if not is_standalone():  # there they may be values of a run to come
            check_steps("RLS.update_every", self._scalar("update_every"), 1)
            for name in ("forgetting", "probability"):
                check_fraction(f"RLS.{name}", self._scalar(name))
        super().before_run(run_namespace)

    def after_run(self) -> None:
        super().after_run()
        if not is_standalone():
            self.check_diverged()

    def check_diverged(self) -> None:
        """Raise DivergenceError if an update was not finite."""
        step = int(self._scalar("diverged_step"))
        if step < 0:
            return
        self._set("diverged_step", -1)
        raise diverged(step, step * float(self._clock.dt))


def _checked_maps(maps: Any) -> list[LinearMap]:
    maps = [maps] if isinstance(maps, LinearMap) else list(maps) if isinstance(maps, Sequence) else []
    if not maps or not all(isinstance(m, LinearMap) for m in maps):
        raise InvalidTypeError(message("RLS.maps", "a LinearMap, or a list of them", maps))
    first = maps[0].variables
    if len({m.variables["w"] for m in maps}) < len(maps):
        raise InvalidValueError(message("RLS.maps", "each map once", [m.name for m in maps], "name it once."))
    for m in maps[1:]:
        if m.clock is not maps[0].clock:
            raise InvalidValueError(message("RLS.maps", "maps of one clock", m.name, "use one RLS for each clock."))
        same = m.variables["x"] is first["x"] and m.variables["x_start"].value == first["x_start"].value
        if not same:
            raise InvalidValueError(
                message("RLS.maps", "maps that read one variable of one group", m.name, "use one RLS for each source.")
            )
    return maps


def _checked_errors(error: Any, maps: int) -> list[str]:
    errors = [error] * maps if isinstance(error, str) else list(error) if isinstance(error, Sequence) else []
    if len(errors) != maps or not all(isinstance(e, str) for e in errors):
        raise InvalidValueError(message("RLS.error", f"one expression, or one for each of {maps} map(s)", error))
    for expression in errors:
        try:
            ast.parse(expression.strip(), mode="eval")
        except (SyntaxError, ValueError):
            raise InvalidValueError(message("RLS.error", 'an expression such as "z - y"', expression)) from None
    return errors


def _checked_variables(variables: Any) -> dict[str, tuple[Any, str]]:
    if variables is not None and not isinstance(variables, Mapping):
        raise InvalidTypeError(
            message("RLS.variables", "names with (group, variable name)", variables, 'as in {"u": (neurons, "v")}.')
        )
    checked = {}
    for name, given in (variables or {}).items():
        if name in _TAKEN:
            raise InvalidValueError(message("RLS.variables", f"names other than {', '.join(_TAKEN)}", name))
        checked[name] = _output_of(f"RLS.variables[{name!r}]", given)
        resolve_source(f"RLS.variables[{name!r}]", *checked[name], shared=True)
    return checked


def _output_of(where: str, target: Any) -> tuple[Any, str]:
    if isinstance(target, Signal):
        return target, "value"
    if isinstance(target, LinearMap):
        return target.output
    if isinstance(target, tuple) and len(target) == 2 and isinstance(target[1], str):
        return target
    raise InvalidTypeError(message(where, "a Signal, a LinearMap, or (group, variable name)", target))


def _steps(where: str, value: Any, clock: Any, minimum: int, fix: str = "") -> int:
    if dimensions_of(where, value, "time steps, or a time") is DIMENSIONLESS:
        return check_steps(where, value, minimum, fix)
    if not have_same_dimensions(value, second):
        raise UnitsError(message(where, "time steps, or a time", repr(value), "give it in seconds or as a number."))
    steps = float(value) / float(clock.dt)
    if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
        raise InvalidValueError(
            message(where, f"a multiple of the time step {clock.dt}", repr(value), "round it to whole steps.")
        )
    return check_steps(where, round(steps), minimum, fix)
