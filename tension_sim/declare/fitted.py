"""The declaration of a spiking network whose plastic synapses make neurons follow target currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidTypeError, InvalidValueError, message
from .converted import Converted, File, Number, declared
from .equations import Neuron, SynapticFilter, dimensions, filter_of, neuron_of, unit_of
from .fitted_as_network import ERRORS, ShortFitted
from .kernels import SparseKernel
from .language.code import check_error_code
from .learning import Learning
from .penalties import KEYS, check_penalties
from .units import Dimension, Quantity
from .validation import check_whole
from .values import initial_values, parameter_values

__all__ = ["FittedNetwork"]

#: What an error may name.
NAMES = ("z", "static_input", "external_input", "y", "unit")


@declared(repr=False)
class FittedNetwork(ShortFitted):
    """A spiking network with static synapses and plastic ones that learn a target for each neuron.

    Each neuron has one P, over its own plastic inputs (Kim & Chow 2018, doi:10.7554/eLife.37124;
    Kim et al. 2023, doi:10.1038/s41467-023-38529-y; Arthur et al. 2023,
    doi:10.3389/fninf.2023.1099510).

    Attributes
    ----------
    neuron : Neuron or str or Path
        Spiking neuron type.
    synapse, plastic_synapse : SynapticFilter or str or Path
        Filters of the static synapses, and of the plastic ones and the rates they learn from; where these
        learn, a filter whose spikes add to its output, such as ``single_exponential``.
    n : int
        Number of neurons.
    dt : float
        Time step in seconds.
    recurrent : SparseKernel or None
        Static synapses, in the file's current unit.
    plastic : SparseKernel, n + n_feedforward to n
        Initial plastic weights; a current is weight times rate, in the file's units. Neurons
        without plastic inputs are not trained.
    learning : Learning or None
        Rule and schedule.
    input_kernel : SparseKernel, n_inputs to n, or array of shape (n_inputs, n), optional
        How external inputs enter.
    n_feedforward : int
        Poisson units, numbered after the neurons, whose rates in Hz are given to each run.
    error : str
        ``"total_input"``, the target counts all currents; ``"synaptic_input"``, all but the
        external; or a Brian2 expression of z, static_input, external_input, y and unit.
    alpha_P : array, shape (n + n_feedforward,), optional
        Initial P scale of each source, in place of that of `learning`.
    row_sum, groups : sequence of float, array of int of shape (n + n_feedforward,), optional
        Penalty on the sum of a neuron's weights from each group of sources; -1: no group.
    signs : array, shape (n + n_feedforward,), optional
        +1 or -1, the sign that weights of each source keep (Dale's law).
    parameters, initial : mapping, optional
        As in `ForceNetwork`; the plastic filter's parameters end in ``_plastic``.
    dtype, seed
        As in `ForceNetwork`.

    Examples
    --------
    >>> kernel = SparseKernel(3, [0, 1, 2], [1, 2, 0], np.zeros(3))
    >>> net = FittedNetwork("lif_normalized", "euler_exponential", "euler_exponential", 3, "0.1*ms", None,
    ...                     kernel, Learning(alpha_P=1.0))
    >>> net.trained.tolist()
    [0, 1, 2]
    """

    neuron: Converted[Neuron, File]
    synapse: Converted[SynapticFilter, File]
    plastic_synapse: Converted[SynapticFilter, File]
    n: int
    dt: Converted[float, Number]
    recurrent: SparseKernel | None
    plastic: SparseKernel
    learning: Learning | None = None
    input_kernel: Converted[SparseKernel | None, ArrayLike] = Converted(None)
    n_feedforward: int = 0
    error: str = "total_input"
    alpha_P: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    row_sum: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    groups: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    signs: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float64"
    seed: int = 0

    _where = "FittedNetwork"

    def __post_init__(self) -> None:
        self._put("neuron", neuron_of(self.neuron, "FittedNetwork.neuron"))
        if not self.neuron.spiking:
            raise InvalidValueError(message("FittedNetwork.neuron", "a spiking neuron", self.neuron.name))
        for name in ("synapse", "plastic_synapse"):
            self._put(name, filter_of(f"FittedNetwork.{name}", getattr(self, name)))
            if len(getattr(self, name).spike) != 1:
                expected = "a filter whose spikes add to one variable"
                raise InvalidValueError(message(f"FittedNetwork.{name}", expected, dict(getattr(self, name).spike)))
        plastic = self.plastic_synapse
        if self.learning is not None and set(plastic.spike) != {plastic.output}:
            what = "a filter whose spikes add to its output, where weights learn"
            raise InvalidValueError(message("FittedNetwork.plastic_synapse", what, plastic.name))
        if not isinstance(self.error, str):
            known = ", ".join(ERRORS)
            raise InvalidTypeError(message("FittedNetwork.error", f"one of {known}, or an expression", self.error))
        check_error_code("FittedNetwork.error", ERRORS.get(self.error, self.error), NAMES)
        self._check_size()
        self._put("n_feedforward", check_whole("FittedNetwork.n_feedforward", self.n_feedforward, 0))
        if self.input_kernel is not None and not isinstance(self.input_kernel, SparseKernel):
            self._put("input_kernel", SparseKernel.from_dense(self.input_kernel))
        for name, sources in (("recurrent", self.n), ("plastic", self.n_sources), ("input_kernel", None)):
            kernel = getattr(self, name)
            if kernel is None and name != "plastic":
                continue
            if not isinstance(kernel, SparseKernel):
                raise InvalidTypeError(message(f"FittedNetwork.{name}", "a SparseKernel", kernel))
            if kernel.n_post != self.n or sources not in (None, kernel.n):
                wanted = f"a kernel from {sources or 'the inputs'} to {self.n}"
                raise InvalidValueError(message(f"FittedNetwork.{name}", wanted, f"{kernel.n} to {kernel.n_post}"))
        self._check_learning()
        self._put("plastic", self.plastic.sorted())
        if not len(self.plastic):
            raise InvalidValueError(message("FittedNetwork.plastic", "at least one weight to learn", 0))
        self._check_penalties()
        self._check_values()

    def _check_penalties(self) -> None:
        given = {name: getattr(self, name) for name in KEYS}
        for name, value in check_penalties("FittedNetwork", given, self.n_sources, np.unique(self.plastic.pre)).items():
            self._put(name, value)

    @property
    def n_sources(self) -> int:
        """Number of sources of plastic synapses."""
        return self.n + self.n_feedforward

    @property
    def n_inputs(self) -> int:
        """Number of external inputs."""
        return 0 if self.input_kernel is None else self.input_kernel.n

    @property
    def n_outputs(self) -> int:
        """Number of targets: one per neuron."""
        return self.n

    @cached_property
    def trained(self) -> np.ndarray:
        """The neurons that have plastic inputs, in ascending order."""
        return np.unique(self.plastic.post)

    @cached_property
    def plastic_filter(self) -> SynapticFilter:
        """The plastic filter, with its own parameter names."""
        return self.plastic_synapse.renamed("_plastic")

    @cached_property
    def parameter_values(self) -> dict[str, Quantity]:
        """Parameters of neuron and filters, in SI units with dimensions."""
        return parameter_values("FittedNetwork", self.neuron, self._filters, self.parameters, self.dt)

    @property
    def _filters(self) -> list[SynapticFilter]:
        return [self.synapse, self.plastic_filter]

    @cached_property
    def state_variables(self) -> dict[str, Dimension]:
        """State variables of neuron and filters, with their dimensions.

        ``I_static`` and ``I_plastic`` are the currents of both kinds of synapses, ``r`` the
        rate that plastic synapses learn from.
        """
        found = {name: self.neuron.meanings[name].dimension for name in self.neuron.state_variables}
        unit = unit_of(self.neuron)
        for synapse, output, suffix, one in (
            (self.plastic_filter, "r", "r", "1"),
            (self.synapse, "I_static", "static", unit),
            (self.plastic_filter, "I_plastic", "plastic", unit),
        ):
            found |= dimensions(synapse.instance(output, suffix, one)[0], synapse.name)
        return found

    @cached_property
    def initial_values(self) -> dict[str, np.ndarray]:
        """Initial values in SI units, shape (n,) each; what is not named starts at 0."""
        return self.draw_initial(0)

    def draw_initial(self, trial: int) -> dict[str, np.ndarray]:
        """Return the initial values of a trial; each draws its own random numbers."""
        rng = np.random.default_rng([self.seed, 1, trial])
        states, parameters = self.state_variables, self.parameter_values
        return initial_values("FittedNetwork", self.neuron, self.initial, states, parameters, self.n, self.dt, rng)

    @property
    def currents(self) -> tuple[str, ...]:
        """Names of variables that are currents."""
        return (*super().currents, "I_static", "I_plastic")
