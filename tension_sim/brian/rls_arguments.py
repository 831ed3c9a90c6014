"""Check the arguments of `RLS`, and bring them into the form of its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2.utils.stringtools import get_identifiers

from ..circuit.blocks import Blocks, BlockSizes
from ..declare.arrays_in import numbers
from ..declare.language import check_name
from ..declare.language.code import check_error_code
from ..declare.learning import FOREVER, check_forgotten
from ..declare.validation import check_fraction, check_matrix, check_positive, check_text, check_whole
from ..errors import InvalidTypeError, InvalidValueError, message, problem
from ._base import resolve_source
from .compared import Formula, compared_with, computed
from .dimensions import check_plain
from .error_expression import check_error
from .linear_map import LinearMap
from .spike_map import SpikeMap
from .synaptic import LearnedSynapses, SynapticMap, described, given_synapses
from .times import StepCount, check_window

#: Names that every error has; y only where there is a target.
_TAKEN = ("z", "y", "error", "i", "N", "t", "dt", "t_in_timesteps")

#: What learns; Synapses as soon as all is checked.
LearnedMap = LinearMap | SpikeMap | SynapticMap
Learns = LearnedMap | LearnedSynapses


def sources_of(learned: Learns) -> list[tuple[Any, str, int, int]]:
    """Return what a map reads: for each variable its group, name, first element and number of elements."""
    if isinstance(learned, LearnedSynapses | SynapticMap):
        return [(learned, "x", 0, learned.shape[1])]
    if isinstance(learned, LinearMap):
        return [(learned, "x", learned.variables["x_start"].value, learned.shape[1])]
    if not learned.trace:
        raise InvalidValueError(
            message("RLS.maps", "a SpikeMap with a trace", learned.name, "name the presynaptic rate by trace=.")
        )
    return [(group, name, *resolve_source("SpikeMap.trace", group, name)[1:]) for group, name in learned.trace]


def sources_at(learned: Learns, when: str, order: int) -> list[tuple[Any, str, int, int]]:
    """Return what a rule reads at its place in a step.

    A map copies the variables of several groups into one x: right after it that is what they hold, elsewhere in the
    step, and before the first, they are read themselves.
    """
    if (
        not isinstance(learned, LinearMap)
        or len(learned.reads) == 1
        or (when == learned.when and order > learned.order)
    ):
        return sources_of(learned)
    return [(part.group, part.name, part.start, part.size) for part in learned.reads]


def learned_maps(maps: Any, **of_synapses: Any) -> list[Learns]:
    """Return what learns: maps of one clock and of the same sources, or Synapses into one group."""
    synapses = given_synapses(maps)
    if synapses is not None:
        return [described(synapses, **of_synapses)]
    for key in ("weight", "trace", "trainable"):
        if of_synapses[key] is not None:
            what = f"only Synapses take {key}=: a map has its own weights and sources"
            raise InvalidValueError(problem(f"RLS.{key}", what, of_synapses[key], f"leave {key} out."))
    return [*check_maps(maps)]


def check_maps(maps: Any) -> list[LearnedMap]:
    """Return maps of one clock and of the same sources."""
    given = maps
    maps = [maps] if isinstance(maps, LearnedMap) else list(maps) if isinstance(maps, Sequence) else []
    if not maps or not all(isinstance(m, LearnedMap) for m in maps):
        wrong = next((m for m in maps if not isinstance(m, LearnedMap)), given)
        fix = "make a LinearMap or SpikeMap of the weights that learn, or pass Synapses and the name of their weight."
        raise InvalidTypeError(message("RLS.maps", "a LinearMap, SpikeMap or Synapses, or a list of them", wrong, fix))

    def read(m: LearnedMap) -> list[tuple[Any, int, int]]:
        if isinstance(m, LinearMap):
            return [part.place for part in m.reads]
        return [(owner.variables[name], start, size) for owner, name, start, size in sources_of(m)]

    if len({m.variables["w"] for m in maps}) < len(maps):
        raise InvalidValueError(message("RLS.maps", "each map once", [m.name for m in maps], "name it once."))
    for m in maps[1:]:
        if m.clock is not maps[0].clock:
            raise InvalidValueError(message("RLS.maps", "maps of one clock", m.name, "use one RLS for each clock."))
        if read(m) != read(maps[0]):
            raise InvalidValueError(
                message(
                    "RLS.maps",
                    "maps that read the same variables of the same groups",
                    m.name,
                    "use one RLS for each source.",
                )
            )
    return maps


@dataclass(frozen=True)
class Errors:
    """The errors that a rule learns from.

    Attributes
    ----------
    expressions : list of str
        One for each map.
    linked : dict
        What their names mean: group and variable name, or a formula.
    constants : dict
        Numbers and functions that they may use.
    """

    expressions: list[str]
    linked: dict[str, Any]
    constants: dict[str, Any]

    @classmethod
    def of(cls, maps: list[Any], target: Any, error: Any, variables: Any, namespace: Any) -> Errors:
        """Return the errors of some maps; arguments as of `RLS`."""
        expressions = check_errors(error, len(maps))
        linked = postsynaptic_variables(expressions, maps[0]) | check_variables(variables)
        if target is not None:
            linked["y"] = output_of("RLS.target", target)
        constants = check_namespace(namespace)
        for learned, expression in zip(maps, expressions, strict=True):
            check_error(expression, len(learned), output_unit(learned), linked, constants)
        return cls(expressions, linked, constants)


def output_unit(learned: Learns) -> Any:
    """Return the unit of a map's z."""
    if isinstance(learned, LearnedSynapses):
        return learned.dim
    if isinstance(learned, LinearMap):
        return resolve_source("RLS.z", *learned.output)[0].dim
    group, name, *_ = sources_of(learned)[0]
    return learned.variables["w"].dim * group.variables[name].dim


def check_errors(error: Any, maps: int) -> list[str]:
    """Return one expression per map."""
    errors = [error] * maps if isinstance(error, str) else list(error) if isinstance(error, Sequence) else []
    if len(errors) != maps or not all(isinstance(e, str) for e in errors):
        raise InvalidValueError(message("RLS.error", f"one expression, or one for each of {maps} map(s)", error))
    return [check_error_code("RLS.error", expression) for expression in errors]


def check_variables(variables: Any) -> dict[str, Any]:
    """Return names for the errors, each with its group and variable."""
    if variables is not None and not isinstance(variables, Mapping):
        raise InvalidTypeError(
            message("RLS.variables", "names with (group, variable name)", variables, 'as in {"u": (neurons, "v")}.')
        )
    checked: dict[str, Any] = {}
    for name, given in (variables or {}).items():
        if name in _TAKEN:
            raise InvalidValueError(message("RLS.variables", f"names other than {', '.join(_TAKEN)}", name))
        check_name("RLS.variables", name, ours=True)
        checked[name] = output_of(f"RLS.variables[{name!r}]", given)
        computed(f"RLS.variables[{name!r}]", *checked[name])
    return checked


def check_blocks(blocks: Any, maps: list[Any]) -> Blocks | BlockSizes | None:
    """Return the rows that share P, or their numbers; None for Synapses, whose partners a run finds."""
    if isinstance(maps[0], LearnedSynapses):
        if blocks is not None:
            raise InvalidValueError(
                problem("RLS.blocks", "a run finds the blocks of Synapses", blocks, "leave blocks out.")
            )
        return None
    found = Blocks.of([m.partners for m in maps]) if blocks is None else blocks
    sizes = found.totals if isinstance(found, Blocks) else found
    if not isinstance(sizes, BlockSizes) or len(sizes.rows) != len(maps):
        raise InvalidValueError(message("RLS.blocks", f"Blocks or BlockSizes of {len(maps)} map(s)", blocks))
    if not sizes.blocks:
        raise InvalidValueError(message("RLS.maps", "at least one weight to learn", "masks without any"))
    return found


def postsynaptic_variables(errors: list[str], learned: Any) -> dict[str, tuple[Any, str]]:
    """Return what errors call by the name of a variable of the postsynaptic neurons, as in ``v_post``."""
    if not isinstance(learned, LearnedSynapses):
        return {}
    named = {name for error in errors for name in get_identifiers(error) if name.endswith("_post")}
    return {name: (learned.target, name.removesuffix("_post")) for name in named}


def check_namespace(namespace: Any) -> dict[str, Any]:
    """Return constants and functions for the errors."""
    if namespace is not None and not isinstance(namespace, Mapping):
        raise InvalidTypeError(
            message("RLS.namespace", "a mapping of names to values", namespace, 'as in {"gain": 2.0}.')
        )
    for name in namespace or {}:
        if check_text("RLS.namespace", name) in _TAKEN:
            raise InvalidValueError(message("RLS.namespace", f"names other than {', '.join(_TAKEN)}", name))
    return dict(namespace or {})


def output_of(where: str, target: Any) -> tuple[Any, str] | Formula:
    """Return group and variable of what an error compares with; only the target may be a formula."""
    found = compared_with(where, target)
    formulas = where == "RLS.target"
    if found is None or (isinstance(found, Formula) and not formulas):
        what = "a Signal, a LinearMap, or (group, variable name)"
        more = ", or a TimedArray or an expression such as 'sin(2*pi*5*Hz*t)'" if formulas else ""
        raise InvalidTypeError(message(where, what + more, target))
    return found


def check_alpha(alpha_P: Any, n_sources: int) -> np.ndarray:
    """Return alpha_P as float64: of shape () for one number, (n_sources,) for one per source."""
    check_plain("RLS.alpha_P", alpha_P)
    fix = "P(0) = alpha_P I must be positive."
    if not isinstance(alpha_P, list | tuple) and not getattr(alpha_P, "ndim", 0):
        return np.asarray(check_positive("RLS.alpha_P", alpha_P, fix))
    alpha = check_matrix("RLS.alpha_P", alpha_P, (n_sources,), "sources")
    if not np.all(alpha > 0):
        raise InvalidValueError(message("RLS.alpha_P", "finite numbers above 0", float(alpha.min()), fix))
    return alpha


def check_groups(groups: Any, row_sum: Any, n_sources: int) -> dict[str, np.ndarray]:
    """Return group and penalty of each source; nothing where there are no groups."""
    check_plain("RLS.groups", groups)
    check_plain("RLS.row_sum", row_sum)
    if groups is None or groups is True:
        if row_sum is not None:
            raise InvalidValueError(
                problem("RLS.row_sum", "a penalty needs groups", row_sum, "name the group of each source by groups=.")
            )
        blank: dict[str, np.ndarray] = {"group_of": np.full(n_sources, -1, np.int32), "row_sum": np.zeros(n_sources)}
        return blank if groups else {}
    labels = check_matrix("RLS.groups", groups, (n_sources,), "sources")
    if not np.all((labels >= -1) & (labels == np.round(labels)) & (labels < 2**31)):
        raise InvalidValueError(message("RLS.groups", "whole numbers from 0 on, and -1 for no group", groups))
    labels = labels.astype(np.int32)
    n_groups = max(int(labels.max()) + 1, 0)
    if row_sum is None:
        raise InvalidValueError(problem("RLS.row_sum", "groups need a penalty", row_sum, "pass row_sum=."))
    penalty = numbers("RLS.row_sum", row_sum, "numbers, one per group")
    check_matrix("RLS.row_sum", penalty, () if penalty.ndim == 0 else (n_groups,), "groups")
    if not np.all(penalty >= 0):
        raise InvalidValueError(
            message("RLS.row_sum", "numbers that are not negative", row_sum, "P(0) would not be positive.")
        )
    # the last place is that of no group, -1
    return {"group_of": labels, "row_sum": np.append(np.broadcast_to(penalty, n_groups), 0.0)[labels]}


def check_signs(signs: Any, n_sources: int) -> dict[str, np.ndarray]:
    """Return the sign of each source; nothing where they have none."""
    check_plain("RLS.signs", signs)
    if signs is None or signs is True:
        return {"sign": np.ones(n_sources, np.int32)} if signs else {}
    values = check_matrix("RLS.signs", signs, (n_sources,), "sources")
    without = np.flatnonzero(values == 0)
    if len(without):
        raise InvalidValueError(
            message(
                "RLS.signs",
                "+1 or -1 for each source",
                0,
                f"sign clamp on a neuron without sign: source {without[0]} has none; give it one.",
            )
        )
    if not np.all(abs(values) == 1):
        raise InvalidValueError(message("RLS.signs", "+1 or -1 for each source", signs))
    return {"sign": values.astype(np.int32)}


def check_factors(factor: Any, maps: Sequence[Learns]) -> list[np.ndarray | bool | None]:
    """Return for each map one factor per stored weight; True if a run brings them, None if there are none."""
    if isinstance(maps[0], LearnedSynapses):
        return [maps[0].has_factor or None]
    factors = [factor] if len(maps) == 1 else factor
    if factor is None or factor is True:
        factors = [factor] * len(maps)
    if not isinstance(factors, Sequence) or len(factors) != len(maps):
        raise InvalidValueError(message("RLS.factor", f"a list of {len(maps)} arrays, one per map", factor))
    checked: list[np.ndarray | bool | None] = []
    for m, given in zip((m for m in maps if not isinstance(m, LearnedSynapses)), factors, strict=True):
        check_plain("RLS.factor", given)
        if given is None or given is True:
            checked.append(given)
            continue
        stored, shape = m.variables["w"].size, (len(m), sum(size for *_, size in sources_of(m)))
        numbered = numbers("RLS.factor", given, f"an array of shape {shape} (targets, sources)")
        if numbered.ndim == 1:
            checked.append(check_matrix("RLS.factor", numbered, (stored,), "stored weights"))
            continue
        dense = check_matrix("RLS.factor", numbered, shape, "targets, sources")
        checked.append(np.concatenate([row[partners] for row, partners in zip(dense, m.partners, strict=True)]))
    return checked


def check_itself(maps: Sequence[Learns], n_sources: int) -> None:
    """Refuse to divide twice, unless there is one map from neurons to themselves."""
    if len(maps) > 1 or not isinstance(maps[0], LinearMap | SpikeMap) or len(maps[0]) != n_sources:
        shapes = [(len(m), n_sources) for m in maps]
        raise InvalidValueError(message("RLS.divide_by_source", "one map, from neurons to themselves", shapes))


def check_scalars(forgetting: float, relaxation: float, probability: float, seed: int, dtype: Any) -> dict[str, Any]:
    """Return the numbers of a rule, by the names of their variables."""
    numbers = {"forgetting": forgetting, "relaxation": relaxation, "probability": probability, "seed": seed}
    for key, number in numbers.items():
        check_plain(f"RLS.{key}", number)
    check_forgotten("RLS", forgetting, relaxation, dtype)
    check_fraction("RLS.probability", probability)
    check_whole("RLS.seed", seed, 0)
    return numbers | {"seed": int(seed)}


def check_schedule(update_every: Any, start: Any, stop: Any) -> dict[str, StepCount]:
    """Return when a rule learns, by the names of its variables."""
    off = "to switch learning off, set rls.learning = 0 or stop=0."
    schedule = {
        "update_every": StepCount("RLS.update_every", update_every, 1, off),
        "start_step": StepCount("RLS.start", start),
        "stop_step": StepCount("RLS.stop", FOREVER if stop is None else stop),
    }
    check_window("RLS.stop", schedule["start_step"], schedule["stop_step"])
    return schedule
