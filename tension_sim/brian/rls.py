"""Recursive least squares: the one learning rule, generated for every target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Unpack

import brian2
import numpy as np
from brian2.core.network import Network
from brian2.synapses.synapses import Synapses
from brian2.units.fundamentalunits import DIMENSIONLESS
from brian2.utils.logger import get_logger

from ..circuit.blocks import Blocks, BlockSizes, first_P
from ..circuit.triangles import pack, unpack
from ..declare.learning import GAINS, check_forgotten
from ..declare.noise import chance
from ..declare.options import chosen, grouped
from ..declare.validation import check_choice, check_flag, check_fraction, check_matrix
from ..errors import InvalidValueError, diverged, message, problem
from ._base import GeneratedObject, check_place, default_float
from .linear_map import LinearMap
from .matrix import Matrices, matrix
from .rls_arguments import (
    Errors,
    LearnedMap,
    Learns,
    check_alpha,
    check_blocks,
    check_factors,
    check_groups,
    check_itself,
    check_scalars,
    check_schedule,
    check_signs,
    learned_maps,
    sources_at,
    sources_of,
)
from .rls_options import ErrorOptions, RLSOptions, SynapticOptions
from .row_error import RowError, RowSums
from .standalone import is_standalone
from .synaptic import LearnedSynapses, Scatter, SynapticMap, declare_blocks
from .times import check_window

__all__ = ["RLS"]

# below Brian2's own logger, so that its filters and handlers apply
_logger = get_logger(f"brian2.{__name__}")


def _block_of(blocks: Blocks | BlockSizes | None, n_sources: int) -> np.ndarray:
    """Return the block of each source; -1 where the blocks come with the run."""
    return blocks.block_of[0] if isinstance(blocks, Blocks) else np.full(n_sources, -1, np.int32)


def _spikes(learned: LearnedMap) -> bool:
    """Say whether a map reads something of neurons that spike."""
    return not isinstance(learned, LinearMap) or any(getattr(part.group, "events", None) for part in learned.reads)


def _kept_of(learned: LearnedMap) -> LinearMap | None:
    """Return the map whose W x a rule renews after it has changed W, or None; see `LinearMap.take_over`."""
    return learned.kept if isinstance(learned, LinearMap) else None


def _place_in_step(maps: Sequence[Learns], when: str | None, order: int | None, name: str) -> tuple[str, int]:
    """Return the slot and the order of a rule; by default after all that it needs of the time step."""
    check_place("RLS", None, "end" if when is None else when, 0 if order is None else order, name)
    spiking = [not isinstance(m, LinearMap) for m in maps]
    slot = (maps[0].when or "end" if not spiking[0] else "end") if when is None else when
    last = max(m.order for m in maps)
    place = last + (3 if any(spiking) else 2) if order is None else order
    if any(slot == m.when and place <= m.order for m in maps):
        _logger.warn(
            f"RLS.order: {place} is before the map, at {last}: the error of a step is "
            "that of the step before. Leave out order= to learn from the z of the step.",
            "before_its_map",
        )
    return slot, place


class RLS(GeneratedObject):
    r"""Learn the weights of maps, or of a user's own Synapses, by recursive least squares.

    Rows with the same partners share one P, stored as a packed triangle. An update is

    .. math::

        k = P r, \quad c = 1/(\lambda + r^T k), \quad
        P \leftarrow (P - c\,k k^T)/\lambda, \quad W_i \leftarrow W_i - g\,e_i\,k

    with ``g = c`` (least squares) or ``g = 1`` (`gain`). Of a spike map, r are the traces of
    its sources and z is ``W r``, found at the steps of an update alone.

    Of Synapses, a row is a postsynaptic neuron with all synapses that learn onto it. Its
    partners are found when a run starts, from what `connect` made. Delays, short-term
    plasticity, pathways and units are those of the Synapses: only the numbers of `weight`
    change. r and alpha_P are plain, as published; a weight in siemens learns from an error
    in siemens, so that alpha_P means the same in every unit.

    Parameters
    ----------
    maps : LinearMap, SpikeMap or Synapses, or sequence of these
        The maps learned; all of the same sources. They share P where partners agree. Or
        Synapses, all into one group: together they are the partners of each of its neurons.
    target : Signal, LinearMap, (group, variable name), TimedArray or str, optional
        Known to `error` as ``y``: one value per row, or one for all. The variable may be a
        subexpression of its group; a TimedArray has one axis, or one column per row; an expression,
        as in ``"sin(2*pi*5*Hz*t)"``, may use t, the row i, `variables` and `namespace`.
    alpha_P : float or array, shape (sources,)
        Initial P scale: P(0) = alpha_P I, the inverse of the ridge penalty; or one of each
        source.
    weight : str or sequence of str, optional
        Of Synapses: the variable that learns; one name for all, or one for each.
    trace : str, Quantity or sequence of these, optional
        Of Synapses: the presynaptic rate r. A variable of the sources (``"r_pre"``); one of
        the synapses, which sees delays and depression, so that each neuron has a P of its
        own; or a time constant, by which the spikes of any group are filtered: r decays,
        and grows by 1 with each spike.
    trainable : str or sequence of str, optional
        Of Synapses: a boolean variable that says which learn. The others count in no P and
        no z. It is read when a run starts, as long as nothing was learned.
    row_sum : float or sequence of float, optional
        Penalty on the sum of a row's weights from each of the `groups`: the inverse of P(0)
        is diag(1/alpha_P), plus this number between any two partners of one group.
    groups : array of int, shape (sources,), optional
        The group of each source, from 0 on; -1 for none.
    error : str or sequence of str, optional
        The error of each row, a Brian2 expression of ``z`` (the map's output), ``y``,
        and what `variables` names, in the unit of ``z``; one for all maps or one for each.
        Of Synapses, ``v_post`` is v of the postsynaptic neuron.
    variables : mapping of str to (group, variable name), optional
        More names for `error`.
    namespace : mapping of str to number, Quantity or Function, optional
        Constants and functions for `error`, as of every Brian2 group. Others are taken from
        where the rule is made and run.
    gain : str, optional
        ``"divided"`` (default) or ``"undivided"``, as in the programs of Nicola &
        Clopath (2017).
    divide_by_source : bool, optional
        Divide a second time, by ``forgetting + r'P r`` of the presynaptic neuron's own P, as the
        published program of BioFORCE does; by 1 where that learns nothing, and has no P. The one
        map goes from neurons to themselves.
    factor : array or list of arrays, optional
        Multiplies what each weight learns: shape (targets, sources), or one number per stored
        weight; with several maps one array, or None, for each. Of Synapses, the name of
        their variable that holds it, or None.
    signs : array, shape (sources,), optional
        +1 or -1: after an update, weights of the other sign become 0.
    blocks : Blocks or BlockSizes, optional
        The rows that share P, where they are known already; or only how many there are.
        All arrays of the blocks are run arguments on a standalone device. `factor`, `signs`
        and `groups` may be True then: declared, and given to each run.
    update_every : int or Quantity, optional
        Steps, or time, between updates, counted from time 0.
    start, stop : int or Quantity, optional
        Updates fall on steps k with ``start <= k < stop``.
    forgetting : float, optional
        lambda, in (0, 1]; see `tension_sim.Learning`.
    relaxation : float, optional
        How far P goes back towards P(0) after each update, in [0, 1); see
        `tension_sim.Learning`.
    probability : float, optional
        Chance of an update at each step of the schedule.
    seed : int, optional
        Seed of these chances.
    when, order, name
        As for every Brian2 object; by default just after the maps.

    Attributes
    ----------
    P : array, shape (partners, partners), or list of such
        The inverse correlation estimate of each block; can be set, also element by element
        as long as it stays symmetric. Blocks of Synapses are ordered by the first neuron of
        each; before the first run on a standalone device, where they are not known yet, the
        program compares the sizes of what was set with those that it finds.
    learning : VariableView
        1 while updates happen, 0 to switch them off.
    alpha_P, row_sum, group_of, sign, factor_0 : VariableView
        Values of these arguments, where given: of each source, and of each stored weight of
        the first map.

    Raises
    ------
    InvalidValueError, InvalidTypeError, UnitsError
        If an argument cannot work; nothing has been generated then.
    DivergenceError
        After a run in which an update was not finite; the last good state is kept.

    References
    ----------
    Sussillo & Abbott (2009), doi:10.1016/j.neuron.2009.07.018; Nicola & Clopath (2017),
    doi:10.1038/s41467-017-01827-3; Hadjiabadi et al. (2021),
    https://pubmed.ncbi.nlm.nih.gov/34197732; Kim et al. (2023), Nature Communications 14:2851.

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

    @grouped(RLSOptions)
    def __init__(
        self,
        maps: LearnedMap | Synapses | Sequence[LearnedMap | Synapses],
        target: Any = None,
        *,
        alpha_P: Any,
        **options: Unpack[RLSOptions],
    ) -> None:
        learns = learned_maps(maps, factor=options["factor"], **chosen(SynapticOptions, options))
        self.target: Any = target
        errors = Errors.of(learns, target, **chosen(ErrorOptions, options))
        n_sources = sum(size for *_, size in sources_of(learns[0]))
        alpha = check_alpha(alpha_P, n_sources)
        arrays = check_groups(options["groups"], options["row_sum"], n_sources)
        check_choice("RLS.gain", options["gain"], GAINS)
        if check_flag("RLS.divide_by_source", options["divide_by_source"]):
            check_itself(learns, n_sources)
        factors = check_factors(options["factor"], learns)
        arrays |= check_signs(options["signs"], n_sources)
        values = check_scalars(
            options["forgetting"], options["relaxation"], options["probability"], options["seed"], default_float()
        )
        values["divided"] = int(options["gain"] == "divided")
        schedule = check_schedule(options["update_every"], options["start"], options["stop"])
        self._shown = {name: options[name] for name in ("gain", "update_every", "start", "stop")}
        synapses = learns[0] if isinstance(learns[0], LearnedSynapses) else None
        #: Whether each synapse has its own rate; otherwise each source has one.
        self.by_synapse: bool = synapses is not None and synapses.by_synapse
        #: The blocks of P; only their sizes if they were given so; None if a run finds them.
        self.blocks: Blocks | BlockSizes | None = check_blocks(options["blocks"], learns)
        when, order = _place_in_step(learns, options["when"], options["order"], options["name"])
        place: dict[str, Any] = {"clock": learns[0].clock, "when": when}
        self.maps: list[LearnedMap] = [one for one in learns if not isinstance(one, LearnedSynapses)]
        sources = sources_at(learns[0], when, order)
        if synapses is not None:
            map_name = f"{options['name'].rstrip('*')}_synapses*"
            of_synapses = SynapticMap(synapses, when=when, order=order - 3, name=map_name)
            self.maps = [of_synapses]
            sources = sources_of(of_synapses)
        if options["divide_by_source"]:
            arrays["block_of"] = _block_of(self.blocks, n_sources)
        super().__init__(
            "tsim_rls",
            order=order,
            name=options["name"],
            template_kwds=self._template_kwds(alpha, factors, arrays),
            needed_variables=[*self._of_maps(factors), *arrays],
            **place,
        )
        self._declare(values)
        self._declare_steps(**schedule)
        self._declare_sources(sources, alpha)
        for key, array in arrays.items():
            self.variables.add_array(key, size=len(array), dtype=array.dtype, values=array)
        for m, learned in enumerate(self.maps):
            self._declare_map(m, learned, factors[m])
        self._contain_errors(errors, sources)
        if synapses is not None:
            self._contain_scatter(of_synapses, order + 1, place)
        self._enable_group_attributes()

    def _describe(self) -> dict[str, object]:
        maps = ", ".join(learned.name for learned in self.maps)
        shown: dict[str, object] = {"name": self.name, "maps": maps}
        return shown | {key: value for key, value in self._shown.items() if value is not None}

    def _contain_scatter(self, learned: SynapticMap, order: int, place: Mapping[str, Any]) -> None:
        """Add what writes the weights back into the Synapses after an update."""
        learned.follow(self)
        scatter = Scatter(learned, order=order, name=f"{self.name}_learned", **place)
        self._contained_objects += [learned, scatter]

    def _of_maps(self, factors: Sequence[Any]) -> list[str]:
        """Return the names of the variables that the maps bring."""
        of_each = ("w", "row_start", "error", "rows", "block_rows")
        names = [f"{variable}_{m}" for m in range(len(self.maps)) for variable in of_each]
        names += [f"kept_{m}" for m, learned in enumerate(self.maps) if _kept_of(learned) is not None]
        return names + [f"factor_{m}" for m, factor in enumerate(factors) if factor is not None]

    def _template_kwds(self, alpha: np.ndarray, factors: Sequence[Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return what decides the generated code."""
        return {
            "n_maps": len(self.maps),
            "factors": [factor is not None for factor in factors],
            "alpha_each": int(alpha.ndim),
            "grouped": "group_of" in arrays,
            "signed": "sign" in arrays,
            "by_source": "block_of" in arrays,
            "by_synapse": self.by_synapse,
            "kept": [None if kept is None else kept.variables["y_start"].value for kept in map(_kept_of, self.maps)],
            # in networks that spike one bit changes spikes: the order of sums stays that of earlier versions
            "in_parts": not any(_spikes(learned) for learned in self.maps),
            **self._known_sizes(),
        }

    def _known_sizes(self) -> dict[str, int]:
        """Return how many numbers all P have, and the partners of each block; -1 where a run decides."""
        if self.blocks is None:
            return {"numbers": -1, "partners": -1}
        sizes = self.blocks.totals if isinstance(self.blocks, Blocks) else self.blocks
        return {"numbers": sizes.P, "partners": sizes.partners if sizes.blocks == 1 else -1}

    def _contain_errors(self, errors: Errors, sources: list[Any]) -> None:
        """Add the objects that prepare an update: the error of each map's rows, and z where no map holds it."""
        place = {"clock": self.clock, "when": self.when}
        gathered = len(sources) == 1
        for m, (learned, expression) in enumerate(zip(self.maps, errors.expressions, strict=True)):
            linear = isinstance(learned, LinearMap)
            z = getattr(learned, "output", None)
            if not (linear and gathered):
                gather, gathered = ([] if gathered else sources), True
                order = self.order - (1 if linear else 2)  # a linear map has its z; x is copied as late as can be
                sums = RowSums(self, m, gather, order=order, name=f"{self.name}_sums_{m}", **place)
                self._contained_objects.append(sums)
                z = z if linear else (sums, "z")
            row_error = RowError(
                self, len(learned), expression, errors.linked | {"z": z}, errors.constants, order=self.order - 1,
                name=f"{self.name}_error_{m}", **place,
            )  # fmt: skip
            self.variables.add_reference(f"error_{m}", row_error, "error")
            self._contained_objects.append(row_error)

    def _declare_blocks(self) -> None:
        if self.blocks is None:
            declare_blocks(self.variables)
            return
        variables, dtype = self.variables, default_float()
        sizes = self.blocks.totals if isinstance(self.blocks, Blocks) else self.blocks
        variables.add_constant("N", sizes.blocks)
        variables.add_arange("i", size=sizes.blocks)
        arrays = self.blocks.arrays() if isinstance(self.blocks, Blocks) else {}
        ends = dict.fromkeys(("block_start", "P_start", "pending_start", "term_start"), sizes.blocks + 1)
        rows = {f"block_rows_{m}": sizes.blocks + 1 for m in range(len(self.maps))}
        lengths = {"partner": sizes.partners, "max_pending": sizes.blocks}
        lengths |= {f"rows_{m}": max(n, 1) for m, n in enumerate(sizes.rows)}
        for names, kind in ((ends | rows, np.int64), (lengths, np.int32)):
            for name, size in names.items():
                variables.add_array(name, size=size, dtype=kind, constant=True, values=arrays.get(name))
        variables.add_array("P_packed", size=sizes.P, dtype=dtype)
        variables.add_array("pending_k", size=sizes.pending_k, dtype=dtype)
        variables.add_array("pending_c", size=sizes.pending_c, dtype=dtype)
        variables.add_array("P_scale", size=sizes.blocks, dtype=dtype)
        variables.add_array("pending", size=sizes.blocks, dtype=np.int32)

    def _declare(self, values: Mapping[str, Any]) -> None:
        self._declare_blocks()
        variables = self.variables
        kinds = dict.fromkeys(("forgetting", "relaxation", "probability"), np.float64) | {"divided": np.int32}
        for name, value in values.items():
            variables.add_array(name, size=1, scalar=True, dtype=kinds.get(name, np.int64), values=value)
        variables.add_array("learning", size=1, scalar=True, dtype=np.int32, values=1)
        # 1 until the first update, which makes P(0)
        variables.add_array("fresh", size=1, scalar=True, dtype=np.int32, values=1)
        variables.add_array("n_updates", size=1, scalar=True, dtype=np.int64, values=0)
        variables.add_array("diverged_step", size=1, scalar=True, dtype=np.int64, values=-1)

    def _declare_sources(self, sources: list[tuple[Any, str, int, int]], alpha: np.ndarray) -> None:
        (group, name, start, size), variables = sources[0], self.variables
        if len(sources) == 1:
            variables.add_reference("x", group, name)
            self.add_dependency(group)
        else:
            size, start, dim = sum(size for *_, size in sources), 0, group.variables[name].dim
            variables.add_array("x", size=size, dimensions=dim, dtype=default_float())
        variables.add_constant("x_start", start)
        variables.add_array("alpha_P", size=alpha.size, scalar=not alpha.ndim, dtype=np.float64, values=alpha)

    def _declare_map(self, m: int, learned: LearnedMap, factor: Any) -> None:
        variables = self.variables
        self.add_dependency(learned)
        for name in ("w", "row_start"):
            variables.add_reference(f"{name}_{m}", learned, name)
        kept = _kept_of(learned)
        if kept is not None:
            variables.add_reference(f"kept_{m}", kept, "y")
        if isinstance(learned, SynapticMap):
            if factor:
                variables.add_reference(f"factor_{m}", learned, "factor")
        elif factor is not None:
            values, size = None if factor is True else factor, learned.variables["w"].size
            variables.add_array(f"factor_{m}", size=size, dtype=default_float(), values=values)

    def _find_blocks(self) -> None:
        """Find blocks that wait for a run, where they can be known before it."""
        if self.blocks is None and not is_standalone() and self._scalar("fresh"):
            self._synaptic_map.find()

    @property
    def _synaptic_map(self) -> SynapticMap:
        """The map of Synapses, the only one whose blocks wait for a run."""
        (found,) = (one for one in self.maps if isinstance(one, SynapticMap))
        return found

    @property
    def P(self) -> Any:
        self._find_blocks()
        matrices = []
        for b in range(len(self)):
            if self._scalar("fresh"):
                matrices.append(self._first_P(b))
                continue
            packed, k, c, scale = self._block_state(b)
            matrices.append(unpack(packed, k.shape[1], k, c, scale))
        found = [matrix(P, DIMENSIONLESS, "RLS.P", partial(self._write_P, b)) for b, P in enumerate(matrices)]
        return found[0] if len(found) == 1 else Matrices(found, self._write_all_P)

    @P.setter
    def P(self, matrices: Any) -> None:
        self._find_blocks()
        early = self.blocks is None and is_standalone() and not len(self)
        if len(self) == 1 or (early and not isinstance(matrices, Sequence)):
            matrices = [matrices]
        if not isinstance(matrices, Sequence) or not (early or len(matrices) == len(self)):
            raise InvalidValueError(message("RLS.P", f"a list of {len(self)} matrices, one per block", matrices))
        if early:
            sizes = [int(np.shape(given)[0]) if np.ndim(given) else 1 for given in matrices]
        else:
            sizes = np.diff(self._get("block_start")).tolist()
        packed = []
        for n, given in zip(sizes, matrices, strict=True):
            P = check_matrix("RLS.P", given, (n, n), "partners, partners")
            if not np.allclose(P, P.T, rtol=1e-10, atol=0) or not np.all(np.diag(P) > 0):
                raise InvalidValueError(message("RLS.P", "a symmetric matrix with a positive diagonal", P))
            packed.append(pack(P))
        if early:
            self._keep_P(sizes, packed)
            return
        self._set("P_packed", np.concatenate(packed))
        self._set("P_scale", np.ones(len(self)))
        self._set("pending", np.zeros(len(self), dtype=np.int32))
        self._set("fresh", 0)

    def _write_P(self, b: int, P: np.ndarray) -> None:
        if len(self) == 1:
            self.P = P
            return
        matrices = list(self.P)
        matrices[b] = P
        self.P = matrices

    def _write_all_P(self, matrices: list[np.ndarray]) -> None:
        self.P = matrices

    def _keep_P(self, sizes: list[int], packed: list[np.ndarray]) -> None:
        """Let a generated program start from a given P, once it has checked the sizes of its blocks."""
        if any(what == "run_network" for what, _ in brian2.get_device().main_queue):
            raise InvalidValueError(
                problem("RLS.P", "P of Synapses was set after the first run", "P", "set it before run().")
            )
        start = np.append(0, np.cumsum(sizes))
        for name, array in (("P_packed", np.concatenate(packed)), ("block_start", start)):
            self.variables[name].resize(len(array))
            self._set(name, array)

    def _scalar(self, name: str) -> Any:
        return self.variables[name].get_value().item()

    def trace_of_P(self) -> float:
        """Return the sum of the traces of all blocks, without their matrices."""
        if self._scalar("fresh"):
            return float(sum(np.trace(self._first_P(b)) for b in range(len(self))))
        found = 0.0
        for b in range(len(self)):
            packed, k, c, scale = self._block_state(b)
            diagonal = packed[np.cumsum(np.arange(1, k.shape[1] + 1)) - 1]
            found += scale * (float(diagonal.sum()) - float(c @ np.square(k).sum(axis=1)))
        return found

    def _part(self, name: str, start: str, b: int) -> np.ndarray:
        """Return the part of an array that belongs to a block; another array holds where blocks begin."""
        begin, end = self._get(start)[b : b + 2]
        return self._get(name)[begin:end]

    def _first_P(self, b: int) -> np.ndarray:
        partner = self._part("partner", "block_start", b)
        alpha = self._get("alpha_P")
        alpha = alpha[partner] if alpha.size > 1 else np.full(len(partner), alpha.item())
        grouped = [self._get(name)[partner] for name in ("group_of", "row_sum") if name in self.variables]
        return first_P(alpha, *grouped).astype(self.variables["P_packed"].dtype)

    def _block_state(self, b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return packed P, waiting terms K (terms, n) and c (terms,), and scale of a block."""
        n, count = len(self._part("partner", "block_start", b)), int(self._get("pending")[b])
        k = self._part("pending_k", "pending_start", b)[: count * n].reshape(count, n)
        c = self._part("pending_c", "term_start", b)[:count]
        return self._part("P_packed", "P_start", b), k, c, float(self._get("P_scale")[b])

    # what the generated code of the runtime targets calls back

    def due(self, step: int) -> bool:
        """Say whether an update falls on this time step."""
        return bool(
            self._scalar("learning")
            and self._scalar("start_step") <= step < self._scalar("stop_step")
            and step % self._scalar("update_every") == 0
            and (self._scalar("probability") >= 1 or chance(self._scalar("seed"), step) < self._scalar("probability"))
        )

    @property
    def schedule_is_its_own(self) -> bool:
        """Whether no user code that runs with this object can change when updates fall."""
        return all(getattr(part, "is_part", False) for part in self.contained_objects)

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

    def first_P_packed(self, b: int) -> np.ndarray:
        """Return P(0) of a block as it is stored."""
        return pack(self._first_P(b))

    def stop_run(self) -> None:
        """End the run after this time step."""
        Network._globally_stopped = True

    def before_run(self, run_namespace: Any) -> None:
        if not is_standalone():  # there they may be values of a run to come
            check_fraction("RLS.probability", self._scalar("probability"))
            forgets = self._scalar("forgetting"), self._scalar("relaxation")
            check_forgotten("RLS", *forgets, self.variables["P_packed"].dtype)
        window = self._steps["start_step"], self._steps["stop_step"]
        if any(count.is_time for count in window):
            check_window("RLS.stop", *window, self._clock.dt)
        super().before_run(run_namespace)

    def _check_for_invalid_states(self) -> None:
        """Raise DivergenceError; Brian2 calls this after a run, on a standalone device after `device.run`."""
        self.check_diverged()

    def check_diverged(self) -> None:
        """Raise DivergenceError if an update was not finite."""
        if self.blocks is None:
            self._synaptic_map.check()
        step = int(self._scalar("diverged_step"))
        if step < 0:
            return
        if not is_standalone():  # there the next run of the program starts anew
            self._set("diverged_step", -1)
        raise diverged(step, step * float(self._clock.dt))
