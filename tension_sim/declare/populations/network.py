"""The declaration of a network of populations, projections and readouts. No engine, numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from ...errors import InvalidTypeError, InvalidValueError, message, problem, unknown_name
from ..converted import Converted, Number, declared
from ..declaration import DTYPES
from ..delta import is_delta
from ..penalties import KEYS, check_penalties
from ..validation import check_choice, check_matrix, check_positive, check_whole
from ..values import seconds
from .balance import check_balanced
from .connector import Undrawn
from .error_names import check_error
from .naming import check_part_name, check_variable_name
from .network_parts import SUPERVISOR, NetworkParts
from .population import Population
from .projection import Projection
from .readout import Readout
from .sharing import check_shared_P

__all__ = ["Network"]


@declared(repr=False)
class Network(NetworkParts):
    """Populations of neurons and rate units, projections between them, and readouts; weights of both may learn.

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
    external_inputs : mapping of str to int, optional
        Number of channels of each external input, by a name that projections may have as `pre`. The x
        of a run has the columns of all, one after the other.
    outputs : mapping of str to str, optional
        Variables of populations that are outputs, by names of their own, as in ``{"rate": "exc.r"}``.
        They come after the readouts, and have a supervisor of one value for each neuron.
    targets : mapping of str to str, optional
        Populations each of whose neurons has a target of its own, by names that `Projection.supervisor`
        may have. In the supervisor they come after all outputs.
    shared_P : sequence of sequences of str, optional
        Readouts and projections that learn by one rule, so that rows of weights with the same partners
        use one P: names that read the same rates and have the same learning.
    balanced : sequence of sequences of str, optional
        Groups of projections into one population, whose weights rules draw. Inhibitory weights of a group are
        scaled so that all that arrives at a neuron through it sums to zero, as `Connector.balanced` does
        within one projection: no eigenvalue of the matrix then lies outside of its circle.

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
    dt: Converted[float, Number] = Converted(1e-4, "second")
    dtype: str = "float64"
    seed: int = 0
    external_inputs: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    shared_P: Converted[tuple[tuple[str, ...], ...], Sequence[Sequence[str]]] = Converted(())
    balanced: Converted[tuple[tuple[str, ...], ...], Sequence[Sequence[str]]] = Converted(())

    def __post_init__(self) -> None:
        self._put("dt", check_positive("Network.dt", seconds("Network.dt", self.dt)))
        check_choice("Network.dtype", self.dtype, DTYPES)
        object.__setattr__(self, "seed", check_whole("Network.seed", self.seed, 0))
        self._check_tables()
        self._check_external()
        self._check_outputs()
        for k, projection in enumerate(self.projections):
            self._check_projection(f"Network.projections[{k}]", projection)
        self._check_names()
        self._check_dale()
        for name, readout in self.readouts.items():
            self._check_readout(f"Network.readouts[{name!r}]", readout)
        self._put("balanced", check_balanced(self, self.balanced))
        for evaluated in ("kernels", "delays", "output_kernels", "feedback_kernels", "initial_values"):
            getattr(self, evaluated)
        self._check_supervised()
        for k, projection in enumerate(self.projections):
            if projection.learning is not None:
                check_error(self, k)
                self._check_rule(k)
        self._put("shared_P", check_shared_P(self, self.shared_P))

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _table(self, key: str, what: str, fix: str) -> Mapping[str, Any]:
        """Return a field that is to be a dictionary of names."""
        table = getattr(self, key)
        if not isinstance(table, Mapping):
            raise InvalidTypeError(message(f"Network.{key}", f"a dictionary of names and {what}", table, fix))
        return table

    def _check_tables(self) -> None:
        """Check that there are populations, projections and readouts, by names where they have some."""
        for key, kind, check in (
            ("populations", Population, check_part_name),
            ("readouts", Readout, check_variable_name),
        ):
            where = f"Network.{key}"
            table = self._table(key, kind.__name__, f'as in {{"exc": {kind.__name__}(...)}}.')
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

    def _check_external(self) -> None:
        where = "Network.external_inputs"
        found = {}
        for name, channels in self._table("external_inputs", "channels", 'as in {"cue": 2}.').items():
            check_part_name(where, name)
            if name in self.populations:
                raise InvalidValueError(message(where, "names that no population has", name))
            found[name] = check_whole(f"{where}[{name!r}]", channels, 1)
        self._put("external_inputs", found)

    def _check_outputs(self) -> None:
        """Check the names of outputs and targets, and that there are such populations."""
        taken = {*self.readouts}
        for key, what, example in (("outputs", "variable", "exc.r"), ("targets", "population", "exc")):
            where, table = f"Network.{key}", self._table(key, f"{what}s", f'as in {{"rate": "{example}"}}.')
            for name, at in table.items():
                check_variable_name(where, name)
                place = f"{where}[{name!r}]"
                if name in taken:
                    fix = "give one of them another name."
                    raise InvalidValueError(message(place, "a name used once", name, fix))
                taken.add(name)
                if not isinstance(at, str):
                    raise InvalidTypeError(message(place, f"a {what} of the network", at, f'as in "{example}".'))
                population = at.partition(".")[0] if key == "outputs" else at
                if population not in self.populations:
                    raise unknown_name(place, "population", population, self.populations)
            self._put(key, dict(table))

    def _check_supervised(self) -> None:
        """Check the variables that are outputs, and that readouts without a supervisor of their own have one."""
        for name, at in self.outputs.items():
            population, _, variable = at.partition(".")
            equations = self.equations[population]
            where, parts = f"Network.outputs[{name!r}]", equations.inputs.get(variable, [])
            if variable in equations.stored:
                continue
            if variable not in equations.variables:
                raise unknown_name(where, f"variable of {population!r}", variable, equations.stored)
            what = f"a variable of {population!r} that is stored for each neuron"
            fix = f"it is the sum of {' and '.join(parts)}: name one of these." if parts else "nothing comes into it."
            raise InvalidValueError(message(where, what, at, fix))
        for name, readout in self.readouts.items():
            if not readout.supervisor:
                continue
            where, columns = f"Network.readouts[{name!r}].supervisor", self.output_kernels[name].shape[1]
            others = [other for other, each in self.readouts.items() if not each.supervisor]
            if readout.supervisor not in others:
                raise unknown_name(where, "readout that has a supervisor", readout.supervisor, others)
            if columns != self.supervised[readout.supervisor]:
                what = f"a readout with {columns} outputs"
                raise InvalidValueError(message(where, what, f"one with {self.supervised[readout.supervisor]}"))

    def _check_projection(self, where: str, projection: Projection) -> None:
        sources = [*self.populations, *self.external_inputs]
        supervised = bool(self.readouts or self.outputs or self.targets)
        for source in projection.sources:
            if source not in sources and not (source == SUPERVISOR and supervised):
                raise unknown_name(f"{where}.pre", "population", source, sources)
        if projection.post not in self.populations:
            raise unknown_name(f"{where}.post", "population", projection.post, self.populations)
        self.brought_by(where, projection)
        silent = [source for source in projection.sources if not self.is_spiking(source)]
        given: dict[str, Any] = {"delay": projection.delay, "parameters": projection.parameters or None}
        given["at_spikes"] = projection.at_spikes or None
        given["synapse"] = projection.synapse.name if is_delta(projection.synapse) else None
        for key, value in given.items():
            if value is not None and silent:
                raise InvalidValueError(
                    problem(f"{where}.{key}", f"{silent[0]!r} has no spikes", value, f"leave {key} out.")
                )
        if len(projection.sources) > 1:
            self._check_several(where, projection, silent)
        if projection.at_spikes:
            self._check_at_spikes(where, projection)

    def _check_several(self, where: str, projection: Projection, silent: list[str]) -> None:
        """Check a projection from several populations: all spike, and count in one unit."""
        if silent:
            raise InvalidValueError(message(f"{where}.pre", "populations that spike", f"{silent[0]}, which does not"))
        if len({self.rate_time_of(source) for source in projection.sources}) > 1:
            what = "populations whose files have the same rate unit"
            raise InvalidValueError(message(f"{where}.pre", what, projection.pre))

    def _check_at_spikes(self, where: str, projection: Projection) -> None:
        synapse = projection.synapse
        if set(synapse.spike) != {synapse.output}:
            what = "a synapse whose spikes add to its output, where weights learn and act at spikes"
            raise InvalidValueError(message(f"{where}.synapse", what, synapse.name))

    def _check_rule(self, k: int) -> None:
        """Check the options of a learned projection that depend on both of its sides."""
        projection, where = self.projections[k], f"Network.projections[{k}]"
        shape = self.n_pre(k), self.sizes[projection.post]
        if not len(self.kernels[k]) and not isinstance(projection.weights, Undrawn):
            raise InvalidValueError(message(f"{where}.weights", "at least one weight to learn", 0))
        if projection.factor is not None:
            check_matrix(f"{where}.factor", projection.factor, shape, "n_pre, n_post")
        if projection.divide_by_source and projection.pre != projection.post:
            what = "the presynaptic neurons have no weights of this rule, whose P could divide"
            fix = "leave divide_by_source out."
            raise InvalidValueError(problem(f"{where}.divide_by_source", what, True, fix))
        traces = self.delayed_traces.get(k)
        if projection.divide_by_source and traces is not None and traces.of_synapse is not None:
            what = "a neuron whose synapses have several delays has no one trace, by whose P they could be divided"
            fix = "give all synapses of a neuron one delay, or leave divide_by_source out."
            raise InvalidValueError(problem(f"{where}.divide_by_source", what, True, fix))
        if projection.signs is not None and self.sign_of(k) is not None:
            what = "all weights have one sign" if projection.sign is not None else "conductances have no sign"
            raise InvalidValueError(problem(f"{where}.signs", what, "an array", "leave signs out."))
        given = {key: getattr(projection, key) for key in KEYS}
        check_penalties(where, given, shape[0], np.unique(self.kernels[k].pre))
        if projection.learning is not None:
            projection.learning.check_dtype(f"{where}.learning", self.dtype)

    def _check_names(self) -> None:
        taken: dict[str, int] = {}
        for k, name in enumerate(self.projection_names):
            check_part_name(f"Network.projections[{k}].name", name)
            if name in taken or name in {*self.readouts, *self.outputs, *self.targets}:
                fix = "give one of them another name."
                raise InvalidValueError(message(f"Network.projections[{k}].name", "a name used once", name, fix))
            taken[name] = k

    def _check_dale(self) -> None:
        """Refuse two signs of one population."""
        signs: dict[str, int] = {}
        for k, each in enumerate(self.projections):
            for source in each.sources:
                if each.sign is not None and signs.setdefault(source, each.sign) != each.sign:
                    what = f"{signs[source]:+d}, the sign of the other projections of {source!r} (Dale's law)"
                    fix = "leave it out where a population has no sign."
                    raise InvalidValueError(message(f"Network.projections[{k}].sign", what, each.sign, fix))

    def _check_readout(self, where: str, readout: Readout) -> None:
        if readout.learning is not None:
            readout.learning.check_dtype(f"{where}.learning", self.dtype)
        for source in readout.sources:
            if source not in self.populations:
                raise unknown_name(f"{where}.sources", "population", source, self.populations)
        if readout.traces is not None:
            silent = [source for source in readout.sources if not self.is_spiking(source)]
            if silent:
                what = f"{silent[0]!r} has no spikes to filter"
                raise InvalidValueError(problem(f"{where}.traces", what, "a Traces", "leave traces out."))
            n, last = sum(self.sizes[source] for source in readout.sources), int(readout.traces.neuron.max())
            if last >= n:
                raise InvalidValueError(message(f"{where}.traces", f"neurons from 0 to {n - 1}", last))
