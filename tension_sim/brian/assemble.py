"""Build the Brian2 objects of a circuit; their values are 0 or 1 until a run sets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import singledispatch
from typing import Any

import numpy as np
from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir
from brian2.core.base import BrianObjectException
from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.core.preferences import prefs
from brian2.equations.equations import PARAMETER, EquationError, Equations, SingleEquation
from brian2.groups.neurongroup import NeuronGroup
from brian2.stateupdaters.base import UnsupportedEquationsException
from brian2.units.allunits import second
from brian2.units.fundamentalunits import DimensionMismatchError, get_or_create_dimension

from ..circuit.parts import Circuit, Map, Rule, Samples, SpikeInput, SpikeRecord, Units, VariableRecord
from ..declare.units import Dimension
from ..errors import InvalidValueError, OutputError, RunFailedError, message
from .delay import Steps
from .error_function import erf
from .integration import ExactDecay
from .linear_map import Blank, LinearMap
from .recorder import Recorder
from .rls import RLS
from .signal import Signal
from .spike_list import list_spikes
from .spike_map import SpikeMap
from .spike_order import keep_spikes_in_order
from .white_noise import standard_normal, standard_uniform

__all__ = [
    "EQUATION_FUNCTIONS",
    "add_rate",
    "assemble",
    "blaming_the_files",
    "declared_parameters",
    "group_of",
]

#: Functions that equation files may call beside those of Brian2.
EQUATION_FUNCTIONS: dict[str, Any] = {
    "erf": erf,
    "standard_normal": standard_normal,
    "standard_uniform": standard_uniform,
}

#: What Brian2 raises about the text of equations, thresholds and resets: its own classes, and those of Python by which
#: it refuses a text, a name, a value or a unit.
ABOUT_EQUATIONS: tuple[type[Exception], ...] = (
    EquationError, DimensionMismatchError, UnsupportedEquationsException,
    SyntaxError, KeyError, TypeError, ValueError, NotImplementedError,
)  # fmt: skip


def assemble(circuit: Circuit) -> dict[str, Any]:
    """Build the Brian2 objects of a circuit, by the names of its parts.

    Returns
    -------
    dict of str to BrianObject
        ``"network"`` holds a `Network` of all the others.
    """
    clock = Clock(circuit.dt * second, name="network_clock")
    objects: dict[str, Any] = {}
    with _forgotten_unless_whole(objects):
        for name, part in circuit.parts.items():
            objects[name] = _make(part, name, objects, clock)
        for name, part in circuit.of(Units).items():
            add_rate(objects[name], part, clock)
    objects["network"] = Network(*objects.values(), name="tsim_network")
    return objects


@contextmanager
def _forgotten_unless_whole(objects: dict[str, Any]) -> Iterator[None]:
    """Let no object of a circuit that is refused warn that no network had it: what was refused is said once."""
    try:
        yield
    except BaseException:
        for each in objects.values():
            for made in (each, *each.contained_objects):
                made._network = "refused"
        raise


def declared_parameters(dimensions: Iterable[tuple[str, Dimension]]) -> Equations:
    """Return equations that declare parameters: shared variables, so that other values need no other code."""
    return Equations(
        [
            SingleEquation(PARAMETER, key, get_or_create_dimension(dimension), flags=["shared", "constant"])
            for key, dimension in dimensions
        ]
    )


@singledispatch
def _make(part: Any, name: str, objects: dict[str, Any], clock: Clock) -> Any:
    raise NotImplementedError(type(part).__name__)


@_make.register
def _units(part: Units, name: str, objects: dict[str, Any], clock: Clock) -> NeuronGroup:
    group = group_of(part, name, clock)
    if part.threshold:
        keep_spikes_in_order(group)
    return group


def group_of(part: Units, name: str, clock: Clock) -> NeuronGroup:
    """Return the Brian2 group of some units, without the statement that follows their integration."""
    spiking: dict[str, Any] = {"threshold": part.threshold, "reset": part.reset} if part.threshold else {}
    if part.refractory:
        # times of spikes are compared with t, which has float64 whatever the network has
        spiking |= {"refractory": part.refractory, "dtype": {"lastspike": np.float64}}
    with blaming_the_files(part.files, ABOUT_EQUATIONS):
        group = NeuronGroup(
            part.n,
            Equations(part.equations) + declared_parameters(part.parameters),
            method=ExactDecay(part.filters, part.method, part.stepwise)
            if part.filters or part.stepwise
            else part.method,
            clock=clock,
            namespace=EQUATION_FUNCTIONS,
            name=name,
            **spiking,
        )
    return group


def add_rate(group: NeuronGroup, part: Units, clock: Clock) -> Any:
    """Add the statement that follows the integration of some units; return it, or None if there is none."""
    if not part.rate:
        return None
    return group.run_regularly(part.rate, clock=clock, when="groups", order=1, name=f"{group.name}_rate")


@_make.register
def _samples(part: Samples, name: str, objects: dict[str, Any], clock: Clock) -> Signal:
    return Signal(np.zeros((1, part.channels)), clock=clock, name=name)


@_make.register
def _map(part: Map, name: str, objects: dict[str, Any], clock: Clock) -> LinearMap:
    target = None if part.target is None else objects[part.target.part]
    weights: Any = Blank(part.n_targets, part.n_sources, part.count)
    if part.weights_of is not None:
        weights = objects[part.weights_of]
    found = LinearMap(
        [(objects[source.part], source.name) for source in part.sources], weights=weights, target=target,
        target_variable=None if part.target is None else part.target.name,
        clock=clock, when=part.when, order=part.order, name=name,
    )  # fmt: skip
    if part.kept:
        weights.take_over(found)
    return found


@_make.register
def _spike_input(part: SpikeInput, name: str, objects: dict[str, Any], clock: Clock) -> SpikeMap:
    delay = None if part.longest_delay is None else Steps(part.longest_delay, part.own_delays)
    trace = [(objects[each.part], each.name) for each in part.traces]
    return SpikeMap(
        [objects[source] for source in part.sources], weights=Blank(part.n_targets, part.n_sources, part.count),
        target=objects[part.target.part], target_variable=part.target.name, trace=trace or None,
        delay=delay, clock=clock, name=name,
    )  # fmt: skip


@_make.register
def _rule(part: Rule, name: str, objects: dict[str, Any], clock: Clock) -> RLS:
    options: dict[str, Any] = {}
    if part.target is not None:
        options["target"] = (objects[part.target.part], part.target.name)
    if any(part.factors):
        options["factor"] = [factor or None for factor in part.factors] if len(part.factors) > 1 else True
    if part.grouped:
        options["groups"] = True
    return RLS(
        [objects[m] for m in part.maps], alpha_P=np.ones(part.n_sources) if part.grouped else 1.0, error=part.errors,
        variables={key: (objects[v.part], v.name) for key, v in part.variables},
        divide_by_source=part.divide_by_source, signs=part.signs or None, blocks=part.blocks,
        when=part.when, order=part.order, name=name, **options,
    )  # fmt: skip


@_make.register
def _record(part: VariableRecord, name: str, objects: dict[str, Any], clock: Clock) -> Recorder:
    source = objects[part.source.part]
    return Recorder(source, part.source.name, indices=part.indices, dtype=part.dtype, clock=clock, name=name)


@_make.register
def _spike_record(part: SpikeRecord, name: str, objects: dict[str, Any], clock: Clock) -> Any:
    return list_spikes(objects[part.source][: part.stop], name)


@contextmanager
def blaming_the_files(
    files: tuple[str, ...], errors: tuple[type[Exception], ...] = (BrianObjectException,)
) -> Iterator[None]:
    """Turn what Brian2 says about equations into an error that names the file they come from.

    Parameters
    ----------
    files : tuple of str
        The equation files.
    errors : tuple of type
        What is looked at. Brian2 wraps errors of any kind: one whose cause is a folder that cannot be written, or
        a compiler that fails, says so, and blames no file.
    """
    try:
        yield
    except errors as error:
        causes = _causes(error)
        outside = [cause for cause in causes if isinstance(cause, OSError | ImportError | MemoryError)]
        if outside or not any(isinstance(cause, ABOUT_EQUATIONS) for cause in causes):
            raise _failed([*causes, *outside][-1]) from error
        others = "" if len(files) < 2 else f" that fits the filter {files[1]!r}"
        raise InvalidValueError(
            message(
                f"{files[0] if files else 'circuit'}: equations, threshold or reset",
                f"Brian2 code{others}",
                str(causes[-1]),
                "correct the equation file.",
            )
        ) from error


def _failed(root: BaseException) -> Exception:
    """Return the error for a failure that has nothing to do with equations."""
    if prefs["codegen.target"] == "cython" and isinstance(root, OSError | ImportError):
        return OutputError(
            f"The cache of Brian2's Cython modules {get_cython_cache_dir()} cannot be used: {root}.\n"
            "Fix: set CYTHON_CACHE_DIR, or brian2.prefs.codegen.runtime.cython.cache_dir, to a folder that can be "
            "written and where libraries may be loaded, or choose another target."
        )
    return RunFailedError(
        f"Brian2 could not prepare the network's code: {type(root).__name__}: {root}.\n"
        "Fix: a compiler that fails says why above; else try another target."
    )


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, the first cause last."""
    found = [error]
    while found[-1].__cause__ is not None:
        found.append(found[-1].__cause__)
    return found
