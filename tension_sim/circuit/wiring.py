"""ForceNetwork -> circuit, and the values its runs start from.

Within a step: signals, inputs, recurrence of rates -> v, rates and filters advance from
these and the previous step's currents -> threshold -> spikes and resets add to the filters
-> readout -> learning -> feedback for the next step -> records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..declare.activation import rate_expression
from ..declare.arrays_in import numbers
from ..declare.equations import SEED, SynapticFilter, rate_time, unit_of
from ..declare.kernels import SparseKernel
from ..declare.learning import FOREVER, Learning, check_forgotten
from ..declare.network import ForceNetwork
from ..declare.plasticity import TargetNetwork
from ..declare.traces import Traces
from ..declare.units import DIMENSIONLESS, Quantity, evaluate
from ..declare.validation import all_finite, check_steps
from ..declare.values import initial_values, parameter_values, rates_of
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .blocks import Blocks
from .declared import Wiring
from .names import (
    FEEDBACK,
    INPUT,
    INPUTS,
    NEURONS,
    OUTPUT,
    PLASTIC,
    PLASTIC_NOW,
    PLASTIC_RULE,
    PLASTIC_WEIGHTS,
    READOUT,
    READOUT_OUTPUT,
    READOUT_WEIGHTS,
    RECURRENT,
    RULE,
    SPIKES,
    STEP,
    TARGET,
    TARGET_FEEDBACK,
    TARGET_HINT,
    TARGET_INPUT,
    TARGET_NEURONS,
    TARGET_READOUT,
    TARGET_READOUT_WEIGHTS,
    TARGET_RECURRENT,
    TARGET_RECURRENT_NOW,
    TARGET_RULE,
    TRACE_SPIKES,
    TRACES,
    entries,
    entry,
    recorded,
)
from .parts import Circuit, Map, Part, Rule, Samples, SpikeInput, SpikeRecord, Units, Variable, VariableRecord

__all__ = ["ForceWiring", "check_state", "rule_values"]

#: What a neuron receives in the target-generating network.
_Z_TARGET = "target_scale*(target_recurrent + target_feedback{hint})"


def rule_values(name: str, rule: Rule, learning: Learning, blocks: Blocks, seed: int) -> dict[str, Any]:
    """Return the values of a rule: its schedule, and which weights share a P."""
    check_forgotten("Learning", learning.forgetting, learning.relaxation, rule.grouped)
    values: dict[str, Any] = {
        "alpha_P": learning.alpha_P,
        "divided": int(learning.gain == "divided"),
        "update_every": learning.update_every,
        "start_step": learning.start,
        "stop_step": FOREVER if learning.stop is None else learning.stop,
        "forgetting": learning.forgetting,
        "relaxation": learning.relaxation,
        "probability": learning.probability,
        "seed": seed,
        "learning": 1,
    }
    values |= blocks.arrays()
    if rule.divide_by_source:
        values["block_of"] = blocks.block_of[0]
    return entries(name, values)


def kernel_values(name: str, kernel: SparseKernel, scale: float) -> dict[str, Any]:
    """Return the values of a map with the weights of a kernel."""
    order = kernel.row_order()
    counts = np.bincount(kernel.post, minlength=kernel.n_post)
    row_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return entries(name, {"w": kernel.weight[order] * scale, "partner": kernel.pre[order], "row_start": row_start})


def spike_values(name: str, kernel: SparseKernel, weight_scale: float, scale: float) -> dict[str, Any]:
    """Return the values of a part that brings spikes, with the weights of a kernel; the part multiplies by `scale`."""
    start, post, weight = kernel.outgoing()
    return entries(name, {"out_start": start, "post": post, "w": weight * weight_scale, "scale": scale})


def is_dense(kernel: SparseKernel) -> bool:
    """Say whether a kernel holds every weight."""
    return len(kernel) == kernel.n * kernel.n_post


def _partners(kernel: SparseKernel) -> list[np.ndarray]:
    """Return the sources of each row of a kernel."""
    order = kernel.row_order()
    ends = np.cumsum(np.bincount(kernel.post, minlength=kernel.n_post))
    return np.split(kernel.pre[order], ends[:-1])


class ForceWiring(Wiring[ForceNetwork]):
    """A `ForceNetwork` as a circuit, with the values and states of its runs."""

    # ---- the parts ----

    @property
    def _n_spiking(self) -> int:
        return self.net.n if self.net.neuron.spiking else 0

    def _parts(self) -> Iterator[tuple[str, Part]]:
        net, inputs = self.net, self.net.neuron.inputs
        n, n_inputs = net.n, net.n_inputs
        rates = Variable(NEURONS, "r")
        yield NEURONS, self._units()
        yield TARGET, Samples(net.n_outputs)
        if n_inputs:
            yield INPUTS, Samples(n_inputs)
            target = Variable(NEURONS, inputs["external"])
            yield INPUT, Map(Variable(INPUTS, "value"), n_inputs, n, target, when="start")
        if net.recurrent is not None:
            yield from self._static(net.recurrent)
        if net.plastic is not None:
            target = self._plastic_input
            count = None if is_dense(net.plastic.kernel) else len(net.plastic.kernel)
            when = "end" if net.neuron.spiking else "start"  # spiking neurons take the currents of the step before
            yield PLASTIC, Map(rates, n, n, target, count, learned=True, when=when)
            if self._present_input == "z_now":
                target = Variable(NEURONS, "z_now")
                plain = net.plastic.factor is None and not net.plastic.divide_by_source
                kept = plain and count is None and (when, net.plastic.when) == ("start", "end")
                yield PLASTIC_NOW, Map(rates, n, n, target, count, weights_of=PLASTIC, kept=kept)
        if net.output_kernel is not None:
            if net.traces is not None:
                yield from self._trace_parts(net.traces)
                rates = Variable(TRACES, "s")
            yield READOUT, Map(rates, net.n_read, net.n_outputs, learned=True)
        if net.target_network is not None:
            yield from self._target_parts(net.target_network)
        yield from ((name, rule) for name, (rule, _, _) in self.rules.items())
        if net.feedback_kernel is not None:
            target = Variable(NEURONS, inputs["feedback"])
            yield FEEDBACK, Map(Variable(READOUT, "z"), net.n_outputs, n, target, order=3)
        if self.spikes_of:
            yield SPIKES, SpikeRecord(NEURONS, self.spikes_of)
        yield OUTPUT, VariableRecord(self.output_variable)
        for name, indices in sorted(self.record.variables.items()):
            everyone = indices == tuple(range(n))  # many numbers, which tell one program from another
            chosen = None if everyone else indices
            yield recorded(name), VariableRecord(Variable(NEURONS, name), chosen, self.record.dtype)

    @property
    def output_variable(self) -> Variable:
        """Where the output stands."""
        net = self.net
        if net.output_kernel is not None:
            return Variable(READOUT, "z")
        compares_rates = net.plastic is not None and re.search(r"\br\b", net.plastic.expression)
        if net.plastic is None or compares_rates:
            return Variable(NEURONS, "r")
        return self._plastic_input

    @property
    def _plastic_input(self) -> Variable:
        net = self.net
        name = net.neuron.inputs["recurrent"]
        return Variable(NEURONS, name if net.recurrent is None and net.synapse is None else f"{name}_plastic")

    def _units(self) -> Units:
        net, neuron = self.net, self.net.neuron
        unit, inputs = unit_of(neuron), neuron.inputs
        lines, filters, exact, reset = [neuron.equations, *neuron.without_more_inputs], [], [], neuron.reset
        if net.synapse is None:
            lines.append("r : 1")
        else:
            rate, spike = net.synapse.instance("r", "r", "1")
            current, _ = net.synapse.instance(net.static_input, "rec", unit)
            lines += [rate, current, "rate_time : second (shared, constant)"]
            filters = [*net.synapse.named("r", "r").values(), *net.synapse.named(net.static_input, "rec").values()]
            exact = filters if net.synapse.exact else []
            reset = "\n".join([reset, *(f"{v} += rate_time*({amount})" for v, amount in spike.items())])
        lines += self._recurrent_lines(unit)
        for kind, used in (("feedback", net.feedback_kernel is not None), ("external", net.n_inputs > 0)):
            if kind in inputs:
                lines.append(f"{inputs[kind]} : {unit}{'' if used else ' (shared)'}")
        if self._present_input == "z_now":
            lines.append(f"z_now : {unit}")
        if "unit" in self._expression:
            lines.append(f"unit : {unit} (shared, constant)")
        states = (*neuron.state_variables, *(filters or ["r"]))
        if net.feedback_kernel is not None:
            states = (*states, inputs["feedback"])
        if net.plastic is not None and neuron.spiking:
            states = (*states, self._plastic_input.name)
        return Units(
            n=net.n,
            equations="\n".join(with_seed(lines, *neuron.code)),
            parameters=tuple((name, q.dimension) for name, q in net.parameter_values.items()),
            states=states,
            method=neuron.method,
            filters=tuple(exact),
            threshold=neuron.threshold,
            refractory=neuron.refractory,
            reset=reset,
            rate="" if neuron.spiking else f"r = {rate_expression(neuron, net.activation)}",
            files=(neuron.name,) if net.synapse is None else (neuron.name, net.synapse.name),
        )

    def _trace_parts(self, traces: Traces) -> Iterator[tuple[str, Part]]:
        n = len(traces)
        equations = "ds/dt = -s/tau : 1\ntau : second (constant)"
        yield TRACES, Units(n, equations, parameters=(), states=("s",), filters=("s",))
        yield TRACE_SPIKES, SpikeInput((NEURONS,), self.net.n, n, Variable(TRACES, "s"))

    def _recurrent_lines(self, unit: str) -> list[str]:
        net = self.net
        name = net.neuron.inputs["recurrent"]
        if net.plastic is None:
            return [f"{name} : {unit}"] if net.synapse is None else []
        if net.recurrent is None and net.synapse is None:
            return [f"{name} : {unit}"]
        lines = [f"{name} = {name}_static + {name}_plastic : {unit}", f"{name}_plastic : {unit}"]
        return lines if net.synapse is not None else [*lines, f"{name}_static : {unit}"]

    def _static(self, kernel: SparseKernel) -> Iterator[tuple[str, Part]]:
        net = self.net
        if net.synapse is None:
            count = None if is_dense(kernel) else len(kernel)
            target = Variable(NEURONS, net.static_input)
            yield RECURRENT, Map(Variable(NEURONS, "r"), net.n, net.n, target, count, when="start")
            return
        for name, (variable, _) in self._static_inputs(net.synapse).items():
            yield name, SpikeInput((NEURONS,), net.n, net.n, Variable(NEURONS, variable))

    def _static_inputs(self, synapse: SynapticFilter) -> dict[str, tuple[str, str]]:
        """Name the parts that bring spikes into the variables of the filter; each with its variable and amount."""
        _, spike = synapse.instance(self.net.static_input, "rec", "1")
        return {RECURRENT if not k else f"{RECURRENT}_{k}": added for k, added in enumerate(spike.items())}

    @property
    def _present_input(self) -> str:
        """Name of the variable of the plastic input that this step's rates bring, if it is needed."""
        if "z_now" not in self._expression:
            return ""
        return self._plastic_input.name if self.net.neuron.spiking else "z_now"

    @property
    def _expression(self) -> str:
        return "" if self.net.plastic is None else self.net.plastic.expression

    def _target_parts(self, target: TargetNetwork) -> Iterator[tuple[str, Part]]:
        net, neuron, n = self.net, target.neuron, self.net.n
        inputs = neuron.inputs
        unit = unit_of(net.neuron)
        lines = [
            neuron.equations,
            *neuron.without_more_inputs,
            "r : 1",
            "z_now : 1",
            f"scale : {unit} (shared, constant)",
        ]
        outside = {"target_feedback": "driven"} | ({"target_hint": "hint"} if target.hint_kernel is not None else {})
        lines += [f"{name} : 1" for name in (inputs["recurrent"], *outside.values())]
        lines.append(f"{inputs['feedback']} = {' + '.join(outside.values())} : 1")
        lines.append(f"{inputs['external']} : 1{'' if target.input_kernel is not None else ' (shared)'}")
        yield (
            TARGET_NEURONS,
            Units(
                n=n,
                equations="\n".join(with_seed(lines, *neuron.code)),
                parameters=tuple((name, q.dimension) for name, q in self._target_parameters(target).items()),
                states=(*neuron.state_variables, "r"),
                method=neuron.method,
                rate=f"r = {rate_expression(neuron, target.activation)}",
                files=(neuron.name,),
            ),
        )
        rates, there = Variable(TARGET_NEURONS, "r"), TARGET_NEURONS
        yield TARGET_RECURRENT, Map(rates, n, n, Variable(there, inputs["recurrent"]), when="start")
        now = Variable(there, "z_now")
        yield TARGET_RECURRENT_NOW, Map(rates, n, n, now, weights_of=TARGET_RECURRENT, kept=True)
        supervisor, external = Variable(TARGET, "value"), Variable(INPUTS, "value")
        yield TARGET_FEEDBACK, Map(supervisor, net.n_outputs, n, Variable(there, "driven"), when="start")
        if target.hint_kernel is not None:
            yield TARGET_HINT, Map(external, net.n_inputs, n, Variable(there, "hint"), when="start")
        if target.input_kernel is not None:
            yield TARGET_INPUT, Map(external, net.n_inputs, n, Variable(there, inputs["external"]), when="start")
        if target.output_kernel is not None:
            yield TARGET_READOUT, Map(rates, n, net.n_outputs, learned=True)

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, Blocks, Learning]]:
        """The rules by name, with their blocks and schedules; maps of one rule share P."""
        net, plastic = self.net, self.net.plastic
        rules: dict[str, tuple[Rule, Blocks, Learning]] = {}
        dense = [np.arange(net.n, dtype=np.int32)]
        read = [np.arange(net.n_read, dtype=np.int32)]
        learned: list[tuple[str, Learning, str, list[np.ndarray]]] = []
        if net.learning is not None:
            learned.append((READOUT, net.learning, "z - y", read * net.n_outputs))
        if plastic is not None:
            learned.append((PLASTIC, plastic.learning, plastic.expression, _partners(plastic.kernel)))
        for group in [learned] if net.shares_P else [[item] for item in learned]:
            name = RULE if group[0][0] == READOUT else PLASTIC_RULE
            rules[name] = self._rule(group)
        target = net.target_network
        if target is not None and target.learning is not None:
            group = [(TARGET_READOUT, target.learning, "z - y", dense * net.n_outputs)]
            rules[TARGET_RULE] = self._rule(group)
        return rules

    def _rule(self, group: list[tuple[str, Learning, str, list[np.ndarray]]]) -> tuple[Rule, Blocks, Learning]:
        net = self.net
        blocks = Blocks.of([partners for *_, partners in group])
        names = tuple(name for name, *_ in group)
        errors = tuple(error for _, _, error, _ in group)
        known = {name: Variable(NEURONS, name) for name in ("r", "unit")} | {
            "z_now": Variable(NEURONS, self._present_input)
        }
        if net.output_kernel is not None:
            known["z_out"] = Variable(READOUT, "z")
        if net.target_network is not None:
            hint = " + target_hint" if net.target_network.hint_kernel is not None else ""
            errors = tuple(re.sub(r"\bz_target\b", _Z_TARGET.format(hint=hint), error) for error in errors)
            there = {"target_scale": "scale", "target_recurrent": "z_now", "target_feedback": "driven"}
            for key, name in (there | {"target_hint": "hint"}).items():
                known[key] = Variable(TARGET_NEURONS, name)
        used = {word for error in errors for word in re.findall(r"[A-Za-z_]\w*", error)}
        plastic = net.plastic if PLASTIC in names else None
        rule = Rule(
            maps=names,
            errors=errors,
            variables=tuple((key, variable) for key, variable in known.items() if key in used),
            target=Variable(TARGET, "value") if "y" in used else None,
            blocks=blocks.totals,
            factors=tuple(name == PLASTIC and plastic is not None and plastic.factor is not None for name in names),
            divide_by_source=plastic is not None and plastic.divide_by_source,
            when="end" if plastic is None else plastic.when,
        )
        return rule, blocks, group[0][1]

    # ---- the values ----

    def values(self) -> dict[str, Any]:
        """Return parameters, fixed weights, masks and schedule of the declaration, in SI units."""
        net = self.net
        scale = net.current_scale
        values: dict[str, Any] = entries(NEURONS, {name: float(q.value) for name, q in net.parameter_values.items()})
        if net.synapse is not None:
            values[entry(NEURONS, "rate_time")] = rate_time(net.neuron)
        if "unit" in self._expression:
            values[entry(NEURONS, "unit")] = scale
        if net.feedback_kernel is not None:
            values[entry(FEEDBACK, "w")] = (net.feedback_kernel.T * scale).ravel()
        if net.input_kernel is not None:
            values[entry(INPUT, "w")] = (net.input_kernel.T * scale).ravel()
        if net.recurrent is not None:
            values |= self._static_values(net.recurrent, scale)
        if net.plastic is not None and not is_dense(net.plastic.kernel):
            values |= kernel_values(PLASTIC, net.plastic.kernel, scale)
            del values[PLASTIC_WEIGHTS]
        for name, (rule, blocks, learning) in self.rules.items():
            values |= rule_values(name, rule, learning, blocks, net.seed)
        if net.plastic is not None and net.plastic.factor is not None:
            learns = next(name for name, (rule, _, _) in self.rules.items() if PLASTIC in rule.maps)
            at = self.rules[learns][0].maps.index(PLASTIC)
            kernel = net.plastic.kernel
            order = kernel.row_order()
            values[entry(learns, f"factor_{at}")] = net.plastic.factor[kernel.pre, kernel.post][order]
        if net.target_network is not None:
            values |= self._target_values(net.target_network, scale)
        if net.traces is not None:
            places = np.arange(net.n_read)
            kernel = SparseKernel(net.n, net.traces.neuron, places, np.ones(net.n_read), net.n_read)
            values |= spike_values(TRACE_SPIKES, kernel, 1.0, 1.0) | {entry(TRACES, "tau"): net.traces.tau}
        return values | self.recording_values()

    def _static_values(self, kernel: SparseKernel, scale: float) -> dict[str, Any]:
        net = self.net
        if net.synapse is None:
            values = kernel_values(RECURRENT, kernel, scale)
            return entries(RECURRENT, {"w": values[entry(RECURRENT, "w")]}) if is_dense(kernel) else values
        values = {}
        for name, (_, amount) in self._static_inputs(net.synapse).items():
            jump = evaluate(amount, net.synapse.name, net.parameter_values).value * rate_time(net.neuron)
            values |= spike_values(name, kernel, scale, float(jump))
        return values

    def _target_parameters(self, target: TargetNetwork) -> dict[str, Quantity]:
        return parameter_values("TargetNetwork", target.neuron, [], target.parameters, self.net.dt)

    def _target_values(self, target: TargetNetwork, scale: float) -> dict[str, Any]:
        parameters = {name: float(q.value) for name, q in self._target_parameters(target).items()}
        values: dict[str, Any] = entries(TARGET_NEURONS, parameters)
        values[entry(TARGET_NEURONS, "scale")] = target.scale * scale
        for name, kernel in (
            (TARGET_RECURRENT, target.recurrent_kernel),
            (TARGET_FEEDBACK, target.target_kernel),
            (TARGET_HINT, target.hint_kernel),
            (TARGET_INPUT, target.input_kernel),
        ):
            if kernel is not None:
                values[entry(name, "w")] = kernel.T.ravel()
        return values

    def _declared_state(self) -> dict[str, Any]:
        net = self.net
        state: dict[str, Any] = {STEP: 0}
        state |= entries(NEURONS, net.initial_values)
        if net.output_kernel is not None:
            state[READOUT_WEIGHTS] = net.output_kernel.T.ravel()
            if net.synapse is None:
                state[READOUT_OUTPUT] = net.initial_values["r"] @ net.output_kernel
        if net.plastic is not None:
            state[PLASTIC_WEIGHTS] = kernel_values(PLASTIC, net.plastic.kernel, net.current_scale)[PLASTIC_WEIGHTS]
        if net.target_network is not None:
            state |= self._declared_target_state(net.target_network)
        return state

    def _declared_target_state(self, target: TargetNetwork) -> dict[str, Any]:
        net, parameters = self.net, self._target_parameters(target)
        states = dict.fromkeys([*target.neuron.state_variables, "r"], DIMENSIONLESS)
        rng = np.random.default_rng([net.seed, 3])
        found = initial_values("TargetNetwork", target.neuron, target.initial, states, parameters, net.n, net.dt, rng)
        if "r" not in found:
            r = rates_of(target.neuron, target.activation, found, parameters)
            found["r"] = np.broadcast_to(r, (net.n,)).copy()
        state = entries(TARGET_NEURONS, found)
        if target.output_kernel is not None:
            state[TARGET_READOUT_WEIGHTS] = target.output_kernel.T.ravel()
        return state

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's.

        Raises
        ------
        UnknownNameError, InvalidValueError
            If `given` has unknown names or shapes.
        """
        given = {} if given is None else check_state(given, self.circuit)
        state = self._declared_state() | given
        net = self.net
        if net.feedback_kernel is not None and READOUT_OUTPUT in state:
            feedback = entry(NEURONS, net.neuron.inputs["feedback"])
            if feedback not in given:
                state[feedback] = np.ravel(state[READOUT_OUTPUT]) @ net.feedback_kernel * net.current_scale
        return state

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the learned kernels after a run, each from row to column, as they were declared."""
        net, found = self.net, {}
        if net.output_kernel is not None:
            found["output_kernel"] = arrays[READOUT_WEIGHTS].reshape(net.n_outputs, net.n_read).T.copy()
        if net.plastic is not None:
            kernel = net.plastic.kernel
            order = kernel.row_order()
            dense = np.zeros((net.n, net.n))
            dense[kernel.pre[order], kernel.post[order]] = arrays[PLASTIC_WEIGHTS] / net.current_scale
            found["recurrent_kernel"] = dense
        return found


def with_seed(lines: list[str], *code: str) -> list[str]:
    """Return equations that declare the seed of the noise, if they or other code of the units use it."""
    uses = any(re.search(rf"\b{SEED}\b", text) for text in (*lines, *code))
    return [*lines, f"{SEED} : integer (shared, constant)"] if uses else lines


def check_state(given: Mapping[str, Any], circuit: Circuit) -> dict[str, Any]:
    """Return a state given to a run, with its step.

    Raises
    ------
    InvalidTypeError, UnknownNameError, InvalidValueError
        If it is no state of this circuit.
    """
    if not isinstance(given, Mapping):
        raise InvalidTypeError(message("Simulation.state", "the state of a run (results.state)", type(given).__name__))
    sizes = {**circuit.state_sizes, STEP: 1}
    state: dict[str, Any] = {}
    for name, values in given.items():
        if name not in sizes:
            raise unknown_name("Simulation.state", "state variable", name, sizes)
        array = values if type(values) in (np.ndarray, np.memmap) else None
        if array is None or array.dtype.kind not in "iuf":
            array = numbers(f"Simulation.state[{name!r}]", values, "finite numbers")
        if not all_finite(array):
            raise InvalidValueError(message(f"Simulation.state[{name!r}]", "finite numbers", values))
        if array.size != sizes[name]:
            raise InvalidValueError(
                message(
                    f"Simulation.state[{name!r}]", f"{sizes[name]} values", array.shape, "use a state of this network."
                )
            )
        state[name] = array
    if STEP in state:
        state[STEP] = check_steps("Simulation.state['step']", np.ravel(state[STEP])[0], 0)
    for rule, part in circuit.of(Rule).items():
        if entry(rule, "P_packed") in given:
            blocks = part.blocks.blocks
            plain = {"P_scale": np.ones(blocks), "fresh": np.zeros(1, np.int32)}
            state = entries(rule, plain) | state
        pending = np.ravel(state.get(entry(rule, "pending"), 0))
        most = part.blocks.pending_c
        if not np.all((pending >= 0) & (pending <= most)):
            raise InvalidValueError(message(f"Simulation.state['{rule}.pending']", f"0 to {most}", pending))
    return state
