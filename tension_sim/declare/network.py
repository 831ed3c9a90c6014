"""The declaration of one network: neurons, kernels, learning. No engine, numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidTypeError, InvalidValueError, message, problem, unknown_name
from .converted import Converted, File, Number, declared
from .declaration import DTYPES as DTYPES
from .equations import (
    Neuron,
    SynapticFilter,
    activation_of,
    dimensions,
    filter_of,
    neuron_of,
    unit_of,
)
from .force_as_network import ShortForce
from .kernels import SparseKernel
from .learning import Learning
from .plasticity import Plastic, TargetNetwork
from .traces import Traces
from .units import DIMENSIONLESS, Dimension, Quantity
from .validation import (
    check_flag,
    check_fraction,
    check_matrix,
    check_table,
    check_text,
    check_whole,
)
from .values import add_rates, initial_values, parameter_values, seconds

__all__ = ["ForceNetwork", "Learning", "SparseKernel"]


@declared(repr=False)
class ForceNetwork(ShortForce):
    """A spiking or rate network with a learned readout, its feedback, and static or learned recurrence.

    Attributes
    ----------
    neuron : Neuron or str or Path
        Neuron type, its name, or an equation file; spiking or a rate unit.
    synapse : SynapticFilter or str or Path or None
        Synaptic filter of recurrence and rate; None for rate units.
    n : int
        Number of neurons.
    dt : float
        Time step in seconds.
    recurrent : SparseKernel or None
        Static recurrence.
    feedback_kernel : array, shape (n_outputs, n), or None
        Feedback of the output into the neurons; plain numbers count in the file's current unit
        (mV, pA or 1), quantities are converted to it.
    output_kernel : array, shape (n, n_outputs), or None
        Initial readout weights; plain numbers. Without a readout, the output is each
        neuron's recurrent input, or its rate where learning compares rates.
    input_kernel : array, shape (n_inputs, n), optional
        Weights of external inputs, in the file's current unit or as quantities.
    parameters : mapping, optional
        Other parameter values: expressions with the same units as in the equation file.
    initial : mapping, optional
        Other initial values: expressions, or arrays of shape (n,) in SI units.
    learning : Learning, optional
        Rule and schedule of the readout; without it the readout does not learn.
    dtype : str
        ``"float64"`` or ``"float32"``.
    seed : int
        Seed of initial values, noise and random updates; the same network on every target.
    plastic : Plastic, optional
        Recurrent weights that learn, added to the static ones.
    target_network : TargetNetwork, optional
        Network that generates the targets of full-FORCE.
    activation : str, optional
        Of rate units: tanh, relu, sigmoid, linear, gelu, or an expression of x.
    traces : Traces, optional
        What the readout reads in place of the rates of all neurons; `output_kernel` then has
        a row for each of them.

    Examples
    --------
    >>> net = ForceNetwork.random("lif", n=50, seed=1, learning=Learning(alpha_P=5e-6))
    >>> net.n_outputs, len(net.recurrent) > 0
    (1, True)
    """

    neuron: Converted[Neuron, File]
    synapse: Converted[SynapticFilter | None, File]
    n: int
    dt: Converted[float, Number]
    recurrent: SparseKernel | None
    feedback_kernel: Converted[np.ndarray | None, ArrayLike]
    output_kernel: Converted[np.ndarray | None, ArrayLike]
    input_kernel: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    learning: Learning | None = None
    dtype: str = "float64"
    seed: int = 0
    plastic: Plastic | None = None
    target_network: TargetNetwork | None = None
    activation: str = ""
    traces: Traces | None = None

    _where = "ForceNetwork"

    def __post_init__(self) -> None:
        self._put("neuron", neuron_of(self.neuron, "ForceNetwork.neuron"))
        if not self.neuron.spiking:
            if self.synapse is not None:
                what = f"{self.neuron.name!r} has no spikes that a synapse could filter"
                raise InvalidValueError(problem("ForceNetwork.synapse", what, self.synapse, "pass synapse=None."))
        else:
            self._put("synapse", filter_of("ForceNetwork.synapse", self.synapse))
        check_text("ForceNetwork.activation", self.activation)
        if self.activation:
            if self.neuron.spiking:
                where = "ForceNetwork.activation"
                what = f"{self.neuron.name!r} spikes, and spiking neurons have no activation"
                raise InvalidValueError(problem(where, what, self.activation, "leave activation out."))
            activation_of("ForceNetwork.activation", self.activation)
        self._check_size()
        for name, kind, kernel in (
            ("recurrent", SparseKernel, self.recurrent),
            ("plastic", Plastic, getattr(self.plastic, "kernel", None)),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                fix = "SparseKernel.from_dense(...)." if kind is SparseKernel else "Plastic(kernel, learning)."
                raise InvalidTypeError(message(f"ForceNetwork.{name}", f"a {kind.__name__} or None", value, fix))
            if kernel is not None and (kernel.n, kernel.n_post) != (self.n, self.n):
                raise InvalidValueError(
                    message(f"ForceNetwork.{name}", f"a kernel of {self.n} neurons", f"one of {kernel.n}")
                )
        self._check_traces()
        self._check_kernels()
        self._check_learning()
        self._check_rules()
        self._check_values()

    def _check_traces(self) -> None:
        if self.traces is None:
            return
        if not isinstance(self.traces, Traces):
            fix = "Traces(neuron, tau)."
            raise InvalidTypeError(message("ForceNetwork.traces", "a Traces or None", self.traces, fix))
        if not self.neuron.spiking or self.output_kernel is None:
            what = "this network has no spikes to filter" if not self.neuron.spiking else "this network has no readout"
            raise InvalidValueError(problem("ForceNetwork.traces", what, "a Traces", "leave traces out."))
        if self.traces.neuron.max() >= self.n:
            where = f"neurons from 0 to {self.n - 1}"
            raise InvalidValueError(message("Traces.neuron", where, int(self.traces.neuron.max())))

    def _check_kernels(self) -> None:
        unit, outputs = self.neuron.current_unit, 1
        if self.output_kernel is not None:
            kernel = check_table("ForceNetwork.output_kernel", self.output_kernel, (self.n_read, "n_outputs"))
            self._put("output_kernel", kernel)
            outputs = kernel.shape[1]
        if self.feedback_kernel is not None:
            where = "ForceNetwork.feedback_kernel"
            if self.output_kernel is None or "feedback" not in self.neuron.inputs:
                what = f"the neuron {self.neuron.name!r} has no feedback input"
                if self.output_kernel is None:
                    what = "feedback needs a readout, and this network has no output_kernel"
                raise InvalidValueError(
                    problem(where, what, "an array", "pass output_kernel, or feedback_kernel=None.")
                )
            shape = (outputs, self.n)
            self._put("feedback_kernel", check_matrix(where, self.feedback_kernel, shape, "n_outputs, n", unit))
        if self.input_kernel is not None:
            kernel = check_table("ForceNetwork.input_kernel", self.input_kernel, ("n_inputs", self.n), unit)
            self._put("input_kernel", kernel)

    def _check_rules(self) -> None:
        if self.learning is not None and self.output_kernel is None:
            what, fix = "there is no readout to learn", "pass output_kernel, such as np.zeros((n, n_outputs))."
            raise InvalidValueError(problem("ForceNetwork.learning", what, "output_kernel=None", fix))
        if self.plastic is not None and self.plastic.shares_P and self._keeps_P_apart:
            fix = "leave shares_P out, or set it to False."
            raise InvalidValueError(message("Plastic.shares_P", f"False: {self._keeps_P_apart}", True, fix))
        expression = "" if self.plastic is None else self.plastic.expression
        if "z_out" in expression and self.n_outputs != 1:
            raise InvalidValueError(
                message("ForceNetwork.plastic", "one output, whose error every neuron learns from", self.n_outputs)
            )
        if ("z_target" in expression) != (self.target_network is not None):
            raise InvalidValueError(
                message(
                    "ForceNetwork.target_network",
                    "a TargetNetwork, and plastic.error='target_network', together or neither",
                    self.target_network,
                )
            )
        if self.target_network is not None:
            target = self.target_network
            inputs = {"target_kernel": self.n_outputs, "input_kernel": self.n_inputs, "hint_kernel": self.n_inputs}
            if target.n != self.n:
                raise InvalidValueError(message("ForceNetwork.target_network", f"a network of {self.n}", target.n))
            for name, rows in inputs.items():
                kernel = getattr(target, name)
                if kernel is not None and len(kernel) != rows:
                    where, shape = f"TargetNetwork.{name}", f"shape ({rows}, {self.n})"
                    raise InvalidValueError(message(where, shape, kernel.shape, "one row per channel."))

    @property
    def _learnings(self) -> list[Learning]:
        others = (getattr(part, "learning", None) for part in (self.plastic, self.target_network))
        return [*super()._learnings, *filter(None, others)]

    @property
    def shares_P(self) -> bool:
        """Whether readout and plastic weights learn by one rule, with one P."""
        return self.plastic is not None and self.plastic.shares_P is not False and not self._keeps_P_apart

    @property
    def _keeps_P_apart(self) -> str:
        """Why readout and plastic weights cannot share P; empty where they can."""
        plastic = self.plastic
        if plastic is None:
            return "there are no plastic weights"
        reasons = {
            "the readout does not learn": self.learning is None,
            "the readout has another learning": plastic.learning != self.learning,
            "divide_by_source needs a P of its own": plastic.divide_by_source,
            'when="start" learns from other rates than the readout': plastic.when != "end",
            "the readout learns from traces": self.traces is not None,
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    @property
    def n_outputs(self) -> int:
        """Number of outputs: of the readout, or one per neuron without a readout."""
        return self.n if self.output_kernel is None else self.output_kernel.shape[1]

    @property
    def n_read(self) -> int:
        """Number of rates or traces that the readout reads."""
        return self.n if self.traces is None else len(self.traces)

    @property
    def n_inputs(self) -> int:
        """Number of external inputs."""
        return 0 if self.input_kernel is None else self.input_kernel.shape[0]

    @cached_property
    def parameter_values(self) -> dict[str, Quantity]:
        """Parameters of neuron and filter, in SI units with dimensions."""
        return parameter_values("ForceNetwork", self.neuron, self._filters, self.parameters, self.dt)

    @property
    def _filters(self) -> list[SynapticFilter]:
        return [] if self.synapse is None else [self.synapse]

    @property
    def static_input(self) -> str:
        """Name of the variable that receives the static recurrence."""
        name = self.neuron.inputs["recurrent"]
        return name if self.plastic is None else f"{name}_static"

    @cached_property
    def state_variables(self) -> dict[str, Dimension]:
        """State variables of the neuron, of its rate filter, of the recurrent filter, with their dimensions."""
        found = {name: self.neuron.meanings[name].dimension for name in self.neuron.state_variables}
        if self.synapse is None:
            return found | {"r": DIMENSIONLESS}
        for output, suffix, unit in (("r", "r", "1"), (self.static_input, "rec", unit_of(self.neuron))):
            equations, _ = self.synapse.instance(output, suffix, unit)
            found |= dimensions(equations, self.synapse.name)
        return found

    @cached_property
    def initial_values(self) -> dict[str, np.ndarray]:
        """Initial values in SI units, shape (n,) each; what is not named starts at 0."""
        rng = np.random.default_rng([self.seed, 1])
        values = initial_values(
            "ForceNetwork", self.neuron, self.initial, self.state_variables, self.parameter_values, self.n, self.dt, rng
        )
        add_rates(self.neuron, self.activation, values, self.parameter_values, self.n)
        return values

    @classmethod
    def random(
        cls,
        neuron: Neuron | File = "lif",
        synapse: SynapticFilter | File = "double_exponential",
        *,
        n: int = 2000,
        n_outputs: int = 1,
        n_inputs: int = 0,
        dt: Number = 5e-5,
        p: float = 0.1,
        G: float | np.ndarray = 0.04,
        Q: float | np.ndarray = 10.0,
        E2: float | np.ndarray = 0.0,
        row_balanced: bool = True,
        seed: int = 0,
        **declaration: Any,
    ) -> ForceNetwork:
        """Draw the weights as Nicola & Clopath (2017) do (doi:10.1038/s41467-017-01827-3).

        Parameters
        ----------
        neuron, synapse, n, dt, seed
            As for the class; `dt` in seconds or as text with unit.
        n_outputs, n_inputs : int, optional
            Number of outputs and external inputs.
        p : float, optional
            Connection probability.
        G : float, optional
            Scale of the static recurrence: a normal weight of deviation G/(p sqrt(n)).
        Q : float, optional
            Scale of the feedback: weights uniform in (-Q, Q).
        E2 : float, optional
            Scale of the inputs: weights uniform in (-E2, E2).
        row_balanced : bool, optional
            Subtract from each neuron's incoming static weights their mean.
        **declaration
            ``parameters``, ``initial``, ``learning``, ``dtype``.

        Notes
        -----
        G, Q and E2 count in the current unit of the equation file (mV, pA or 1), or are quantities.
        """
        known = {part.name for part in fields(cls)}
        for name in declaration:
            if name not in known:
                raise unknown_name("ForceNetwork.random", "argument", name, known)
        n = check_whole("ForceNetwork.n", n, 1)
        n_outputs = check_whole("ForceNetwork.n_outputs", n_outputs, 1)
        n_inputs = check_whole("ForceNetwork.n_inputs", n_inputs, 0)
        check_whole("ForceNetwork.seed", seed, 0)
        neuron = neuron_of(neuron, "ForceNetwork.neuron")
        unit = neuron.current_unit
        G, Q, E2 = (
            float(check_matrix(f"ForceNetwork.{name}", value, (), "one number", unit))
            for name, value in (("G", G), ("Q", Q), ("E2", E2))
        )
        p = check_fraction("ForceNetwork.p", p)
        check_flag("ForceNetwork.row_balanced", row_balanced)
        rng = np.random.default_rng([seed, 0])
        std = G / (p * math.sqrt(n))
        recurrent = SparseKernel.random(n, p, std, rng, row_balanced=row_balanced) if G else None
        return cls(
            neuron=neuron,
            synapse=synapse,
            n=n,
            dt=seconds("ForceNetwork.dt", dt),
            recurrent=recurrent,
            feedback_kernel=Q * (2 * rng.random((n_outputs, n)) - 1),
            output_kernel=np.zeros((n, n_outputs)),
            input_kernel=E2 * (2 * rng.random((n_inputs, n)) - 1) if n_inputs else None,
            seed=seed,
            **declaration,
        )
