"""The `Network` that a `ForceNetwork` is a short form of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .converted import Converted, File
from .declaration import Declaration
from .equations import SynapticFilter
from .kernels import SparseKernel
from .plasticity import Plastic, TargetNetwork
from .populations.network import Network
from .populations.network_parts import SUPERVISOR
from .populations.population import Population
from .populations.projection import Projection
from .populations.readout import Readout
from .populations.short_form import ShortForm, with_texts
from .traces import Traces
from .units import DIMENSIONLESS, Quantity, dimension_of
from .values import add_rates, initial_values, parameter_values

__all__ = [
    "DRIVEN",
    "HINT",
    "INPUT",
    "NEURONS",
    "OUTPUT",
    "PLASTIC",
    "STATIC",
    "ShortForce",
    "TARGET",
    "TARGET_INPUT",
    "TARGET_OUTPUT",
    "TARGET_RECURRENT",
]

#: Names of its populations, external input, projections and outputs; errors name the output ``z_out``.
NEURONS, TARGET, CUES, OUTPUT, TARGET_OUTPUT = "neurons", "target", "x", "z_out", "target_out"
INPUT, STATIC, PLASTIC = "input", "static", "plastic"
DRIVEN, HINT, TARGET_INPUT, TARGET_RECURRENT = "driven", "hint", "target_input", "target_recurrent"


class ShortForce(Declaration):
    """Base class of `ForceNetwork`: the network that it is a short form of."""

    if TYPE_CHECKING:
        # what the class declares itself
        synapse: Converted[SynapticFilter | None, File]
        recurrent: SparseKernel | None
        feedback_kernel: Converted[np.ndarray | None, ArrayLike]
        output_kernel: Converted[np.ndarray | None, ArrayLike]
        input_kernel: Converted[np.ndarray | None, ArrayLike]
        plastic: Plastic | None
        target_network: TargetNetwork | None
        activation: str
        traces: Traces | None

        @property
        def shares_P(self) -> bool: ...
        @property
        def n_inputs(self) -> int: ...
        @property
        def static_input(self) -> str: ...
        @cached_property
        def initial_values(self) -> dict[str, np.ndarray]: ...

    @cached_property
    def network(self) -> Network:
        """The `Network` that it stands for: populations, projections and readouts."""
        return _force_as_network(self)


def _force_as_network(net: ShortForce) -> ShortForm:
    """Return the populations, projections and readouts that a `ForceNetwork` stands for."""
    populations, readouts = {NEURONS: _neurons(net)}, {}
    projections = [*_projections(net)]
    if net.output_kernel is not None:
        feedback = {} if net.feedback_kernel is None else {NEURONS: net.feedback_kernel}
        readouts[OUTPUT] = Readout(
            [NEURONS], net.output_kernel, feedback=feedback, learning=net.learning, traces=net.traces, **_filter(net)
        )
    target = net.target_network
    if target is not None:
        populations[TARGET] = _target(net, target)
        projections += _into_target(target)
        if target.output_kernel is not None:
            readouts[TARGET_OUTPUT] = Readout(
                [TARGET], target.output_kernel, learning=target.learning, supervisor=OUTPUT if readouts else ""
            )
    return ShortForm(
        populations=populations,
        projections=tuple(projections),
        readouts=readouts,
        dt=net.dt,
        dtype=net.dtype,
        seed=net.seed,
        external_inputs={CUES: net.n_inputs} if net.n_inputs else {},
        outputs={} if net.output_kernel is not None else {OUTPUT: f"{NEURONS}.{_observed(net)}"},
        shared_P=((OUTPUT, PLASTIC),) if net.shares_P else (),
        filter_names={STATIC: (net.static_input, "rec")},
    )


def _observed(net: ShortForce) -> str:
    """Return the variable that is the output of a network without a readout."""
    if net.plastic is None or re.search(r"\br\b", net.plastic.expression):
        return "r"
    name = net.neuron.inputs["recurrent"]
    return name if net.recurrent is None and net.synapse is None else f"{name}_{PLASTIC}"


def _neurons(net: ShortForce) -> Population:
    values = net.parameter_values
    parameters = {name: values[name] for name in net.neuron.parameters}
    filters = () if net.synapse is None else with_texts(net.synapse, values)
    initial = net.initial_values
    return Population(net.neuron, net.n, parameters, initial, activation=net.activation, filters=filters)


def _filter(net: ShortForce) -> dict[str, Any]:
    """Return the filter of the recurrence and of the rates, as projections and readouts take it."""
    if net.synapse is None:
        return {}
    return {"synapse": net.synapse, "parameters": {name: net.parameter_values[name] for name in net.synapse.parameters}}


def _projections(net: ShortForce) -> Iterator[Projection]:
    if net.input_kernel is not None:
        into = net.neuron.inputs["external"]
        yield Projection(CUES, NEURONS, weights=_every(net.input_kernel), into=into, name=INPUT)
    recurrent: Any = net.recurrent
    if recurrent is None and net.synapse is not None:
        recurrent = SparseKernel(net.n, [], [], [])  # the filter is there all the same
    if recurrent is not None:
        yield Projection(NEURONS, NEURONS, weights=recurrent, name=STATIC, **_filter(net))
    if net.plastic is not None:
        plastic, error = net.plastic, net.plastic.expression
        variables: dict[str, Any] = {}
        if net.target_network is not None:
            error, variables = _against_target(net, net.target_network, error)
        yield Projection(
            NEURONS, NEURONS, weights=plastic.kernel, name=PLASTIC, learning=plastic.learning, error=error,
            variables=variables, factor=plastic.factor, divide_by_source=plastic.divide_by_source, when=plastic.when,
            **_filter(net),
        )  # fmt: skip


def _every(matrix: np.ndarray) -> SparseKernel:
    return SparseKernel.from_dense(matrix, every_entry=True)


def _against_target(net: ShortForce, target: TargetNetwork, error: str) -> tuple[str, dict[str, Any]]:
    """Return an error without ``z_target``, what a neuron receives there, and the names that stand for it."""
    scale = Quantity(target.scale * net.current_scale, dimension_of(net.neuron.current_unit, net.neuron.name))
    received = {"target_recurrent": f"{TARGET_RECURRENT}.z_now", "target_feedback": f"{DRIVEN}.z"}
    if target.hint_kernel is not None:
        received["target_hint"] = f"{HINT}.z"
    z_target = f"target_scale*({' + '.join(received)})"
    return re.sub(r"\bz_target\b", z_target, error), {"target_scale": scale} | received


def _target(net: ShortForce, target: TargetNetwork) -> Population:
    parameters = parameter_values("TargetNetwork", target.neuron, [], target.parameters, net.dt)
    states = dict.fromkeys([*target.neuron.state_variables, "r"], DIMENSIONLESS)
    rng = np.random.default_rng([net.seed, 3])
    initial = initial_values("TargetNetwork", target.neuron, target.initial, states, parameters, net.n, net.dt, rng)
    add_rates(target.neuron, target.activation, initial, parameters, net.n)
    return Population(target.neuron, net.n, parameters, initial, activation=target.activation)


def _into_target(target: TargetNetwork) -> Iterator[Projection]:
    inputs: Mapping[str, str] = target.neuron.inputs
    for name, pre, kernel, role in (
        (TARGET_RECURRENT, TARGET, target.recurrent_kernel, "recurrent"),
        (DRIVEN, SUPERVISOR, target.target_kernel, "feedback"),
        (HINT, CUES, target.hint_kernel, "feedback"),
        (TARGET_INPUT, CUES, target.input_kernel, "external"),
    ):
        if kernel is not None:
            yield Projection(pre, TARGET, weights=_every(kernel), into=inputs[role], name=name)
