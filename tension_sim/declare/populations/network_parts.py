"""What follows from the parts of a network: sizes and places, weights, equations and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...errors import InvalidValueError, message, unknown_name
from ...system.memory import check_memory
from ..converted import Converted, Declared, Number
from ..delays import delays_by_source
from ..delta import is_delta
from ..described import Described
from ..kernels import SparseKernel
from ..neuron import rate_time
from ..parameters import Neurons
from ..poisson import RATE, is_poisson
from ..units import Dimension, dimension_of, evaluate
from ..validation import check_matrix, check_table
from ..values import add_rates, initial_values, shown_in, shown_unit
from .connector import Connector, drawn_numbers, is_one_for_all
from .dale import balanced_together
from .delayed import DelayedTraces, Delays, delay_steps, delays_of_traces, is_of_each
from .equations import Adding, Arriving, PopulationEquations
from .naming import names_present
from .population import Population
from .projection import Projection
from .readout import Readout
from .weights import kernel_of

__all__ = ["SUPERVISOR", "NetworkParts"]

#: Stands for the supervisor of all readouts and outputs where a projection brings it into a population.
SUPERVISOR = "y"

_SIEMENS = dimension_of("siemens", "")


class NetworkParts(Described, Declared):
    """Base class of `Network`: what follows from its fields, once they are checked."""

    if TYPE_CHECKING:
        # what the class declares itself
        populations: Mapping[str, Population]
        projections: Sequence[Projection]
        readouts: Mapping[str, Readout]
        dt: Converted[float, Number]
        dtype: str
        seed: int
        external_inputs: Mapping[str, int]
        outputs: Mapping[str, str]
        targets: Mapping[str, str]
        shared_P: Converted[tuple[tuple[str, ...], ...], Sequence[Sequence[str]]]
        balanced: Converted[tuple[tuple[str, ...], ...], Sequence[Sequence[str]]]

    def input_of(self, where: str, population: str, into: str | None, role: str) -> str:
        """Return an input of a population; without a name, the one of that role."""
        neuron = self.populations[population].neuron
        if into is None:
            if role not in neuron.inputs:
                fix = f"one of {', '.join(neuron.input_units)}."
                raise InvalidValueError(message(where, f"the name of an input of {neuron.name!r}", into, fix))
            return neuron.inputs[role]
        if into not in neuron.input_units:
            place = where if role == "feedback" else f"{where}.into"
            can_jump = role == "recurrent" and into in neuron.changing
            fix = f'with synapse="delta" each spike adds its weight to {into}.' if can_jump else ""
            raise unknown_name(place, f"input of {neuron.name!r}", into, neuron.input_units, fix=fix)
        return into

    def brought_by(self, where: str, projection: Projection) -> str:
        """Return what a projection adds to: an input; of delta synapses, a variable of the neurons."""
        if not is_delta(projection.synapse):
            return self.input_of(where, projection.post, projection.into, "recurrent")
        neuron = self.populations[projection.post].neuron
        into = neuron.membrane if projection.into is None else projection.into
        if into not in neuron.changing:
            what = f"variable of {neuron.name!r} that a spike can add to"
            fix = f"one of {', '.join(neuron.changing)}." if neuron.changing else "it has none."
            raise unknown_name(f"{where}.into", what, into, neuron.changing, fix=fix)
        return into

    def unit_of(self, population: str, into: str) -> str:
        """Return the unit in which plain numbers count that are added to an input, or to a variable."""
        neuron = self.populations[population].neuron
        return neuron.input_units[into] if into in neuron.input_units else shown_unit(neuron.meanings[into].dimension)

    # ---- sizes and places ----

    @property
    def n(self) -> int:
        """Number of neurons of all populations."""
        return sum(each.n for each in self.populations.values())

    @property
    def n_spiking(self) -> int:
        """Number of neurons up to the last of a population that spikes."""
        populations = [*self.populations.items()]
        while populations and not populations[-1][1].neuron.spiking:
            populations.pop()
        return sum(each.n for _, each in populations)

    @cached_property
    def supervised(self) -> dict[str, int]:
        """Number of values of each supervisor: of readouts, of variables that are outputs, and of targets."""
        own = {name: kernel for name, kernel in self.output_kernels.items() if not self.readouts[name].supervisor}
        found = {name: kernel.shape[1] for name, kernel in own.items()}
        observed = {name: at.partition(".")[0] for name, at in self.outputs.items()}
        return found | {name: self.sizes[population] for name, population in {**observed, **self.targets}.items()}

    @property
    def n_outputs(self) -> int:
        """Number of outputs of all readouts and variables."""
        return sum(n for name, n in self.supervised.items() if name not in self.targets)

    @property
    def n_inputs(self) -> int:
        """Number of channels of all external inputs."""
        return sum(self.external_inputs.values())

    def size_of(self, source: str) -> int:
        """Return the number of neurons, channels or values of a source of a projection."""
        if source in self.populations:
            return self.populations[source].n
        return self.external_inputs[source] if source in self.external_inputs else sum(self.supervised.values())

    def n_pre(self, k: int) -> int:
        """Return the number of neurons, channels or values that a projection comes from."""
        return sum(self.size_of(source) for source in self.projections[k].sources)

    @property
    def poisson(self) -> dict[str, int]:
        """Number of units of each population of Poisson units."""
        return {name: each.n for name, each in self.populations.items() if is_poisson(each.neuron)}

    def is_spiking(self, source: str) -> bool:
        """Say whether a source of a projection has spikes."""
        return source in self.populations and self.populations[source].neuron.spiking

    def rate_time_of(self, population: str) -> float:
        """Return one over the unit that rates of a population count in, in seconds; Poisson units have the first's."""
        own = self.populations[population].neuron
        others = (each.neuron for each in self.populations.values() if each.neuron.spiking)
        return rate_time(next((each for each in others if not is_poisson(each)), own) if is_poisson(own) else own)

    def acts_each_step(self, k: int) -> bool:
        """Say whether the weights of a projection act on values in each step, and not on each spike."""
        projection = self.projections[k]
        return not self.is_spiking(projection.sources[0]) or (projection.reads_trace and not projection.at_spikes)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of neurons of each population, in their order."""
        return {name: each.n for name, each in self.populations.items()}

    @cached_property
    def projection_names(self) -> tuple[str, ...]:
        """A name for each projection."""
        names: list[str] = []
        for each in self.projections:
            name = base = each.name or f"{'_'.join(each.sources)}_to_{each.post}"
            number = 1
            while not each.name and name in names:
                number += 1
                name = f"{base}_{number}"
            names.append(name)
        return tuple(names)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The input that each projection brings, or the variable that its spikes add to."""
        return tuple(self.brought_by("Network", each) for each in self.projections)

    def inputs_of(self, population: str) -> tuple[str, ...]:
        """Return the names of the inputs of a population."""
        return tuple(self.populations[population].neuron.input_units)

    def is_conductance(self, population: str, into: str) -> bool:
        """Say whether an input, or a variable, is a conductance."""
        return dimension_of(self.unit_of(population, into), into) == _SIEMENS

    def sign_of(self, k: int) -> int | None:
        """Return the sign that the weights of a projection have; None: any. Conductances are never negative."""
        return 1 if self.is_conductance(self.projections[k].post, self.inputs[k]) else self.projections[k].sign

    def signs_of(self, k: int) -> np.ndarray | None:
        """Return the signs that learned weights of each source keep: those given, or of the rule that draws them."""
        projection = self.projections[k]
        if projection.signs is None and projection.learning is not None and isinstance(projection.weights, Connector):
            return projection.weights.signs(self.n_pre(k))
        return projection.signs

    # ---- weights ----

    @cached_property
    def _given_kernels(self) -> tuple[SparseKernel, ...]:
        """Weights of each projection in their order, in the unit of its input."""
        found = []
        for k, (each, into) in enumerate(zip(self.projections, self.inputs, strict=True)):
            where = f"Network.projections[{k}].weights"
            shape = self.n_pre(k), self.sizes[each.post]
            unit = self.unit_of(each.post, into)
            if isinstance(each.weights, Connector):
                rng = np.random.default_rng([self.seed, 2, k])
                # a run then takes its lists as they are
                outgoing = not self.acts_each_step(k) and not is_of_each(each.delay)
                kernel = each.weights.draw(where, shape, unit, each.pre == each.post, rng, outgoing=outgoing)
            else:
                kernel = kernel_of(where, each.weights, shape, unit, every_entry=each.learning is not None)
            _check_signs(where, kernel, self.sign_of(k), self.is_conductance(each.post, into), each.sign)
            found.append(kernel)
        for group in self.balanced:
            of_group = [self.projection_names.index(name) for name in group]
            scales = [self.input_scale(self.projections[k].post, self.inputs[k]) for k in of_group]
            together = balanced_together("Network.balanced", [found[k] for k in of_group], scales)
            for k, kernel in zip(of_group, together, strict=True):
                found[k] = kernel
        return tuple(found)

    @cached_property
    def kernels(self) -> tuple[SparseKernel, ...]:
        """Weights of each projection, in the unit of its input; where they act at spikes by presynaptic neurons."""
        return tuple(
            kernel.sorted() if each.at_spikes else kernel
            for each, kernel in zip(self.projections, self._given_kernels, strict=True)
        )

    @cached_property
    def delays(self) -> tuple[np.ndarray | None, ...]:
        """Delays of each projection in time steps: None, one, or an array.

        An array has that of each synapse in the order of the kernel; or of each presynaptic neuron, where weights
        act on traces and all synapses of a neuron have one delay.
        """
        return tuple(steps for steps, _ in self._delays)

    @cached_property
    def delayed_traces(self) -> dict[int, DelayedTraces]:
        """The traces at which spikes arrive later, of the projections whose weights act on them or learn from them."""
        return {k: traces for k, (_, traces) in enumerate(self._delays) if traces is not None}

    @cached_property
    def _delays(self) -> list[tuple[np.ndarray | None, DelayedTraces | None]]:
        return [
            (None, None) if each.delay is None else self._delay_of(k, each.delay)
            for k, each in enumerate(self.projections)
        ]

    def _delay_of(self, k: int, delay: Delays) -> tuple[np.ndarray | None, DelayedTraces | None]:
        """Return the delays of a projection, and what its weights act on or learn from."""
        projection, kernel = self.projections[k], self._given_kernels[k]
        where, sizes = f"Network.projections[{k}].delay", {name: self.size_of(name) for name in projection.sources}
        if self.acts_each_step(k):
            traces = delays_of_traces(where, delay, kernel, sizes, float(self.dt))
            of_each = traces.of_synapses(kernel)
            if not np.any(of_each):
                return None, None
            if projection.synapse.presynaptic and not np.all(of_each):
                fix = "leave the delay out, or put synapses without one into a projection of their own."
                what = f"at least a time step for each synapse, since {projection.synapse.name!r} has presynaptic state"
                raise InvalidValueError(message(where, what, "0 of some", fix))
            return traces.delays, traces
        steps = delay_steps(where, delay, kernel, sizes, float(self.dt))
        if not np.any(steps):  # as without delays, on every target
            return None, None
        if not projection.at_spikes:
            return steps, None
        steps = delays_by_source(where, kernel, steps) if steps.ndim else steps
        return steps, DelayedTraces.of(self.kernels[k], steps)

    @cached_property
    def output_kernels(self) -> dict[str, np.ndarray]:
        """Initial weights of each readout, shape (neurons of its sources, outputs)."""
        found = {}
        for k, (name, each) in enumerate(self.readouts.items()):
            n = sum(self.sizes[source] for source in each.sources) if each.traces is None else len(each.traces)
            where = f"Network.readouts[{name!r}]"
            if each.is_drawn:
                check_memory(f"{where}.outputs", 32 * n * (each.outputs or 1), "fewer outputs")
                shape, rng = (n, each.outputs or 1), np.random.default_rng([self.seed, 6, k])
                found[name] = drawn_numbers(f"{where}.weights", each.weights, shape, "1", rng, _numbered(*shape))
                continue
            found[name] = check_table(
                f"{where}.weights", each.weights, (n, "n_outputs" if each.outputs is None else each.outputs)
            )
        return found

    @cached_property
    def feedback_kernels(self) -> dict[tuple[str, str, str], np.ndarray]:
        """Weights of shape (outputs, neurons) by readout, population and input, in the unit of the input."""
        found, rng = {}, np.random.default_rng([self.seed, 4])
        for name, readout in self.readouts.items():
            outputs = self.output_kernels[name].shape[1]
            for given, weights in readout.feedback.items():
                where = f"Network.readouts[{name!r}].feedback[{given!r}]"
                population, _, into = str(given).partition(".")
                if population not in self.populations:
                    raise unknown_name(where, "population", population, self.populations)
                into = self.input_of(where, population, into or None, "feedback")
                cells = self.populations[population]
                unit, shape = cells.neuron.input_units[into], (outputs, cells.n)
                if (name, population, into) in found:
                    raise InvalidValueError(message(where, "one feedback into each input", given))
                if is_one_for_all(weights):
                    weights = drawn_numbers(where, weights, shape, unit, rng, _numbered(*shape[::-1], by_output=True))
                found[name, population, into] = check_matrix(where, weights, shape, "n_outputs, n", unit)
        return found

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> Self:
        """Return the network with other weights of its readouts and learned projections, where they fit.

        Parameters
        ----------
        weights : mapping of str to array
            By readouts, shape (neurons, outputs), and projections, one for each synapse; as ``Results.weights``.
        """
        readouts = dict(self.readouts)
        for name, output_kernel in self.output_kernels.items():
            if name in weights and weights[name].shape == output_kernel.shape:
                readouts[name] = replace(readouts[name], weights=weights[name])
        projections, balanced = list(self.projections), {name for group in self.balanced for name in group}
        for k, (name, kernel) in enumerate(zip(self.projection_names, self.kernels, strict=True)):
            if name in balanced:  # weights that are given are not scaled again, nor those beside them
                projections[k] = replace(projections[k], weights=self._given_kernels[k], name=name)
                projections[k] = replace(projections[k], signs=self.signs_of(k) if projections[k].learning else None)
            if name in weights and weights[name].shape == kernel.weight.shape:
                learned = replace(kernel, weight=weights[name])
                delay = self._delay_of_synapses(k)
                projections[k] = replace(projections[k], weights=learned, delay=delay, signs=self.signs_of(k))
        return replace(self, readouts=readouts, projections=projections, balanced=())

    def _delay_of_synapses(self, k: int) -> Delays | None:
        """Return what a projection has as its delay, in the order of `kernels` where there is one for each synapse."""
        delay, given = self.projections[k].delay, self._given_kernels[k]
        if self.kernels[k] is given or not is_of_each(delay):
            return delay
        return delays_by_source(f"Network.projections[{k}].delay", given, delay)

    def input_scale(self, population: str, into: str) -> float:
        """Return the SI value of the unit of an input, or of a variable."""
        return float(evaluate(self.unit_of(population, into), into).value)

    # ---- equations and values ----

    @cached_property
    def equations(self) -> dict[str, PopulationEquations]:
        """The equations of each population."""
        return {name: self._equations_of(name, each) for name, each in self.populations.items()}

    def _equations_of(self, name: str, population: Population) -> PopulationEquations:
        arriving, adding, read = [], [], []
        for each in self.readouts.values() if population.neuron.spiking else ():
            if name in each.sources and each.traces is None:
                read.append((each.synapse, each.parameters))
        named = list(zip(self.projection_names, self.projections, strict=True))
        present = names_present((label, p.error, p.variables) for label, p in named)
        at_start = names_present((label, p.error, p.variables) for label, p in named if p.when == "start")
        for k, (p, into, label) in enumerate(zip(self.projections, self.inputs, self.projection_names, strict=True)):
            synapse, spikes = (p.synapse, p.parameters), self.is_spiking(p.sources[0])
            if p.post == name and is_delta(p.synapse):
                continue  # spikes add to what the neuron has
            if p.post == name and not self.acts_each_step(k):
                arriving.append(Arriving(into, synapse, *self._filter_names(label)))
            elif p.post == name:
                # what comes of spikes is brought after they are known, and what comes of rates before they advance
                again = label in present and p.pre in self.populations and not spikes
                adding.append(Adding(into, label, spikes, again, again and label in at_start))
            if name in p.sources and spikes and p.reads_trace:
                read.append(synapse)
        if name in self.poisson:
            adding.append(Adding(RATE, "given", kept=False))
        adding += [Adding(into, readout) for readout, at, into in self.feedback_kernels if at == name]
        return PopulationEquations(name, population, float(self.dt), arriving, adding, read, self._neurons(name))

    def _neurons(self, name: str) -> Neurons:
        """Return the neurons of a population, whose parameters are drawn from the seed."""
        known, k = [*self.populations[name].neuron.parameters], [*self.populations].index(name)
        return Neurons(
            self.populations[name].n,
            lambda parameter: np.random.default_rng([self.seed, 5, k, known.index(parameter)]),
        )

    def _filter_names(self, projection: str) -> tuple[str, str]:
        """Return names for the filter at which the spikes of a projection arrive: its output, the others' ending."""
        return "", ""

    @property
    def state_variables(self) -> dict[str, Dimension]:
        """State variables of all populations, by names such as ``"exc.v"``, with their dimensions."""
        return {
            f"{name}.{variable}": dimension
            for name, each in self.equations.items()
            for variable, dimension in each.state_variables.items()
        }

    @cached_property
    def initial_values(self) -> dict[str, dict[str, np.ndarray]]:
        """Initial values of each population in SI units, shape (n,) each; what is not named starts at 0."""
        found = {}
        for k, (name, each) in enumerate(self.populations.items()):
            rng = np.random.default_rng([self.seed, 1, 0, k])
            where, equations = f"Network.populations[{name!r}]", self.equations[name]
            found[name] = initial_values(
                where, each.neuron, each.initial, equations.state_variables, equations.parameters, each.n,
                float(self.dt), rng,
            )  # fmt: skip
            add_rates(each.neuron, each.activation, found[name], equations.parameters, each.n)
        return found

    def display_unit(self, name: str) -> tuple[str, float]:
        """Return the unit in which a recorded variable such as ``"exc.v"`` is shown, and its SI value."""
        population, _, variable = name.partition(".")
        units = self.populations[population].neuron.input_units
        for into, parts in self.equations[population].inputs.items():
            if variable == into or variable in parts:
                return units[into], self.input_scale(population, into)
        return shown_in(self.state_variables[name])

    @property
    def provenance(self) -> dict[str, Any]:
        """Provenance of the network for results."""
        return {
            "populations": {
                name: {
                    "neuron": each.neuron.name,
                    "source": each.neuron.source,
                    "n": each.n,
                    "parameters": {key: _told(q.value) for key, q in self.equations[name].parameters.items()},
                }
                for name, each in self.populations.items()
            }
        }

    def _describe(self) -> dict[str, object]:
        outputs = {name: kernel.shape[1] for name, kernel in self.output_kernels.items()}
        shown: dict[str, object] = {"populations": self.sizes, "projections": len(self.projections)}
        return shown | {"readouts": outputs, "dt": self.dt, "dtype": self.dtype, "seed": self.seed}


def _numbered(n: int, outputs: int, *, by_output: bool = False) -> dict[str, np.ndarray]:
    """Return what expressions of weights may name: numbers of the neuron and of the output, and how many neurons."""
    i, j = np.arange(n)[:, None], np.arange(outputs)[None]
    return {"i": i.T, "j": j.T, "N": np.asarray(n)} if by_output else {"i": i, "j": j, "N": np.asarray(n)}


def _told(value: Any) -> Any:
    """Return the value of a parameter for provenance; of many their range."""
    if np.ndim(value):
        return {"min": float(np.min(value)), "mean": float(np.mean(value)), "max": float(np.max(value))}
    return float(value)


def _check_signs(where: str, kernel: SparseKernel, sign: int | None, conductance: bool, declared: int | None) -> None:
    """Refuse weights against their sign: negative conductances, and what breaks the law that was declared."""
    if sign is None or not len(kernel) or (kernel.weight.min() >= 0 if sign > 0 else kernel.weight.max() <= 0):
        return
    wrong = np.flatnonzero(kernel.weight * sign < 0)
    pre, post, weight = int(kernel.pre[wrong[0]]), int(kernel.post[wrong[0]]), float(kernel.weight[wrong[0]])
    received = f"{weight:g} from neuron {pre} to {post}, the first of {len(wrong)}"
    if conductance:
        fix = "the reversal potential of the input makes a synapse inhibitory."
        raise InvalidValueError(message(where, "conductances of at least 0", received, fix))
    raise InvalidValueError(message(where, f"weights of the sign {declared:+d}", received, "change the sign, or them."))
