"""The declaration of a network of populations, projections and readouts. No engine, numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..converted import Converted, Declared, Number, declared
from ..declaration import DTYPES
from ..delays import delays_by_source, steps_of
from ..described import Described
from ..kernels import SparseKernel
from ..language.code import check_error_code
from ..units import Dimension, dimension_of, evaluate
from ..validation import check_choice, check_matrix, check_positive, check_table, check_whole
from ..values import initial_values, seconds, shown_in
from .connector import Connector, drawn_numbers
from .equations import PopulationEquations
from .naming import check_part_name, check_variable_name, words
from .population import Population
from .projection import Projection
from .readout import Readout
from .weights import kernel_of

__all__ = ["Network"]

_SIEMENS = dimension_of("siemens", "")


@declared(repr=False)
class Network(Described, Declared):
    """Populations of spiking neurons, projections between them, and readouts; weights of both may learn.

    Neurons are numbered through all populations, in the order of their declaration.

    Attributes
    ----------
    populations : mapping of str to Population
        By their names.
    projections : sequence of Projection
        Synapses between them.
    readouts : mapping of str to Readout
        Outputs by their names. Outputs and supervisor of a run have the columns of all readouts, one
        after the other.
    dt : float
        Time step in seconds, or as text with unit.
    dtype : str
        ``"float64"`` or ``"float32"``.
    seed : int
        Seed of initial values, noise and random updates; the same network on every target.

    Raises
    ------
    UnknownNameError, InvalidTypeError, InvalidValueError, UnitsError
        If parts do not fit together; nothing is built before.

    Examples
    --------
    >>> net = Network(
    ...     dt="0.1*ms",
    ...     populations={"exc": Population("izhikevich", 80), "inh": Population("lif", 20)},
    ...     projections=[Projection("exc", "inh", weights=np.full((80, 20), 0.1), sign=1)],
    ...     readouts={"z": Readout(["exc", "inh"], np.zeros((100, 1)))},
    ... )
    >>> net
    Network(populations={'exc': 80, 'inh': 20}, projections=1, readouts={'z': 1}, dt=0.0001, dtype='float64', seed=0)
    """

    populations: Mapping[str, Population]
    projections: Sequence[Projection] = ()
    readouts: Mapping[str, Readout] = field(default_factory=dict)
    dt: Converted[float, Number] = Converted(1e-4)
    dtype: str = "float64"
    seed: int = 0

    def __post_init__(self) -> None:
        self._put("dt", check_positive("Network.dt", seconds("Network.dt", self.dt)))
        check_choice("Network.dtype", self.dtype, DTYPES)
        object.__setattr__(self, "seed", check_whole("Network.seed", self.seed, 0))
        self._check_tables()
        for k, projection in enumerate(self.projections):
            self._check_projection(f"Network.projections[{k}]", projection)
        self._check_names()
        self._check_dale()
        for name, readout in self.readouts.items():
            self._check_readout(f"Network.readouts[{name!r}]", readout)
        for evaluated in ("kernels", "delays", "output_kernels", "feedback_kernels", "initial_values"):
            getattr(self, evaluated)
        for k, projection in enumerate(self.projections):
            if projection.learning is not None:
                self._check_error(k)

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_tables(self) -> None:
        """Check that there are populations, projections and readouts, by names where they have some."""
        for key, kind, check in (
            ("populations", Population, check_part_name),
            ("readouts", Readout, check_variable_name),
        ):
            where, table = f"Network.{key}", getattr(self, key)
            if not isinstance(table, Mapping):
                fix = f'as in {{"exc": {kind.__name__}(...)}}.'
                raise InvalidTypeError(message(where, f"a dictionary of names and {kind.__name__}", table, fix))
            for name, each in table.items():
                check(where, name)
                if not isinstance(each, kind):
                    raise InvalidTypeError(message(f"{where}[{name!r}]", f"a {kind.__name__}", each))
            self._put(key, dict(table))
        if not self.populations:
            raise InvalidValueError(message("Network.populations", "at least one population", {}))
        if not isinstance(self.projections, list | tuple):
            raise InvalidTypeError(message("Network.projections", "a list of Projection", self.projections))
        for k, each in enumerate(self.projections):
            if not isinstance(each, Projection):
                raise InvalidTypeError(message(f"Network.projections[{k}]", "a Projection", each))
        self._put("projections", tuple(self.projections))

    def _check_projection(self, where: str, projection: Projection) -> None:
        for key in ("pre", "post"):
            name = getattr(projection, key)
            if name not in self.populations:
                raise unknown_name(f"{where}.{key}", "population", name, self.populations)
        self.input_of(where, projection.post, projection.into, "recurrent")

    def _check_names(self) -> None:
        taken: dict[str, int] = {}
        for k, name in enumerate(self.projection_names):
            check_part_name(f"Network.projections[{k}].name", name)
            if name in taken or name in self.readouts:
                fix = "give one of them another name."
                raise InvalidValueError(message(f"Network.projections[{k}].name", "a name used once", name, fix))
            taken[name] = k

    def _check_dale(self) -> None:
        """Refuse two signs of one population."""
        signs: dict[str, int] = {}
        for k, each in enumerate(self.projections):
            if each.sign is not None and signs.setdefault(each.pre, each.sign) != each.sign:
                what = f"{signs[each.pre]:+d}, the sign of the other projections of {each.pre!r} (Dale's law)"
                fix = "leave it out where a population has no sign."
                raise InvalidValueError(message(f"Network.projections[{k}].sign", what, each.sign, fix))

    def _check_error(self, k: int) -> None:
        """Refuse an error that names what a learned projection does not have."""
        projection, where = self.projections[k], f"Network.projections[{k}].error"
        used = words(projection.error)
        readouts = [name for name in self.readouts if name in used]
        variables = {*self.equations[projection.post].state_variables, *self.inputs_of(projection.post)}
        known = {"z", "unit", *readouts, *variables, *(["y"] if self.readouts else [])}
        check_error_code(where, projection.error, sorted(known | {*self.readouts}))
        for name in readouts:
            outputs = self.output_kernels[name].shape[1]
            if outputs != 1:
                what = "a readout with one output, which every neuron learns from"
                raise InvalidValueError(message(where, what, f"{name}, with {outputs}"))
        if "y" in used and len(readouts) != 1:
            what = "one readout beside y, which is its supervisor"
            raise InvalidValueError(message(where, what, projection.error, 'as in "unit*(output - y)".'))

    def _check_readout(self, where: str, readout: Readout) -> None:
        for source in readout.sources:
            if source not in self.populations:
                raise unknown_name(f"{where}.sources", "population", source, self.populations)

    def input_of(self, where: str, population: str, into: str | None, role: str) -> str:
        """Return an input of a population; without a name, the one of that role."""
        neuron = self.populations[population].neuron
        if into is None:
            if role not in neuron.inputs:
                fix = f"one of {', '.join(neuron.input_units)}."
                raise InvalidValueError(message(where, f"the name of an input of {neuron.name!r}", into, fix))
            return neuron.inputs[role]
        if into not in neuron.input_units:
            raise unknown_name(where if role == "feedback" else f"{where}.into", f"input of {neuron.name!r}", into,
                               neuron.input_units)  # fmt: skip
        return into

    # ---- sizes and places ----

    @property
    def n(self) -> int:
        """Number of neurons of all populations."""
        return sum(each.n for each in self.populations.values())

    @property
    def n_outputs(self) -> int:
        """Number of outputs of all readouts."""
        return sum(kernel.shape[1] for kernel in self.output_kernels.values())

    @property
    def sizes(self) -> dict[str, int]:
        """Number of neurons of each population, in their order."""
        return {name: each.n for name, each in self.populations.items()}

    @cached_property
    def projection_names(self) -> tuple[str, ...]:
        """A name for each projection."""
        names: list[str] = []
        for each in self.projections:
            name = base = each.name or f"{each.pre}_to_{each.post}"
            number = 1
            while not each.name and name in names:
                number += 1
                name = f"{base}_{number}"
            names.append(name)
        return tuple(names)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The input that each projection brings."""
        return tuple(self.input_of("Network", each.post, each.into, "recurrent") for each in self.projections)

    def inputs_of(self, population: str) -> tuple[str, ...]:
        """Return the names of the inputs of a population."""
        return tuple(self.populations[population].neuron.input_units)

    def is_conductance(self, population: str, into: str) -> bool:
        """Say whether an input is a conductance."""
        return dimension_of(self.populations[population].neuron.input_units[into], into) == _SIEMENS

    def sign_of(self, k: int) -> int | None:
        """Return the sign that the weights of a projection have; None: any. Conductances are never negative."""
        return 1 if self.is_conductance(self.projections[k].post, self.inputs[k]) else self.projections[k].sign

    # ---- weights ----

    @cached_property
    def kernels(self) -> tuple[SparseKernel, ...]:
        """Weights of each projection, in the unit of its input."""
        found = []
        for k, (each, into) in enumerate(zip(self.projections, self.inputs, strict=True)):
            where = f"Network.projections[{k}].weights"
            shape = self.populations[each.pre].n, self.populations[each.post].n
            unit = self.populations[each.post].neuron.input_units[into]
            if isinstance(each.weights, Connector):
                rng = np.random.default_rng([self.seed, 2, k])
                kernel = each.weights.draw(where, shape, unit, each.pre == each.post, rng)
            else:
                kernel = kernel_of(where, each.weights, shape, unit, every_entry=each.learning is not None)
            _check_signs(where, kernel, self.sign_of(k), self.is_conductance(each.post, into), each.sign)
            found.append(kernel)
        return tuple(found)

    @cached_property
    def delays(self) -> tuple[np.ndarray | None, ...]:
        """Delays of each projection in time steps: None, one, or that of each synapse in the order of its kernel."""
        found: list[np.ndarray | None] = []
        for k, (each, kernel) in enumerate(zip(self.projections, self.kernels, strict=True)):
            where, times = f"Network.projections[{k}].delay", each.delay
            if times is None:
                found.append(None)
                continue
            if times.shape == (kernel.n, kernel.n_post):
                times = times[kernel.pre, kernel.post]
            if times.ndim and times.shape != kernel.weight.shape:
                what = f"one time, one for each of {len(kernel)} synapses, or shape ({kernel.n}, {kernel.n_post})"
                raise InvalidValueError(message(where, what, times.shape))
            if times.ndim and each.learning is not None:
                fix = "make a projection for each delay."
                raise InvalidValueError(message(where, "one time, where the weights learn", "an array", fix))
            steps = steps_of(where, times, float(self.dt))
            if steps.ndim:
                delays_by_source(where, kernel, steps)
            found.append(steps)
        return tuple(found)

    @cached_property
    def output_kernels(self) -> dict[str, np.ndarray]:
        """Initial weights of each readout, shape (neurons of its sources, outputs)."""
        found = {}
        for name, each in self.readouts.items():
            n = sum(self.populations[source].n for source in each.sources)
            found[name] = check_table(f"Network.readouts[{name!r}].weights", each.weights, (n, "n_outputs"))
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
                if isinstance(weights, str):
                    weights = drawn_numbers(where, weights, shape, unit, rng)
                found[name, population, into] = check_matrix(where, weights, shape, "n_outputs, n", unit)
        return found

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> Network:
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
        projections = list(self.projections)
        for k, (name, kernel) in enumerate(zip(self.projection_names, self.kernels, strict=True)):
            if name in weights and weights[name].shape == kernel.weight.shape:
                projections[k] = replace(projections[k], weights=replace(kernel, weight=weights[name]))
        return replace(self, readouts=readouts, projections=projections)

    def input_scale(self, population: str, into: str) -> float:
        """Return the SI value of the unit of an input."""
        return float(evaluate(self.populations[population].neuron.input_units[into], into).value)

    # ---- equations and values ----

    @cached_property
    def equations(self) -> dict[str, PopulationEquations]:
        """The equations of each population."""
        return {name: self._equations_of(name, each) for name, each in self.populations.items()}

    def _equations_of(self, name: str, population: Population) -> PopulationEquations:
        connected = list(zip(self.projections, self.inputs, self.projection_names, strict=True))
        arriving = [
            (into, (p.synapse, p.parameters)) for p, into, _ in connected if p.post == name and not p.reads_trace
        ]
        adding = [(into, label) for p, into, label in connected if p.post == name and p.reads_trace]
        adding += [(into, readout) for readout, at, into in self.feedback_kernels if at == name]
        read = [(each.synapse, each.parameters) for each in self.readouts.values() if name in each.sources]
        read += [(p.synapse, p.parameters) for p, _, _ in connected if p.pre == name and p.reads_trace]
        return PopulationEquations(name, population, float(self.dt), arriving, adding, read)

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
                    "parameters": {key: float(q.value) for key, q in self.equations[name].parameters.items()},
                }
                for name, each in self.populations.items()
            }
        }

    def _describe(self) -> dict[str, object]:
        outputs = {name: kernel.shape[1] for name, kernel in self.output_kernels.items()}
        shown: dict[str, object] = {"populations": self.sizes, "projections": len(self.projections)}
        return shown | {"readouts": outputs, "dt": self.dt, "dtype": self.dtype, "seed": self.seed}


def _check_signs(where: str, kernel: SparseKernel, sign: int | None, conductance: bool, declared: int | None) -> None:
    """Refuse weights against their sign: negative conductances, and what breaks the law that was declared."""
    wrong = np.zeros(0) if sign is None else np.flatnonzero(kernel.weight * sign < 0)
    if not len(wrong):
        return
    pre, post, weight = int(kernel.pre[wrong[0]]), int(kernel.post[wrong[0]]), float(kernel.weight[wrong[0]])
    received = f"{weight:g} from neuron {pre} to {post}, the first of {len(wrong)}"
    if conductance:
        fix = "the reversal potential of the input makes a synapse inhibitory."
        raise InvalidValueError(message(where, "conductances of at least 0", received, fix))
    raise InvalidValueError(message(where, f"weights of the sign {declared:+d}", received, "change the sign, or them."))
