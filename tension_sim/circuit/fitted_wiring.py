"""FittedNetwork -> circuit, and the values its runs start from.

Within a step: targets, inputs -> learning, from the rates and currents that the step before
left -> v, rates and filters advance -> threshold -> spikes add to the filters -> records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..declare.equations import SEED, rate_time, unit_of
from ..declare.fitted import ERRORS, FittedNetwork
from ..declare.learning import Learning
from ..declare.units import evaluate
from .blocks import Blocks
from .declared import Wiring, noise_seed
from .names import (
    FEEDFORWARD,
    FEEDFORWARD_RATE,
    INPUT,
    INPUTS,
    NEURONS,
    PLASTIC,
    PLASTIC_WEIGHTS,
    RATES,
    RECURRENT,
    RULE,
    SPIKES,
    STEP,
    TARGET,
    entries,
    entry,
    recorded,
)
from .parts import Map, Part, Rule, Samples, SpikeInput, SpikeRecord, Units, Variable, VariableRecord
from .state import check_state
from .units import with_seed
from .values import rule_values, spike_values

__all__ = ["FittedWiring"]

_FIRES = f"standard_uniform({SEED}, t_in_timesteps, i) < rate*dt"


class FittedWiring(Wiring[FittedNetwork]):
    """A `FittedNetwork` as a circuit, with the values and states of its runs."""

    @property
    def sample_units(self) -> dict[str, str]:
        """Units in which plain samples of a run count: targets are currents."""
        return {"y": self.net.neuron.current_unit, "rates": "hertz"}

    @property
    def _n_spiking(self) -> int:
        return self.net.n

    def _parts(self) -> Iterator[tuple[str, Part]]:
        net = self.net
        n, unit = net.n, unit_of(net.neuron)
        rate, spike = net.plastic_filter.instance("r", "r", "1")
        yield NEURONS, self._neurons(unit, rate, spike)
        if net.n_feedforward:
            (jump,) = (f"{v} += rate_time*({amount})" for v, amount in spike.items())
            parameters = {name: net.parameter_values[name].dimension for name in net.plastic_filter.parameters}
            lines = [rate, "rate : hertz", "rate_time : second (shared, constant)"]
            yield (
                FEEDFORWARD,
                Units(
                    n=net.n_feedforward,
                    equations="\n".join([*lines, f"{SEED} : integer (shared, constant)"]),
                    parameters=tuple(parameters.items()),
                    states=tuple(net.plastic_filter.named("r", "r").values()),
                    filters=self._exact_rates,
                    threshold=_FIRES,
                    reset=jump,
                    files=(net.plastic_filter.name,),
                ),
            )
            yield RATES, Samples(net.n_feedforward)
            target = Variable(FEEDFORWARD, "rate")
            one = net.n_feedforward
            yield FEEDFORWARD_RATE, Map(Variable(RATES, "value"), one, one, target, one, when="start")
        yield TARGET, Samples(n)
        if net.input_kernel is not None:
            yield INPUTS, Samples(net.n_inputs)
            target = Variable(NEURONS, net.neuron.inputs["external"])
            count = len(net.input_kernel)
            yield INPUT, Map(Variable(INPUTS, "value"), net.n_inputs, n, target, count, when="start")
        if net.recurrent is not None:
            yield RECURRENT, SpikeInput((NEURONS,), n, n, Variable(NEURONS, self._jumps["static"][0]))
        sources = (NEURONS, FEEDFORWARD) if net.n_feedforward else (NEURONS,)
        target = Variable(NEURONS, self._jumps["plastic"][0])
        yield PLASTIC, SpikeInput(sources, net.n_sources, n, target, trace="r", count=len(net.plastic))
        yield from ((name, rule) for name, (rule, _, _) in self.rules.items())
        if self.spikes_of:
            yield SPIKES, SpikeRecord(NEURONS, self.spikes_of)
        for name, indices in sorted(self.record.variables.items()):
            yield recorded(name), VariableRecord(Variable(NEURONS, name), indices, self.record.dtype)

    @property
    def _exact_rates(self) -> tuple[str, ...]:
        synapse = self.net.plastic_filter
        return tuple(synapse.named("r", "r").values()) if synapse.exact else ()

    @cached_property
    def _jumps(self) -> dict[str, tuple[str, float]]:
        """The variable that a spike adds to, and how much for a weight of 1, for both kinds of synapses."""
        net, found = self.net, {}
        for kind, synapse in (("static", net.synapse), ("plastic", net.plastic_filter)):
            _, spike = synapse.instance(f"I_{kind}", kind, "1")
            ((variable, amount),) = spike.items()
            jump = evaluate(amount, synapse.name, net.parameter_values).value * rate_time(net.neuron)
            found[kind] = variable, float(jump)
        return found

    def _neurons(self, unit: str, rate: str, spike: Mapping[str, str]) -> Units:
        net, neuron = self.net, self.net.neuron
        inputs = neuron.inputs
        lines, exact = [neuron.equations, *neuron.without_more_inputs, rate], list(self._exact_rates)
        states: list[str] = []
        states += net.plastic_filter.named("r", "r").values()
        for kind, synapse in (("static", net.synapse), ("plastic", net.plastic_filter)):
            lines.append(synapse.instance(f"I_{kind}", kind, unit)[0])
            names = synapse.named(f"I_{kind}", kind).values()
            states += names
            exact += names if synapse.exact else []
        shared = "" if net.n_inputs else " (shared)"
        lines += [
            f"{inputs['recurrent']} = I_static + I_plastic : {unit}",
            f"{inputs['external']} : {unit}{shared}",
            f"{inputs['feedback']} : {unit} (shared)",
            f"unit : {unit} (shared, constant)",
            "rate_time : second (shared, constant)",
        ]
        return Units(
            n=net.n,
            equations="\n".join(with_seed(lines, *neuron.code)),
            parameters=tuple((name, q.dimension) for name, q in net.parameter_values.items()),
            states=(*neuron.state_variables, *states),
            method=neuron.method,
            filters=tuple(exact),
            threshold=neuron.threshold,
            refractory=neuron.refractory,
            reset="\n".join([neuron.reset, *(f"{v} += rate_time*({amount})" for v, amount in spike.items())]),
            files=(neuron.name, net.synapse.name),
        )

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each neuron's plastic weights begin, their sources, and the weights."""
        return self.net.plastic.incoming()

    @cached_property
    def slots(self) -> np.ndarray:
        """Where each weight of ``net.plastic`` lies in the state, which holds them by neurons and then by sources."""
        return self.net.plastic.slots()

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, Blocks, Learning]]:
        """The rule, with its blocks and schedule."""
        net = self.net
        if net.learning is None:
            return {}
        row_start, partner, _ = self._rows
        blocks = Blocks.of([np.split(partner, row_start[1:-1])])
        external = net.neuron.inputs["external"]
        known = {"static_input": "I_static", "external_input": external, "unit": "unit"}
        error = ERRORS.get(net.error, net.error)
        rule = Rule(
            maps=(PLASTIC,),
            errors=(error,),
            variables=tuple((key, Variable(NEURONS, name)) for key, name in known.items() if key in error),
            target=Variable(TARGET, "value"),
            blocks=blocks.totals,
            signs=net.signs is not None,
            grouped=net.alpha_P is not None or net.groups is not None,
            n_sources=net.n_sources,
            when="start",
            order=4,
        )
        return {RULE: (rule, blocks, net.learning)}

    def values(self) -> dict[str, Any]:
        """Return parameters, fixed weights, masks and schedule of the declaration, in SI units."""
        return dict(self._values)

    @cached_property
    def _values(self) -> dict[str, Any]:
        net = self.net
        scale = net.current_scale
        values: dict[str, Any] = entries(NEURONS, {name: float(q.value) for name, q in net.parameter_values.items()})
        values |= entries(NEURONS, {"rate_time": rate_time(net.neuron), "unit": scale})
        for name in net.plastic_filter.parameters if net.n_feedforward else ():
            values[entry(FEEDFORWARD, name)] = values[entry(NEURONS, name)]
        if net.n_feedforward:
            one = np.arange(net.n_feedforward + 1)
            values[entry(FEEDFORWARD, "rate_time")] = rate_time(net.neuron)
            each_its_own = {"w": np.ones(len(one) - 1), "partner": one[:-1], "row_start": one}
            values |= entries(FEEDFORWARD_RATE, each_its_own)
        if net.input_kernel is not None:
            start, pre, weight = net.input_kernel.incoming()
            values |= entries(INPUT, {"row_start": start, "partner": pre, "w": weight * scale})
        for name, kind, kernel in ((RECURRENT, "static", net.recurrent), (PLASTIC, "plastic", net.plastic)):
            if kernel is not None:
                values |= spike_values(name, kernel, scale, self._jumps[kind][1])
        start, _, weight = self._rows
        values |= entries(PLASTIC, {"row_start": start, "slot": self.slots, "w": weight * scale})
        for name, (rule, blocks, learning) in self.rules.items():
            values |= rule_values(name, rule, learning, blocks, net.seed) | self._penalties(name, learning)
        return values | self.recording_values()

    def _penalties(self, name: str, learning: Learning) -> dict[str, Any]:
        net, found = self.net, {}
        if net.signs is not None:
            found["sign"] = net.signs
        if net.alpha_P is not None or net.groups is not None:
            found["alpha_P"] = np.full(net.n_sources, learning.alpha_P) if net.alpha_P is None else net.alpha_P
        if net.groups is not None and net.row_sum is not None:
            # the last place is that of no group, -1
            found |= {"group_of": net.groups, "row_sum": np.append(net.row_sum, 0.0)[net.groups]}
        elif net.alpha_P is not None:
            found |= {"group_of": np.full(net.n_sources, -1), "row_sum": np.zeros(net.n_sources)}
        return entries(name, found)

    def noise(self, trial: int) -> dict[str, Any]:
        """Return the seeds of all that is random within a run."""
        units = self.circuit.of(Units)
        return {
            entry(name, SEED): noise_seed(self.net.seed + k, trial)
            for k, name in enumerate((FEEDFORWARD, NEURONS))
            if name in units and SEED in units[name].equations
        }

    def initial_state(self, given: Mapping[str, Any] | None, trial: int = 0) -> dict[str, Any]:
        """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's."""
        net = self.net
        initial = net.initial_values if trial == 0 else net.draw_initial(trial)
        state: dict[str, Any] = {STEP: 0} | entries(NEURONS, initial)
        return state | ({} if given is None else check_state(given, self.circuit))

    def weights(self, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the plastic weights after a run, in the order of ``net.plastic``."""
        return {PLASTIC: arrays[PLASTIC_WEIGHTS][self.slots] / self.net.current_scale}
