"""The declaration of one network: neurons, kernels, learning. No engine, numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .equations import (
    Neuron,
    SynapticFilter,
    current_scale,
    dimensions,
    load_neuron,
    load_synapse,
    resolve_parameters,
)
from .errors import InvalidTypeError, InvalidValueError, UnitsError, message, unknown_name
from .units import DIMENSIONLESS, Dimension, Quantity, evaluate, wrong_unit
from .validation import (
    check_choice,
    check_fraction,
    check_matrix,
    check_positive,
    check_steps,
    check_whole,
    check_window,
)

__all__ = ["ForceNetwork", "Learning", "SparseKernel"]

GAINS = ("divided", "undivided")
DTYPES = ("float64", "float32")


@dataclass(frozen=True, eq=False)
class SparseKernel:
    """Static recurrence: one entry for each synapse.

    Attributes
    ----------
    n : int
        Number of neurons.
    pre, post : array of int32, shape (synapses,)
        Presynaptic and postsynaptic neuron.
    weight : array of float64, shape (synapses,)
        Weights, in the unit of the neuron file's currents (mV, pA or 1).

    Examples
    --------
    >>> kernel = SparseKernel.from_dense(np.array([[0.0, 2.0], [0.0, 0.0]]))
    >>> kernel.pre, kernel.post, kernel.weight
    (array([0], dtype=int32), array([1], dtype=int32), array([2.]))
    """

    n: int
    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray

    def __post_init__(self) -> None:
        arrays = {name: np.asarray(getattr(self, name)) for name in ("pre", "post", "weight")}
        for name, array in arrays.items():
            if array.ndim != 1 or len(array) != len(arrays["pre"]):
                raise InvalidValueError(
                    message(f"SparseKernel.{name}", "three arrays of one length", array.shape, "one entry a synapse.")
                )
        check_whole("SparseKernel.n", self.n, 1)
        for name in ("pre", "post"):
            array = arrays[name]
            if array.dtype.kind not in "iu" and len(array):
                raise InvalidTypeError(message(f"SparseKernel.{name}", "whole numbers", array.dtype.name))
            if len(array) and not (array.min() >= 0 and array.max() < self.n):
                raise InvalidValueError(message(f"SparseKernel.{name}", f"indices from 0 to {self.n - 1}", array))
            object.__setattr__(self, name, array.astype(np.int32))
        weight = check_matrix("SparseKernel.weight", arrays["weight"], arrays["pre"].shape, "synapses")
        object.__setattr__(self, "weight", weight)

    def __len__(self) -> int:
        return len(self.weight)

    @classmethod
    def from_dense(cls, matrix: Any) -> SparseKernel:
        """Take the non-zero entries of ``matrix[pre, post]``."""
        n = len(matrix) if np.iterable(matrix) else 1
        matrix = check_matrix("SparseKernel.from_dense", matrix, (n, n), "pre, post")
        pre, post = np.nonzero(matrix)
        return cls(matrix.shape[0], pre, post, matrix[pre, post])

    def to_dense(self) -> np.ndarray:
        """Return ``matrix[pre, post]``."""
        matrix = np.zeros((self.n, self.n))
        np.add.at(matrix, (self.pre, self.post), self.weight)
        return matrix

    @classmethod
    def random(
        cls, n: int, p: float, std: float, rng: np.random.Generator, *, row_balanced: bool = False
    ) -> SparseKernel:
        """Draw each synapse with probability `p` and a normal weight of deviation `std`.

        Drawn one presynaptic neuron at a time, so that memory grows with the synapses only.

        Parameters
        ----------
        n : int
            Number of neurons.
        p : float
            Connection probability, in (0, 1].
        std : float
            Standard deviation of the weights.
        rng : numpy.random.Generator
            Source of randomness.
        row_balanced : bool, optional
            Subtract from each neuron's incoming weights their mean.
        """
        check_fraction("SparseKernel.p", p)
        counts = rng.binomial(n, p, size=n)
        post = np.concatenate([np.sort(rng.choice(n, size=k, replace=False, shuffle=False)) for k in counts])
        pre = np.repeat(np.arange(n), counts)
        kernel = cls(n, pre, post, std * rng.standard_normal(len(post)))
        return kernel.row_balanced() if row_balanced else kernel

    def row_balanced(self) -> SparseKernel:
        """Subtract from each neuron's incoming weights their mean, so that they sum to zero."""
        number = np.bincount(self.post, minlength=self.n)
        mean = np.bincount(self.post, self.weight, minlength=self.n) / np.maximum(number, 1)
        return replace(self, weight=self.weight - mean[self.post])


@dataclass(frozen=True)
class Learning:
    """Recursive least squares on the readout: what, when and how.

    Attributes
    ----------
    alpha_P : float
        Initial P scale: P(0) = alpha_P I, the inverse of the ridge penalty.
    gain : str
        ``"divided"``: W -= e c P r, least squares; ``"undivided"``: W -= e P r, as in the
        programs of Nicola & Clopath (2017).
    update_every, start, stop : int
        In time steps: an update falls on step k where ``start <= k < stop`` and
        ``k % update_every == 0``. ``stop=None`` means to the end.
    forgetting : float
        Weight of the past from one update to the next, in (0, 1].
    probability : float
        Chance of an update at each step of the schedule, in (0, 1].

    Examples
    --------
    >>> Learning(alpha_P=0.1, update_every=0)
    Traceback (most recent call last):
    tension_sim.errors.InvalidValueError: Learning.update_every: expected a whole number of time steps, at least 1.
    Received: 0
    Fix: to switch learning off, leave learning out or set stop=0.
    """

    alpha_P: float
    gain: str = "divided"
    update_every: int = 1
    start: int = 0
    stop: int | None = None
    forgetting: float = 1.0
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_positive("Learning.alpha_P", self.alpha_P, "P(0) = alpha_P I must be positive.")
        check_choice("Learning.gain", self.gain, GAINS)
        off = "to switch learning off, leave learning out or set stop=0."
        check_steps("Learning.update_every", self.update_every, 1, off)
        check_steps("Learning.start", self.start, 0)
        if self.stop is not None:
            check_steps("Learning.stop", self.stop, 0)
            check_window("Learning.stop", self.start, self.stop)
        check_fraction("Learning.forgetting", self.forgetting, "1 keeps all of the past.")
        check_fraction("Learning.probability", self.probability)


@dataclass(frozen=True, eq=False)
class ForceNetwork:
    """A spiking network with static recurrence, a learned readout and its feedback.

    Attributes
    ----------
    neuron : Neuron or str or Path
        Neuron type, its name, or an equation file.
    synapse : SynapticFilter or str or Path
        Synaptic filter of recurrence and rate.
    n : int
        Number of neurons.
    dt : float
        Time step in seconds.
    recurrent : SparseKernel or None
        Static recurrence.
    feedback_kernel : array, shape (n_outputs, n)
        Feedback of the output into the neurons, in the file's current unit.
    output_kernel : array, shape (n, n_outputs)
        Initial readout weights; plain numbers.
    input_kernel : array, shape (n_inputs, n), optional
        Weights of external inputs, in the file's current unit.
    parameters : mapping, optional
        Other parameter values: expressions with the same units as in the equation file.
    initial : mapping, optional
        Other initial values: expressions, or arrays of shape (n,) in SI units.
    learning : Learning, optional
        Without it nothing is learned.
    dtype : str
        ``"float64"`` or ``"float32"``.
    seed : int
        Seed of initial values and random updates; the same network on every target.

    Examples
    --------
    >>> net = ForceNetwork.random("lif", n=50, seed=1, learning=Learning(alpha_P=5e-6))
    >>> net.n_outputs, len(net.recurrent) > 0
    (1, True)
    """

    neuron: Neuron
    synapse: SynapticFilter
    n: int
    dt: float
    recurrent: SparseKernel | None
    feedback_kernel: np.ndarray
    output_kernel: np.ndarray
    input_kernel: np.ndarray | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    learning: Learning | None = None
    dtype: str = "float64"
    seed: int = 0

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        if not isinstance(self.neuron, Neuron):
            put("neuron", load_neuron(self.neuron))
        if not isinstance(self.synapse, SynapticFilter):
            put("synapse", load_synapse(self.synapse))
        put("n", check_whole("ForceNetwork.n", self.n, 1))
        put("dt", check_positive("ForceNetwork.dt", seconds("ForceNetwork.dt", self.dt)))
        check_choice("ForceNetwork.dtype", self.dtype, DTYPES)
        check_whole("ForceNetwork.seed", self.seed, 0)
        for name in ("parameters", "initial"):
            if not isinstance(getattr(self, name), Mapping):
                raise InvalidTypeError(
                    message(f"ForceNetwork.{name}", "a dictionary of names and values", getattr(self, name))
                )
        if self.recurrent is not None and not isinstance(self.recurrent, SparseKernel):
            raise InvalidTypeError(
                message(
                    "ForceNetwork.recurrent", "a SparseKernel or None", self.recurrent, "SparseKernel.from_dense(...)."
                )
            )
        if self.recurrent is not None and self.recurrent.n != self.n:
            raise InvalidValueError(
                message("ForceNetwork.recurrent", f"a kernel of {self.n} neurons", f"one of {self.recurrent.n}")
            )
        outputs = max(np.shape(self.output_kernel)[-1], 1) if np.ndim(self.output_kernel) == 2 else 1
        shape = (self.n, outputs)
        put("output_kernel", check_matrix("ForceNetwork.output_kernel", self.output_kernel, shape, "n, n_outputs"))
        shape = (outputs, self.n)
        kernel = check_matrix("ForceNetwork.feedback_kernel", self.feedback_kernel, shape, "n_outputs, n")
        put("feedback_kernel", kernel)
        if self.input_kernel is not None:
            inputs = max(np.shape(self.input_kernel)[0], 1) if np.ndim(self.input_kernel) == 2 else 1
            shape = (inputs, self.n)
            put("input_kernel", check_matrix("ForceNetwork.input_kernel", self.input_kernel, shape, "n_inputs, n"))
        if self.learning is not None and not isinstance(self.learning, Learning):
            raise InvalidTypeError(
                message("ForceNetwork.learning", "a Learning or None", self.learning, "Learning(alpha_P=...).")
            )
        # evaluated once here, so that every wrong value is refused at once
        self.parameter_values  # noqa: B018
        self.initial_values  # noqa: B018

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.output_kernel.shape[1]

    @property
    def n_inputs(self) -> int:
        """Number of external inputs."""
        return 0 if self.input_kernel is None else self.input_kernel.shape[0]

    @cached_property
    def parameter_values(self) -> dict[str, Quantity]:
        """Parameters of neuron and filter, in SI units with dimensions."""
        shared = set(self.neuron.parameters) & set(self.synapse.parameters)
        if shared:
            raise InvalidValueError(
                message("ForceNetwork.neuron", "other parameter names than the filter's", sorted(shared))
            )
        where = f"ForceNetwork({self.neuron.name})"
        defaults = {**self.neuron.parameters, **self.synapse.parameters}
        values = resolve_parameters(where, defaults, self.parameters, dt=self.dt)
        for name in self.synapse.parameters:
            if not values[name].value > 0:
                text = self.parameters.get(name, defaults[name])
                raise InvalidValueError(message(f"{where}: parameters.{name}", "a time constant above 0", text))
        return values

    @cached_property
    def state_variables(self) -> dict[str, Dimension]:
        """State variables of the neuron, of its rate filter, of the recurrent filter, with their dimensions."""
        neuron = dimensions(self.neuron.equations, self.neuron.name)
        found = {name: neuron[name] for name in self.neuron.state_variables}
        for output, suffix, unit in (
            ("r", "r", "1"),
            (self.neuron.inputs["recurrent"], "rec", self.neuron.current_unit),
        ):
            equations, _ = self.synapse.instance(output, suffix, unit)
            found |= dimensions(equations, self.synapse.name)
        return found

    @cached_property
    def initial_values(self) -> dict[str, np.ndarray]:
        """Initial values in SI units, shape (n,) each; what is not named starts at 0."""
        rng = np.random.default_rng([self.seed, 1])
        names = {**self.parameter_values, "dt": evaluate(f"{self.dt!r}*second", "dt")}
        values = {}
        for name in self.initial:
            if name not in self.state_variables:
                raise unknown_name("ForceNetwork.initial", "state variable", name, self.state_variables)
        defaults: dict[str, Quantity] = {}
        for name, text in self.neuron.initial.items():
            defaults[name] = evaluate(text, f"{self.neuron.name}: initial.{name}", names, self.n, rng)
        for name in dict.fromkeys([*defaults, *self.initial]):
            given = self.initial.get(name, defaults.get(name))
            where = f"ForceNetwork.initial[{name!r}]"
            if isinstance(given, str) or hasattr(given, "dim"):
                given = evaluate(given, where, names, self.n, rng)
            value = given
            if isinstance(given, Quantity):
                value, wanted = given.value, self.state_variables[name]
                if given.dimension != wanted:
                    text = self.initial.get(name, self.neuron.initial.get(name))
                    raise wrong_unit(where, wanted, text, given.dimension, "give it that unit.")
            shape = (self.n,) if np.ndim(value) else ()
            array = check_matrix(where, value, shape, "neurons")
            values[name] = np.broadcast_to(array, (self.n,)).copy()
        return values

    @classmethod
    def random(
        cls,
        neuron: str | Path | Neuron = "lif",
        synapse: str | Path | SynapticFilter = "double_exponential",
        *,
        n: int = 2000,
        n_outputs: int = 1,
        n_inputs: int = 0,
        dt: float | str = 5e-5,
        p: float = 0.1,
        G: float = 0.04,
        Q: float = 10.0,
        E2: float = 0.0,
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
        G, Q and E2 count in the current unit of the equation file (mV, pA or 1).
        """
        n = check_whole("ForceNetwork.n", n, 1)
        n_outputs = check_whole("ForceNetwork.n_outputs", n_outputs, 1)
        n_inputs = check_whole("ForceNetwork.n_inputs", n_inputs, 0)
        check_whole("ForceNetwork.seed", seed, 0)
        for name, value in (("G", G), ("Q", Q), ("E2", E2)):
            check_matrix(f"ForceNetwork.{name}", value, (), "one number")
        check_fraction("ForceNetwork.p", p)
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

    def display_unit(self, name: str) -> tuple[str, float]:
        """Return the unit in which a recorded state variable is shown, and its SI value.

        Membrane voltages are shown in mV, currents in the file's current unit.
        """
        if name in self.neuron.inputs.values():
            return self.neuron.current_unit, self.current_scale
        for unit in ("1", "mV", "pA", "ms", "Hz", "mV/ms", "pA/ms"):
            shown = evaluate(unit, name)
            if shown.dimension == self.state_variables[name]:
                return unit, float(shown.value)
        return "1", 1.0

    @property
    def current_scale(self) -> float:
        """SI value of the unit in which the static weights count."""
        return current_scale(self.neuron)


def seconds(where: str, value: Any) -> float:
    """Return a time in seconds, from a number, text with unit, or a quantity.

    Examples
    --------
    >>> seconds("run.duration", "20*ms")
    0.02
    """
    if isinstance(value, str) or hasattr(value, "dim"):
        quantity = evaluate(value, where)
        if quantity.dimension not in (DIMENSIONLESS, (0, 0, 1, 0, 0, 0, 0)):
            raise UnitsError(message(where, "a time", value, 'write it as in "10*ms".'))
        return float(quantity.value)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidTypeError(message(where, "a time in seconds", value, 'write it as in "10*ms".')) from None
